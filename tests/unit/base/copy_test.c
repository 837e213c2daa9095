/* SPDX-License-Identifier: MIT */
/*
 * Bodies of every size, at every alignment: all of it is copied, and nothing beside it is touched.
 */
#include <string.h>

#include "base/copy.h"
#include "unit.h"

#define SIZE_MAX_TRIED (RIM_COPY_SMALL + 36)
#define ROUND          16

static void check_copy(size_t size, size_t from_at, size_t to_at) {
    char from[ROUND + SIZE_MAX_TRIED + ROUND], to[sizeof from], expected[sizeof from];
    for (size_t i = 0; i < sizeof from; i++) {
        from[i] = (char)(i * 7 + size + 1);
    }
    memset(to, '-', sizeof to);
    memset(expected, '-', sizeof expected);
    memcpy(expected + to_at, from + from_at, size);
    rim__copy(to + to_at, from + from_at, size);
    CU_ASSERT_EQUAL(memcmp(to, expected, sizeof to), 0);
}

static void copy_moves_all_of_a_body_and_nothing_beside_it(void) {
    for (size_t size = 0; size <= SIZE_MAX_TRIED; size++) {
        for (size_t at = 0; at < ROUND; at++) {
            check_copy(size, at, 0);
            check_copy(size, 0, at);
        }
    }
}

#define TESTS(X) X(copy_moves_all_of_a_body_and_nothing_beside_it)
UNIT_SUITE(copy, TESTS)
