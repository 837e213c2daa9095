/* SPDX-License-Identifier: MIT */
#include "store.h"

#include <sodium.h>
#include <stdlib.h>

#define TABLE_FIRST 8u /* slots of a new table */
#define SPARE_MAX   (1u << 20)

void entry_release(struct entry *entry) {
    if (--entry->refs == 0) {
        free(entry);
    }
}

uint64_t store_hash(const unsigned char *hash_key, struct text name) {
    uint64_t hash;
    _Static_assert(sizeof hash == crypto_shorthash_BYTES && STORE_HASH_KEY == crypto_shorthash_KEYBYTES, "SipHash");
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)name.at, name.size, hash_key);
    return hash;
}

/*
 * A table holds pointers with 16 bits of the hash where an address has none, so that an entry that is not the wanted
 * one is seldom looked at: its memory is as far away as anything.
 */
static void *tagged(const struct entry *entry, uint64_t hash) {
    return (void *)((uintptr_t)entry | (hash >> 42 & 0xffff) << 48);
}

static struct entry *untagged(const void *pointer) {
    return (struct entry *)((uintptr_t)pointer & (((uintptr_t)1 << 48) - 1));
}

/* For a table that grows; its seed is the address of the hash key. */
static unsigned long hash_of(const void *pointer, unsigned long seed) {
    return store_hash((const unsigned char *)seed, entry_key(untagged(pointer)));
}

/* A key without a name is store_prefetch's: by the tag it is the wanted one with all likelihood. */
static bool same_key(const void *in_table, const void *wanted) {
    const struct key *key = wanted;
    const struct entry *entry = untagged(in_table);
    return (uintptr_t)in_table >> 48 == (key->hash >> 42 & 0xffff) &&
           (key->name.at == NULL ||
            (entry->key_size == key->name.size && memcmp(entry->bytes, key->name.at, key->name.size) == 0));
}

static void *table_realloc(void *block, size_t old_size UNUSED, size_t size, bool defer UNUSED) {
    return realloc(block, size);
}

static void table_free(void *block, size_t size UNUSED, bool defer UNUSED) {
    free(block);
}

static struct ck_malloc table_memory = {.malloc = malloc, .realloc = table_realloc, .free = table_free};

/* By bits that choose neither the shard (the high ones) nor the slot in the table (the low ones). */
static struct partition *partition_of(struct store *store, uint64_t hash) {
    return &store->partitions[(hash >> 32) % STORE_PARTITIONS];
}

/* ---- search ---- */

static bool is_over(const struct store *store, const struct entry *entry) {
    return entry->expire_ms > 0 && entry->expire_ms <= store->now_ms;
}

static struct entry *look_up(struct store *store, const struct key *key) {
    struct partition *partition = partition_of(store, key->hash);
    return partition->count > 0 ? untagged(ck_hs_get(&partition->table, key->hash, key)) : NULL;
}

void store_prefetch(struct store *store, uint64_t hash) {
    __builtin_prefetch(look_up(store, &(struct key){.hash = hash}));
}

struct entry *store_find(struct store *store, const struct key *key) {
    struct entry *entry = look_up(store, key);
    if (entry != NULL && is_over(store, entry)) {
        store->counts.expired++;
        store_remove(store, entry);
        return NULL;
    }
    return entry;
}

/* ---- change ---- */

static size_t size_of(const struct entry *entry) {
    return sizeof *entry + entry->key_size + entry->value_size + entry->spare;
}

static void *replace(void *old UNUSED, void *fresh) {
    return fresh;
}

/* Puts a block into the table, in the place of `old`, which is let go. False: out of memory. */
static bool insert(struct store *store, const struct key *key, struct entry *entry, struct entry *old) {
    struct partition *partition = partition_of(store, key->hash);
    if (partition->count == 0 && !ck_hs_init(&partition->table, CK_HS_MODE_OBJECT | CK_HS_MODE_SPMC, hash_of, same_key,
                                             &table_memory, TABLE_FIRST, (unsigned long)store->hash_key)) {
        return false;
    }
    if (!ck_hs_apply(&partition->table, key->hash, key, replace, tagged(entry, key->hash))) {
        if (partition->count == 0) {
            ck_hs_destroy(&partition->table);
        }
        return false;
    }
    store->counts.bytes += size_of(entry);
    if (old != NULL) {
        store->counts.bytes -= size_of(old);
        entry_release(old);
    } else {
        partition->count++;
        store->counts.keys++;
    }
    return true;
}

/* Whether a block can take a value of this size, without wasting much of itself on one that is new. */
static bool fits(const struct entry *old, size_t size, bool keep) {
    size_t room = (size_t)old->value_size + old->spare;
    return old->refs == 1 && size <= room && (keep || room - size <= size / 4 + 16);
}

