/* SPDX-License-Identifier: MIT */
/*
 * actors_uv - what rimbench has that libuv has too: actors_uv THREADS NAME.
 *
 *     wake      two loops on a thread and a CPU each, which sleep until the other one's uv_async_send: a round trip
 *     timers    1,000,000 timers armed, and stopped
 *     start     a loop that is made, wakes itself once and is closed; stop: the closing alone
 *
 * Prints one number, in the unit of the row of the same name (bench/compare); of wake, start and stop also p50, p99,
 * p99.9 and p99.99.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "../histogram.h"

enum { TRIPS = 10000, TIMERS = 1000000, STARTS = 200 };

static struct histogram latencies; /* of sixteenths of a nanosecond */

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void tell_us(void) {
    static const double shares[] = {0.5, 0.5, 0.99, 0.999, 0.9999};
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        printf("%.3f ", histogram_at(&latencies, shares[i]) / 16e3);
    }
    printf("\n");
}

/* ---- wake ---- */

static uv_loop_t loops[2];
static uv_async_t asyncs[2];
static uint64_t begin_ns;
static uint32_t trips;

/* Of the cpus that the process may use. */
static void pin(int index) {
    cpu_set_t all, one;
    CPU_ZERO(&one);
    sched_getaffinity(0, sizeof all, &all);
    int wanted = index % CPU_COUNT(&all);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &all) && wanted-- == 0) {
            CPU_SET(cpu, &one);
        }
    }
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
}

static void on_ping(uv_async_t *async) {
    (void)async;
    uv_async_send(&asyncs[0]);
}

static void on_pong(uv_async_t *async) {
    uint64_t now = now_ns();
    histogram_add(&latencies, 16 * (now - begin_ns));
    begin_ns = now;
    if (++trips == TRIPS) {
        tell_us();
        fflush(stdout);
        _exit(0); /* the other thread waits for more */
    }
    (void)async;
    uv_async_send(&asyncs[1]);
}

static void *run_echo(void *arg) {
    pin(1);
    uv_run(&loops[1], UV_RUN_DEFAULT);
    return arg;
}

static int wake(void) {
    pthread_t thread;
    for (int i = 0; i < 2; i++) {
        uv_loop_init(&loops[i]);
        uv_async_init(&loops[i], &asyncs[i], i == 0 ? on_pong : on_ping);
    }
    if (pthread_create(&thread, NULL, run_echo, NULL) != 0) {
        return 1;
    }
    pin(0);
    begin_ns = now_ns();
    uv_async_send(&asyncs[1]);
    return uv_run(&loops[0], UV_RUN_DEFAULT);
}

/* ---- timers ---- */

static void never(uv_timer_t *timer) {
    (void)timer;
}

static int timers(void) {
    uv_loop_t *loop = uv_default_loop();
    uv_timer_t *all = calloc(TIMERS, sizeof *all);
    if (all == NULL) {
        return 1;
    }
    begin_ns = now_ns();
    for (uint32_t i = 0; i < TIMERS; i++) {
        uv_timer_init(loop, &all[i]);
        uv_timer_start(&all[i], never, 1000 + (uint64_t)rand() % 100000, 0);
    }
    for (uint32_t i = 0; i < TIMERS; i++) {
        uv_timer_stop(&all[(uint64_t)i * 7919 % TIMERS]);
    }
    printf("%.1f\n", (double)(now_ns() - begin_ns) / TIMERS);
    return 0;
}

/* ---- start and stop ---- */

static void on_first(uv_async_t *async) {
    uv_close((uv_handle_t *)async, NULL);
}

static int start(int stops) {
    for (int i = 0; i < STARTS; i++) {
        uint64_t before_ns = now_ns();
        uv_loop_t loop;
        uv_async_t async;
        uv_loop_init(&loop);
        uv_async_init(&loop, &async, on_first);
        uv_async_send(&async);
        uv_run(&loop, UV_RUN_DEFAULT);
        uint64_t there_ns = now_ns();
        uv_loop_close(&loop);
        histogram_add(&latencies, 16 * (stops ? now_ns() - there_ns : there_ns - before_ns));
    }
    tell_us();
    return 0;
}

int main(int argc, char **argv) {
    const char *name = argc == 3 ? argv[2] : "";
    if (strcmp(name, "wake") == 0) {
        return wake();
    }
    if (strcmp(name, "timers") == 0) {
        return timers();
    }
    if (strcmp(name, "start") == 0 || strcmp(name, "stop") == 0) {
        return strcmp(argv[1], "1") == 0 ? start(name[2] == 'o') : 1;
    }
    return 1;
}
