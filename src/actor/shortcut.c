/* SPDX-License-Identifier: MIT */
#include "actor/shortcut.h"

#include <errno.h>
#include <string.h>

#include "actor/mailbox.h"
#include "actor/record.h"
#include "actor/request.h"

void *rim__shortcut_find(const rim_ctx *ctx, rim_ref who, const rim_behaviour *behaviour) {
    const struct rim__actor *actor = rim__actor_get(ctx, who);
    if (actor == NULL || actor->behaviour != behaviour || actor->stage != RIM_STAGE_ALIVE || actor->head != NULL) {
        return NULL;
    }
    bool is_quiet = !actor->held && !actor->stop_asked && (actor->mode & ~RIM_MODE_WATCHED) == 0 &&
                    (actor->marks & RIM_MARK_CLOSED) == 0;
    bool may = ctx->actor != NULL && !rim__replay_is_on(ctx->actor);
    return is_quiet && may ? RIM_ACTOR_STATE(actor) : NULL;
}

uint64_t rim__shortcut_open_count(const rim_ctx *ctx) {
    return ctx->stats.requests_open;
}

int rim__shortcut_open(rim_ctx *ctx, const rim_ask *ask, rim_token *out) {
    return rim__request_open(ctx, ask, NULL, out);
}

void rim__shortcut_undo(rim_ctx *ctx, rim_token token) {
    rim__request_undo(ctx, token);
}

/* ---- answering ---- */

#define FLAGS (RIM_MSG_TOKEN | RIM_MSG_RESERVED)

/* A block with a body at its head. Its size when it was made is in arg[0]: the body may have become shorter. */
static void free_block(struct rim__shard *home, struct rim__body *body) {
    rim__memory_free(&home->memory, body, sizeof *body + 8 + (size_t)(uintptr_t)body->arg[0]);
}

static struct rim__body *make_body(rim_ctx *ctx, size_t size) {
    /* 8 more, so that the bytes behind the struct are aligned to 16 */
    struct rim__body *body = rim__memory_alloc(&ctx->shard->memory, sizeof *body + 8 + size);
    if (body != NULL) {
        *body = (struct rim__body){
            .data = (char *)body + sizeof *body + 8,
            .size = (uint32_t)size,
            .home = ctx->shard->index,
            .release = free_block,
            .arg = {(void *)(uintptr_t)size, NULL},
        };
    }
    return body;
}
_Static_assert((sizeof(struct rim__body) + 8) % 16 == 0, "what is read into is aligned to 16");

struct rim_msg *rim__shortcut_reserve(rim_ctx *ctx, uint32_t tag, size_t size) {
    if (size <= RIM_MSG_INLINE_MAX) {
        return rim__msg_create(ctx->shard, RIM_KIND_REPLY, FLAGS, tag, size);
    }
    struct rim_msg *msg = rim__msg_create(ctx->shard, RIM_KIND_REPLY, FLAGS | RIM_MSG_OUT, tag, size);
    struct rim__body *body = msg != NULL ? make_body(ctx, size) : NULL;
    if (body == NULL) {
        if (msg != NULL) {
            rim__memory_free(&ctx->shard->memory, msg, rim__msg_span(msg->flags, size));
        }
        return NULL;
    }
    *(struct rim__body **)rim__msg_after(msg) = body;
    return msg;
}

static void post(rim_ctx *ctx, rim_ref from, rim_token token, struct rim_msg *msg) {
    msg->from = from;
    msg->to = 0;
    rim__msg_token(msg)->token = token;
    ctx->stats.sent++;
    rim__request_deliver(ctx, msg);
}

/* The span of a message that is inline follows from its size: so a shorter one is another. */
static struct rim_msg *shorten(rim_ctx *ctx, struct rim_msg *msg, size_t size) {
    if (msg->flags & RIM_MSG_OUT) {
        rim__msg_out(msg)->size = (uint32_t)size;
        msg->size = (uint32_t)size;
        return msg;
    }
    struct rim_msg *copy = rim__msg_create(ctx->shard, RIM_KIND_REPLY, FLAGS, msg->tag, size);
    if (copy != NULL) {
        memcpy(rim__msg_body(copy), rim__msg_body(msg), size);
        rim__msg_release(ctx->shard, msg);
    }
    return copy;
}

int rim__shortcut_reply(rim_ctx *ctx, rim_ref from, rim_token token, struct rim_msg *msg, size_t size) {
    if (rim__unlikely(size < msg->size)) {
        msg = shorten(ctx, msg, size);
    }
    if (msg == NULL) {
        return -ENOMEM;
    }
    post(ctx, from, token, msg);
    return 0;
}

void rim__shortcut_fail(rim_ctx *ctx, rim_ref from, rim_token token, int error, const char *text) {
    size_t length = strnlen(text, RIM_FAILURE_TEXT_MAX);
    int32_t code = error;
    struct rim_msg *msg = rim__msg_create(ctx->shard, RIM_KIND_FAILURE, FLAGS, 0, sizeof code + length);
    if (msg == NULL) {
        rim__request_settle(ctx, token, error, 0);
        return;
    }
    memcpy(rim__msg_body(msg), &code, sizeof code);
    memcpy((char *)rim__msg_body(msg) + sizeof code, text, length);
    post(ctx, from, token, msg);
}
