/* SPDX-License-Identifier: MIT */
/*
 * Two drivers on two threads that wake each other, each sleeping without a limit: a wake-up that is lost hangs, and the
 * program's time limit ends it.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "io_rig.h"

#define TURNS   3000u
#define RINGERS 3u
#define RINGS   2000u

struct side {
    struct io_rig rig;
    uint32_t number;
    pthread_t thread;
};

static struct side sides[2];
static _Atomic uint32_t turn, rung;
static pthread_barrier_t barrier;
static const struct rim__uring_traits *traits;
static bool is_foreign; /* wakes come as from a thread that is no shard */

static void *play(void *arg) {
    struct side *self = arg, *other = &sides[1 - self->number];
    rim_config config = {.shards = 0};
    io_rig_open(&self->rig, &config, traits);
    pthread_barrier_wait(&barrier);
    for (uint32_t i = 0; i < TURNS; i++) {
        while (atomic_load(&turn) != self->number) {
            io_rig_poll(&self->rig, RIM_DRIVER_FOREVER);
        }
        atomic_store(&turn, other->number);
        self->rig.driver->ops->wake(is_foreign ? NULL : self->rig.driver, other->rig.driver);
    }
    pthread_barrier_wait(&barrier); /* nobody wakes a driver that is closed */
    self->rig.driver->ops->close(self->rig.driver, 1000 * IO_MS);
    return NULL;
}

/* NULL: epoll. */
static void play_with(const struct rim__uring_traits *found, bool foreign) {
    traits = found;
    is_foreign = foreign;
    atomic_store(&turn, 0);
    pthread_barrier_init(&barrier, NULL, 2);
    for (uint32_t i = 0; i < 2; i++) {
        sides[i].number = i;
        CU_ASSERT_EQUAL_FATAL(pthread_create(&sides[i].thread, NULL, play, &sides[i]), 0);
    }
    for (uint32_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(pthread_join(sides[i].thread, NULL), 0);
    }
    CU_ASSERT_EQUAL(atomic_load(&turn), 0); /* both made all their turns */
    pthread_barrier_destroy(&barrier);
}

static void uring_wake_by_message_reaches_a_sleeper(void) {
    if (uring_is_here()) {
        play_with(io_rig_traits(RIM_WAKE_MSG_RING), false);
    }
}

static void uring_wake_by_eventfd_reaches_a_sleeper(void) {
    if (uring_is_here()) {
        play_with(io_rig_traits(RIM_WAKE_EVENTFD), false);
    }
}

static void uring_wake_by_a_foreign_thread_reaches_a_sleeper(void) {
    if (uring_is_here()) {
        play_with(io_rig_traits(RIM_WAKE_MSG_RING), true);
    }
}

static void epoll_wake_reaches_a_sleeper(void) {
    play_with(NULL, false);
    play_with(NULL, true);
}

static void *ring_many(void *arg) {
    struct rim__driver *driver = arg;
    for (uint32_t i = 0; i < RINGS; i++) {
        atomic_fetch_add(&rung, 1);
        driver->ops->wake(NULL, driver);
    }
    return NULL;
}

static void wake_by_many(const struct rim__uring_traits *found) {
    static struct io_rig rig;
    pthread_t threads[RINGERS];
    rim_config config = {.shards = 0};
    io_rig_open(&rig, &config, found);
    atomic_store(&rung, 0);
    for (uint32_t i = 0; i < RINGERS; i++) {
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, ring_many, rig.driver), 0);
    }
    /* They may all have rung before the first poll: then that one must not sleep. */
    while (atomic_load(&rung) < RINGERS * RINGS || rig.driver->wakes_received == 0) {
        io_rig_poll(&rig, RIM_DRIVER_FOREVER);
    }
    for (uint32_t i = 0; i < RINGERS; i++) {
        pthread_join(threads[i], NULL);
    }
    CU_ASSERT(rig.driver->wakes_received <= RINGERS * RINGS);
    io_rig_close(&rig);
}

static void driver_is_woken_by_many_at_once(void) {
    if (uring_is_here()) {
        wake_by_many(io_rig_traits(RIM_WAKE_AUTO));
    }
    wake_by_many(NULL);
}

#define TESTS(X)                                                                                                       \
    X(uring_wake_by_message_reaches_a_sleeper)                                                                         \
    X(uring_wake_by_eventfd_reaches_a_sleeper)                                                                         \
    X(uring_wake_by_a_foreign_thread_reaches_a_sleeper)                                                                \
    X(epoll_wake_reaches_a_sleeper) X(driver_is_woken_by_many_at_once)
UNIT_SUITE(wake_real, TESTS)
