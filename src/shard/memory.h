/* SPDX-License-Identifier: MIT */
/*
 * memory.h - a shard's memory: pools of size classes up to 16 KiB over one jemalloc arena of its own; larger blocks
 * straight from the arena. Blocks are 16-byte aligned. Who frees a block must know its size.
 *
 *     Threads  the shard's own thread only. A block never goes to another shard's pools: messages that cross copy, and
 *              bodies go home (message.h).
 */
#ifndef RINGMAIL_SHARD_MEMORY_H
#define RINGMAIL_SHARD_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define RIM_MEMORY_POOLED_MAX 16384u
#define RIM_MEMORY_CLASSES 40u

struct rim__block; /* a free block, linked through its first word */
struct rim__slab;

struct rim__memory {
    struct rim__block *free[RIM_MEMORY_CLASSES];
    char *fresh[RIM_MEMORY_CLASSES];     /* never used rest of the class's newest slab */
    char *fresh_end[RIM_MEMORY_CLASSES];
    struct rim__slab *slabs;
    unsigned arena;        /* of jemalloc */
    uint64_t blocks;       /* in use now */
    uint64_t bytes;        /* in use now, by size of the blocks */
    uint64_t fail_at;      /* for tests: the allocation with this number fails; 0: none */
    uint64_t allocations;  /* so far, counted only while fail_at is set */
};

int rim__memory_init(struct rim__memory *memory);
void rim__memory_finish(struct rim__memory *memory);
/* NULL when out of memory. Not zeroed. */
void *rim__memory_alloc(struct rim__memory *memory, size_t size);
void rim__memory_free(struct rim__memory *memory, void *block, size_t size);
/* What alloc really gives for this size. */
size_t rim__memory_good_size(size_t size);

#endif
