/* SPDX-License-Identifier: MIT */
/*
 * contention.h - whether others want the CPU of a thread that would rather look out than sleep. Called by loop.c.
 *
 * It is told by how long the thread was ready and had no CPU: for more than a sixteenth of a window of time. Then it
 * rests, that is to say sleeps where it would have looked out, and the next window begins. What keeps a CPU for a few
 * milliseconds only (a program that starts) costs one short rest; each further window that is contended doubles the
 * rest, each that is not halves it.
 *
 * A thread that is pinned cannot get out of the way of others on its CPU, nor they out of its way for long. So where
 * contention lasts, it is to leave its home, and the kernel places it. It comes back after a while without contention;
 * if it has to leave soon again, the next while is twice as long.
 *
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_SHARD_CONTENTION_H
#define RINGMAIL_SHARD_CONTENTION_H

#include <stdbool.h>
#include <stdint.h>

#define RIM_CONTENTION_WINDOW_NS 10000000u
#define RIM_CONTENTION_REST_NS   16000000u  /* the shortest */
#define RIM_CONTENTION_RESTS_MAX 6u         /* the longest is half a second */
#define RIM_CONTENTION_PART      16u        /* of the time waited for the CPU: contended */
#define RIM_CONTENTION_LEAVE     2u         /* rests, one longer than the other: then it is to leave */
#define RIM_CONTENTION_AWAY_NS   250000000u /* at least, before it comes back */
#define RIM_CONTENTION_AWAYS_MAX 6u         /* times that this is doubled: 16 s */

/* Zeroed: nothing is known. */
struct rim__contention {
    bool is_on;          /* it rests */
    uint32_t rests;      /* how often the rest was doubled, and one */
    uint64_t since_ns;   /* when the rest or the window began; 0: none has */
    uint64_t delayed_ns; /* ready and without a CPU, by then */
    bool is_away;        /* it is to be away from its home */
    uint32_t aways;      /* how often the time away was doubled */
    uint64_t moved_ns;   /* when it was last to leave, or to come back; 0: never */
};

static inline uint64_t rim__contention_away_ns(const struct rim__contention *contention) {
    return (uint64_t)RIM_CONTENTION_AWAY_NS << contention->aways;
}

/* It leaves in the second rest, and comes back when the last windows were not contended. */
static inline void rim__contention_choose_place(struct rim__contention *contention, uint64_t now_ns) {
    uint64_t passed_ns = now_ns - contention->moved_ns;
    if (!contention->is_away && contention->is_on && contention->rests >= RIM_CONTENTION_LEAVE) {
        bool was_back = contention->moved_ns != 0 && passed_ns < rim__contention_away_ns(contention);
        contention->aways = was_back ? contention->aways + (contention->aways < RIM_CONTENTION_AWAYS_MAX) : 0;
        contention->is_away = true;
        contention->moved_ns = now_ns;
    } else if (contention->is_away && contention->rests == 0 && passed_ns >= rim__contention_away_ns(contention)) {
        contention->is_away = false;
        contention->moved_ns = now_ns;
    }
}

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
    rim__contention_choose_place(contention, now_ns);
}

#endif
