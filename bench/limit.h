/* SPDX-License-Identifier: MIT */
/*
 * limit.h - what the machine can do at best: the same work without a runtime around it.
 *
 * Each is a measurement, to be taken in the same run as the figure that it is held against. The ones between two
 * threads have them pinned to one CPU each.
 */
#ifndef RIMBENCH_LIMIT_H
#define RIMBENCH_LIMIT_H

#include "measure.h"

/* line.c: one cache line to and fro between two threads that poll, in ns. */
int limit_line(double seconds, struct sample *out);

/* limit_ring.c: between two threads that poll. Round trips in ns, one way in million messages a second. */
int limit_ring(double seconds, struct sample *out);           /* pointers through a ck_ring, one way */
int limit_ring_ping_pong(double seconds, struct sample *out); /* one pointer to and fro through two ck_rings */
int limit_parcels(double seconds, struct sample *out);        /* 63 messages of 64 bytes for each ring slot, one way */

/* limit_local.c: a bare mailbox, run queue, checks and dispatch on one thread, in ns. */
int limit_tell(double seconds, struct sample *out);
int limit_ping_pong(double seconds, struct sample *out);
int limit_spawn(double seconds, struct sample *out); /* takes an actor from a pool, tells it something, returns it */

/* A message handed round a ring of so many actors: million hops a second. */
enum { LIMIT_HOPS_ACTORS = 503 };
int limit_hops(double seconds, struct sample *out);

/* So many actors ping each other at random, and answer: million pings a second. Nobody can predict who is next, whether
   anything waits for it, and what that is: most of what such a message takes. */
enum { LIMIT_BIG_ACTORS = 120 };
int limit_big(double seconds, struct sample *out);

/* limit_wake.c: round trips between two threads that sleep in io_uring between any two messages, in us. */
int limit_msg_ring(double seconds, struct sample *out);
int limit_eventfd(double seconds, struct sample *out);
int limit_wake(double seconds, struct sample *out); /* the better of the two */
/* How late a thread wakes that sleeps for a millisecond, in us. */
int limit_sleep(double seconds, struct sample *out);

/* limit_start.c: a thread that opens a ring as large as a shard's and enters it once, and that then closes it and ends;
   one, or two at once. In us. */
int limit_start(double seconds, struct sample *out);
int limit_start_two(double seconds, struct sample *out);
int limit_stop(double seconds, struct sample *out);
int limit_stop_two(double seconds, struct sample *out);

#endif
