/* SPDX-License-Identifier: MIT */
/*
 * embed.h - a system, or its first shards, stepped by a loop of the user's: libuv's, libevent's, a game's, poll(2).
 *
 *     rim_config.embedded, .embedded_shards     which shards have no thread of their own
 *     rim_shard_fd     to be watched for reading
 *     rim_shard_step   when the descriptor is readable, or when rim_shard_next says so
 *     rim_shard_next   after each step: when to step at the latest
 *
 *     for (;;) {
 *         int64_t next_ns = rim_shard_next(system, 0);
 *         int wait_ms = next_ns < 0 ? -1 : in_ms(next_ns);
 *         poll(&(struct pollfd){.fd = rim_shard_fd(system, 0), .events = POLLIN}, 1, wait_ms);
 *         rim_shard_step(system, 0, RIM_MS(1));
 *     }
 *
 *     Order    as in a system with threads
 *     Loss     none: what arrives between two steps makes the descriptor readable
 *     Threads  a shard belongs to the thread that first calls one of these functions for it, for life: others get
 *              -RIM_ECONTEXT. Handlers run within rim_shard_step. One thread may step several shards, also of several
 *              systems
 */
#ifndef RINGMAIL_EMBED_H
#define RINGMAIL_EMBED_H

#include "ringmail/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A descriptor that is readable, level-triggered, while the shard has something to do that rim_shard_next does not
 * tell of. It is the same at every call, and the system's: it is not to be read, written or closed, and is gone when
 * rim_shard_step returns -RIM_ESTOPPING. A negative code: -EINVAL (no such shard), -RIM_ECONTEXT (not embedded, not
 * started, another thread's, or called by a handler), -ENOTSUP (simulation: there are only rim_shard_next and the
 * calls of sim.h), -RIM_ESTOPPING (it has ended), or what the kernel said.
 */
RIM_API int rim_shard_fd(rim_system *system, uint32_t shard);

/*
 * Runs what is ready, about `budget_ns` long at most (0: one round), and never waits. Returns 1 if there is more to do
 * at once, 0 if not, -RIM_ESTOPPING when the shard has ended with its system and need not be stepped again; else the
 * codes of rim_shard_fd. Under simulation the budget is virtual time, and virtual time passes by rim_sim_run.
 */
RIM_API int rim_shard_step(rim_system *system, uint32_t shard, uint64_t budget_ns);

/*
 * Nanoseconds until the shard is to be stepped though its descriptor is not readable: 0 if there is more to do now, -1
 * if there is nothing that time brings. 0 also where the other two would return an error.
 */
RIM_API int64_t rim_shard_next(rim_system *system, uint32_t shard);

#ifdef __cplusplus
}
#endif
#endif
