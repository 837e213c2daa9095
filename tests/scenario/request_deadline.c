/* SPDX-License-Identifier: MIT */
/* Point 5 of the contract: the deadline travels with the request, and with what is asked in its name. */
#include <stdatomic.h>

#include "answerer.h"
#include "ringmail/request.h"

/* How the middle asks onward. */
enum how { AT_ONCE, SHORTER, OWN_TIME, AFTER_REPLY, AFTER_DEFER, ON_BEHALF, ON_BEHALF_ANSWERED, NO_REQUEST };

struct travel {
    rim_ref middle, last;
    enum how how;
    uint64_t deadline_ns; /* of the outer request */
    rim_token token;
    atomic_uint outcomes;
};

ROLE_OUTCOME(inner_outcome) {
    struct travel *world = role_world(self);
    CHECK(error == 0);
    if (error == 0) {
        uint64_t seen_ns = role_number(body);
        bool is_cut = world->how == AT_ONCE || world->how == AFTER_DEFER || world->how == ON_BEHALF;
        CHECK(is_cut ? seen_ns == world->deadline_ns : seen_ns != world->deadline_ns);
        CHECK((world->how == SHORTER) == (seen_ns < world->deadline_ns));
    }
    if (world->token != RIM_NIL) {
        CHECK(rim_reply(ctx, world->token, ADD, NULL, 0) == 0);
    }
    if (world->how != AFTER_REPLY && world->how != NO_REQUEST) {
        return RIM_DONE;
    }
    scenario_done(ctx);
    return RIM_DONE;
}

static int ask_onward(rim_ctx *ctx, struct travel *world) {
    rim_ask ask = {.to = world->last,
                   .tag = WHEN,
                   .timeout_ns = world->how == SHORTER ? RIM_SECONDS(5) : RIM_SECONDS(600),
                   .on_outcome = inner_outcome,
                   .own_time = world->how == OWN_TIME};
    if (world->how == ON_BEHALF || world->how == ON_BEHALF_ANSWERED) {
        ask.on_behalf = world->token;
    }
    return rim_request(ctx, &ask, NULL);
}

ROLE_ON(middle_ask) {
    struct travel *world = role_world(self);
    CHECK(rim_deadline(ctx) == world->deadline_ns);
    if (world->how == AFTER_REPLY) {
        CHECK(rim_reply(ctx, RIM_NIL, ADD, NULL, 0) == 0);
        CHECK(rim_deadline(ctx) == 0);
        CHECK(ask_onward(ctx, world) == 0);
        return RIM_DONE;
    }
    if (world->how == AFTER_DEFER || world->how == ON_BEHALF || world->how == ON_BEHALF_ANSWERED) {
        world->token = rim_defer(ctx);
        CHECK(world->token != RIM_NIL);
        CHECK(rim_deadline(ctx) == world->deadline_ns);
    }
    if (world->how == ON_BEHALF || world->how == ON_BEHALF_ANSWERED) {
        CHECK(rim_after(ctx, RIM_MS(2), 0) != RIM_NIL);
        return RIM_DONE;
    }
    CHECK(ask_onward(ctx, world) == 0);
    if (world->how != AFTER_DEFER) {
        world->token = rim_defer(ctx);
    }
    return RIM_DONE;
}

ROLE_ON(middle_timer) {
    struct travel *world = role_world(self);
    CHECK(rim_deadline(ctx) == 0);
    if (world->how == ON_BEHALF_ANSWERED) {
        rim_token token = world->token;
        CHECK(rim_reply(ctx, token, ADD, NULL, 0) == 0);
        CHECK(ask_onward(ctx, world) == -RIM_EBADREF);
        return RIM_DONE;
    }
    CHECK(ask_onward(ctx, world) == 0);
    return RIM_DONE;
}

ROLE_ON(middle_go) {
    CHECK(rim_deadline(ctx) == 0);
    CHECK(ask_onward(ctx, role_world(self)) == 0);
    return RIM_DONE;
}
static const rim_handler middle_on[] = {[ASK] = middle_ask, [GO] = middle_go, [RIM_TIMER] = middle_timer};
ROLE(travel_middle, middle_on);

