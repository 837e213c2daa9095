/* SPDX-License-Identifier: MIT */
/* That a shard lets the kernel place it while others want its CPU: two that talk, and a thread that computes on each of
   their CPUs. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#include "base/cpu.h"
#include "ringmail.h"
#include "unit.h"

#define PATIENCE_S 60

enum { PING = RIM_USER };

static sem_t left;
static atomic_bool over;

static bool is_pinned(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) == 1;
}

/* ---- two who pass a ball to and fro ---- */

static rim_verdict player_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    rim_ref *other = state;
    (void)size;
    *other = *(const rim_ref *)arg;
    return *other == RIM_NIL || rim_send(ctx, *other, PING, NULL, 0) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_ping(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)state;
    (void)body;
    if (!is_pinned()) {
        sem_post(&left);
        return RIM_STOP;
    }
    return atomic_load(&over) || rim_send(ctx, rim_from(msg), PING, NULL, 0) != 0 ? RIM_STOP : RIM_DONE;
}

static const rim_handler player_on[] = {[PING] = on_ping};
static const rim_behaviour player = {
    .name = "player",
    .state_size = sizeof(rim_ref),
    .on = player_on,
    .on_count = RIM_COUNT(player_on),
    .init = player_init,
};

/* ---- those who want the CPUs ---- */

static void *compute(void *cpu) {
    (void)rim__cpu_pin(*(const int *)cpu);
    while (!atomic_load_explicit(&over, memory_order_relaxed)) {
    }
    return NULL;
}

static void wait_until_left(void) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_S;
    int result;
    while ((result = sem_timedwait(&left, &end)) != 0 && errno == EINTR) {
    }
    CU_ASSERT_EQUAL(result, 0);
}

static void play(rim_config config) {
    static int cpus[RIM_CPUS_MAX];
    (void)rim__cpu_list(cpus);
    pthread_t others[2];
    rim_system *system;
    rim_ref first = RIM_NIL, second;
    atomic_store(&over, false);
    CU_ASSERT_FATAL(rim_system_create(&config, &system) == 0);
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = 0};
    CU_ASSERT(rim_system_spawn(system, &player, &options, &first, sizeof first, &first) == 0);
    options.shard = 1;
    CU_ASSERT(rim_system_spawn(system, &player, &options, &first, sizeof first, &second) == 0);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_FATAL(pthread_create(&others[i], NULL, compute, &cpus[i]) == 0);
    }
    CU_ASSERT_FATAL(rim_system_start(system) == 0);
    wait_until_left();
    atomic_store(&over, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(others[i], NULL);
    }
    CU_ASSERT(rim_system_stop(system, RIM_SECONDS(20), NULL) == 0);
    rim_system_destroy(system);
}

static void leaving_is_what_a_shard_does_whose_cpu_others_want(void) {
    static int cpus[RIM_CPUS_MAX];
    if (rim__cpu_list(cpus) < 2 || rim__cpu_quota() != 0) {
        return; /* there is nowhere to go, or nothing is looked out for */
    }
    sem_init(&left, 0, 0);
    play((rim_config){.shards = 2});
    sem_destroy(&left);
}

#define TESTS(X) X(leaving_is_what_a_shard_does_whose_cpu_others_want)
UNIT_SUITE(leaving, TESTS)
