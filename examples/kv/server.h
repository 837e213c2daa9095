/* SPDX-License-Identifier: MIT */
/*
 * server.h - the actors of the server, and what they share.
 *
 *     server (1)         listens                                                                server.c
 *     connection (many)  speaks with one client: reads requests (rim_stream), runs them, and    connection.c, route.c,
 *                        replies in their order whatever the order of the answers (rim_pipeline) gather.c
 *     keeper (a shard)   does there what connections of other shards ask for (rim_bundle)       keeper.c
 *
 * A shard's actors run one at a time and on one thread, so what belongs to a shard, its keys above all, is used by all
 * of them without further ado: a request whose key is on the client's own shard is a function call, one that lands on
 * the wrong core crosses to the right one as a message.
 *
 * What is not promised: a command on the keys of one shard is atomic, one on several shards is not. Another client may
 * look between the parts: during a MSETNX it may see some of the keys, and two MSETNX that overlap may both succeed.
 * RENAME across shards copies, then removes: another client may see both names, and what it writes to the old one
 * meanwhile stays there. Whatever fails, memory for one, nothing is lost.
 *
 *     Threads  struct server is written before the first connection is there and only read from then on; a struct
 *              shard, and all that hangs in it, is its own shard's
 */
#ifndef KV_SERVER_H
#define KV_SERVER_H

#include <ringmail/bundle.h>
#include <ringmail/pipeline.h>
#include <ringmail/runtime.h>
#include <ringmail/stream.h>
#include <sys/queue.h>

#include "redis/command.h"

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

struct shard {
    struct store store;
    LIST_HEAD(, connection) connections;
    struct resp_parser parser; /* requests of whoever runs */
    struct resp_parser parts;  /* what is unpacked while they run */
    struct reply out;          /* replies of whoever runs */
    bool sweeping;             /* the keeper looks for expired keys from time to time */
};

struct server {
    struct server_options options;
    rim_ref keepers[SERVER_SHARDS_MAX];
    struct shard *shards[SERVER_SHARDS_MAX];
    uint32_t count; /* of shards */
    unsigned char hash_key[STORE_HASH_KEY];
    uint64_t started_ms;
};

/* Spawns the actors. `server` must live as long as the system, and be finished after it. As rim_system_spawn. */
int server_start(rim_system *system, struct server *server, const struct server_options *options);
void server_finish(struct server *server);

/* ---- connections ---- */

struct connection {
    rim_ctx *ctx; /* of the handler that runs */
    const struct server *server;
    struct shard *shard;
    LIST_ENTRY(connection) link;
    rim_ref socket;
    rim_stream stream;
    size_t need; /* unread bytes, without which the next request is not whole */
    rim_pipeline pipeline;
    rim_bundle bundle;    /* what keepers are asked */
    bool in_steps;        /* a command takes several: no other is run */
    bool ending;          /* the client sends no more */
    bool quitting;        /* nothing more is read; the connection closes after its replies */
    bool closed;          /* the socket is gone */
    bool failed;          /* something is amiss that cannot be told in order: the connection is cut */
    bool mute, mute_next; /* CLIENT REPLY OFF, SKIP */
    bool muting;          /* what runs now gets no reply */
    unsigned version;     /* of RESP */
    uint64_t id, opened_ms, used_ms;
    const char *last; /* name of the last command */
    rim_buffer name;  /* CLIENT SETNAME */
    rim_address peer, local;
};

extern const rim_behaviour connection_behaviour;

/* The place of the next reply. 0: out of memory, and the connection has failed. */
rim_pipeline_place connection_place(struct connection *c, size_t request_bytes);
/* Writes the whole reply of a place: the text, or, if not NULL, a bulk string. */
void connection_write(struct connection *c, rim_pipeline_place place, struct text text, rim_msg *value);
/* The same with the shard's `out`, which is emptied. */
void connection_reply(struct connection *c, rim_pipeline_place place);
/* What every handler ends with: reads and runs what has come, or was left before, as far as there is room for the
   replies. */
rim_verdict connection_go_on(struct connection *c, const void *bytes, size_t size);

/* ---- which shards, and their answers ---- */

/* Several answers that make one reply. */
struct gather {
    struct connection *c;
    const struct command *command;
    rim_pipeline_place place;
    unsigned version;
    uint32_t pending; /* answers, and who asks for them */
    int64_t sum;      /* of the numbers with which they begin */
    rim_buffer text;  /* what follows there, of all; an error, if failed */
    bool failed;
    uint32_t steps;     /* of a command in steps: how many are to come */
    rim_buffer request; /* its packed arguments */
    int64_t mark;       /* of the value that is copied */
};

/* What an answer is for: a place in the pipeline, doubled, or a gather, plus 1. */
static inline uint64_t target_of(struct gather *gather) {
    return (uintptr_t)gather | 1;
}

static inline struct gather *gather_of(uint64_t target) {
    return target & 1 ? (struct gather *)(uintptr_t)(target - 1) : NULL;
}

/* Runs the request of a connection, or has it run. */
void route(struct call *call);
/* For a gather, asks the shard of a key, args[1]. */
void route_key(struct connection *c, struct gather *gather, const char *command, const struct text *args,
               uint32_t count);
/* The same of each shard about its keys: of what belongs to each key, the first `take`. */
void route_keys(struct gather *gather, const char *command, const struct text *args, uint32_t count, uint32_t take);
/* The outcome of what keepers were asked. */
rim_verdict route_answers(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg);

/* NULL without memory: the connection has failed. Who begins it ends it once, when all has been asked. */
struct gather *gather_begin(struct call *call);
void gather_end(struct gather *gather);
void gather_take(struct gather *gather, struct text answer);
/* A command of several steps, each of which is one gathering. */
void gather_steps(struct call *call);

extern const char no_memory[];

/* ---- keepers ---- */

enum { KEEPER_ASK = RIM_USER, KEEPER_SWEEP };

/* What connections ask keepers; the answer is the reply. */
struct asked {
    uint64_t hash; /* of the first key; 0: it has none */
    const struct command *command;
    unsigned version; /* of RESP */
    char args[];      /* packed */
};

extern const rim_behaviour keeper_behaviour;

/* Lets go of an entry whose value was sent without a copy. */
void keeper_release(void *bytes, void *entry);
/* To be called where a key may have got a time of expiry: the keeper of this shard will look for what has expired. */
void keeper_wake(rim_ctx *ctx, const struct server *server);

/* ---- commands on connections and on the server (admin.c) ---- */

command_fn do_ping, do_echo, do_quit, do_select, do_hello, do_client_id, do_client_getname, do_client_setname;
command_fn do_client_accept, do_client_list, do_client_reply, do_subcommand, do_command, do_getkeys, do_config_get;
command_fn do_info;
merge_fn merge_text, merge_info;

#endif
