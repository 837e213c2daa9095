/* SPDX-License-Identifier: MIT */
/*
 * world.h - one run of ringmail: a system made, started, waited for and stopped.
 *
 * The main thread sleeps while the actors work; the one that knows the run is over calls world_done. A run's facts are
 * shared with its actors by pointer: what is written while it runs is written by one actor, or atomically.
 *
 *     Threads  world_done: any; the rest: the main thread
 */
#ifndef RIMBENCH_WORLD_H
#define RIMBENCH_WORLD_H

#include <ringmail/runtime.h>
#include <ringmail/stats.h>
#include <semaphore.h>

#include "measure.h"

enum {
    SPIN_NEVER = -1,
    SPIN_ALWAYS = 1000000, /* us: longer than anything takes */
};

struct world {
    rim_system *system;
    sem_t over;
    _Atomic int error; /* the first that an actor met */
};

/* A system of so many pinned shards, not started yet. 0, -ENOTSUP with fewer CPUs, or what rim_system_create says. */
int world_open(struct world *world, uint32_t shards, int32_t spin_us);
/* Spawns an actor whose init gets the bytes of the pointer `run`. Before the start or after. */
int world_spawn(struct world *world, const rim_behaviour *behaviour, const rim_spawn_options *options, void *run,
                rim_ref *out);
/* Starts the system and waits for world_done, `seconds` and some more. 0, the actors' error, or -ETIMEDOUT. */
int world_run(struct world *world, double seconds);
/* The second half of world_run, for a system that was started. */
int world_wait(struct world *world, double seconds);
/* The run is over: 0 well, else with an error. */
void world_done(struct world *world, int error);
/* Stops and frees the system. `error`, or else what is wrong with the stop: a run whose messages do not add up or that
   leaks is none. */
int world_close(struct world *world, int error);

#endif
