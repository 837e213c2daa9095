/* SPDX-License-Identifier: MIT */
#include "io/sim_event.h"

#include <stdlib.h>

#include "base/assert.h"

void *rim__sim_event_alloc(size_t size) {
    void *block = calloc(1, size);
    rim__assert(block != NULL);
    return block;
}

static bool is_before(const struct rim__sim_event *a, const struct rim__sim_event *b) {
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void grow(struct rim__sim_events *events) {
    size_t capacity = events->capacity == 0 ? 64 : 2 * events->capacity;
    struct rim__sim_event *heap = realloc(events->heap, capacity * sizeof *heap);
    rim__assert(heap != NULL);
    events->heap = heap;
    events->capacity = capacity;
}

void rim__sim_event_push(struct rim__sim_events *events, struct rim__sim_event event) {
    if (events->count == events->capacity) {
        grow(events);
    }
    event.order = events->pushed++;
    size_t at = events->count++;
    while (at > 0 && is_before(&event, &events->heap[(at - 1) / 2])) {
        events->heap[at] = events->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    events->heap[at] = event;
}

/* Puts `event` in the place of the first one. */
static void sink(struct rim__sim_events *events, const struct rim__sim_event *event) {
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < events->count && is_before(&events->heap[child + 1], &events->heap[child])) {
            child++;
        }
        if (child >= events->count || !is_before(&events->heap[child], event)) {
            break;
        }
        events->heap[at] = events->heap[child];
        at = child;
    }
    events->heap[at] = *event;
}

bool rim__sim_event_take(struct rim__sim_events *events, uint64_t now_ns, struct rim__sim_event *out) {
    if (events->count == 0) {
        return false;
    }
    bool is_moot = events->heap[0].moot != NULL && *events->heap[0].moot;
    if (events->heap[0].due_ns > now_ns && !is_moot) {
        return false;
    }
    *out = events->heap[0];
    struct rim__sim_event last = events->heap[--events->count];
    if (events->count > 0) {
        sink(events, &last);
    }
    return true;
}

uint64_t rim__sim_event_next(const struct rim__sim_events *events) {
    return events->count > 0 ? events->heap[0].due_ns : RIM_SIM_NEVER;
}

void rim__sim_event_finish(struct rim__sim_events *events) {
    free(events->heap);
    *events = (struct rim__sim_events){0};
}
