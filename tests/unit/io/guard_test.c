/* SPDX-License-Identifier: MIT */
/* Each in a process of its own: a handler is for good. What a child finds out is its exit status. */
#define _GNU_SOURCE
#include "io/guard.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/compiler.h"
#include "ringmail/error.h"
#include "ringmail/map.h"
#include "unit.h"

#define PAGE 4096u

enum { WELL = 7 };

/* Two pages of a file that has only the first. */
static char *map_cut(void) {
    int fd = memfd_create("cut", 0);
    char *bytes = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, (off_t)PAGE) == 0) {
        bytes = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    if (bytes == MAP_FAILED) {
        _exit(1);
    }
    close(fd);
    return bytes;
}

static int touch(const void *bytes, size_t size, void *arg) {
    volatile const char *at = bytes;
    int sum = 0;
    for (size_t i = 0; i < size; i += 64) {
        sum += at[i];
    }
    *(int *)arg = sum;
    return WELL;
}

static int guarded(const void *bytes, size_t size, int *result) {
    int sum = -1;
    return rim__guard_run(&(struct rim__guarded){bytes, size, touch, &sum}, result);
}

/* How a child of this function's ends: its exit status, or minus the signal. */
static int child(void (*fn)(void)) {
    pid_t pid = fork();
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0});
        fn();
        _exit(0);
    }
    int status = 0;
    CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- reading ---- */

static void read_in_turn(void) {
    int result = 0;
    char *bytes = map_cut();
    bool is_right = guarded(bytes, PAGE, &result) == -RIM_ECONTEXT && rim_map_guard() == 0 && rim_map_guard() == 0;
    for (int i = 0; i < 100; i++) { /* the jump leaves nothing behind, not even a blocked signal */
        is_right = is_right && guarded(bytes, PAGE, &result) == 0 && result == WELL;
        is_right = is_right && guarded(bytes, 2 * PAGE, &result) == -EFAULT;
        is_right = is_right && guarded(bytes + PAGE + 5, 10, &result) == -EFAULT;
    }
    _exit(is_right ? WELL : 1);
}

static void guard_ends_the_reading_and_not_the_process(void) {
    CU_ASSERT_EQUAL(child(read_in_turn), WELL);
}

static int touch_within(const void *bytes, size_t size, void *arg) {
    int result = 0;
    int inner = guarded((const char *)bytes + PAGE, PAGE, &result);
    (void)size;
    *(int *)arg = inner;
    volatile char last = ((const char *)bytes)[PAGE]; /* this one is the outer's */
    return last;
}

static void read_nested(void) {
    int inner = 0, result = 0;
    char *bytes = map_cut();
    bool is_right = rim_map_guard() == 0;
    int outer = rim__guard_run(&(struct rim__guarded){bytes, 2 * PAGE, touch_within, &inner}, &result);
    _exit(is_right && inner == -EFAULT && outer == -EFAULT ? WELL : 1);
}

static void guard_within_a_guard_ends_the_inner_reading(void) {
    CU_ASSERT_EQUAL(child(read_nested), WELL);
}

static void *read_blocked(void *arg) {
    sigset_t all;
    int result = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    *(int *)arg = guarded(map_cut(), 2 * PAGE, &result);
    return NULL;
}

static void read_on_a_thread(void) {
    pthread_t thread;
    int error = 0;
    if (rim_map_guard() != 0 || pthread_create(&thread, NULL, read_blocked, &error) != 0) {
        _exit(1);
    }
    pthread_join(thread, NULL);
    _exit(error == -EFAULT ? WELL : 1);
}

static void guard_works_where_signals_are_blocked(void) {
    CU_ASSERT_EQUAL(child(read_on_a_thread), WELL);
}

/* ---- what is not its own ---- */

static void read_without(void) {
    volatile char *bytes = map_cut();
    if (rim_map_guard() == 0) {
        (void)bytes[PAGE];
    }
}

static int touch_other(const void *bytes, size_t size, void *arg) {
    (void)bytes;
    (void)size;
    return *(volatile char *)arg;
}

static void read_something_else(void) {
    char *bytes = map_cut(), *other = map_cut();
    int result = 0;
    if (rim_map_guard() == 0) {
        (void)rim__guard_run(&(struct rim__guarded){bytes, 2 * PAGE, touch_other, other + PAGE}, &result);
    }
}

static void send_signal(void) {
    if (rim_map_guard() == 0) {
        (void)raise(SIGBUS);
    }
}

static void ignore_and_send_signal(void) {
    signal(SIGBUS, SIG_IGN);
    if (rim_map_guard() == 0) {
        (void)raise(SIGBUS);
    }
    _exit(WELL);
}

/* A sanitizer's own handler may be there before: it ends the process in its way. */
static bool is_dead(int ending) {
    return ending == -SIGBUS || (ending > 1 && ending != WELL) || ending == -SIGABRT || (!RIM_POOLED && ending != 0);
}

static void guard_leaves_other_faults_as_they_were(void) {
    CU_ASSERT(is_dead(child(read_without)));
    CU_ASSERT(is_dead(child(read_something_else)));
    CU_ASSERT(is_dead(child(send_signal)));
    CU_ASSERT_EQUAL(child(ignore_and_send_signal), WELL);
}

static sigjmp_buf back;
static volatile sig_atomic_t caught;

static void catch_with_info(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    caught = info->si_code > 0 ? 1 : 2;
    siglongjmp(back, 1);
}

static void catch_plainly(int number) {
    (void)number;
    caught = 3;
    siglongjmp(back, 1);
}

static int caught_by(struct sigaction action) {
    volatile char *bytes = map_cut();
    sigaction(SIGBUS, &action, NULL);
    if (rim_map_guard() != 0) {
        return -1;
    }
    if (sigsetjmp(back, 1) == 0) {
        (void)bytes[PAGE];
    }
    return caught;
}

static void chain_with_info(void) {
    struct sigaction action = {.sa_sigaction = catch_with_info, .sa_flags = SA_SIGINFO};
    _exit(caught_by(action) == 1 ? WELL : 1);
}

static void chain_plainly(void) {
    struct sigaction action = {.sa_handler = catch_plainly};
    _exit(caught_by(action) == 3 ? WELL : 1);
}

static void guard_hands_on_to_the_handler_from_before(void) {
    CU_ASSERT_EQUAL(child(chain_with_info), WELL);
    CU_ASSERT_EQUAL(child(chain_plainly), WELL);
}

#define TESTS(X)                                                                                                       \
    X(guard_ends_the_reading_and_not_the_process)                                                                      \
    X(guard_within_a_guard_ends_the_inner_reading)                                                                     \
    X(guard_works_where_signals_are_blocked)                                                                           \
    X(guard_leaves_other_faults_as_they_were)                                                                          \
    X(guard_hands_on_to_the_handler_from_before)
UNIT_SUITE(guard, TESTS)
