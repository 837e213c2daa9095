/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/guard.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>
#include <unistd.h>

#include "ringmail/map.h"

struct frame {
    sigjmp_buf back;
    uintptr_t begin, end; /* whole pages */
    struct frame *outer;
};

enum { ABSENT = 0, COMING, THERE };

static _Atomic int stage;       /* the first to install moves it; all read */
static struct sigaction before; /* constant once the handler is there */

/* In the thread's own block, so that a handler that finds none has nothing to allocate. */
static _Thread_local struct frame *current __attribute__((tls_model("initial-exec")));
static _Thread_local bool is_open; /* SIGBUS is not blocked on this thread */

static void pass_on(int number, siginfo_t *info, void *context) {
    if (before.sa_flags & SA_SIGINFO) {
        before.sa_sigaction(number, info, context);
    } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
        before.sa_handler(number);
    } else if (info->si_code > 0 || before.sa_handler == SIG_DFL) {
        /* Back to what it would have been: the instruction is tried again, and fails again. One that was only sent is
           sent once more. */
        (void)sigaction(number, &before, NULL);
        if (info->si_code <= 0) {
            (void)raise(number);
        }
    }
}

static void on_bus(int number, siginfo_t *info, void *context) {
    struct frame *frame = current;
    uintptr_t at = (uintptr_t)info->si_addr;
    if (frame != NULL && info->si_code > 0 && at >= frame->begin && at < frame->end) {
        /* As it was before: what else was blocked for this handler, by whoever wraps it, must not stay so. */
        (void)pthread_sigmask(SIG_SETMASK, &((const ucontext_t *)context)->uc_sigmask, NULL);
        siglongjmp(frame->back, 1);
    }
    pass_on(number, info, context);
}

static int install(void) {
    struct sigaction action = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    bool is_done = sigaction(SIGBUS, NULL, &before) == 0 && sigaction(SIGBUS, &action, NULL) == 0;
    return is_done ? 0 : -errno;
}

int rim_map_guard(void) {
    int found = ABSENT;
    if (atomic_compare_exchange_strong_explicit(&stage, &found, COMING, memory_order_acquire, memory_order_acquire)) {
        int error = install();
        atomic_store_explicit(&stage, error == 0 ? THERE : ABSENT, memory_order_release);
        return error;
    }
    while ((found = atomic_load_explicit(&stage, memory_order_acquire)) == COMING) {
        sched_yield();
    }
    return found == THERE ? 0 : -EAGAIN;
}

/* Blocked, it would end the process instead of calling the handler. */
static void open_thread(void) {
    sigset_t bus;
    sigemptyset(&bus);
    sigaddset(&bus, SIGBUS);
    is_open = pthread_sigmask(SIG_UNBLOCK, &bus, NULL) == 0;
}

int rim__guard_run(const struct rim__guarded *guarded, int *result) {
    if (atomic_load_explicit(&stage, memory_order_acquire) != THERE) {
        return -RIM_ECONTEXT;
    }
    if (!is_open) {
        open_thread();
    }
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)guarded->bytes;
    struct frame frame = {.begin = begin & ~(page - 1), .outer = current};
    frame.end = (begin + guarded->size + page - 1) & ~(page - 1);
    if (sigsetjmp(frame.back, 0) != 0) {
        current = frame.outer;
        return -EFAULT;
    }
    current = &frame;
    *result = guarded->read(guarded->bytes, guarded->size, guarded->arg);
    current = frame.outer;
    return 0;
}
