/* SPDX-License-Identifier: MIT */
/*
 * map.h - a hash map of what lies elsewhere: chained, intrusive, growing. Names, groups, and whoever waits for them.
 *
 * A node is found by its 64-bit hash; what else must be equal is the caller's to compare. Growing needs memory and is
 * done without if there is none: the chains get longer, and put never fails.
 *
 *     Threads  none of its own: whoever owns the map
 */
#ifndef RINGMAIL_BASE_MAP_H
#define RINGMAIL_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#define RIM_MAP_FEW 8u

struct rim__map_node {
    struct rim__map_node *next;
    uint64_t hash;
};

struct rim__map {
    struct rim__map_node **buckets; /* mask + 1 of them; `few` until it has grown */
    uint64_t mask;
    uint64_t count;
    struct rim__map_node *few[RIM_MAP_FEW];
};

/* The map must not be moved afterwards. */
void rim__map_init(struct rim__map *map);
/* Frees the buckets, not what is in them. Allowed on a zeroed map. */
void rim__map_finish(struct rim__map *map);
void rim__map_put(struct rim__map *map, struct rim__map_node *node, uint64_t hash);
void rim__map_remove(struct rim__map *map, struct rim__map_node *node);
/* Takes any node out; NULL when there is none. */
struct rim__map_node *rim__map_pop(struct rim__map *map);
/* The node after `node`, in no order that means anything; NULL for the first, and at the end. The map must not change
   between two calls. */
struct rim__map_node *rim__map_next(const struct rim__map *map, const struct rim__map_node *node);

/* The next node with this hash, at `node` or behind it. */
static inline struct rim__map_node *rim__map_match(struct rim__map_node *node, uint64_t hash) {
    while (node != NULL && node->hash != hash) {
        node = node->next;
    }
    return node;
}
static inline struct rim__map_node *rim__map_first(const struct rim__map *map, uint64_t hash) {
    return rim__map_match(map->buckets[hash & map->mask], hash);
}

/* A hash of bytes whose every bit depends on all of them, and on the key. */
uint64_t rim__map_hash(uint64_t key, const void *bytes, size_t size);

#endif