ROLE_OUTCOME(outer_outcome) {
    struct travel *world = role_world(self);
    CHECK(error == 0);
    atomic_fetch_add(&world->outcomes, 1);
    if (world->how != AFTER_REPLY) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

ROLE_ON(outer_go) {
    struct travel *world = role_world(self);
    rim_ask ask = {.to = world->middle, .tag = ASK, .timeout_ns = RIM_SECONDS(60), .on_outcome = outer_outcome};
    world->deadline_ns = rim_now(ctx) + ask.timeout_ns;
    CHECK(rim_request(ctx, &ask, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler outer_on[] = {[GO] = outer_go};
ROLE(travel_asker, outer_on);

static void travel(struct scenario *s, enum how how) {
    for (uint32_t shard = 0; shard < 2; shard++) {
        static struct travel world;
        scenario_open_lanes(s);
        scenario_system_with(s, &(rim_config){.shards = 2}); /* stops the one before: the world is ours again */
        memset(&world, 0, sizeof world);
        world.how = how;
        world.last = answerer_spawn(s, shard);
        world.middle = role_spawn(s, &travel_middle, 1, (struct role_cast){.world = &world});
        rim_ref asker = role_spawn(s, &travel_asker, shard, (struct role_cast){.world = &world});
        role_go(s, how == NO_REQUEST ? world.middle : asker);
        scenario_run(s, ROLE_LIMIT_NS);
        ROLE_AWAIT(s, atomic_load(&world.outcomes) == (how == NO_REQUEST ? 0 : 1));
        rim_stats stats;
        role_settle(s, &stats);
        CHECK(atomic_load(&world.outcomes) == (how == NO_REQUEST ? 0 : 1));
    }
}

void contract_05_deadline_travels_with_what_is_asked_at_once(struct scenario *s) {
    travel(s, AT_ONCE);
    travel(s, AFTER_DEFER);
}

void contract_05_deadline_does_not_lengthen_a_shorter_one(struct scenario *s) {
    travel(s, SHORTER);
}

void contract_05_deadline_does_not_travel_where_it_is_not_wanted(struct scenario *s) {
    travel(s, OWN_TIME);
    travel(s, AFTER_REPLY);
    travel(s, NO_REQUEST);
}

void contract_05_deadline_travels_on_behalf_of_a_deferred_request(struct scenario *s) {
    travel(s, ON_BEHALF);
}

void contract_05_nothing_is_asked_on_behalf_of_an_answered_request(struct scenario *s) {
    travel(s, ON_BEHALF_ANSWERED);
}

/* ---- and it comes ---- */

struct expiry {
    rim_ref middle, last;
    atomic_uint passed_on, inner; /* by the middle */
    atomic_uint asked, outer;     /* more than once if the machine is so busy that the middle hears of it too late */
};

ROLE_OUTCOME(expiry_inner) {
    CHECK(error == -ETIMEDOUT);
    atomic_fetch_add(&((struct expiry *)role_world(self))->inner, 1);
    return RIM_DONE;
}

ROLE_ON(expiry_ask) {
    struct expiry *world = role_world(self);
    rim_ask ask = {.to = world->last, .tag = NEVER, .timeout_ns = RIM_SECONDS(600), .on_outcome = expiry_inner};
    CHECK(rim_request(ctx, &ask, NULL) == 0);
    CHECK(rim_defer(ctx) != RIM_NIL);
    atomic_fetch_add(&world->passed_on, 1);
    return RIM_DONE;
}
static const rim_handler expiry_on[] = {[ASK] = expiry_ask};
ROLE(expiry_middle, expiry_on);

static void ask_for(rim_ctx *ctx, struct expiry *world, uint64_t timeout_ns);

ROLE_OUTCOME(expiry_outer) {
    struct expiry *world = role_world(self);
    CHECK(error == -ETIMEDOUT);
    if (atomic_load(&world->passed_on) == 0) {
        ask_for(ctx, world, 2 * cookie);
    }
    atomic_fetch_add(&world->outer, 1);
    return RIM_DONE;
}

static void ask_for(rim_ctx *ctx, struct expiry *world, uint64_t timeout_ns) {
    rim_ask ask = {
        .to = world->middle, .tag = ASK, .timeout_ns = timeout_ns, .cookie = timeout_ns, .on_outcome = expiry_outer};
    atomic_fetch_add(&world->asked, 1);
    CHECK(rim_request(ctx, &ask, NULL) == 0);
}

ROLE_ON(expiry_go) {
    ask_for(ctx, role_world(self), RIM_MS(30));
    return RIM_DONE;
}
static const rim_handler expiry_asker_on[] = {[GO] = expiry_go};
ROLE(expiry_outer_asker, expiry_asker_on);

/* The inner request would wait for ten minutes: it comes to rest long before. */
void contract_05_what_is_asked_in_its_name_ends_with_a_request(struct scenario *s) {
    static struct expiry world;
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = 2});
    memset(&world, 0, sizeof world);
    world.last = answerer_spawn(s, 0);
    world.middle = role_spawn(s, &expiry_middle, 1, (struct role_cast){.world = &world});
    rim_ref asker = role_spawn(s, &expiry_outer_asker, 0, (struct role_cast){.world = &world});
    role_rest(s);
    role_go(s, asker);
    ROLE_AWAIT(s, world.passed_on > 0 && world.inner == world.passed_on && world.outer == world.asked);
    rim_stats stats;
    role_settle(s, &stats);
    CHECK(world.passed_on > 0);
    CHECK(world.inner == world.passed_on);
    CHECK(world.outer == world.asked);
}
