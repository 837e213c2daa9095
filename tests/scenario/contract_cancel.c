/* SPDX-License-Identifier: MIT */
/* Point 8 of the contract: cancelled means cancelled, queued or not. */
#include "role.h"

struct cancelling {
    rim_timer timers[2];
    rim_token tokens[2];
    rim_ref keeper, asker;
    unsigned fired, outcomes, timed_out;
};

/* Two things fall due at the same moment. Whichever comes first cancels the other, which by then is queued. */
ROLE_ON(pair_go) {
    struct cancelling *world = role_world(self);
    for (uint64_t i = 0; i < 2; i++) {
        world->timers[i] = rim_after(ctx, RIM_MS(1), i);
        CHECK(world->timers[i] != RIM_NIL);
    }
    return RIM_DONE;
}

ROLE_ON(pair_timer) {
    const rim_timer_event *event = body;
    struct cancelling *world = role_world(self);
    if (event->cookie == 2) {
        CHECK(world->fired == 1);
        scenario_done(ctx);
        return RIM_DONE;
    }
    CHECK(event->timer == world->timers[event->cookie]);
    CHECK(!rim_cancel(ctx, event->timer)); /* it is over: it has fired */
    CHECK(rim_backlog(ctx) == 1);
    CHECK(rim_cancel(ctx, world->timers[1 - event->cookie]));
    CHECK(!rim_cancel(ctx, world->timers[1 - event->cookie]));
    world->fired++;
    rim_after(ctx, RIM_MS(20), 2); /* for what must not come */
    return RIM_DONE;
}
static const rim_handler pair_on[] = {[GO] = pair_go, [RIM_TIMER] = pair_timer};
ROLE(pair, pair_on);

void contract_08_timer_cancelled_while_queued_does_not_fire(struct scenario *s) {
    static struct cancelling world;
    world = (struct cancelling){0};
    role_go(s, role_spawn(s, &pair, 0, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- the same with the timeouts of two requests ---- */

ROLE_ON(keeper_ask) {
    CHECK(rim_defer(ctx) != RIM_NIL);
    return RIM_DONE;
}
static const rim_handler keeper_on[] = {[ASK] = keeper_ask};
ROLE(keeper, keeper_on);

ROLE_OUTCOME(timeout_outcome) {
    struct cancelling *world = role_world(self);
    CHECK(error == -ETIMEDOUT);
    CHECK(rim_backlog(ctx) == 1);
    CHECK(rim_cancel(ctx, world->tokens[1 - cookie]));
    CHECK(!rim_cancel(ctx, world->tokens[cookie]));
    world->outcomes++;
    rim_after(ctx, RIM_MS(20), 0); /* for what must not come */
    return RIM_DONE;
}

ROLE_ON(timeout_go) {
    struct cancelling *world = role_world(self);
    for (uint64_t i = 0; i < 2; i++) {
        rim_ask ask = {
            .to = world->keeper, .tag = ASK, .timeout_ns = RIM_MS(2), .on_outcome = timeout_outcome, .cookie = i};
        CHECK(rim_request(ctx, &ask, &world->tokens[i]) == 0);
    }
    return RIM_DONE;
}

ROLE_ON(timeout_timer) {
    CHECK(((struct cancelling *)role_world(self))->outcomes == 1);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler timeout_on[] = {[GO] = timeout_go, [RIM_TIMER] = timeout_timer};
ROLE(timeout_asker, timeout_on);

void contract_08_timeout_cancelled_while_queued_has_no_outcome(struct scenario *s) {
    static struct cancelling world;
    world = (struct cancelling){0};
    scenario_open_lanes(s);
    world.keeper = role_spawn(s, &keeper, 1, (struct role_cast){.world = &world});
    role_go(s, role_spawn(s, &timeout_asker, 0, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- and with replies that wait already ---- */

ROLE_ON(echo_ask) {
    CHECK(rim_reply(ctx, RIM_NIL, WORD, NULL, 0) == 0);
    return RIM_DONE;
}
static const rim_handler echo_on[] = {[ASK] = echo_ask};
ROLE(echoer, echo_on);

ROLE_OUTCOME(reply_outcome) {
    struct cancelling *world = role_world(self);
    CHECK(error == 0);
    CHECK(world->outcomes++ == 0);
    CHECK(cookie == 0);
    CHECK(rim_backlog(ctx) == 1); /* the second reply */
    CHECK(rim_cancel(ctx, world->tokens[1]));
    rim_after(ctx, RIM_MS(20), 0);
    return RIM_DONE;
}

ROLE_ON(reply_go) {
    struct cancelling *world = role_world(self);
    for (uint64_t i = 0; i < 2; i++) {
        rim_ask ask = {
            .to = world->keeper, .tag = ASK, .timeout_ns = RIM_SECONDS(9), .on_outcome = reply_outcome, .cookie = i};
        CHECK(rim_request(ctx, &ask, &world->tokens[i]) == 0);
    }
    return RIM_DONE;
}
static const rim_handler reply_on[] = {[GO] = reply_go, [RIM_TIMER] = timeout_timer};
ROLE(reply_asker, reply_on);

void contract_08_reply_to_a_cancelled_request_is_dropped_while_queued(struct scenario *s) {
    static struct cancelling world;
    world = (struct cancelling){0};
    world.keeper = role_spawn(s, &echoer, 0, (struct role_cast){.world = &world});
    role_go(s, role_spawn(s, &reply_asker, 0, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- others' handles ---- */

ROLE_ON(thief_word) {
    CHECK(!rim_cancel(ctx, role_number(body)));
    return RIM_DONE;
}
static const rim_handler thief_on[] = {[WORD] = thief_word};
ROLE(thief, thief_on);

ROLE_ON(owner_go) {
    struct cancelling *world = role_world(self);
    world->timers[0] = rim_after(ctx, RIM_MS(20), 0);
    rim_ask ask = {.to = world->asker, .tag = ASK, .timeout_ns = RIM_SECONDS(9), .on_outcome = timeout_outcome};
    CHECK(rim_request(ctx, &ask, &world->tokens[0]) == 0);
    role_say(ctx, world->keeper, WORD, world->timers[0]);
    role_say(ctx, world->keeper, WORD, world->tokens[0]);
    CHECK(!rim_cancel(ctx, RIM_NIL));
    CHECK(!rim_cancel(ctx, rim_self(ctx)));
    CHECK(!rim_cancel(ctx, UINT64_MAX));
    return RIM_DONE;
}

ROLE_ON(owner_timer) {
    CHECK(rim_cancel(ctx, ((struct cancelling *)role_world(self))->tokens[0]));
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler owner_on[] = {[GO] = owner_go, [RIM_TIMER] = owner_timer};
ROLE(handle_owner, owner_on);

void contract_08_only_the_owner_can_cancel(struct scenario *s) {
    for (uint32_t shard = 0; shard < 2; shard++) {
        static struct cancelling world;
        world = (struct cancelling){0};
        scenario_open_lanes(s);
        scenario_system_with(s, &(rim_config){.shards = 2});
        world.keeper = role_spawn(s, &thief, shard, (struct role_cast){.world = &world});
        world.asker = role_spawn(s, &keeper, shard, (struct role_cast){.world = &world});
        role_go(s, role_spawn(s, &handle_owner, 0, (struct role_cast){.world = &world}));
        scenario_run(s, ROLE_LIMIT_NS);
    }
}
