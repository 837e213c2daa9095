/* SPDX-License-Identifier: MIT */
/*
 * memory.h - a shard's memory: pools of size classes up to 32 KiB over one jemalloc arena of its own; larger blocks
 * straight from the arena. Blocks are 16-byte aligned. Who frees a block must know its size. So a body of 16 KiB, which
 * is what files and TLS come in, has its block from the pools, with the header before it.
 *
 * Making an arena and ending it takes longer than most of what else a system starts and stops with. So the first slabs
 * are cut from one mapping, and the arena is made by who needs more: a large block, or slabs beyond those.
 *
 *     Threads  the shard's own thread only. A block never goes to another shard's pools: messages that cross copy, and
 *              bodies go home (message.h).
 */
#ifndef RINGMAIL_SHARD_MEMORY_H
#define RINGMAIL_SHARD_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/copy.h"

#define RIM_MEMORY_POOLED_MAX 32832u
#define RIM_MEMORY_CLASSES    44u
#define RIM_MEMORY_SMALL_MAX  256u /* classes of 16, 32, ... 256 bytes; larger ones: four to each doubling */

struct rim__slab;

struct rim__memory {
    struct rim__block *free[RIM_MEMORY_CLASSES];
    uint64_t in_use[RIM_MEMORY_CLASSES]; /* blocks of the class */
    char *fresh[RIM_MEMORY_CLASSES];     /* never used rest of the class's newest slab */
    char *fresh_end[RIM_MEMORY_CLASSES];
    struct rim__slab *slabs;
    char *ground, *ground_end; /* what is left of the first slabs' mapping */
    void *mapping;             /* NULL: none as yet */
    unsigned arena;            /* of jemalloc; 0: none as yet */
    uint64_t large;            /* blocks beyond the classes, in use now */
    uint64_t large_bytes;
    size_t body_end;  /* bodies of fewer bytes may be sent by take: RIM_COPY_SMALL + 1; or 0, where take may not be */
    uint64_t fail_at; /* by rim__memory_fail */
    bool fail_on;     /* likewise */
    uint64_t allocations; /* so far, counted only while fail_at is set */
};

int rim__memory_init(struct rim__memory *memory);
void rim__memory_finish(struct rim__memory *memory);
/* Blocks, and bytes of blocks, in use now. */
void rim__memory_count(const struct rim__memory *memory, uint64_t *blocks, uint64_t *bytes);
uint64_t rim__memory_blocks(const struct rim__memory *memory);
uint64_t rim__memory_bytes(const struct rim__memory *memory);
/* What alloc really gives for this size. */
size_t rim__memory_good_size(size_t size);

/* ---- the two that every message passes through ---- */

struct rim__block {
    struct rim__block *next;
};

void *rim__memory_alloc_slow(struct rim__memory *memory, size_t size);
void rim__memory_free_slow(struct rim__memory *memory, void *block, size_t size);

/* The class of 1 to RIM_MEMORY_SMALL_MAX bytes. */
#define RIM_MEMORY_CLASS(size) (((size)-1) / 16)

/* A block of the class that lies ready; NULL: none does. Not zeroed. Not where
   RIM_POOLED is 0, and not while an allocation is to fail. */
static inline void *rim__memory_take(struct rim__memory *memory, size_t class) {
    struct rim__block *block = memory->free[class];
    if (rim__likely(block != NULL)) {
        memory->free[class] = block->next;
        memory->in_use[class]++;
    }
    return block;
}

/* The counterpart of take, for blocks of the classes up to RIM_MEMORY_SMALL_MAX. Not where RIM_POOLED is 0. */
static inline void rim__memory_give(struct rim__memory *memory, void *pointer, size_t class) {
    struct rim__block *block = pointer;
    block->next = memory->free[class];
    memory->free[class] = block;
    memory->in_use[class]--;
}

/* NULL when out of memory. Not zeroed. */
static inline void *rim__memory_alloc(struct rim__memory *memory, size_t size) {
    bool quick = RIM_POOLED && size - 1 < RIM_MEMORY_SMALL_MAX && memory->fail_at == 0;
    void *block = rim__likely(quick) ? rim__memory_take(memory, RIM_MEMORY_CLASS(size)) : NULL;
    return rim__likely(block != NULL) ? block : rim__memory_alloc_slow(memory, size);
}

static inline void rim__memory_free(struct rim__memory *memory, void *pointer, size_t size) {
    if (RIM_POOLED && rim__likely(size - 1 < RIM_MEMORY_SMALL_MAX)) {
        rim__memory_give(memory, pointer, RIM_MEMORY_CLASS(size));
        return;
    }
    rim__memory_free_slow(memory, pointer, size);
}

/* For tests: the allocation with this number from here on fails, and all after it if `on`; 0: none does. */
static inline void rim__memory_fail(struct rim__memory *memory, uint64_t at, bool on) {
    memory->fail_at = at;
    memory->fail_on = on;
    memory->allocations = at != 0 ? 0 : memory->allocations;
    memory->body_end = RIM_POOLED && at == 0 ? RIM_COPY_SMALL + 1 : 0;
}

#endif
