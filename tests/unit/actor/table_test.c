/* SPDX-License-Identifier: MIT */
#include "actor/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/random.h"
#include "ringmail/error.h"
#include "unit.h"

#define OBJECTS 3000u

static struct rim__table table;
static char objects[OBJECTS];

static void start(uint32_t limit) {
    struct rim__slot *row = rim__table_map(1);
    CU_ASSERT_FATAL(row != NULL);
    rim__table_init(&table, row, limit);
}

static void finish(void) {
    rim__table_unmap(table.slots, 1);
}

static uint32_t slot_of(uint64_t local) {
    return (uint32_t)(local >> RIM_GENERATION_BITS);
}

static uint64_t add(uint32_t object) {
    uint64_t local = UINT64_MAX;
    CU_ASSERT_FATAL(rim__table_add(&table, &objects[object], &local) == 0);
    CU_ASSERT(local <= RIM_LOCAL_MASK);
    return local;
}

/* As if this many actors had lived in the slot already. */
static void age(uint64_t local, uint32_t generation) {
    struct rim__slot *slot = rim__table_slot(&table, local);
    CU_ASSERT_FATAL(slot != NULL);
    slot->generation = generation;
}

static void table_finds_what_was_added_until_it_is_removed(void) {
    start(RIM_SLOTS);
    uint64_t local[OBJECTS];
    for (uint32_t i = 0; i < OBJECTS; i++) {
        local[i] = add(i);
    }
    CU_ASSERT_EQUAL(table.count, OBJECTS);
    for (uint32_t i = 0; i < OBJECTS; i++) {
        CU_ASSERT(rim__table_find(&table, local[i]) == &objects[i]);
    }
    for (uint32_t i = 0; i < OBJECTS; i += 2) {
        (void)rim__table_remove(&table, local[i]);
    }
    for (uint32_t i = 0; i < OBJECTS; i++) {
        CU_ASSERT(rim__table_find(&table, local[i]) == (i % 2 == 0 ? NULL : &objects[i]));
    }
    CU_ASSERT_EQUAL(table.count, OBJECTS / 2);
    finish();
}

static void table_says_when_there_is_no_memory_for_more_slots(void) {
    struct rlimit before, little;
    uint64_t local;
    start(RIM_SLOTS);
    CU_ASSERT_FATAL(getrlimit(RLIMIT_DATA, &before) == 0);
    little = (struct rlimit){.rlim_cur = 4096, .rlim_max = before.rlim_max};
    CU_ASSERT_FATAL(setrlimit(RLIMIT_DATA, &little) == 0);
    int error = rim__table_add(&table, &objects[0], &local);
    const struct rim__slot *slot = rim__table_slot(&table, 5ull << RIM_GENERATION_BITS);
    CU_ASSERT_FATAL(setrlimit(RLIMIT_DATA, &before) == 0);
    CU_ASSERT_EQUAL(error, -ENOMEM);
    CU_ASSERT(slot == NULL);
    CU_ASSERT_EQUAL(table.count, 0);
    CU_ASSERT(rim__table_find(&table, 0) == NULL);
    CU_ASSERT(rim__table_find(&table, add(0)) == &objects[0]);
    finish();
}

static void table_finds_nothing_for_a_handle_from_nowhere(void) {
    start(RIM_SLOTS);
    (void)add(0);
    CU_ASSERT(rim__table_find(&table, RIM_LOCAL_MASK) == NULL);
    CU_ASSERT(rim__table_find(&table, 1) == NULL); /* another generation of slot 0 */
    CU_ASSERT(rim__table_find(&table, 1ull << RIM_GENERATION_BITS) == NULL);
    finish();
}

static void table_gives_a_warm_slot_its_next_generation(void) {
    start(RIM_SLOTS);
    uint64_t a = add(0), b = add(1);
    uint64_t next_a = rim__table_remove(&table, a);
    uint64_t next_b = rim__table_remove(&table, b);
    CU_ASSERT_EQUAL(next_a, a + 1);
    CU_ASSERT_EQUAL(add(2), next_b); /* last freed first */
    CU_ASSERT_EQUAL(add(3), next_a);
    CU_ASSERT(rim__table_find(&table, a) == NULL);
    CU_ASSERT(rim__table_find(&table, next_a) == &objects[3]);
    finish();
}

static void table_slot_whose_generations_are_used_up_waits_behind_all_others(void) {
    start(3);
    uint64_t old = add(0);
    age(old, RIM_GENERATIONS - 1);
    old |= RIM_GENERATIONS - 1;
    CU_ASSERT(rim__table_find(&table, old) == &objects[0]);
    CU_ASSERT_EQUAL(rim__table_remove(&table, old), (uint64_t)slot_of(old) << RIM_GENERATION_BITS);
    uint64_t local = add(1);
    CU_ASSERT(slot_of(local) != slot_of(old)); /* fresh ones first */
    CU_ASSERT(slot_of(add(2)) != slot_of(old));
    (void)rim__table_remove(&table, local);
    CU_ASSERT_EQUAL(slot_of(add(1)), slot_of(local)); /* warm ones too */
    uint64_t again = add(3);
    CU_ASSERT_EQUAL(slot_of(again), slot_of(old));
    CU_ASSERT_EQUAL(again & (RIM_GENERATIONS - 1), 0);
    CU_ASSERT(rim__table_find(&table, old) == NULL);
    finish();
}

