/* SPDX-License-Identifier: MIT */
/*
 * Sequences: a table of requests, one after the other. The record is in front of the job, and is known by its handle to
 * the request that is open. While one of the user's functions runs, a cancel only marks the record, and whoever called
 * the function frees it.
 */
#include <errno.h>
#include <string.h>

#include "actor/mailbox.h"
#include "actor/pending.h"
#include "ringmail/sequence.h"

#define JOB_MAX  65536u
#define HOPS_MAX 1000u /* steps in a row that ask nothing: more are a loop */

struct sequence {
    struct rim__pending pending;
    const rim_plan *plan;
    uint64_t deadline_ns;
    rim_token token; /* of the open request, or RIM_NIL */
    uint32_t step;
    bool asking;    /* a step's ask runs */
    bool calling;   /* one of the user's functions runs */
    bool cancelled; /* meanwhile */
};
_Static_assert(sizeof(struct sequence) % 16 == 0, "the job behind it is aligned to 16");

static void *job_of(struct sequence *sequence) {
    return sequence + 1;
}

static struct sequence *find(const rim_ctx *ctx, uint64_t handle) {
    struct rim__pending *pending = rim__pending_find(ctx, handle);
    return pending != NULL ? rim__container_of(pending, struct sequence, pending) : NULL;
}

static void free_sequence(rim_ctx *ctx, struct sequence *sequence) {
    if (sequence->plan->release != NULL) {
        sequence->plan->release(ctx, job_of(sequence));
    }
    rim__memory_free(&ctx->shard->memory, sequence, sizeof *sequence + sequence->plan->job_size);
}

/* ---- the user's functions ---- */

static void cancel_request(rim_ctx *ctx, struct sequence *sequence) {
    if (sequence->token != RIM_NIL) {
        rim__request_cancel(ctx, sequence->token);
        sequence->token = RIM_NIL;
    }
}

static int call_ask(rim_ctx *ctx, void *self, struct sequence *sequence, const rim_step *step) {
    if (step->ask == NULL) {
        return RIM_NEXT;
    }
    sequence->asking = true;
    int go = step->ask(ctx, self, job_of(sequence));
    sequence->asking = false;
    if (go != 0) { /* it has asked all the same: not this way */
        cancel_request(ctx, sequence);
    }
    return go;
}

static int call_then(rim_ctx *ctx, void *self, struct sequence *sequence, const void *body, rim_msg *msg) {
    const rim_step *step = &sequence->plan->steps[sequence->step];
    return step->then != NULL ? step->then(ctx, self, job_of(sequence), body, msg) : RIM_NEXT;
}

static int call_otherwise(rim_ctx *ctx, void *self, struct sequence *sequence, int error) {
    const rim_step *step = &sequence->plan->steps[sequence->step];
    bool time_is_up = ctx->shard->now_ns >= sequence->deadline_ns;
    if (step->otherwise == NULL || time_is_up || sequence->cancelled) {
        return time_is_up ? -ETIMEDOUT : error;
    }
    return step->otherwise(ctx, self, job_of(sequence), error);
}

/* ---- from step to step ---- */

/* `go` says where to. Runs steps until one waits (false), or the sequence is over (true, and *error). */
static bool run(rim_ctx *ctx, void *self, struct sequence *sequence, int go, int *error) {
    const rim_plan *plan = sequence->plan;
    for (uint32_t hops = 0; !sequence->cancelled; hops++) {
        uint32_t next = go == RIM_NEXT ? sequence->step + 1 : (uint32_t)go - 1;
        bool is_end = go == RIM_END || (go == RIM_NEXT && next == plan->count);
        if (go < 0 || is_end || next >= plan->count || hops == HOPS_MAX) {
            *error = go < 0 ? go : is_end ? 0 : next >= plan->count ? -EINVAL : -ELOOP;
            return true;
        }
        sequence->step = next;
        go = call_ask(ctx, self, sequence, &plan->steps[next]);
        if (sequence->token != RIM_NIL) {
            return false;
        }
        if (go < 0) {
            go = call_otherwise(ctx, self, sequence, go);
        }
    }
    *error = -ECANCELED;
    return true;
}

/* The same; afterwards the record is gone if it was cancelled meanwhile: then it neither waits nor is over. */
enum state { WAITS, OVER, GONE };

static enum state go_on(rim_ctx *ctx, void *self, struct sequence *sequence, int go, int *error) {
    bool over = run(ctx, self, sequence, go, error);
    sequence->calling = false;
    if (sequence->cancelled) {
        cancel_request(ctx, sequence);
        free_sequence(ctx, sequence);
        return GONE;
    }
    if (over) {
        rim__pending_retire(ctx, &sequence->pending);
    }
    return over ? OVER : WAITS;
}

