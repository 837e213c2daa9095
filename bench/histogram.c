/* SPDX-License-Identifier: MIT */
#include "histogram.h"

#include <math.h>

static double middle_of(uint32_t cell) {
    uint32_t shift = cell >> HISTOGRAM_PART_BITS;
    uint64_t part = cell & ((1u << HISTOGRAM_PART_BITS) - 1);
    if (shift == 0) {
        return (double)part;
    }
    /* The parts of a power of two are numbered from 128 to 255, which the cell's number has carried into the shift. */
    shift--;
    part += 1u << HISTOGRAM_PART_BITS;
    return (double)(part << shift) + (double)((UINT64_C(1) << shift) - 1) / 2;
}

double histogram_at(const struct histogram *histogram, double share) {
    double wanted = ceil((double)histogram->seen * share); /* the so many-th of them, by size */
    uint64_t reached = 0;
    wanted = wanted > 1 ? wanted : 1;
    for (uint32_t cell = 0; cell < HISTOGRAM_CELLS; cell++) {
        reached += histogram->cells[cell];
        if ((double)reached >= wanted) {
            return middle_of(cell);
        }
    }
    return 0;
}
