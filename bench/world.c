/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

enum { PATIENCE_S = 20, SHARDS_MAX = 64 };

static void tell(void *arg, int level, const char *text) {
    (void)arg;
    (void)level;
    fprintf(stderr, "rimbench: %s\n", text);
}

int world_open(struct world *world, uint32_t shards, int32_t spin_us) {
    int cpus[SHARDS_MAX];
    *world = (struct world){0};
    if (shards > cpus_count() || shards > SHARDS_MAX) {
        return -ENOTSUP;
    }
    cpus_note(shards);
    for (uint32_t i = 0; i < shards; i++) {
        cpus[i] = cpus_get(i);
    }
    rim_config config = {.shards = shards, .cpus = cpus, .cpu_count = shards, .spin_us = spin_us, .log = tell};
    sem_init(&world->over, 0, 0);
    return rim_system_create(&config, &world->system);
}

int world_spawn(struct world *world, const rim_behaviour *behaviour, const rim_spawn_options *options, void *run,
                rim_ref *out) {
    return rim_system_spawn(world->system, behaviour, options, &run, sizeof run, out);
}

int world_run(struct world *world, double seconds) {
    int error = rim_system_start(world->system);
    return error != 0 ? error : world_wait(world, seconds);
}

int world_wait(struct world *world, double seconds) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)seconds + PATIENCE_S;
    while (sem_timedwait(&world->over, &until) != 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return atomic_load(&world->error);
}

void world_done(struct world *world, int error) {
    int none = 0;
    atomic_compare_exchange_strong(&world->error, &none, error);
    sem_post(&world->over);
}

int world_close(struct world *world, int error) {
    rim_stop_report report = {0};
    if (world->system == NULL) {
        return error;
    }
    int stopped = rim_system_stop(world->system, RIM_SECONDS(PATIENCE_S), &report);
    if (stopped == -RIM_ECONTEXT) {
        stopped = 0; /* never started */
    } else if (stopped == 0 && (!report.adds_up || report.leaks)) {
        fprintf(stderr, "rimbench: %s after the stop\n", report.leaks ? "something leaked" : "messages do not add up");
        stopped = -EPROTO;
    } else if (stopped != 0) {
        fprintf(stderr, "rimbench: the stop was held up by %s\n", report.held_up_by);
    }
    rim_system_destroy(world->system);
    sem_destroy(&world->over);
    return error != 0 ? error : stopped;
}
