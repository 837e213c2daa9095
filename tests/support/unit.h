/* SPDX-License-Identifier: MIT */
/*
 * unit.h - the little that unit tests need beyond CUnit. Included by every tests/unit/<layer>/<file>_test.c.
 *
 *     static void a_full_ring_refuses(void) { ... CU_ASSERT(...); }
 *     #define TESTS(X) X(a_full_ring_refuses) X(...)
 *     UNIT_SUITE(spsc, TESTS)
 *
 * A suite adds itself before main runs; the main in unit.c runs them all and prints, last, "N passed, N failed", which
 * counts test functions. Arguments of the program: the names of the suites or tests to run.
 *
 *     Threads  checks are made by the program's first thread only: CUnit knows no other
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <CUnit/CUnit.h>
#include <stddef.h>
#include <stdint.h>

struct unit_test {
    const char *name;
    void (*run)(void);
};

struct unit_suite {
    const char *name;
    const struct unit_test *tests; /* the last one has no name */
    struct unit_suite *next;
};

void unit_add(struct unit_suite *suite);
/* Of everything random in these tests: UNIT_SEED in the environment, or 1. */
uint64_t unit_seed(void);
/* Whether `fn(arg)` ends its process by abort, as a failed assertion of the runtime does. Runs it in a child. */
int unit_aborts(void (*fn)(void *arg), void *arg);

#define UNIT_TEST_(test) {#test, test},
#define UNIT_SUITE(suite, list)                                                                                        \
    static const struct unit_test suite##_tests[] = {list(UNIT_TEST_){NULL, NULL}};                                    \
    static struct unit_suite suite##_suite = {#suite, suite##_tests, NULL};                                            \
    __attribute__((constructor)) static void suite##_add(void) {                                                       \
        unit_add(&suite##_suite);                                                                                      \
    }

#endif
