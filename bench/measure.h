/* SPDX-License-Identifier: MIT */
/*
 * measure.h - what every measurement needs: a clock, latencies and their percentiles, and CPUs to pin threads to.
 *
 *     Threads  one writer for each struct latencies; the rest is any thread's
 */
#ifndef RIMBENCH_MEASURE_H
#define RIMBENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "histogram.h"

/* One run's result, in the unit of its figure. Percentiles are 0 where a run has none. */
struct sample {
    double value; /* of a rate or a cost the mean over the run, of a latency the median */
    double p50, p99, p999, p9999;
    uint64_t n; /* things that were done */
};

/* One run: measures for about `seconds`. 0 or a negative code; -ENOTSUP where the machine cannot do it. */
typedef int (*measurement)(double seconds, struct sample *out);

static inline uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* The latencies of a run, all of them. */
struct latencies {
    struct histogram *histogram; /* of sixteenths of a nanosecond */
};

/* 0 or -ENOMEM. */
int latencies_init(struct latencies *latencies);
void latencies_finish(struct latencies *latencies);
static inline void latencies_add(struct latencies *latencies, double ns) {
    histogram_add(latencies->histogram, (uint64_t)(ns * 16));
}
/* Fills the percentiles and, with the median, the value; each multiplied by `scale`. Nothing was seen: nothing. */
void latencies_read(const struct latencies *latencies, double scale, struct sample *out);
/* Fills the percentiles alone: of a rate, which has a value of its own. */
void latencies_tails(const struct latencies *latencies, double scale, struct sample *out);

/* What the process holds of memory. */
double resident_bytes(void);

/* The process's CPUs as it was started: how many, and the number of the one with this index (round robin). */
uint32_t cpus_count(void);
int cpus_get(uint32_t index);

/* How many CPUs a run is on at once: noted by all that make systems or threads, the most of it kept until it is read.
   The main thread. */
void cpus_note(uint32_t count);
uint32_t cpus_noted(void); /* and forgets it */

/* Runs the functions on two threads, pinned to one CPU each, until both return: on the first two CPUs, or on those with
   these indices. -ENOTSUP with fewer than two CPUs. */
int pair_run(void *(*first)(void *), void *(*second)(void *), void *arg);
int pair_run_on(uint32_t cpu_first, uint32_t cpu_second, void *(*first)(void *), void *(*second)(void *), void *arg);

#endif
