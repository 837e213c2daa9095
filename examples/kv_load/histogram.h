/* SPDX-License-Identifier: MIT */
/*
 * histogram.h - latencies in logarithmic buckets, to three significant digits (the layout of HdrHistogram).
 *
 * Values below 2,048 have a cell each; above, every power of two is divided into 1,024 cells. Nothing is allocated
 * and a value is recorded in a few instructions, so that measuring does not disturb what is measured.
 *
 *     Threads  one writer; merge and read when it has ended
 */
#ifndef KV_LOAD_HISTOGRAM_H
#define KV_LOAD_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_HALF = 1024,    /* cells for each power of two */
    HISTOGRAM_SHIFT_MAX = 29, /* the largest value told apart is 2^40 - 1: some 18 minutes of nanoseconds */
    HISTOGRAM_CELLS = (HISTOGRAM_SHIFT_MAX + 2) * HISTOGRAM_HALF,
};

struct histogram {
    uint64_t count;
    uint64_t max;
    uint64_t cells[HISTOGRAM_CELLS];
};

void histogram_record(struct histogram *histogram, uint64_t value);
void histogram_merge(struct histogram *into, const struct histogram *from);
/* The smallest recorded value (to three digits) that `share` of all values, from 0 to 1, do not exceed. 0 if empty. */
uint64_t histogram_percentile(const struct histogram *histogram, double share);

#endif
