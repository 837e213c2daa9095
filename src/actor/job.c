/* SPDX-License-Identifier: MIT */
/*
 * Jobs: blocking work of actors, done by helpers (shard/offload.h), with a request's one outcome.
 *
 * All that a job needs is there before it is submitted: its own block, from malloc, and the message of its outcome. The
 * argument is that message's body, by pointer, so it lives as long as somebody holds the message. A request that ends
 * before (timeout, cancel, the actor's end) either gets the job back from the queue, or leaves it to run: the message
 * that comes home then finds no request, is a dead letter (-RIM_ELATE), and the argument goes with it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actor/ctx.h"
#include "ringmail/offload.h"
#include "shard/offload.h"

struct rim__job {
    struct rim__offload_job offload;
    struct rim__body body;
    struct rim_msg *outcome; /* until it is delivered */
    int (*run)(void *arg);
    void (*cleanup)(void *arg);
    struct rim__job_words words; /* of a job of the library's own */
    int result;                  /* by the helper, before it hands the job home */
    _Alignas(16) char copy[];
};

#define OUTCOME_FLAGS (RIM_MSG_FOREIGN | RIM_MSG_TOKEN | RIM_MSG_OUT | RIM_MSG_RESERVED)

/* ---- the end of a job: on whatever thread ---- */

static void end_job(struct rim__job *job) {
    if (job->cleanup != NULL) {
        job->cleanup(job->body.data);
    }
    free(job);
}

static void release(struct rim__shard *home, struct rim__body *body) {
    (void)home;
    end_job(rim__container_of(body, struct rim__job, body));
}

/* Without an outcome: its message has not been sent. */
static void drop(struct rim__job *job) {
    free(job->outcome);
    end_job(job);
}

static struct rim__job *job_of(struct rim__offload_job *offload) {
    return rim__container_of(offload, struct rim__job, offload);
}

static void run(struct rim__offload_job *offload) {
    struct rim__job *job = job_of(offload);
    job->result = job->run(job->body.data);
}

static void orphaned(struct rim__offload_job *offload) {
    drop(job_of(offload));
}

/* Home again. A result that is no error code counts as success. */
static void done(struct rim__shard *shard, struct rim__offload_job *offload) {
    rim_ctx *ctx = shard->world;
    struct rim__job *job = job_of(offload);
    struct rim_msg *msg = job->outcome;
    msg->kind = job->result < 0 ? RIM_KIND_FAILURE : RIM_KIND_REPLY;
    msg->tag = job->result < 0 ? (uint32_t)job->result : 0; /* see failure_of in request.c */
    if (job->words.text != NULL && job->result >= 0) {
        job->body.size = msg->size = (uint32_t)job->result;
    }
    ctx->stats.jobs_open--;
    ctx->stats.sent++;
    rim__request_deliver(ctx, msg);
}

const char *rim__job_text(const struct rim_msg *msg) {
    struct rim__body *body = rim__msg_out(msg);
    const char *text = body->release == release ? rim__container_of(body, struct rim__job, body)->words.text : NULL;
    return text != NULL && text[0] != '\0' ? text : NULL;
}

const char *rim__job_path(const struct rim__job *job) {
    return job->words.path;
}

void rim__job_abandon(rim_ctx *ctx, struct rim__job *job) {
    if (rim__offload_withdraw(ctx->shard, &job->offload)) {
        ctx->stats.jobs_open--;
        drop(job);
    }
}

/* ---- the beginning ---- */

static struct rim_msg *make_outcome(struct rim__job *job) {
    struct rim_msg *msg = calloc(1, rim__msg_span(OUTCOME_FLAGS, 0));
    if (msg != NULL) {
        msg->flags = OUTCOME_FLAGS;
        msg->size = job->body.size;
        *(struct rim__body **)rim__msg_after(msg) = &job->body;
    }
    return msg;
}

static struct rim__job *make(const rim_ctx *ctx, const rim_job *wanted) {
    struct rim__job *job = aligned_alloc(16, (sizeof *job + wanted->size + 15) & ~(size_t)15);
    if (job == NULL) {
        return NULL;
    }
    *job = (struct rim__job){
        .offload = {.run = run,
                    .done = done,
                    .orphaned = orphaned,
                    .name = wanted->name != NULL ? wanted->name : "(unnamed)"},
        .body = {.data = wanted->size > 0 ? job->copy : wanted->arg,
                 .size = (uint32_t)wanted->size,
                 .home = ctx->shard->index,
                 .release = release},
        .run = wanted->run,
        .cleanup = wanted->cleanup,
    };
    job->outcome = make_outcome(job);
    if (job->outcome == NULL) {
        free(job);
        return NULL;
    }
    if (wanted->size > 0) {
        memcpy(job->copy, wanted->arg, wanted->size);
    }
    return job;
}

static int check(const rim_job *wanted) {
    if (wanted->run == NULL || (wanted->size > 0 && wanted->arg == NULL)) {
        return -EINVAL;
    }
    return wanted->size > RIM_BODY_MAX ? -RIM_ETOOBIG : 0;
}

/* Not taken: the argument is the caller's as before. */
static void unmake(struct rim__job *job) {
    free(job->outcome);
    free(job);
}

static int submit(rim_ctx *ctx, struct rim__job *job, const rim_job *wanted, rim_token *token) {
    rim_ask ask = {.timeout_ns = wanted->timeout_ns,
                   .on_outcome = wanted->on_outcome,
                   .cookie = wanted->cookie,
                   .own_time = job->words.text != NULL && wanted->timeout_ns == UINT64_MAX};
    int error = rim__request_open(ctx, &ask, job, token);
    if (error != 0) {
        return error;
    }
    rim__msg_token(job->outcome)->token = *token;
    error = rim__offload_submit(ctx->shard, &job->offload);
    if (error != 0) {
        rim__request_undo(ctx, *token);
    }
    return error;
}

int rim_offload(rim_ctx *ctx, const rim_job *wanted, rim_token *out) {
    return rim__job_submit(ctx, wanted, &(struct rim__job_words){.text = NULL}, out);
}

int rim__job_submit(rim_ctx *ctx, const rim_job *wanted, const struct rim__job_words *words, rim_token *out) {
    int error = check(wanted);
    if (error != 0) {
        return error;
    }
    struct rim__job *job = make(ctx, wanted);
    if (job == NULL) {
        return -ENOMEM;
    }
    job->words = *words;
    rim_token token;
    error = submit(ctx, job, wanted, &token);
    if (error != 0) {
        unmake(job);
        return error;
    }
    ctx->stats.jobs++;
    ctx->stats.jobs_open++;
    if (out != NULL) {
        *out = token;
    }
    return 0;
}
