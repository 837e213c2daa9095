/* SPDX-License-Identifier: MIT */
/*
 * store.h - the keys of one shard: a table from keys to entries, their values and their times of expiry.
 *
 * The table is 1,024 small ones (partitions), chosen by the hash, so that none ever takes long to grow and the number
 * of a partition is a cursor that stays good while keys come and go. An entry is one block of memory. An entry that
 * was shared (`refs`) is never written and outlives its key until entry_release; whoever wants to change its value
 * gets a new block.
 *
 *     Threads  one; but the bytes of a shared entry's value may be read by any
 */
#ifndef KV_STORE_H
#define KV_STORE_H

#include <ck_hs.h>

#include "text.h"

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
    struct text name;
};

struct store_counts {
    uint64_t keys;
    uint64_t timed; /* keys with a time of expiry */
    uint64_t bytes; /* of entries */
    uint64_t hits;
    uint64_t misses;
    uint64_t expired;
    uint64_t operations;
};

struct partition {
    ck_hs_t table;
    uint32_t count; /* 0: the table has no memory */
    uint32_t timed;
    uint32_t removed; /* since the table was last cleaned: tombstones make searches longer */
};

/* Zeroed, it is empty. */
struct store {
    int64_t now_ms; /* the wall clock, for what expires: to be set before each operation */
    struct store_counts counts;
    uint32_t sweep_at;
    struct partition partitions[STORE_PARTITIONS];
};

/* Removes everything, and frees its memory. */
void store_clear(struct store *store);

/* The entry with this key, which has not expired; NULL if there is none. */
struct entry *store_find(struct store *store, const struct key *key);
/* The same, counted as a hit or a miss. */
struct entry *store_read(struct store *store, const struct key *key);
/* Fetches what store_find will look at, for a search that is soon to come. */
void store_prefetch(struct store *store, uint64_t hash);

/* What an entry is to be. */
struct shape {
    size_t size;       /* of the value */
    int64_t expire_ms; /* 0: never */
    enum {
        SHAPE_NEW = 0, /* the value is the caller's to write, all of it; */
        SHAPE_EDIT,    /* it is the old one, as far as it fits, then zeroes, and the caller's to change; */
        SHAPE_SAME,    /* it stays */
    } value;
};
/* The entry of a key in this shape, for the caller to write its value; `old` is what store_find gave. NULL without
   memory: then the old one stays. */
struct entry *store_make(struct store *store, const struct key *key, struct entry *old, struct shape shape);
void store_remove(struct store *store, struct entry *entry);

/* Calls visit for the keys of a partition that have not expired. visit must not change the store. */
void store_each(struct store *store, uint32_t partition, void (*visit)(void *arg, struct entry *entry), void *arg);
/* One of the keys; `random` chooses it. NULL if there is none. */
struct entry *store_random(struct store *store, uint64_t random);
/* Drops expired keys: looks at no more than about `limit` keys, from where it stopped last time. */
void store_sweep(struct store *store, uint32_t limit);

static inline char *entry_key(const struct entry *entry) {
    return (char *)entry->bytes + (entry->timed ? sizeof(int64_t) : 0);
}

static inline char *entry_value(const struct entry *entry) {
    return entry_key(entry) + entry->key_size;
}

static inline struct text entry_text(const struct entry *entry) {
    return (struct text){entry_value(entry), entry->value_size};
}

/* 0: never. */
int64_t entry_expire(const struct entry *entry);
/* To be called by who has counted up `refs`, when he has done with the value. */
void entry_release(struct entry *entry);

#endif
