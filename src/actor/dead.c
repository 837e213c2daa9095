/* SPDX-License-Identifier: MIT */
/*
 * Dead letters: what ends unhandled is counted, and shown to those who watch.
 */
#include <errno.h>

#include "actor/mailbox.h"
#include "ringmail/typed.h"

static void tell_watchers(rim_ctx *ctx, const rim_dead_letter *letter) {
    for (uint32_t i = 0; i < RIM_DEAD_WATCHERS; i++) {
        struct rim__actor *watcher =
            ctx->dead_watchers[i] == RIM_NIL ? NULL : rim__actor_get(ctx, ctx->dead_watchers[i]);
        if (watcher == NULL || watcher->ref == letter->to || !rim__mailbox_has_room(watcher, sizeof *letter)) {
            continue;
        }
        struct rim_msg *msg =
            rim__msg_create(ctx->shard, RIM_KIND_EVENT, RIM_MSG_RESERVED, RIM_DEAD_LETTER, sizeof *letter);
        if (msg != NULL) {
            msg->from = RIM_NIL;
            msg->to = rim__ref_local(watcher->ref);
            *(rim_dead_letter *)rim__msg_body(msg) = *letter;
            ctx->stats.sent++;
            rim__mailbox_push(ctx, watcher, msg);
        }
    }
}

void rim__dead_count(rim_ctx *ctx, const rim_dead_letter *letter) {
    ctx->stats.dead++;
    ctx->lost += ctx->cutting && letter->reason == -RIM_EDOWN;
    if (rim__unlikely(ctx->dead_watchers[0] != RIM_NIL)) {
        tell_watchers(ctx, letter);
    }
}

/* The runtime's own events end unread without a word: their receivers are gone, nobody sent them. */
static bool is_of_interest(const struct rim_msg *msg) {
    return msg->kind == RIM_KIND_TELL || msg->kind == RIM_KIND_ASK || msg->kind == RIM_KIND_REPLY;
}

void rim__dead_letter(rim_ctx *ctx, struct rim_msg *msg, rim_ref to, int reason) {
    if (is_of_interest(msg)) {
        rim__dead_count(
            ctx, &(rim_dead_letter){.from = msg->from, .to = to, .tag = msg->tag, .reason = reason, .size = msg->size});
    } else {
        ctx->stats.dead++;
    }
    if (msg->kind == RIM_KIND_ASK) {
        rim__request_fail(ctx, msg->from, rim__msg_token(msg)->token, reason);
    }
    rim__msg_release(ctx->shard, msg);
}

int rim_watch_dead_letters(rim_ctx *ctx, bool on) {
    rim_ref self = rim_self(ctx), kept[RIM_DEAD_WATCHERS] = {0};
    uint32_t count = 0;
    for (uint32_t i = 0; i < RIM_DEAD_WATCHERS; i++) {
        rim_ref watcher = ctx->dead_watchers[i];
        if (watcher != RIM_NIL && watcher != self && rim__actor_get(ctx, watcher) != NULL) {
            kept[count++] = watcher;
        }
    }
    if (on && count == RIM_DEAD_WATCHERS) {
        return -RIM_ELIMIT;
    }
    if (on) {
        kept[count++] = self;
    }
    __builtin_memcpy(ctx->dead_watchers, kept, sizeof kept);
    return 0;
}

rim_verdict rim_mistyped(rim_ctx *ctx, rim_msg *msg) {
    rim__dead_count(ctx, &(rim_dead_letter){.from = msg->from,
                                            .to = rim_self(ctx),
                                            .tag = msg->tag,
                                            .reason = -EBADMSG,
                                            .size = msg->size});
    ctx->stats.handled--; /* the actor's turn counts it, and it is counted once */
    if (rim_is_request(ctx)) {
        rim_refuse(ctx, RIM_NIL, -EBADMSG);
    }
    return RIM_DONE;
}
