/* SPDX-License-Identifier: MIT */
#include "shard/doorbell.h"

#include <string.h>

#include "base/random.h"
#include "shard/shard.h"
#include "unit.h"

static struct rim__bell bell;
static struct rim__bell_news news;

static void start(uint32_t shards) {
    rim__bell_init(&bell, shards);
    memset(&news, 0, sizeof news);
}

static bool has(uint32_t lane) {
    return (news.lanes[lane / 64] >> (lane % 64) & 1) != 0;
}

static uint32_t count_news(void) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < RIM_BELL_GROUPS; i++) {
        count += (uint32_t)__builtin_popcountll(news.lanes[i]);
    }
    return count;
}

static void check_every_lane_alone(uint32_t shards) {
    for (uint32_t lane = 0; lane < shards; lane++) {
        start(shards);
        CU_ASSERT(!rim__bell_ring(&bell, lane));
        rim__bell_take(&bell, &news);
        CU_ASSERT(has(lane));
        CU_ASSERT_EQUAL(count_news(), 1);
        CU_ASSERT(!news.inlet);
    }
}

static void bell_tells_which_lane_rang(void) {
    check_every_lane_alone(2);
    check_every_lane_alone(62); /* the most without groups */
    check_every_lane_alone(63);
    check_every_lane_alone(70);
    check_every_lane_alone(RIM_SHARDS_MAX);
}

static void bell_gathers_what_rang_since_the_last_take(void) {
    static const uint32_t shards[] = {62, 70, 256};
    struct rim__random random;
    rim__random_init(&random, unit_seed());
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t round = 0; round < 200; round++) {
            bool rung[RIM_SHARDS_MAX] = {false};
            start(shards[i]);
            uint32_t rings = (uint32_t)rim__random_below(&random, 20);
            for (uint32_t k = 0; k < rings; k++) {
                uint32_t lane = (uint32_t)rim__random_below(&random, shards[i]);
                rung[lane] = true;
                CU_ASSERT(!rim__bell_ring(&bell, lane));
            }
            rim__bell_take(&bell, &news);
            for (uint32_t lane = 0; lane < shards[i]; lane++) {
                CU_ASSERT_EQUAL(has(lane), rung[lane]);
            }
            memset(&news, 0, sizeof news);
            rim__bell_take(&bell, &news);
            CU_ASSERT_EQUAL(count_news(), 0);
        }
    }
}

static void check_who_wakes(uint32_t shards) {
    start(shards);
    CU_ASSERT(rim__bell_park(&bell));
    CU_ASSERT(rim__bell_ring(&bell, shards - 1)); /* the first one wakes */
    CU_ASSERT(!rim__bell_ring(&bell, shards - 1));
    CU_ASSERT(!rim__bell_ring(&bell, 0));
    CU_ASSERT(!rim__bell_ring_inlet(&bell));
    CU_ASSERT(!rim__bell_park(&bell));
    rim__bell_take(&bell, &news);
    CU_ASSERT(has(shards - 1) && has(0) && news.inlet);
    CU_ASSERT_EQUAL(count_news(), 2);
    CU_ASSERT(rim__bell_park(&bell)); /* and the next sleep has a waker of its own */
    CU_ASSERT(rim__bell_ring(&bell, 1));
    rim__bell_take(&bell, &news);
}

static void bell_has_one_waker_for_each_park(void) {
    check_who_wakes(2);
    check_who_wakes(62);
    check_who_wakes(70);
    check_who_wakes(256);
}

static void bell_inlet_wakes_like_a_lane_and_is_no_lane(void) {
    start(70);
    CU_ASSERT(rim__bell_park(&bell));
    CU_ASSERT(rim__bell_ring_inlet(&bell));
    CU_ASSERT(!rim__bell_ring(&bell, 64));
    rim__bell_take(&bell, &news);
    CU_ASSERT(news.inlet);
    CU_ASSERT(has(64));
    CU_ASSERT_EQUAL(count_news(), 1);
}

static void bell_that_nobody_rang_is_not_parked_after_a_take(void) {
    start(2);
    CU_ASSERT(rim__bell_park(&bell));
    rim__bell_take(&bell, &news); /* a sleep that ended by itself */
    CU_ASSERT_EQUAL(count_news(), 0);
    CU_ASSERT(!rim__bell_ring(&bell, 1)); /* the receiver is awake: nobody need wake it */
    CU_ASSERT(!rim__bell_park(&bell));
}

static void bell_adds_to_news_that_were_not_worked_off(void) {
    start(70);
    rim__bell_ring(&bell, 3);
    rim__bell_take(&bell, &news);
    rim__bell_ring(&bell, 69);
    rim__bell_ring_inlet(&bell);
    rim__bell_take(&bell, &news);
    CU_ASSERT(has(3) && has(69) && news.inlet);
    rim__bell_ring(&bell, 4);
    rim__bell_take(&bell, &news);
    CU_ASSERT(news.inlet); /* stays until its owner has looked */
}

#define TESTS(X)                                                                                                       \
    X(bell_tells_which_lane_rang)                                                                                      \
    X(bell_gathers_what_rang_since_the_last_take)                                                                      \
    X(bell_has_one_waker_for_each_park)                                                                                \
    X(bell_inlet_wakes_like_a_lane_and_is_no_lane)                                                                     \
    X(bell_that_nobody_rang_is_not_parked_after_a_take)                                                                \
    X(bell_adds_to_news_that_were_not_worked_off)
UNIT_SUITE(doorbell, TESTS)
