/* SPDX-License-Identifier: MIT */
/*
 * asking.h - how a connection's outcomes come back: the half of connection.c that asking.c needs.
 */
#ifndef KV_ASKING_H
#define KV_ASKING_H

#include "connection.h"

#define CONNECTION_HELD_MAX (256u << 10) /* bytes of replies that wait for their turn, or for the client */

rim_verdict connection_outcome(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg);

#endif
