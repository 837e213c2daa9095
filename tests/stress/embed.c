/* SPDX-License-Identifier: MIT */
/*
 * Embedded shards on threads that sleep in poll without a limit, beside shards with threads of their own: messages go
 * round among them, others come from outside, and nothing wakes a sleeper but its descriptor and its timers. A wake-up
 * that is missed hangs. Then the system stops: from one of those threads, or from one that steps nothing.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <ringmail.h>

#include "stress.h"

#define SHARDS   3u
#define STEPPED  2u /* of them, each by a thread of its own */
#define ROUNDS   3000u
#define BALLS    3u
#define OUTSIDE  500u
#define GO_ROUND RIM_USER
#define COUNT    (RIM_USER + 1)

struct world {
    rim_system *system;
    rim_ref players[SHARDS];
    atomic_uint passes, counted, stopping;
};

static struct world world;

static rim_verdict on_ball(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    uint32_t left;
    (void)self;
    memcpy(&left, body, sizeof left);
    atomic_fetch_add(&world.passes, 1);
    if (left > 1) {
        left--;
        rim_ref next = world.players[(rim_shard_index(ctx) + 1) % SHARDS];
        stress_check(rim_send(ctx, next, GO_ROUND, &left, rim_size(msg)) == 0);
    }
    return RIM_DONE;
}

static rim_verdict on_count(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)self;
    (void)body;
    (void)msg;
    atomic_fetch_add(&world.counted, 1);
    stress_check(rim_after(ctx, RIM_US(100), 0) != RIM_NIL);
    return RIM_DONE;
}

static rim_verdict on_timer(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)self;
    (void)body;
    (void)msg;
    atomic_fetch_add(&world.counted, 1);
    return RIM_DONE;
}

static const rim_handler player_on[] = {[GO_ROUND] = on_ball, [COUNT] = on_count, [RIM_TIMER] = on_timer};
static const rim_behaviour player = {.name = "player", .on = player_on, .on_count = RIM_COUNT(player_on)};

/* ---- who steps ---- */

/* False: the shard has ended. Sleeps for ever, if need be. */
static bool go_round(uint32_t shard) {
    struct pollfd watched = {.fd = rim_shard_fd(world.system, shard), .events = POLLIN};
    int64_t next_ns = rim_shard_next(world.system, shard);
    if (watched.fd >= 0) {
        stress_check(poll(&watched, 1, next_ns < 0 ? -1 : (int)((next_ns + 999999) / 1000000)) >= 0);
    }
    int more = rim_shard_step(world.system, shard, RIM_US(100));
    stress_check(more >= 0 || more == -RIM_ESTOPPING);
    return more >= 0;
}

static void *step(void *arg) {
    uint32_t shard = *(uint32_t *)arg;
    while (go_round(shard)) {
    }
    return NULL;
}

/* Steps shard 0, and is the one that stops the system, step by step. */
static void *step_and_stop(void *arg) {
    int result = -EAGAIN;
    (void)arg;
    while (atomic_load(&world.stopping) == 0) {
        (void)go_round(0);
    }
    stress_check(rim_system_stop_begin(world.system, RIM_SECONDS(60)) == 0);
    while (result == -EAGAIN) {
        (void)go_round(0);
        result = rim_system_stop_done(world.system, NULL);
    }
    stress_check(result == 0);
    return NULL;
}

/* ---- a run ---- */

static void start(enum rim_driver_kind driver) {
    rim_config config = {
        .shards = SHARDS, .no_pin = true, .driver = driver, .embedded = true, .embedded_shards = STEPPED};
    world = (struct world){0};
    stress_check(rim_system_create(&config, &world.system) == 0);
    for (uint32_t i = 0; i < SHARDS; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i};
        stress_check(rim_system_spawn(world.system, &player, &options, NULL, 0, &world.players[i]) == 0);
    }
    stress_check(rim_system_start(world.system) == 0);
}

static void play(void) {
    uint32_t left = ROUNDS;
    struct timespec rest = {.tv_nsec = 50000};
    for (uint32_t i = 0; i < BALLS; i++) {
        stress_check(rim_system_send(world.system, world.players[i % SHARDS], GO_ROUND, &left, sizeof left) == 0);
    }
    for (uint32_t i = 0; i < OUTSIDE; i++) {
        stress_check(rim_system_send(world.system, world.players[i % SHARDS], COUNT, NULL, 0) == 0);
        if (i % 8 == 0) {
            nanosleep(&rest, NULL); /* they fall asleep meanwhile */
        }
    }
    while (atomic_load(&world.passes) < BALLS * ROUNDS || atomic_load(&world.counted) < 2 * OUTSIDE) {
        nanosleep(&rest, NULL);
    }
}

static void end(void) {
    rim_stats stats;
    rim_system_stats(world.system, RIM_ALL_SHARDS, &stats);
    stress_check(rim_stats_add_up(&stats) && stats.queued == 0 && stats.dead == 0);
    stress_check(stats.rescued_wakeups == 0);
    rim_system_destroy(world.system);
}

static void stop_from_outside(void *arg) {
    static uint32_t shards[STEPPED] = {0, 1};
    pthread_t threads[STEPPED];
    rim_stop_report report;
    start(*(enum rim_driver_kind *)arg);
    for (uint32_t i = 0; i < STEPPED; i++) {
        stress_check(pthread_create(&threads[i], NULL, step, &shards[i]) == 0);
    }
    play();
    stress_check(rim_system_stop(world.system, RIM_SECONDS(60), &report) == 0);
    stress_check(report.adds_up && !report.leaks && report.lost == 0);
    for (uint32_t i = 0; i < STEPPED; i++) {
        pthread_join(threads[i], NULL);
    }
    end();
}

static void stop_from_within(void *arg) {
    static uint32_t one = 1;
    pthread_t threads[STEPPED];
    start(*(enum rim_driver_kind *)arg);
    stress_check(pthread_create(&threads[0], NULL, step_and_stop, NULL) == 0);
    stress_check(pthread_create(&threads[1], NULL, step, &one) == 0);
    play();
    atomic_store(&world.stopping, 1);
    stress_check(rim_system_send(world.system, world.players[0], COUNT, NULL, 0) == 0); /* so that it looks */
    for (uint32_t i = 0; i < STEPPED; i++) {
        pthread_join(threads[i], NULL);
    }
    end();
}

int main(int argc, char **argv) {
    static enum rim_driver_kind drivers[] = {RIM_DRIVER_AUTO, RIM_DRIVER_EPOLL};
    stress_begin(argc, argv);
    for (uint32_t i = 0; i < RIM_COUNT(drivers); i++) {
        stress_case(stress_name("stop_from_outside", drivers[i]), stop_from_outside, &drivers[i]);
        stress_case(stress_name("stop_from_within", drivers[i]), stop_from_within, &drivers[i]);
    }
    return stress_end();
}
