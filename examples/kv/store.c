/* SPDX-License-Identifier: MIT */
#include "store.h"

#include <ck_hs.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_FIRST 8u    /* slots of a new table */
#define TIMED_FROM  4096u /* larger entries always have the field, so that EXPIRE need not copy them */
#define SWEEP_BATCH 64u
#define SPARE_MAX   ((1u << 30) - 1)

struct partition {
    ck_hs_t table;
    uint32_t count; /* 0: the table has no memory */
    uint32_t timed;
    uint32_t removed; /* since the table was last cleaned: tombstones make searches longer */
};

struct store {
    int64_t now_ms;
    struct store_counts counts;
    uint32_t sweep_at;
    struct partition partitions[STORE_PARTITIONS];
};

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

void entry_share(struct entry *entry) {
    entry->refs++;
}

void entry_release(struct entry *entry) {
    if (--entry->refs == 0) {
        free(entry);
    }
}

static size_t block_size(const struct entry *entry) {
    return sizeof *entry + (entry->timed ? sizeof(int64_t) : 0) + entry->key_size + entry->value_size + entry->spare;
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

static unsigned long hash_of(const void *pointer, unsigned long seed) {
    (void)seed;
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

static void *table_realloc(void *block, size_t old_size, size_t size, bool defer) {
    (void)old_size;
    (void)defer;
    return realloc(block, size);
}

static void table_free(void *block, size_t size, bool defer) {
    (void)size;
    (void)defer;
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

/* Puts a block into the table, in the place of an older one with the same key. */
static bool table_set(struct store *store, struct entry *entry, bool fresh) {
    struct partition *partition = partition_of(store, entry->hash);
    void *previous = NULL;
    if (!table_open(partition)) {
        return false;
    }
    if (fresh ? !ck_hs_put_unique(&partition->table, entry->hash, tagged(entry))
              : !ck_hs_set(&partition->table, entry->hash, tagged(entry), &previous)) {
        table_close(partition);
        return false;
    }
    bool timed = entry_expire(entry) > 0;
    if (fresh) {
        partition->count++;
        store->counts.keys++;
    }
    partition->timed += timed;
    store->counts.timed += timed;
    store->counts.bytes += block_size(entry);
    return true;
}

/* The store's accounts without this block, which is about to be replaced, changed or removed. */
static void forget(struct store *store, const struct entry *entry) {
    bool timed = entry_expire(entry) > 0;
    partition_of(store, entry->hash)->timed -= timed;
    store->counts.timed -= timed;
    store->counts.bytes -= block_size(entry);
}

/* ---- the store ---- */

struct store *store_create(void) {
    return calloc(1, sizeof(struct store));
}

void store_destroy(struct store *store) {
    if (store != NULL) {
        store_clear(store);
        free(store);
    }
}

void store_set_time(struct store *store, int64_t now_ms) {
    store->now_ms = now_ms;
}

int64_t store_time(const struct store *store) {
    return store->now_ms;
}

uint64_t store_keys(const struct store *store) {
    return store->counts.keys;
}

void store_count(struct store *store) {
    store->counts.operations++;
}

uint64_t store_timed(const struct store *store) {
    return store->counts.timed;
}

struct store_counts store_counts(const struct store *store) {
    struct store_counts counts = store->counts;
    counts.bytes += sizeof *store;
    for (uint32_t i = 0; i < STORE_PARTITIONS; i++) {
        struct ck_hs_stat stat;
        if (store->partitions[i].count > 0) {
            ck_hs_stat((ck_hs_t *)&store->partitions[i].table, &stat);
            counts.bytes += 3 * stat.n_entries * sizeof(void *);
        }
    }
    return counts;
}

static bool is_over(const struct store *store, const struct entry *entry) {
    int64_t expire_ms = entry_expire(entry);
    return expire_ms > 0 && expire_ms <= store->now_ms;
}

struct entry *store_find(struct store *store, const struct key *key) {
    struct partition *partition = partition_of(store, key->hash);
    if (partition->count == 0) {
        return NULL;
    }
    union probe probe = {.entry = {.hash = key->hash, .key_size = key->size, .probe = 1}};
    probe.key = key->at;
    void *found = ck_hs_get(&partition->table, key->hash, &probe);
    struct entry *entry = found != NULL ? untagged(found) : NULL;
    if (entry != NULL && is_over(store, entry)) {
        store->counts.expired++;
        store_remove(store, entry);
        return NULL;
    }
    return entry;
}

void store_prefetch(struct store *store, uint64_t hash) {
    struct partition *partition = partition_of(store, hash);
    union probe probe = {.entry = {.hash = hash, .probe = 1}};
    probe.key = NULL;
    void *found = partition->count > 0 ? ck_hs_get(&partition->table, hash, &probe) : NULL;
    if (found != NULL) {
        __builtin_prefetch(untagged(found));
    }
}

struct entry *store_read(struct store *store, const struct key *key) {
    struct entry *entry = store_find(store, key);
    if (entry != NULL) {
        store->counts.hits++;
    } else {
        store->counts.misses++;
    }
    return entry;
}

/* A block for a key and a value of `size` bytes, which are not written. */
static struct entry *entry_create(const struct key *key, size_t size, size_t spare, int64_t expire_ms) {
    bool timed = expire_ms > 0 || size > TIMED_FROM;
    size_t need = sizeof(struct entry) + (timed ? sizeof(int64_t) : 0) + key->size + size + spare;
    struct entry *entry = size <= UINT32_MAX ? malloc(need) : NULL;
    if (entry == NULL) {
        return NULL;
    }
    *entry = (struct entry){.hash = key->hash, .refs = 1, .value_size = (uint32_t)size, .key_size = key->size};
    entry->timed = timed;
    entry->spare = (uint32_t)spare & SPARE_MAX;
    if (timed) {
        memcpy(entry->bytes, &expire_ms, sizeof expire_ms);
    }
    memcpy(entry_key(entry), key->at, key->size);
    return entry;
}

/* Whether a block can take a value of this size without wasting much of itself. */
static bool fits(const struct entry *entry, size_t size, int64_t expire_ms) {
    size_t room = (size_t)entry->value_size + entry->spare;
    return entry->refs == 1 && size <= room && room - size <= size / 4 + 16 && (entry->timed || expire_ms == 0);
}

static void set_size(struct entry *entry, size_t size) {
    size_t room = (size_t)entry->value_size + entry->spare;
    entry->value_size = (uint32_t)size;
    entry->spare = (uint32_t)(room - size) & SPARE_MAX;
}

static void write_value(struct entry *entry, const struct store_value *value) {
    if (value->at != NULL) {
        memcpy(entry_value(entry), value->at, value->size);
    } else {
        memset(entry_value(entry), 0, value->size);
    }
    entry->encoding = value->encoding;
}

/* Writes the time into a block that has the field, and keeps the accounts. */
static void set_expire(struct store *store, struct entry *entry, int64_t expire_ms) {
    int32_t change = (expire_ms > 0) - (entry_expire(entry) > 0);
    memcpy(entry->bytes, &expire_ms, sizeof expire_ms);
    partition_of(store, entry->hash)->timed += (uint32_t)change;
    store->counts.timed += (uint64_t)(int64_t)change;
}

/* Puts `fresh` in the place of `old`, which is let go. Consumes `fresh` also when it fails. */
static struct entry *replace(struct store *store, struct entry *old, struct entry *fresh) {
    if (old != NULL) {
        forget(store, old);
    }
    if (!table_set(store, fresh, old == NULL)) {
        abort(); /* putting one pointer in another's place takes no memory */
    }
    if (old != NULL) {
        entry_release(old);
    }
    return fresh;
}

struct entry *store_put(struct store *store, const struct key *key, struct entry *old, struct store_value value) {
    if (old != NULL && fits(old, value.size, value.expire_ms)) {
        set_size(old, value.size);
        write_value(old, &value);
        if (old->timed) {
            set_expire(store, old, value.expire_ms);
        }
        return old;
    }
    struct entry *entry = entry_create(key, value.size, 0, value.expire_ms);
    if (entry == NULL) {
        return NULL;
    }
    write_value(entry, &value);
    if (old != NULL) {
        return replace(store, old, entry);
    }
    if (!table_set(store, entry, true)) {
        free(entry);
        return NULL;
    }
    return entry;
}

struct entry *store_resize(struct store *store, struct entry *entry, size_t size) {
    size_t old_size = entry->value_size;
    if (entry->refs > 1 || size > old_size + entry->spare) {
        struct key key = {entry->hash, entry_key(entry), entry->key_size};
        size_t spare = old_size == 0 ? 0 : size < (1u << 20) ? size : (1u << 20);
        struct entry *fresh = entry_create(&key, size, spare, entry_expire(entry));
        if (fresh == NULL) {
            return NULL;
        }
        memcpy(entry_value(fresh), entry_value(entry), old_size < size ? old_size : size);
        fresh->encoding = entry->encoding;
        entry = replace(store, entry, fresh);
    } else {
        set_size(entry, size);
    }
    if (size > old_size) {
        memset(entry_value(entry) + old_size, 0, size - old_size);
    }
    return entry;
}

struct entry *store_expire(struct store *store, struct entry *entry, int64_t expire_ms) {
    if (entry->timed) {
        set_expire(store, entry, expire_ms);
        return entry;
    }
    if (expire_ms == 0) {
        return entry;
    }
    struct key key = {entry->hash, entry_key(entry), entry->key_size};
    struct entry *fresh = entry_create(&key, entry->value_size, entry->spare, expire_ms);
    if (fresh == NULL) {
        return NULL;
    }
    memcpy(entry_value(fresh), entry_value(entry), entry->value_size);
    fresh->encoding = entry->encoding;
    return replace(store, entry, fresh);
}

void store_remove(struct store *store, struct entry *entry) {
    struct partition *partition = partition_of(store, entry->hash);
    ck_hs_remove(&partition->table, entry->hash, tagged(entry));
    forget(store, entry);
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
    store->counts.keys = 0;
    store->counts.timed = 0;
    store->counts.bytes = 0;
}

/* ---- walks ---- */

uint32_t store_partition_count(const struct store *store, uint32_t partition) {
    return store->partitions[partition].count;
}

void store_each(struct store *store, uint32_t partition, void (*visit)(void *arg, struct entry *entry), void *arg) {
    ck_hs_iterator_t place = CK_HS_ITERATOR_INITIALIZER;
    void *entry;
    if (store->partitions[partition].count == 0) {
        return;
    }
    while (ck_hs_next(&store->partitions[partition].table, &place, &entry)) {
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

struct entry *store_random(struct store *store, uint64_t random) {
    uint64_t left = store->counts.keys > 0 ? random % store->counts.keys : 0;
    for (uint32_t turn = 0; turn < 2 && store->counts.keys > 0; turn++) {
        for (uint32_t i = 0; i < STORE_PARTITIONS; i++) {
            uint32_t count = store->partitions[i].count;
            if (left >= count) {
                left -= count;
                continue;
            }
            struct choice choice = {left, NULL};
            store_each(store, i, choose, &choice);
            if (choice.entry != NULL) {
                return choice.entry;
            }
            left = 0; /* expired keys were counted: take the first one behind them */
        }
        left = 0;
    }
    return NULL;
}

/* Expired keys of one partition go, up to SWEEP_BATCH. Returns how many keys it looked at. */
static uint32_t sweep_partition(struct store *store, struct partition *partition, bool *all) {
    struct entry *over[SWEEP_BATCH];
    uint32_t count = 0;
    uint32_t seen = 0;
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
