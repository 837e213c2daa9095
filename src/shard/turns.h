/* SPDX-License-Identifier: MIT */
/*
 * turns.h - the turns of a tick: ready tasks run, one after the other, until so many have or so much time has passed.
 * Inline, so that the layer above has its own copy around what a turn is: shard->turns. A call through a pointer for
 * each turn, and the registers that it saves, would be a tenth of what a message costs.
 *
 * In between, now and then, what was sent to shards that have nothing else from here is put on its way: else two shards
 * with few messages under way, and many turns for each, would wait for each other by turns.
 *
 *     Order    first come first served; a task that is ready again stands behind the others
 *     Loss     none: who has had no turn is still in the queue
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_SHARD_TURNS_H
#define RINGMAIL_SHARD_TURNS_H

#include "shard/shard.h"

#define RIM_TURNS_TASKS       256u     /* before the lanes, timers and the driver get theirs again */
#define RIM_TURNS_NS          1000000u /* the same by time */
#define RIM_TURNS_EARLY_EVERY 8u       /* tasks between two looks whether another shard waits for what was sent */
#define RIM_TURNS_CLOCK_EVERY 16u      /* tasks between two looks at the clock; RIM_TURNS_TASKS is a multiple of it */

static rim__always_inline void rim__turns_take(struct rim__shard *shard,
                                               void (*run)(struct rim__shard *shard, struct rim__task *task)) {
    uint64_t until = shard->now_ns + RIM_TURNS_NS;
    for (unsigned left = RIM_TURNS_TASKS; left > 0;) {
        struct rim__task *task = rim__run_queue_pop(&shard->ready);
        rim__pulse_turn(&shard->pulse, task);
        if (task == NULL) {
            return;
        }
        run(shard, task);
        if (--left % RIM_TURNS_EARLY_EVERY == 0 && shard->count > 1) {
            rim__mesh_hasten(shard);
        }
        if (left % RIM_TURNS_CLOCK_EVERY == 0) {
            shard->now_ns = shard->driver->ops->now(shard->driver);
        }
        if (rim__unlikely(shard->now_ns >= until)) { /* the task may have looked at the clock, too */
            break;
        }
    }
    rim__pulse_turn(&shard->pulse, NULL);
}

#endif
