/* SPDX-License-Identifier: MIT */
/*
 * backtrace.h - where another thread of this process is, without a signal: the watchdog's means.
 *
 * A thread that computes is sampled by the kernel (perf_event_open), with a piece of its stack; of one that waits in a
 * system call /proc tells the stack pointer. In both cases the stack is searched for addresses behind call
 * instructions. That needs no frame pointers and no unwind tables, and it may show calls that have returned already.
 *
 *     Threads  any; not for signal handlers. dladdr takes the dynamic linker's lock
 */
#ifndef RINGMAIL_BASE_BACKTRACE_H
#define RINGMAIL_BASE_BACKTRACE_H

#include <stddef.h>
#include <stdint.h>

#define RIM_BACKTRACE_MAX 16u

struct rim__backtrace {
    uint32_t count; /* 0: see why_none */
    uintptr_t at[RIM_BACKTRACE_MAX];
    char why_none[160];
};

/* Samples a thread that computes; takes up to some tens of milliseconds. */
void rim__backtrace_sample(int thread, struct rim__backtrace *out);
/* Of a thread that waits: its program counter and stack pointer. */
void rim__backtrace_scan(uintptr_t at, uintptr_t stack, struct rim__backtrace *out);
/* "object(+0x12ab) name+0x3f", for addr2line; the name only where the object exports it. */
void rim__backtrace_line(uintptr_t at, char *text, size_t size);

#endif
