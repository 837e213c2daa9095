/* SPDX-License-Identifier: MIT */
/*
 * Requests: exactly one outcome. The asker's shard keeps a record for each; whoever comes first takes it: the reply or
 * a failure as a message, the deadline as a timer, or a cancel. Whatever comes later finds nothing.
 *
 *     OPEN --reply, failure or timeout--> ANSWERED (the outcome waits in the mailbox) --its turn--> gone
 *       '------------- cancel -------------------'-- cancel --> gone; what waits is skipped
 *
 * The record holds the message of a timeout, so that an outcome never lacks memory. It may be in the mailbox when the
 * request is cancelled: then the record stays until that message's turn.
 */
#include <errno.h>
#include <string.h>

#include "actor/become.h"
#include "actor/mailbox.h"
#include "actor/name.h"
#include "actor/request.h"
#include "actor/send.h"

/* What requests and deferred requests have in common; both are in ctx->requests, and know their handle. */
struct pending {
    struct rim__own own;
    uint64_t handle;
    struct rim__actor *owner;
};

struct request {
    struct pending pending;
    struct rim__timer deadline;
    rim_outcome on_outcome;
    uint64_t cookie;
    bool answered;
    struct rim__job *job;   /* what a helper does for it, until that has come home; else NULL */
    struct rim_msg timeout; /* with its token and body behind it */
    struct rim__msg_token timeout_token;
    int32_t timeout_error;
    uint64_t word; /* the answer of a request that the runtime answered itself */
};

/* A request taken for later, at the receiver. */
struct deferred {
    struct pending pending;
    rim_ref asker;
    uint64_t token;
};

static void *find(const rim_ctx *ctx, uint64_t handle) {
    struct pending *pending = rim__table_find(&ctx->requests, rim__ref_local(handle));
    return pending != NULL && pending->handle == handle ? pending : NULL;
}

static int add(rim_ctx *ctx, struct pending *pending, unsigned kind, struct rim__own **list) {
    uint64_t local;
    int error = rim__table_add(&ctx->requests, pending, &local);
    if (error == 0) {
        pending->handle = rim__ref_make(kind, ctx->shard->index, local);
        pending->owner = ctx->actor;
        rim__own_link(list, &pending->own);
    }
    return error;
}

static void retire(rim_ctx *ctx, struct pending *pending) {
    rim__table_remove(&ctx->requests, rim__ref_local(pending->handle));
    rim__own_unlink(&pending->own);
}

static void free_request(rim_ctx *ctx, struct request *request) {
    rim__memory_free(&ctx->shard->memory, request, sizeof *request);
}

/* ---- asking ---- */

static void answered(rim_ctx *ctx, struct request *request, struct rim_msg *msg) {
    request->answered = true;
    request->job = NULL;
    rim__timer_disarm(&ctx->shard->timers, &request->deadline);
    msg->flags |= RIM_MSG_RESERVED;
    rim__mailbox_push(ctx, request->pending.owner, msg);
}

/* Nobody waits for it any more. */
static void leave_job(rim_ctx *ctx, struct request *request) {
    if (rim__unlikely(request->job != NULL)) {
        rim__job_abandon(ctx, request->job);
        request->job = NULL;
    }
}

/* An outcome of the runtime's own, by the message that lies in the record. */
static void settle_by_record(rim_ctx *ctx, struct request *request, int error) {
    request->timeout = (struct rim_msg){
        .to = rim__ref_local(request->pending.owner->ref),
        .kind = RIM_KIND_FAILURE,
        .flags = RIM_MSG_EMBEDDED | RIM_MSG_TOKEN,
        .size = sizeof request->timeout_error,
    };
    request->timeout_token.token = request->pending.handle;
    request->timeout_error = error;
    ctx->stats.sent++;
    answered(ctx, request, &request->timeout);
}

