/* SPDX-License-Identifier: MIT */
/*
 * cycles.h - a counter that is cheaper to read than the clock, to tell whether the clock is worth reading again.
 *
 * Its rate differs from machine to machine and is never turned into time.
 */
#ifndef RINGMAIL_BASE_CYCLES_H
#define RINGMAIL_BASE_CYCLES_H

#include <stdint.h>

/* rim__cycles_stale: the distance, about one or two microseconds, after which a cached clock is read again. */
#if defined(__x86_64__)

static inline uint64_t rim__cycles(void) {
    return __builtin_ia32_rdtsc();
}

static inline uint64_t rim__cycles_stale(void) {
    return 4000;
}

#elif defined(__aarch64__)

static inline uint64_t rim__cycles(void) {
    uint64_t count;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(count));
    return count;
}

static inline uint64_t rim__cycles_stale(void) {
    uint64_t rate;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(rate));
    return rate / 1000000;
}

#else

/* No counter is known: every reading counts as stale. */
static inline uint64_t rim__cycles(void) {
    return UINT64_MAX;
}

static inline uint64_t rim__cycles_stale(void) {
    return 0;
}

#endif

#endif
