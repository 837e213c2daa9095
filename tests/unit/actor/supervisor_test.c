/* SPDX-License-Identifier: MIT */
/* Packs, which are bytes and nothing else; and the index, which wants an actor's memory. */
#include "actor/supervisor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ringmail.h"
#include "unit.h"

/* ---- packs ---- */

static const rim_behaviour worker = {.name = "worker"};

static const struct rim__pack *pack_of(const rim_supervisor_spec *spec) {
    size_t size = rim__pack_size(spec);
    CU_ASSERT_EQUAL(size % 16, 0);
    void *block = aligned_alloc(16, size);
    memset(block, 0x5a, size);
    rim__pack_write(spec, block);
    return rim__pack_read(block, size);
}

static void pack_has_the_defaults_that_the_header_names(void) {
    rim_child child = {.id = "a", .behaviour = &worker};
    rim_supervisor_spec below = {0}, spec = {.children = &child, .child_count = 1};
    const struct rim__pack *pack = pack_of(&spec);
    CU_ASSERT(pack->intensity == 1 && pack->period_ns == RIM_SECONDS(5));
    CU_ASSERT(pack->children[0].stop_ns == RIM_SECONDS(5) && pack->children[0].behaviour == &worker);
    free((void *)(uintptr_t)pack);
    child = (rim_child){.id = "a", .supervisor = &below};
    spec.intensity = 0;
    spec.period_ns = 7;
    pack = pack_of(&spec);
    CU_ASSERT(pack->intensity == 0 && pack->period_ns == 7);
    CU_ASSERT(pack->children[0].stop_ns == RIM_FOREVER && pack->children[0].behaviour == NULL);
    free((void *)(uintptr_t)pack);
}

static void pack_contains_what_the_spec_points_to(void) {
    static const char bytes[33] = "thirty-two bytes and their zero.";
    rim_spawn_options named = {.name = "bob", .mailbox_count = 3};
    rim_child inner = {.id = "inner", .behaviour = &worker, .arg = bytes, .size = sizeof bytes, .options = &named};
    rim_supervisor_spec below = {.strategy = RIM_REST_FOR_ONE, .children = &inner, .child_count = 1};
    rim_child children[] = {{.id = "x", .behaviour = &worker, .arg = bytes, .size = 1},
                            {.id = "below", .supervisor = &below},
                            {.id = "y", .behaviour = &worker, .arg = bytes + 1, .size = 2}};
    rim_supervisor_spec spec = {.children = children, .child_count = 3};
    const struct rim__pack *pack = pack_of(&spec);
    const unsigned char *start = (const unsigned char *)pack;
    CU_ASSERT(start[pack->children[0].at] == 't' && start[pack->children[2].at] == 'h');
    const struct rim__pack *nested = rim__pack_read(start + pack->children[1].at, pack->children[1].size);
    CU_ASSERT_FATAL(nested != NULL);
    CU_ASSERT(nested->strategy == RIM_REST_FOR_ONE && nested->child_count == 1);
    CU_ASSERT_STRING_EQUAL(nested->children[0].id, "inner");
    CU_ASSERT_STRING_EQUAL(nested->children[0].name, "bob");
    CU_ASSERT(nested->children[0].options.name == NULL && nested->children[0].options.mailbox_count == 3);
    CU_ASSERT(memcmp((const char *)nested + nested->children[0].at, bytes, sizeof bytes) == 0);
    free((void *)(uintptr_t)pack);
}

static void what_is_no_pack_is_not_read_as_one(void) {
    rim_supervisor_spec spec = {0};
    const struct rim__pack *pack = pack_of(&spec);
    CU_ASSERT(rim__pack_read(pack, 3) == NULL);
    CU_ASSERT(rim__pack_read(pack, pack->size + 16) == NULL);
    free((void *)(uintptr_t)pack);
}

/* ---- the index ---- */

enum { CHILDREN = 500, ROUNDS = 20000 };

static struct rim__child children[CHILDREN];
static bool inside[CHILDREN];
static uint64_t state;

static uint64_t next_random(uint64_t limit) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % limit;
}

