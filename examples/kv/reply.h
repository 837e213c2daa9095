/* SPDX-License-Identifier: MIT */
/*
 * reply.h - outcomes of requests into slots, and slots into bytes for the client.
 */
#ifndef KV_REPLY_H
#define KV_REPLY_H

#include "connection.h"

/* A value longer than this is written in pieces as the socket takes them, not copied whole. */
#define REPLY_STREAM_FROM 16384u

/* Takes the outcome of one of a slot's requests. */
void reply_outcome(struct connection *c, struct slot *slot, int error, rim_msg *msg);
/* Writes the oldest slot, which is ready, behind `out`. False: a long value, to be streamed. */
bool reply_write(struct connection *c, struct slot *slot, struct buffer *out);
/* Writes a reply straight from its message. */
void reply_write_body(const struct connection *c, enum reply_kind kind, rim_msg *msg, struct buffer *out);
/* Whether a slot's reply is a long value. */
bool reply_is_long(const struct slot *slot);
/* Counts bytes that wait in a slot. */
void reply_hold(struct connection *c, struct slot *slot, uint64_t size);
/* Frees what a slot owns. */
void reply_drop(struct connection *c, struct slot *slot);

#endif
