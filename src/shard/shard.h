/* SPDX-License-Identifier: MIT */
/*
 * shard.h - one thread's world: a driver, ready tasks, timers, memory, the lanes to the other shards, and the tick
 * that moves it all (loop.c). A shard moves messages and runs tasks; that a task is an actor it does not know.
 *
 *     Threads  everything belongs to the shard's own thread, but for the bell, the inlet and the lanes, whose files
 *              say who touches what, and `index` to `peers`, which do not change after the start
 */
#ifndef RINGMAIL_SHARD_SHARD_H
#define RINGMAIL_SHARD_SHARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cpu.h"
#include "base/log.h"
#include "base/random.h"
#include "shard/contention.h"
#include "shard/doorbell.h"
#include "shard/driver.h"
#include "shard/inlet.h"
#include "shard/memory.h"
#include "shard/mesh.h"
#include "shard/message.h"
#include "shard/pulse.h"
#include "shard/run_queue.h"
#include "shard/timer.h"

#define RIM_SHARDS_MAX      256u
#define RIM_SHARD_SAFETY_NS 1000000000ull /* the first sleep after any news is no longer */

struct rim__offload;

struct rim__shard {
    uint32_t index;                  /* of this shard in its system */
    uint32_t count;                  /* of shards in the system */
    struct rim__shard *const *peers; /* all shards of the system, this one too */
    struct rim__driver *driver;
    struct rim__log log;

    /* The layers above, set at the start. */
    void (*deliver)(struct rim__shard *shard, struct rim_msg *msg); /* a message has arrived; takes it over */
    /* A parcel has, none of whose messages is urgent: the same for all of them, in their order; some tasks may get
       their turns, until unpack_until_ns. Returns how many messages have ended by then. NULL: deliver, one by one. */
    uint32_t (*unpack)(struct rim__shard *shard, struct rim__parcel *parcel);
    void (*turns)(struct rim__shard *shard);   /* ready tasks get their turns: turns.h */
    void (*settle)(struct rim__shard *shard);  /* turns are over: send what was put off */
    void (*publish)(struct rim__shard *shard); /* about to sleep: show the counters */
    void *world;                               /* the actor layer's: rim_ctx */

    uint64_t now_ns; /* read once a tick */
    uint64_t unpack_until_ns;
    bool now_is_fresh; /* the next tick need not read it */
    struct rim__run_queue ready;
    struct rim__wheel timers;
    struct rim__memory memory;
    struct rim__random random;
    struct rim__mesh mesh;
    struct rim__inlet inlet;
    struct rim__offload *offload; /* the system's helpers, set at the start */

    struct rim__pulse pulse;
    struct rim__contention contention; /* where others want this CPU, looking out would take it from them */
    uint64_t ticks;
    uint64_t parks;
    uint64_t slept_ns;
    _Atomic uint64_t spin_ns; /* how long to look out before sleeping; 0: not at all; relaxed: set before the start, and
                                 once by the watchdog, when it knows of a quota */
    bool spin_always;         /* also when it has not paid lately */
    int32_t spin_credit;      /* whether it has paid lately */
    uint32_t short_sleeps;    /* in a row, ended by completions */
    uint32_t probes;          /* in a row, of looking out after such, that did not pay */
    uint64_t sleep_cost_ns;   /* CPU time that a sleep takes, on average; 0: not known */
    bool looking;             /* now */
    uint64_t look_ns;         /* since when */
    uint64_t news_ns;         /* when news last came, from another shard or the driver; 0: looked out in vain since */
    uint64_t completions_seen; /* driver->completions when last looked at */
    uint64_t parked_ns;        /* when the sleep began that the last tick ended in; 0: it did not sleep */
    uint64_t parked_for_ns;    /* how long that sleep was to be */
    uint64_t safety_ns;        /* no sleep is longer; doubles while nothing happens */
    uint64_t wakes_seen;       /* driver->wakes_received when the sleep began */
    uint64_t suspects;         /* news found by the safety net alone, whose wake-up has not come after all as yet */
    bool stopping;             /* the loop ends after this tick */
    struct rim__cpu_home home; /* zeroed: its thread is not pinned, or where its user has said */

    struct rim__bell bell; /* written by everyone: on lines of its own */
};

struct rim__shard_options {
    uint32_t index, count;
    struct rim__shard *const *peers;
    uint32_t parcels; /* to each other shard, at most */
    uint64_t seed;
    struct rim__log log;
};

/* `shard` is zeroed memory, aligned to its type. After a failure finish is allowed. 0 or -ENOMEM. */
int rim__shard_init(struct rim__shard *shard, const struct rim__shard_options *options);
void rim__shard_finish(struct rim__shard *shard);
/* One turn of the loop; see loop.c. `may_sleep`: whether the driver may wait where nothing is to be done. */
void rim__shard_tick(struct rim__shard *shard, bool may_sleep);
/* For a shard that somebody steps, after a tick that could not sleep: how long until something is due, and until then
   the driver's descriptor tells of all else. 0: tick again. RIM_DRIVER_FOREVER: nothing is due. */
uint64_t rim__shard_rest(struct rim__shard *shard);
/* Whether nothing but the safety net would wake it. */
bool rim__shard_is_idle(const struct rim__shard *shard);
/* Ticks until shard->stopping. */
void rim__shard_loop(struct rim__shard *shard);

/* The shard whose tick runs on this thread; NULL on others. */
struct rim__shard *rim__shard_current(void);
void rim__shard_set_current(struct rim__shard *shard);

#endif
