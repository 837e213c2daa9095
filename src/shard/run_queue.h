/* SPDX-License-Identifier: MIT */
/*
 * run_queue.h - tasks that are ready. A task is in the queue at most once: its owner knows. Called by loop.c, and by
 * the layer above, whose tasks they are.
 *
 *      young      5 6 | 3 4 | 2     8 9 | 7        made by the task that ran last, by the one before, ...
 *                   the nest     what was put off
 *      others     a b c d                          first come, first served
 *
 * A task that is to run for the first time is young if it was made by one that ran for the first time. It goes before
 * those that are young already, so that a task which makes others, which make others, is followed downwards, and few
 * of them are there at once. Made in a row, without another young one running in between, they keep their order.
 *
 *     Order    young ones and others take turns, 16 each. Where the nest has not come to its end after 4,096, the rest
 *              of it is put off, behind what was put off before: nobody waits for ever
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_SHARD_RUN_QUEUE_H
#define RINGMAIL_SHARD_RUN_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define RIM_RUN_QUEUE_ROW  16u /* a power of two */
#define RIM_RUN_QUEUE_NEST 4096u

struct rim__task {
    struct rim__task *next;
};

struct rim__run_queue {
    struct rim__task *head, *last;
    struct rim__task *young, *young_last;
    struct rim__task *nest_last; /* of the young ones that were not put off; NULL: all were */
    struct rim__task *young_at;  /* the next young one goes behind this; NULL: before all */
    uint32_t turn;               /* whose: counts what was taken while there were young ones */
    uint32_t nest_row;           /* taken of this nest: of one that was put off, and of what came from it */
};

static inline bool rim__run_queue_is_empty(const struct rim__run_queue *queue) {
    return queue->head == NULL && queue->young == NULL;
}

static inline void rim__run_queue_push(struct rim__run_queue *queue, struct rim__task *task) {
    task->next = NULL;
    if (queue->head == NULL) {
        queue->head = task;
    } else {
        queue->last->next = task;
    }
    queue->last = task;
}

static inline struct rim__task *rim__run_queue_pop_other(struct rim__run_queue *queue) {
    struct rim__task *task = queue->head;
    if (task != NULL) {
        queue->head = task->next;
    }
    return task;
}

void rim__run_queue_push_young(struct rim__run_queue *queue, struct rim__task *task);
/* Where there are young ones. */
struct rim__task *rim__run_queue_pop_mixed(struct rim__run_queue *queue);

static inline struct rim__task *rim__run_queue_pop(struct rim__run_queue *queue) {
    return rim__likely(queue->young == NULL) ? rim__run_queue_pop_other(queue) : rim__run_queue_pop_mixed(queue);
}

/* Takes a task out of the middle: slow, for the end of an actor's life. */
void rim__run_queue_remove(struct rim__run_queue *queue, struct rim__task *task);

#endif
