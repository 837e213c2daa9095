/* SPDX-License-Identifier: MIT */
#include "actor/spawn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ringmail/error.h"
#include "ringmail/runtime.h"
#include "unit.h"

static void reference_gives_back_what_it_was_made_of(void) {
    static const uint32_t shards[] = {0, 1, 17, 255};
    static const uint64_t locals[] = {0, 1, RIM_GENERATIONS - 1, RIM_GENERATIONS, RIM_LOCAL_MASK};
    for (uint32_t i = 0; i < 4; i++) {
        for (uint32_t k = 0; k < 5; k++) {
            uint64_t ref = rim__ref_make(RIM_REF_REQUEST, shards[i], locals[k]);
            CU_ASSERT_EQUAL(rim__ref_kind(ref), RIM_REF_REQUEST);
            CU_ASSERT_EQUAL(rim__ref_node(ref), 0);
            CU_ASSERT_EQUAL(rim__ref_shard(ref), shards[i]);
            CU_ASSERT_EQUAL(rim__ref_local(ref), locals[k]);
            CU_ASSERT_EQUAL(rim_shard_of(ref), shards[i]);
            CU_ASSERT(ref != RIM_NIL);
        }
    }
}

static void allotments_share_the_upper_half_and_do_not_overlap(void) {
    for (uint32_t shards = 1; shards <= RIM_SHARDS_MAX; shards = shards * 2 + shards % 3) {
        uint32_t last = RIM_SLOTS_OWN;
        for (uint32_t spawner = 0; spawner <= shards; spawner++) { /* the last one is for foreign threads */
            uint32_t first, end;
            rim__allotment_range(spawner, shards, &first, &end);
            CU_ASSERT(first >= last && end > first && end <= RIM_SLOTS);
            last = end;
        }
    }
}

static void allotment_gives_slots_until_there_are_none(void) {
    struct rim__allotment allotment = {.fresh = 100, .limit = 103};
    uint64_t local;
    for (uint32_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(rim__allotment_take(&allotment, &local), 0);
        CU_ASSERT_EQUAL(local, (uint64_t)(100 + i) << RIM_GENERATION_BITS);
    }
    CU_ASSERT_EQUAL(allotment.in_use, 3);
    CU_ASSERT_EQUAL(rim__allotment_take(&allotment, &local), -RIM_ELIMIT);
    CU_ASSERT_EQUAL(allotment.in_use, 3);
    uint64_t next = (101ull << RIM_GENERATION_BITS) + 1;
    CU_ASSERT_EQUAL(rim__allotment_give(&allotment, next), 0); /* its actor has ended */
    CU_ASSERT_EQUAL(allotment.in_use, 2);
    CU_ASSERT_EQUAL(rim__allotment_take(&allotment, &local), 0);
    CU_ASSERT_EQUAL(local, next);
    free(allotment.free);
}

static void allotment_return_undoes_a_take(void) {
    struct rim__allotment allotment = {.fresh = 100, .limit = 200};
    uint64_t first, again;
    CU_ASSERT_EQUAL(rim__allotment_take(&allotment, &first), 0);
    rim__allotment_return(&allotment, first); /* a fresh one */
    CU_ASSERT_EQUAL(allotment.fresh, 100);
    CU_ASSERT_EQUAL(rim__allotment_take(&allotment, &again), 0);
    CU_ASSERT_EQUAL(again, first);
    CU_ASSERT_EQUAL(rim__allotment_give(&allotment, first + 1), 0);
    CU_ASSERT_EQUAL(rim__allotment_take(&allotment, &again), 0);
    rim__allotment_return(&allotment, again); /* one that was used before */
    CU_ASSERT_EQUAL(allotment.in_use, 0);
    CU_ASSERT_EQUAL(rim__allotment_take(&allotment, &again), 0);
    CU_ASSERT_EQUAL(again, first + 1);
    free(allotment.free);
}

static void allotment_remembers_many_free_slots(void) {
    struct rim__allotment allotment = {.fresh = 0, .limit = 1000, .in_use = 1000};
    for (uint64_t i = 0; i < 1000; i++) {
        CU_ASSERT_EQUAL(rim__allotment_give(&allotment, i << RIM_GENERATION_BITS | 1), 0);
    }
    CU_ASSERT_EQUAL(allotment.in_use, 0);
    for (uint64_t i = 1000; i-- > 0;) {
        uint64_t local;
        CU_ASSERT_EQUAL(rim__allotment_take(&allotment, &local), 0);
        CU_ASSERT_EQUAL(local, i << RIM_GENERATION_BITS | 1);
    }
    free(allotment.free);
}

