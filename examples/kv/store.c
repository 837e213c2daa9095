/* SPDX-License-Identifier: MIT */
#include "store.h"

#include <stdlib.h>
#include <string.h>

#define TABLE_FIRST 8u    /* slots of a new table */
#define TIMED_FROM  4096u /* larger entries always have the field, so that EXPIRE need not copy them */
#define SWEEP_BATCH 64u
#define SPARE_MAX   ((1u << 30) - 1)

/* Looks like an entry as far as the comparison goes, but points to its key. */
union probe {
    struct entry entry;
    struct {
        char head[sizeof(struct entry)];
        const char *key;
    };
};

int64_t entry_expire(const struct entry *entry) {
    int64_t expire_ms = 0;
    if (entry->timed) {
        memcpy(&expire_ms, entry->bytes, sizeof expire_ms);
    }
    return expire_ms;
}

void entry_release(struct entry *entry) {
    if (--entry->refs == 0) {
        free(entry);
    }
}

/* ---- tables ---- */

/*
 * The table holds pointers with 16 bits of the hash where an address has none, so that an entry that is not the wanted
 * one is seldom looked at: its memory is as far away as anything.
 */
static void *tagged(const struct entry *entry) {
    return (void *)((uintptr_t)entry | (entry->hash >> 42 & 0xffff) << 48);
}

static struct entry *untagged(const void *pointer) {
    return (struct entry *)((uintptr_t)pointer & (((uintptr_t)1 << 48) - 1));
}

static unsigned long hash_of(const void *pointer, unsigned long seed UNUSED) {
    return untagged(pointer)->hash;
}

static bool same_key(const void *in_table, const void *wanted) {
    const struct entry *b = untagged(wanted);
    if ((uintptr_t)in_table >> 48 != (b->hash >> 42 & 0xffff)) {
        return false;
    }
    const struct entry *a = untagged(in_table);
    const char *key = b->probe ? ((const union probe *)b)->key : entry_key(b);
    if (key == NULL) {
        return true; /* store_prefetch: it is the wanted one with all likelihood */
    }
    return a->hash == b->hash && a->key_size == b->key_size && memcmp(entry_key(a), key, a->key_size) == 0;
}

static void *table_malloc(size_t size) {
    return malloc(size);
}

static void *table_realloc(void *block, size_t old_size UNUSED, size_t size, bool defer UNUSED) {
    return realloc(block, size);
}

static void table_free(void *block, size_t size UNUSED, bool defer UNUSED) {
    free(block);
}

static struct ck_malloc table_memory = {.malloc = table_malloc, .realloc = table_realloc, .free = table_free};

/* By bits that choose neither the shard (the high ones) nor the slot in the table (the low ones). */
static struct partition *partition_of(struct store *store, uint64_t hash) {
    return &store->partitions[(hash >> 32) % STORE_PARTITIONS];
}

static bool table_open(struct partition *partition) {
    return partition->count > 0 || ck_hs_init(&partition->table, CK_HS_MODE_OBJECT | CK_HS_MODE_SPMC, hash_of, same_key,
                                              &table_memory, TABLE_FIRST, 0);
}

static void table_close(struct partition *partition) {
    if (partition->count == 0) {
        ck_hs_destroy(&partition->table);
        partition->removed = 0;
    }
}

/* Takes an entry into the store's accounts, or (-1) off them: around whatever changes it. */
static void account(struct store *store, const struct entry *entry, int sign) {
    bool timed = entry_expire(entry) > 0;
    size_t bytes = sizeof *entry + (entry->timed ? sizeof(int64_t) : 0) + entry->key_size + entry->value_size;
    partition_of(store, entry->hash)->timed += timed ? (uint32_t)sign : 0;
    store->counts.timed += timed ? (uint64_t)sign : 0;
    store->counts.bytes += (uint64_t)sign * (bytes + entry->spare);
}

/* ---- search ---- */

static bool is_over(const struct store *store, const struct entry *entry) {
    int64_t expire_ms = entry_expire(entry);
    return expire_ms > 0 && expire_ms <= store->now_ms;
}

static void *look_up(struct store *store, uint64_t hash, struct text name) {
    struct partition *partition = partition_of(store, hash);
    union probe probe = {.entry = {.hash = hash, .key_size = (uint32_t)name.size & SPARE_MAX, .probe = 1}};
    probe.key = name.at;
    return partition->count > 0 ? ck_hs_get(&partition->table, hash, &probe) : NULL;
}

