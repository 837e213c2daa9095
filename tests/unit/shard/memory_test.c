/* SPDX-License-Identifier: MIT */
/*
 * Holds for the pools (memory.c) and for their twin in sanitizer builds (memory_plain.c); what only pools do is checked
 * where RIM_POOLED says that they are there.
 */
#include "shard/memory.h"

#include <stdbool.h>
#include <string.h>

#include "base/random.h"
#include "unit.h"

#define HELD 400u

static struct rim__memory memory;

static void start(void) {
    CU_ASSERT_FATAL(rim__memory_init(&memory) == 0);
}

static void finish(void) {
    CU_ASSERT_EQUAL(rim__memory_blocks(&memory), 0);
    CU_ASSERT_EQUAL(rim__memory_bytes(&memory), 0);
    rim__memory_finish(&memory);
}

static void memory_good_size_is_the_next_class(void) {
    size_t last = 0;
    uint32_t classes = 0;
    for (size_t size = 1; size <= RIM_MEMORY_POOLED_MAX + 100; size++) {
        size_t good = rim__memory_good_size(size);
        CU_ASSERT(good >= size && good >= last);
        CU_ASSERT_EQUAL(rim__memory_good_size(good), good);
        CU_ASSERT(size > RIM_MEMORY_POOLED_MAX || size < 64 || good - size <= size / 4 + 16);
        CU_ASSERT(!RIM_POOLED || size > RIM_MEMORY_POOLED_MAX || good % 16 == 0);
        classes += good != last && size <= RIM_MEMORY_POOLED_MAX;
        last = good;
    }
    CU_ASSERT(!RIM_POOLED || classes == RIM_MEMORY_CLASSES);
}

/* Around the edges of every class: aligned, as large as asked for, counted, and reused. */
static void memory_serves_every_class(void) {
    start();
    for (size_t size = 1; size <= RIM_MEMORY_POOLED_MAX + 1; size++) {
        if (size > 300 && rim__memory_good_size(size) == rim__memory_good_size(size + 1)) {
            continue;
        }
        char *block = rim__memory_alloc(&memory, size);
        CU_ASSERT_FATAL(block != NULL);
        CU_ASSERT_EQUAL((uintptr_t)block % 16, 0);
        memset(block, 0xa5, size);
        CU_ASSERT_EQUAL(rim__memory_blocks(&memory), 1);
        CU_ASSERT_EQUAL(rim__memory_bytes(&memory), rim__memory_good_size(size));
        rim__memory_free(&memory, block, size);
        CU_ASSERT_EQUAL(rim__memory_blocks(&memory), 0);
        char *again = rim__memory_alloc(&memory, size);
        CU_ASSERT(!RIM_POOLED || size > RIM_MEMORY_POOLED_MAX || again == block);
        rim__memory_free(&memory, again, size);
    }
    finish();
}

static void memory_of_no_bytes_is_a_block_too(void) {
    start();
    void *block = rim__memory_alloc(&memory, 0);
    CU_ASSERT_FATAL(block != NULL);
    CU_ASSERT_EQUAL(rim__memory_blocks(&memory), 1);
    rim__memory_free(&memory, block, 0);
    finish();
}

struct held {
    unsigned char *block;
    size_t size;
    unsigned char mark;
};

static bool is_intact(const struct held *held) {
    for (size_t i = 0; i < held->size; i++) {
        if (held->block[i] != held->mark) {
            return false;
        }
    }
    return true;
}

static void swap_block(struct held *held, struct rim__random *random) {
    if (held->block != NULL) {
        CU_ASSERT(is_intact(held));
        rim__memory_free(&memory, held->block, held->size);
    }
    uint64_t top = rim__random_below(random, 4) == 0 ? 40000 : 600;
    held->size = 1 + (size_t)rim__random_below(random, top);
    held->mark = (unsigned char)rim__random_next(random);
    held->block = rim__memory_alloc(&memory, held->size);
    CU_ASSERT_FATAL(held->block != NULL);
    if (held->block != NULL) {
        memset(held->block, held->mark, held->size);
    }
}

static void memory_blocks_never_overlap(void) {
    static struct held held[HELD];
    struct rim__random random;
    rim__random_init(&random, unit_seed());
    start();
    memset(held, 0, sizeof held);
    for (uint32_t i = 0; i < 20000; i++) {
        swap_block(&held[rim__random_below(&random, HELD)], &random);
    }
    uint64_t blocks = 0, bytes = 0;
    for (uint32_t i = 0; i < HELD; i++) {
        if (held[i].block != NULL) {
            blocks++;
            bytes += rim__memory_good_size(held[i].size);
        }
    }
    CU_ASSERT_EQUAL(rim__memory_blocks(&memory), blocks);
    CU_ASSERT_EQUAL(rim__memory_bytes(&memory), bytes);
    for (uint32_t i = 0; i < HELD; i++) {
        if (held[i].block != NULL) {
            CU_ASSERT(is_intact(&held[i]));
            rim__memory_free(&memory, held[i].block, held[i].size);
        }
    }
    finish();
}

