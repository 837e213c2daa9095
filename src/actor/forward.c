/* SPDX-License-Identifier: MIT */
/*
 * A message passed on: a new message with the old one's sender and, for a request, its token. The old one, or what is
 * left of it, is released at once.
 */
#include <errno.h>

#include "actor/mailbox.h"
#include "actor/send.h"
#include "ringmail/request.h"

static bool is_forwardable(const rim_ctx *ctx, const struct rim_msg *msg) {
    if (ctx->actor == NULL || msg == NULL || msg != ctx->current || ctx->taken) {
        return false;
    }
    return msg->kind == RIM_KIND_TELL || (msg->kind == RIM_KIND_ASK && ctx->asked);
}

static int pass_copy(rim_ctx *ctx, const struct rim__sending *sending, struct rim_msg *msg) {
    int error = rim__send_copy(ctx, sending);
    if (error == 0) {
        rim__msg_release(ctx->shard, msg);
    }
    return error;
}

/* The body is the new message's: what is left is an envelope. */
static int pass_body(rim_ctx *ctx, const struct rim__sending *sending, struct rim_msg *msg) {
    int error = rim__send_out(ctx, sending, rim__msg_out(msg));
    if (error == 0) {
        msg->flags &= (uint16_t)~RIM_MSG_OUT; /* the same span: both are one pointer long */
        msg->size = sizeof(void *);
        rim__msg_release(ctx->shard, msg);
    }
    return error;
}

/* Its memory becomes the body. */
static int pass_whole(rim_ctx *ctx, const struct rim__sending *sending, struct rim_msg *msg) {
    struct rim__body *body = rim__send_detach(ctx, msg);
    if (body == NULL) {
        return -ENOMEM;
    }
    int error = rim__send_out(ctx, sending, body);
    if (error != 0) {
        rim__memory_free(&ctx->shard->memory, body, sizeof *body);
    }
    return error;
}

static int pass_on(rim_ctx *ctx, const struct rim__sending *sending, struct rim_msg *msg) {
    if (msg->flags & RIM_MSG_OUT) {
        return pass_body(ctx, sending, msg);
    }
    return msg->size <= RIM_MSG_INLINE_MAX ? pass_copy(ctx, sending, msg) : pass_whole(ctx, sending, msg);
}

static struct rim__sending sending_of(const struct rim_msg *msg, rim_ref to) {
    struct rim__sending sending = {
        .to = to,
        .as = msg->from != RIM_NIL ? msg->from : RIM_SEND_AS_NOBODY,
        .kind = (enum rim__kind)msg->kind,
        .tag = msg->tag,
        .body = rim__msg_body(msg),
        .size = msg->size,
    };
    if (msg->kind == RIM_KIND_ASK) {
        sending.flags = RIM_MSG_TOKEN;
        sending.token = rim__msg_token(msg)->token;
        sending.deadline_ns = rim__msg_token(msg)->deadline_ns;
    }
    return sending;
}

int rim_forward(rim_ctx *ctx, rim_ref to, rim_msg *msg) {
    if (!is_forwardable(ctx, msg)) {
        return -EINVAL;
    }
    struct rim__sending sending = sending_of(msg, to);
    rim_ref from = msg->from;
    int error = rim__send_check(ctx, to);
    error = error != 0 ? error : pass_on(ctx, &sending, msg);
    if (sending.kind == RIM_KIND_ASK && error == -RIM_EDOWN) {
        rim__request_fail(ctx, from, sending.token, -RIM_EDOWN);
        rim__answer_done(ctx);
    } else if (error == 0) {
        rim__answer_done(ctx);
        rim__hand_over(ctx, from);
    }
    return error;
}
