/* SPDX-License-Identifier: MIT */
/*
 * The wheel against a plain list: every timer fires at the first expire whose time has reached the end of the slot that
 * its deadline lies in, and not before; among themselves they fire in the order of those slots.
 */
#include "shard/timer.h"

#include <string.h>

#include "base/compiler.h"
#include "base/random.h"
#include "unit.h"

#define TIMERS  300u
#define SLOT_NS (1ull << RIM_WHEEL_SLOT_BITS)

struct entry {
    struct rim__timer timer;
    uint64_t due_slot; /* 0: not armed, in the model */
    uint32_t fired;
};

static struct entry entries[TIMERS];
static struct rim__wheel wheel;
static uint64_t now_ns, last_fired_slot;
static uint32_t fired_now;

static void note(struct rim__shard *shard, struct rim__timer *timer) {
    (void)shard;
    struct entry *entry = rim__container_of(timer, struct entry, timer);
    CU_ASSERT(!rim__timer_is_armed(timer));
    CU_ASSERT(entry->due_slot != 0);
    CU_ASSERT(timer->deadline_ns <= now_ns);
    CU_ASSERT(entry->due_slot >= last_fired_slot);
    last_fired_slot = entry->due_slot;
    entry->due_slot = 0;
    entry->fired++;
    fired_now++;
}

static void start(uint64_t at_ns) {
    memset(entries, 0, sizeof entries);
    for (uint32_t i = 0; i < TIMERS; i++) {
        entries[i].timer.fire = note;
    }
    now_ns = at_ns;
    last_fired_slot = 0;
    rim__wheel_init(&wheel, now_ns);
}

static void arm(struct entry *entry, uint64_t deadline_ns) {
    uint64_t due = deadline_ns / SLOT_NS + (deadline_ns % SLOT_NS != 0);
    uint64_t next = now_ns / SLOT_NS + 1;
    entry->due_slot = due > next ? due : next;
    rim__timer_arm(&wheel, &entry->timer, deadline_ns);
}

static void disarm(struct entry *entry) {
    rim__timer_disarm(&wheel, &entry->timer);
    entry->due_slot = 0;
}

/* Expires at this time, and compares with the model. Returns how many fired. */
static uint32_t pass_to(uint64_t to_ns) {
    now_ns = to_ns;
    fired_now = 0;
    last_fired_slot = 0;
    rim__wheel_expire(NULL, &wheel, now_ns);
    uint32_t armed = 0, late = 0, wrong = 0;
    for (uint32_t i = 0; i < TIMERS; i++) {
        armed += entries[i].due_slot != 0;
        late += entries[i].due_slot != 0 && entries[i].due_slot <= now_ns / SLOT_NS;
        wrong += rim__timer_is_armed(&entries[i].timer) != (entries[i].due_slot != 0);
    }
    CU_ASSERT_EQUAL(late, 0);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(wheel.count, armed);
    return fired_now;
}

static uint64_t earliest(void) {
    uint64_t slot = UINT64_MAX;
    for (uint32_t i = 0; i < TIMERS; i++) {
        if (entries[i].due_slot != 0 && entries[i].due_slot < slot) {
            slot = entries[i].due_slot;
        }
    }
    return slot;
}

/* It may say a time that is too early (a slot moves down then), never one that is too late; and whoever expires at the
   time that it says gets a later one. */
static void check_next(void) {
    uint64_t slot = earliest(), next = rim__wheel_next(&wheel);
    if (slot == UINT64_MAX) {
        CU_ASSERT_EQUAL(next, RIM_WHEEL_NEVER);
        return;
    }
    CU_ASSERT(next <= slot * SLOT_NS);
    if (next <= now_ns) {
        (void)pass_to(now_ns);
        CU_ASSERT(rim__wheel_next(&wheel) > now_ns);
    }
}

static uint64_t random_delay(struct rim__random *random) {
    return rim__random_next(random) >> (12 + rim__random_below(random, 50)); /* of every order of magnitude */
}

static void timer_wheel_agrees_with_a_plain_list(void) {
    struct rim__random random;
    rim__random_init(&random, unit_seed());
    start(rim__random_next(&random) >> 20);
    uint32_t fired = 0;
    for (uint32_t round = 0; round < 20000; round++) {
        struct entry *entry = &entries[rim__random_below(&random, TIMERS)];
        uint64_t choice = rim__random_below(&random, 10);
        if (choice < 5) {
            arm(entry, now_ns + random_delay(&random));
        } else if (choice < 7) {
            disarm(entry);
        } else {
            uint64_t step = rim__random_next(&random) >> (24 + rim__random_below(&random, 40));
            fired += pass_to(now_ns + step);
        }
        check_next();
    }
    CU_ASSERT(fired > 1000);
}

static void timer_wheel_wakes_in_time_when_slept_by_next(void) {
    struct rim__random random;
    rim__random_init(&random, unit_seed() + 1);
    start(123456789);
    for (uint32_t i = 0; i < TIMERS; i++) {
        arm(&entries[i], now_ns + random_delay(&random));
    }
    uint32_t fired = 0, sleeps = 0;
    while (wheel.count > 0 && sleeps < TIMERS * (RIM_WHEEL_LEVELS + 1)) {
        uint64_t slot = earliest();
        uint64_t next = rim__wheel_next(&wheel);
        uint32_t count = pass_to(next);
        CU_ASSERT(count == 0 || now_ns == slot * SLOT_NS);
        fired += count;
        sleeps++;
    }
    CU_ASSERT_EQUAL(fired, TIMERS);
}

