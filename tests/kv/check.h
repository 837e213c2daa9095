/* SPDX-License-Identifier: MIT */
/*
 * check.h - runs a list of CUnit tests and prints "N passed, N failed", each test counted once.
 */
#ifndef TESTS_KV_CHECK_H
#define TESTS_KV_CHECK_H

#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

struct check {
    const char *name;
    void (*run)(void);
};

static inline int check_all(const char *suite_name, const struct check *checks, size_t count) {
    if (CU_initialize_registry() != CUE_SUCCESS) {
        return 1;
    }
    CU_pSuite suite = CU_add_suite(suite_name, NULL, NULL);
    for (size_t i = 0; i < count && suite != NULL; i++) {
        CU_add_test(suite, checks[i].name, checks[i].run);
    }
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_tests_failed();
    unsigned run = CU_get_number_of_tests_run();
    CU_cleanup_registry();
    printf("%u passed, %u failed\n", run - failed, failed + (run == count ? 0 : 1));
    return failed == 0 && run == count ? 0 : 1;
}

#endif
