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

static void contention_that_lasts_makes_it_leave(void) {
    start();
    (void)pass(2);
    CU_ASSERT(contention.is_on && !contention.is_away); /* it may be a program that starts */
    (void)pass(0);
    (void)pass(2);
    CU_ASSERT(contention.is_on && contention.is_away);
}

/* Windows that are not contended until it is back; how long it was away. */
static uint64_t come_back(void) {
    uint64_t left_ns = contention.moved_ns;
    for (uint32_t i = 0; i < 10000 && contention.is_away; i++) {
        (void)pass(0);
    }
    CU_ASSERT_FATAL(!contention.is_away);
    return now_ns - left_ns;
}

static void leave(void) {
    for (uint32_t i = 0; i < 10 && !contention.is_away; i++) {
        (void)pass(2);
    }
    CU_ASSERT_FATAL(contention.is_away);
}

static void contention_that_has_ended_lets_it_come_back(void) {
    start();
    leave();
    for (uint32_t i = 0; i < 100; i++) {
        (void)pass(2);
        CU_ASSERT(contention.is_away); /* as long as it lasts */
    }
    CU_ASSERT(come_back() >= RIM_CONTENTION_AWAY_NS);
}

static void contention_that_returns_is_avoided_for_longer_and_longer(void) {
    start();
    leave();
    uint64_t away_ns = come_back();
    for (uint32_t i = 0; i < 10; i++) {
        leave();
        uint64_t last_ns = away_ns;
        away_ns = come_back();
        CU_ASSERT(away_ns > last_ns || i >= RIM_CONTENTION_AWAYS_MAX);
    }
    uint64_t most_ns = (uint64_t)RIM_CONTENTION_AWAY_NS << RIM_CONTENTION_AWAYS_MAX;
    CU_ASSERT(away_ns >= most_ns && away_ns < most_ns + RIM_CONTENTION_AWAY_NS);
    while (now_ns - contention.moved_ns < most_ns) {
        (void)pass(0); /* a long time at home */
    }
    leave();
    CU_ASSERT(come_back() < (uint64_t)RIM_CONTENTION_AWAY_NS * 2);
}

#define TESTS(X)                                                                                                       \
    X(contention_is_told_by_the_time_without_a_cpu)                                                                    \
    X(contention_once_is_a_short_rest_and_then_another_window)                                                         \
    X(contention_that_lasts_is_rested_for_longer_and_longer)                                                           \
    X(contention_that_lasts_makes_it_leave)                                                                            \
    X(contention_that_has_ended_lets_it_come_back)                                                                     \
    X(contention_that_returns_is_avoided_for_longer_and_longer)
UNIT_SUITE(contention, TESTS)
