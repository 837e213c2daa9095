/* SPDX-License-Identifier: MIT */
#include "actor/table.h"

#include <errno.h>
#include <stdlib.h>

#include "base/assert.h"
#include "ringmail/error.h"

int rim__table_init(struct rim__table *table, uint32_t limit) {
    *table = (struct rim__table){.free = RIM_SLOTS, .spent = RIM_SLOTS, .spent_last = RIM_SLOTS, .limit = limit};
    table->chunks = calloc(RIM_CHUNKS, sizeof *table->chunks);
    return table->chunks != NULL ? 0 : -ENOMEM;
}

void rim__table_finish(struct rim__table *table) {
    for (uint32_t i = 0; i < table->chunk_end; i++) { /* not all: reading pages that were never written makes them */
        if (table->chunks[i] != NULL) {
            free(table->chunks[i]);
        }
    }
    free(table->chunks);
    table->chunks = NULL;
    table->chunk_end = 0;
}

static struct rim__slot *slot_at(const struct rim__table *table, uint32_t number) {
    return &table->chunks[number >> RIM_CHUNK_BITS][number & (RIM_CHUNK_SLOTS - 1)];
}

static bool make_chunk(struct rim__table *table, uint32_t number) {
    uint32_t at = number >> RIM_CHUNK_BITS;
    struct rim__slot **chunk = &table->chunks[at];
    if (*chunk == NULL) {
        *chunk = calloc(RIM_CHUNK_SLOTS, sizeof **chunk);
        table->chunk_end = at < table->chunk_end ? table->chunk_end : at + 1;
    }
    return *chunk != NULL;
}

/* Warm slots first, then new ones, then those that start their generations over. */
static int take_slot(struct rim__table *table, uint32_t *number) {
    if (table->free != RIM_SLOTS) {
        *number = table->free;
        table->free = slot_at(table, *number)->next;
        return 0;
    }
    if (table->fresh < table->limit) {
        *number = table->fresh;
        if (!make_chunk(table, *number)) {
            return -ENOMEM;
        }
        table->fresh++;
        return 0;
    }
    if (table->spent == RIM_SLOTS) {
        return -RIM_ELIMIT;
    }
    *number = table->spent;
    table->spent = slot_at(table, *number)->next;
    return 0;
}

int rim__table_add(struct rim__table *table, void *object, uint64_t *local) {
    uint32_t number;
    int error = take_slot(table, &number);
    if (error != 0) {
        return error;
    }
    struct rim__slot *slot = slot_at(table, number);
    rim__assert(slot->object == NULL);
    slot->object = object;
    table->count++;
    *local = (uint64_t)number << RIM_GENERATION_BITS | slot->generation;
    return 0;
}

struct rim__slot *rim__table_slot(struct rim__table *table, uint64_t local) {
    uint32_t number = (uint32_t)(local >> RIM_GENERATION_BITS) & (RIM_SLOTS - 1);
    return make_chunk(table, number) ? slot_at(table, number) : NULL;
}

static void give_back(struct rim__table *table, struct rim__slot *slot, uint32_t number) {
    if (slot->generation != 0) {
        slot->next = table->free;
        table->free = number;
        return;
    }
    slot->next = RIM_SLOTS;
    if (table->spent == RIM_SLOTS) {
        table->spent = number;
    } else {
        slot_at(table, table->spent_last)->next = number;
    }
    table->spent_last = number;
}

uint64_t rim__table_remove(struct rim__table *table, uint64_t local) {
    uint32_t number = (uint32_t)(local >> RIM_GENERATION_BITS) & (RIM_SLOTS - 1);
    struct rim__slot *slot = slot_at(table, number);
    rim__assert(slot->object != NULL);
    rim__assert(slot->generation == (local & (RIM_GENERATIONS - 1)));
    slot->object = NULL;
    slot->generation = (slot->generation + 1) & (RIM_GENERATIONS - 1);
    table->count--;
    if (number < table->limit) {
        give_back(table, slot, number);
    }
    return (uint64_t)number << RIM_GENERATION_BITS | slot->generation;
}

void *rim__table_next(const struct rim__table *table, uint32_t *number) {
    while (*number < RIM_SLOTS) {
        const struct rim__slot *chunk = table->chunks[*number >> RIM_CHUNK_BITS];
        if (chunk == NULL) {
            *number = ((*number >> RIM_CHUNK_BITS) + 1) << RIM_CHUNK_BITS;
            continue;
        }
        void *object = chunk[*number & (RIM_CHUNK_SLOTS - 1)].object;
        (*number)++;
        if (object != NULL) {
            return object;
        }
    }
    return NULL;
}
