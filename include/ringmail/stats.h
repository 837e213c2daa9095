/* SPDX-License-Identifier: MIT */
/*
 * stats.h - what a shard counts.
 *
 * Each shard writes its own counters and publishes them when it comes to rest and every few ticks; anyone may read
 * them at any time. After a system has stopped, and whenever nothing moves, they add up over all shards:
 *
 *     sent = handled + refused + dead + queued
 */
#ifndef RINGMAIL_STATS_H
#define RINGMAIL_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "ringmail/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, text): every counter is a uint64_t. */
#define RIM_STATS(X)                                                                                                   \
    X(sent, "messages that actors sent, replies and events included")                                                  \
    X(handled, "messages that a handler took")                                                                         \
    X(refused, "messages refused to their sender for want of room")                                                    \
    X(dead, "messages that ended as dead letters")                                                                     \
    X(queued, "messages that wait in mailboxes now")                                                                   \
    X(sent_across, "of those sent, the ones to another shard")                                                         \
    X(arrived_across, "messages taken in from other shards")                                                           \
    X(actors, "actors alive now")                                                                                      \
    X(spawned, "actors spawned")                                                                                       \
    X(exited, "actors that ended")                                                                                     \
    X(failed, "of those, the ones that failed")                                                                        \
    X(requests, "requests made")                                                                                       \
    X(requests_open, "requests without an outcome now")                                                                \
    X(timeouts, "requests that timed out")                                                                             \
    X(jobs, "jobs given to helper threads")                                                                            \
    X(jobs_open, "jobs that helpers have now, also those that nobody waits for any more")                              \
    X(stalls, "times a handler held the shard for longer than the stall limit")                                        \
    X(starved, "times the shard's thread got no CPU for as long: not a handler's fault")                               \
    X(timers_fired, "timers that fired")                                                                               \
    X(timers_armed, "timers armed now")                                                                                \
    X(parcels_sent, "parcels pushed to other shards")                                                                  \
    X(parcels_in_use, "parcels that are not at home now")                                                              \
    X(wakes_sent, "parked shards woken")                                                                               \
    X(wakes_saved, "rings of a bell whose shard was awake")                                                            \
    X(parks, "times the shard went to sleep")                                                                          \
    X(rescued_wakeups, "messages found by the safety timeout alone: a bug if not 0")                                   \
    X(ticks, "turns of the shard's loop")                                                                              \
    X(enters, "system calls of the driver's loop")                                                                     \
    X(operations, "I/O operations completed")                                                                          \
    X(operations_open, "I/O operations in flight now")                                                                 \
    X(descriptors, "sockets and files open now")                                                                       \
    X(bytes_in, "bytes received")                                                                                      \
    X(bytes_out, "bytes sent")                                                                                         \
    X(bytes_from_files, "of those, sent from files without passing through the process")                               \
    X(tls_handshakes, "TLS handshakes that succeeded")                                                                 \
    X(tls_failures, "TLS handshakes that failed, or were given up")                                                    \
    X(tls_kernel, "TLS connections whose bytes the kernel seals")                                                      \
    X(zero_copies, "sends from where the bytes lay that the kernel has let go of")                                     \
    X(zero_copies_copied, "of those, the ones that the kernel copied all the same")                                    \
    X(memory_bytes, "bytes of pools and arenas in use now")                                                            \
    X(blocks, "pool blocks in use now")                                                                                \
    X(slept_ns, "time spent asleep")

typedef struct rim_stats {
#define RIM_STATS_FIELD_(name, text) uint64_t name;
    RIM_STATS(RIM_STATS_FIELD_)
#undef RIM_STATS_FIELD_
} rim_stats;

struct rim_system;
#define RIM_ALL_SHARDS UINT32_MAX

/* One shard's counters, or the sum over all (RIM_ALL_SHARDS). Any thread. 0 or -EINVAL. */
RIM_API int rim_system_stats(struct rim_system *system, uint32_t shard, rim_stats *out);

/* Whether sent = handled + refused + dead + queued. Meaningful for all shards together, when nothing moves. */
RIM_API bool rim_stats_add_up(const rim_stats *stats);

/*
 * The counters for those who cannot know the struct: the name and text of the counter with this index, NULL past the
 * last; and its value. Any thread.
 */
RIM_API const char *rim_stats_name(uint32_t index);
RIM_API const char *rim_stats_text(uint32_t index);
RIM_API uint64_t rim_stats_value(const rim_stats *stats, uint32_t index);

#ifdef __cplusplus
}
#endif
#endif
