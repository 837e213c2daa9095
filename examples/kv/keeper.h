/* SPDX-License-Identifier: MIT */
/*
 * keeper.h - the actor that owns the keys of one shard: requests in, replies out, and what has expired swept away.
 *
 *     Order     requests of one connection run in the order sent
 *     Loss      none: the sender's bounds on what is under way are far below those of the mailbox
 *     Threads   its shard's; large values are read by connections of other shards while it keeps them unchanged
 */
#ifndef KV_KEEPER_H
#define KV_KEEPER_H

#include <ringmail/actor.h>

#include "batch.h"

enum {
    KEEPER_BATCH = RIM_USER, /* requests: see batch.h */
    KEEPER_ANSWERS,          /* the reply: an answer for each */
};

/* Spawns a keeper on a shard. As rim_spawn. */
int keeper_spawn(rim_ctx *ctx, uint32_t shard, rim_ref *out);

#endif