static void time_out(struct rim__shard *shard, struct rim__timer *timer) {
    rim_ctx *ctx = shard->world;
    struct request *request = rim__container_of(timer, struct request, deadline);
    leave_job(ctx, request);
    ctx->stats.timeouts++;
    settle_by_record(ctx, request, -ETIMEDOUT);
}
_Static_assert(offsetof(struct request, timeout_token) == offsetof(struct request, timeout) + sizeof(struct rim_msg),
               "the token lies behind the message");
_Static_assert(offsetof(struct request, timeout_error) ==
                   offsetof(struct request, timeout_token) + sizeof(struct rim__msg_token),
               "the body lies behind the token");

static int check_ask(const rim_ctx *ctx, const rim_ask *ask) {
    if (ask->timeout_ns == 0 || ask->on_outcome == NULL || ctx->actor == NULL) {
        return -EINVAL;
    }
    uint32_t tag = ask->msg != NULL ? ask->msg->tag : ask->tag;
    if ((tag & 0xffffu) < RIM_USER) {
        return -EINVAL;
    }
    return ask->size > RIM_BODY_MAX ? -RIM_ETOOBIG : rim__send_check(ctx, ask->to);
}

static int send_ask(rim_ctx *ctx, const rim_ask *ask, const struct request *request, rim_msg **msg) {
    struct rim__sending sending = {
        .to = ask->to,
        .kind = RIM_KIND_ASK,
        .flags = RIM_MSG_TOKEN,
        .token = request->pending.handle,
        .deadline_ns = request->deadline.deadline_ns,
        .tag = ask->tag,
        .body = ask->body,
        .size = ask->size,
        .returned = msg,
    };
    if (*msg == NULL) {
        return rim__send_copy(ctx, &sending);
    }
    sending.tag = (*msg)->tag;
    int error = rim__send_owned(ctx, &sending, *msg);
    if (error == 0 || error == -ENOTRECOVERABLE) {
        *msg = NULL;
    }
    return error == -ENOTRECOVERABLE ? -ENOMEM : error;
}

static struct request *make_request(rim_ctx *ctx, const rim_ask *ask, int *error) {
    struct rim__belongings *belongings = rim__actor_belongings(ctx, ctx->actor);
    struct request *request = belongings != NULL ? rim__memory_alloc(&ctx->shard->memory, sizeof *request) : NULL;
    if (request == NULL) {
        *error = -ENOMEM;
        return NULL;
    }
    request->deadline = (struct rim__timer){.fire = time_out};
    request->on_outcome = ask->on_outcome;
    request->cookie = ask->cookie;
    request->answered = false;
    request->job = NULL;
    request->timeout_token.token = RIM_NIL;
    *error = add(ctx, &request->pending, RIM_REF_REQUEST, &belongings->requests);
    if (*error != 0) {
        free_request(ctx, request);
        return NULL;
    }
    uint64_t now_ns = ctx->shard->now_ns;
    uint64_t deadline_ns = ask->timeout_ns > UINT64_MAX / 2 ? UINT64_MAX / 2 : now_ns + ask->timeout_ns;
    rim__timer_arm(&ctx->shard->timers, &request->deadline, deadline_ns);
    return request;
}

static int request_with(rim_ctx *ctx, const rim_ask *ask, rim_msg **msg, rim_token *out) {
    int error = check_ask(ctx, ask);
    struct request *request = error == 0 ? make_request(ctx, ask, &error) : NULL;
    if (request == NULL) {
        return error;
    }
    error = send_ask(ctx, ask, request, msg);
    if (error != 0) {
        rim__timer_disarm(&ctx->shard->timers, &request->deadline);
        retire(ctx, &request->pending);
        free_request(ctx, request);
        return error;
    }
    ctx->stats.requests++;
    ctx->stats.requests_open++;
    if (out != NULL) {
        *out = request->pending.handle;
    }
    return 0;
}

