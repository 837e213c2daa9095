/* SPDX-License-Identifier: MIT */
/*
 * Which driver a system gets, where io_uring is refused by a real seccomp filter, by the limit of locked memory, or by
 * the sysctl; and what the log says. Each in a process of its own, on which the system then has to work.
 *
 * The sysctl is the whole machine's: that test runs only where TEST_SYSCTL=yes allows it, for root, and for a moment.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/peek.h"
#include "play.h"
#include "unit.h"
#include "uring_here.h"

#define NOBODY   65534
#define DISABLED "/proc/sys/kernel/io_uring_disabled"

static void deny_setup(void) {
    play_deny(SYS_io_uring_setup, EPERM);
}

static void hide_setup(void) {
    play_deny(SYS_io_uring_setup, ENOSYS);
}

static void deny_enter(void) {
    play_deny(SYS_io_uring_enter, EPERM);
}

static void deny_register(void) {
    play_deny(SYS_io_uring_register, EPERM);
}

/* Some filters are older than this call. */
static void deny_fine_sleeps(void) {
    play_deny(SYS_epoll_pwait2, EPERM);
}

static void hide_fine_sleeps(void) {
    play_deny(SYS_epoll_pwait2, ENOSYS);
}

static void skip(const char *test, const char *why) {
    printf("skipped: %s: %s\n", test, why);
}

/* Whether io_uring works where nothing is refused. */
static bool has_uring(const char *test) {
    const char *why = uring_refusal();
    if (why != NULL) {
        skip(test, why);
    }
    return why == NULL;
}

static void expect_works(const struct outcome *got, const char *driver) {
    CU_ASSERT_EQUAL(got->created, 0);
    CU_ASSERT_EQUAL(got->started, 0);
    CU_ASSERT_STRING_EQUAL(got->driver, driver);
    CU_ASSERT(got->echoed);
    CU_ASSERT_EQUAL(got->stopped, 0);
    CU_ASSERT(!got->leaks);
    CU_ASSERT_EQUAL(got->errors, 0);
}

/* On epoll, with one line that has these words. */
static void expect_retreat(const struct outcome *got, const char *cause, const char *help) {
    expect_works(got, "epoll");
    CU_ASSERT_STRING_EQUAL(got->wake, "eventfd (epoll driver)");
    CU_ASSERT_EQUAL(got->warnings, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(got->text, "the epoll driver is used"));
    CU_ASSERT_PTR_NOT_NULL(strstr(got->text, cause));
    CU_ASSERT_PTR_NOT_NULL(strstr(got->text, help));
}

static void choice_is_io_uring_where_it_works(void) {
    if (has_uring(__func__)) {
        struct outcome got = play_run(&(struct stage){.environment = NULL});
        expect_works(&got, "io_uring");
        CU_ASSERT_EQUAL(got.warnings, 0);
    }
}

static void choice_is_epoll_where_a_filter_denies_the_setup(void) {
    struct outcome got = play_run(&(struct stage){.before = deny_setup});
    expect_retreat(&got, "EPERM", "SystemCallFilter");
}

static void choice_is_epoll_where_a_filter_hides_the_setup(void) {
    struct outcome got = play_run(&(struct stage){.before = hide_setup});
    expect_retreat(&got, "ENOSYS", "CONFIG_IO_URING");
}

static void choice_is_epoll_where_a_filter_denies_but_the_setup(void) {
    struct outcome got = play_run(&(struct stage){.before = deny_enter});
    expect_retreat(&got, "EPERM", "io_uring_enter");
    got = play_run(&(struct stage){.before = deny_register});
    expect_retreat(&got, "EPERM", "io_uring_register");
}

/* The probe's ring was allowed, those of the shards are not. */
static void choice_may_change_to_epoll_at_the_start(void) {
    if (has_uring(__func__)) {
        struct outcome got = play_run(&(struct stage){.between = deny_setup});
        expect_retreat(&got, "EPERM", "SystemCallFilter");
        got = play_run(&(struct stage){.config = {.driver = RIM_DRIVER_URING}, .between = deny_setup});
        CU_ASSERT_EQUAL(got.created, 0);
        CU_ASSERT_EQUAL(got.started, -EPERM);
        CU_ASSERT_EQUAL(got.errors, 1);
        CU_ASSERT_PTR_NOT_NULL(strstr(got.text, "SystemCallFilter"));
    }
}

static void lock_no_memory(void) {
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (getuid() == 0 && setuid(NOBODY) != 0)) {
        _exit(2);
    }
}

static void choice_is_epoll_where_no_memory_may_be_locked(void) {
    if (!has_uring(__func__)) {
        return;
    }
    struct outcome got = play_run(&(struct stage){.before = lock_no_memory});
    if (strcmp(got.driver, "io_uring") == 0) {
        skip(__func__, "this kernel does not count rings as locked memory");
    } else {
        expect_retreat(&got, "ENOMEM", "LimitMEMLOCK");
    }
}

