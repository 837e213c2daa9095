/* SPDX-License-Identifier: MIT */
/*
 * store.h - the keys of one shard: a table from keys to entries, their values and their times of expiry.
 *
 * The table is 1,024 small ones (partitions), chosen by the hash, so that none ever takes long to grow and the number
 * of a partition is a cursor that stays good while keys come and go. An entry is one block of memory. An entry that
 * was shared (entry_share) is never written and outlives its key until entry_release; whoever wants to change its
 * value gets a new block.
 *
 *     Threads  one; but the bytes of a shared entry's value may be read by any
 */
#ifndef KV_STORE_H
#define KV_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_PARTITIONS 1024u

enum entry_encoding { ENTRY_AUTO = 0, ENTRY_STRING, ENTRY_RAW };

/* 24 bytes, then 8 for the time of expiry where `timed`, then key and value. */
struct entry {
    uint64_t hash;
    uint32_t refs;
    uint32_t value_size;
    uint32_t key_size : 30;
    uint32_t timed : 1;  /* has the field */
    uint32_t probe : 1;  /* not an entry, but a question for one: union probe of store.c */
    uint32_t spare : 30; /* bytes behind the value, for it to grow */
    uint32_t encoding : 2;
    char bytes[];
};

struct key {
    uint64_t hash;
    const char *at;
    uint32_t size;
};

struct store_counts {
    uint64_t keys;
    uint64_t timed; /* keys with a time of expiry */
    uint64_t bytes; /* of entries and tables */
    uint64_t hits;
    uint64_t misses;
    uint64_t expired;
    uint64_t operations;
};

struct store;

/* NULL without memory. */
struct store *store_create(void);
void store_destroy(struct store *store);
/* The wall clock in milliseconds, for what expires: to be told before each operation. */
void store_set_time(struct store *store, int64_t now_ms);
int64_t store_time(const struct store *store);
uint64_t store_keys(const struct store *store);
/* Counts an operation. */
void store_count(struct store *store);
/* Keys with a time of expiry. */
uint64_t store_timed(const struct store *store);
struct store_counts store_counts(const struct store *store);

/* The entry with this key, which has not expired; NULL if there is none. */
struct entry *store_find(struct store *store, const struct key *key);
/* Fetches what store_find will look at, for a search that is soon to come. */
void store_prefetch(struct store *store, uint64_t hash);
/* The same as store_find, counted as a hit or a miss. */
struct entry *store_read(struct store *store, const struct key *key);
/* What a new value is to be: `expire_ms` 0 means never. */
struct store_value {
    const char *at; /* NULL: zeroes */
    size_t size;
    int64_t expire_ms;
    enum entry_encoding encoding;
};
/* Sets a key, new or not; `old` is what store_find gave. NULL without memory: then the old value stays. */
struct entry *store_put(struct store *store, const struct key *key, struct entry *old, struct store_value value);
/* Gives the value a new size, keeping what fits, zeroing what is new. The entry may move. NULL without memory. */
struct entry *store_resize(struct store *store, struct entry *entry, size_t size);
/* 0: never. The entry may move. NULL without memory. */
struct entry *store_expire(struct store *store, struct entry *entry, int64_t expire_ms);
void store_remove(struct store *store, struct entry *entry);
void store_clear(struct store *store);

/* Calls visit for the keys of a partition that have not expired. visit must not change the store. */
void store_each(struct store *store, uint32_t partition, void (*visit)(void *arg, struct entry *entry), void *arg);
uint32_t store_partition_count(const struct store *store, uint32_t partition);
/* One of the keys; `random` chooses it. NULL if there is none. */
struct entry *store_random(struct store *store, uint64_t random);
/* Drops expired keys: looks at no more than `limit` keys, from where it stopped last time. */
void store_sweep(struct store *store, uint32_t limit);

static inline char *entry_key(const struct entry *entry) {
    return (char *)entry->bytes + (entry->timed ? sizeof(int64_t) : 0);
}

static inline char *entry_value(const struct entry *entry) {
    return entry_key(entry) + entry->key_size;
}

/* 0: never. */
int64_t entry_expire(const struct entry *entry);
/* Keeps value and block for someone else as well. */
void entry_share(struct entry *entry);
void entry_release(struct entry *entry);

#endif
