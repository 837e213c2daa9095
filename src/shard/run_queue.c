/* SPDX-License-Identifier: MIT */
#include "shard/run_queue.h"

/* The nest has had its share, and others wait to be born. */
static bool is_put_off(const struct rim__run_queue *queue) {
    return queue->nest_row >= RIM_RUN_QUEUE_NEST && queue->nest_last == NULL && queue->young != NULL;
}

void rim__run_queue_push_young(struct rim__run_queue *queue, struct rim__task *task) {
    struct rim__task *before = is_put_off(queue) ? queue->young_last : queue->young_at;
    struct rim__task **link = before != NULL ? &before->next : &queue->young;
    task->next = *link;
    *link = task;
    queue->young_at = task;
    if (queue->nest_last == before) { /* also where both are NULL: the nest begins */
        queue->nest_last = task;
    }
    if (task->next == NULL) {
        queue->young_last = task;
    }
}

/* What is left of the nest goes behind what was put off before. */
static void put_off(struct rim__run_queue *queue) {
    struct rim__task *first = queue->nest_last->next;
    if (first != NULL) {
        queue->young_last->next = queue->young;
        queue->young_last = queue->nest_last;
        queue->nest_last->next = NULL;
        queue->young = first;
    }
    queue->nest_last = NULL;
}

static struct rim__task *pop_young(struct rim__run_queue *queue) {
    struct rim__task *task = queue->young;
    queue->young = task->next;
    queue->young_at = NULL;
    if (queue->nest_last == NULL) { /* it was put off before: a nest of its own */
        queue->nest_row = 0;
    } else if (queue->nest_last == task) {
        queue->nest_last = NULL;
    }
    if (++queue->nest_row >= RIM_RUN_QUEUE_NEST && queue->nest_last != NULL) {
        put_off(queue);
    }
    return task;
}

struct rim__task *rim__run_queue_pop_mixed(struct rim__run_queue *queue) {
    bool is_turn_of_others = (queue->turn++ & RIM_RUN_QUEUE_ROW) != 0;
    return is_turn_of_others && queue->head != NULL ? rim__run_queue_pop_other(queue) : pop_young(queue);
}

/* Whether it is in this list. *before: what comes before it, or NULL. */
static bool find_before(struct rim__task *head, const struct rim__task *task, struct rim__task **before) {
    *before = NULL;
    while (head != NULL && head != task) {
        *before = head;
        head = head->next;
    }
    return head != NULL;
}

void rim__run_queue_remove(struct rim__run_queue *queue, struct rim__task *task) {
    struct rim__task *before;
    if (find_before(queue->head, task, &before)) {
        *(before != NULL ? &before->next : &queue->head) = task->next;
        queue->last = queue->last == task ? before : queue->last;
    } else if (find_before(queue->young, task, &before)) {
        *(before != NULL ? &before->next : &queue->young) = task->next;
        queue->young_last = queue->young_last == task ? before : queue->young_last;
        queue->nest_last = queue->nest_last == task ? before : queue->nest_last;
        queue->young_at = queue->young_at == task ? before : queue->young_at;
    }
}