static void compare(const struct rim__index *index, uint32_t i) {
    const struct rim__child *found =
        index->by_ref ? rim__index_find_ref(index, children[i].ref) : rim__index_find_id(index, children[i].id);
    CU_ASSERT_FATAL(found == (inside[i] ? &children[i] : NULL));
}

static void stir(rim_ctx *ctx, bool by_ref) {
    struct rim__index index = {.by_ref = by_ref};
    uint32_t count = 0;
    memset(inside, 0, sizeof inside);
    CU_ASSERT(rim__index_find_ref(&index, 1) == NULL && rim__index_find_id(&index, "1") == NULL);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t i = (uint32_t)next_random(CHILDREN);
        if (inside[i]) {
            rim__index_remove(&index, &children[i]);
            count--;
        } else {
            CU_ASSERT_FATAL(rim__index_reserve(ctx, &index, ++count) == 0);
            rim__index_add(&index, &children[i]);
        }
        inside[i] = !inside[i];
        compare(&index, i);
        compare(&index, (uint32_t)next_random(CHILDREN));
    }
    for (uint32_t i = 0; i < CHILDREN; i++) {
        compare(&index, i);
    }
}

static rim_verdict stirrer_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    (void)arg;
    (void)size;
    stir(ctx, false);
    stir(ctx, true);
    return RIM_DONE;
}

static void index_finds_what_is_in_it_and_nothing_else(void) {
    static const rim_behaviour stirrer = {.name = "stirrer", .init = stirrer_init};
    rim_system *system;
    rim_ref ref;
    state = unit_seed();
    for (uint32_t i = 0; i < CHILDREN; i++) {
        children[i].ref = 1 + i;
        snprintf(children[i].id, sizeof children[i].id, "child %u", i);
    }
    rim_config config = {.shards = 1, .driver = RIM_DRIVER_SIM};
    CU_ASSERT_FATAL(rim_system_create(&config, &system) == 0);
    CU_ASSERT_FATAL(rim_system_spawn(system, &stirrer, NULL, NULL, 0, &ref) == 0);
    CU_ASSERT_FATAL(rim_system_start(system) == 0);
    rim_sim_run(system, RIM_MS(1));
    CU_ASSERT(rim_system_stop(system, RIM_SECONDS(1), NULL) == 0);
    rim_system_destroy(system);
}

/* ---- made without its spec ---- */

static uint64_t actors_after(const void *birth, size_t size, uint64_t wait_ns) {
    rim_system *system;
    rim_ref ref;
    rim_stats stats;
    rim_config config = {.shards = 1, .driver = RIM_DRIVER_SIM};
    CU_ASSERT_FATAL(rim_system_create(&config, &system) == 0);
    CU_ASSERT_FATAL(rim_system_start(system) == 0);
    rim_sim_run(system, RIM_MS(1));
    CU_ASSERT_FATAL(rim_system_stats(system, RIM_ALL_SHARDS, &stats) == 0);
    uint64_t before = stats.actors;
    CU_ASSERT_FATAL(rim_system_spawn(system, &rim__supervisor_behaviour, NULL, birth, size, &ref) == 0);
    rim_sim_run(system, wait_ns);
    CU_ASSERT_FATAL(rim_system_stats(system, RIM_ALL_SHARDS, &stats) == 0);
    CU_ASSERT(rim_system_stop(system, RIM_SECONDS(1), NULL) == 0);
    rim_system_destroy(system);
    return stats.actors - before;
}

static void supervisor_whose_spec_does_not_come_ends(void) {
    struct rim__supervisor_birth birth = {.parent = RIM_NIL};
    CU_ASSERT(actors_after(&birth, sizeof birth, RIM_SECONDS(1)) == 1);
    CU_ASSERT(actors_after(&birth, sizeof birth, RIM_SECONDS(100)) == 0);
    CU_ASSERT(actors_after("too short", 3, RIM_SECONDS(1)) == 0);
}

#define TESTS(X)                                                                                                       \
    X(pack_has_the_defaults_that_the_header_names)                                                                     \
    X(pack_contains_what_the_spec_points_to)                                                                           \
    X(what_is_no_pack_is_not_read_as_one)                                                                              \
    X(index_finds_what_is_in_it_and_nothing_else)                                                                      \
    X(supervisor_whose_spec_does_not_come_ends)
UNIT_SUITE(supervisor, TESTS)
