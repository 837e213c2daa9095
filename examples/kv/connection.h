/* SPDX-License-Identifier: MIT */
/*
 * connection.h - the actor that speaks with one client. It reads requests (rim_stream), runs them or has them run
 * (route.h), and replies in the order of the requests whatever the order of the answers (rim_pipeline), which also says
 * when to stop reading.
 *
 *     Threads  its shard's; `ctx` is that of the handler that runs
 */
#ifndef KV_CONNECTION_H
#define KV_CONNECTION_H

#include <ringmail/pipeline.h>
#include <ringmail/stream.h>

#include "server.h"

struct question; /* route.c */

struct connection {
    rim_ctx *ctx;
    const struct server *server;
    struct shard *shard;
    struct connection *next, **link; /* in the shard's list */
    rim_ref socket;
    rim_stream stream;
    size_t need; /* unread bytes, without which the next request is not whole */
    rim_pipeline pipeline;
    struct reply out;           /* what is written at the moment */
    struct question *questions; /* to be sent at the end of the handler */
    bool awaiting_room;         /* for them */
    uint32_t steps;             /* commands that take another step: 0 or 1 */
    bool ending;                /* the client sends no more */
    bool quitting;              /* nothing more is read; the connection closes after its replies */
    bool closed;                /* the socket is gone */
    bool failed;                /* something is amiss that cannot be told in order: the connection is cut */
    bool mute, mute_next;       /* CLIENT REPLY OFF, SKIP */
    bool muting;                /* what runs now gets no reply */
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
/* Writes `out` as the whole reply of a place, and empties it. */
void connection_reply(struct connection *c, rim_pipeline_place place, struct reply *out);
/* What every handler ends with: reads and runs what has come, or was left before, as far as there is room for the
   replies. */
rim_verdict connection_go_on(struct connection *c, const void *bytes, size_t size);

#endif
