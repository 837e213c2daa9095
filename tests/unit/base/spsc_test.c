/* SPDX-License-Identifier: MIT */
#include "base/spsc.h"

#include <errno.h>

#include "base/random.h"
#include "unit.h"

#define CAPACITY  15u
#define NEAR_WRAP (UINT32_MAX - 100u) /* operations done already: the indexes wrap soon */

static char cells[512];

static void start_near_wrap(struct rim__spsc *spsc) {
    spsc->ring.c_head = spsc->ring.p_tail = spsc->ring.p_head = NEAR_WRAP;
}

static void *cell(uint64_t number) {
    return &cells[number % sizeof cells];
}

static void spsc_holds_as_many_as_asked_for(void) {
    for (uint32_t capacity = 1; capacity <= 1024; capacity = capacity * 2 + capacity % 3) {
        struct rim__spsc spsc;
        CU_ASSERT_FATAL(rim__spsc_init(&spsc, capacity) == 0);
        uint32_t count = 0;
        while (rim__spsc_push(&spsc, cell(count))) {
            count++;
        }
        CU_ASSERT(count >= capacity);
        CU_ASSERT(count < 2 * capacity + 4);
        for (uint32_t i = 0; i < count; i++) {
            CU_ASSERT(rim__spsc_pop(&spsc) == cell(i));
        }
        CU_ASSERT(rim__spsc_pop(&spsc) == NULL);
        rim__spsc_finish(&spsc);
    }
}

static void spsc_refuses_when_full_and_takes_again_after_one_pop(void) {
    struct rim__spsc spsc;
    CU_ASSERT_FATAL(rim__spsc_init(&spsc, CAPACITY) == 0);
    start_near_wrap(&spsc);
    uint64_t pushed = 0, popped = 0;
    while (rim__spsc_push(&spsc, cell(pushed))) {
        pushed++;
    }
    CU_ASSERT_EQUAL(pushed, CAPACITY);
    for (uint32_t i = 0; i < 400; i++) { /* always full: across the wrap of the indexes */
        CU_ASSERT(!rim__spsc_push(&spsc, cell(pushed)));
        CU_ASSERT(rim__spsc_pop(&spsc) == cell(popped++));
        CU_ASSERT(rim__spsc_push(&spsc, cell(pushed++)));
    }
    CU_ASSERT(spsc.ring.p_tail < NEAR_WRAP);
    rim__spsc_finish(&spsc);
}

static void spsc_is_empty_over_and_over_across_the_wrap(void) {
    struct rim__spsc spsc;
    CU_ASSERT_FATAL(rim__spsc_init(&spsc, CAPACITY) == 0);
    start_near_wrap(&spsc);
    for (uint64_t i = 0; i < 400; i++) {
        CU_ASSERT(rim__spsc_pop(&spsc) == NULL);
        CU_ASSERT(rim__spsc_push(&spsc, cell(i)));
        CU_ASSERT(rim__spsc_pop(&spsc) == cell(i));
    }
    CU_ASSERT(spsc.ring.c_head < NEAR_WRAP);
    rim__spsc_finish(&spsc);
}

static void spsc_is_a_queue_under_random_pushes_and_pops(void) {
    struct rim__random random;
    struct rim__spsc spsc;
    rim__random_init(&random, unit_seed());
    CU_ASSERT_FATAL(rim__spsc_init(&spsc, CAPACITY) == 0);
    start_near_wrap(&spsc);
    uint64_t pushed = 0, popped = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        if (rim__random_below(&random, 2) == 0) {
            bool done = rim__spsc_push(&spsc, cell(pushed));
            CU_ASSERT_EQUAL(done, pushed - popped < CAPACITY);
            pushed += done;
        } else {
            void *got = rim__spsc_pop(&spsc);
            CU_ASSERT(got == (pushed == popped ? NULL : cell(popped)));
            popped += got != NULL;
        }
    }
    CU_ASSERT(popped > 1000);
    rim__spsc_finish(&spsc);
}

static void spsc_keeps_its_ends_on_lines_of_their_own(void) {
    struct rim__spsc spsc;
    CU_ASSERT_FATAL(rim__spsc_init(&spsc, 1) == 0);
    CU_ASSERT_EQUAL((uintptr_t)spsc.slots % RIM_CACHE_LINE, 0);
    CU_ASSERT((char *)&spsc.ring.p_tail - (char *)&spsc.ring.c_head >= 64);
    rim__spsc_finish(&spsc);
    CU_ASSERT(spsc.slots == NULL);
    rim__spsc_finish(&spsc); /* twice does no harm */
}

#define TESTS(X)                                                                                                       \
    X(spsc_holds_as_many_as_asked_for)                                                                                 \
    X(spsc_refuses_when_full_and_takes_again_after_one_pop)                                                            \
    X(spsc_is_empty_over_and_over_across_the_wrap)                                                                     \
    X(spsc_is_a_queue_under_random_pushes_and_pops)                                                                    \
    X(spsc_keeps_its_ends_on_lines_of_their_own)
UNIT_SUITE(spsc, TESTS)
