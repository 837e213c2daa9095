/* SPDX-License-Identifier: MIT */
/*
 * stream.h - messages one way, from some senders to one receiver: for tell and fan-in.
 *
 * Senders send bursts, and a message to themselves for the next. One that is refused asks for room and goes on when it
 * is told. What counts is what the receiver's handler took.
 */
#ifndef RIMBENCH_STREAM_H
#define RIMBENCH_STREAM_H

#include "measure.h"

struct stream_plan {
    uint32_t shards;
    uint32_t senders;
    uint32_t from_shard, to_shard;
    uint32_t burst;  /* messages for each turn of a sender */
    uint32_t budget; /* bursts in a row for one sender; 0: the runtime's default */
};

/* The messages in out->n, and the million of them a second in out->value. */
int stream_measure(const struct stream_plan *plan, double seconds, struct sample *out);
/* The same, and with each burst a message that knows when it was sent: how long those take until they are handled, in
   microseconds, with percentiles. */
int stream_measure_us(const struct stream_plan *plan, double seconds, struct sample *out);

#endif