static void memory_blocks_of_64_bytes_keep_to_cache_lines(void) {
    start();
    void *blocks[100];
    for (uint32_t i = 0; i < 100; i++) {
        blocks[i] = rim__memory_alloc(&memory, 64);
        CU_ASSERT(!RIM_POOLED || (uintptr_t)blocks[i] % 64 == 0);
    }
    for (uint32_t i = 0; i < 100; i++) {
        rim__memory_free(&memory, blocks[i], 64);
    }
    finish();
}

/* What lies at the beginning of each would else be in a few sets of the first-level cache: 64 of 8 lines each. */
static void memory_blocks_of_powers_of_two_are_spread_over_the_cache(void) {
    enum { BLOCKS = 32, SETS = 64, AT_MOST = 4 };
    char *blocks[BLOCKS];
    for (size_t size = 1024; RIM_POOLED && size <= 4096; size *= 2) {
        uint32_t in_set[SETS] = {0}, most = 0;
        start();
        for (uint32_t i = 0; i < BLOCKS; i++) {
            blocks[i] = rim__memory_alloc(&memory, size);
            CU_ASSERT_FATAL(blocks[i] != NULL);
            uint32_t here = ++in_set[(uintptr_t)blocks[i] / 64 % SETS];
            most = here > most ? here : most;
        }
        CU_ASSERT(most <= AT_MOST);
        for (uint32_t i = 0; i < BLOCKS; i++) {
            rim__memory_free(&memory, blocks[i], size);
        }
        finish();
    }
}

static void memory_fails_at_the_allocation_that_was_asked_for(void) {
    static const size_t sizes[] = {16, 100, 700, 16384, 50000};
    for (uint64_t fail_at = 1; fail_at <= 5; fail_at++) {
        void *blocks[5];
        start();
        rim__memory_fail(&memory, fail_at, false);
        for (uint32_t i = 0; i < 5; i++) {
            blocks[i] = rim__memory_alloc(&memory, sizes[i]);
            CU_ASSERT_EQUAL(blocks[i] == NULL, i + 1 == fail_at);
        }
        CU_ASSERT_EQUAL(rim__memory_blocks(&memory), 4);
        for (uint32_t i = 0; i < 5; i++) {
            if (blocks[i] != NULL) {
                rim__memory_free(&memory, blocks[i], sizes[i]);
            }
        }
        finish();
    }
}

static void memory_gives_leaked_blocks_back_at_its_end(void) {
    if (RIM_POOLED) { /* elsewhere the checker of leaks says so, rightly */
        start();
        CU_ASSERT(rim__memory_alloc(&memory, 100) != NULL);
        CU_ASSERT(rim__memory_alloc(&memory, 100000) != NULL);
        CU_ASSERT_EQUAL(rim__memory_blocks(&memory), 2);
        rim__memory_finish(&memory);
        CU_ASSERT(memory.slabs == NULL);
    }
}

/* The first slabs are cut from one mapping; what comes later is not, and all of it goes at the end. */
static void memory_goes_on_behind_its_first_slabs(void) {
    enum { BLOCKS = 40000, BYTES = 200, LARGE = 100000 };
    static char *blocks[BLOCKS];
    start();
    char *large = rim__memory_alloc(&memory, LARGE);
    CU_ASSERT_FATAL(large != NULL);
    memset(large, 1, LARGE);
    for (uint32_t i = 0; i < BLOCKS; i++) {
        blocks[i] = rim__memory_alloc(&memory, BYTES);
        CU_ASSERT_FATAL(blocks[i] != NULL);
        memset(blocks[i], (int)(i & 0x7f), BYTES);
    }
    bool intact = true;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        intact = intact && blocks[i][0] == (char)(i & 0x7f) && blocks[i][BYTES - 1] == (char)(i & 0x7f);
        rim__memory_free(&memory, blocks[i], BYTES);
    }
    CU_ASSERT(intact);
    rim__memory_free(&memory, large, LARGE);
    finish();
    start(); /* and once more from the beginning */
    rim__memory_free(&memory, rim__memory_alloc(&memory, BYTES), BYTES);
    finish();
}

#define TESTS(X)                                                                                                       \
    X(memory_good_size_is_the_next_class)                                                                              \
    X(memory_serves_every_class)                                                                                       \
    X(memory_of_no_bytes_is_a_block_too)                                                                               \
    X(memory_blocks_never_overlap)                                                                                     \
    X(memory_blocks_of_64_bytes_keep_to_cache_lines)                                                                   \
    X(memory_blocks_of_powers_of_two_are_spread_over_the_cache)                                                        \
    X(memory_fails_at_the_allocation_that_was_asked_for)                                                               \
    X(memory_goes_on_behind_its_first_slabs)                                                                           \
    X(memory_gives_leaked_blocks_back_at_its_end)
UNIT_SUITE(memory, TESTS)
