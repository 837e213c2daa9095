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
#include <stdio.h>
#include <string.h>

#include "actor/become.h"
#include "actor/mailbox.h"
#include "actor/name.h"
#include "actor/pending.h"
#include "actor/record.h"
#include "actor/request.h"
#include "actor/send.h"

struct request {
    struct rim__pending pending;
    struct rim__timer deadline;
    rim_outcome on_outcome;
    uint64_t cookie;
    bool answered;
    uint64_t number;        /* of the actor's requests, from 0 */
    struct rim__job *job;   /* what a helper does for it, until that has come home; else NULL */
    struct rim_msg timeout; /* with its token and body behind it */
    struct rim__msg_token timeout_token;
    int32_t timeout_error;
    uint64_t word; /* whom it asks; then the answer, if the runtime answers it itself */
};

static struct request *find(const rim_ctx *ctx, uint64_t handle) {
    struct rim__pending *pending = rim__pending_find(ctx, handle);
    return pending != NULL ? rim__container_of(pending, struct request, pending) : NULL;
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

#define PATH_SHOWN 200u

/* A failure that names the path. NULL: it is about none that is known here, or there is no memory for it. */
static struct rim_msg *name_path(rim_ctx *ctx, const struct request *request) {
    struct {
        int32_t error;
        char text[RIM_FAILURE_TEXT_MAX];
    } body = {.error = -ETIMEDOUT};
    const char *path = NULL;
    if (request->job != NULL) {
        path = rim__job_path(request->job);
    } else if (ctx->path_of != NULL) {
        path = ctx->path_of(ctx, request->word);
    }
    if (path == NULL) {
        return NULL;
    }
    size_t length = strlen(path), hidden = length > PATH_SHOWN ? length - PATH_SHOWN : 0;
    int used = snprintf(body.text, sizeof body.text, "%s%s: timed out", hidden > 0 ? "..." : "", path + hidden);
    size_t size = sizeof body.error + (size_t)used;
    struct rim_msg *msg = rim__msg_create(ctx->shard, RIM_KIND_FAILURE, RIM_MSG_TOKEN, 0, size);
    if (msg != NULL) {
        msg->from = RIM_NIL;
        msg->to = rim__ref_local(request->pending.owner->ref);
        rim__msg_token(msg)->token = request->pending.handle;
        memcpy(rim__msg_body(msg), &body, size);
    }
    return msg;
}

static void time_out(struct rim__shard *shard, struct rim__timer *timer) {
    rim_ctx *ctx = shard->world;
    struct request *request = rim__container_of(timer, struct request, deadline);
    struct rim_msg *named = name_path(ctx, request);
    leave_job(ctx, request);
    ctx->stats.timeouts++;
    if (named != NULL) {
        ctx->stats.sent++;
        answered(ctx, request, named);
    } else {
        settle_by_record(ctx, request, -ETIMEDOUT);
    }
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
    if (ask->size > RIM_BODY_MAX) {
        return -RIM_ETOOBIG;
    }
    int error = rim__send_check(ctx, ask->to);
    return error != 0 && rim__replay_is_on(ctx->actor) ? 0 : error;
}

static int send_ask(rim_ctx *ctx, const rim_ask *ask, const struct request *request, rim_msg **msg) {
    if (rim__unlikely(rim__replay_is_on(ctx->actor))) {
        return 0; /* its outcome comes from a recording; an owned message is freed by the caller */
    }
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

/* It is made for another request, whose deadline is the latest. */
static rim__cold int cut_short(const rim_ctx *ctx, const rim_ask *ask, uint64_t *deadline_ns) {
    uint64_t limit_ns = ask->own_time ? UINT64_MAX : ctx->ask.deadline_ns;
    if (ask->on_behalf != RIM_NIL) {
        int error = rim__answer_deadline(ctx, ask->on_behalf, &limit_ns);
        if (error != 0) {
            return error;
        }
    }
    *deadline_ns = *deadline_ns < limit_ns ? *deadline_ns : limit_ns;
    return 0;
}

int rim__request_limit(const rim_ctx *ctx, const rim_ask *ask, uint64_t *deadline_ns) {
    *deadline_ns = ask->timeout_ns > UINT64_MAX / 2 ? UINT64_MAX / 2 : ctx->shard->now_ns + ask->timeout_ns;
    bool is_for_another = ask->on_behalf != RIM_NIL || ctx->ask.deadline_ns != 0;
    return rim__unlikely(is_for_another) ? cut_short(ctx, ask, deadline_ns) : 0;
}

static struct request *make_request(rim_ctx *ctx, const rim_ask *ask, int *error) {
    uint64_t deadline_ns;
    *error = rim__request_limit(ctx, ask, &deadline_ns);
    if (*error != 0) {
        return NULL;
    }
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
    request->number = belongings->asked++;
    request->job = NULL;
    request->word = ask->to;
    request->timeout_token.token = RIM_NIL;
    *error = rim__pending_add(ctx, &request->pending, RIM_REF_REQUEST, &belongings->requests);
    if (*error != 0) {
        free_request(ctx, request);
        return NULL;
    }
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
        rim__pending_retire(ctx, &request->pending);
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

bool rim__request_replay(rim_ctx *ctx, struct rim__actor *actor, uint64_t number, struct rim_msg *msg) {
    for (struct rim__own *own = actor->belongings->requests; own != NULL; own = own->next) {
        struct request *request = rim__container_of(own, struct request, pending.own);
        if (request->number == number && !request->answered) {
            rim__msg_token(msg)->token = request->pending.handle;
            answered(ctx, request, msg);
            return true;
        }
    }
    return false;
}

void rim__request_drop(rim_ctx *ctx, struct rim_msg *msg) {
    ctx->stats.dead++;
    if (msg->flags & RIM_MSG_CANCELLED) { /* the record was only waiting for this */
        free_request(ctx, rim__container_of(msg, struct request, timeout));
    }
}

/* A failure may say more than its code: see rim__refuse_saying. */
static void keep_text(rim_ctx *ctx, const struct rim_msg *msg) {
    const char *text = rim_strerror(failure_of(msg)); /* and not that of an error before */
    size_t length = strlen(text);
    if (msg->flags & RIM_MSG_OUT) {
        const char *said = rim__job_text(msg);
        text = said != NULL ? said : text;
        length = strlen(text);
    } else if (msg->size > sizeof(int32_t)) {
        text = (const char *)rim__msg_body(msg) + sizeof(int32_t);
        length = msg->size - sizeof(int32_t);
    }
    length = length < sizeof ctx->error_text ? length : sizeof ctx->error_text - 1;
    memcpy(ctx->error_text, text, length);
    ctx->error_text[length] = '\0';
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
    if (error != 0) {
        keep_text(ctx, msg);
    }
    const void *body = reply ? rim__msg_body(msg) : &request->word;
    if (rim__unlikely(actor->belongings->recorder != NULL)) {
        rim_record record = {.from = request->number, .tag = msg->tag, .error = error};
        record.size = reply ? msg->size : error == 0 ? sizeof request->word : 0;
        rim__record_outcome(ctx, actor, &record, body);
    }
    rim__pending_retire(ctx, &request->pending);
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
    rim__pending_retire(ctx, &request->pending);
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
        rim__pending_retire(ctx, &request->pending);
        ctx->stats.requests_open--;
        rim__timer_disarm(&ctx->shard->timers, &request->deadline);
        free_request(ctx, request);
    }
}

void rim__request_cancel_all(rim_ctx *ctx, struct rim__actor *actor) {
    rim__sequence_end_all(ctx, actor);
    rim__gather_end_all(ctx, actor);
    while (actor->belongings->requests != NULL) {
        rim_cancel(ctx, rim__container_of(actor->belongings->requests, struct request, pending.own)->pending.handle);
    }
    rim__answer_end_all(ctx, actor);
}

void rim__request_end_all(rim_ctx *ctx, struct rim__actor *actor) {
    rim__sequence_end_all(ctx, actor);
    rim__gather_end_all(ctx, actor);
    end_requests(ctx, actor);
    rim__answer_end_all(ctx, actor);
}
