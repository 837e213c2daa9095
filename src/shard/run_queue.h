/* SPDX-License-Identifier: MIT */
/*
 * run_queue.h - tasks that are ready, first come first served. A task is in the queue at most once: its owner knows.
 */
#ifndef RINGMAIL_SHARD_RUN_QUEUE_H
#define RINGMAIL_SHARD_RUN_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct rim__task {
    struct rim__task *next;
};

struct rim__run_queue {
    struct rim__task *head, *last;
};

static inline bool rim__run_queue_is_empty(const struct rim__run_queue *queue) {
    return queue->head == NULL;
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

static inline struct rim__task *rim__run_queue_pop(struct rim__run_queue *queue) {
    struct rim__task *task = queue->head;
    if (task != NULL) {
        queue->head = task->next;
    }
    return task;
}

/* Takes a task out of the middle: slow, for the end of an actor's life. */
static inline void rim__run_queue_remove(struct rim__run_queue *queue, struct rim__task *task) {
    struct rim__task *before = NULL;
    for (struct rim__task *at = queue->head; at != NULL; before = at, at = at->next) {
        if (at == task) {
            if (before == NULL) {
                queue->head = task->next;
            } else {
                before->next = task->next;
            }
            if (queue->last == task) {
                queue->last = before;
            }
            return;
        }
    }
}

#endif
