/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include <stdbool.h>

#include "base/random.h"
#include "unit.h"

#define ITEMS 5000u

struct item {
    struct rim__map_node node;
    uint32_t number;
};

static struct item items[ITEMS];

static struct item *find(const struct rim__map *map, uint64_t hash, uint32_t number) {
    struct rim__map_node *node = rim__map_first(map, hash);
    while (node != NULL && ((struct item *)node)->number != number) {
        node = rim__map_match(node->next, hash);
    }
    return (struct item *)node;
}

/* Every tenth shares its hash with its neighbours. */
static uint64_t hash_of(uint32_t number) {
    return rim__mix(number / 3 * 3);
}

static void fill(struct rim__map *map) {
    rim__map_init(map);
    for (uint32_t i = 0; i < ITEMS; i++) {
        items[i].number = i;
        rim__map_put(map, &items[i].node, hash_of(i));
    }
}

static void map_finds_what_was_put_and_not_what_was_removed(void) {
    struct rim__map map;
    fill(&map);
    for (uint32_t i = 0; i < ITEMS; i += 2) {
        rim__map_remove(&map, &items[i].node);
    }
    CU_ASSERT_EQUAL(map.count, ITEMS / 2);
    for (uint32_t i = 0; i < ITEMS; i++) {
        CU_ASSERT_PTR_EQUAL(find(&map, hash_of(i), i), i % 2 == 0 ? NULL : &items[i]);
    }
    CU_ASSERT_PTR_NULL(find(&map, rim__mix(ITEMS + 7), 0));
    rim__map_finish(&map);
}

static void map_walks_over_each_node_once(void) {
    static bool seen[ITEMS];
    struct rim__map map;
    uint32_t count = 0;
    fill(&map);
    for (struct rim__map_node *node = NULL; (node = rim__map_next(&map, node)) != NULL; count++) {
        CU_ASSERT(!seen[((struct item *)node)->number]);
        seen[((struct item *)node)->number] = true;
    }
    CU_ASSERT_EQUAL(count, ITEMS);
    while (rim__map_pop(&map) != NULL) {
        count--;
    }
    CU_ASSERT_EQUAL(count, 0);
    CU_ASSERT_EQUAL(map.count, 0);
    rim__map_finish(&map);
    rim__map_finish(&map); /* and again: it is empty */
}

static void map_hash_depends_on_every_byte_the_size_and_the_key(void) {
    char bytes[40] = {0};
    for (size_t size = 0; size <= sizeof bytes; size++) {
        uint64_t hash = rim__map_hash(1, bytes, size);
        CU_ASSERT_NOT_EQUAL(hash, rim__map_hash(2, bytes, size));
        CU_ASSERT(size == 0 || hash != rim__map_hash(1, bytes, size - 1));
        for (size_t i = 0; i < size; i++) {
            bytes[i] ^= 1;
            CU_ASSERT_NOT_EQUAL(hash, rim__map_hash(1, bytes, size));
            bytes[i] ^= 1;
        }
        CU_ASSERT_EQUAL(hash, rim__map_hash(1, bytes, size));
    }
}

#define TESTS(X)                                                                                                       \
    X(map_finds_what_was_put_and_not_what_was_removed)                                                                 \
    X(map_walks_over_each_node_once)                                                                                   \
    X(map_hash_depends_on_every_byte_the_size_and_the_key)
UNIT_SUITE(map, TESTS)
