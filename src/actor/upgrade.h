/* SPDX-License-Identifier: MIT */
/*
 * upgrade.h - which tables have been overtaken by newer ones, and the notices by which shards upgrade together. Called
 * by spawn.c, deliver.c and world.c.
 *
 *     Order    an upgrade's order comes to a shard behind the births that its home sent there before; births from
 *              elsewhere find the new table by rim__upgrade_newest
 *     Loss     none: an order is answered, or its asker's request times out
 *     Threads  the shard's own; an order's block is shared, but its home alone writes it, and each shard its own link
 */
#ifndef RINGMAIL_ACTOR_UPGRADE_H
#define RINGMAIL_ACTOR_UPGRADE_H

#include "actor/ctx.h"
#include "ringmail/upgrade.h"

/* The table that a spawn of this one makes. It is not looked into: it may be unloaded. */
const rim_behaviour *rim__upgrade_newest_of(const rim_ctx *ctx, const rim_behaviour *behaviour, uint32_t version);
static inline const rim_behaviour *rim__upgrade_newest(const rim_ctx *ctx, const rim_behaviour *behaviour,
                                                       uint32_t version) {
    return rim__likely(ctx->overtaken == NULL) ? behaviour : rim__upgrade_newest_of(ctx, behaviour, version);
}
/* An order, or an answer to one, has come. */
void rim__upgrade_notice(rim_ctx *ctx, struct rim_msg *msg);
/* When no shard runs any more. */
void rim__upgrade_finish(rim_ctx *ctx);

#endif
