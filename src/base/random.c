/* SPDX-License-Identifier: MIT */
#include "base/random.h"

void rim__random_init(struct rim__random *random, uint64_t seed) {
    for (int i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15u;
        random->word[i] = rim__mix(seed);
    }
}

static uint64_t rotate(uint64_t x, int by) {
    return (x << by) | (x >> (64 - by));
}

uint64_t rim__random_next(struct rim__random *random) {
    uint64_t *s = random->word;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t rim__random_below(struct rim__random *random, uint64_t limit) {
    return (uint64_t)(((unsigned __int128)rim__random_next(random) * limit) >> 64);
}
