/* SPDX-License-Identifier: MIT */
/*
 * watchdog.h - a thread that looks at the shards' pulses now and then, and reports handlers that hold a shard for too
 * long. Called by ringmail.c.
 *
 *     create -> attach -> start -> stop -> destroy       in simulation: busy instead of a thread
 *
 * While no shard ticks it dozes, and the first that ticks again rouses it (shard/pulse.h).
 *
 *     Order    a stall is reported once, when it is found
 *     Loss     stalls that begin and end between two looks; reports beyond one in ten seconds for a shard are counted
 *     Threads  create to destroy: the steering thread; count: any; busy: the one that steps the simulation. The
 *              watchdog reads pulses (shard/pulse.h), which are atomic, and through the kernel (base/peek.h) the actor
 *              and the message that they lead to; it writes its own counters, relaxed, and nothing of the shards'
 */
#ifndef RINGMAIL_WATCHDOG_H
#define RINGMAIL_WATCHDOG_H

#include <stdbool.h>

#include "ringmail/stats.h"

struct rim_system;
struct rim__watchdog;

/* The limit is the configuration's. 0 or -ENOMEM. */
int rim__watchdog_create(struct rim_system *system, struct rim__watchdog **out);
/* NULL is allowed in these. attach: before any shard ticks. start: whether there is a thread now; one that cannot be
 * made is told to the log. Soon after the start it looks whether the process has a quota of CPU time, once. */
void rim__watchdog_attach(struct rim__watchdog *watchdog);
bool rim__watchdog_start(struct rim__watchdog *watchdog);
/* Its thread ends soon; stop waits for that. */
void rim__watchdog_quit(struct rim__watchdog *watchdog);
void rim__watchdog_stop(struct rim__watchdog *watchdog);
void rim__watchdog_destroy(struct rim__watchdog *watchdog);
/* Adds what it counted of a shard. */
void rim__watchdog_count(const struct rim__watchdog *watchdog, uint32_t shard, rim_stats *stats);
/* Simulation: the handler that runs on this shard has taken so long, in addition. */
void rim__watchdog_busy(void *watchdog, uint32_t shard, uint64_t ns);

#endif
