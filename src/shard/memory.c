/* SPDX-License-Identifier: MIT */
#include "shard/memory.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include <jemalloc/jemalloc.h>

#include "base/assert.h"

/*
 * Classes: 16, 32, ... 256 bytes, then four to each doubling up to 32 KiB, and from 1,024 on a cache line more: ...
 * 768, 896, 1088, 1344, 1600, 1856, 2112, ... So these blocks are an odd number of lines apart, and what lies at the
 * beginning of each, where the most is read and written, is spread over the whole first-level cache. At 1,024 bytes
 * from each other they would share four of its 64 sets, and 33 of them push each other out. And a message whose body is
 * a power of two fits, with its header. A slab is one class's supply of fresh blocks; slabs are given back when the
 * shard ends.
 */
#define SMALL_MAX       RIM_MEMORY_SMALL_MAX
#define SMALL_CLASSES   16u
#define PLAIN_MAX       896u /* the last class without a line more */
#define PLAIN_CLASSES   7u   /* so many of them behind the small ones */
#define LINE            64u
#define SLAB_BYTES      65536u
#define SLAB_BLOCKS_MIN 8u
#define PAGE            4096u
#define GROUND_BYTES    (16u * SLAB_BYTES)

struct rim__slab {
    struct rim__slab *next;
    bool is_ground; /* cut from the mapping */
};

static unsigned class_of(size_t size) {
    if (size <= SMALL_MAX) {
        return size == 0 ? 0 : (unsigned)((size - 1) / 16);
    }
    if (size > PLAIN_MAX) {
        size = size > PLAIN_MAX + LINE ? size - LINE : PLAIN_MAX + 1;
    }
    unsigned top = 63u - (unsigned)__builtin_clzll(size - 1); /* 2^top < size <= 2^(top + 1) */
    unsigned quarter = (unsigned)((size - 1) >> (top - 2)) & 3u;
    return SMALL_CLASSES + (top - 8) * 4 + quarter;
}

static size_t class_size(unsigned class) {
    if (class < SMALL_CLASSES) {
        return (class + 1) * 16u;
    }
    unsigned top = 8 + (class - SMALL_CLASSES) / 4;
    unsigned quarter = (class - SMALL_CLASSES) % 4;
    size_t line = class >= SMALL_CLASSES + PLAIN_CLASSES ? LINE : 0;
    return ((size_t)1 << top) + (((size_t)quarter + 1) << (top - 2)) + line;
}

size_t rim__memory_good_size(size_t size) {
    return size <= RIM_MEMORY_POOLED_MAX ? class_size(class_of(size)) : size;
}

static int arena_flags(const struct rim__memory *memory) {
    return MALLOCX_ARENA(memory->arena) | MALLOCX_TCACHE_NONE;
}

int rim__memory_init(struct rim__memory *memory) {
    *memory = (struct rim__memory){.slabs = NULL};
    rim__memory_fail(memory, 0, false);
    return 0;
}

void rim__memory_finish(struct rim__memory *memory) {
    for (struct rim__slab *slab = memory->slabs, *next; slab != NULL; slab = next) {
        next = slab->next;
        if (!slab->is_ground) {
            dallocx(slab, arena_flags(memory));
        }
    }
    memory->slabs = NULL;
    if (memory->mapping != NULL) {
        munmap(memory->mapping, GROUND_BYTES);
        memory->mapping = NULL;
        memory->ground = memory->ground_end = NULL;
    }
    if (memory->arena != 0) { /* large blocks that leaked go with the arena */
        size_t mib[3], length = 3;
        if (mallctlnametomib("arena.0.destroy", mib, &length) == 0) {
            mib[1] = memory->arena;
            mallctlbymib(mib, length, NULL, NULL, NULL, 0);
        }
    }
    memory->arena = 0;
}

/* Whether a test wants this allocation to fail. */
static bool is_to_fail(struct rim__memory *memory) {
    if (rim__likely(memory->fail_at == 0)) {
        return false;
    }
    memory->allocations++;
    return memory->allocations == memory->fail_at || (memory->fail_on && memory->allocations > memory->fail_at);
}

static bool has_arena(struct rim__memory *memory) {
    size_t size = sizeof memory->arena;
    return memory->arena != 0 || mallctl("arenas.create", &memory->arena, &size, NULL, 0) == 0;
}

/* By the thread that the shard has, so that the pages are of its node. NULL: it is used up. */
static struct rim__slab *cut_ground(struct rim__memory *memory, size_t bytes) {
    if (memory->mapping == NULL) {
        void *mapping = mmap(NULL, GROUND_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapping == MAP_FAILED) {
            return NULL;
        }
        memory->mapping = memory->ground = mapping;
        memory->ground_end = memory->ground + GROUND_BYTES;
    }
    if ((size_t)(memory->ground_end - memory->ground) < bytes) {
        return NULL;
    }
    struct rim__slab *slab = (struct rim__slab *)memory->ground;
    memory->ground += bytes;
    slab->is_ground = true;
    return slab;
}

