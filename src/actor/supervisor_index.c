/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "actor/supervisor.h"

static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t hash_id(const char *id) {
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *id != '\0'; id++) {
        hash = (hash ^ (unsigned char)*id) * 0x100000001b3u;
    }
    return mix(hash);
}

static uint64_t hash_of(const struct rim__index *index, const struct rim__child *child) {
    return index->by_ref ? mix(child->ref) : hash_id(child->id);
}

static void put(struct rim__index *index, struct rim__child *child) {
    uint64_t at = hash_of(index, child);
    while (index->slots[at & (index->capacity - 1)] != NULL) {
        at++;
    }
    index->slots[at & (index->capacity - 1)] = child;
}

int rim__index_reserve(rim_ctx *ctx, struct rim__index *index, uint32_t count) {
    uint32_t capacity = index->capacity != 0 ? index->capacity : 16;
    while (capacity / 2 < count) {
        capacity *= 2;
    }
    if (capacity == index->capacity) {
        return 0;
    }
    struct rim__child **slots = rim_alloc(ctx, capacity * sizeof(struct rim__child *));
    if (slots == NULL) {
        return -ENOMEM;
    }
    memset(slots, 0, capacity * sizeof(struct rim__child *));
    struct rim__index old = *index;
    index->slots = slots;
    index->capacity = capacity;
    for (uint32_t i = 0; i < old.capacity; i++) {
        if (old.slots[i] != NULL) {
            put(index, old.slots[i]);
        }
    }
    rim_free(ctx, old.slots);
    return 0;
}

void rim__index_add(struct rim__index *index, struct rim__child *child) {
    put(index, child);
}

/* Whoever stands behind the gap, and came there from before it, moves up: there are no tombstones. */
static void close_gap(struct rim__index *index, uint64_t gap) {
    uint64_t mask = index->capacity - 1;
    for (uint64_t at = gap + 1; index->slots[at & mask] != NULL; at++) {
        uint64_t home = hash_of(index, index->slots[at & mask]);
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            index->slots[gap & mask] = index->slots[at & mask];
            index->slots[at & mask] = NULL;
            gap = at;
        }
    }
}

void rim__index_remove(struct rim__index *index, struct rim__child *child) {
    uint64_t at = hash_of(index, child);
    while (index->slots[at & (index->capacity - 1)] != child) {
        at++;
    }
    index->slots[at & (index->capacity - 1)] = NULL;
    close_gap(index, at);
}

struct rim__child *rim__index_find_id(const struct rim__index *index, const char *id) {
    if (index->capacity == 0) {
        return NULL;
    }
    struct rim__child *child;
    for (uint64_t at = hash_id(id); (child = index->slots[at & (index->capacity - 1)]) != NULL; at++) {
        if (strcmp(child->id, id) == 0) {
            return child;
        }
    }
    return NULL;
}

struct rim__child *rim__index_find_ref(const struct rim__index *index, rim_ref ref) {
    if (index->capacity == 0) {
        return NULL;
    }
    struct rim__child *child;
    for (uint64_t at = mix(ref); (child = index->slots[at & (index->capacity - 1)]) != NULL; at++) {
        if (child->ref == ref) {
            return child;
        }
    }
    return NULL;
}
