/* SPDX-License-Identifier: MIT */
/*
 * sim.h - the simulated world: all shards on the caller's thread, virtual time, in-memory sockets, faults by seed.
 *
 * The same library code runs above it as above the kernel. One seed gives one run: the order of the shards' turns, the
 * delays, the short reads and the resets all come from it. Time stands still while actors run and jumps to the next
 * deadline or arrival when none can.
 */
#ifndef RINGMAIL_SIM_H
#define RINGMAIL_SIM_H

#include "ringmail/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, text): how often a kind of fault strikes, in thousandths of its occasions; 0: never. */
#define RIM_SIM_FAULTS(X)                                                                                              \
    X(skip_turn, "a shard's turn is left out")                                                                         \
    X(late_wake, "a wake-up reaches its shard late")                                                                   \
    X(false_wake, "a parked shard wakes for nothing")                                                                  \
    X(late_completion, "an operation's completion is held back")                                                       \
    X(short_read, "a receive gets less than there is")                                                                 \
    X(short_write, "a send takes less than it is given")                                                               \
    X(reset, "a connection is reset at a send or a receive")                                                           \
    X(interrupted, "an operation of a socket or a file ends before it has done anything (EINTR)")                      \
    X(drop_more, "a multishot operation ends early and must be armed again")                                           \
    X(no_buffers, "a receive finds no buffer; a send from where its bytes lie finds none either")                      \
    X(accept_error, "an accept fails (ECONNABORTED, EMFILE)")                                                          \
    X(refuse_connect, "a connect is refused")                                                                          \
    X(slow_connect, "a connect takes seconds")                                                                         \
    X(lane_full, "the way to another shard has no parcel left")                                                        \
    X(crash, "a turn of an actor fails instead of running, and its message is gone")                                   \
    X(no_memory, "an allocation in a shard's turn fails")                                                              \
    X(file_short, "a read or a write of a file moves less than it could")                                              \
    X(file_full, "a write to a file finds no space (ENOSPC)")                                                          \
    X(file_error, "a read, a write or a sync of a file fails (EIO)")                                                   \
    X(file_limit, "an open finds too many descriptors in use (EMFILE)")                                                \
    X(path_error, "an operation on a path fails (EIO)")                                                                \
    X(path_vanish, "somebody removes a name of a folder just before it is used")                                       \
    X(watch_limit, "a path cannot be watched, for there are too many (ENOSPC)")                                        \
    X(watch_overflow, "a change is lost, since too many wait")                                                         \
    X(path_appear, "somebody makes a file in a folder just before that is removed")                                    \
    X(map_limit, "a map of a file finds too many maps, or no memory (ENOMEM)")                                         \
    X(lose_datagram, "a datagram is lost on its way")                                                                  \
    X(repeat_datagram, "a datagram comes twice")

typedef struct rim_sim_options {
#define RIM_SIM_FIELD_(name, text) uint32_t name;
    RIM_SIM_FAULTS(RIM_SIM_FIELD_)
#undef RIM_SIM_FIELD_
    uint64_t latency_ns; /* of the simulated network, one way, at most; 0: 50,000 */
} rim_sim_options;

/* One turn of one shard, or a jump of the clock. False when nothing is left to do, ever. -EINVAL is never returned:
   a system that is not simulated gives false. */
RIM_API bool rim_sim_step(rim_system *system);
/* Steps until `duration_ns` of virtual time have passed or nothing is left to do. Returns the time that passed. */
RIM_API uint64_t rim_sim_run(rim_system *system, uint64_t duration_ns);
/* Virtual nanoseconds since the start. */
RIM_API uint64_t rim_sim_now(const rim_system *system);
/*
 * Within a handler: it takes so much time. Under simulation the clock moves on, for all shards; a turn that takes
 * longer than the stall limit is a stall, and budgets of time run out. True; on a real system nothing happens, and it
 * is false.
 */
RIM_API bool rim_sim_busy(rim_ctx *ctx, uint64_t duration_ns);
/*
 * A signal comes to the simulated process (signal.h). Within a handler, too. 0, or -EINVAL: no signal, or a system that
 * is not simulated.
 */
RIM_API int rim_sim_raise(rim_system *system, int signal);
/* From now on this descriptor of a caller's is ready for these events, of enum rim_poll_events (poll.h); before it is
   ready for none. Whether the number is really open does not matter. 0, or -EINVAL. */
RIM_API int rim_sim_ready(rim_system *system, int fd, uint32_t events);
/*
 * The other end of a standard stream (pipe.h) of the simulated process, as a stream of the caller's: what is written to
 * that of 0 is its standard input; from those of 1 and 2 comes what it writes. Each once. 0, -EINVAL, -EBUSY, ...
 */
RIM_API RIM_MUST_CHECK int rim_sim_standard(rim_ctx *ctx, int fd, rim_ref *out);
/*
 * A program of the simulated world: rim_process_start (process.h) with this path or name spawns an actor of this table
 * instead, on the same shard, with a rim_sim_child as init's argument. In it rim_pipe_standard(ctx, 0, ...) opens the
 * child's own streams, where they are pipes; what else they are is not simulated (-EBADF), nor are folders and
 * environments. The child exits when its actor ends, with the status that rim_sim_exit has said, or 0. A signal is a
 * RIM_SIGNAL to a table that has a row for it, but for SIGKILL; else it ends the child, as signals do. The table must
 * outlive the system. 0, -EINVAL, -ENOMEM.
 */
RIM_API RIM_MUST_CHECK int rim_sim_program(rim_system *system, const char *program, const rim_behaviour *table);
typedef struct rim_sim_child {
    const char *const *argv; /* ends with NULL; good as long as the child lives */
    int32_t pid;
} rim_sim_child;
/* For a child's actor. 0 or -EINVAL: it is none. */
RIM_API int rim_sim_exit(rim_ctx *ctx, int status);
/* A hash over everything that happened: two runs of one seed on one build give the same. */
RIM_API uint64_t rim_sim_trace(const rim_system *system);
/* Changes how often faults strike from now on; NULL: none. A system that is not simulated takes no notice. */
RIM_API void rim_sim_set_faults(rim_system *system, const rim_sim_options *faults);
/* How often the fault with this index (in the order of RIM_SIM_FAULTS) has struck; its name, NULL past the last. */
RIM_API uint64_t rim_sim_fault_count(const rim_system *system, uint32_t index);
RIM_API const char *rim_sim_fault_name(uint32_t index);

#ifdef __cplusplus
}
#endif
#endif
