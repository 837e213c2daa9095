/* SPDX-License-Identifier: MIT */
#include "shard/doorbell.h"

void rim__bell_init(struct rim__bell *bell, uint32_t shards) {
    atomic_init(&bell->word, 0);
    bell->grouped = shards > RIM_BELL_LANES;
    for (uint32_t i = 0; i < RIM_BELL_GROUPS; i++) {
        atomic_init(&bell->group[i].word, 0);
    }
}

bool rim__bell_ring(struct rim__bell *bell, uint32_t lane) {
    if (bell->grouped) {
        /* release: with the acquire of take_all's exchange. The group first: the word announces it. */
        atomic_fetch_or_explicit(&bell->group[lane / 64].word, 1ull << (lane % 64), memory_order_acq_rel);
        lane /= 64;
    }
    uint64_t bit = 1ull << lane;
    /* Always the read-modify-write, also where the bit is set already: it carries our push along. */
    uint64_t old = atomic_fetch_or_explicit(&bell->word, bit, memory_order_acq_rel);
    return old == RIM_BELL_PARKED;
}

bool rim__bell_ring_inlet(struct rim__bell *bell) {
    return atomic_fetch_or_explicit(&bell->word, RIM_BELL_INLET, memory_order_acq_rel) == RIM_BELL_PARKED;
}

void rim__bell_take_all(struct rim__bell *bell, struct rim__bell_news *news) {
    /* acquire: with the release of every ring that it takes. */
    uint64_t word = atomic_exchange_explicit(&bell->word, 0, memory_order_acq_rel);
    news->inlet = news->inlet || (word & RIM_BELL_INLET) != 0;
    word &= ~(RIM_BELL_INLET | RIM_BELL_PARKED);
    if (!bell->grouped) {
        news->lanes[0] |= word;
        return;
    }
    for (; word != 0; word &= word - 1) {
        unsigned group = (unsigned)__builtin_ctzll(word);
        news->lanes[group] |= atomic_exchange_explicit(&bell->group[group].word, 0, memory_order_acq_rel);
    }
}

bool rim__bell_park(struct rim__bell *bell) {
    uint64_t quiet = 0;
    return atomic_compare_exchange_strong_explicit(&bell->word, &quiet, RIM_BELL_PARKED, memory_order_acq_rel,
                                                   memory_order_relaxed);
}
