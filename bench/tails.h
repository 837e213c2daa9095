/* SPDX-License-Identifier: MIT */
/*
 * tails.h - latencies that actors of several shards see: each shard fills a histogram of its own, and in the end they
 * are one.
 *
 * What is timed is played apart from what is counted: a look at the clock for each message would be in the rate.
 *
 *     Threads  tails_add: handlers; the rest: the main thread, before the start and after the stop
 */
#ifndef RIMBENCH_TAILS_H
#define RIMBENCH_TAILS_H

#include <ringmail/runtime.h>

#include "measure.h"

enum { TAILS_SHARDS_MAX = 64 };

struct tails {
    struct histogram *shards[TAILS_SHARDS_MAX]; /* of sixteenths of a nanosecond */
    uint32_t count;
};

/* 0 or -ENOMEM. */
int tails_init(struct tails *tails, uint32_t shards);
/* What began at `since_ns` is over, in a handler. */
void tails_add(rim_ctx *ctx, struct tails *tails, uint64_t since_ns);
/* Fills the percentiles in microseconds and, with the median, the value; with an error of the run nothing. Frees the
   histograms. The error. */
int tails_end(struct tails *tails, int error, struct sample *out);

#endif
