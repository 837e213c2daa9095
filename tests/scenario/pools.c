/* SPDX-License-Identifier: MIT */
/* Pools: which member is picked, by each policy, and what a change of members changes. */
#include <stdatomic.h>

#include "role.h"

#define SHARDS 3u
#define EACH   4u
#define WORKS  (SHARDS * EACH)
#define KEYS   2000u

struct pooling {
    atomic_uint told;
    rim_ref chosen[SHARDS][KEYS];
    rim_ref extra;
};

static rim_ref pool_of(const rim_ctx *ctx, rim_pool_policy policy) {
    return rim_pool(rim_group(ctx, "works"), policy);
}

/* How often each was picked, by its place among the members. */
struct tally {
    rim_ref members[WORKS + 1];
    uint32_t count, picks[WORKS + 1];
};

static struct tally tally_of(const rim_ctx *ctx) {
    struct tally tally = {0};
    tally.count = rim_group_members(ctx, rim_group(ctx, "works"), tally.members, WORKS + 1);
    return tally;
}
static void note(struct tally *tally, rim_ref picked) {
    uint32_t i = 0;
    while (i < tally->count && tally->members[i] != picked) {
        i++;
    }
    CHECK(i < tally->count);
    tally->picks[i < tally->count ? i : 0]++;
}

ROLE_ON(worker_word) {
    return RIM_DONE;
}
ROLE_ON(worker_ask) {
    rim_ref me = rim_self(ctx);
    CHECK(rim_reply(ctx, RIM_NIL, ASK, &me, sizeof me) == 0);
    return RIM_DONE;
}
static const rim_handler worker_on[] = {[WORD] = worker_word, [ASK] = worker_ask};
ROLE(worker, worker_on);

static void add_workers(struct scenario *s, uint32_t mailbox_count) {
    rim_spawn_options options = {.place = RIM_ON_SHARD,
                                 .group = rim_system_group(scenario_system(s), "works"),
                                 .mailbox_count = mailbox_count};
    for (uint32_t i = 0; i < WORKS; i++) {
        options.shard = i % SHARDS;
        role_spawn_with(s, &worker, options, (struct role_cast){0});
    }
}

static bool knows_all(rim_ctx *ctx, uint32_t members) {
    bool all = rim_group_count(ctx, rim_group(ctx, "works")) >= members;
    CHECK(all || rim_send(ctx, rim_self(ctx), GO, NULL, 0) == 0);
    return all;
}

/* ---- round robin, and local first ---- */

