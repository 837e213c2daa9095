/* SPDX-License-Identifier: MIT */
/*
 * server.h - the whole server on a system, and what is shared in it.
 *
 *     server (1)         listens
 *     connection (many)  speaks with one client: connection.h
 *     keeper (a shard)   does on its shard what connections of other shards ask for: keeper.c
 *
 * A shard's actors run one at a time and on one thread, so what belongs to a shard, its keys above all, is used by all
 * of them without further ado: a request whose key is on the client's own shard is a function call, one that lands on
 * the wrong core crosses to the right one as a message.
 *
 *     Threads  struct server is written before the first connection is there and only read from then on; a struct
 *              shard is its own shard's
 */
#ifndef KV_SERVER_H
#define KV_SERVER_H

#include <ringmail/actor.h>
#include <ringmail/runtime.h>
#include <ringmail/socket.h>

#include "resp.h"
#include "store.h"

#define SERVER_SHARDS_MAX 256u
#define SERVER_REDIS      "7.0.15" /* the version whose commands and texts it speaks */

struct connection;

struct server_options {
    const char *bind;
    uint16_t port;
    enum rim_distribute distribute;
    uint32_t max_clients; /* 0: no limit */
    size_t max_value;     /* 0: 512 MiB */
    /* Tells, once and on a shard's thread, that the server listens at `text`, or, with an error, why it does not. */
    void (*ready)(void *arg, int error, const char *text);
    void *arg;
};

struct shard_counts {
    struct store_counts store;
    uint64_t connected, received; /* connections that are there, and that ever were */
    uint64_t commands;
};

struct shard {
    struct store store;
    struct shard_counts counts;
    struct connection *connections; /* a list of all */
    struct resp_parser parser;      /* of whoever runs */
    bool sweeping;                  /* the keeper looks for expired keys from time to time */
};

struct server {
    struct server_options options;
    rim_ref keepers[SERVER_SHARDS_MAX];
    struct shard *shards[SERVER_SHARDS_MAX];
    uint32_t count; /* of shards */
    unsigned char hash_key[STORE_HASH_KEY];
    uint64_t started_ms;
};

/*
 * What connections ask of keepers. Requests that arrive together travel together: a message costs as much as several
 * look-ups. The version of RESP is added to the tag.
 *
 *     KEEPER_BATCH    target, request as the client would send it | target, request ...
 *     KEEPER_WHOLE    one large request, as the client sent it
 *     KEEPER_ANSWERS  the reply: struct answer, bytes | struct answer, bytes ...
 */
enum { KEEPER_ANSWERS = RIM_USER, KEEPER_SWEEP, KEEPER_BATCH, KEEPER_WHOLE = KEEPER_BATCH + 4 };

struct answer {
    uint64_t target;  /* the asker's: what the answer is for */
    uint32_t size;    /* of the bytes behind it: */
    uint32_t is_part; /* the reply, or a struct part, which is to be a bulk string */
};

/* Of an entry's value: good as long as the message with the answer is kept. */
struct part {
    struct entry *entry;
    struct text bytes;
};

extern const rim_behaviour keeper_behaviour;
/* To be called where a key may have got a time of expiry: the keeper of this shard will look for what has expired. */
void keeper_wake(rim_ctx *ctx, const struct server *server);

/* Spawns the actors. `server` must live as long as the system, and be finished after it. As rim_system_spawn. */
int server_start(rim_system *system, struct server *server, const struct server_options *options);
void server_finish(struct server *server);

static inline uint32_t server_shard(const struct server *server, uint64_t hash) {
    return rim_shard_for(hash, server->count);
}

#endif
