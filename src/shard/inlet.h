/* SPDX-License-Identifier: MIT */
/*
 * inlet.h - how a thread that is no shard gets a message in, and how it waits for an answer. Not the hot path.
 *
 *     Order    first in, first out, over all threads
 *     Loss     none; once closed, nothing is let in
 *     Threads  push, close and the gate's wait: any thread; drain and settle: the shard. A mutex guards the list; the
 *              bell's inlet bit, rung under it, carries the news. The driver is woken behind the lock, or who is woken
 *              would run into it and sleep once more; who is about to wake it is counted under the lock, so that a
 *              driver is closed only when nobody is
 */
#ifndef RINGMAIL_SHARD_INLET_H
#define RINGMAIL_SHARD_INLET_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "shard/message.h"

struct rim__shard;

#define RIM_INLET_MAX 65536u

struct rim__inlet {
    pthread_mutex_t lock;
    struct rim_msg *head, *last; /* under the lock; messages from malloc */
    uint32_t count;              /* under the lock */
    bool closed;                 /* under the lock */
    _Atomic uint32_t waking;     /* threads about to wake the driver: up under the lock, down (release) when it is done,
                                    which settle acquires */
    bool news;                   /* the shard's own: the bell rang */
};

void rim__inlet_init(struct rim__inlet *inlet);
void rim__inlet_finish(struct rim__inlet *inlet);
/* A message for rim__inlet_push: from malloc, flagged so that its release frees it. NULL: out of memory. */
struct rim_msg *rim__inlet_msg(uint32_t kind, uint32_t tag, const void *body, uint32_t size);
/* For one that was not pushed. */
void rim__inlet_msg_free(struct rim_msg *msg);
/* Hands a message in and wakes the shard. `always` passes the bound and a closed door: for the runtime's own orders.
   0, -RIM_EFULL or -RIM_ESTOPPING: the message is still the caller's. */
int rim__inlet_push(struct rim__shard *shard, struct rim_msg *msg, bool always);
/* Something to be run on the shard; embedded in what it is for, and not pushed again before it runs. */
struct rim__errand {
    struct rim_msg msg; /* RIM_KIND_ERRAND */
    void (*run)(struct rim__shard *shard, struct rim__errand *errand);
    void (*drop)(struct rim__errand *errand); /* instead, if the shard ends without having run */
};
/* Never refused. */
void rim__inlet_errand(struct rim__shard *shard, struct rim__errand *errand);
void rim__inlet_close(struct rim__inlet *inlet);
bool rim__inlet_is_closed(struct rim__inlet *inlet);
/* Before the driver is closed, and when nobody pushes any more: returns when nobody is about to wake it. */
void rim__inlet_settle(struct rim__inlet *inlet);
/* The tick's second step: what has come in goes to shard->deliver. */
void rim__inlet_drain(struct rim__shard *shard);

/* A gate opens when it was knocked on as often as asked. */
struct rim__gate {
    pthread_mutex_t lock;
    pthread_cond_t knocked;
    uint32_t knocks; /* under the lock */
};

void rim__gate_init(struct rim__gate *gate);
void rim__gate_finish(struct rim__gate *gate);
/* The gate may not be finished before this has returned: who is woken does not wait for it. */
void rim__gate_knock(struct rim__gate *gate);
/* The same where the knock itself may be what lets others finish the gate. */
void rim__gate_knock_last(struct rim__gate *gate);
/* Knocks for `arrivals` of so many parties, and returns when all have arrived. Nobody waits longer than for the last
   one, who wakes the others if they sleep; nothing is taken away, so that a gate serves one meeting. */
void rim__gate_meet(struct rim__gate *gate, uint32_t arrivals, uint32_t parties);
bool rim__gate_is_open(struct rim__gate *gate, uint32_t knocks);
/* Waits for that many knocks, at most timeout_ns, and takes them away. False: the time was up. */
bool rim__gate_wait(struct rim__gate *gate, uint32_t knocks, uint64_t timeout_ns);

#endif
