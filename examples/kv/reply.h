/* SPDX-License-Identifier: MIT */
/*
 * reply.h - outcomes of requests into slots, and slots into bytes for the client.
 */
#ifndef KV_REPLY_H
#define KV_REPLY_H

#include "connection.h"

/* A value longer than this is written in pieces as the socket takes them, not copied whole. */
#define REPLY_STREAM_FROM 16384u

/* What became of one request. */
struct outcome {
    int error; /* 0, or why there is no reply */
    enum reply_kind kind;
    const char *bytes;
    size_t size;
    bool shared;           /* the bytes belong to the keeper, and cost nothing while they wait */
    struct holder *holder; /* of the message that the bytes are in; NULL: they are good only until the return */
};

/* Takes the outcome of one of a slot's requests. */
void reply_outcome(struct connection *c, uint64_t number, const struct outcome *outcome);
/* Writes the oldest slot, which is ready, behind `out`. False: a long value, to be streamed. */
bool reply_write(struct connection *c, struct slot *slot, struct buffer *out);
/* Writes a reply straight from its outcome. */
void reply_write_outcome(const struct connection *c, const struct outcome *outcome, struct buffer *out);
/* Frees what a slot owns. */
void reply_drop(struct connection *c, struct slot *slot);
/* Counts bytes that wait in a slot. */
void reply_hold(struct connection *c, struct slot *slot, uint64_t size);

/* Keeps a message; one user, the caller. NULL without memory. */
struct holder *holder_create(struct connection *c, rim_msg *msg);
void holder_release(struct connection *c, struct holder *holder);

#endif
