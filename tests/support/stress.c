/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "stress.h"

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_SECONDS 280u
#define SHOWN_MAX     5u

static uint64_t seed;
static atomic_uint failures; /* of the case that runs */
static uint32_t passed, failed;
static char running[64] = "nothing";

static void bark(int number) {
    static const char text[] = "stress: hangs in ";
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    (void)!write(STDERR_FILENO, running, strlen(running));
    (void)!write(STDERR_FILENO, "\n", 1);
    signal(number, SIG_DFL);
    raise(number);
}

void stress_begin(int argc, char **argv) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)now.tv_sec * 1000003u + (uint64_t)now.tv_nsec;
    printf("seed %" PRIu64 "\n", seed);
    fflush(stdout);
    signal(SIGALRM, bark);
    alarm(LIMIT_SECONDS);
}

uint64_t stress_seed(void) {
    return seed;
}

const char *stress_name(const char *what, uint32_t number) {
    static char name[64];
    snprintf(name, sizeof name, "%s_%u", what, number);
    return name;
}

void stress_check_at(bool ok, const char *what, const char *file, int line) {
    if (!ok && atomic_fetch_add(&failures, 1) < SHOWN_MAX) {
        fprintf(stderr, "    FAILED %s: %s (%s:%d)\n", running, what, file, line);
    }
}

void stress_case(const char *name, void (*fn)(void *arg), void *arg) {
    struct timespec start, end;
    snprintf(running, sizeof running, "%s", name);
    atomic_store(&failures, 0);
    clock_gettime(CLOCK_MONOTONIC, &start);
    fn(arg);
    clock_gettime(CLOCK_MONOTONIC, &end);
    bool ok = atomic_load(&failures) == 0;
    double seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    printf("%-30s %s  %.2f s\n", running, ok ? "ok" : "FAILED", seconds);
    fflush(stdout);
    passed += ok;
    failed += !ok;
}

int stress_end(void) {
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
