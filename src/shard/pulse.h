/* SPDX-License-Identifier: MIT */
/*
 * pulse.h - what a shard shows of where it is, for a watchdog on another thread. A handful of stores a tick, and one a
 * turn.
 *
 *     Order    none: stores and loads are relaxed. The reader concludes nothing from one look; it looks again, much
 *              later, and acts when nothing has changed. What it reads meanwhile of the shard's memory it believes only
 *              if the pulse is still the same afterwards
 *     Loss     of everything in between: that is the point
 *     Threads  beat and task: the shard, on its own thread; thread: whoever steps it; any thread reads
 */
#ifndef RINGMAIL_SHARD_PULSE_H
#define RINGMAIL_SHARD_PULSE_H

#include <stdatomic.h>
#include <stdint.h>

struct rim__task;

struct rim__pulse {
    _Atomic uint64_t beat;            /* odd: in a tick; even: between ticks, or in the driver's poll */
    _Atomic(struct rim__task *) task; /* whose turn it is */
    _Atomic int thread;               /* the number of the thread that ticks; 0: none yet */
};

static inline void rim__pulse_beat(struct rim__pulse *pulse, uint64_t beat) {
    atomic_store_explicit(&pulse->beat, beat, memory_order_relaxed);
}

static inline void rim__pulse_turn(struct rim__pulse *pulse, struct rim__task *task) {
    atomic_store_explicit(&pulse->task, task, memory_order_relaxed);
}

#endif
