/* SPDX-License-Identifier: MIT */
#include "shard/contention.h"

#include "unit.h"

#define START_NS 1000000000u

static struct rim__contention contention;
static uint64_t now_ns, delayed_ns;

static void start(void) {
    contention = (struct rim__contention){.is_on = false};
    now_ns = START_NS;
    delayed_ns = 5000000000u; /* by others that were there before */
    CU_ASSERT(rim__contention_is_due(&contention, now_ns));
    rim__contention_note(&contention, now_ns, delayed_ns);
    CU_ASSERT(!contention.is_on);
}

/* Until the rest or the window is over; meanwhile one part of `part` was waited for the CPU. How long that was. */
static uint64_t pass(uint32_t part) {
    uint64_t begin_ns = now_ns;
    while (!rim__contention_is_due(&contention, now_ns)) {
        now_ns += 1000000;
        delayed_ns += part > 0 ? 1000000 / part : 0;
    }
    rim__contention_note(&contention, now_ns, delayed_ns);
    return now_ns - begin_ns;
}

static void contention_is_told_by_the_time_without_a_cpu(void) {
    start();
    CU_ASSERT_EQUAL(pass(0), RIM_CONTENTION_WINDOW_NS);
    CU_ASSERT(!contention.is_on);
    (void)pass(RIM_CONTENTION_PART + 1);
    CU_ASSERT(!contention.is_on);
    (void)pass(RIM_CONTENTION_PART - 1);
    CU_ASSERT(contention.is_on);
}

static void contention_once_is_a_short_rest_and_then_another_window(void) {
    start();
    (void)pass(2);
    CU_ASSERT(contention.is_on);
    CU_ASSERT_EQUAL(pass(2), RIM_CONTENTION_REST_NS); /* what is waited for in a rest says nothing */
    CU_ASSERT(!contention.is_on);
    CU_ASSERT_EQUAL(pass(0), RIM_CONTENTION_WINDOW_NS);
    CU_ASSERT(!contention.is_on);
    (void)pass(2);
    CU_ASSERT_EQUAL(pass(0), RIM_CONTENTION_REST_NS);
}

static void contention_that_lasts_is_rested_for_longer_and_longer(void) {
    start();
    uint64_t rest_ns = 0;
    for (uint32_t i = 0; i < 10; i++) {
        (void)pass(2);
        CU_ASSERT(contention.is_on);
        uint64_t last_ns = rest_ns;
        rest_ns = pass(0);
        CU_ASSERT(rest_ns == 2 * last_ns || i == 0 || i >= RIM_CONTENTION_RESTS_MAX);
    }
    CU_ASSERT_EQUAL(rest_ns, (uint64_t)RIM_CONTENTION_REST_NS << (RIM_CONTENTION_RESTS_MAX - 1));
    (void)pass(0);
    (void)pass(0); /* two windows that were not contended */
    (void)pass(2);
    CU_ASSERT_EQUAL(pass(0), rest_ns / 2);
}

#define TESTS(X)                                                                                                       \
    X(contention_is_told_by_the_time_without_a_cpu)                                                                    \
    X(contention_once_is_a_short_rest_and_then_another_window)                                                         \
    X(contention_that_lasts_is_rested_for_longer_and_longer)
UNIT_SUITE(contention, TESTS)