static void table_reuses_spent_slots_the_longest_at_rest_first(void) {
    start(3);
    uint64_t local[3];
    for (uint32_t i = 0; i < 3; i++) {
        local[i] = add(i);
        age(local[i], RIM_GENERATIONS - 1);
        local[i] |= RIM_GENERATIONS - 1;
    }
    static const uint32_t order[] = {1, 2, 0};
    for (uint32_t i = 0; i < 3; i++) {
        (void)rim__table_remove(&table, local[order[i]]);
    }
    for (uint32_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(slot_of(add(i)), order[i]);
    }
    finish();
}

static void table_says_when_its_slots_are_all_taken(void) {
    uint64_t local;
    start(2);
    uint64_t first = add(0);
    (void)add(1);
    CU_ASSERT_EQUAL(rim__table_add(&table, &objects[2], &local), -RIM_ELIMIT);
    (void)rim__table_remove(&table, first);
    CU_ASSERT_EQUAL(rim__table_add(&table, &objects[2], &local), 0);
    CU_ASSERT_EQUAL(rim__table_add(&table, &objects[3], &local), -RIM_ELIMIT);
    finish();
}

static void table_leaves_slots_above_its_limit_to_others(void) {
    start(2);
    uint64_t theirs = (uint64_t)(RIM_SLOTS - 1) << RIM_GENERATION_BITS | 7;
    CU_ASSERT(rim__table_find(&table, theirs) == NULL);
    struct rim__slot *slot = rim__table_slot(&table, theirs);
    CU_ASSERT_FATAL(slot != NULL);
    *slot = (struct rim__slot){.object = &objects[0], .generation = 7};
    table.count++;
    CU_ASSERT(rim__table_find(&table, theirs) == &objects[0]);
    CU_ASSERT_EQUAL(rim__table_remove(&table, theirs), theirs + 1);
    uint64_t local;
    (void)add(1);
    (void)add(2);
    CU_ASSERT_EQUAL(rim__table_add(&table, &objects[3], &local), -RIM_ELIMIT); /* not handed out here */
    finish();
}

static void table_walks_over_all_that_is_in_it(void) {
    start(RIM_SLOTS);
    uint64_t local[OBJECTS];
    uint32_t number = 0, seen = 0;
    CU_ASSERT(rim__table_next(&table, &number) == NULL);
    for (uint32_t i = 0; i < OBJECTS; i++) {
        local[i] = add(i);
    }
    for (uint32_t i = 0; i < OBJECTS; i++) {
        if (i % 5 != 0) {
            (void)rim__table_remove(&table, local[i]);
        }
    }
    number = 0;
    for (char *object; (object = rim__table_next(&table, &number)) != NULL; seen++) {
        CU_ASSERT_EQUAL((uint32_t)(object - objects), seen * 5);
    }
    CU_ASSERT_EQUAL(seen, OBJECTS / 5);
    finish();
}

static void table_never_gives_a_handle_twice(void) {
    static uint64_t live[64];
    struct rim__random random;
    rim__random_init(&random, unit_seed());
    start(16);
    memset(live, 0xff, sizeof live);
    uint64_t last[16] = {0}; /* 1 + the newest generation, by slot */
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t object = (uint32_t)rim__random_below(&random, 64);
        if (live[object] != UINT64_MAX) {
            CU_ASSERT(rim__table_find(&table, live[object]) == &objects[object]);
            (void)rim__table_remove(&table, live[object]);
            CU_ASSERT(rim__table_find(&table, live[object]) == NULL);
            live[object] = UINT64_MAX;
        } else if (table.count < 16) {
            live[object] = add(object);
            uint64_t generation = live[object] & (RIM_GENERATIONS - 1);
            CU_ASSERT(generation + 1 > last[slot_of(live[object])]);
            last[slot_of(live[object])] = generation + 1;
        }
    }
    finish();
}

#define TESTS(X)                                                                                                       \
    X(table_finds_what_was_added_until_it_is_removed)                                                                  \
    X(table_says_when_there_is_no_memory_for_more_slots)                                                               \
    X(table_finds_nothing_for_a_handle_from_nowhere)                                                                   \
    X(table_gives_a_warm_slot_its_next_generation)                                                                     \
    X(table_slot_whose_generations_are_used_up_waits_behind_all_others)                                                \
    X(table_reuses_spent_slots_the_longest_at_rest_first)                                                              \
    X(table_says_when_its_slots_are_all_taken)                                                                         \
    X(table_leaves_slots_above_its_limit_to_others)                                                                    \
    X(table_walks_over_all_that_is_in_it)                                                                              \
    X(table_never_gives_a_handle_twice)
UNIT_SUITE(table, TESTS)
