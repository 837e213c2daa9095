/* SPDX-License-Identifier: MIT */
/*
 * batch.h - requests of one connection to one keeper, sent as one message, and the answers to them, sent as one too.
 *
 * What a client pipelines arrives together, so it travels together: a message costs as much as several look-ups.
 *
 *     message   struct request, key, value, padding to 8 | struct request ...
 *     reply     struct answer, bytes, padding to 8       | struct answer ...
 *
 *     Order     requests run, and are answered, in the order in which they were added
 */
#ifndef KV_BATCH_H
#define KV_BATCH_H

#include "operation.h"

#define BATCH_REQUESTS 64u    /* a batch with so many is sent at once */
#define BATCH_BYTES    16384u /* the same */
#define BATCH_COPIED   1024u  /* the bytes of a larger one are sent without a copy */

/* On the side of the asker: which slots the requests are for. */
struct batch {
    struct batch *next, **link; /* of the connection's batches under way */
    uint32_t users;             /* the connection, and the message with its bytes */
    uint32_t shard;
    uint32_t count;
    struct buffer bytes;
    uint32_t slots[BATCH_REQUESTS]; /* the low halves of their numbers */
};

struct answer {
    uint32_t size; /* of the reply's bytes */
    uint8_t kind;  /* enum reply_kind */
    bool shared;   /* struct shared follows, not the bytes themselves */
    uint16_t unused;
    char bytes[];
};
_Static_assert(sizeof(struct answer) == offsetof(struct answer, bytes), "the bytes follow at once");

/* A value that is not copied. The reply keeps it as it is; who wants to read it keeps the reply. */
struct shared {
    const char *bytes;
    struct entry *entry;
};

static inline size_t batch_padded(size_t size) {
    return (size + 7) & ~(size_t)7;
}

static inline size_t request_span(const struct request *request) {
    return batch_padded(sizeof *request + request->key_size + request->value_size);
}

static inline size_t answer_span(const struct answer *answer) {
    return batch_padded(sizeof *answer + (answer->shared ? sizeof(struct shared) : answer->size));
}

static inline struct shared answer_shared(const struct answer *answer) {
    struct shared shared;
    memcpy(&shared, answer->bytes, sizeof shared);
    return shared;
}

#endif