int rim_request(rim_ctx *ctx, const rim_ask *ask, rim_token *out) {
    rim_msg *msg = ask->msg;
    int error = request_with(ctx, ask, &msg, out);
    rim_msg_free(ctx, msg); /* the message is consumed in any case */
    return error;
}

int rim__request_open(rim_ctx *ctx, const rim_ask *ask, struct rim__job *job, rim_token *out) {
    if (ask->timeout_ns == 0 || ask->on_outcome == NULL || ctx->actor == NULL) {
        return -EINVAL;
    }
    int error = 0;
    struct request *request = make_request(ctx, ask, &error);
    if (request == NULL) {
        return error;
    }
    request->job = job;
    ctx->stats.requests++;
    ctx->stats.requests_open++;
    *out = request->pending.handle;
    return 0;
}

void rim__request_undo(rim_ctx *ctx, rim_token token) {
    struct request *request = find(ctx, token);
    request->job = NULL;
    ctx->stats.requests--;
    rim__request_cancel(ctx, token);
}

/* ---- requests that the runtime answers (request.h) ---- */

uint64_t rim__request_deadline(const rim_ctx *ctx, rim_token token) {
    const struct request *request = find(ctx, token);
    return request->deadline.deadline_ns;
}

bool rim__request_is_open(const rim_ctx *ctx, rim_token token) {
    const struct request *request = find(ctx, token);
    return request != NULL && !request->answered;
}

bool rim__request_is_there(const rim_ctx *ctx, rim_token token) {
    return find(ctx, token) != NULL;
}

void rim__request_settle(rim_ctx *ctx, rim_token token, int error, uint64_t word) {
    struct request *request = find(ctx, token);
    if (request != NULL && !request->answered) {
        request->word = word;
        ctx->stats.timeouts += error == -ETIMEDOUT;
        settle_by_record(ctx, request, error);
    }
}

/* ---- the outcome ---- */

/* The body of a failure is its code; that of a failed job is the job's memory. */
static int failure_of(const struct rim_msg *msg) {
    return (msg->flags & RIM_MSG_OUT) ? (int32_t)msg->tag : *(const int32_t *)rim__msg_body(msg);
}

void rim__request_deliver(rim_ctx *ctx, struct rim_msg *msg) {
    struct request *request = find(ctx, rim__msg_token(msg)->token);
    if (request == NULL || request->answered) {
        rim__dead_letter(ctx, msg, RIM_NIL, -RIM_ELATE);
        return;
    }
    answered(ctx, request, msg);
}

void rim__request_drop(rim_ctx *ctx, struct rim_msg *msg) {
    ctx->stats.dead++;
    if (msg->flags & RIM_MSG_CANCELLED) { /* the record was only waiting for this */
        free_request(ctx, rim__container_of(msg, struct request, timeout));
    }
}

void rim__request_outcome(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg, rim_verdict *verdict) {
    struct request *request = find(ctx, rim__msg_token(msg)->token);
    if (request == NULL) {
        ctx->stats.handled--; /* counted as dead */
        rim__request_drop(ctx, msg);
        return;
    }
    bool reply = msg->kind != RIM_KIND_FAILURE; /* a failure without an error is an answer of the runtime's own */
    int error = reply ? 0 : failure_of(msg);
    const void *body = reply ? rim__msg_body(msg) : &request->word;
    retire(ctx, &request->pending);
    ctx->stats.requests_open--;
    *verdict = request->on_outcome(ctx, RIM_ACTOR_STATE(actor), request->cookie, error, error == 0 ? body : NULL,
                                   reply ? msg : NULL);
    free_request(ctx, request);
    if (rim__unlikely((actor->marks & RIM_MARK_CHANGED) != 0) && *verdict == RIM_DONE) {
        rim__become_settle(ctx, actor); /* it may have been the last that a change waited for */
    }
}

