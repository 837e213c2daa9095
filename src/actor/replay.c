/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "actor/mailbox.h"
#include "actor/record.h"

int rim__replay_begin(rim_ctx *ctx, rim_ref who, rim_ref stand_in) {
    struct rim__actor *actor = rim__actor_get(ctx, who);
    struct rim__belongings *belongings = actor != NULL ? rim__actor_belongings(ctx, actor) : NULL;
    if (belongings == NULL) {
        return actor == NULL ? -RIM_EDOWN : -ENOMEM;
    }
    belongings->stand_in = stand_in;
    return 0;
}

static struct rim_msg *make(rim_ctx *ctx, rim_ref to, enum rim__kind kind, const rim_record *record, const void *body) {
    struct rim_msg *msg = rim__msg_create(ctx->shard, kind, RIM_REPLAY_FLAGS, record->tag, record->size);
    if (msg != NULL) {
        msg->from = record->from;
        msg->to = rim__ref_local(to);
        *rim__msg_token(msg) = (struct rim__msg_token){.token = to};
        if (record->size > 0) {
            memcpy(rim__msg_body(msg), body, record->size);
        }
    }
    return msg;
}

static int put_outcome(rim_ctx *ctx, struct rim__actor *actor, const rim_record *record, const void *body) {
    int32_t error = record->error;
    rim_record failure = {.size = sizeof error};
    bool failed = error != 0;
    struct rim_msg *msg = make(ctx, actor->ref, failed ? RIM_KIND_FAILURE : RIM_KIND_REPLY, failed ? &failure : record,
                               failed ? &error : body);
    if (msg == NULL) {
        return -ENOMEM;
    }
    msg->from = RIM_NIL;
    if (!rim__request_replay(ctx, actor, record->from, msg)) {
        rim__msg_release(ctx->shard, msg);
        return 1;
    }
    ctx->stats.sent++;
    return 0;
}

int rim__replay_put(rim_ctx *ctx, rim_ref who, const rim_record *record, const void *body) {
    struct rim__actor *actor = rim__actor_get(ctx, who);
    if (actor == NULL) {
        return -RIM_EDOWN;
    }
    if (record->kind == RIM_RECORD_OUTCOME) {
        return put_outcome(ctx, actor, record, body);
    }
    bool event = record->kind == RIM_RECORD_EVENT;
    if (!event && record->kind != RIM_RECORD_TELL) {
        return 1; /* timers fire by themselves, requests come from the stand-in */
    }
    struct rim_msg *msg = make(ctx, who, event ? RIM_KIND_EVENT : RIM_KIND_TELL, record, body);
    if (msg == NULL) {
        return -ENOMEM;
    }
    ctx->stats.sent++;
    rim__mailbox_push(ctx, actor, msg);
    return 0;
}

bool rim__replay_divert(rim_ctx *ctx, rim_ref to, uint32_t tag, const void *body, size_t size) {
    if (ctx->actor == NULL || !rim__replay_is_on(ctx->actor)) {
        return false;
    }
    rim_ref stand_in = ctx->actor->belongings->stand_in;
    struct rim__actor *actor = rim__actor_get(ctx, stand_in);
    rim_record record = {.from = ctx->actor->ref, .tag = tag, .size = (uint32_t)size};
    struct rim_msg *msg = actor != NULL ? make(ctx, stand_in, RIM_KIND_TELL, &record, body) : NULL;
    if (msg == NULL) {
        return false;
    }
    rim__msg_token(msg)->token = to;
    ctx->stats.sent++;
    rim__mailbox_push(ctx, actor, msg);
    return true;
}
