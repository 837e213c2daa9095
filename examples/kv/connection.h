/* SPDX-License-Identifier: MIT */
/*
 * connection.h - the actor that speaks with one client, and what the commands need of it.
 *
 * It reads requests (rim_stream), asks the keepers, and replies in the order of the requests whatever the order of the
 * answers (rim_pipeline), which also says when to stop reading.
 *
 *     Threads  its shard's; `ctx` is that of the handler that runs
 */
#ifndef KV_CONNECTION_H
#define KV_CONNECTION_H

#include <ringmail/pipeline.h>
#include <ringmail/stream.h>

#include "keeper.h"

struct connection {
    rim_ctx *ctx;
    const struct server *server;
    rim_ref socket;
    rim_stream stream;
    rim_pipeline pipeline;
    struct resp_parser parser; /* of the request at the start of the stream */
    struct batch *batches;     /* to be sent at the end of the handler */
    uint32_t step;             /* of a command that takes several; 0: none */
    bool awaiting_step;
    bool awaiting_room; /* a keeper or the server takes no more: there will be room */
    bool introduced;    /* the server knows it */
    bool ending;        /* the client sends no more */
    bool quitting;      /* nothing more is read; the connection closes after its replies */
    bool closed;        /* the socket is gone */
    bool failed;        /* something is amiss that cannot be told in order: the connection is cut */
    bool mute;          /* CLIENT REPLY OFF */
    bool mute_next;     /* CLIENT REPLY SKIP */
    uint8_t version;    /* of RESP */
    rim_pipeline_place step_place;
    int64_t step_sum;            /* what the last step gave, */
    rim_buffer step_text;        /* as a number or as text */
    struct client_record client; /* as the server is told of it, */
    rim_buffer name;             /* with its name: CLIENT SETNAME */
};

extern const rim_behaviour connection_behaviour;

/* A command to be run. */
struct call {
    struct connection *c;
    const struct command *command;
    const struct resp_parser *args; /* args 0 is the name */
    uint32_t count;
    rim_pipeline_place place; /* of its reply, */
    struct resp_out out;      /* which is this, */
    bool asked;               /* unless it is to come */
};

static inline struct text call_arg(const struct call *call, uint32_t i) {
    return resp_arg(call->args, i);
}

/* What is asked of a keeper, or of the server's actor. It is sent when the handler ends, together with others. */
struct question {
    uint64_t target; /* what the answer is for: target_place, or target_gather */
    rim_ref to;
    uint64_t hash; /* of the key */
    const struct command *command;
    struct text args; /* as they were sent */
    uint32_t count;
};

struct gather; /* ask.h */

static inline uint64_t target_place(rim_pipeline_place place) {
    return place << 1;
}

static inline uint64_t target_gather(const struct gather *gather) {
    return (uintptr_t)gather | 1;
}

void connection_ask(struct connection *c, const struct question *question);
/* The same for the whole request that is being read, which is large, and taken out of the stream. */
void connection_ask_whole(struct connection *c, uint64_t target, rim_ref to);
/* Writes the whole reply of a place, which is then over; `out` is freed. */
void connection_reply(struct connection *c, rim_pipeline_place place, struct resp_out *out);
/* Tells the server's actor of the client: SERVER_OPENED and the like. Else it will be tried again: false. */
bool connection_tell_server(struct connection *c, uint32_t tag);

void reply_wrong_arity(struct resp_out *out, const char *name);
void reply_unknown_subcommand(struct resp_out *out, const char *command, struct text name);

#endif
