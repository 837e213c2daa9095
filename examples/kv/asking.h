/* SPDX-License-Identifier: MIT */
/*
 * asking.h - how a connection's requests leave: the half of asking.c that connection.c needs.
 */
#ifndef KV_ASKING_H
#define KV_ASKING_H

#include "batch.h"
#include "connection.h"

#define CONNECTION_HELD_MAX (256u << 10) /* bytes of replies that wait for their turn, or for the client */

/* Sends what has been asked. Where there is no room, `waiting` is set, and it is to be called again. */
void asking_send(struct connection *c);
/* Frees all batches: when the connection ends. */
void asking_free(struct connection *c);
/* The connection has done with a batch. */
void asking_let_go(struct batch *batch);

/* The outcomes, in connection.c: of a batch, and of a request to the server's actor. */
rim_verdict connection_answers(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg);
rim_verdict connection_outcome(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg);

#endif