ROLE_ON(rounder_go) {
    if (!knows_all(ctx, WORKS)) {
        return RIM_DONE;
    }
    struct tally round = tally_of(ctx), local = round;
    for (uint32_t i = 0; i < 10 * WORKS; i++) {
        note(&round, rim_pool_pick(ctx, pool_of(ctx, RIM_POOL_ROUND), i));
        rim_ref near = rim_pool_pick(ctx, pool_of(ctx, RIM_POOL_LOCAL), i);
        CHECK(rim_shard_of(near) == rim_shard_index(ctx));
        note(&local, near);
    }
    for (uint32_t i = 0; i < WORKS; i++) {
        CHECK(round.picks[i] == 10);
        CHECK(local.picks[i] == (i < EACH ? 10 * SHARDS : 0)); /* ours come first in the list */
    }
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler rounder_on[] = {[GO] = rounder_go};
ROLE(rounder, rounder_on);

void pools_go_round_evenly_and_stay_local_if_asked(struct scenario *s) {
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = SHARDS});
    add_workers(s, 0);
    role_go(s, role_spawn(s, &rounder, 1, (struct role_cast){0}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- full members are passed over ---- */

ROLE_ON(filler_go) {
    if (!knows_all(ctx, WORKS)) {
        return RIM_DONE;
    }
    struct tally full = tally_of(ctx);
    for (uint32_t i = 0; i < 3 * (EACH - 1); i++) { /* all but one of ours */
        CHECK(rim_send(ctx, full.members[i % (EACH - 1)], WORD, NULL, 0) == 0);
    }
    for (uint32_t i = 0; i < 50; i++) {
        rim_ref near = rim_pool_pick(ctx, pool_of(ctx, RIM_POOL_LOCAL), i);
        CHECK(near == full.members[EACH - 1]);
        rim_ref least = rim_pool_pick(ctx, pool_of(ctx, RIM_POOL_LEAST), i);
        note(&full, least);
        note(&full, rim_pool_pick(ctx, pool_of(ctx, RIM_POOL_ROUND), i));
    }
    for (uint32_t i = 0; i < EACH - 1; i++) {
        CHECK(full.picks[i] == 0);
    }
    CHECK(full.picks[EACH - 1] > 0);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler filler_on[] = {[GO] = filler_go};
ROLE(filler, filler_on);

void pools_pass_over_members_that_are_full(struct scenario *s) {
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = SHARDS});
    add_workers(s, 3);
    role_go(s, role_spawn(s, &filler, 1, (struct role_cast){0}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- the shortest mailbox ---- */

ROLE_ON(leaster_go) {
    if (!knows_all(ctx, WORKS)) {
        return RIM_DONE;
    }
    struct tally tally = tally_of(ctx);
    for (uint32_t i = 0; i < 40 * WORKS; i++) {
        rim_ref who = rim_pool_pick(ctx, pool_of(ctx, RIM_POOL_LEAST), 0);
        note(&tally, who);
        CHECK(rim_send(ctx, who, WORD, NULL, 0) == 0);
    }
    uint32_t most = 0, least = UINT32_MAX;
    for (uint32_t i = 0; i < EACH; i++) { /* of our own, whose mailboxes nobody empties meanwhile */
        most = tally.picks[i] > most ? tally.picks[i] : most;
        least = tally.picks[i] < least ? tally.picks[i] : least;
    }
    CHECK(most - least <= 1);
    for (uint32_t i = EACH; i < WORKS; i++) { /* the others have their share */
        CHECK(tally.picks[i] > 0);
    }
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler leaster_on[] = {[GO] = leaster_go};
ROLE(leaster, leaster_on);

void pools_give_to_the_least_loaded(struct scenario *s) {
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = SHARDS});
    add_workers(s, 0);
    role_go(s, role_spawn(s, &leaster, 1, (struct role_cast){0}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- by key ---- */

ROLE_OUTCOME(keyer_has_reply) {
    struct role *role = self;
    CHECK(error == 0 && *(const rim_ref *)body == rim_pool_pick(ctx, pool_of(ctx, RIM_POOL_KEY), 42));
    if (atomic_fetch_add(&((struct pooling *)role_world(self))->told, 1) + 1 == SHARDS) {
        scenario_done(ctx);
    }
    role->count++;
    return RIM_DONE;
}

static uint32_t pick_all(rim_ctx *ctx, struct pooling *world, struct tally *tally) {
    uint32_t moved = 0;
    for (uint32_t key = 0; key < KEYS; key++) {
        rim_ref who = rim_pool_pick(ctx, pool_of(ctx, RIM_POOL_KEY), key), *before;
        before = &world->chosen[rim_shard_index(ctx)][key];
        CHECK(who == rim_pool_pick(ctx, pool_of(ctx, RIM_POOL_KEY), key));
        note(tally, who);
        if (*before != RIM_NIL && *before != who) { /* only to the one that has come */
            CHECK(who == world->extra);
            moved++;
        }
        *before = who;
    }
    return moved;
}

ROLE_ON(keyer_go) {
    struct pooling *world = role_world(self);
    if (!knows_all(ctx, WORKS)) {
        return RIM_DONE;
    }
    struct tally tally = tally_of(ctx);
    CHECK(pick_all(ctx, world, &tally) == 0);
    for (uint32_t i = 0; i < WORKS; i++) { /* a twelfth each, give or take */
        CHECK(tally.picks[i] > KEYS / WORKS / 2 && tally.picks[i] < KEYS / WORKS * 2);
    }
    if (atomic_fetch_add(&world->told, 1) + 1 == SHARDS) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}
ROLE_ON(keyer_more) {
    struct pooling *world = role_world(self);
    struct tally tally = tally_of(ctx);
    CHECK(tally.count == WORKS + 1);
    uint32_t moved = pick_all(ctx, world, &tally);
    CHECK(moved > KEYS / (WORKS + 1) / 2 && moved < KEYS / (WORKS + 1) * 2);
    rim_ask ask = {.tag = ASK, .timeout_ns = RIM_SECONDS(5), .on_outcome = keyer_has_reply};
    CHECK(rim_pool_request(ctx, pool_of(ctx, RIM_POOL_KEY), 42, &ask, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler keyer_on[] = {[GO] = keyer_go, [MORE] = keyer_more};
ROLE(keyer, keyer_on);

void pools_by_key_agree_and_move_few_keys_when_a_member_comes(struct scenario *s) {
    static struct pooling world;
    memset(&world, 0, sizeof world);
    rim_ref keyers[SHARDS];
    rim_stats stats;
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = SHARDS});
    add_workers(s, 0);
    for (uint32_t i = 0; i < SHARDS; i++) {
        keyers[i] = role_spawn(s, &keyer, i, (struct role_cast){.world = &world});
        role_go(s, keyers[i]);
    }
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(memcmp(world.chosen[0], world.chosen[1], sizeof world.chosen[0]) == 0);
    CHECK(memcmp(world.chosen[0], world.chosen[2], sizeof world.chosen[0]) == 0);
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = 2};
    options.group = rim_system_group(scenario_system(s), "works");
    world.extra = role_spawn_with(s, &worker, options, (struct role_cast){0});
    role_settle(s, &stats);
    atomic_store(&world.told, 0);
    for (uint32_t i = 0; i < SHARDS; i++) {
        CHECK(rim_system_send(scenario_system(s), keyers[i], MORE, NULL, 0) == 0);
    }
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(memcmp(world.chosen[0], world.chosen[1], sizeof world.chosen[0]) == 0);
}
