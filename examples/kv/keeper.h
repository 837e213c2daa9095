/* SPDX-License-Identifier: MIT */
/*
 * keeper.h - the actor that owns the keys of one shard: requests in, answers out, and what has expired swept away.
 *
 * What a client pipelines arrives together, so it travels together: a message costs as much as several look-ups. A
 * batch is the requests of one connection to one keeper (or to the server's actor), a reply the answers to them:
 *
 *     KEEPER_BATCH      struct request, arguments, padding to 8 | struct request ...
 *     KEEPER_WHOLE + V  one large request of RESP version V as the client sent it, not copied on its way
 *     reply             struct answer, bytes, padding to 8      | struct answer ...
 *
 *     Order     requests run, and are answered, in the order in which they were added
 *     Threads   its shard's; large values are read by connections of other shards while it keeps them unchanged
 */
#ifndef KV_KEEPER_H
#define KV_KEEPER_H

#include "job.h"

enum {
    KEEPER_BATCH = RIM_USER,
    KEEPER_WHOLE,                      /* + 2 or 3 */
    KEEPER_ANSWERS = KEEPER_WHOLE + 4, /* the reply */
};

struct request {
    uint64_t target; /* the asker's: what the answer is for */
    uint64_t hash;   /* of the key */
    const struct command *command;
    uint32_t size; /* of the arguments, as they were sent */
    uint32_t count : 30;
    uint32_t version : 2;
    char bytes[];
};

struct answer {
    uint64_t target;    /* 0: the cookie of the asker's request */
    uint32_t size;      /* of what follows: */
    uint32_t is_shared; /* not the reply itself, but a struct shared */
    char bytes[];
};

/* A bulk string whose bytes are not copied: good as long as the message with the answer is kept. */
struct shared {
    struct text bytes;
    struct entry *entry;
};

static inline size_t padded(size_t size) {
    return (size + 7) & ~(size_t)7;
}

/* Writes the head of an answer, whose bytes are to follow; returns where. */
size_t answer_begin(struct resp_out *out, uint64_t target);
void answer_end(struct resp_out *out, size_t begin);

/* Spawns a keeper on a shard. As rim_spawn. */
int keeper_spawn(rim_ctx *ctx, const struct server *server, uint32_t shard, rim_ref *out);

#endif
