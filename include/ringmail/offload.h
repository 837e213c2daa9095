/* SPDX-License-Identifier: MIT */
/*
 * offload.h - blocking work, off the shard: a function runs on a helper thread, and its result comes back as the one
 * outcome of a request.
 *
 * A handler that blocks holds up every actor of its shard. What must block (a library that only knows how to, a name
 * look-up, a long computation) goes to the system's helpers instead: at most rim_config.helpers threads, made when they
 * are needed and ended when they are idle. Under simulation there are no helpers: the function runs on the simulating
 * thread, after a virtual time that the seed decides.
 *
 *     Order    jobs begin in the order in which they were given, over all actors; they may end in any order
 *     Loss     a job has exactly one outcome, unless it is cancelled or its actor ends
 *     Threads  rim_offload: a handler. The job's function: a helper; it has no rim_ctx and must not touch the actor's
 *              state, only its own argument
 */
#ifndef RINGMAIL_OFFLOAD_H
#define RINGMAIL_OFFLOAD_H

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rim_job {
    /* What is to be done; may block. 0, or a negative code, which becomes the outcome's error. Required. */
    int (*run)(void *arg);
    void *arg;
    /* 0: `arg` is handed to run as it is, and is the job's from rim_offload's return of 0 on. Else that many bytes at
       `arg` are copied; run gets the copy, 16-byte aligned, and may write its result into it. */
    size_t size;
    /* Called once for every job that was taken, with run's argument, when nobody needs that any more: after the
       outcome, or later if the handler took the message (rim_take). Without it an argument that was not copied is left
       alone. On the actor's shard; but on the helper, if the system has ended while the job still ran. It may not send.
     */
    void (*cleanup)(void *arg);
    uint64_t timeout_ns; /* mandatory: 0 is -EINVAL. Counts from now, the wait for a helper included */
    /* error 0: `body` is run's argument, msg's size `size`. Else run's code, or -ETIMEDOUT: a job that had not begun
       never will; one that runs is left to itself, and cleaned up when it returns. Required. */
    rim_outcome on_outcome;
    uint64_t cookie;  /* handed to on_outcome */
    const char *name; /* shown when it holds up a stop; static; NULL: "(unnamed)" */
} rim_job;

/*
 * Gives a job to the helpers. 0: on_outcome will be called exactly once, unless the job is cancelled or the actor ends
 * before. rim_cancel with the token in `out` (which may be NULL) is final: a job that has not begun never runs, and one
 * that runs has no outcome any more. The same when the actor ends. A stop of the system waits for jobs that run.
 * Else nothing was taken, and cleanup is not called: -RIM_EFULL (rim_config.jobs wait for a helper already), -EINVAL
 * (no function, timeout or callback), -RIM_ETOOBIG, -RIM_ELIMIT (too many requests), -RIM_ESTOPPING, -ENOMEM, or
 * -EAGAIN where not even one thread could be made.
 */
RIM_API RIM_MUST_CHECK int rim_offload(rim_ctx *ctx, const rim_job *job, rim_token *out);

#ifdef __cplusplus
}
#endif
#endif
