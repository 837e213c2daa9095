/* SPDX-License-Identifier: MIT */
/*
 * system.h - a system as a whole: private to ringmail.c (make, end), start.c (the threads), stop.c (the orderly stop) and foreign.c
 * (threads that are no shard). The only files that know every layer.
 */
#ifndef RINGMAIL_SYSTEM_H
#define RINGMAIL_SYSTEM_H

#include <pthread.h>
#include <stdatomic.h>

#include "actor/spawn.h"
#include "actor/world.h"
#include "base/cpu.h"
#include "base/map.h"
#include "io/drivers.h"
#include "io/io.h"
#include "io/sim_helper.h"
#include "io/sim_world.h"
#include "ringmail/runtime.h"
#include "shard/offload.h"

enum rim__system_stage { RIM_SYSTEM_MADE, RIM_SYSTEM_RUNS, RIM_SYSTEM_STOPPED };

/* Of an embedded shard: see embed.c. */
enum rim__member_station { RIM_MEMBER_CLOSED, RIM_MEMBER_OPEN, RIM_MEMBER_LOOPED, RIM_MEMBER_ENDED };

struct rim__watchdog;

/* One shard with what every layer has for it. */
struct rim__member {
    struct rim_system *system;
    struct rim__shard *shard;
    rim_ctx *ctx;
    struct rim__io *io;
    pthread_t thread;
    int cpu;              /* to pin to, or -1 */
    int error;            /* of the start, by the thread before it knocks */
    uint32_t buffers_out; /* receive buffers that were not at home when the driver was closed */

    /* Of an embedded shard, and but for `stepper` its stepping thread's. */
    _Atomic uintptr_t stepper; /* the thread that has it, by compare-and-swap from 0; pairs with itself */
    enum rim__member_station station;
    uint64_t due_ns;          /* when to step it; 0: now; RIM_DRIVER_FOREVER: when its descriptor says so */
    struct rim__driver spare; /* where its own could not be opened */
};

struct rim_system {
    rim_config config;            /* with its defaults filled in */
    enum rim__system_stage stage; /* by the steering thread */
    bool started;                 /* once, before any shard runs */
    uint32_t count;
    uint32_t embedded; /* the first so many shards have no thread */
    struct rim__member *members;
    struct rim__shard **shards; /* for the shards' peers */
    struct rim__log log;
    struct rim__driver_choice choice;       /* of a real one */
    struct rim__sim *sim;                   /* NULL for a real one */
    int thread_error;                       /* by the steering thread before it comes to the gate: run, or end */
    struct rim__gate opened, looped, close; /* the stations of the shards' threads */
    struct rim__gate closed;                /* and of embedded shards, which nobody joins */
    struct rim__stopping *stopping;         /* while it stops; by the steering thread */

    pthread_mutex_t foreign_lock;
    struct rim__allotment *foreign; /* by shard; slots that foreign threads chose; under the lock */

    struct rim__port_hub *ports;    /* NULL until the first; made under foreign_lock */
    struct rim__offload *offload;   /* helper threads */
    struct rim__map names;          /* that actors have, for threads that are no shard; under the lock */
    struct rim__watchdog *watchdog; /* NULL: switched off */

    bool leaks; /* found at the end */
};

/* ringmail.c: of a simulated one: from now on turns may be planned to crash (rim__sim_plan_crash). */
void rim__system_expect_crash(struct rim_system *system);
/* start.c: where the system has less than its CPUs, no shard looks out for news unless told to. */
void rim__system_heed_quota(const struct rim_system *system);
/* start.c: a shard's driver, on the thread that is to have it. */
int rim__member_open(struct rim__member *member);
void rim__member_close(struct rim__member *member);
/* start.c: the loops have ended; the drivers may be closed, each by its thread. */
void rim__system_let_close(struct rim_system *system);
/* start.c: all drivers are closed, or will be by threads that end now: joins them, and counts what leaked. */
void rim__system_join(struct rim_system *system);
/* stop.c: a shard's loop has ended, on its thread. True: all have, and the drivers may be closed (gate `close`); this
   thread says so to the one that waits for the end, when it has closed its own. */
bool rim__stop_leave(struct rim_system *system);
void rim__stop_hand_back(struct rim_system *system);
/* foreign.c: rim_system_spawn for the library's own tables, whose protocols are refused to users. */
int rim__system_spawn_own(rim_system *system, const rim_behaviour *behaviour, const rim_spawn_options *options,
                          const void *arg, size_t size, rim_ref *out);
/* port_hub.c: the system ends, and lets go of the register of its ports. */
void rim__port_hub_close(rim_system *system);
/* embed.c: steps the embedded shards that are this thread's or nobody's as yet. False: there are none. */
bool rim__embed_step_mine(struct rim_system *system, uint64_t budget_ns);

#endif
