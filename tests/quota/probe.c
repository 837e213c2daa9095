/* SPDX-License-Identifier: MIT */
/* probe: the shards that a configuration of zeroes gets here, and whether each has one CPU to itself: "2 shards, 2
   pinned". */
#define _GNU_SOURCE
#include <ringmail.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>

static sem_t told;
static atomic_uint pinned;

static rim_verdict look(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    cpu_set_t set;
    (void)ctx, (void)self, (void)arg, (void)size;
    atomic_fetch_add(&pinned, sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1);
    sem_post(&told);
    return RIM_STOP;
}

static const rim_behaviour looker = {.name = "looker", .init = look};

int main(void) {
    rim_system *system;
    sem_init(&told, 0, 0);
    if (rim_system_create(NULL, &system) != 0 || rim_system_start(system) != 0) {
        return 1;
    }
    uint32_t shards = rim_system_shards(system);
    for (uint32_t i = 0; i < shards; i++) {
        rim_ref ref;
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i};
        if (rim_system_spawn(system, &looker, &options, NULL, 0, &ref) != 0) {
            return 1;
        }
    }
    for (uint32_t i = 0; i < shards; i++) {
        sem_wait(&told);
    }
    printf("%u shards, %u pinned\n", shards, atomic_load(&pinned));
    int error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    rim_system_destroy(system);
    return error != 0;
}
