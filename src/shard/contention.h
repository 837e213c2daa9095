/* SPDX-License-Identifier: MIT */
/*
 * contention.h - whether others want the CPU of a thread that would rather look out than sleep. Called by loop.c.
 *
 * It is told by how long the thread was ready and had no CPU: for more than a sixteenth of a window of time. Then it
 * rests, that is to say sleeps where it would have looked out, and the next window begins. What keeps a CPU for a few
 * milliseconds only (a program that starts) costs one short rest; each further window that is contended doubles the
 * rest, each that is not halves it.
 *
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_SHARD_CONTENTION_H
#define RINGMAIL_SHARD_CONTENTION_H

#include <stdbool.h>
#include <stdint.h>

#define RIM_CONTENTION_WINDOW_NS 10000000u
#define RIM_CONTENTION_REST_NS   16000000u /* the shortest */
#define RIM_CONTENTION_RESTS_MAX 6u        /* the longest is half a second */
#define RIM_CONTENTION_PART      16u       /* of the time waited for the CPU: contended */

/* Zeroed: nothing is known. */
struct rim__contention {
    bool is_on;          /* it rests */
    uint32_t rests;      /* how often the rest was doubled, and one */
    uint64_t since_ns;   /* when the rest or the window began; 0: none has */
    uint64_t delayed_ns; /* ready and without a CPU, by then */
};

/* Whether the window or the rest is over: then note. */
static inline bool rim__contention_is_due(const struct rim__contention *contention, uint64_t now_ns) {
    uint64_t length_ns = RIM_CONTENTION_WINDOW_NS;
    if (contention->is_on) {
        length_ns = (uint64_t)RIM_CONTENTION_REST_NS << (contention->rests - 1);
    }
    return now_ns - contention->since_ns >= length_ns;
}

/* delayed_ns: how long the thread was ready and had no CPU, so far. */
static inline void rim__contention_note(struct rim__contention *contention, uint64_t now_ns, uint64_t delayed_ns) {
    uint64_t passed_ns = now_ns - contention->since_ns;
    bool was_on = contention->is_on;
    contention->is_on =
        !was_on && contention->since_ns != 0 && delayed_ns - contention->delayed_ns > passed_ns / RIM_CONTENTION_PART;
    if (contention->is_on) {
        contention->rests += contention->rests < RIM_CONTENTION_RESTS_MAX;
    } else if (!was_on) {
        contention->rests -= contention->rests > 0;
    }
    contention->since_ns = now_ns;
    contention->delayed_ns = delayed_ns;
}

#endif