static void spawn_check_knows_a_behaviour_that_cannot_be(void) {
    rim_behaviour good = {.name = "good"}, bad;
    rim_spawn_options options = {.place = RIM_BY_HASH};
    CU_ASSERT_EQUAL(rim__spawn_check(&good, NULL, 0), 0);
    CU_ASSERT_EQUAL(rim__spawn_check(&good, &options, RIM_SPAWN_ARG_MAX), 0);
    CU_ASSERT_EQUAL(rim__spawn_check(&good, NULL, RIM_SPAWN_ARG_MAX + 1), -EINVAL);
    CU_ASSERT_EQUAL(rim__spawn_check(NULL, NULL, 0), -EINVAL);
    bad = (rim_behaviour){.name = NULL};
    CU_ASSERT_EQUAL(rim__spawn_check(&bad, NULL, 0), -EINVAL);
    bad = (rim_behaviour){.name = "rows without a table", .on_count = 1};
    CU_ASSERT_EQUAL(rim__spawn_check(&bad, NULL, 0), -EINVAL);
    bad = (rim_behaviour){.name = "large", .state_size = (size_t)RIM_STATE_MAX + 1};
    CU_ASSERT_EQUAL(rim__spawn_check(&bad, NULL, 0), -EINVAL);
    options.place = (enum rim_place)77;
    CU_ASSERT_EQUAL(rim__spawn_check(&good, &options, 0), -EINVAL);
}

static void hashes_fall_evenly_on_shards(void) {
    static const uint32_t counts[] = {1, 2, 3, 7, 256};
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t hits[256] = {0};
        for (uint64_t k = 0; k < 25600; k++) {
            uint32_t shard = rim_shard_for(rim__mix(k + 1), counts[i]);
            CU_ASSERT_FATAL(shard < counts[i]);
            hits[shard]++;
        }
        for (uint32_t k = 0; k < counts[i]; k++) {
            CU_ASSERT(hits[k] > 25600 / counts[i] / 2 && hits[k] < 25600 / counts[i] * 2);
        }
    }
    CU_ASSERT_EQUAL(rim_shard_for(UINT64_MAX, 3), 2);
    CU_ASSERT_EQUAL(rim_shard_for(0, 3), 0);
}

static void stats_have_a_name_and_a_text_each(void) {
    rim_stats stats;
    uint32_t count = 0;
    memset(&stats, 0, sizeof stats);
    while (rim_stats_name(count) != NULL) {
        ((uint64_t *)(void *)&stats)[count] = count + 1;
        CU_ASSERT(rim_stats_text(count) != NULL && strlen(rim_stats_text(count)) > 5);
        CU_ASSERT_EQUAL(rim_stats_value(&stats, count), count + 1);
        count++;
    }
    CU_ASSERT_EQUAL(count * sizeof(uint64_t), sizeof stats);
    CU_ASSERT(rim_stats_text(count) == NULL);
    CU_ASSERT_EQUAL(rim_stats_value(&stats, count), 0);
    CU_ASSERT_STRING_EQUAL(rim_stats_name(0), "sent");
    CU_ASSERT_EQUAL(stats.slept_ns, count);
}

static void stats_add_up_or_not(void) {
    rim_stats stats = {.sent = 10, .handled = 4, .refused = 3, .dead = 2, .queued = 1};
    CU_ASSERT(rim_stats_add_up(&stats));
    stats.handled++;
    CU_ASSERT(!rim_stats_add_up(&stats));
}

#define TESTS(X)                                                                                                       \
    X(reference_gives_back_what_it_was_made_of)                                                                        \
    X(allotments_share_the_upper_half_and_do_not_overlap)                                                              \
    X(allotment_gives_slots_until_there_are_none)                                                                      \
    X(allotment_return_undoes_a_take)                                                                                  \
    X(allotment_remembers_many_free_slots)                                                                             \
    X(spawn_check_knows_a_behaviour_that_cannot_be)                                                                    \
    X(hashes_fall_evenly_on_shards)                                                                                    \
    X(stats_have_a_name_and_a_text_each)                                                                               \
    X(stats_add_up_or_not)
UNIT_SUITE(spawn, TESTS)
