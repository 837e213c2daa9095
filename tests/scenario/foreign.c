/* SPDX-License-Identifier: MIT */
/* Threads that are no shard spawn and send, before the start and after. */
#include <pthread.h>
#include <stdatomic.h>

#include "role.h"

#define THREADS 8u
#define SPAWNS  20u
#define SENDS   10u

struct outside {
    rim_system *system;
    atomic_uint heard, born;
};

struct outsider {
    struct outside *world;
    pthread_t thread;
    unsigned failures;
};

ROLE_ON(heard_word) {
    struct role *role = self;
    struct outside *world = role_world(self);
    CHECK(rim_sender(ctx) == RIM_NIL);
    CHECK(role_number(body) == role->count++); /* one thread's, in order */
    atomic_fetch_add(&world->heard, 1);
    return RIM_DONE;
}
static const rim_handler heard_on[] = {[WORD] = heard_word};
ROLE(hearer, heard_on);

static int send_patiently(rim_system *system, rim_ref to, uint64_t number) {
    int error;
    while ((error = rim_system_send(system, to, WORD, &number, sizeof number)) == -RIM_EFULL) {
        sched_yield();
    }
    return error;
}

static void *work(void *arg) {
    struct outsider *self = arg;
    struct role_cast cast = {.world = self->world};
    for (uint32_t i = 0; i < SPAWNS; i++) {
        rim_spawn_options options = {.place = i % 2 == 0 ? RIM_LEAST_LOADED : RIM_BY_HASH,
                                     .hash = i * 0x9e3779b97f4a7c15u};
        rim_ref ref;
        self->failures += rim_system_spawn(self->world->system, &hearer, &options, &cast, sizeof cast, &ref) != 0;
        for (uint64_t n = 0; n < SENDS; n++) {
            self->failures += send_patiently(self->world->system, ref, n) != 0;
        }
    }
    return NULL;
}

static void join(struct outsider *outsider) {
    CHECK(pthread_join(outsider->thread, NULL) == 0);
    CHECK(outsider->failures == 0);
}

/* In the simulated world one after the other: it is for one thread at a time. */
static void run_threads(struct scenario *s, struct outside *world) {
    struct outsider outsiders[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        outsiders[i] = (struct outsider){.world = world};
        CHECK(pthread_create(&outsiders[i].thread, NULL, work, &outsiders[i]) == 0);
        if (scenario_is_sim(s)) {
            join(&outsiders[i]);
        }
    }
    for (uint32_t i = 0; i < THREADS && !scenario_is_sim(s); i++) {
        join(&outsiders[i]);
    }
    SCENARIO_CHECK(s, world->system != NULL);
}

void foreign_threads_spawn_and_send_before_the_start_and_after(struct scenario *s) {
    static struct outside world;
    world = (struct outside){.system = scenario_system(s)};
    rim_stats stats;
    run_threads(s, &world);
    CHECK(atomic_load(&world.heard) == 0);
    scenario_pass_time(s, RIM_MS(1));
    run_threads(s, &world);
    role_settle(s, &stats);
    while (stats.handled < 2u * THREADS * SPAWNS * SENDS && stats.dead == 0) {
        role_settle(s, &stats);
    }
    CHECK(atomic_load(&world.heard) == 2u * THREADS * SPAWNS * SENDS);
    CHECK(stats.spawned == 2u * THREADS * SPAWNS);
}
