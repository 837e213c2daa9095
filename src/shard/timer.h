/* SPDX-License-Identifier: MIT */
/*
 * timer.h - deadlines: a hierarchical wheel of intrusive timers (Varghese and Lauck 1987, scheme 7).
 *
 *     level 0   64 slots of 16.4 us, level 1   64 slots of 1 ms, level 2   64 slots of 67 ms, ... eight levels
 *
 * Arm and disarm are constant time. A timer of a higher level moves down when its slot comes up, so that none fires
 * early and none later than one slot of level 0 after its deadline plus the tick.
 */
#ifndef RINGMAIL_SHARD_TIMER_H
#define RINGMAIL_SHARD_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#define RIM_WHEEL_SLOT_BITS 14 /* nanoseconds of a slot of level 0, as a power of two */
#define RIM_WHEEL_BITS      6
#define RIM_WHEEL_SLOTS     (1u << RIM_WHEEL_BITS)
#define RIM_WHEEL_LEVELS    8u
#define RIM_WHEEL_NEVER     UINT64_MAX

struct rim__shard;

struct rim__timer {
    struct rim__timer *next, **link; /* link is NULL while not armed */
    uint64_t deadline_ns;
    void (*fire)(struct rim__shard *shard, struct rim__timer *timer); /* disarmed by then; may arm again */
};

struct rim__wheel {
    uint64_t at;                     /* slots of level 0 that have passed */
    uint64_t count;                  /* timers armed */
    uint64_t next_ns;                /* no timer fires before; RIM_WHEEL_NEVER if none is armed */
    uint64_t busy[RIM_WHEEL_LEVELS]; /* which slots hold timers */
    struct rim__timer *slot[RIM_WHEEL_LEVELS][RIM_WHEEL_SLOTS];
};

void rim__wheel_init(struct rim__wheel *wheel, uint64_t now_ns);
/* Arms; a deadline in the past fires at the next expire. An armed timer is moved. */
void rim__timer_arm(struct rim__wheel *wheel, struct rim__timer *timer, uint64_t deadline_ns);
void rim__timer_disarm(struct rim__wheel *wheel, struct rim__timer *timer);
static inline bool rim__timer_is_armed(const struct rim__timer *timer) {
    return timer->link != 0;
}
/* Fires everything whose deadline has passed. */
void rim__wheel_expire(struct rim__shard *shard, struct rim__wheel *wheel, uint64_t now_ns);
/* When expire has something to do next; exact enough to sleep by. RIM_WHEEL_NEVER: nothing armed. */
uint64_t rim__wheel_next(struct rim__wheel *wheel);

#endif