bool rim__request_cancel(rim_ctx *ctx, uint64_t token) {
    struct request *request = find(ctx, token);
    if (request == NULL || request->pending.owner != ctx->actor) {
        return false;
    }
    leave_job(ctx, request);
    retire(ctx, &request->pending);
    ctx->stats.requests_open--;
    rim__timer_disarm(&ctx->shard->timers, &request->deadline);
    if (request->timeout_token.token == token) {
        request->timeout.flags |= RIM_MSG_CANCELLED;
    } else {
        free_request(ctx, request);
    }
    rim__name_cancelled(ctx, token);
    return true;
}

/* The asker's end: its mailbox is empty by now, so that no record waits for a message. */
static void end_requests(rim_ctx *ctx, struct rim__actor *actor) {
    while (actor->belongings->requests != NULL) {
        struct request *request = rim__container_of(actor->belongings->requests, struct request, pending.own);
        leave_job(ctx, request);
        retire(ctx, &request->pending);
        ctx->stats.requests_open--;
        rim__timer_disarm(&ctx->shard->timers, &request->deadline);
        free_request(ctx, request);
    }
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

void rim__request_fail(rim_ctx *ctx, rim_ref from, uint64_t token, int error) {
    int32_t body = error;
    struct rim__sending sending = answer_to(from, token, RIM_KIND_FAILURE);
    sending.body = &body;
    sending.size = sizeof body;
    if (send_answer(ctx, &sending) != 0) {
        rim__log_write(&ctx->shard->log, RIM_LOG_ERROR, "out of memory: a request will time out instead of failing");
    }
}

rim_token rim_defer(rim_ctx *ctx) {
    struct rim__belongings *belongings = ctx->asked ? rim__actor_belongings(ctx, ctx->actor) : NULL;
    struct deferred *deferred = belongings != NULL ? rim__memory_alloc(&ctx->shard->memory, sizeof *deferred) : NULL;
    if (deferred == NULL) {
        return RIM_NIL;
    }
    deferred->asker = ctx->current->from;
    deferred->token = rim__msg_token(ctx->current)->token;
    if (add(ctx, &deferred->pending, RIM_REF_DEFERRED, &belongings->deferred) != 0) {
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
        *sending = answer_to(ctx->current->from, rim__msg_token(ctx->current)->token, RIM_KIND_REPLY);
        return 0;
    }
    struct deferred *deferred = rim__ref_kind(request) == RIM_REF_DEFERRED ? find(ctx, request) : NULL;
    if (deferred == NULL || deferred->pending.owner != ctx->actor) {
        return -RIM_EBADREF;
    }
    *sending = answer_to(deferred->asker, deferred->token, RIM_KIND_REPLY);
    return 0;
}

/* The request has its answer. */
static void settle(rim_ctx *ctx, rim_token request) {
    if (request == RIM_NIL) {
        ctx->asked = false;
        return;
    }
    struct deferred *deferred = find(ctx, request);
    retire(ctx, &deferred->pending);
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

int rim_refuse(rim_ctx *ctx, rim_token request, int error) {
    struct rim__sending sending;
    int found = find_asker(ctx, request, &sending);
    if (found != 0) {
        return found;
    }
    rim__request_fail(ctx, sending.to, sending.token, error < 0 ? error : -RIM_EREFUSED);
    settle(ctx, request);
    return 0;
}

static void end_deferred(rim_ctx *ctx, struct rim__actor *actor) {
    while (actor->belongings->deferred != NULL) {
        struct deferred *deferred = rim__container_of(actor->belongings->deferred, struct deferred, pending.own);
        rim__request_fail(ctx, deferred->asker, deferred->token, -RIM_EDOWN);
        retire(ctx, &deferred->pending);
        rim__memory_free(&ctx->shard->memory, deferred, sizeof *deferred);
    }
}

void rim__request_end_all(rim_ctx *ctx, struct rim__actor *actor) {
    end_requests(ctx, actor);
    end_deferred(ctx, actor);
}
