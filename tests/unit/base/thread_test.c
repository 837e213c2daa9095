/* SPDX-License-Identifier: MIT */
/* What the watchdog learns of other threads: how they are, where they are, and memory that may be gone. */
#define _GNU_SOURCE
#include "base/thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/backtrace.h"
#include "base/peek.h"
#include "unit.h"

static atomic_int number;
static atomic_bool over;
static int ends[2];

static void *compute(void *arg) {
    (void)arg;
    atomic_store(&number, rim__thread_id());
    while (!atomic_load(&over)) {
    }
    return NULL;
}

static void *wait_for_byte(void *arg) {
    char byte;
    atomic_store(&number, rim__thread_id());
    return read(ends[0], &byte, 1) == 1 ? arg : NULL;
}

static int start(pthread_t *thread, void *(*fn)(void *arg)) {
    atomic_store(&number, 0);
    atomic_store(&over, false);
    CU_ASSERT_FATAL(pthread_create(thread, NULL, fn, NULL) == 0);
    while (atomic_load(&number) == 0) {
    }
    return atomic_load(&number);
}

/* Looks until the state is as wanted: threads have a will of their own. */
static bool look_for(int thread, char state, struct rim__thread_look *look) {
    for (int i = 0; i < 20000; i++) {
        rim__thread_look(thread, look);
        if (look->is_known && look->state == state && (state == 'R' || look->syscall >= 0)) {
            return true;
        }
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    return false;
}

static void a_thread_that_computes_is_seen_to(void) {
    pthread_t thread;
    struct rim__thread_look first, later;
    int id = start(&thread, compute);
    CU_ASSERT(look_for(id, 'R', &first));
    CU_ASSERT(first.syscall == -1 && first.at == 0);
    do {
        CU_ASSERT_FATAL(look_for(id, 'R', &later));
    } while (later.ran_ns == first.ran_ns); /* it gets on */
    atomic_store(&over, true);
    pthread_join(thread, NULL);
}

static void a_thread_that_waits_is_seen_with_its_system_call_and_stack(void) {
    pthread_t thread;
    struct rim__thread_look look;
    struct rim__backtrace trace;
    char line[300];
    CU_ASSERT_FATAL(pipe(ends) == 0);
    int id = start(&thread, wait_for_byte);
    CU_ASSERT(look_for(id, 'S', &look));
    CU_ASSERT(look.syscall == SYS_read);
    rim__backtrace_scan(look.at, look.stack, &trace);
    CU_ASSERT(trace.count >= 2 && trace.at[0] == look.at);
    rim__backtrace_line(trace.at[0], line, sizeof line);
    CU_ASSERT(strstr(line, "libc") != NULL);
    CU_ASSERT(write(ends[1], "x", 1) == 1);
    pthread_join(thread, NULL);
    close(ends[0]);
    close(ends[1]);
}

/* Where the kernel does not permit it, there is a reason instead. */
static void a_thread_that_computes_is_sampled_or_there_is_a_reason(void) {
    pthread_t thread;
    struct rim__backtrace trace;
    int id = start(&thread, compute);
    for (int i = 0; i < 100; i++) {
        rim__backtrace_sample(id, &trace);
        if (trace.count > 0 || strncmp(trace.why_none, "perf_event_open", 15) == 0) {
            break;
        }
    }
    CU_ASSERT(trace.count > 0 || trace.why_none[0] != '\0');
    atomic_store(&over, true);
    pthread_join(thread, NULL);
}

static void nobody_is_not_sampled(void) {
    struct rim__backtrace trace;
    struct rim__thread_look look;
    rim__backtrace_sample(0x7ffffff0, &trace);
    CU_ASSERT(trace.count == 0 && trace.why_none[0] != '\0');
    rim__backtrace_scan(0, 0, &trace);
    CU_ASSERT(trace.count == 0);
    rim__thread_look(0x7ffffff0, &look);
    CU_ASSERT(!look.is_known);
}

static void memory_that_is_not_there_is_a_short_count(void) {
    size_t page = (size_t)getpagesize();
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CU_ASSERT_FATAL(pages != MAP_FAILED);
    munmap(pages + page, page);
    memset(pages, 'x', page);
    char copy[64];
    CU_ASSERT(rim__peek((uintptr_t)pages, copy, sizeof copy) == sizeof copy && copy[63] == 'x');
    CU_ASSERT(rim__peek((uintptr_t)pages + page - 10, copy, sizeof copy) == 10);
    CU_ASSERT(!rim__peek_all((uintptr_t)pages + page - 10, copy, sizeof copy));
    CU_ASSERT(rim__peek((uintptr_t)pages + page, copy, sizeof copy) == 0);
    CU_ASSERT(rim__peek(0, copy, sizeof copy) == 0);
    rim__peek_text((uintptr_t) "a name", copy, sizeof copy);
    CU_ASSERT_STRING_EQUAL(copy, "a name");
    rim__peek_text((uintptr_t)pages + page - 3, copy, sizeof copy);
    CU_ASSERT_STRING_EQUAL(copy, "xxx");
    rim__peek_text((uintptr_t)pages, copy, 4);
    CU_ASSERT_STRING_EQUAL(copy, "xxx");
    munmap(pages, page);
}

#define TESTS(X)                                                                                                       \
    X(a_thread_that_computes_is_seen_to)                                                                               \
    X(a_thread_that_waits_is_seen_with_its_system_call_and_stack)                                                      \
    X(a_thread_that_computes_is_sampled_or_there_is_a_reason)                                                          \
    X(nobody_is_not_sampled)                                                                                           \
    X(memory_that_is_not_there_is_a_short_count)
UNIT_SUITE(thread, TESTS)
