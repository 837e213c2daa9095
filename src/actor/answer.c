/* SPDX-License-Identifier: MIT */
/*
 * The receiver's half of requests: a reply, a failure, or a token to answer by later. The asker's half is request.c.
 */
#include <errno.h>
#include <string.h>

#include "actor/mailbox.h"
#include "actor/pending.h"
#include "actor/send.h"
#include "ringmail/request.h"

/* A request taken for later. */
struct deferred {
    struct rim__pending pending;
    rim_ref asker;
    uint64_t token;
    uint64_t deadline_ns;
};

static struct deferred *find(const rim_ctx *ctx, rim_token request) {
    if (rim__ref_kind(request) != RIM_REF_DEFERRED) {
        return NULL;
    }
    struct rim__pending *pending = rim__pending_find(ctx, request);
    return pending != NULL && pending->owner == ctx->actor ? rim__container_of(pending, struct deferred, pending)
                                                           : NULL;
}

/* ---- deadlines ---- */

uint64_t rim_deadline(const rim_ctx *ctx) {
    return ctx->ask.deadline_ns;
}

int rim__answer_deadline(const rim_ctx *ctx, rim_token request, uint64_t *deadline_ns) {
    const struct deferred *deferred = find(ctx, request);
    if (deferred == NULL) {
        return -RIM_EBADREF;
    }
    *deadline_ns = deferred->deadline_ns;
    return 0;
}

/* ---- answering ---- */

bool rim_is_request(const rim_ctx *ctx) {
    return ctx->asked;
}

static struct rim__sending answer_to(rim_ref asker, uint64_t token, enum rim__kind kind) {
    return (struct rim__sending){.to = asker, .kind = kind, .flags = RIM_MSG_TOKEN | RIM_MSG_RESERVED, .token = token};
}

/* To an asker on this shard an answer need not pass through a mesh, but it must find its request. */
static int send_answer(rim_ctx *ctx, const struct rim__sending *sending) {
    if (rim__ref_shard(sending->token) != ctx->shard->index) {
        return rim__send_copy(ctx, sending);
    }
    struct rim_msg *msg = rim__msg_create(ctx->shard, sending->kind, sending->flags, sending->tag, sending->size);
    if (msg == NULL) {
        return -ENOMEM;
    }
    msg->from = rim_self(ctx);
    msg->to = rim__ref_local(sending->to);
    rim__msg_token(msg)->token = sending->token;
    if (sending->size > 0) {
        memcpy(rim__msg_body(msg), sending->body, sending->size);
    }
    ctx->stats.sent++;
    rim__request_deliver(ctx, msg);
    return 0;
}

/* The body is the code, and the text if there is one. */
static void fail_with(rim_ctx *ctx, rim_ref from, uint64_t token, int error, const char *text) {
    struct {
        int32_t error;
        char text[RIM_FAILURE_TEXT_MAX];
    } body = {.error = error};
    size_t length = text != NULL ? strnlen(text, sizeof body.text) : 0;
    struct rim__sending sending = answer_to(from, token, RIM_KIND_FAILURE);
    if (length > 0) {
        memcpy(body.text, text, length);
    }
    sending.body = &body;
    sending.size = sizeof body.error + length;
    if (send_answer(ctx, &sending) != 0) {
        rim__log_write(&ctx->shard->log, RIM_LOG_ERROR, "out of memory: a request will time out instead of failing");
    }
}

void rim__request_fail(rim_ctx *ctx, rim_ref from, uint64_t token, int error) {
    fail_with(ctx, from, token, error, NULL);
}

rim_token rim_defer(rim_ctx *ctx) {
    struct rim__belongings *belongings = ctx->asked ? rim__actor_belongings(ctx, ctx->actor) : NULL;
    struct deferred *deferred = belongings != NULL ? rim__memory_alloc(&ctx->shard->memory, sizeof *deferred) : NULL;
    if (deferred == NULL) {
        return RIM_NIL;
    }
    deferred->asker = ctx->asker;
    deferred->token = ctx->ask.token;
    deferred->deadline_ns = ctx->ask.deadline_ns;
    if (rim__pending_add(ctx, &deferred->pending, RIM_REF_DEFERRED, &belongings->deferred) != 0) {
        rim__memory_free(&ctx->shard->memory, deferred, sizeof *deferred);
        return RIM_NIL;
    }
    ctx->asked = false;
    return deferred->pending.handle;
}

