/* SPDX-License-Identifier: MIT */
/* Point 12 of the contract: nothing is global. */
#include <stdatomic.h>

#include "role.h"

struct pair {
    rim_system *systems[2];
    rim_ref counters[2];
    atomic_uint counted[2], lines[2];
};

ROLE_ON(count_word) {
    struct role *role = self;
    struct pair *world = role_world(self);
    CHECK(rim_system_of(ctx) == world->systems[role->cast.index]);
    CHECK(role_number(body) == role->cast.index);
    atomic_fetch_add(&world->counted[role->cast.index], 1);
    rim_log(ctx, RIM_LOG_NOTICE, "counted by %u", (unsigned)role->cast.index);
    return RIM_DONE;
}
static const rim_handler count_on[] = {[WORD] = count_word};
ROLE(pair_counter, count_on);

static void count_line(void *arg, int level, const char *line) {
    if (level == RIM_LOG_NOTICE && strncmp(line, "counted by", 10) == 0) {
        atomic_fetch_add((atomic_uint *)arg, 1);
    }
}

static void make(struct scenario *s, struct pair *world, uint64_t i) {
    rim_config config = {.shards = 2,
                         .driver = scenario_driver(s),
                         .seed = 5 + i,
                         .log = count_line,
                         .log_arg = &world->lines[i],
                         .log_level = RIM_LOG_NOTICE};
    struct role_cast cast = {.world = world, .index = i};
    world->systems[i] = scenario_create(&config);
    CHECK(rim_system_spawn(world->systems[i], &pair_counter, NULL, &cast, sizeof cast, &world->counters[i]) == 0);
    CHECK(rim_system_start(world->systems[i]) == 0);
}

static void stop(struct pair *world, uint64_t i) {
    rim_stop_report report;
    CHECK(rim_system_stop(world->systems[i], RIM_SECONDS(5), &report) == 0);
    CHECK(report.adds_up);
    CHECK(!report.leaks);
    rim_system_destroy(world->systems[i]);
}

void contract_12_two_systems_live_in_one_process(struct scenario *s) {
    static struct pair world;
    world = (struct pair){0};
    for (uint64_t i = 0; i < 2; i++) {
        make(s, &world, i);
    }
    CHECK(world.counters[0] == world.counters[1]); /* a reference means something in its system only */
    for (unsigned n = 0; n < 30; n++) {
        uint64_t i = n % 3 == 0;
        CHECK(rim_system_send(world.systems[i], world.counters[i], WORD, &i, sizeof i) == 0);
        rim_sim_run(world.systems[0], RIM_US(50));
        rim_sim_run(world.systems[1], RIM_US(80));
    }
    stop(&world, 1);
    CHECK(atomic_load(&world.counted[1]) == 10);
    uint64_t zero = 0;
    CHECK(rim_system_send(world.systems[0], world.counters[0], WORD, &zero, sizeof zero) == 0); /* it lives on */
    stop(&world, 0);
    CHECK(atomic_load(&world.counted[0]) == 21);
    CHECK(atomic_load(&world.lines[0]) == 21);
    CHECK(atomic_load(&world.lines[1]) == 10);
}
