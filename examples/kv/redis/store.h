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

#include "resp.h"

#define STORE_PARTITIONS 1024u
#define STORE_HASH_KEY   16u

/* What OBJECT ENCODING goes by: by the value, never a number, or always raw. */
enum entry_encoding { ENTRY_AUTO = 0, ENTRY_STRING, ENTRY_RAW };

struct entry {
    uint32_t refs;
    uint32_t value_size;
    uint32_t key_size : 30;
    uint32_t encoding : 2;
    uint32_t spare;    /* bytes behind the value, for it to grow */
    int64_t expire_ms; /* since 1970; 0: never. Set by store_expire */
    char bytes[];      /* of the key, then of the value */
};

struct key {
    uint64_t hash;
    struct text name;
};

struct store_counts {
    uint64_t keys, timed; /* timed: with a time of expiry */
    uint64_t bytes;       /* of entries */
    uint64_t hits, misses, expired;
    uint64_t connected, received, commands; /* of the server's: connections now, and ever; commands */
};

struct store {
    int64_t now_ms; /* the wall clock, for what expires: to be set before each operation */
    struct store_counts counts;
    const unsigned char *hash_key;
    size_t max_value;
    uint32_t shard, shards; /* which one of how many */
    uint32_t sweep_at;
    uint64_t dice; /* numbers thrown */
    struct partition {
        ck_hs_t table;
        uint32_t count;   /* 0: the table has no memory */
        uint32_t removed; /* since the table was last cleaned: tombstones make searches longer */
    } partitions[STORE_PARTITIONS];
};

/* SipHash with a key of STORE_HASH_KEY bytes, so that clients cannot choose keys that collide. */
uint64_t store_hash(const unsigned char *hash_key, struct text name);
/* Removes everything, and frees its memory. A store is zeroed, but for its settings, or cleared. */
void store_clear(struct store *store);

/* The entry with this key, which has not expired; NULL if there is none. */
struct entry *store_find(struct store *store, const struct key *key);
/* Fetches what store_find will look at, for a search that is soon to come. */
void store_prefetch(struct store *store, uint64_t hash);
/* The entry of a key with a value of this size, for the caller to write; `old` is what store_find gave. With `keep`
   the value is the old one as far as it fits. NULL without memory: then the old one stays. */
struct entry *store_make(struct store *store, const struct key *key, struct entry *old, size_t size, bool keep);
void store_expire(struct store *store, struct entry *entry, int64_t expire_ms);
void store_remove(struct store *store, struct entry *entry);

/* Calls visit, if not NULL, for the keys of a partition, and drops those that have expired. visit must not change the
   store. */
void store_each(struct store *store, uint32_t partition, void (*visit)(void *arg, struct entry *entry), void *arg);
/* A random number: the same sequence for the same hash key. */
uint64_t store_dice(struct store *store);
/* One of the keys. NULL if there is none. */
struct entry *store_random(struct store *store);
/* Drops expired keys: looks at no more than about `limit` keys, from where it stopped last time. */
void store_sweep(struct store *store, uint32_t limit);

static inline struct text entry_key(const struct entry *entry) {
    return (struct text){entry->bytes, entry->key_size};
}

static inline char *entry_value(const struct entry *entry) {
    return (char *)entry->bytes + entry->key_size;
}

static inline struct text entry_text(const struct entry *entry) {
    return (struct text){entry_value(entry), entry->value_size};
}

/* To be called by who has counted up `refs`, when he has done with the value. */
void entry_release(struct entry *entry);

#endif