/* Whom an answer goes to. The request is still open: a failed answer may be tried again. */
static int find_asker(rim_ctx *ctx, rim_token request, struct rim__sending *sending) {
    if (request == RIM_NIL) {
        if (!ctx->asked) {
            return -RIM_EBADREF;
        }
        *sending = answer_to(ctx->asker, ctx->ask.token, RIM_KIND_REPLY);
        return 0;
    }
    struct deferred *deferred = find(ctx, request);
    if (deferred == NULL) {
        return -RIM_EBADREF;
    }
    *sending = answer_to(deferred->asker, deferred->token, RIM_KIND_REPLY);
    return 0;
}

/* The request has its answer. */
static void settle(rim_ctx *ctx, rim_token request) {
    if (request == RIM_NIL) {
        rim__answer_done(ctx);
        return;
    }
    struct deferred *deferred = find(ctx, request);
    rim__pending_retire(ctx, &deferred->pending);
    rim__memory_free(&ctx->shard->memory, deferred, sizeof *deferred);
}

int rim_reply(rim_ctx *ctx, rim_token request, uint32_t tag, const void *body, size_t size) {
    struct rim__sending sending;
    int error = size > RIM_BODY_MAX ? -RIM_ETOOBIG : find_asker(ctx, request, &sending);
    if (error != 0) {
        return error;
    }
    sending.tag = tag;
    sending.body = body;
    sending.size = size;
    error = send_answer(ctx, &sending);
    if (error == 0) {
        settle(ctx, request);
    }
    return error;
}

/* By pointer, to an asker on this shard. */
static int reply_out_here(rim_ctx *ctx, const struct rim__sending *sending, struct rim_msg *msg) {
    uint32_t flags = sending->flags | RIM_MSG_OUT, size = msg->size;
    struct rim_msg *head = rim__msg_create(ctx->shard, RIM_KIND_REPLY, flags, sending->tag, size);
    if (head == NULL) {
        return -ENOMEM;
    }
    struct rim__body *body = rim__send_detach(ctx, msg);
    if (body == NULL) {
        rim__memory_free(&ctx->shard->memory, head, rim__msg_span(flags, size));
        return -ENOMEM;
    }
    head->from = rim_self(ctx);
    head->to = rim__ref_local(sending->to);
    rim__msg_token(head)->token = sending->token;
    *(struct rim__body **)rim__msg_after(head) = body;
    ctx->stats.sent++;
    rim__request_deliver(ctx, head);
    return 0;
}

static int reply_owned_here(rim_ctx *ctx, struct rim__sending *sending, struct rim_msg *msg) {
    if ((msg->flags & RIM_MSG_OUT) || msg->size > RIM_MSG_INLINE_MAX) {
        return reply_out_here(ctx, sending, msg);
    }
    sending->body = rim__msg_body(msg);
    sending->size = msg->size;
    int error = send_answer(ctx, sending);
    if (error == 0) {
        rim__msg_release(ctx->shard, msg);
    }
    return error;
}

static int reply_owned(rim_ctx *ctx, rim_token request, rim_msg **msg) {
    struct rim__sending sending;
    int error = find_asker(ctx, request, &sending);
    if (error != 0) {
        return error;
    }
    sending.tag = (*msg)->tag;
    sending.returned = msg;
    if (rim__ref_shard(sending.token) == ctx->shard->index) {
        error = reply_owned_here(ctx, &sending, *msg);
    } else {
        error = rim__send_owned(ctx, &sending, *msg);
    }
    if (error == 0 || error == -ENOTRECOVERABLE) {
        *msg = NULL;
    }
    if (error == 0) {
        settle(ctx, request);
    }
    return error == -ENOTRECOVERABLE ? -ENOMEM : error;
}

int rim_reply_msg(rim_ctx *ctx, rim_token request, rim_msg *msg) {
    if (msg == NULL) {
        return -EINVAL;
    }
    int error = reply_owned(ctx, request, &msg);
    rim_msg_free(ctx, msg);
    return error;
}

int rim__refuse_saying(rim_ctx *ctx, rim_token request, int error, const char *text) {
    struct rim__sending sending;
    int found = find_asker(ctx, request, &sending);
    if (found != 0) {
        return found;
    }
    fail_with(ctx, sending.to, sending.token, error < 0 ? error : -RIM_EREFUSED, text);
    settle(ctx, request);
    return 0;
}

int rim_refuse(rim_ctx *ctx, rim_token request, int error) {
    return rim__refuse_saying(ctx, request, error, NULL);
}

void rim__answer_end_all(rim_ctx *ctx, struct rim__actor *actor) {
    while (actor->belongings->deferred != NULL) {
        struct deferred *deferred = rim__container_of(actor->belongings->deferred, struct deferred, pending.own);
        rim__request_fail(ctx, deferred->asker, deferred->token, -RIM_EDOWN);
        rim__pending_retire(ctx, &deferred->pending);
        rim__memory_free(&ctx->shard->memory, deferred, sizeof *deferred);
    }
}
