/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/random.h"

#define FILL_MAX 2u /* nodes for each bucket, before it grows */

void rim__map_init(struct rim__map *map) {
    memset(map, 0, sizeof *map);
    map->buckets = map->few;
    map->mask = RIM_MAP_FEW - 1;
}

void rim__map_finish(struct rim__map *map) {
    if (map->buckets != map->few) {
        free(map->buckets);
    }
    map->buckets = map->few;
    map->mask = RIM_MAP_FEW - 1;
}

static void link_node(struct rim__map *map, struct rim__map_node *node) {
    struct rim__map_node **bucket = &map->buckets[node->hash & map->mask];
    node->next = *bucket;
    *bucket = node;
}

static void grow(struct rim__map *map) {
    uint64_t old_count = map->mask + 1;
    struct rim__map_node **old = map->buckets;
    struct rim__map_node **larger = calloc(old_count * 4, sizeof *larger);
    if (larger == NULL) {
        return;
    }
    map->buckets = larger;
    map->mask = old_count * 4 - 1;
    for (uint64_t i = 0; i < old_count; i++) {
        for (struct rim__map_node *node = old[i], *next; node != NULL; node = next) {
            next = node->next;
            link_node(map, node);
        }
    }
    if (old != map->few) {
        free(old);
    }
}

void rim__map_put(struct rim__map *map, struct rim__map_node *node, uint64_t hash) {
    if (map->count >= (map->mask + 1) * FILL_MAX) {
        grow(map);
    }
    node->hash = hash;
    link_node(map, node);
    map->count++;
}

void rim__map_remove(struct rim__map *map, struct rim__map_node *node) {
    struct rim__map_node **link = &map->buckets[node->hash & map->mask];
    while (*link != node) {
        rim__assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = node->next;
    map->count--;
}

struct rim__map_node *rim__map_next(const struct rim__map *map, const struct rim__map_node *node) {
    if (node != NULL && node->next != NULL) {
        return node->next;
    }
    uint64_t i = node != NULL ? (node->hash & map->mask) + 1 : 0;
    while (i <= map->mask && map->buckets[i] == NULL) {
        i++;
    }
    return i <= map->mask ? map->buckets[i] : NULL;
}

struct rim__map_node *rim__map_pop(struct rim__map *map) {
    struct rim__map_node *node = map->count > 0 ? rim__map_next(map, NULL) : NULL;
    if (node != NULL) {
        rim__map_remove(map, node);
    }
    return node;
}

uint64_t rim__map_hash(uint64_t key, const void *bytes, size_t size) {
    const char *at = bytes;
    uint64_t hash = rim__mix(key ^ size * 0x9e3779b97f4a7c15u);
    for (; size >= sizeof(uint64_t); size -= sizeof(uint64_t), at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        hash = rim__mix(hash ^ word) + 0x9e3779b97f4a7c15u;
    }
    uint64_t rest = 0;
    memcpy(&rest, at, size);
    return rim__mix(hash ^ rest);
}
