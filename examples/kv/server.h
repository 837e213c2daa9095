/* SPDX-License-Identifier: MIT */
/*
 * server.h - the whole server on a system: the actor that listens and knows the clients, and what all actors share.
 *
 *     server (1)         listens, spawns the keepers, keeps the list of clients
 *     keeper (a shard)   owns the keys of its shard: keeper.h
 *     connection (many)  speaks with one client: connection.h
 *
 *     Threads  struct server is written before the first connection is there and only read from then on
 */
#ifndef KV_SERVER_H
#define KV_SERVER_H

#include <ringmail/actor.h>
#include <ringmail/runtime.h>
#include <ringmail/socket.h>

#include "command.h"

#define SERVER_SHARDS_MAX 256u
#define SERVER_REDIS      "7.0.15" /* the version whose commands and texts it speaks */

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

struct server {
    struct server_options options;
    rim_ref self;
    rim_ref keepers[SERVER_SHARDS_MAX];
    uint32_t shards;
    unsigned char hash_key[16];
    uint64_t started_ms;
    struct command_index commands;
};

/* Messages to the server's actor about a client: it is there, it has changed its name, it is gone. */
enum { SERVER_OPENED = RIM_USER + 16, SERVER_RENAMED, SERVER_CLOSED };

/* Their body; the name follows, and ends with it. */
struct client_record {
    uint64_t id;
    rim_address peer, local;
    uint64_t opened_ms, used_ms;
    const char *last; /* name of its last command; NULL: not known */
    unsigned version; /* of RESP */
};

/* A line of CLIENT LIST. */
void client_write(const struct client_record *client, struct text name, struct resp_out *out);

/* What can be asked of the server's actor, in batches as of a keeper: the clients' lines, and two counts for INFO. */
extern const struct command command_clients, command_client_counts;

struct client_counts {
    uint64_t connected, received;
};

/* Spawns the server's actor. `server` must live as long as the system. As rim_system_spawn. */
int server_start(rim_system *system, struct server *server, const struct server_options *options);
/* SipHash with the server's key, so that clients cannot choose keys that collide. */
uint64_t server_hash(const struct server *server, struct text key);

static inline rim_ref server_keeper(const struct server *server, uint64_t hash) {
    return server->keepers[rim_shard_for(hash, server->shards)];
}

#endif
