/* SPDX-License-Identifier: MIT */
/*
 * round_trip.h - one message of 32 bytes to and fro between two actors, for ever: for ping-pong and request.
 */
#ifndef RIMBENCH_ROUND_TRIP_H
#define RIMBENCH_ROUND_TRIP_H

#include <stdbool.h>

#include "measure.h"

struct round_trip_plan {
    uint32_t shards; /* 1: both on one; 2: one on each */
    int32_t spin_us;
    uint32_t group; /* round trips for each look at the clock: as many as make its cost small */
    bool asks;      /* by request and reply; else by telling */
};

/* A round trip in ns. */
int round_trip_measure(const struct round_trip_plan *plan, double seconds, struct sample *out);
/* The same in us. */
int round_trip_measure_us(const struct round_trip_plan *plan, double seconds, struct sample *out);

#endif
