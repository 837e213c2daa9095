/* SPDX-License-Identifier: MIT */
/*
 * Links from shard to shard whose signals cross on the way, which a simulated system by itself does not do: the calls
 * are made between two turns of the shards, for actors that do nothing, and travel with the next flush.
 */
#include <errno.h>
#include <string.h>

#include "ringmail.h"
#include "system.h"
#include "unit.h"

enum { NUDGE = RIM_USER };

static rim_system *tested;
static rim_ref actors[2];
static uint32_t exits[2];

static rim_verdict on_nudge(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx, (void)state, (void)body, (void)msg;
    return RIM_DONE;
}

static rim_verdict on_exit_signal(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)state, (void)body, (void)msg;
    exits[rim_shard_index(ctx)]++;
    return RIM_DONE;
}
static const rim_handler on[] = {[NUDGE] = on_nudge, [RIM_EXIT_SIGNAL] = on_exit_signal};
static const rim_behaviour idle = {.name = "idle", .on = on, .on_count = RIM_COUNT(on)};

static void start(void) {
    rim_config config = {.shards = 2, .driver = RIM_DRIVER_SIM, .seed = unit_seed()};
    CU_ASSERT_EQUAL_FATAL(rim_system_create(&config, &tested), 0);
    for (uint32_t i = 0; i < 2; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i, .trap_exit = true};
        CU_ASSERT_EQUAL_FATAL(rim_system_spawn(tested, &idle, &options, NULL, 0, &actors[i]), 0);
    }
    CU_ASSERT_EQUAL_FATAL(rim_system_start(tested), 0);
    (void)rim_sim_run(tested, RIM_MS(5));
    exits[0] = exits[1] = 0;
}

static void finish(void) {
    rim_stop_report report;
    CU_ASSERT_EQUAL(rim_system_stop(tested, RIM_SECONDS(1), &report), 0);
    CU_ASSERT(report.adds_up && !report.leaks);
    rim_system_destroy(tested);
}

/* As the actor of that shard, with regard to the other. */
static void call(uint32_t shard, int (*fn)(rim_ctx *ctx, rim_ref who)) {
    rim_ctx *ctx = tested->members[shard].ctx;
    void *previous = rim__ctx_enter(ctx, actors[shard]);
    CU_ASSERT_EQUAL(fn(ctx, actors[1 - shard]), 0);
    rim__ctx_leave(ctx, previous);
}

/* What was called travels, and comes to rest. */
static void let_travel(void) {
    for (uint32_t i = 0; i < 2; i++) {
        (void)rim_system_send(tested, actors[i], NUDGE, NULL, 0);
    }
    (void)rim_sim_run(tested, RIM_MS(5));
}

static uint32_t bonds_of(uint32_t shard) {
    return tested->members[shard].ctx->bonds.count;
}

static void links_made_from_both_sides_at_once_are_one(void) {
    start();
    call(0, rim_link);
    call(1, rim_link);
    let_travel();
    CU_ASSERT(bonds_of(0) == 1 && bonds_of(1) == 1);
    call(1, rim_unlink);
    let_travel();
    CU_ASSERT(bonds_of(0) == 0 && bonds_of(1) == 0);
    finish();
}

static void link_that_crosses_an_unlink_is_not_taken(void) {
    start();
    call(0, rim_link);
    call(0, rim_unlink);
    call(1, rim_link);
    let_travel();
    CU_ASSERT(bonds_of(0) == 0 && bonds_of(1) == 0);
    call(0, rim_link); /* and nothing is left that would be in the way */
    let_travel();
    CU_ASSERT(bonds_of(0) == 1 && bonds_of(1) == 1);
    call(0, rim_kill);
    let_travel();
    CU_ASSERT_EQUAL(exits[0], 1);
    CU_ASSERT(bonds_of(0) == 0 && bonds_of(1) == 0);
    finish();
}

static void link_made_again_before_the_answer_stays(void) {
    start();
    call(0, rim_link);
    call(0, rim_unlink);
    call(0, rim_link);
    call(1, rim_unlink);
    call(1, rim_link);
    let_travel();
    CU_ASSERT(bonds_of(0) == 1 && bonds_of(1) == 1);
    call(1, rim_kill);
    let_travel();
    CU_ASSERT_EQUAL(exits[1], 1);
    finish();
}

static void both_unlink_at_once(void) {
    start();
    call(0, rim_link);
    let_travel();
    call(0, rim_unlink);
    call(1, rim_unlink);
    let_travel();
    CU_ASSERT(bonds_of(0) == 0 && bonds_of(1) == 0);
    finish();
}

static void unlink_crosses_the_end_of_the_other(void) {
    start();
    call(0, rim_link);
    let_travel();
    call(1, rim_unlink);
    rim_ctx *ctx = tested->members[0].ctx;
    CU_ASSERT_EQUAL(rim_kill(ctx, actors[0]), 0);
    let_travel();
    CU_ASSERT_EQUAL(exits[1], 0);
    CU_ASSERT(bonds_of(0) == 0 && bonds_of(1) == 0);
    finish();
}

static void both_end_at_once(void) {
    start();
    call(0, rim_link);
    let_travel();
    for (uint32_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(rim_kill(tested->members[i].ctx, actors[i]), 0);
    }
    let_travel();
    CU_ASSERT(exits[0] == 0 && exits[1] == 0);
    CU_ASSERT(bonds_of(0) == 0 && bonds_of(1) == 0);
    finish();
}

static void monitor_crosses_the_end_and_its_cancel(void) {
    start();
    rim_ctx *ctx = tested->members[0].ctx;
    void *previous = rim__ctx_enter(ctx, actors[0]);
    rim_mon first = rim_monitor(ctx, actors[1], 0), second = rim_monitor(ctx, actors[1], 1);
    CU_ASSERT(first != RIM_NIL && second != RIM_NIL);
    CU_ASSERT(rim_cancel(ctx, first));
    rim__ctx_leave(ctx, previous);
    CU_ASSERT_EQUAL(rim_kill(tested->members[1].ctx, actors[1]), 0);
    let_travel();
    CU_ASSERT_EQUAL(ctx->monitors.count, 0); /* the one was cancelled, the other fired: there is no row for it */
    CU_ASSERT_EQUAL(bonds_of(1), 0);
    finish();
}

#define TESTS(X)                                                                                                       \
    X(links_made_from_both_sides_at_once_are_one)                                                                      \
    X(link_that_crosses_an_unlink_is_not_taken)                                                                        \
    X(link_made_again_before_the_answer_stays)                                                                         \
    X(both_unlink_at_once)                                                                                             \
    X(unlink_crosses_the_end_of_the_other)                                                                             \
    X(both_end_at_once)                                                                                                \
    X(monitor_crosses_the_end_and_its_cancel)
UNIT_SUITE(link, TESTS)
