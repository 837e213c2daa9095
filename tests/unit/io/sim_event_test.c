/* SPDX-License-Identifier: MIT */
#include "io/sim_event.h"

#include "base/random.h"
#include "unit.h"

static struct rim__sim_events events;

static void push(uint64_t due_ns, int32_t arg) {
    rim__sim_event_push(&events, (struct rim__sim_event){.due_ns = due_ns, .arg = arg});
}

static void sim_event_comes_in_its_time_and_not_before(void) {
    struct rim__sim_event event;
    CU_ASSERT(!rim__sim_event_take(&events, UINT64_MAX, &event));
    CU_ASSERT_EQUAL(rim__sim_event_next(&events), RIM_SIM_NEVER);
    push(100, 1);
    CU_ASSERT_EQUAL(rim__sim_event_next(&events), 100);
    CU_ASSERT(!rim__sim_event_take(&events, 99, &event));
    CU_ASSERT(rim__sim_event_take(&events, 100, &event));
    CU_ASSERT_EQUAL(event.arg, 1);
    CU_ASSERT(!rim__sim_event_take(&events, UINT64_MAX, &event)); /* once */
    rim__sim_event_finish(&events);
}

static void sim_events_of_one_time_come_as_pushed(void) {
    struct rim__sim_event event;
    for (int32_t i = 0; i < 1000; i++) {
        push(i % 2 == 0 ? 5 : 7, i);
    }
    for (int32_t i = 0; i < 1000; i++) {
        CU_ASSERT_FATAL(rim__sim_event_take(&events, 7, &event));
        CU_ASSERT_EQUAL(event.arg, i < 500 ? 2 * i : 2 * (i - 500) + 1);
    }
    rim__sim_event_finish(&events);
}

static void sim_events_come_in_order_of_time(void) {
    struct rim__random random;
    struct rim__sim_event event;
    uint64_t now_ns = 0, pushed = 0, taken = 0;
    rim__random_init(&random, unit_seed());
    for (uint32_t round = 0; round < 3000; round++) {
        for (uint64_t count = rim__random_below(&random, 6); count > 0; count--, pushed++) {
            push(now_ns + rim__random_below(&random, 500), 0);
        }
        uint64_t last_ns = 0;
        now_ns += rim__random_below(&random, 100);
        while (rim__sim_event_take(&events, now_ns, &event)) {
            CU_ASSERT(event.due_ns >= last_ns && event.due_ns <= now_ns);
            last_ns = event.due_ns;
            taken++;
        }
        CU_ASSERT(rim__sim_event_next(&events) > now_ns);
    }
    CU_ASSERT_EQUAL(pushed - taken, events.count);
    CU_ASSERT(taken > 5000);
    rim__sim_event_finish(&events);
}

static void sim_event_that_is_moot_may_be_taken_before_its_time(void) {
    struct rim__sim_event event;
    bool moot = false;
    rim__sim_event_push(&events, (struct rim__sim_event){.due_ns = 50, .moot = &moot, .arg = 1});
    push(60, 2);
    CU_ASSERT(!rim__sim_event_take(&events, 10, &event));
    moot = true;
    CU_ASSERT(rim__sim_event_take(&events, 10, &event));
    CU_ASSERT_EQUAL(event.arg, 1);
    CU_ASSERT(!rim__sim_event_take(&events, 10, &event));
    CU_ASSERT_EQUAL(rim__sim_event_next(&events), 60);
    rim__sim_event_finish(&events);
    CU_ASSERT_EQUAL(rim__sim_event_next(&events), RIM_SIM_NEVER);
}

#define TESTS(X)                                                                                                       \
    X(sim_event_comes_in_its_time_and_not_before)                                                                      \
    X(sim_events_of_one_time_come_as_pushed)                                                                           \
    X(sim_events_come_in_order_of_time)                                                                                \
    X(sim_event_that_is_moot_may_be_taken_before_its_time)
UNIT_SUITE(sim_event, TESTS)
