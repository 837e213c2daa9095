/* SPDX-License-Identifier: MIT */
/*
 * random.h - a small seeded generator (xoshiro256**, Blackman and Vigna 2018), and a mixer for hashes.
 */
#ifndef RINGMAIL_BASE_RANDOM_H
#define RINGMAIL_BASE_RANDOM_H

#include <stdint.h>

struct rim__random {
    uint64_t word[4];
};

void rim__random_init(struct rim__random *random, uint64_t seed);
uint64_t rim__random_next(struct rim__random *random);
/* Evenly from 0 to limit - 1; limit above 0. */
uint64_t rim__random_below(struct rim__random *random, uint64_t limit);

/* Spreads every bit of x over the whole word (splitmix64's finaliser). */
static inline uint64_t rim__mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

#endif
