/* SPDX-License-Identifier: MIT */
/*
 * check.h - runs a list of CUnit tests and prints "N passed, N failed", each test counted once.
 *
 * What needs a rim_ctx is run by check_in_actor, in the init of an actor of the simulated world: on the same thread.
 */
#ifndef TESTS_KV_CHECK_H
#define TESTS_KV_CHECK_H

#include <CUnit/Basic.h>
#include <ringmail/runtime.h>
#include <ringmail/sim.h>
#include <stdio.h>
#include <string.h>

struct check {
    const char *name;
    void (*run)(void);
};

typedef void check_fn(rim_ctx *ctx);

static inline rim_verdict check_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    check_fn *run;
    (void)self;
    memcpy(&run, arg, size);
    run(ctx);
    return RIM_STOP;
}

static inline void check_in_actor(check_fn *run) {
    static const rim_behaviour runner = {.name = "check", .init = check_init};
    rim_config config = {.shards = 1, .driver = RIM_DRIVER_SIM};
    rim_stop_report report = {0};
    rim_system *system;
    rim_ref someone;
    CU_ASSERT_EQUAL_FATAL(rim_system_create(&config, &system), 0);
    CU_ASSERT_EQUAL(rim_system_spawn(system, &runner, NULL, &run, sizeof run, &someone), 0);
    CU_ASSERT_EQUAL(rim_system_start(system), 0);
    rim_sim_run(system, RIM_MS(1));
    CU_ASSERT_EQUAL(rim_system_stop(system, RIM_SECONDS(1), &report), 0);
    CU_ASSERT_FALSE(report.leaks);
    rim_system_destroy(system);
}

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
