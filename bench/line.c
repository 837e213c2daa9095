/* SPDX-License-Identifier: MIT */
/*
 * Two threads hand a cache line to and fro; then the first one multiplies, alone and while the other one multiplies as
 * well. There is one multiplier in a core, or there are a few that one thread can keep busy: where two threads share a
 * core, each of them takes twice as long.
 */
#include <ck_pr.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "distance.h"
#include "harness.h"
#include "limit.h"

/* Two lines: the hardware fetches them in pairs. */
#define APART __attribute__((aligned(128)))

#define LOOK_SECONDS 0.001
#define SHARED_TIMES 1.5
enum { GROUP = 16, GROUPS_MIN = 16, PRODUCTS = 5000, TIMES = 9, PAIRS_MAX = 8 };
/* What the first tells the second instead of a number of the line. */
static const uint64_t WORK = UINT64_MAX - 1, END = UINT64_MAX;

struct line {
    _Atomic uint64_t value; /* ping: written by the first thread, pong: by the second; each waits for the other's */
} APART;

struct rally {
    struct line ping, pong;
    struct latencies latencies;
    uint64_t duration_ns, spent_ns, n;
    bool works;             /* multiply, too */
    double alone, together; /* ns of a work */
};

/* So many independent products under way as keep a multiplier busy, and it alone. */
static void multiply(uint64_t seed) {
    const uint64_t by = 0x9e3779b97f4a7c15u;
    uint64_t a = seed, b = seed + 1, c = seed + 2, d = seed + 3, e = seed + 4, f = seed + 5;
    for (int i = 0; i < PRODUCTS; i++) {
        a *= by;
        b *= by;
        c *= by;
        d *= by;
        e *= by;
        f *= by;
        __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f)); /* they cannot be left out */
    }
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median: in some the thread may have lost its CPU. */
static double time_work(void) {
    double times[TIMES];
    for (int i = 0; i < TIMES; i++) {
        uint64_t begin_ns = now_ns();
        multiply(begin_ns);
        times[i] = (double)(now_ns() - begin_ns);
    }
    qsort(times, TIMES, sizeof times[0], compare);
    return times[TIMES / 2];
}

static void serve(struct rally *rally, uint64_t number) {
    atomic_store_explicit(&rally->ping.value, number, memory_order_release);
    while (atomic_load_explicit(&rally->pong.value, memory_order_acquire) != number) {
    }
}

static void *first(void *arg) {
    struct rally *rally = arg;
    serve(rally, 1); /* the other one is there */
    uint64_t begin_ns = now_ns();
    uint64_t last_ns = begin_ns;
    for (uint64_t i = 2; last_ns - begin_ns < rally->duration_ns || rally->n < (uint64_t)GROUP * GROUPS_MIN; i++) {
        serve(rally, i);
        if (++rally->n % GROUP == 0) {
            uint64_t now = now_ns();
            latencies_add(&rally->latencies, (double)(now - last_ns) / GROUP);
            last_ns = now;
        }
    }
    rally->spent_ns = last_ns - begin_ns;
    if (rally->works) {
        rally->alone = time_work();
        serve(rally, WORK);
        rally->together = time_work();
    }
    atomic_store_explicit(&rally->ping.value, END, memory_order_release);
    return NULL;
}

static void *second(void *arg) {
    struct rally *rally = arg;
    for (uint64_t i = 0; i != END;) {
        uint64_t seen = atomic_load_explicit(&rally->ping.value, memory_order_acquire);
        if (seen != i) {
            i = seen;
            atomic_store_explicit(&rally->pong.value, i, memory_order_release);
        } else if (i == WORK) {
            multiply(i);
        }
    }
    return NULL;
}

static int play(struct rally *rally, uint32_t from, struct sample *out) {
    int error = latencies_init(&rally->latencies);
    if (error == 0) {
        error = pair_run_on(from, from + 1, first, second, rally);
        out->n = rally->n;
        latencies_read(&rally->latencies, 1, out);
        latencies_finish(&rally->latencies);
    }
    return error;
}

int limit_line(double seconds, struct sample *out) {
    struct rally rally = {.duration_ns = (uint64_t)(seconds * 1e9)};
    return play(&rally, 0, out);
}

/* ---- looking ---- */

static double shortest[HARNESS_SHARDS_MAX + 1]; /* of so many CPUs; 0: none was seen */

int distance_look(uint32_t cpus, struct distance *out) {
    *out = (struct distance){.line_ns = 0};
    cpus = cpus < HARNESS_SHARDS_MAX ? cpus : HARNESS_SHARDS_MAX;
    if (cpus < 2 || cpus > cpus_count()) {
        return -ENOTSUP;
    }
    uint32_t step = (cpus - 1 + PAIRS_MAX - 1) / PAIRS_MAX;
    for (uint32_t i = 0; i + 1 < cpus; i += step) {
        struct rally rally = {.duration_ns = (uint64_t)(LOOK_SECONDS * 1e9), .works = true};
        struct sample sample = {0};
        int error = play(&rally, i, &sample);
        if (error != 0) {
            return error;
        }
        out->line_ns = sample.value > out->line_ns ? sample.value : out->line_ns;
        out->is_shared = out->is_shared || rally.together > SHARED_TIMES * rally.alone;
    }
    if (!out->is_shared && (shortest[cpus] == 0 || out->line_ns < shortest[cpus])) {
        shortest[cpus] = out->line_ns;
    }
    return 0;
}

double distance_shortest(uint32_t cpus) {
    return cpus <= HARNESS_SHARDS_MAX ? shortest[cpus] : 0;
}

void distance_know(double shortest_ns) {
    shortest[2] = shortest_ns;
}