struct entry *store_find(struct store *store, const struct key *key) {
    void *found = look_up(store, key->hash, key->name);
    struct entry *entry = found != NULL ? untagged(found) : NULL;
    if (entry != NULL && is_over(store, entry)) {
        store->counts.expired++;
        store_remove(store, entry);
        return NULL;
    }
    return entry;
}

struct entry *store_read(struct store *store, const struct key *key) {
    struct entry *entry = store_find(store, key);
    *(entry != NULL ? &store->counts.hits : &store->counts.misses) += 1;
    return entry;
}

void store_prefetch(struct store *store, uint64_t hash) {
    void *found = look_up(store, hash, (struct text){NULL, 0});
    if (found != NULL) {
        __builtin_prefetch(untagged(found));
    }
}

/* ---- change ---- */

/* A block for a key and a value, which is not written. */
static struct entry *create(const struct key *key, struct shape shape, size_t spare) {
    bool timed = shape.expire_ms > 0 || shape.size > TIMED_FROM;
    size_t need = sizeof(struct entry) + (timed ? sizeof(int64_t) : 0) + key->name.size + shape.size + spare;
    struct entry *entry = shape.size <= UINT32_MAX ? malloc(need) : NULL;
    if (entry == NULL) {
        return NULL;
    }
    *entry = (struct entry){.hash = key->hash, .refs = 1, .value_size = (uint32_t)shape.size, .timed = timed};
    entry->key_size = (uint32_t)key->name.size & SPARE_MAX;
    entry->spare = (uint32_t)spare & SPARE_MAX;
    if (timed) {
        memcpy(entry->bytes, &shape.expire_ms, sizeof shape.expire_ms);
    }
    memcpy(entry_key(entry), key->name.at, key->name.size);
    return entry;
}

/* Puts a block into the table, in the place of `old`, which is let go. */
static bool insert(struct store *store, struct entry *entry, struct entry *old) {
    struct partition *partition = partition_of(store, entry->hash);
    void *previous = NULL;
    if (!table_open(partition)) {
        return false;
    }
    if (old != NULL ? !ck_hs_set(&partition->table, entry->hash, tagged(entry), &previous)
                    : !ck_hs_put_unique(&partition->table, entry->hash, tagged(entry))) {
        table_close(partition);
        return false;
    }
    account(store, entry, 1);
    if (old != NULL) {
        account(store, old, -1);
        entry_release(old);
    } else {
        partition->count++;
        store->counts.keys++;
    }
    return true;
}

/* Whether a block can take this shape, without wasting much of itself on a new value. */
static bool fits(const struct entry *old, struct shape shape) {
    size_t room = (size_t)old->value_size + old->spare;
    return (old->timed || shape.expire_ms == 0) && (old->refs == 1 || shape.value == SHAPE_SAME) &&
           shape.size <= room && (shape.value != SHAPE_NEW || room - shape.size <= shape.size / 4 + 16);
}

static void reshape(struct store *store, struct entry *entry, struct shape shape) {
    size_t room = (size_t)entry->value_size + entry->spare;
    if (shape.size == entry->value_size && shape.expire_ms == entry_expire(entry)) {
        return;
    }
    account(store, entry, -1);
    entry->value_size = (uint32_t)shape.size;
    entry->spare = (uint32_t)(room - shape.size) & SPARE_MAX;
    if (entry->timed) {
        memcpy(entry->bytes, &shape.expire_ms, sizeof shape.expire_ms);
    }
    account(store, entry, 1);
}

struct entry *store_make(struct store *store, const struct key *key, struct entry *old, struct shape shape) {
    size_t kept =
        shape.value != SHAPE_NEW && old != NULL ? (old->value_size < shape.size ? old->value_size : shape.size) : 0;
    struct entry *entry = old;
    if (old != NULL && fits(old, shape)) {
        reshape(store, old, shape);
    } else {
        bool grows = kept > 0 && kept < shape.size; /* it may grow again */
        entry = create(key, shape, !grows ? 0 : shape.size < (1u << 20) ? shape.size : (1u << 20));
        if (entry == NULL) {
            return NULL;
        }
        entry->encoding = shape.value != SHAPE_NEW && old != NULL ? old->encoding & 3u : ENTRY_AUTO;
        memcpy(entry_value(entry), kept > 0 ? entry_value(old) : "", kept);
        if (!insert(store, entry, old)) {
            free(entry);
            return NULL;
        }
    }
    if (shape.value == SHAPE_EDIT) {
        memset(entry_value(entry) + kept, 0, shape.size - kept);
    }
    return entry;
}

