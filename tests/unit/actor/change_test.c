/* SPDX-License-Identifier: MIT */
/*
 * Jobs, and actors that change, when memory runs out: a small simulated system gives jobs away, changes single actors
 * and upgrades all, and each of its first allocations fails once, on each shard in turn. A job that was taken has its
 * outcome and is cleaned up once; an actor has either its old state or its new one; nothing leaks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ringmail.h"
#include "system.h"
#include "unit.h"

enum { TELL = RIM_USER, GROW };

#define SHARDS     2u
#define WORKERS    4u
#define FAIL_UNTIL 400u
#define MAGIC      0x5eedu

static uint32_t taken, outcomes, cleaned, upgrades, reports, upgraded, failed, grown, checked;
static rim_ref workers[WORKERS];

/* ---- workers: small, and large ---- */

struct small {
    uint64_t magic;
};

struct large {
    char room[2000];
    uint64_t magic;
};

static int work(void *arg) {
    memset(arg, 1, 8);
    return 0;
}

static void clean(void *arg) {
    (void)arg;
    cleaned++;
}

static rim_verdict on_done(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)ctx, (void)state, (void)msg;
    CU_ASSERT(error == 0 && body != NULL && cookie == 3);
    outcomes++;
    return RIM_DONE;
}

static void give(rim_ctx *ctx) {
    char bytes[100] = {0};
    rim_job job = {.run = work,
                   .arg = bytes,
                   .size = sizeof bytes,
                   .cleanup = clean,
                   .timeout_ns = RIM_SECONDS(1),
                   .on_outcome = on_done,
                   .cookie = 3};
    int error = rim_offload(ctx, &job, NULL);
    CU_ASSERT(error == 0 || error == -ENOMEM);
    taken += error == 0;
}

static rim_verdict small_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    (void)ctx, (void)arg, (void)size;
    ((struct small *)state)->magic = MAGIC;
    return RIM_DONE;
}

static int grow(rim_ctx *ctx, const void *old, void *fresh, const void *arg) {
    (void)arg;
    CU_ASSERT(((const struct small *)old)->magic == MAGIC);
    if (rim_alloc(ctx, 300) == NULL) { /* which ends with the actor */
        return -ENOMEM;
    }
    ((struct large *)fresh)->magic = MAGIC;
    return 0;
}

static int grow_again(rim_ctx *ctx, const void *old, void *fresh, const void *arg) {
    (void)ctx, (void)arg;
    CU_ASSERT(((const struct large *)old)->magic == MAGIC);
    ((struct large *)fresh)->magic = MAGIC;
    return 0;
}

static const rim_behaviour large_2, large_3;

static rim_verdict small_tell(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)body, (void)msg;
    CU_ASSERT(((struct small *)state)->magic == MAGIC);
    checked++;
    give(ctx);
    return RIM_DONE;
}

static rim_verdict small_grow(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)body, (void)msg;
    int error = rim_become_with(ctx, &large_2, grow, NULL);
    CU_ASSERT(error == 0 || error == -ENOMEM);
    CU_ASSERT(((struct small *)state)->magic == MAGIC);
    error = error == 0 ? rim_become_with(ctx, &large_3, grow_again, NULL) : error;
    CU_ASSERT(error == 0 || error == -ENOMEM);
    grown += error == 0;
    return RIM_DONE;
}

static rim_verdict large_tell(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)body, (void)msg;
    CU_ASSERT(((struct large *)state)->magic == MAGIC);
    checked++;
    give(ctx);
    return RIM_DONE;
}

static const rim_handler small_on[] = {[TELL] = small_tell, [GROW] = small_grow};
static const rim_handler large_on[] = {[TELL] = large_tell};
#define WORKER(number, row)                                                                                            \
    .name = "worker", .version = number, .state_size = sizeof(struct row), .on = row##_on,                             \
    .on_count = RIM_COUNT(row##_on)
static const rim_behaviour small_1 = {WORKER(1, small), .init = small_init};
static const rim_behaviour large_2 = {WORKER(2, large)};
static const rim_behaviour large_3 = {WORKER(3, large)};

/* ---- the operator ---- */

static void tell_all(rim_ctx *ctx) {
    for (uint32_t i = 0; i < WORKERS; i++) {
        (void)rim_send(ctx, workers[i], TELL, NULL, 0);
    }
}

static rim_verdict on_report(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    rim_upgrade_report report;
    (void)state, (void)cookie, (void)msg;
    CU_ASSERT_FATAL(error == 0);
    memcpy(&report, body, sizeof report);
    CU_ASSERT(report.failed == 0 || report.error == -ENOMEM);
    upgraded += (uint32_t)report.upgraded;
    failed += (uint32_t)report.failed;
    reports++;
    tell_all(ctx);
    return RIM_DONE;
}

static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)state, (void)body, (void)msg;
    rim_upgrading upgrading = {
        .from = &small_1, .to = &large_2, .migrate = grow, .timeout_ns = RIM_SECONDS(1), .on_outcome = on_report};
    int error = rim_upgrade(ctx, &upgrading, NULL);
    CU_ASSERT(error == 0 || error == -ENOMEM);
    upgrades += error == 0;
    return RIM_DONE;
}

