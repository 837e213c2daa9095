/* SPDX-License-Identifier: MIT */
/*
 * pending.h - what waits for something and has a handle: requests, requests to be answered later, gatherings,
 * sequences. All are in the shard's one table, and in a list of their actor's. For request.c, answer.c, gather.c and
 * sequence.c.
 */
#ifndef RINGMAIL_ACTOR_PENDING_H
#define RINGMAIL_ACTOR_PENDING_H

#include "actor/ctx.h"

/* Stands first in each of them. */
struct rim__pending {
    struct rim__own own;
    uint64_t handle;
    struct rim__actor *owner;
};

/* NULL: it is over. The kind of the handle says what it is. */
static inline struct rim__pending *rim__pending_find(const rim_ctx *ctx, uint64_t handle) {
    struct rim__pending *pending = rim__table_find(&ctx->requests, rim__ref_local(handle));
    return pending != NULL && pending->handle == handle ? pending : NULL;
}

/* 0 or the table's -RIM_ELIMIT, -ENOMEM. It belongs to the actor whose handler runs. */
static inline int rim__pending_add(rim_ctx *ctx, struct rim__pending *pending, unsigned kind, struct rim__own **list) {
    uint64_t local;
    int error = rim__table_add(&ctx->requests, pending, &local);
    if (error == 0) {
        pending->handle = rim__ref_make(kind, ctx->shard->index, local);
        pending->owner = ctx->actor;
        rim__own_link(list, &pending->own);
    }
    return error;
}

static inline void rim__pending_retire(rim_ctx *ctx, struct rim__pending *pending) {
    rim__table_remove(&ctx->requests, rim__ref_local(pending->handle));
    rim__own_unlink(&pending->own);
}

#endif
