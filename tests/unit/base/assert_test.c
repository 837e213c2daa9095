/* SPDX-License-Identifier: MIT */
#include "base/assert.h"

#include "base/cycles.h"
#include "unit.h"

static void assert_positive(void *arg) {
    rim__assert(*(int *)arg > 0);
}

static void reach_the_unreachable(void *arg) {
    (void)arg;
    rim__unreachable("this");
}

static void assert_aborts_when_false_and_only_then(void) {
    int one = 1, zero = 0;
    CU_ASSERT(!unit_aborts(assert_positive, &one));
    CU_ASSERT(unit_aborts(assert_positive, &zero));
    CU_ASSERT(unit_aborts(reach_the_unreachable, NULL));
}

static void cycles_do_not_go_back(void) {
    uint64_t last = rim__cycles();
    for (uint32_t i = 0; i < 1000; i++) {
        uint64_t next = rim__cycles();
        CU_ASSERT((int64_t)(next - last) >= 0);
        last = next;
    }
}

#define TESTS(X)                                                                                                       \
    X(assert_aborts_when_false_and_only_then)                                                                          \
    X(cycles_do_not_go_back)
UNIT_SUITE(assert, TESTS)
