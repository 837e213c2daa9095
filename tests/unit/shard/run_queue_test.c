/* SPDX-License-Identifier: MIT */
#include "shard/run_queue.h"

#include <string.h>

#include "base/random.h"
#include "unit.h"

#define TASKS 5u

static struct rim__task tasks[TASKS];

static void fill(struct rim__run_queue *queue) {
    *queue = (struct rim__run_queue){.head = NULL};
    for (uint32_t i = 0; i < TASKS; i++) {
        rim__run_queue_push(queue, &tasks[i]);
    }
}

static void run_queue_serves_first_come_first_served(void) {
    struct rim__run_queue queue;
    fill(&queue);
    for (uint32_t i = 0; i < TASKS; i++) {
        CU_ASSERT(!rim__run_queue_is_empty(&queue));
        CU_ASSERT(rim__run_queue_pop(&queue) == &tasks[i]);
    }
    CU_ASSERT(rim__run_queue_is_empty(&queue));
    CU_ASSERT(rim__run_queue_pop(&queue) == NULL);
}

static void run_queue_takes_tasks_again_after_it_was_empty(void) {
    struct rim__run_queue queue = {.head = NULL};
    for (uint32_t i = 0; i < 3; i++) {
        rim__run_queue_push(&queue, &tasks[0]);
        rim__run_queue_push(&queue, &tasks[1]);
        CU_ASSERT(rim__run_queue_pop(&queue) == &tasks[0]);
        rim__run_queue_push(&queue, &tasks[0]); /* behind the others */
        CU_ASSERT(rim__run_queue_pop(&queue) == &tasks[1]);
        CU_ASSERT(rim__run_queue_pop(&queue) == &tasks[0]);
        CU_ASSERT(rim__run_queue_is_empty(&queue));
    }
}

static void run_queue_loses_exactly_the_task_that_is_removed(void) {
    for (uint32_t removed = 0; removed < TASKS; removed++) {
        struct rim__run_queue queue;
        struct rim__task extra;
        fill(&queue);
        rim__run_queue_remove(&queue, &tasks[removed]);
        rim__run_queue_push(&queue, &extra); /* the end must be right, too */
        for (uint32_t i = 0; i < TASKS; i++) {
            if (i != removed) {
                CU_ASSERT(rim__run_queue_pop(&queue) == &tasks[i]);
            }
        }
        CU_ASSERT(rim__run_queue_pop(&queue) == &extra);
        CU_ASSERT(rim__run_queue_is_empty(&queue));
    }
}

static void run_queue_of_one_is_empty_after_its_removal(void) {
    struct rim__run_queue queue = {.head = NULL};
    rim__run_queue_push(&queue, &tasks[0]);
    rim__run_queue_remove(&queue, &tasks[1]); /* not in it */
    CU_ASSERT(!rim__run_queue_is_empty(&queue));
    rim__run_queue_remove(&queue, &tasks[0]);
    CU_ASSERT(rim__run_queue_is_empty(&queue));
    rim__run_queue_push(&queue, &tasks[1]);
    CU_ASSERT(rim__run_queue_pop(&queue) == &tasks[1]);
}

static void run_queue_serves_young_ones_and_others_in_turns(void) {
    struct rim__task others[2 * RIM_RUN_QUEUE_ROW + 1], young[2 * RIM_RUN_QUEUE_ROW + 1];
    struct rim__run_queue queue = {.head = NULL};
    for (uint32_t i = 0; i < 2 * RIM_RUN_QUEUE_ROW + 1; i++) {
        rim__run_queue_push(&queue, &others[i]);
        rim__run_queue_push_young(&queue, &young[i]);
    }
    for (uint32_t row = 0; row < 2; row++) {
        for (uint32_t i = 0; i < RIM_RUN_QUEUE_ROW; i++) {
            CU_ASSERT(rim__run_queue_pop(&queue) == &young[row * RIM_RUN_QUEUE_ROW + i]);
        }
        for (uint32_t i = 0; i < RIM_RUN_QUEUE_ROW; i++) {
            CU_ASSERT(rim__run_queue_pop(&queue) == &others[row * RIM_RUN_QUEUE_ROW + i]);
        }
    }
    CU_ASSERT(rim__run_queue_pop(&queue) == &young[2 * RIM_RUN_QUEUE_ROW]);
    CU_ASSERT(rim__run_queue_pop(&queue) == &others[2 * RIM_RUN_QUEUE_ROW]);
    CU_ASSERT(rim__run_queue_is_empty(&queue));
}

