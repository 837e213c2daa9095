/* SPDX-License-Identifier: MIT */
/*
 * operation.h - what can be asked of the keys of one shard: requests, their replies, and the doing.
 *
 * A request is the body of one message: the struct, then the key, then the value. The hash of the key was taken when
 * the shard was chosen and is used again for the table. Nothing here knows of actors, connections or RESP versions.
 */
#ifndef KV_OPERATION_H
#define KV_OPERATION_H

#include "buffer.h"
#include "store.h"

enum operation {
    OP_GET = 0,
    OP_SET,   /* value; number: expiry or 0; flags NX XX GET KEEPTTL, ONE_OR_ZERO */
    OP_GETEX, /* number: expiry, an error of enum bad_expiry, or 0; flag PERSIST */
    OP_GETDEL,
    OP_APPEND, /* value; count: longest result */
    OP_STRLEN,
    OP_GETRANGE,  /* number: first; value: last, as int64_t */
    OP_SETRANGE,  /* number: offset; value; count: longest result */
    OP_INCRBY,    /* number */
    OP_INCRFLOAT, /* value: the number as text */
    OP_DEL,
    OP_EXISTS,
    OP_TYPE,
    OP_EXPIRE, /* number: expiry; flags NX XX GT LT */
    OP_TTL,    /* number: enum ttl_form */
    OP_PERSIST,
    OP_ENCODING,
    OP_RENAME, /* number: hash of the new name, value: the new name, both on this shard; flag NX: answers 1 or 0 */
    OP_TAKE,   /* removes the key and answers with REPLY_TAKEN */
    OP_GIVE,   /* value, number as for SET; count: encoding; flag NX: answers 1 or 0 */
    OP_COUNTS, /* from here on without a key: of the whole shard */
    OP_SIZE,   /* how many keys */
    OP_CLEAR,
    OP_KEYS,   /* key: pattern */
    OP_SCAN,   /* number: partition; count; key: pattern, or empty for all; flag NONE: list nothing */
    OP_RANDOM, /* number: a random number; answers REPLY_TAKEN, with the count of keys and one of them */
    OP_LAST_,
};

enum {
    FLAG_NX = 1 << 0,
    FLAG_XX = 1 << 1,
    FLAG_GT = 1 << 2,
    FLAG_LT = 1 << 3,
    FLAG_GET = 1 << 4,
    FLAG_KEEPTTL = 1 << 5,
    FLAG_PERSIST = 1 << 6,
    FLAG_ONE_OR_ZERO = 1 << 7,
    FLAG_NONE = 1 << 8,
};

/* An expiry that was wrong, where Redis looks for the key before it complains. */
enum bad_expiry { EXPIRY_NO_NUMBER = -1, EXPIRY_INVALID = -2 };
enum ttl_form { TTL_SECONDS = 0, TTL_MILLISECONDS, TTL_AT_SECONDS, TTL_AT_MILLISECONDS };

struct request {
    uint64_t hash;
    int64_t number;
    uint32_t key_size;
    uint32_t value_size;
    uint16_t op;
    uint16_t flags;
    uint32_t count;
    char bytes[];
};

enum reply_kind {
    REPLY_OK = 0,
    REPLY_NIL,
    REPLY_INTEGER,
    REPLY_BULK,
    REPLY_STATUS,
    REPLY_ERROR,
    REPLY_KEYS,    /* int64_t, then bulk strings as RESP; the number is their count (KEYS), or the next partition and
                      the count in one: see SCAN_NEXT */
    REPLY_TAKEN,   /* int64_t expiry, a byte of enum entry_encoding, then the value */
    REPLY_COUNTS,  /* struct store_counts */
    REPLY_CLIENTS, /* struct server_counts, from the server's actor */
};

#define SCAN_NEXT(number)  ((uint64_t)(number) >> 48)
#define SCAN_COUNT(number) ((uint64_t)(number)&0xffffffffffffull)

#define TAKEN_HEAD (sizeof(int64_t) + 1)

/* Values larger than this are answered by reference. */
#define REPLY_COPY_MAX 4096u

struct reply {
    enum reply_kind kind;
    int64_t number;
    const char *text; /* good until the next operation, or, if `entry` is there, until that is released */
    size_t size;
    struct entry *entry; /* to be released by whoever gets the reply */
};

/* Does one operation. `work` is for replies that must be put together. */
void operate(struct store *store, const struct request *request, struct buffer *work, struct reply *reply);

#endif
