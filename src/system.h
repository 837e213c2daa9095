/* SPDX-License-Identifier: MIT */
/*
 * system.h - a system as a whole: private to ringmail.c (make, start, end), stop.c (the orderly stop) and foreign.c
 * (threads that are no shard). The only files that know every layer.
 */
#ifndef RINGMAIL_SYSTEM_H
#define RINGMAIL_SYSTEM_H

#include <pthread.h>

#include "actor/spawn.h"
#include "actor/world.h"
#include "base/cpu.h"
#include "io/drivers.h"
#include "io/io.h"
#include "io/sim_helper.h"
#include "io/sim_world.h"
#include "ringmail/runtime.h"
#include "shard/offload.h"

enum rim__system_stage { RIM_SYSTEM_MADE, RIM_SYSTEM_RUNS, RIM_SYSTEM_STOPPED };

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
};

struct rim_system {
    rim_config config;            /* with its defaults filled in */
    enum rim__system_stage stage; /* by the steering thread */
    uint32_t count;
    struct rim__member *members;
    struct rim__shard **shards; /* for the shards' peers */
    struct rim__log log;
    struct rim__driver_choice choice;           /* of a real one */
    struct rim__sim *sim;                       /* NULL for a real one */
    bool go_ahead;                              /* by the steering thread before the gate: run, or end at once */
    struct rim__gate opened, go, looped, close; /* the stations of the shards' threads */

    pthread_mutex_t foreign_lock;
    struct rim__allotment *foreign; /* by shard; slots that foreign threads chose; under the lock */

    struct rim__offload *offload; /* helper threads */

    bool leaks; /* found at the end */
};

/* stop.c */
/* The shards' threads have ended their loops: nothing moves but this. Delivers what is still in the lanes. */
void rim__system_sweep(struct rim_system *system);
/* ringmail.c: lets the loops end, closes the drivers, joins. */
void rim__system_join(struct rim_system *system);

#endif
