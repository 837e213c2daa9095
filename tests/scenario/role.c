/* SPDX-License-Identifier: MIT */
#include "role.h"

#define SETTLE_ROUNDS 5000
#define QUIET_ROUNDS  20 /* the counters are published at rest: an old rest must not be taken for the last */

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

void role_settle(struct scenario *s, rim_stats *stats) {
    uint64_t before = UINT64_MAX;
    int quiet = 0;
    for (int i = 0; i < SETTLE_ROUNDS; i++) {
        scenario_pass_time(s, RIM_MS(1));
        CHECK(rim_system_stats(scenario_system(s), RIM_ALL_SHARDS, stats) == 0);
        bool rests = rim_stats_add_up(stats) && stats->queued == 0 && stats->requests_open == 0;
        quiet = rests && stats->ticks == before ? quiet + 1 : 0;
        before = stats->ticks;
        if (rests && (quiet >= QUIET_ROUNDS || scenario_is_sim(s))) {
            return;
        }
    }
    SCENARIO_CHECK(s, !"it comes to rest");
}

void role_await_births(struct scenario *s, uint64_t count) {
    rim_stats stats;
    ROLE_AWAIT(s, rim_system_stats(scenario_system(s), RIM_ALL_SHARDS, &stats) == 0 && stats.spawned >= count &&
                      stats.queued == 0);
}
