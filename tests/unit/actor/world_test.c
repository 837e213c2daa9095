/* SPDX-License-Identifier: MIT */
/*
 * The actors' world when memory runs out: a small simulated system does a bit of everything, and each of its first
 * allocations fails once, on each shard in turn. Whatever comes of the work, nothing may be lost from the books, and
 * nothing may leak.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ringmail.h"
#include "system.h"
#include "unit.h"

enum { TELL = RIM_USER, QUESTION, LATE, WRAPPED };

#define SHARDS     2u
#define FAIL_UNTIL 400u

static uint32_t wrapped, released, outcomes, asked;
static rim_token deferred;

/* ---- the server: answers, late at times, and keeps messages ---- */

static rim_verdict on_tell(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)state, (void)body;
    rim_msg *mine = rim_take(ctx, msg);
    void *block = rim_alloc(ctx, 300);
    void *larger = rim_realloc(ctx, block, 3000);
    rim_free(ctx, larger != NULL ? larger : block);
    if (mine != NULL) {
        rim_msg_retag(mine, WRAPPED);
        (void)rim_send_msg(ctx, rim_self(ctx), mine);
    }
    return RIM_DONE;
}

static rim_verdict on_question(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)state, (void)body, (void)msg;
    int error = rim_reply(ctx, RIM_NIL, QUESTION, "answer", 7);
    CU_ASSERT(error == 0 || error == -ENOMEM);
    return RIM_DONE;
}

static rim_verdict on_late(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)state, (void)body, (void)msg;
    deferred = rim_defer(ctx);
    if (deferred != RIM_NIL && rim_after(ctx, RIM_US(100), 0) == RIM_NIL) {
        (void)rim_refuse(ctx, deferred, -ENOMEM);
    }
    return RIM_DONE;
}

static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)state, (void)body, (void)msg;
    (void)rim_reply(ctx, deferred, LATE, NULL, 0);
    return RIM_DONE;
}

static rim_verdict on_wrapped(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx, (void)state, (void)body, (void)msg;
    return RIM_DONE;
}

static const rim_handler server_on[] = {
    [RIM_TIMER] = on_timer, [TELL] = on_tell, [QUESTION] = on_question, [LATE] = on_late, [WRAPPED] = on_wrapped};
static const rim_behaviour server = {.name = "server",
                                     .state_size = 100,
                                     .on = server_on,
                                     .on_count = RIM_COUNT(server_on)};

/* ---- the client ---- */

static rim_verdict on_outcome(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)ctx, (void)state, (void)cookie, (void)body, (void)msg;
    CU_ASSERT(error <= 0);
    outcomes++;
    return RIM_DONE;
}

static void release_bytes(void *bytes, void *arg) {
    CU_ASSERT(arg == &released);
    free(bytes);
    released++;
}

static void ask(rim_ctx *ctx, rim_ref whom, uint32_t tag) {
    rim_ask question = {
        .to = whom, .tag = tag, .body = "?", .size = 2, .timeout_ns = RIM_MS(5), .on_outcome = on_outcome};
    int error = rim_request(ctx, &question, NULL);
    CU_ASSERT(error == 0 || error == -ENOMEM || error == -RIM_EFULL);
    asked += error == 0;
}

static void wrap(rim_ctx *ctx, rim_ref whom) {
    void *bytes = malloc(5000);
    rim_msg *msg = rim_msg_wrap(ctx, WRAPPED, bytes, 5000, release_bytes, &released);
    if (msg == NULL) {
        free(bytes);
        return;
    }
    wrapped++;
    (void)rim_send_msg(ctx, whom, msg);
}

static void work_with(rim_ctx *ctx, rim_ref whom) {
    static const char large[3000];
    (void)rim_send(ctx, whom, TELL, "small", 6);
    (void)rim_send(ctx, whom, TELL, large, sizeof large);
    ask(ctx, whom, QUESTION);
    ask(ctx, whom, LATE);
    wrap(ctx, whom);
}

static rim_verdict client_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    (void)state, (void)arg, (void)size;
    for (uint32_t i = 0; i < SHARDS; i++) {
        rim_ref whom;
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i};
        int error = rim_spawn(ctx, &server, &options, "server", 7, &whom);
        CU_ASSERT(error == 0 || error == -ENOMEM || error == -RIM_EFULL);
        if (error == 0) {
            work_with(ctx, whom);
        }
    }
    (void)rim_every(ctx, RIM_US(50), RIM_US(70), 1);
    (void)rim_watch_dead_letters(ctx, true);
    return RIM_DONE;
}

static const rim_behaviour client = {.name = "client", .init = client_init};

/* ---- the runs ---- */

/* Returns whether the allocation with this number was reached. */
static bool run_failing(uint32_t shard, uint64_t fail_at) {
    rim_config config = {.shards = SHARDS, .driver = RIM_DRIVER_SIM, .seed = unit_seed(), .parcels = 2};
    rim_system *system;
    rim_stop_report report;
    rim_ref ref;
    wrapped = released = outcomes = asked = 0;
    CU_ASSERT_EQUAL_FATAL(rim_system_create(&config, &system), 0);
    CU_ASSERT_EQUAL_FATAL(rim_system_spawn(system, &client, NULL, NULL, 0, &ref), 0);
    CU_ASSERT_EQUAL_FATAL(rim_system_start(system), 0);
    struct rim__memory *memory = &system->shards[shard]->memory;
    rim__memory_fail(memory, fail_at, false);
    (void)rim_sim_run(system, RIM_MS(20));
    bool reached = memory->allocations >= fail_at;
    CU_ASSERT_EQUAL(outcomes, asked); /* also of those whose answer found no memory */
    CU_ASSERT_EQUAL(rim_system_stop(system, RIM_SECONDS(1), &report), 0);
    CU_ASSERT(report.adds_up);
    CU_ASSERT(!report.leaks);
    CU_ASSERT_EQUAL(wrapped, released);
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

static void world_outlives_every_failed_allocation_of_the_asker(void) {
    check_every_failure(0);
}

static void world_outlives_every_failed_allocation_of_the_other_shard(void) {
    check_every_failure(1);
}

static void world_does_all_of_its_work_with_memory(void) {
    CU_ASSERT(!run_failing(0, FAIL_UNTIL * 100));
    CU_ASSERT_EQUAL(asked, 2 * SHARDS);
    CU_ASSERT_EQUAL(wrapped, SHARDS);
}

#define TESTS(X)                                                                                                       \
    X(world_does_all_of_its_work_with_memory)                                                                          \
    X(world_outlives_every_failed_allocation_of_the_asker)                                                             \
    X(world_outlives_every_failed_allocation_of_the_other_shard)
UNIT_SUITE(world, TESTS)
