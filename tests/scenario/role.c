/* SPDX-License-Identifier: MIT */
#include "role.h"

#include "support/asleep.h"

#define SETTLE_ROUNDS 20000
#define QUIET_ROUNDS  5 /* a handler that sleeps for a moment is no rest */

rim_verdict role_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)ctx;
    if (size != sizeof(struct role_cast)) {
        return RIM_FAIL;
    }
    memcpy(self, arg, size);
    return RIM_DONE;
}

rim_ref role_spawn_with(struct scenario *s, const rim_behaviour *behaviour, rim_spawn_options options,
                        struct role_cast cast) {
    rim_ref ref = RIM_NIL;
    SCENARIO_CHECK(s, rim_system_spawn(scenario_system(s), behaviour, &options, &cast, sizeof cast, &ref) == 0);
    return ref;
}

rim_ref role_spawn(struct scenario *s, const rim_behaviour *behaviour, uint32_t shard, struct role_cast cast) {
    return role_spawn_with(s, behaviour, (rim_spawn_options){.place = RIM_ON_SHARD, .shard = shard}, cast);
}

void role_go(struct scenario *s, rim_ref ref) {
    SCENARIO_CHECK(s, rim_system_send(scenario_system(s), ref, GO, NULL, 0) == 0);
}

rim_ref role_add(rim_ctx *ctx, const rim_behaviour *behaviour, uint32_t shard, struct role_cast cast) {
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = shard};
    rim_ref ref = RIM_NIL;
    CHECK(rim_spawn(ctx, behaviour, &options, &cast, sizeof cast, &ref) == 0);
    return ref;
}

int role_tell(rim_ctx *ctx, rim_ref to, uint32_t tag, uint64_t number) {
    return rim_send(ctx, to, tag, &number, sizeof number);
}

void role_say(rim_ctx *ctx, rim_ref to, uint32_t tag, uint64_t number) {
    CHECK(role_tell(ctx, to, tag, number) == 0);
}

/*
 * One moment of rest: all shards slept, and have shown their counters. Who sleeps at both looks has slept in between,
 * or has gone to sleep again, and then it has counted its ticks.
 */
static bool rests(struct scenario *s, rim_stats *stats) {
    rim_stats before;
    CHECK(rim_system_stats(scenario_system(s), RIM_ALL_SHARDS, &before) == 0);
    bool asleep = scenario_is_sim(s) || (asleep_others() && asleep_others());
    CHECK(rim_system_stats(scenario_system(s), RIM_ALL_SHARDS, stats) == 0);
    return asleep && stats->ticks == before.ticks && rim_stats_add_up(stats) && stats->queued == 0;
}

static void settle(struct scenario *s, bool with_requests, rim_stats *stats) {
    uint64_t handled = 0;
    int quiet = 0;
    for (int i = 0; i < SETTLE_ROUNDS; i++) {
        scenario_pass_time(s, RIM_MS(1));
        bool rest = rests(s, stats) && (with_requests || stats->requests_open == 0);
        quiet = !rest ? quiet : stats->handled == handled ? quiet + 1 : 1;
        handled = rest ? stats->handled : handled;
        if (rest && (quiet >= QUIET_ROUNDS || scenario_is_sim(s))) {
            return;
        }
    }
    SCENARIO_CHECK(s, !"it comes to rest");
}

void role_settle(struct scenario *s, rim_stats *stats) {
    settle(s, false, stats);
}

void role_rest(struct scenario *s) {
    rim_stats stats;
    if (scenario_is_sim(s)) {
        scenario_pass_time(s, RIM_MS(20)); /* longer than a faulty wake-up takes */
    }
    settle(s, true, &stats);
}

void role_await_births(struct scenario *s, uint64_t count) {
    rim_stats stats;
    ROLE_AWAIT(s, rim_system_stats(scenario_system(s), RIM_ALL_SHARDS, &stats) == 0 && stats.spawned >= count &&
                      stats.queued == 0);
}
