/* SPDX-License-Identifier: MIT */
/* Point 3 of the contract: at most once, and never lost in silence. */
#include <stdatomic.h>

#include "role.h"

/* Seen by the watchers of both shards: a bit for each reason. */
enum { DOWN = 1, NO_HANDLER = 2, MISTYPED = 4, LATE = 8, GONE_WITH_BACKLOG = 16, EVERY = 31 };

struct deaths {
    rim_ref victim, deaf, late;
    atomic_uint seen;
    atomic_bool kept; /* the request that is answered too late */
};

ROLE_ON(watcher_go) {
    CHECK(rim_watch_dead_letters(ctx, true) == 0);
    CHECK(rim_watch_dead_letters(ctx, true) == 0); /* twice is once */
    return RIM_DONE;
}

static unsigned bit_of(const struct deaths *world, const rim_dead_letter *letter) {
    switch (letter->reason) {
    case -RIM_EDOWN:
        CHECK(letter->to == world->victim);
        CHECK(letter->size == 8);
        return letter->tag == MORE ? GONE_WITH_BACKLOG : DOWN;
    case -RIM_ENOHANDLER:
        CHECK(letter->to == world->deaf);
        CHECK(letter->tag == NOBODY);
        return NO_HANDLER;
    case -EBADMSG:
        return MISTYPED;
    case -RIM_ELATE:
        CHECK(letter->from == world->late);
        return LATE;
    case -RIM_EEXPIRED: /* before it was handled: the machine is busy, and it is asked again */
        CHECK(letter->to == world->late);
        return 0;
    default:
        CHECK(!"a known reason");
        return 0;
    }
}

