/* SPDX-License-Identifier: MIT */
#include "actor/ctx.h"

void rim__actor_wake(rim_ctx *ctx, struct rim__actor *actor) {
    if (!actor->ready) {
        actor->ready = true;
        rim__run_queue_push(&ctx->shard->ready, &actor->task);
    }
}

void rim__mailbox_push(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    msg->next = NULL;
    if (actor->head == NULL) {
        actor->head = msg;
    } else {
        actor->last->next = msg;
    }
    actor->last = msg;
    actor->count++;
    actor->bytes += msg->size;
    ctx->stats.queued++;
    if (!actor->ready && rim__likely(!actor->held && actor->stage != RIM_STAGE_EMBRYO)) {
        rim__actor_wake(ctx, actor);
    }
}

void rim__mailbox_push_front(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    msg->next = actor->head;
    if (actor->head == NULL) {
        actor->last = msg;
    }
    actor->head = msg;
    actor->count++;
    actor->bytes += msg->size;
    ctx->stats.queued++;
}
