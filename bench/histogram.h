/* SPDX-License-Identifier: MIT */
/*
 * histogram.h - latencies, kept as counts of how often each was seen, and their percentiles.
 *
 * The layout is HdrHistogram's (hdrhistogram.org): each power of two is cut into equal parts, so that whatever a
 * value's size, it is known to one part in 128. It counts every value, however many come, and takes 38 KiB.
 *
 *     Threads  one writer; readers after it
 */
#ifndef RIMBENCH_HISTOGRAM_H
#define RIMBENCH_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_PART_BITS = 7, /* 128 parts in a power of two */
    HISTOGRAM_POWERS = 36,   /* in sixteenths of a nanosecond: up to nine minutes */
    HISTOGRAM_CELLS = (HISTOGRAM_POWERS + 1) << HISTOGRAM_PART_BITS,
};

struct histogram {
    uint64_t seen;
    uint64_t cells[HISTOGRAM_CELLS];
};

static inline uint32_t histogram_cell(uint64_t value) {
    uint32_t bits = 63 - (uint32_t)__builtin_clzll(value | 1);
    uint32_t shift = bits > HISTOGRAM_PART_BITS ? bits - HISTOGRAM_PART_BITS : 0;
    uint64_t cell = ((uint64_t)shift << HISTOGRAM_PART_BITS) + (value >> shift);
    return cell < HISTOGRAM_CELLS ? (uint32_t)cell : HISTOGRAM_CELLS - 1;
}

static inline void histogram_add(struct histogram *histogram, uint64_t value) {
    histogram->seen++;
    histogram->cells[histogram_cell(value)]++;
}

/* The value that `share` (0 to 1) of what was seen is not above: the middle of its cell. 0 if nothing was seen. */
double histogram_at(const struct histogram *histogram, double share);

#endif