static void run_queue_goes_down_before_it_goes_on(void) {
    struct rim__run_queue queue = {.head = NULL};
    static const uint32_t order[] = {0, 2, 3, 4, 1};
    rim__run_queue_push_young(&queue, &tasks[0]);
    rim__run_queue_push_young(&queue, &tasks[1]);
    for (uint32_t i = 0; i < TASKS; i++) {
        CU_ASSERT(rim__run_queue_pop(&queue) == &tasks[order[i]]);
        if (order[i] == 0) {
            rim__run_queue_push_young(&queue, &tasks[2]);
            rim__run_queue_push_young(&queue, &tasks[4]);
        } else if (order[i] == 2) {
            rim__run_queue_push_young(&queue, &tasks[3]);
        }
    }
    CU_ASSERT(rim__run_queue_is_empty(&queue));
}

/* Two lines that never end, and one task that waits behind them: each gets its share in turn. */
static void run_queue_puts_off_what_does_not_end(void) {
    struct rim__run_queue queue = {.head = NULL};
    for (uint32_t i = 0; i < 3; i++) {
        rim__run_queue_push_young(&queue, &tasks[i]);
    }
    for (uint32_t i = 0; i < 4 * RIM_RUN_QUEUE_NEST; i++) {
        uint32_t line = i / RIM_RUN_QUEUE_NEST % 2;
        struct rim__task *task = rim__run_queue_pop(&queue);
        if (i == 2 * RIM_RUN_QUEUE_NEST) {
            CU_ASSERT(task == &tasks[2]); /* it makes no others */
            task = rim__run_queue_pop(&queue);
        }
        CU_ASSERT(task == &tasks[line]);
        rim__run_queue_push_young(&queue, task);
    }
}

/* Whatever is pushed and removed in whatever order: each comes once, and nobody waits for ever. */
static void run_queue_loses_none_of_young_and_others(void) {
    enum { MANY = 64, STEPS = 200000, WAIT_MAX = 2 * MANY * RIM_RUN_QUEUE_NEST };
    static struct rim__task many[MANY];
    static uint32_t since[MANY]; /* when it was pushed, and one; 0: it is not in the queue */
    struct rim__run_queue queue = {.head = NULL};
    struct rim__random random;
    uint32_t in = 0;
    rim__random_init(&random, 7);
    memset(since, 0, sizeof since);
    for (uint32_t step = 1; step < STEPS; step++) {
        uint32_t at = (uint32_t)(rim__random_next(&random) % MANY), what = rim__random_next(&random) % 16;
        if (since[at] == 0 && what < 12) {
            (what < 8 ? rim__run_queue_push_young : rim__run_queue_push)(&queue, &many[at]);
            since[at] = step;
            in++;
        } else if (since[at] != 0 && what == 0) {
            rim__run_queue_remove(&queue, &many[at]);
            since[at] = 0;
            in--;
        } else {
            struct rim__task *task = rim__run_queue_pop(&queue);
            CU_ASSERT_FATAL((task == NULL) == (in == 0));
            if (task != NULL) {
                CU_ASSERT_FATAL(since[task - many] != 0);
                CU_ASSERT(step - since[task - many] < WAIT_MAX);
                since[task - many] = 0;
                in--;
            }
        }
        CU_ASSERT_FATAL(rim__run_queue_is_empty(&queue) == (in == 0));
    }
}

#define TESTS(X)                                                                                                       \
    X(run_queue_serves_first_come_first_served)                                                                        \
    X(run_queue_takes_tasks_again_after_it_was_empty)                                                                  \
    X(run_queue_loses_exactly_the_task_that_is_removed)                                                                \
    X(run_queue_of_one_is_empty_after_its_removal)                                                                     \
    X(run_queue_serves_young_ones_and_others_in_turns)                                                                 \
    X(run_queue_goes_down_before_it_goes_on)                                                                           \
    X(run_queue_puts_off_what_does_not_end)                                                                            \
    X(run_queue_loses_none_of_young_and_others)
UNIT_SUITE(run_queue, TESTS)