static struct rim__slab *get_slab(struct rim__memory *memory, size_t bytes) {
    struct rim__slab *slab = cut_ground(memory, bytes);
    if (slab == NULL && has_arena(memory)) {
        slab = mallocx(bytes, MALLOCX_ALIGN(PAGE) | arena_flags(memory));
        if (slab != NULL) {
            slab->is_ground = false;
        }
    }
    return slab;
}

static size_t whole_pages(size_t bytes) {
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

static rim__cold bool add_slab(struct rim__memory *memory, unsigned class) {
    size_t block = class_size(class);
    size_t bytes = block * SLAB_BLOCKS_MIN > SLAB_BYTES ? whole_pages(block * SLAB_BLOCKS_MIN) : SLAB_BYTES;
    struct rim__slab *slab = get_slab(memory, bytes);
    if (slab == NULL) {
        return false;
    }
    slab->next = memory->slabs;
    memory->slabs = slab;
    size_t start = block > 64 ? 64 : (sizeof *slab + block - 1) / block * block; /* blocks keep to cache lines */
    memory->fresh[class] = (char *)slab + start;
    memory->fresh_end[class] = (char *)slab + start + (bytes - start) / block * block;
    return true;
}

static void *alloc_large(struct rim__memory *memory, size_t size) {
    void *block = has_arena(memory) ? mallocx(size, MALLOCX_ALIGN(16) | arena_flags(memory)) : NULL;
    if (block != NULL) {
        memory->large++;
        memory->large_bytes += size;
    }
    return block;
}

void *rim__memory_alloc_slow(struct rim__memory *memory, size_t size) {
    if (is_to_fail(memory)) {
        return NULL;
    }
    if (size > RIM_MEMORY_POOLED_MAX) {
        return alloc_large(memory, size);
    }
    unsigned class = class_of(size);
    struct rim__block *block = memory->free[class];
    if (block != NULL) {
        memory->free[class] = block->next;
    } else {
        if (memory->fresh[class] == memory->fresh_end[class] && !add_slab(memory, class)) {
            return NULL;
        }
        block = (struct rim__block *)memory->fresh[class];
        memory->fresh[class] += class_size(class);
    }
    memory->in_use[class]++;
    return block;
}

void rim__memory_free_slow(struct rim__memory *memory, void *pointer, size_t size) {
    if (size > RIM_MEMORY_POOLED_MAX) {
        rim__assert(memory->large > 0);
        memory->large--;
        memory->large_bytes -= size;
        dallocx(pointer, arena_flags(memory));
        return;
    }
    unsigned class = class_of(size);
    struct rim__block *block = pointer;
    rim__assert(memory->in_use[class] > 0);
    memory->in_use[class]--;
    block->next = memory->free[class];
    memory->free[class] = block;
}

/* Each time that a shard falls asleep. The classes beyond the small ones are 5, 6, 7 and 8 quarters of a power of two,
   and a line more but for the first of them. */
void rim__memory_count(const struct rim__memory *memory, uint64_t *blocks, uint64_t *bytes) {
    const uint64_t *in_use = memory->in_use;
    uint64_t count = memory->large, size = memory->large_bytes;
    for (unsigned class = 0; class < SMALL_CLASSES; class ++) {
        count += in_use[class];
        size += in_use[class] * (class + 1) * 16;
    }
    uint64_t quarter = SMALL_MAX / 4, plain = count;
    for (unsigned class = SMALL_CLASSES; class < RIM_MEMORY_CLASSES; class += 4, quarter *= 2) {
        const uint64_t *four = &in_use[class];
        count += four[0] + four[1] + four[2] + four[3];
        size += (5 * four[0] + 6 * four[1] + 7 * four[2] + 8 * four[3]) * quarter;
    }
    for (unsigned class = SMALL_CLASSES; class < SMALL_CLASSES + PLAIN_CLASSES; class ++) {
        plain += in_use[class];
    }
    size += (count - plain) * LINE;
    *blocks = count;
    *bytes = size;
}

uint64_t rim__memory_blocks(const struct rim__memory *memory) {
    uint64_t blocks, bytes;
    rim__memory_count(memory, &blocks, &bytes);
    return blocks;
}

uint64_t rim__memory_bytes(const struct rim__memory *memory) {
    uint64_t blocks, bytes;
    rim__memory_count(memory, &blocks, &bytes);
    return bytes;
}
