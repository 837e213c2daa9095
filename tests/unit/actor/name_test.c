/* SPDX-License-Identifier: MIT */
/*
 * Names and groups when memory runs out: three simulated shards claim, wait, publish and end, and each allocation of
 * each shard fails once. Every claim has its one outcome, the books are right, nothing leaks, and at the end the name
 * can be had.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ringmail.h"
#include "system.h"
#include "unit.h"

enum { NEWS = RIM_USER };

#define SHARDS     3u
#define FAIL_UNTIL 400u

static uint32_t outcomes, asked, granted, crowned;
static int32_t holders;

struct claimant {
    bool has;
};

static rim_verdict on_outcome(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)body, (void)msg, (void)cookie;
    struct claimant *self = state;
    outcomes++;
    if (error == 0) {
        CU_ASSERT_EQUAL(holders++, 0);
        CU_ASSERT_EQUAL(rim_find(ctx, "name"), rim_self(ctx));
        self->has = true;
        granted++;
    }
    return RIM_DONE;
}

static rim_verdict on_found(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)ctx, (void)state, (void)cookie, (void)msg;
    CU_ASSERT(error != 0 || *(const rim_ref *)body != RIM_NIL);
    outcomes++;
    return RIM_DONE;
}

static rim_verdict on_news(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx, (void)state, (void)body, (void)msg;
    return RIM_DONE;
}

static rim_verdict on_end(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx, (void)state, (void)body, (void)msg;
    return RIM_STOP;
}

static void claimant_exit(rim_ctx *ctx, void *state, rim_exit why) {
    (void)ctx, (void)why;
    holders -= ((struct claimant *)state)->has;
}

static rim_verdict claimant_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    static const char large[2000];
    (void)state, (void)arg, (void)size;
    rim_claim claim = {.name = "name", .wait = true, .timeout_ns = RIM_MS(5), .on_outcome = on_outcome};
    rim_finding finding = {.name = "name", .timeout_ns = RIM_MS(5), .on_outcome = on_found};
    asked += rim_name(ctx, &claim, NULL) == 0;
    asked += rim_find_later(ctx, &finding, NULL) == 0;
    rim_ref group = rim_group(ctx, "group");
    (void)rim_group_watch(ctx, group, true);
    (void)rim_join(ctx, group);
    (void)rim_publish(ctx, group, NEWS, large, sizeof large);
    (void)rim_publish(ctx, group, NEWS, large, 500);
    (void)rim_publish_msg(ctx, group, rim_msg_new(ctx, NEWS, 3000));
    return rim_after(ctx, RIM_US(500), 0) != RIM_NIL ? RIM_DONE : RIM_FAIL;
}

static const rim_handler claimant_on[] = {[RIM_TIMER] = on_end, [NEWS] = on_news};
static const rim_behaviour claimant = {.name = "claimant",
                                       .state_size = sizeof(struct claimant),
                                       .on = claimant_on,
                                       .on_count = RIM_COUNT(claimant_on),
                                       .init = claimant_init,
                                       .exit = claimant_exit};

/* ---- at the end ---- */

static rim_verdict king_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    (void)state, (void)arg, (void)size;
    CU_ASSERT_EQUAL(rim_find(ctx, "name"), rim_self(ctx));
    crowned++;
    return RIM_DONE;
}
static const rim_behaviour king = {.name = "king", .init = king_init};

static void spawn_all(rim_system *system, const rim_behaviour *behaviour, rim_spawn_options options) {
    rim_ref ref;
    options.place = RIM_ON_SHARD;
    for (options.shard = 0; options.shard < SHARDS; options.shard++) {
        CU_ASSERT_EQUAL(rim_system_spawn(system, behaviour, &options, NULL, 0, &ref), 0);
    }
}

/* Returns whether the allocation with this number was reached. */
static bool run_failing(uint32_t shard, uint64_t fail_at) {
    rim_config config = {.shards = SHARDS, .driver = RIM_DRIVER_SIM, .seed = unit_seed(), .parcels = 2};
    rim_system *system;
    rim_stop_report report;
    outcomes = asked = granted = crowned = 0;
    holders = 0;
    CU_ASSERT_EQUAL_FATAL(rim_system_create(&config, &system), 0);
    spawn_all(system, &claimant, (rim_spawn_options){0});
    CU_ASSERT_EQUAL_FATAL(rim_system_start(system), 0);
    struct rim__memory *memory = &system->shards[shard]->memory;
    rim__memory_fail(memory, fail_at, false);
    (void)rim_sim_run(system, RIM_MS(20));
    bool reached = memory->allocations >= fail_at;
    rim__memory_fail(memory, 0, false);
    CU_ASSERT(outcomes <= asked); /* those that ended before had none */
    CU_ASSERT_EQUAL(holders, 0);
    spawn_all(system, &king, (rim_spawn_options){.name = "name"});
    (void)rim_sim_run(system, RIM_MS(20));
    CU_ASSERT_EQUAL(crowned, 1);
    CU_ASSERT_EQUAL(rim_system_stop(system, RIM_SECONDS(1), &report), 0);
    CU_ASSERT(report.adds_up);
    CU_ASSERT(!report.leaks);
    rim_system_destroy(system);
    return reached;
}

static void name_survives_every_failed_allocation_of_each_shard(void) {
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        uint64_t fail_at = 1;
        while (fail_at < FAIL_UNTIL && run_failing(shard, fail_at)) {
            fail_at++;
        }
        CU_ASSERT(fail_at > 10 && fail_at < FAIL_UNTIL); /* and the last run had none */
    }
}

static void name_is_granted_to_all_in_turn_with_memory(void) {
    CU_ASSERT(!run_failing(0, FAIL_UNTIL * 100));
    CU_ASSERT_EQUAL(asked, 2 * SHARDS);
    CU_ASSERT(granted >= 1);
}

#define TESTS(X)                                                                                                       \
    X(name_is_granted_to_all_in_turn_with_memory)                                                                      \
    X(name_survives_every_failed_allocation_of_each_shard)
UNIT_SUITE(name, TESTS)
