/* SPDX-License-Identifier: MIT */
/*
 * memory_plain.c - the twin of memory.c for sanitizer builds: every block by malloc, so that AddressSanitizer sees
 * each one, and its size.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "base/assert.h"
#include "shard/memory.h"

int rim__memory_init(struct rim__memory *memory) {
    *memory = (struct rim__memory){.slabs = NULL};
    return 0;
}

void rim__memory_finish(struct rim__memory *memory) {
    (void)memory;
}

size_t rim__memory_good_size(size_t size) {
    return size;
}

/* Whether a test wants this allocation to fail. */
static bool is_to_fail(struct rim__memory *memory) {
    if (memory->fail_at == 0) {
        return false;
    }
    memory->allocations++;
    return memory->allocations == memory->fail_at || (memory->fail_on && memory->allocations > memory->fail_at);
}

void *rim__memory_alloc_slow(struct rim__memory *memory, size_t size) {
    if (is_to_fail(memory)) {
        return NULL;
    }
    void *block = malloc(size > 0 ? size : 1);
    if (block != NULL) {
        memory->large++;
        memory->large_bytes += size;
    }
    return block;
}

void rim__memory_free_slow(struct rim__memory *memory, void *pointer, size_t size) {
    rim__assert(memory->large > 0);
    rim__assert(memory->large_bytes >= size);
    memory->large--;
    memory->large_bytes -= size;
    free(pointer);
}

void rim__memory_count(const struct rim__memory *memory, uint64_t *blocks, uint64_t *bytes) {
    *blocks = memory->large;
    *bytes = memory->large_bytes;
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