static rim_verdict operator_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    (void)state, (void)arg, (void)size;
    for (uint32_t i = 0; i < WORKERS; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i % SHARDS};
        int error = rim_spawn(ctx, &small_1, &options, NULL, 0, &workers[i]);
        CU_ASSERT(error == 0 || error == -ENOMEM || error == -RIM_EFULL);
        workers[i] = error == 0 ? workers[i] : RIM_NIL;
    }
    tell_all(ctx);
    (void)rim_send(ctx, workers[0], GROW, NULL, 0);
    (void)rim_send(ctx, workers[1], GROW, NULL, 0);
    (void)rim_after(ctx, RIM_MS(5), 0);
    return RIM_DONE;
}

static const rim_handler operator_on[] = {[RIM_TIMER] = on_timer};
static const rim_behaviour operator_behaviour = {.name = "operator",
                                                 .init = operator_init,
                                                 .on = operator_on,
                                                 .on_count = RIM_COUNT(operator_on)};

/* ---- the runs ---- */

/* Returns whether the allocation with this number was reached. */
static bool run_failing(uint32_t shard, uint64_t fail_at) {
    rim_config config = {.shards = SHARDS, .driver = RIM_DRIVER_SIM, .seed = unit_seed()};
    rim_system *system;
    rim_stop_report report;
    rim_ref ref;
    taken = outcomes = cleaned = upgrades = reports = upgraded = failed = grown = checked = 0;
    CU_ASSERT_EQUAL_FATAL(rim_system_create(&config, &system), 0);
    CU_ASSERT_EQUAL_FATAL(rim_system_spawn(system, &operator_behaviour, NULL, NULL, 0, &ref), 0);
    CU_ASSERT_EQUAL_FATAL(rim_system_start(system), 0);
    struct rim__memory *memory = &system->shards[shard]->memory;
    rim__memory_fail(memory, fail_at, false);
    (void)rim_sim_run(system, RIM_MS(20));
    bool reached = memory->allocations >= fail_at;
    CU_ASSERT_EQUAL(outcomes, taken);
    CU_ASSERT_EQUAL(cleaned, taken);
    CU_ASSERT_EQUAL(reports, upgrades);
    CU_ASSERT_EQUAL(rim_system_stop(system, RIM_SECONDS(1), &report), 0);
    CU_ASSERT(report.adds_up);
    CU_ASSERT(!report.leaks);
    rim_system_destroy(system);
    return reached;
}

static void check_every_failure(uint32_t shard) {
    uint64_t fail_at = 1;
    while (fail_at < FAIL_UNTIL && run_failing(shard, fail_at)) {
        fail_at++;
    }
    CU_ASSERT(fail_at > 5 && fail_at < FAIL_UNTIL); /* and the last run had none */
}

static void changes_outlive_every_failed_allocation_here(void) {
    check_every_failure(0);
}

static void changes_outlive_every_failed_allocation_elsewhere(void) {
    check_every_failure(1);
}

static void changes_do_all_of_their_work_with_memory(void) {
    CU_ASSERT(!run_failing(0, FAIL_UNTIL * 100));
    CU_ASSERT(taken == 2 * WORKERS && checked == 2 * WORKERS);
    CU_ASSERT(grown == 2 && upgrades == 1 && upgraded == WORKERS - 2 && failed == 0);
}

#define TESTS(X)                                                                                                       \
    X(changes_do_all_of_their_work_with_memory)                                                                        \
    X(changes_outlive_every_failed_allocation_here)                                                                    \
    X(changes_outlive_every_failed_allocation_elsewhere)
UNIT_SUITE(change, TESTS)
