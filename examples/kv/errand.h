/* SPDX-License-Identifier: MIT */
/*
 * errand.h - commands that take several steps because their keys may live on different shards: RENAME, RENAMENX,
 * MSETNX. A connection runs one at a time, and reads no further command meanwhile.
 *
 * What is not promised: each step is atomic, the whole is not. Another client may look between the steps: during a
 * RENAME across shards it may see neither name, and during a MSETNX some of the keys. Two MSETNX that overlap may both
 * succeed. RENAME of two keys on one shard is one step.
 */
#ifndef KV_ERRAND_H
#define KV_ERRAND_H

#include "command.h"
#include "queue.h"

struct outcome; /* reply.h */

enum errand_kind { ERRAND_RENAME = 0, ERRAND_RENAMENX, ERRAND_MSETNX };

/* Starts one. The arguments are copied. False without memory. */
bool errand_start(struct connection *c, enum errand_kind kind, const struct call *call);
/* Goes on, if it waits for room to send. */
void errand_continue(struct connection *c);
/* Takes the outcome of one of its requests. */
void errand_outcome(struct connection *c, struct slot *slot, const struct outcome *outcome);
void errand_free(struct connection *c);

#endif
