/* SPDX-License-Identifier: MIT */
/* What HdrHistogram's own tests expect of it (10,000 values of 1,000 and one of 100,000,000), and its layout's limits.
 */
#include "histogram.h"

#include <stdlib.h>

#include "unit.h"

static struct histogram *make(void) {
    return calloc(1, sizeof(struct histogram));
}

/* Known to one part in 128, and told as the middle of that part. */
static int is_near(double told, double value) {
    return told >= value * (1 - 1.0 / 256) && told <= value * (1 + 1.0 / 256);
}

static void histogram_tells_what_hdr_histogram_tells(void) {
    struct histogram *histogram = make();
    for (int i = 0; i < 10000; i++) {
        histogram_add(histogram, 1000);
    }
    histogram_add(histogram, 100000000);
    CU_ASSERT_EQUAL(histogram->seen, 10001);
    CU_ASSERT(is_near(histogram_at(histogram, 0.3), 1000));
    CU_ASSERT(is_near(histogram_at(histogram, 0.99), 1000));
    CU_ASSERT(is_near(histogram_at(histogram, 0.9999), 1000));
    CU_ASSERT(is_near(histogram_at(histogram, 0.99999), 100000000));
    CU_ASSERT(is_near(histogram_at(histogram, 1), 100000000));
    free(histogram);
}

/* Of 1 to 100 the 50th is the median, and 99 of a hundred are not above the 99th. */
static void histogram_percentile_is_the_least_that_so_many_are_not_above(void) {
    struct histogram *histogram = make();
    for (uint64_t value = 1; value <= 100; value++) {
        histogram_add(histogram, value);
    }
    CU_ASSERT_EQUAL(histogram_at(histogram, 0), 1);
    CU_ASSERT_EQUAL(histogram_at(histogram, 0.5), 50);
    CU_ASSERT_EQUAL(histogram_at(histogram, 0.99), 99);
    CU_ASSERT_EQUAL(histogram_at(histogram, 0.999), 100);
    CU_ASSERT_EQUAL(histogram_at(histogram, 1), 100);
    free(histogram);
}

static void histogram_keeps_every_size_to_one_part_in_128(void) {
    for (uint64_t value = 1; value < UINT64_C(1) << 43; value += value / 7 + 1) {
        struct histogram *histogram = make();
        histogram_add(histogram, value);
        if (!is_near(histogram_at(histogram, 0.5), (double)value)) {
            CU_FAIL("a value is told as another");
        }
        free(histogram);
    }
}

static void histogram_small_values_are_exact_and_cells_are_in_order(void) {
    uint32_t last = 0;
    for (uint64_t value = 0; value < 256; value++) {
        CU_ASSERT_EQUAL(histogram_cell(value), value);
    }
    for (uint64_t value = 1; value < UINT64_C(1) << 43; value += value / 300 + 1) {
        CU_ASSERT(histogram_cell(value) >= last && histogram_cell(value) < HISTOGRAM_CELLS);
        last = histogram_cell(value);
    }
}

static void histogram_of_nothing_is_0_and_too_much_is_in_the_last_cell(void) {
    struct histogram *histogram = make();
    CU_ASSERT_EQUAL(histogram_at(histogram, 0.5), 0);
    histogram_add(histogram, UINT64_MAX);
    CU_ASSERT_EQUAL(histogram->cells[HISTOGRAM_CELLS - 1], 1);
    CU_ASSERT(histogram_at(histogram, 0.5) > 0);
    free(histogram);
}

#define TESTS(X)                                                                                                       \
    X(histogram_tells_what_hdr_histogram_tells)                                                                        \
    X(histogram_percentile_is_the_least_that_so_many_are_not_above)                                                    \
    X(histogram_keeps_every_size_to_one_part_in_128)                                                                   \
    X(histogram_small_values_are_exact_and_cells_are_in_order)                                                         \
    X(histogram_of_nothing_is_0_and_too_much_is_in_the_last_cell)
UNIT_SUITE(histograms, TESTS)
