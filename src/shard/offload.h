/* SPDX-License-Identifier: MIT */
/*
 * offload.h - helper threads for work that blocks: a bounded pool, one for a system. Called by whoever has such work on
 * a shard (actor/job.c for users, drivers for files), by ringmail.c (create, close, release), and by the simulation,
 * which has no threads and calls begin and end by its clock instead.
 *
 *     submit -> QUEUED --begin--> RUNNING --end--> DONE (its message is in the home shard's inlet) -> job->done
 *                  '--withdraw--> the caller's again    '--end, after close--> job->orphaned
 *
 * A helper is made when a job finds none idle and there are fewer than `helpers`; it ends when it has been idle for
 * seconds. Helpers run on any CPU of the process, not on that of the shard that made them, and take no signals.
 *
 *     Order    jobs begin in the order submitted; they end as they like
 *     Loss     none: of done, orphaned and a withdraw that succeeds, each job has exactly one
 *     Threads  submit, withdraw: the job's home shard, on its own thread. run: a helper. done: the home shard.
 *              orphaned: the helper, or whoever closes. One mutex guards the lists and every job's state. The push into
 *              the inlet is made under it: so after close, which takes it, no helper touches a shard, whatever still
 *              runs. What a job wrote is seen by its home since the inlet's mutex lies between.
 *     Life     close withdraws nothing: it is called when no shard runs. Jobs that still run then are abandoned; their
 *              helper calls orphaned, and the last helper frees the pool, be the system gone or not.
 */
#ifndef RINGMAIL_SHARD_OFFLOAD_H
#define RINGMAIL_SHARD_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/message.h"

struct rim__shard;
struct rim__offload;

enum rim__offload_state {
    RIM_OFFLOAD_IDLE = 0, /* the owner's */
    RIM_OFFLOAD_QUEUED,
    RIM_OFFLOAD_RUNNING,
    RIM_OFFLOAD_DONE, /* on its way home */
};

/* Embedded in the job of whoever submits it. The first part is the owner's, to be set before submit. */
struct rim__offload_job {
    void (*run)(struct rim__offload_job *job);
    void (*done)(struct rim__shard *home, struct rim__offload_job *job);
    void (*orphaned)(struct rim__offload_job *job); /* the home is gone: frees the job, and touches no shard */
    const char *name;                               /* for those who wonder what takes so long; static */

    struct rim__shard *home;               /* by submit */
    struct rim__offload_job *next, **link; /* under the lock, like the state: by home and helpers */
    enum rim__offload_state state;
    struct rim_msg completion; /* embedded: by the helper at the end, then the home's */
};

struct rim__offload_options {
    uint32_t helpers;         /* at most */
    uint32_t queue_max;       /* jobs that wait for a helper at most */
    void (*later)(void *arg); /* simulation: instead of helpers, calls begin some time after this; else NULL */
    void *arg;
};

/* 0 or -ENOMEM. No thread as yet. */
int rim__offload_create(const struct rim__offload_options *options, struct rim__offload **out);
/* When no shard runs any more: ends idle helpers, and abandons the jobs that still run. */
void rim__offload_close(struct rim__offload *pool);
/* After close; NULL is allowed. */
void rim__offload_release(struct rim__offload *pool);

/* 0; else the job is still the caller's: -RIM_EFULL (so many wait already), -RIM_ESTOPPING, or, where there is no
   helper and none can be made, the kernel's word (-EAGAIN). */
int rim__offload_submit(struct rim__shard *home, struct rim__offload_job *job);
/* True: it had not begun, will not, and is the caller's. False: done will come. */
bool rim__offload_withdraw(struct rim__shard *home, struct rim__offload_job *job);
/* The message of a job that has come home (RIM_KIND_HELPED). */
void rim__offload_deliver(struct rim__shard *home, struct rim_msg *msg);
/* Says what runs or waits for this shard, "job NAME runs" or the like; false, and nothing, if there is none. */
bool rim__offload_describe(struct rim__shard *home, char *text, size_t size);
/* Threads that there are now. Any thread. */
uint32_t rim__offload_helpers(struct rim__offload *pool);

/* A helper's two steps, for helpers and simulation: takes the first job, NULL if there is none or enough are running;
   and hands it home after its run. */
struct rim__offload_job *rim__offload_begin(struct rim__offload *pool);
void rim__offload_end(struct rim__offload *pool, struct rim__offload_job *job);

#endif
