/* SPDX-License-Identifier: MIT */
/*
 * sequence.h - one request after the other, written as a table instead of a chain of callbacks.
 *
 *     enum { RESERVE, CHARGE, SHIP };
 *
 *     static const rim_step order_steps[] = {
 *         [RESERVE] = {.ask = ask_stock, .then = on_reserved},
 *         [CHARGE]  = {.ask = ask_bank,  .then = on_charged, .otherwise = on_declined},
 *         [SHIP]    = {.ask = ask_depot, .then = on_shipped},
 *     };
 *     static const rim_plan order_plan = {
 *         .steps = order_steps, .count = RIM_COUNT(order_steps), .job_size = sizeof(struct order), .end = order_end,
 *     };
 *
 * What is known of one run of the table is its job: a struct of the user's, kept by the library from the start to the
 * end. An actor may have as many sequences as it likes, of one plan or of several.
 *
 *     start -> ask -- reply --> then ------.--> RIM_NEXT: the next step's ask; after the last, end(0)
 *               |                          |--> RIM_GOTO(STEP): that step's ask
 *               '- failure --> otherwise --'--> RIM_END: end(0)       a negative code: end(code)
 *
 *     Order    steps run one after the other, each as a turn of the actor; sequences of one actor run side by side
 *     Loss     a sequence that was started ends exactly once, unless it is cancelled or its actor ends
 *     Threads  as in actor.h
 */
#ifndef RINGMAIL_SEQUENCE_H
#define RINGMAIL_SEQUENCE_H

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where a sequence goes from here. Negative codes end it as failed. */
enum { RIM_NEXT = 0, RIM_END = 0x40000000 };
#define RIM_GOTO(step) ((int)(step) + 1)

typedef struct rim_step {
    /* Asks, with rim_step_ask, and returns what that returned. Or asks nothing: then where to go. */
    int (*ask)(rim_ctx *ctx, void *self, void *job);
    /* The reply has come; body and msg are borrowed. NULL: RIM_NEXT. */
    int (*then)(rim_ctx *ctx, void *self, void *job, const void *body, rim_msg *msg);
    /* It has failed, or could not be asked. `error` as in rim_outcome. Not called when the time of the whole is up.
       NULL: the sequence fails with that code. */
    int (*otherwise)(rim_ctx *ctx, void *self, void *job, int error);
} rim_step;

/* All pointers must outlive the sequences that use them. */
typedef struct rim_plan {
    const rim_step *steps; /* the first one is the first */
    uint32_t count;
    uint32_t job_size; /* bytes of the job; at most 64 KiB */
    /* The end: `error` is 0, or the code that a step returned, -ETIMEDOUT for the whole. Required. */
    rim_verdict (*end)(rim_ctx *ctx, void *self, void *job, int error);
    /* Frees what the job owns. Called last, however it ends, also when it is cancelled or its actor has ended, in which
       case it may not send. Optional. */
    void (*release)(rim_ctx *ctx, void *job);
} rim_plan;

typedef struct rim_sequence {
    const rim_plan *plan;
    const void *job;     /* what it begins with: job_size bytes, copied; NULL: zeroes */
    uint64_t timeout_ns; /* of the whole; mandatory */
    rim_token on_behalf; /* as in rim_ask: the deadline of the request that it works for is the latest */
    bool own_time;       /* as in rim_ask */
} rim_sequence;

/*
 * Starts a sequence: its first step asks before this returns. 0: `end` will be called exactly once, unless it is
 * cancelled (rim_cancel, with `out`, which may be NULL) or the actor ends before. 1: it is over already, as no step had
 * anything to ask, and `end` is not called. Or the negative code with which it failed at once, -EINVAL, -ENOMEM,
 * -RIM_ELIMIT, -RIM_EBADREF: `end` is not called. Once the job was copied, `release` is called in each of these cases.
 */
RIM_API RIM_MUST_CHECK int rim_sequence_start(rim_ctx *ctx, const rim_sequence *sequence, rim_token *out);

/*
 * For a step's `ask`, once: sends its request. on_outcome, cookie, on_behalf and own_time are the library's; timeout_ns
 * may be 0, and is never more than what the whole has left. Returns 0 or a code of rim_request, for `ask` to return;
 * -RIM_ECONTEXT outside of an `ask`, -EALREADY for a second request, -EINVAL without a job or ask.
 */
RIM_API RIM_MUST_CHECK int rim_step_ask(rim_ctx *ctx, void *job, const rim_ask *ask);

#ifdef __cplusplus
}
#endif
#endif
