/* SPDX-License-Identifier: MIT */
/*
 * The news that an actor has started. It is sent by the actor itself, so it comes before its end is told. Its memory
 * is not reserved: without memory the actor ends instead, and that is told.
 */
#include <errno.h>

#include "actor/newborn.h"

static int tell(rim_ctx *ctx, const struct rim__actor *actor, rim_ref starter) {
    rim_started_event event = {.who = actor->ref};
    int error = rim__send_event(ctx, actor->ref, starter, RIM_STARTED, &event, sizeof event);
    return error == -RIM_EDOWN ? 0 : error;
}

rim_verdict rim__start_done(rim_ctx *ctx, struct rim__actor *actor, const struct rim__birth *birth) {
    if (actor->belongings != NULL && actor->belongings->start_deferred) {
        actor->belongings->start_deferred = false;
        return RIM_DONE;
    }
    if (!birth->options.acknowledge || tell(ctx, actor, birth->spawner) == 0) {
        return RIM_DONE;
    }
    return rim_fail(ctx, RIM_EXIT_NOMEM, "out of memory: its start cannot be told");
}

/* Who is to hear of it. */
static rim_ref starter_of(const struct rim_msg *msg) {
    const struct rim__birth *birth = rim__msg_body(msg);
    return msg->tag != RIM_NEWBORN_PLAIN && birth->options.acknowledge ? birth->spawner : RIM_NIL;
}

int rim_start_defer(rim_ctx *ctx) {
    struct rim__actor *actor = ctx->actor;
    if (actor == NULL || ctx->current == NULL || ctx->current->kind != RIM_KIND_SPAWN) {
        return -RIM_ECONTEXT;
    }
    struct rim__belongings *belongings = rim__actor_belongings(ctx, actor);
    if (belongings == NULL) {
        return -ENOMEM;
    }
    belongings->start_deferred = true;
    belongings->starter = starter_of(ctx->current);
    return 0;
}

int rim_start_confirm(rim_ctx *ctx) {
    struct rim__actor *actor = ctx->actor;
    if (actor == NULL || actor->belongings == NULL || actor->belongings->starter == RIM_NIL) {
        return 0;
    }
    int error = tell(ctx, actor, actor->belongings->starter);
    if (error == 0) {
        actor->belongings->starter = RIM_NIL;
    }
    return error;
}