void store_remove(struct store *store, struct entry *entry) {
    struct partition *partition = partition_of(store, entry->hash);
    ck_hs_remove(&partition->table, entry->hash, tagged(entry));
    account(store, entry, -1);
    partition->count--;
    partition->removed++;
    store->counts.keys--;
    entry_release(entry);
    if (partition->count == 0) {
        table_close(partition);
    } else if (partition->removed > partition->count + 64) {
        ck_hs_rebuild(&partition->table);
        partition->removed = 0;
    }
}

void store_clear(struct store *store) {
    for (uint32_t i = 0; i < STORE_PARTITIONS; i++) {
        struct partition *partition = &store->partitions[i];
        ck_hs_iterator_t place = CK_HS_ITERATOR_INITIALIZER;
        void *entry;
        while (partition->count > 0 && ck_hs_next(&partition->table, &place, &entry)) {
            entry_release(untagged(entry));
        }
        if (partition->count > 0) {
            partition->count = 0;
            table_close(partition);
        }
        partition->timed = 0;
    }
    store->counts.keys = store->counts.timed = store->counts.bytes = 0;
}

/* ---- walks ---- */

void store_each(struct store *store, uint32_t partition, void (*visit)(void *arg, struct entry *entry), void *arg) {
    ck_hs_iterator_t place = CK_HS_ITERATOR_INITIALIZER;
    void *entry;
    while (store->partitions[partition].count > 0 && ck_hs_next(&store->partitions[partition].table, &place, &entry)) {
        if (!is_over(store, untagged(entry))) {
            visit(arg, untagged(entry));
        }
    }
}

struct choice {
    uint64_t left;
    struct entry *entry;
};

static void choose(void *arg, struct entry *entry) {
    struct choice *choice = arg;
    if (choice->left-- == 0) {
        choice->entry = entry;
    }
}

/* Where the chosen one is among keys that have expired, the first one behind it is taken. */
struct entry *store_random(struct store *store, uint64_t random) {
    uint64_t left = store->counts.keys > 0 ? random % store->counts.keys : 0;
    for (uint32_t i = 0; i < 2 * STORE_PARTITIONS && store->counts.keys > 0; i++) {
        uint32_t count = store->partitions[i % STORE_PARTITIONS].count;
        if (left >= count) {
            left -= count;
            continue;
        }
        struct choice choice = {left, NULL};
        store_each(store, i % STORE_PARTITIONS, choose, &choice);
        if (choice.entry != NULL) {
            return choice.entry;
        }
        left = 0;
    }
    return NULL;
}

/* Expired keys of one partition go, up to SWEEP_BATCH. Returns how many keys it looked at. */
static uint32_t sweep_partition(struct store *store, struct partition *partition, bool *all) {
    struct entry *over[SWEEP_BATCH];
    uint32_t count = 0, seen = 0;
    ck_hs_iterator_t place = CK_HS_ITERATOR_INITIALIZER;
    void *entry;
    while (count < SWEEP_BATCH && ck_hs_next(&partition->table, &place, &entry)) {
        seen++;
        if (is_over(store, untagged(entry))) {
            over[count++] = untagged(entry);
        }
    }
    store->counts.expired += count;
    for (uint32_t i = 0; i < count; i++) {
        store_remove(store, over[i]);
    }
    *all = count < SWEEP_BATCH;
    return seen;
}

void store_sweep(struct store *store, uint32_t limit) {
    uint32_t seen = 0;
    for (uint32_t i = 0; i < STORE_PARTITIONS && seen < limit; i++) {
        struct partition *partition = &store->partitions[store->sweep_at % STORE_PARTITIONS];
        bool all = true;
        if (partition->timed > 0) {
            seen += sweep_partition(store, partition, &all);
        }
        store->sweep_at += all;
    }
}
