/* SPDX-License-Identifier: MIT */
/*
 * thread.h - what the kernel says of another thread of this process: how long it ran and waited for a CPU, and where it
 * waits now.
 *
 *     Threads  any
 */
#ifndef RINGMAIL_BASE_THREAD_H
#define RINGMAIL_BASE_THREAD_H

#include <stdbool.h>
#include <stdint.h>

struct rim__thread_look {
    bool is_known;       /* else nothing of it could be read: the thread has ended, or there is no /proc */
    char state;          /* R runs or could, S and D wait in the kernel, T stopped */
    uint64_t ran_ns;     /* on a CPU, so far; may be some milliseconds old */
    uint64_t delayed_ns; /* ready, but others had the CPU; without the delay that lasts now. 0 where not counted */
    int64_t syscall;     /* it waits in; -1: in none, or not to be found out */
    uintptr_t stack, at; /* with syscall: stack pointer and address in the program; else 0 */
};

/* The number by which the kernel knows the calling thread. */
int rim__thread_id(void);
/* How long the calling thread was ready and others had the CPU, so far. 0 where the kernel does not count it. */
uint64_t rim__thread_delayed_ns(void);
/* CPU time that the calling thread has taken. A system call. */
uint64_t rim__thread_cpu_ns(void);
void rim__thread_look(int thread, struct rim__thread_look *out);

#endif
