/* SPDX-License-Identifier: MIT */
/*
 * mailbox.h - an actor's queue of messages, linked where they lie. Inline, since every message passes through here.
 *
 *     Order    first in, first out
 *     Loss     none: bounds are checked before the push, which never fails
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_ACTOR_MAILBOX_H
#define RINGMAIL_ACTOR_MAILBOX_H

#include "actor/ctx.h"

/* One message that finds an empty mailbox is let in, whatever its size. */
static inline bool rim__mailbox_has_room(const struct rim__actor *actor, uint32_t size) {
    return actor->count < actor->count_max && (actor->bytes + (uint64_t)size <= actor->bytes_max || actor->count == 0);
}

/* Into the run queue, unless it is there. */
static inline void rim__actor_wake(rim_ctx *ctx, struct rim__actor *actor) {
    if (!actor->ready) {
        actor->ready = true;
        rim__run_queue_push(&ctx->shard->ready, &actor->task);
    }
}

/* `size` is the message's: whoever has just written it need not read it again. */
static rim__always_inline void rim__mailbox_push_sized(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg,
                                                       uint32_t size) {
    msg->next = NULL;
    actor->load += RIM_LOAD_OF(size);
    ctx->stats.queued++;
    if (actor->head != NULL) { /* so it is ready, or must not be */
        actor->last->next = msg;
        actor->last = msg;
        return;
    }
    actor->head = actor->last = msg;
    if (!actor->ready && rim__likely(!actor->held && actor->stage != RIM_STAGE_EMBRYO)) {
        rim__actor_wake(ctx, actor);
    }
}

static inline void rim__mailbox_push(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    rim__mailbox_push_sized(ctx, actor, msg, msg->size);
}

static inline void rim__mailbox_push_front(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    msg->next = actor->head;
    if (actor->head == NULL) {
        actor->last = msg;
    }
    actor->head = msg;
    actor->load += RIM_LOAD_OF(msg->size);
    ctx->stats.queued++;
}

/*
 * The mailbox is not empty. The next message is fetched without a branch on whether there is one: often nobody can
 * predict that, and what is fetched instead lies in the cache. The shard's count of queued messages is the caller's to
 * keep: it takes many at once.
 */
static inline struct rim_msg *rim__mailbox_pop(struct rim__actor *actor) {
    struct rim_msg *msg = actor->head, *next = msg->next;
    actor->head = next;
    __builtin_prefetch(next != NULL ? next : msg);
    actor->load -= RIM_LOAD_OF(msg->size);
    return msg;
}

/* The end of a handled message: mostly a small block of the shard's own. */
static inline void rim__mailbox_release(rim_ctx *ctx, struct rim_msg *msg) {
    if (rim__likely(RIM_POOLED && msg->flags == 0 && msg->size <= RIM_MSG_SMALL_MAX)) {
        rim__memory_give(&ctx->shard->memory, msg, RIM_MSG_SMALL_CLASS(msg->size));
    } else if ((msg->flags & (RIM_MSG_IN_PARCEL | RIM_MSG_OUT)) == RIM_MSG_IN_PARCEL) {
        rim__mesh_release(ctx->shard, msg);
    } else {
        rim__msg_release(ctx->shard, msg);
    }
}

#endif