struct entry *store_make(struct store *store, const struct key *key, struct entry *old, size_t size, bool keep) {
    if (old != NULL && fits(old, size, keep)) {
        old->spare = (uint32_t)(old->value_size + old->spare - size);
        old->value_size = (uint32_t)size;
        return old;
    }
    size_t spare = !keep || old == NULL ? 0 : size < SPARE_MAX ? size : SPARE_MAX; /* it may grow again */
    struct entry *entry = size <= UINT32_MAX ? malloc(sizeof *entry + key->name.size + size + spare) : NULL;
    if (entry == NULL) {
        return NULL;
    }
    *entry = (struct entry){.refs = 1, .value_size = (uint32_t)size, .spare = (uint32_t)spare};
    entry->key_size = (uint32_t)key->name.size & ((1u << 30) - 1);
    memcpy(entry->bytes, key->name.at, key->name.size);
    if (old != NULL) {
        entry->expire_ms = old->expire_ms;
        entry->encoding = old->encoding & 3u;
        memcpy(entry_value(entry), entry_value(old), !keep ? 0 : old->value_size < size ? old->value_size : size);
    }
    if (!insert(store, key, entry, old)) {
        free(entry);
        return NULL;
    }
    return entry;
}

void store_expire(struct store *store, struct entry *entry, int64_t expire_ms) {
    store->counts.timed += (uint64_t)(expire_ms > 0) - (uint64_t)(entry->expire_ms > 0);
    entry->expire_ms = expire_ms;
}

static void take_out(struct store *store, struct partition *partition, struct entry *entry) {
    struct key key = {store_hash(store->hash_key, entry_key(entry)), entry_key(entry)};
    ck_hs_remove(&partition->table, key.hash, &key);
    store->counts.timed -= entry->expire_ms > 0;
    store->counts.bytes -= size_of(entry);
    store->counts.keys--;
    partition->count--;
    partition->removed++;
    entry_release(entry);
}

/* After something has been taken out: nobody walks the table any more. */
static void tidy(struct partition *partition) {
    if (partition->count == 0 && partition->removed > 0) {
        ck_hs_destroy(&partition->table);
        partition->removed = 0;
    } else if (partition->removed > partition->count + 64) {
        ck_hs_rebuild(&partition->table);
        partition->removed = 0;
    }
}

void store_remove(struct store *store, struct entry *entry) {
    struct partition *partition = partition_of(store, store_hash(store->hash_key, entry_key(entry)));
    take_out(store, partition, entry);
    tidy(partition);
}

/* ---- walks ---- */

void store_each(struct store *store, uint32_t partition, void (*visit)(void *arg, struct entry *entry), void *arg) {
    struct partition *walked = &store->partitions[partition];
    ck_hs_iterator_t place = CK_HS_ITERATOR_INITIALIZER;
    for (void *found; walked->count > 0 && ck_hs_next(&walked->table, &place, &found);) {
        if (is_over(store, untagged(found))) {
            store->counts.expired++;
            take_out(store, walked, untagged(found));
        } else if (visit != NULL) {
            visit(arg, untagged(found));
        }
    }
    tidy(walked);
}

static void remove_one(void *arg, struct entry *entry) {
    struct store *store = arg;
    take_out(store, partition_of(store, store_hash(store->hash_key, entry_key(entry))), entry);
}

void store_clear(struct store *store) {
    for (uint32_t i = 0; i < STORE_PARTITIONS; i++) {
        store_each(store, i, remove_one, store);
    }
}

uint64_t store_dice(struct store *store) {
    store->dice++;
    return store_hash(store->hash_key, (struct text){(const char *)&store->dice, sizeof store->dice});
}

struct pick {
    uint64_t left;
    struct entry *found;
};

static void pick_one(void *arg, struct entry *entry) {
    struct pick *pick = arg;
    pick->found = pick->found == NULL && pick->left-- == 0 ? entry : pick->found;
}

/* Where the chosen one is among keys that have expired, one behind it is taken. */
struct entry *store_random(struct store *store) {
    struct pick pick = {store->counts.keys > 0 ? store_dice(store) % store->counts.keys : 0, NULL};
    for (uint32_t i = 0; i < 2 * STORE_PARTITIONS && pick.found == NULL; i++) {
        uint32_t count = store->partitions[i % STORE_PARTITIONS].count;
        if (pick.left < count) {
            store_each(store, i % STORE_PARTITIONS, pick_one, &pick);
        } else {
            pick.left -= count;
        }
    }
    return pick.found;
}

void store_sweep(struct store *store, uint32_t limit) {
    uint32_t seen = 0;
    for (uint32_t i = 0; i < STORE_PARTITIONS && seen < limit && store->counts.timed > 0; i++) {
        uint32_t partition = store->sweep_at++ % STORE_PARTITIONS;
        seen += store->partitions[partition].count;
        store_each(store, partition, NULL, NULL);
    }
}
