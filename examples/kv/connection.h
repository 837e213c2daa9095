/* SPDX-License-Identifier: MIT */
/*
 * connection.h - the actor that speaks with one client, and what the commands need of it.
 *
 * It reads commands, asks the keepers, and replies in the order of the commands whatever the order of the answers.
 * Pressure: when too much is under way or the client does not take its replies, it stops reading.
 *
 *     Threads  its shard's; `ctx` is that of the handler that runs
 */
#ifndef KV_CONNECTION_H
#define KV_CONNECTION_H

#include "operation.h"
#include "queue.h"
#include "server.h"

struct batch;
struct errand;

struct connection {
    rim_ctx *ctx;
    const struct server *server;
    rim_ref socket;
    uint64_t id;
    struct buffer in;           /* input that could not be used yet; starts at a command */
    struct buffer out;          /* replies that the socket has not taken yet */
    struct resp_parser *parser; /* of the command at the start of `in`, where that is long */
    struct queue queue;
    struct errand *errand;
    struct batch **open; /* by shard: what is to be sent at the end of the handler */
    struct batch *sent;  /* what is under way */
    uint32_t open_count;
    uint64_t held;      /* bytes of replies that wait in the queue */
    uint64_t asked;     /* bytes of requests under way */
    uint32_t flying;    /* requests under way */
    size_t streamed;    /* bytes written of the long value at the head of the queue */
    uint64_t part_slot; /* of a command that is sent in parts */
    uint32_t part_at;   /* its next argument; 0: none is being sent */
    uint8_t version;    /* of RESP */
    bool paused;        /* the socket has been told not to receive */
    bool full;          /* the socket takes no more: there will be room */
    bool waiting;       /* a keeper or the server takes no more: there will be room */
    bool waiting_turn;  /* the next command is to run when all before it are replied to */
    bool throttled;     /* too much is under way; it goes on when that is down to half of what is allowed */
    bool ending;        /* the client sends no more */
    bool quitting;      /* nothing more is read; the connection closes after its replies */
    bool closing;       /* the socket has been told to close */
    bool closed;        /* the socket is gone */
    bool introduced;    /* the server knows it */
    bool mute;          /* CLIENT REPLY OFF */
    bool mute_next;     /* CLIENT REPLY SKIP */
    char *name;         /* CLIENT SETNAME; NULL: none */
    const char *last;   /* name of the last command */
    uint64_t opened_ns, used_ns;
    rim_address peer, local;
};

extern const rim_behaviour connection_behaviour;

/* ---- for the commands ---- */

/* Where a reply that is known at once is written. */
struct buffer *connection_reply(struct connection *c);
void connection_error(struct connection *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void connection_arity_error(struct connection *c, const char *name);

/* A slot for a reply that is to come. False without memory; `*number` says which. */
bool connection_slot(struct connection *c, enum slot_kind kind, uint64_t *number);

struct ask {
    enum operation op;
    unsigned flags;
    const struct resp_arg *key; /* NULL: ask `shard` */
    struct resp_arg value;
    int64_t number;
    uint32_t count;
    uint32_t shard;
    uint64_t hash; /* of the key, where it is known (0: it is not) */
};

/* Asks for one part of a slot's reply. It is sent when the handler ends, together with others to the same shard. */
void connection_ask(struct connection *c, uint64_t number, const struct ask *ask);
/* One request, with a slot of its own. */
void connection_ask_one(struct connection *c, enum slot_kind kind, const struct ask *ask);
/* One request to each shard, for one slot. */
void connection_ask_shards(struct connection *c, enum slot_kind kind, const struct ask *ask);
/* One request to the server's actor, for a slot. */
void connection_ask_server(struct connection *c, uint64_t number, uint32_t tag);
/* Starts a command that asks part by part, or goes on with it: part_at is its next argument. False without memory. */
bool connection_parts(struct connection *c, enum slot_kind kind);
/* Says that all parts are asked for. */
void connection_parts_end(struct connection *c);
/* Takes an outcome off the accounts; it was one of the slot's. */
void connection_landed(struct connection *c, struct slot *slot);
/* Whether so much is under way that the next command or part has to wait: a `part` of what is allowed. */
bool connection_is_busy(const struct connection *c, uint32_t part);

#endif
