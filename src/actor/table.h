/* SPDX-License-Identifier: MIT */
/*
 * table.h - slot and generation to object: actors, requests, timers. A stale handle finds nothing.
 *
 *     handle, low 40 bits:   slot 22 | generation 18
 *
 * A slot that is taken again has the next generation. Slots are reused last freed first, while they are warm in the
 * cache; one whose generations are used up waits at the end of the line, behind every slot that never was used.
 *
 * All slots that there can be are one row of addresses, so that to find one takes no load before its own: each message
 * waits for that. They take memory where they are used. Elsewhere zeroes can be read, an older or a made-up handle's
 * among them, but not written: that is asked of the kernel for one STRETCH at a time, which may refuse it.
 */
#ifndef RINGMAIL_ACTOR_TABLE_H
#define RINGMAIL_ACTOR_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RIM_SLOT_BITS       22
#define RIM_GENERATION_BITS 18
#define RIM_SLOTS           (1u << RIM_SLOT_BITS)
#define RIM_GENERATIONS     (1u << RIM_GENERATION_BITS)
#define RIM_LOCAL_BITS      40
#define RIM_LOCAL_MASK      ((1ull << RIM_LOCAL_BITS) - 1)

#define RIM_STRETCH_BITS  16
#define RIM_STRETCH_SLOTS (1u << RIM_STRETCH_BITS)
#define RIM_STRETCHES     (RIM_SLOTS >> RIM_STRETCH_BITS)

struct rim__slot {
    void *object;        /* NULL: free */
    uint32_t generation; /* of the object, or of the next one */
    uint32_t next;       /* free slot, while free */
};

_Static_assert(RIM_STRETCHES <= 64, "a bit for each in one word");

struct rim__table {
    struct rim__slot *slots;    /* RIM_SLOTS */
    uint64_t stretches;         /* a bit for each that can be written */
    uint32_t free;              /* first free slot that was used before, or RIM_SLOTS */
    uint32_t spent, spent_last; /* slots whose generations are used up, or RIM_SLOTS */
    uint32_t fresh, limit;      /* slots from fresh up to limit were never used */
    uint32_t count;             /* objects */
};

/* Rows of addresses for so many tables, or NULL: out of memory. In one piece, and at the start: each piece that is
   unmapped makes all CPUs forget addresses, and where addresses are bounded the start is to fail, not a timer. */
struct rim__slot *rim__table_map(uint32_t tables);
/* The same; NULL is allowed. */
void rim__table_unmap(struct rim__slot *rows, uint32_t tables);
/* `row`: RIM_SLOTS of those. Hands out slots below `limit` itself; from there on they are for rim__table_slot. */
void rim__table_init(struct rim__table *table, struct rim__slot *row, uint32_t limit);
/* 0 and the handle's 40 bits, -ENOMEM, or -RIM_ELIMIT. */
int rim__table_add(struct rim__table *table, void *object, uint64_t *local);
/* The slot for a handle that another shard chose; NULL when out of memory. */
struct rim__slot *rim__table_slot(struct rim__table *table, uint64_t local);
/* Frees the handle's slot; one below the limit is handed out again, another is its chooser's. Returns the handle that
   the slot has next. */
uint64_t rim__table_remove(struct rim__table *table, uint64_t local);

static inline void *rim__table_find(const struct rim__table *table, uint64_t local) {
    const struct rim__slot *slot = &table->slots[(local >> RIM_GENERATION_BITS) & (RIM_SLOTS - 1)];
    return slot->generation == (local & (RIM_GENERATIONS - 1)) ? slot->object : NULL;
}

/* The next object at or after slot *number, which is moved behind it; NULL when there is none. */
void *rim__table_next(const struct rim__table *table, uint32_t *number);

#endif
