/* SPDX-License-Identifier: MIT */
/*
 * sim_world.h - the simulated world: N shards on one thread, one seed, virtual time. Called by ringmail.c (create,
 * open, destroy), by sim.c (the public functions), and by the other files of the simulation, which share its structs.
 *
 *     sim.c            the public functions            driver_sim.c   shard/driver.h: poll, wake, now, close
 *     sim_world.c      clock, seed, faults, scheduler  sim_io.c       io/op.h: the table of functions
 *     sim_event.c      what will happen, by its time   sim_flight.c   operations in flight, and the ledger
 *     sim_net.c        descriptors, listeners, connects
 *     sim_stream.c     the bytes of a connection       sim_pool.c     receive buffers
 *     sim_helper.c     helpers for blocking work       sim_file.c     files, in memory
 *     sim_disk.c       what is done to them            sim_tree.c     their folders and names
 *                                                      sim_paths.c    what helpers do there
 *
 * A step gives one turn to one shard that is awake, chosen by the seed; a turn takes 0.2 to 2 us of virtual time. A
 * shard falls asleep when its poll may wait and nothing completed; it is awake again at its deadline, when it is woken,
 * or when one of its operations can go on. When all are asleep the clock jumps to the next thing that will happen.
 * Shards that only their safety net would wake are not something that will happen: when there is nothing else the
 * world has come to rest for ever.
 *
 *     Order    by seed; the same seed, config and calls give the same run, which the trace shows
 *     Threads  the one that steps
 */
#ifndef RINGMAIL_IO_SIM_WORLD_H
#define RINGMAIL_IO_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "io/disk.h"
#include "io/op.h"
#include "io/sim_event.h"
#include "io/sim_file.h"
#include "io/sim_flight.h"
#include "io/sim_net.h"
#include "io/sim_pool.h"
#include "ringmail/sim.h"
#include "shard/driver.h"
#include "shard/shard.h"

/* The clock does not start at 0, so that a time of 0 stands out. */
#define RIM_SIM_START_NS 1000000000u
#define RIM_SIM_WALL_MS  1700000000000u

#define RIM_SIM_FAULT_ENUM_(name, text) RIM_FAULT_##name,
enum rim__sim_fault { RIM_SIM_FAULTS(RIM_SIM_FAULT_ENUM_) RIM_FAULT_COUNT };
#undef RIM_SIM_FAULT_ENUM_

struct rim__offload;

/* One shard's driver and I/O. */
struct rim__sim_shard {
    struct rim__driver driver;
    struct rim__io io;
    struct rim__sim *sim;
    struct rim__shard *shard;
    bool closed;
    bool asleep;      /* since its poll, until wake_ns or until it is roused */
    bool woken;       /* by a wake() that its next sleep ends at once for */
    uint64_t wake_ns; /* RIM_SIM_NEVER: no deadline */
    uint64_t held_ns; /* it gets no turn before */
    struct rim__sim_flights flights;
    struct rim__sim_pool pool;
    struct rim__sim_file_flights files; /* what is being done to files */
};

/* An actor that is to crash in the turn after `after` further ones; who RIM_NIL: no plan. */
struct rim__sim_crash {
    rim_ref who;
    uint32_t after;
};
#define RIM_SIM_CRASHES_MAX 16u

struct rim__sim {
    uint64_t now_ns;
    uint64_t trace;
    struct rim__random random;
    uint32_t rates[RIM_FAULT_COUNT]; /* in thousandths */
    uint64_t strikes[RIM_FAULT_COUNT];
    uint64_t latency_ns;            /* at most */
    uint32_t buffers, buffer_bytes; /* of each shard */
    bool stepping;                  /* a shard has its turn now */
    bool memory_planned;            /* in this turn an allocation is to fail */
    rim_ref spared;                 /* this actor does not crash */
    uint32_t crashes_planned;
    struct rim__sim_crash crashes[RIM_SIM_CRASHES_MAX];
    struct rim__offload *offload;                         /* the jobs that sim_helper.c does */
    void (*busy)(void *arg, uint32_t shard, uint64_t ns); /* a handler took so long: ringmail.c's */
    void *busy_arg;
    struct rim__sim_events events;
    struct rim__sim_net net;
    struct rim__sim_files files;
    struct rim__disk disk; /* the same, for helpers */
    struct rim__sim_shard *shards[RIM_SHARDS_MAX];
    uint32_t shard_count; /* highest index in use, plus 1 */
};

/* What the trace is told of. */
enum rim__sim_note {
    RIM_NOTE_TURN = 1, /* shard, time */
    RIM_NOTE_JUMP,     /* time */
    RIM_NOTE_FAULT,    /* which */
    RIM_NOTE_WAKE,     /* shard */
    RIM_NOTE_DONE,     /* kind, descriptor and shard; result */
    RIM_NOTE_HELPED,   /* shard, time */
    RIM_NOTE_BUSY,     /* shard, duration */
};

/* 0 or -ENOMEM. */
int rim__sim_create(const rim_config *config, struct rim__sim **out);
/* After all drivers were closed and all bodies have come home. NULL is allowed. */
void rim__sim_destroy(struct rim__sim *sim);
/* The driver and the I/O of one shard, both valid until the simulation is destroyed. 0, -EINVAL, -ENOMEM. */
int rim__sim_open(struct rim__sim *sim, struct rim__shard *shard, struct rim__driver **driver, struct rim__io **io);

void rim__sim_set_faults(struct rim__sim *sim, const rim_sim_options *faults); /* NULL: none */
/* The shard gets no turn for so long. 0 or -EINVAL. */
int rim__sim_hold(struct rim__sim *sim, uint32_t shard, uint64_t duration_ns);
/* 0, or -RIM_ELIMIT: too many are planned. */
int rim__sim_plan_crash(struct rim__sim *sim, rim_ref who, uint32_t after);
/* Whether the actor's turn that begins now is to fail. */
bool rim__sim_crashes(struct rim__sim *sim, rim_ref who);
/* As rim_sim_step; false also from within a turn. The second form does not let a jump of the clock pass until_ns. */
bool rim__sim_step(struct rim__sim *sim);
bool rim__sim_step_until(struct rim__sim *sim, uint64_t until_ns);
/* A turn of this shard, if it is awake. False: it sleeps. */
bool rim__sim_turn(struct rim__sim *sim, uint32_t index);
/* How long until this shard has something to do: 0: now; RIM_SIM_NEVER: not by itself. */
uint64_t rim__sim_next(struct rim__sim *sim, uint32_t index);
/* Lets happen what is due. */
void rim__sim_settle(struct rim__sim *sim);
void rim__sim_rouse(struct rim__sim_shard *self);

uint64_t rim__sim_wall_ms(const struct rim__sim *sim);
/* Receive buffers of all shards that are not at home. */
uint64_t rim__sim_buffers_out(const struct rim__sim *sim);

/* Whether the fault strikes at this occasion. Counted. */
bool rim__sim_strikes(struct rim__sim *sim, enum rim__sim_fault fault);
void rim__sim_note(struct rim__sim *sim, enum rim__sim_note what, uint64_t a, uint64_t b);
/* Evenly from low to high, both included. */
uint64_t rim__sim_between(struct rim__sim *sim, uint64_t low, uint64_t high);
/* When something sent now arrives. */
uint64_t rim__sim_arrival(struct rim__sim *sim);

/* The world behind a system; NULL for a real one. In ringmail.c. */
struct rim__sim *rim__system_sim(const rim_system *system);

#endif
