/* SPDX-License-Identifier: MIT */
/*
 * send.h - the one way by which messages leave an actor, shared by tells, requests and replies.
 */
#ifndef RINGMAIL_ACTOR_SEND_H
#define RINGMAIL_ACTOR_SEND_H

#include "actor/ctx.h"

#define RIM_SEND_AS_NOBODY UINT64_MAX /* the sender is to be RIM_NIL */

struct rim__sending {
    rim_ref to; /* checked */
    rim_ref as; /* the sender, where it is not the actor whose handler runs; or RIM_SEND_AS_NOBODY */
    enum rim__kind kind;
    uint32_t flags;       /* RIM_MSG_TOKEN, RIM_MSG_RESERVED */
    uint64_t token;       /* with RIM_MSG_TOKEN */
    uint64_t deadline_ns; /* with RIM_MSG_TOKEN */
    uint32_t tag;
    const void *body; /* for a copy */
    size_t size;
    struct rim_msg **returned; /* send_owned: gets the message that stands for the one given, if the send failed */
};

/* 0, -RIM_EBADREF, or -RIM_EDOWN for an actor of another node. */
int rim__send_check_other(const rim_ctx *ctx, rim_ref to);
static inline int rim__send_check(const rim_ctx *ctx, rim_ref to) {
    return rim__likely(((to ^ ctx->here) >> RIM_SHARD_SHIFT) == 0) ? 0 : rim__send_check_other(ctx, to);
}
/* Copies body and size. */
int rim__send_copy(rim_ctx *ctx, const struct rim__sending *sending);
/* By pointer; consumed on 0 only. */
int rim__send_out(rim_ctx *ctx, const struct rim__sending *sending, struct rim__body *body);
/* A message of the caller's; consumed on 0, and on -ENOTRECOVERABLE (out of memory halfway). Else it is still the
   caller's, but may have moved: see `returned`. */
int rim__send_owned(rim_ctx *ctx, const struct rim__sending *sending, struct rim_msg *msg);

/* The body of an owned message as one that can travel; consumes the message, unless it returns NULL: out of memory. */
struct rim__body *rim__send_detach(rim_ctx *ctx, struct rim_msg *msg);

#endif
