/* SPDX-License-Identifier: MIT */
#include "distance.h"

#include "unit.h"

#define NS(line)                                                                                                       \
    { .line_ns = (line) }
#define SHARED                                                                                                         \
    { .line_ns = 48, .is_shared = true }

static void a_look_is_of_a_kind_by_the_shortest_one_that_was_seen(void) {
    struct distance near = NS(160), far = NS(161), shared = SHARED;
    CU_ASSERT_EQUAL(distance_kind_of(&near, 100), DISTANCE_NEAR);
    CU_ASSERT_EQUAL(distance_kind_of(&far, 100), DISTANCE_FAR);
    CU_ASSERT_EQUAL(distance_kind_of(&shared, 100), DISTANCE_SHARED);
    CU_ASSERT_EQUAL(distance_kind_of(&shared, 0), DISTANCE_SHARED);
}

static void a_run_is_of_a_kind_when_all_looks_at_it_are(void) {
    struct distance_run near = {.looks = {NS(109), NS(120), NS(100)}, .count = 3};
    struct distance_run leaves = {.looks = {NS(109), NS(120), NS(490)}, .count = 3};
    struct distance_run visits = {.looks = {NS(109), NS(490), NS(109)}, .count = 3};
    struct distance_run joins = {.looks = {NS(109), SHARED}, .count = 2};
    struct distance_run far = {.looks = {NS(490), NS(460)}, .count = 2};
    struct distance_run shared = {.looks = {SHARED, SHARED}, .count = 2};
    CU_ASSERT_EQUAL(distance_kind_of_run(&near, 100), DISTANCE_NEAR);
    CU_ASSERT_EQUAL(distance_kind_of_run(&leaves, 100), DISTANCE_CHANGED);
    CU_ASSERT_EQUAL(distance_kind_of_run(&visits, 100), DISTANCE_CHANGED);
    CU_ASSERT_EQUAL(distance_kind_of_run(&joins, 100), DISTANCE_CHANGED);
    CU_ASSERT_EQUAL(distance_kind_of_run(&far, 100), DISTANCE_FAR);
    CU_ASSERT_EQUAL(distance_kind_of_run(&shared, 100), DISTANCE_SHARED);
}

static void what_was_not_looked_at_in_between_is_not_asked_for(void) {
    struct distance_run run = {.looks = {NS(109), NS(110), NS(490)}, .count = 2};
    CU_ASSERT_EQUAL(distance_kind_of_run(&run, 100), DISTANCE_NEAR);
}

static void a_figure_is_of_near_runs_where_there_is_one(void) {
    struct distance_run runs[] = {
        {.looks = {NS(490), NS(490)}, .count = 2}, {.looks = {NS(490), NS(110)}, .count = 2},
        {.looks = {NS(110), NS(110)}, .count = 2}, {.looks = {SHARED, SHARED}, .count = 2},
        {.looks = {NS(490), NS(480)}, .count = 2},
    };
    uint32_t counts[DISTANCE_KINDS];
    CU_ASSERT_EQUAL(distance_choose(runs, 5, 105, counts), DISTANCE_NEAR);
    CU_ASSERT_EQUAL(counts[DISTANCE_NEAR], 1);
    CU_ASSERT_EQUAL(counts[DISTANCE_FAR], 2);
    CU_ASSERT_EQUAL(counts[DISTANCE_SHARED], 1);
    CU_ASSERT_EQUAL(counts[DISTANCE_CHANGED], 1);
    CU_ASSERT_EQUAL(distance_wanted(105), DISTANCE_NEAR);
}

static void without_a_near_run_it_is_of_the_far_ones_then_of_what_there_is(void) {
    struct distance_run far[] = {{.looks = {NS(490), NS(110)}, .count = 2}, {.looks = {NS(490), NS(490)}, .count = 2}};
    struct distance_run shared[] = {{.looks = {NS(490), NS(110)}, .count = 2}, {.looks = {SHARED, SHARED}, .count = 2}};
    uint32_t counts[DISTANCE_KINDS];
    CU_ASSERT_EQUAL(distance_choose(far, 2, 105, counts), DISTANCE_FAR);
    CU_ASSERT_EQUAL(distance_choose(shared, 2, 105, counts), DISTANCE_SHARED);
    CU_ASSERT_EQUAL(distance_choose(shared, 1, 105, counts), DISTANCE_CHANGED);
}

static void where_the_distance_is_constant_all_runs_are_kept(void) {
    struct distance_run always[] = {{.looks = {NS(490), NS(500)}, .count = 2},
                                    {.looks = {NS(480), NS(520)}, .count = 2}};
    uint32_t counts[DISTANCE_KINDS];
    CU_ASSERT_EQUAL(distance_choose(always, 2, 480, counts), DISTANCE_NEAR);
    CU_ASSERT_EQUAL(counts[DISTANCE_NEAR], 2);
}

static void a_machine_of_one_core_is_taken_as_it_is(void) {
    struct distance_run always[] = {{.looks = {SHARED, SHARED}, .count = 2}, {.looks = {SHARED, SHARED}, .count = 2}};
    uint32_t counts[DISTANCE_KINDS];
    CU_ASSERT_EQUAL(distance_choose(always, 2, 0, counts), DISTANCE_SHARED);
    CU_ASSERT_EQUAL(distance_wanted(0), DISTANCE_SHARED);
    CU_ASSERT_EQUAL(counts[DISTANCE_SHARED], 2);
}

#define TESTS(X)                                                                                                       \
    X(a_look_is_of_a_kind_by_the_shortest_one_that_was_seen)                                                           \
    X(a_run_is_of_a_kind_when_all_looks_at_it_are)                                                                     \
    X(what_was_not_looked_at_in_between_is_not_asked_for)                                                              \
    X(a_figure_is_of_near_runs_where_there_is_one)                                                                     \
    X(without_a_near_run_it_is_of_the_far_ones_then_of_what_there_is)                                                  \
    X(where_the_distance_is_constant_all_runs_are_kept)                                                                \
    X(a_machine_of_one_core_is_taken_as_it_is)
UNIT_SUITE(distance, TESTS)
