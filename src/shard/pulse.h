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

#include "shard/inlet.h"

struct rim__task;

/*
 * A watchdog that has nothing to watch dozes: idle costs nothing. It says so, lets every thread of the process pass a
 * barrier (membarrier, 4.14), and looks at all pulses once more; a shard beats, then looks whether the watchdog dozes.
 * Either the shard's beat is seen by that look, or its own look comes after the barrier and finds the word: then it
 * rouses. The order of its two steps needs no fence of its own for that, only that the compiler keeps it.
 */
struct rim__doze {
    _Atomic bool dozes;    /* by the watchdog; taken back by whoever rouses it */
    struct rim__gate gate; /* knocked on to rouse it */
};

struct rim__pulse {
    _Atomic uint64_t beat;            /* odd: in a tick; even: between ticks, or in the driver's poll */
    _Atomic(struct rim__task *) task; /* whose turn it is */
    _Atomic int thread;               /* the number of the thread that ticks; 0: none yet */
    struct rim__doze *doze;           /* of who watches; NULL: nobody. Set before the start */
};

static inline void rim__pulse_beat(struct rim__pulse *pulse, uint64_t beat) {
    atomic_store_explicit(&pulse->beat, beat, memory_order_relaxed);
}

static inline void rim__pulse_rouse(const struct rim__pulse *pulse) {
    struct rim__doze *doze = pulse->doze;
    atomic_signal_fence(memory_order_seq_cst);
    if (doze != NULL && atomic_load_explicit(&doze->dozes, memory_order_relaxed) &&
        atomic_exchange_explicit(&doze->dozes, false, memory_order_relaxed)) {
        rim__gate_knock(&doze->gate);
    }
}

static inline void rim__pulse_turn(struct rim__pulse *pulse, struct rim__task *task) {
    atomic_store_explicit(&pulse->task, task, memory_order_relaxed);
}

#endif
