/* SPDX-License-Identifier: MIT */
#include "shard/run_queue.h"

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

#define TESTS(X)                                                                                                       \
    X(run_queue_serves_first_come_first_served)                                                                        \
    X(run_queue_takes_tasks_again_after_it_was_empty)                                                                  \
    X(run_queue_loses_exactly_the_task_that_is_removed)                                                                \
    X(run_queue_of_one_is_empty_after_its_removal)
UNIT_SUITE(run_queue, TESTS)
