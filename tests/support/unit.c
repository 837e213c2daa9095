/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <CUnit/Basic.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_SECONDS 110u

static struct unit_suite *suites;

void unit_add(struct unit_suite *suite) {
    suite->next = suites;
    suites = suite;
}

uint64_t unit_seed(void) {
    const char *seed = getenv("UNIT_SEED");
    return seed != NULL ? strtoull(seed, NULL, 0) : 1;
}

/* The child says nothing, leaves no core, and takes the default way out of a signal. */
static void become_quiet(void) {
    struct rlimit none = {0, 0};
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDERR_FILENO);
    }
    (void)setrlimit(RLIMIT_CORE, &none);
    signal(SIGABRT, SIG_DFL);
}

int unit_aborts(void (*fn)(void *arg), void *arg) {
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        become_quiet();
        fn(arg);
        _exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static bool is_wanted(const char *suite, const char *test, char **names) {
    bool wanted = *names == NULL;
    for (; *names != NULL; names++) {
        wanted = wanted || strcmp(*names, suite) == 0 || strcmp(*names, test) == 0;
    }
    return wanted;
}

static void add_to_registry(const struct unit_suite *suite, char **names) {
    CU_pSuite added = NULL;
    for (const struct unit_test *test = suite->tests; test->name != NULL; test++) {
        if (!is_wanted(suite->name, test->name, names)) {
            continue;
        }
        if (added == NULL) {
            added = CU_add_suite(suite->name, NULL, NULL);
        }
        if (added == NULL || CU_add_test(added, test->name, test->run) == NULL) {
            fprintf(stderr, "cannot add %s: %s\n", test->name, CU_get_error_msg());
            exit(2);
        }
    }
}

int main(int argc, char **argv) {
    (void)argc;
    alarm(LIMIT_SECONDS);
    if (CU_initialize_registry() != CUE_SUCCESS) {
        return 2;
    }
    for (const struct unit_suite *suite = suites; suite != NULL; suite = suite->next) {
        add_to_registry(suite, argv + 1);
    }
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned run = CU_get_number_of_tests_run(), failed = CU_get_number_of_tests_failed();
    CU_cleanup_registry();
    printf("\nseed %llu\n%u passed, %u failed\n", (unsigned long long)unit_seed(), run - failed, failed);
    return run == 0 || failed > 0;
}
