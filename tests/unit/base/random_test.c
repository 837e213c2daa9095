/* SPDX-License-Identifier: MIT */
#include "base/random.h"

#include <string.h>

#include "unit.h"

static void random_is_the_published_generator(void) {
    /* What the authors' own program gives from this state. */
    struct rim__random random = {.word = {1, 2, 3, 4}};
    CU_ASSERT_EQUAL(rim__random_next(&random), 11520);
    CU_ASSERT_EQUAL(rim__random_next(&random), 0);
    CU_ASSERT_EQUAL(rim__random_next(&random), 1509978240);
    CU_ASSERT_EQUAL(rim__random_next(&random), 1215971899390074240);
}

static void random_repeats_for_the_same_seed_and_not_for_another(void) {
    struct rim__random a, b, c;
    rim__random_init(&a, 7);
    rim__random_init(&b, 7);
    rim__random_init(&c, 8);
    uint32_t differ = 0;
    for (uint32_t i = 0; i < 100; i++) {
        uint64_t word = rim__random_next(&a);
        CU_ASSERT_EQUAL(word, rim__random_next(&b));
        differ += word != rim__random_next(&c);
    }
    CU_ASSERT(differ >= 99);
}

static void random_seed_zero_is_as_good_as_any(void) {
    struct rim__random random;
    uint64_t any = 0;
    rim__random_init(&random, 0);
    for (uint32_t i = 0; i < 64; i++) {
        any |= rim__random_next(&random);
    }
    CU_ASSERT_EQUAL(any, UINT64_MAX);
}

static void random_below_stays_below_and_is_even(void) {
    struct rim__random random;
    uint32_t hits[10] = {0};
    rim__random_init(&random, unit_seed());
    for (uint32_t i = 0; i < 100000; i++) {
        uint64_t number = rim__random_below(&random, 10);
        CU_ASSERT_FATAL(number < 10);
        hits[number]++;
    }
    for (uint32_t i = 0; i < 10; i++) { /* some 95 is one standard deviation */
        CU_ASSERT(hits[i] > 9300 && hits[i] < 10700);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        CU_ASSERT_EQUAL(rim__random_below(&random, 1), 0);
        CU_ASSERT(rim__random_below(&random, UINT64_MAX) < UINT64_MAX);
    }
}

static void random_mix_changes_half_of_the_bits(void) {
    uint64_t flipped = 0;
    for (uint64_t x = 1; x <= 1000; x++) {
        flipped += (uint64_t)__builtin_popcountll(rim__mix(x) ^ rim__mix(x ^ (1ull << (x % 64))));
    }
    CU_ASSERT(flipped > 30 * 1000 && flipped < 34 * 1000);
}

#define TESTS(X)                                                                                                       \
    X(random_is_the_published_generator)                                                                               \
    X(random_repeats_for_the_same_seed_and_not_for_another)                                                            \
    X(random_seed_zero_is_as_good_as_any)                                                                              \
    X(random_below_stays_below_and_is_even)                                                                            \
    X(random_mix_changes_half_of_the_bits)
UNIT_SUITE(random, TESTS)
