/* SPDX-License-Identifier: MIT */
#include "shard/timer.h"

#include <stddef.h>

#include "base/assert.h"

static uint64_t slot_number(uint64_t ns) {
    return ns >> RIM_WHEEL_SLOT_BITS;
}

/* Deadlines are rounded up: a timer is never early. */
static uint64_t due_slot(uint64_t deadline_ns) {
    uint64_t slot = slot_number(deadline_ns);
    bool exact = (slot << RIM_WHEEL_SLOT_BITS) == deadline_ns;
    return exact || deadline_ns == UINT64_MAX ? slot : slot + 1;
}

void rim__wheel_init(struct rim__wheel *wheel, uint64_t now_ns) {
    *wheel = (struct rim__wheel){.at = slot_number(now_ns), .next_ns = RIM_WHEEL_NEVER};
}

/* The level whose slots are just wide enough that the timer's slot has not come up yet. */
static unsigned level_for(uint64_t at, uint64_t due) {
    uint64_t differ = at ^ due;
    unsigned level = differ == 0 ? 0 : (63u - (unsigned)__builtin_clzll(differ)) / RIM_WHEEL_BITS;
    return level < RIM_WHEEL_LEVELS ? level : RIM_WHEEL_LEVELS - 1;
}

static void insert(struct rim__wheel *wheel, struct rim__timer *timer) {
    uint64_t due = due_slot(timer->deadline_ns);
    if (due <= wheel->at) {
        due = wheel->at + 1; /* the current slot has been looked at already */
    }
    unsigned level = level_for(wheel->at, due);
    unsigned index = (unsigned)(due >> (level * RIM_WHEEL_BITS)) & (RIM_WHEEL_SLOTS - 1);
    struct rim__timer **head = &wheel->slot[level][index];
    timer->next = *head;
    if (timer->next != NULL) {
        timer->next->link = &timer->next;
    }
    timer->link = head;
    *head = timer;
    wheel->busy[level] |= 1ull << index;
    uint64_t fires_ns = due << RIM_WHEEL_SLOT_BITS;
    if (fires_ns < wheel->next_ns) {
        wheel->next_ns = fires_ns;
    }
}

static void take_out(struct rim__timer *timer) {
    *timer->link = timer->next;
    if (timer->next != NULL) {
        timer->next->link = timer->link;
    }
    timer->next = NULL;
    timer->link = NULL;
}

void rim__timer_arm(struct rim__wheel *wheel, struct rim__timer *timer, uint64_t deadline_ns) {
    rim__assert(timer->fire != NULL);
    if (rim__timer_is_armed(timer)) {
        rim__timer_disarm(wheel, timer);
    }
    timer->deadline_ns = deadline_ns;
    wheel->count++;
    insert(wheel, timer);
}

void rim__timer_disarm(struct rim__wheel *wheel, struct rim__timer *timer) {
    if (!rim__timer_is_armed(timer)) {
        return;
    }
    take_out(timer); /* the slot's busy bit may stay: it is cleared when it is looked at */
    rim__assert(wheel->count > 0);
    if (--wheel->count == 0) {
        wheel->next_ns = RIM_WHEEL_NEVER;
    }
}

/* The first slot number from wheel->at + 1 on at which a slot comes up, whatever its level. */
static uint64_t next_slot(struct rim__wheel *wheel) {
    uint64_t best = UINT64_MAX;
    for (unsigned level = 0; level < RIM_WHEEL_LEVELS; level++) {
        unsigned shift = level * RIM_WHEEL_BITS;
        uint64_t position = wheel->at >> shift;
        unsigned here = (unsigned)position & (RIM_WHEEL_SLOTS - 1);
        while (wheel->busy[level] != 0) {
            /* Slots ahead of us in this rotation come first; those behind belong to the next one. */
            uint64_t rotated = here == RIM_WHEEL_SLOTS - 1
                                   ? wheel->busy[level]
                                   : (wheel->busy[level] >> (here + 1)) | (wheel->busy[level] << (63 - here));
            unsigned ahead = (unsigned)__builtin_ctzll(rotated) + 1;
            unsigned index = (here + ahead) & (RIM_WHEEL_SLOTS - 1);
            if (wheel->slot[level][index] == NULL) {
                wheel->busy[level] &= ~(1ull << index);
                continue;
            }
            uint64_t slot = (position + ahead) << shift;
            best = slot < best ? slot : best;
            break;
        }
    }
    return best;
}

uint64_t rim__wheel_next(struct rim__wheel *wheel) {
    if (wheel->count == 0) {
        return RIM_WHEEL_NEVER;
    }
    wheel->next_ns = next_slot(wheel) << RIM_WHEEL_SLOT_BITS;
    return wheel->next_ns;
}

/* Empties the slots that come up at `at`: level 0 fires, the others move down. */
static void turn(struct rim__shard *shard, struct rim__wheel *wheel) {
    for (unsigned level = RIM_WHEEL_LEVELS; level-- > 0;) {
        unsigned shift = level * RIM_WHEEL_BITS;
        if ((wheel->at & ((1ull << shift) - 1)) != 0) {
            continue; /* no slot of this level starts here */
        }
        unsigned index = (unsigned)(wheel->at >> shift) & (RIM_WHEEL_SLOTS - 1);
        struct rim__timer *list = wheel->slot[level][index];
        if (list == NULL) {
            continue;
        }
        wheel->slot[level][index] = NULL;
        wheel->busy[level] &= ~(1ull << index);
        list->link = &list; /* a fire function may disarm any other timer of the list */
        while (list != NULL) {
            struct rim__timer *timer = list;
            take_out(timer);
            if (due_slot(timer->deadline_ns) <= wheel->at) {
                wheel->count--;
                timer->fire(shard, timer);
            } else {
                insert(wheel, timer);
            }
        }
    }
}

void rim__wheel_expire(struct rim__shard *shard, struct rim__wheel *wheel, uint64_t now_ns) {
    uint64_t now_slot = slot_number(now_ns);
    if (wheel->count == 0) { /* keep up, so that the next timer starts on a low level */
        wheel->at = now_slot;
        return;
    }
    if (now_ns < wheel->next_ns) {
        return;
    }
    while (wheel->count > 0) {
        uint64_t slot = next_slot(wheel);
        if (slot > now_slot) {
            wheel->next_ns = slot << RIM_WHEEL_SLOT_BITS;
            break;
        }
        wheel->at = slot;
        turn(shard, wheel);
    }
    if (wheel->at < now_slot) {
        wheel->at = now_slot;
    }
    if (wheel->count == 0) {
        wheel->next_ns = RIM_WHEEL_NEVER;
    }
}
