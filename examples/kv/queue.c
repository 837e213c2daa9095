/* SPDX-License-Identifier: MIT */
#include "queue.h"

#include <stdlib.h>

#define ROOM_FIRST 4u
#define ROOM_KEPT  32u /* an idle connection keeps no more */

static bool grow(struct queue *queue) {
    uint32_t room = queue->room == 0 ? ROOM_FIRST : queue->room * 2;
    struct slot *slots = malloc(room * sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < queue->count; i++) {
        slots[(queue->first + i) & (room - 1)] = *queue_at(queue, queue->first + i);
    }
    free(queue->slots);
    queue->slots = slots;
    queue->room = room;
    return true;
}

struct slot *queue_push(struct queue *queue, enum slot_kind kind) {
    if (queue->count == queue->room && !grow(queue)) {
        return NULL;
    }
    queue->count++;
    struct slot *slot = queue_at(queue, queue_last(queue));
    *slot = (struct slot){.kind = (uint8_t)kind};
    return slot;
}

void queue_pop(struct queue *queue) {
    queue->first++;
    queue->count--;
    if (queue->count == 0 && queue->room > ROOM_KEPT) {
        queue_free(queue);
    }
}

void queue_free(struct queue *queue) {
    free(queue->slots);
    queue->slots = NULL;
    queue->room = 0;
    queue->count = 0;
}