static void timer_wheel_jumps_over_ages(void) {
    struct rim__random random;
    rim__random_init(&random, unit_seed() + 2);
    for (uint32_t round = 0; round < 50; round++) {
        start(rim__random_next(&random) >> 24);
        uint64_t farthest_ns = 0;
        for (uint32_t i = 0; i < TIMERS; i++) {
            uint64_t deadline_ns = now_ns + (rim__random_next(&random) >> (3 + rim__random_below(&random, 50)));
            arm(&entries[i], deadline_ns);
            farthest_ns = deadline_ns > farthest_ns ? deadline_ns : farthest_ns;
        }
        uint32_t half = pass_to(now_ns + (farthest_ns - now_ns) / 2);
        CU_ASSERT(half > 0 && half < TIMERS);
        CU_ASSERT_EQUAL(pass_to(farthest_ns + SLOT_NS), TIMERS - half);
    }
}

static void timer_in_the_past_fires_at_the_next_expire_of_a_later_slot(void) {
    start(1000 * SLOT_NS);
    arm(&entries[0], 0);
    arm(&entries[1], now_ns);
    CU_ASSERT_EQUAL(pass_to(now_ns + SLOT_NS - 1), 0);
    CU_ASSERT_EQUAL(pass_to(now_ns + 1), 2);
}

static void timer_is_moved_when_armed_again(void) {
    start(SLOT_NS);
    arm(&entries[0], now_ns + 10 * SLOT_NS);
    arm(&entries[0], now_ns + 1000 * SLOT_NS);
    CU_ASSERT_EQUAL(wheel.count, 1);
    CU_ASSERT_EQUAL(pass_to(now_ns + 999 * SLOT_NS), 0);
    CU_ASSERT_EQUAL(pass_to(now_ns + SLOT_NS), 1);
    CU_ASSERT_EQUAL(entries[0].fired, 1);
}

static void timer_disarmed_twice_or_never_armed_does_no_harm(void) {
    start(SLOT_NS);
    disarm(&entries[0]);
    arm(&entries[0], now_ns + SLOT_NS);
    disarm(&entries[0]);
    disarm(&entries[0]);
    CU_ASSERT_EQUAL(wheel.count, 0);
    CU_ASSERT_EQUAL(rim__wheel_next(&wheel), RIM_WHEEL_NEVER);
    CU_ASSERT_EQUAL(pass_to(now_ns + 100 * SLOT_NS), 0);
}

static void timer_that_is_farther_than_the_wheel_waits_its_time(void) {
    uint64_t far_ns = UINT64_MAX / 2;
    start(SLOT_NS);
    arm(&entries[0], far_ns);
    for (uint64_t at = SLOT_NS; at < far_ns / 4; at *= 3) {
        CU_ASSERT_EQUAL(pass_to(at), 0);
        check_next();
    }
    CU_ASSERT_EQUAL(pass_to(far_ns - 1), 0);
    CU_ASSERT_EQUAL(pass_to(far_ns + SLOT_NS), 1);
}

/* ---- fire functions that change the wheel ---- */

static void disarm_the_others(struct rim__shard *shard, struct rim__timer *timer) {
    note(shard, timer);
    for (uint32_t i = 0; i < TIMERS; i++) {
        disarm(&entries[i]);
    }
}

static void timer_that_fires_may_disarm_its_neighbours(void) {
    start(SLOT_NS);
    for (uint32_t i = 0; i < TIMERS; i++) {
        entries[i].timer.fire = disarm_the_others;
        arm(&entries[i], now_ns + 5 * SLOT_NS + (i % 2) * 100 * SLOT_NS);
    }
    CU_ASSERT_EQUAL(pass_to(now_ns + 1000 * SLOT_NS), 1);
    CU_ASSERT_EQUAL(wheel.count, 0);
}

static void arm_again(struct rim__shard *shard, struct rim__timer *timer) {
    struct entry *entry = rim__container_of(timer, struct entry, timer);
    note(shard, timer);
    arm(entry, now_ns + 3 * SLOT_NS);
}

static void timer_that_fires_may_arm_itself_again(void) {
    start(SLOT_NS);
    entries[0].timer.fire = arm_again;
    arm(&entries[0], now_ns + 3 * SLOT_NS);
    for (uint32_t i = 1; i <= 1000; i++) {
        (void)pass_to(now_ns + SLOT_NS);
        CU_ASSERT_EQUAL(entries[0].fired, i / 3);
    }
}

#define TESTS(X)                                                                                                       \
    X(timer_wheel_agrees_with_a_plain_list)                                                                            \
    X(timer_wheel_wakes_in_time_when_slept_by_next)                                                                    \
    X(timer_wheel_jumps_over_ages)                                                                                     \
    X(timer_in_the_past_fires_at_the_next_expire_of_a_later_slot)                                                      \
    X(timer_is_moved_when_armed_again)                                                                                 \
    X(timer_disarmed_twice_or_never_armed_does_no_harm)                                                                \
    X(timer_that_is_farther_than_the_wheel_waits_its_time)                                                             \
    X(timer_that_fires_may_disarm_its_neighbours)                                                                      \
    X(timer_that_fires_may_arm_itself_again)
UNIT_SUITE(timer, TESTS)
