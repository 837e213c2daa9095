/* SPDX-License-Identifier: MIT */
/*
 * doorbell.h - how a shard learns that there is news in its lanes, and how it falls asleep without missing any.
 *
 * One word for each receiver, on lines of its own:
 *
 *     bits 0 to 61   lane i has news (or, with more than 62 shards: group i of 64 lanes has news)
 *     bit 62         the inlet has news (threads that are no shard)
 *     bit 63         PARKED: the receiver sleeps, or is about to
 *
 *     ring   after the push to the lane: old = fetch_or(word, bit); the one who finds old == PARKED wakes the receiver
 *     take   if (word != 0) pending |= exchange(word, 0) & ~PARKED; then pop from the lanes in pending
 *     park   when nothing is pending: compare_exchange(word, 0 -> PARKED), else take; then sleep; then take
 *
 * Why no wake-up is lost. Every decisive step is a read-modify-write of one word, so all of them stand in one order.
 * A ring that comes before the park makes the park's compare fail. A ring that comes after it finds PARKED with no
 * other bit, and wakes; further rings find PARKED and a bit, and know that somebody wakes. A take after any of them
 * clears both. The exchange acquires what every ring in its release sequence released, so the pushes are visible.
 * A plain load before the fetch_or, a fetch_or without release, clearing by load and store: each loses wake-ups, and
 * the model in tests/model shows it. With groups, take clears the word before the group words: in the other order a
 * ring between the two is lost.
 *
 *     Threads  ring: any shard, or (inlet) any thread; take and park: the receiver
 */
#ifndef RINGMAIL_SHARD_DOORBELL_H
#define RINGMAIL_SHARD_DOORBELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

#define RIM_BELL_LANES  62u
#define RIM_BELL_INLET  (1ull << 62)
#define RIM_BELL_PARKED (1ull << 63)
#define RIM_BELL_GROUPS 4u

struct rim__bell_group {
    _Atomic uint64_t word rim__aligned(RIM_CACHE_LINE); /* by ringers and the receiver */
};

struct rim__bell {
    _Atomic uint64_t word rim__aligned(RIM_CACHE_LINE); /* by ringers and the receiver */
    bool grouped rim__aligned(RIM_CACHE_LINE);          /* set at the start */
    struct rim__bell_group group[RIM_BELL_GROUPS];
};

/* What a take found: lanes by number, 64 to a word. */
struct rim__bell_news {
    uint64_t lanes[RIM_BELL_GROUPS];
    bool inlet;
};

void rim__bell_init(struct rim__bell *bell, uint32_t shards);
/* True: the caller must wake the bell's owner. */
bool rim__bell_ring(struct rim__bell *bell, uint32_t lane);
bool rim__bell_ring_inlet(struct rim__bell *bell);
void rim__bell_take_all(struct rim__bell *bell, struct rim__bell_news *news);
/* False: there is news; take it. */
bool rim__bell_park(struct rim__bell *bell);

/* A look without taking: nothing may be concluded from it but that a take is worth while. */
static inline uint64_t rim__bell_look(const struct rim__bell *bell) {
    return atomic_load_explicit(&bell->word, memory_order_relaxed);
}

/* Adds to `news`. The plain look first keeps an idle bell's line shared. */
static inline void rim__bell_take(struct rim__bell *bell, struct rim__bell_news *news) {
    if (atomic_load_explicit(&bell->word, memory_order_relaxed) != 0) {
        rim__bell_take_all(bell, news);
    }
}

#endif