ROLE_ON(watcher_letter) {
    struct deaths *world = role_world(self);
    unsigned bit = bit_of(world, body);
    if ((atomic_fetch_or(&world->seen, bit) | bit) == EVERY) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

static const rim_handler watcher_on[] = {[GO] = watcher_go, [RIM_DEAD_LETTER] = watcher_letter};
ROLE(watcher, watcher_on);

ROLE_ON(victim_end) {
    return RIM_STOP;
}
static const rim_handler victim_on[] = {[END] = victim_end};
ROLE(victim, victim_on);

ROLE_ON(deaf_word) {
    return rim_mistyped(ctx, msg);
}
static const rim_handler deaf_on[] = {[WORD] = deaf_word};
ROLE(deaf, deaf_on);

/* Answers after its asker has given up. */
ROLE_ON(late_ask) {
    struct role *role = self;
    role->handle = rim_defer(ctx);
    CHECK(role->handle != RIM_NIL);
    atomic_store(&((struct deaths *)role_world(self))->kept, true);
    return RIM_DONE;
}

ROLE_ON(late_more) {
    CHECK(rim_reply(ctx, ((struct role *)self)->handle, WORD, NULL, 0) == 0);
    return RIM_DONE;
}
static const rim_handler late_on[] = {[ASK] = late_ask, [MORE] = late_more};
ROLE(late, late_on);

static void ask_for(rim_ctx *ctx, struct role *role, uint64_t timeout_ns);

ROLE_OUTCOME(asker_outcome) {
    struct deaths *world = role_world(self);
    CHECK(error == -ETIMEDOUT);
    if (atomic_load(&world->kept)) {
        role_say(ctx, world->late, MORE, 0);
    } else {
        ask_for(ctx, self, 2 * cookie);
    }
    return RIM_DONE;
}

static void ask_for(rim_ctx *ctx, struct role *role, uint64_t timeout_ns) {
    rim_ask ask = {.to = ((struct deaths *)role->cast.world)->late,
                   .tag = ASK,
                   .timeout_ns = timeout_ns,
                   .cookie = timeout_ns,
                   .on_outcome = asker_outcome};
    CHECK(rim_request(ctx, &ask, NULL) == 0);
}

ROLE_ON(asker_go) {
    struct deaths *world = role_world(self);
    ask_for(ctx, self, RIM_MS(20));
    role_say(ctx, world->victim, END, 0);
    role_say(ctx, world->victim, MORE, 0); /* behind the one that ends it */
    role_say(ctx, world->deaf, NOBODY, 0);
    role_say(ctx, world->deaf, WORD, 0);
    rim_after(ctx, RIM_MS(5), 0);
    return RIM_DONE;
}

/* When the victim is gone, that is known here, or found there. */
ROLE_ON(asker_timer) {
    struct deaths *world = role_world(self);
    if ((atomic_load(&world->seen) & GONE_WITH_BACKLOG) == 0) {
        rim_after(ctx, RIM_MS(5), 0);
        return RIM_DONE;
    }
    bool here = rim_shard_of(world->victim) == rim_shard_index(ctx);
    CHECK(role_tell(ctx, world->victim, WORD, 0) == (here ? -RIM_EDOWN : 0));
    return RIM_DONE;
}
static const rim_handler asker_on[] = {[GO] = asker_go, [RIM_TIMER] = asker_timer};
ROLE(asker, asker_on);

static void die(struct scenario *s, uint32_t asker_shard) {
    static struct deaths world;
    world = (struct deaths){0};
    struct role_cast cast = {.world = &world};
    scenario_open_lanes(s);
    for (uint32_t i = 0; i < 2; i++) {
        role_go(s, role_spawn(s, &watcher, i, cast));
    }
    world.victim = role_spawn(s, &victim, 1, cast);
    world.deaf = role_spawn(s, &deaf, 1, cast);
    world.late = role_spawn(s, &late, 1, cast);
    rim_ref ref = role_spawn(s, &asker, asker_shard, cast);
    role_rest(s); /* the watchers watch */
    role_go(s, ref);
    scenario_run(s, ROLE_LIMIT_NS);
}

void contract_03_every_dead_letter_has_its_reason_here(struct scenario *s) {
    die(s, 1);
}

void contract_03_every_dead_letter_has_its_reason_across(struct scenario *s) {
    die(s, 0);
}

/* ---- conservation, while it runs ---- */

#define HOPS 3000u

struct relay {
    rim_ref members[4];
};

/* A number runs around until it is used up; some hops are dead letters, some are refused. */
ROLE_ON(member_word) {
    struct relay *world = role_world(self);
    uint64_t left = role_number(body);
    if (left == 0) {
        scenario_done(ctx);
        return RIM_DONE;
    }
    role_tell(ctx, world->members[rim_random(ctx) % 4], NOBODY, 0);
    role_tell(ctx, rim_self(ctx) ^ 2, WORD, 0); /* of another generation */
    if (role_tell(ctx, world->members[left % 4], WORD, left - 1) != 0) {
        ((struct role *)self)->value = left;
        rim_after(ctx, RIM_MS(1), 0);
    }
    return RIM_DONE;
}

ROLE_ON(member_timer) {
    return member_word(ctx, self, &((struct role *)self)->value, msg);
}
static const rim_handler member_on[] = {[WORD] = member_word, [RIM_TIMER] = member_timer};
ROLE(member, member_on);

void contract_03_counters_add_up_at_rest_while_it_runs(struct scenario *s) {
    static struct relay world;
    world = (struct relay){0};
    rim_stats stats = {0};
    uint64_t hops = HOPS;
    for (uint32_t i = 0; i < 4; i++) {
        world.members[i] = role_spawn(s, &member, i % 2, (struct role_cast){.world = &world});
    }
    for (int round = 0; round < 3; round++) {
        uint64_t before = stats.handled;
        CHECK(rim_system_send(scenario_system(s), world.members[0], WORD, &hops, sizeof hops) == 0);
        scenario_run(s, ROLE_LIMIT_NS);
        role_settle(s, &stats);
        CHECK(stats.handled >= before + HOPS);
        CHECK(stats.dead > 0);
        CHECK(stats.arrived_across == stats.sent_across);
    }
}