static void choice_that_was_asked_for_is_not_replaced(void) {
    struct outcome got = play_run(&(struct stage){.config = {.driver = RIM_DRIVER_URING}, .before = deny_setup});
    CU_ASSERT_EQUAL(got.created, -EPERM);
    CU_ASSERT_EQUAL(got.errors, 1);
    CU_ASSERT_EQUAL(got.warnings, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(got.text, "SystemCallFilter"));
    got = play_run(&(struct stage){.environment = "io_uring", .before = hide_setup});
    CU_ASSERT_EQUAL(got.created, -ENOSYS);
    CU_ASSERT_EQUAL(got.errors, 1);
    got = play_run(&(struct stage){.config = {.driver = RIM_DRIVER_EPOLL}});
    expect_works(&got, "epoll");
    CU_ASSERT_EQUAL(got.warnings, 0);
}

static void choice_may_be_the_environments(void) {
    struct outcome got = play_run(&(struct stage){.environment = "epoll"});
    expect_works(&got, "epoll");
    CU_ASSERT_EQUAL(got.warnings, 0);
    got = play_run(&(struct stage){.environment = ""});
    CU_ASSERT_EQUAL(got.created, 0);
    got = play_run(&(struct stage){.environment = "kqueue"});
    CU_ASSERT_EQUAL(got.created, -EINVAL);
    CU_ASSERT_EQUAL(got.errors, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(got.text, "RINGMAIL_DRIVER is 'kqueue'"));
}

static void choice_of_the_configuration_wins(void) {
    struct outcome got = play_run(&(struct stage){.config = {.driver = RIM_DRIVER_EPOLL}, .environment = "io_uring"});
    expect_works(&got, "epoll");
    if (has_uring(__func__)) {
        got = play_run(&(struct stage){.config = {.driver = RIM_DRIVER_URING}, .environment = "epoll"});
        expect_works(&got, "io_uring");
    }
}

static void choice_of_epoll_does_without_fine_sleeps(void) {
    struct outcome got = play_run(&(struct stage){.environment = "epoll", .before = deny_fine_sleeps});
    expect_works(&got, "epoll");
    got = play_run(&(struct stage){.environment = "epoll", .before = hide_fine_sleeps});
    expect_works(&got, "epoll");
}

/* ---- another call that filters deny ---- */

/* The watchdog reads other threads' stacks: it has another way then. */
static void memory_is_read_where_a_filter_denies_the_call_for_it(void) {
    static const char text[] = "a text";
    int status = -1;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        char copy[sizeof text] = "";
        play_deny(SYS_process_vm_readv, EPERM);
        bool well = rim__peek((uintptr_t)text, copy, sizeof copy) == sizeof copy && strcmp(copy, text) == 0;
        _exit(well && rim__peek(8, copy, sizeof copy) == 0 ? 0 : 1);
    }
    CU_ASSERT_FATAL(child > 0 && waitpid(child, &status, 0) == child);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- the sysctl ---- */

static char was[16];

static bool write_disabled(const char *word) {
    int fd = open(DISABLED, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, word, strlen(word)) > 0;
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

static void switch_off(void) {
    (void)write_disabled("2");
}

static void switch_back(void) {
    (void)write_disabled(was);
}

static void choice_is_epoll_where_the_sysctl_says_so(void) {
    const char *allowed = getenv("TEST_SYSCTL");
    if (allowed == NULL || strcmp(allowed, "yes") != 0) {
        skip(__func__, "it would switch io_uring off for the whole machine; TEST_SYSCTL=yes allows that");
        return;
    }
    int fd = open(DISABLED, O_RDONLY | O_CLOEXEC);
    bool is_read = fd >= 0 && read(fd, was, sizeof was - 1) > 0;
    if (fd >= 0) {
        close(fd);
    }
    if (!is_read || !write_disabled(was)) {
        skip(__func__, "the sysctl kernel.io_uring_disabled is not there, or not ours to write");
        return;
    }
    struct outcome got = play_run(&(struct stage){.before = switch_off, .between = switch_back});
    switch_back();
    expect_retreat(&got, "EPERM", "kernel.io_uring_disabled is 2");
}

#define TESTS(X)                                                                                                       \
    X(choice_is_io_uring_where_it_works)                                                                               \
    X(choice_is_epoll_where_a_filter_denies_the_setup)                                                                 \
    X(choice_is_epoll_where_a_filter_hides_the_setup)                                                                  \
    X(choice_is_epoll_where_a_filter_denies_but_the_setup)                                                             \
    X(choice_may_change_to_epoll_at_the_start)                                                                         \
    X(choice_is_epoll_where_no_memory_may_be_locked)                                                                   \
    X(choice_that_was_asked_for_is_not_replaced)                                                                       \
    X(choice_may_be_the_environments)                                                                                  \
    X(choice_of_the_configuration_wins)                                                                                \
    X(choice_of_epoll_does_without_fine_sleeps)                                                                        \
    X(memory_is_read_where_a_filter_denies_the_call_for_it)                                                            \
    X(choice_is_epoll_where_the_sysctl_says_so)
UNIT_SUITE(choice, TESTS)
