/* SPDX-License-Identifier: MIT */
#include "actor/table.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "ringmail/error.h"

#define SLOTS_BYTES (RIM_SLOTS * sizeof(struct rim__slot))

struct rim__slot *rim__table_map(uint32_t tables) {
    void *rows = mmap(NULL, tables * SLOTS_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return rows != MAP_FAILED ? rows : NULL;
}

void rim__table_unmap(struct rim__slot *rows, uint32_t tables) {
    if (rows != NULL) {
        munmap(rows, tables * SLOTS_BYTES);
    }
}

void rim__table_init(struct rim__table *table, struct rim__slot *row, uint32_t limit) {
    *table = (struct rim__table){
        .slots = row, .free = RIM_SLOTS, .spent = RIM_SLOTS, .spent_last = RIM_SLOTS, .limit = limit};
}

static struct rim__slot *slot_at(const struct rim__table *table, uint32_t number) {
    return &table->slots[number];
}

static rim__cold bool open_stretch(struct rim__table *table, uint32_t stretch) {
    struct rim__slot *slots = &table->slots[stretch << RIM_STRETCH_BITS];
    if (mprotect(slots, RIM_STRETCH_SLOTS * sizeof *slots, PROT_READ | PROT_WRITE) != 0) {
        return false;
    }
    table->stretches |= 1ull << stretch;
    return true;
}

static bool make_writable(struct rim__table *table, uint32_t number) {
    uint32_t stretch = number >> RIM_STRETCH_BITS;
    return rim__likely((table->stretches >> stretch & 1) != 0) || open_stretch(table, stretch);
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
        if (!make_writable(table, *number)) {
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
    return make_writable(table, number) ? slot_at(table, number) : NULL;
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
        uint32_t stretch = *number >> RIM_STRETCH_BITS;
        if ((table->stretches >> stretch & 1) == 0) {
            *number = (stretch + 1) << RIM_STRETCH_BITS;
            continue;
        }
        void *object = table->slots[*number].object;
        (*number)++;
        if (object != NULL) {
            return object;
        }
    }
    return NULL;
}