static rim_verdict on_outcome(rim_ctx *ctx, void *self, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct sequence *sequence = find(ctx, cookie);
    rim__assert(sequence != NULL); /* who frees it cancels its request */
    sequence->token = RIM_NIL;
    sequence->calling = true;
    int go = error == 0 ? call_then(ctx, self, sequence, body, msg) : call_otherwise(ctx, self, sequence, error);
    if (go_on(ctx, self, sequence, go, &error) != OVER) {
        return RIM_DONE;
    }
    rim_verdict verdict = sequence->plan->end(ctx, self, job_of(sequence), error);
    free_sequence(ctx, sequence);
    return verdict;
}

/* ---- what the user calls ---- */

static int ask_within(rim_ctx *ctx, struct sequence *sequence, rim_ask ask) {
    uint64_t now_ns = ctx->shard->now_ns;
    uint64_t left_ns = sequence->deadline_ns > now_ns ? sequence->deadline_ns - now_ns : 0;
    if (left_ns == 0 || !sequence->asking || sequence->token != RIM_NIL) {
        rim_msg_free(ctx, ask.msg);
        return !sequence->asking ? -RIM_ECONTEXT : left_ns == 0 ? -ETIMEDOUT : -EALREADY;
    }
    ask.timeout_ns = ask.timeout_ns != 0 && ask.timeout_ns < left_ns ? ask.timeout_ns : left_ns;
    ask.on_outcome = on_outcome;
    ask.cookie = sequence->pending.handle;
    ask.on_behalf = RIM_NIL;
    ask.own_time = true; /* the deadline of the whole is that already */
    return rim_request(ctx, &ask, &sequence->token);
}

int rim_step_ask(rim_ctx *ctx, void *job, const rim_ask *ask) {
    if (job == NULL || ask == NULL) {
        rim_msg_free(ctx, ask != NULL ? ask->msg : NULL);
        return -EINVAL;
    }
    return ask_within(ctx, (struct sequence *)job - 1, *ask);
}

static int check(const rim_ctx *ctx, const rim_sequence *wanted) {
    const rim_plan *plan = wanted->plan;
    bool ok = ctx->actor != NULL && plan != NULL && plan->steps != NULL && plan->count > 0 && plan->end != NULL &&
              plan->job_size <= JOB_MAX && wanted->timeout_ns > 0;
    return ok ? 0 : -EINVAL;
}

static struct sequence *make(rim_ctx *ctx, const rim_sequence *wanted, int *error) {
    const rim_plan *plan = wanted->plan;
    struct rim__belongings *belongings = rim__actor_belongings(ctx, ctx->actor);
    size_t size = sizeof(struct sequence) + plan->job_size;
    struct sequence *sequence = belongings != NULL ? rim__memory_alloc(&ctx->shard->memory, size) : NULL;
    if (sequence == NULL) {
        *error = -ENOMEM;
        return NULL;
    }
    memset(sequence, 0, size);
    sequence->plan = plan;
    if (wanted->job != NULL) {
        memcpy(job_of(sequence), wanted->job, plan->job_size);
    }
    *error = rim__pending_add(ctx, &sequence->pending, RIM_REF_SEQUENCE, &belongings->sequences);
    if (*error != 0) {
        rim__memory_free(&ctx->shard->memory, sequence, size);
        return NULL;
    }
    return sequence;
}

int rim_sequence_start(rim_ctx *ctx, const rim_sequence *wanted, rim_token *out) {
    rim_ask time = {.timeout_ns = wanted->timeout_ns, .on_behalf = wanted->on_behalf, .own_time = wanted->own_time};
    uint64_t deadline_ns = 0;
    int error = check(ctx, wanted);
    error = error != 0 ? error : rim__request_limit(ctx, &time, &deadline_ns);
    struct sequence *sequence = error == 0 ? make(ctx, wanted, &error) : NULL;
    if (sequence == NULL) {
        return error;
    }
    sequence->deadline_ns = deadline_ns;
    sequence->calling = true;
    uint64_t handle = sequence->pending.handle;
    if (out != NULL) {
        *out = handle;
    }
    switch (go_on(ctx, RIM_ACTOR_STATE(ctx->actor), sequence, RIM_GOTO(0), &error)) {
    case WAITS:
        return 0;
    case OVER:
        free_sequence(ctx, sequence);
        return error != 0 ? error : 1;
    case GONE:
        break;
    }
    return -ECANCELED;
}

bool rim__sequence_cancel(rim_ctx *ctx, uint64_t token) {
    struct sequence *sequence = find(ctx, token);
    if (sequence == NULL || sequence->pending.owner != ctx->actor) {
        return false;
    }
    rim__pending_retire(ctx, &sequence->pending);
    sequence->cancelled = true;
    if (!sequence->calling) {
        cancel_request(ctx, sequence);
        free_sequence(ctx, sequence);
    }
    return true;
}

void rim__sequence_end_all(rim_ctx *ctx, struct rim__actor *actor) {
    while (actor->belongings->sequences != NULL) {
        struct sequence *sequence = rim__container_of(actor->belongings->sequences, struct sequence, pending.own);
        rim__pending_retire(ctx, &sequence->pending);
        free_sequence(ctx, sequence);
    }
}
