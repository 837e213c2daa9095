/* SPDX-License-Identifier: MIT */
#include "histogram.h"

#include <stddef.h>

#define VALUE_MAX (((uint64_t)1 << (HISTOGRAM_SHIFT_MAX + 11)) - 1)

static size_t cell_of(uint64_t value) {
    if (value < 2 * HISTOGRAM_HALF) {
        return (size_t)value;
    }
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - 10u;
    return (size_t)shift * HISTOGRAM_HALF + (size_t)(value >> shift);
}

/* The highest value that falls into a cell. */
static uint64_t top_of(size_t cell) {
    if (cell < 2 * HISTOGRAM_HALF) {
        return cell;
    }
    size_t shift = cell / HISTOGRAM_HALF - 1;
    uint64_t low = (uint64_t)(cell - shift * HISTOGRAM_HALF) << shift;
    return low + ((uint64_t)1 << shift) - 1;
}

void histogram_record(struct histogram *histogram, uint64_t value) {
    histogram->count++;
    if (value > histogram->max) {
        histogram->max = value;
    }
    histogram->cells[cell_of(value > VALUE_MAX ? VALUE_MAX : value)]++;
}

void histogram_merge(struct histogram *into, const struct histogram *from) {
    into->count += from->count;
    if (from->max > into->max) {
        into->max = from->max;
    }
    for (size_t i = 0; i < HISTOGRAM_CELLS; i++) {
        into->cells[i] += from->cells[i];
    }
}

uint64_t histogram_percentile(const struct histogram *histogram, double share) {
    uint64_t rank = (uint64_t)(share * (double)histogram->count + 0.5);
    uint64_t seen = 0;
    for (size_t i = 0; i < HISTOGRAM_CELLS; i++) {
        seen += histogram->cells[i];
        if (seen > 0 && seen >= rank) {
            uint64_t top = top_of(i);
            return top < histogram->max ? top : histogram->max;
        }
    }
    return histogram->max;
}
