/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the monotonic clock of a driver that stands on the kernel, read again only when the cached reading may be
 * stale by more than a microsecond or two.
 *
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_BASE_CLOCK_H
#define RINGMAIL_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "base/cycles.h"

struct rim__clock {
    uint64_t now_ns; /* when it was last read */
    uint64_t now_cycles;
    uint64_t stale_cycles;
};

static inline uint64_t rim__clock_read(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline void rim__clock_init(struct rim__clock *clock) {
    clock->stale_cycles = rim__cycles_stale();
    clock->now_cycles = rim__cycles() - clock->stale_cycles;
}

static inline uint64_t rim__clock_now(struct rim__clock *clock) {
    uint64_t cycles = rim__cycles();
    if (cycles - clock->now_cycles >= clock->stale_cycles) {
        clock->now_cycles = cycles;
        clock->now_ns = rim__clock_read();
    }
    return clock->now_ns;
}

#endif
