/* SPDX-License-Identifier: MIT */
/*
 * Two threads hand a cache line to and fro. For a look at the CPUs they do that twice, and in between the first one
 * multiplies, alone and while the other one multiplies as well. There is one multiplier in a core, or there are a few
 * that one thread can keep busy: where two threads share a core, each of them takes twice as long. The larger of the
 * two ways to and fro is told: the CPUs may have been moved in between, and what looks like a short way between CPUs
 * that share no core would be what all others are measured by.
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

#define SHARED_TIMES 1.5
enum { GROUP = 16, LOOK_GROUPS = 48, PRODUCTS = 5000, TIMES = 9, PAIRS_MAX = 8 };
/* What the first tells the second instead of a number of the line. */
static const uint64_t WORK = UINT64_MAX - 1, END = UINT64_MAX;

struct line {
    _Atomic uint64_t value; /* ping: written by the first thread, pong: by the second; each waits for the other's */
} APART;

struct rally {
    struct line ping, pong;
    uint64_t served; /* numbers */
    /* of the limit */
    struct latencies latencies;
    uint64_t duration_ns, n;
    /* of a look: ns of a line's way, before and after; and of a work */
    double before, after, alone, together;
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

/* Nanoseconds of one way to and fro. */
static double time_group(struct rally *rally) {
    uint64_t begin_ns = now_ns();
    for (int i = 0; i < GROUP; i++) {
        serve(rally, ++rally->served);
    }
    return (double)(now_ns() - begin_ns) / GROUP;
}

static double time_line(struct rally *rally) {
    double times[LOOK_GROUPS];
    for (int i = 0; i < LOOK_GROUPS; i++) {
        times[i] = time_group(rally);
    }
    qsort(times, LOOK_GROUPS, sizeof times[0], compare);
    return times[LOOK_GROUPS / 2];
}

static void end(struct rally *rally) {
    atomic_store_explicit(&rally->ping.value, END, memory_order_release);
}

static void *play_limit(void *arg) {
    struct rally *rally = arg;
    serve(rally, ++rally->served); /* the other one is there */
    uint64_t begin_ns = now_ns();
    do {
        latencies_add(&rally->latencies, time_group(rally));
        rally->n += GROUP;
    } while (now_ns() - begin_ns < rally->duration_ns);
    end(rally);
    return NULL;
}

static void *play_look(void *arg) {
    struct rally *rally = arg;
    serve(rally, ++rally->served);
    rally->before = time_line(rally);
    rally->alone = time_work();
    serve(rally, WORK);
    rally->together = time_work();
    rally->after = time_line(rally);
    end(rally);
    return NULL;
}

static void *answer(void *arg) {
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

int limit_line(double seconds, struct sample *out) {
    struct rally rally = {.duration_ns = (uint64_t)(seconds * 1e9)};
    int error = latencies_init(&rally.latencies);
    if (error == 0) {
        error = pair_run(play_limit, answer, &rally);
        out->n = rally.n;
        latencies_read(&rally.latencies, 1, out);
        latencies_finish(&rally.latencies);
    }
    return error;
}

/* ---- looking ---- */

/* The two shortest ways of so many CPUs, the shortest first; 0: none was seen. The second one counts: one alone may be
   of a moment in which the CPUs were moved. */
static double shortest[HARNESS_SHARDS_MAX + 1][2];

static void learn(double shortest_two[2], double line_ns) {
    if (shortest_two[0] == 0 || line_ns < shortest_two[0]) {
        shortest_two[1] = shortest_two[0];
        shortest_two[0] = line_ns;
    } else if (shortest_two[1] == 0 || line_ns < shortest_two[1]) {
        shortest_two[1] = line_ns;
    }
}

int distance_look(uint32_t cpus, struct distance *out) {
    *out = (struct distance){.line_ns = 0};
    cpus = cpus < HARNESS_SHARDS_MAX ? cpus : HARNESS_SHARDS_MAX;
    if (cpus < 2 || cpus > cpus_count()) {
        return -ENOTSUP;
    }
    uint32_t step = (cpus - 1 + PAIRS_MAX - 1) / PAIRS_MAX;
    for (uint32_t i = 0; i + 1 < cpus; i += step) {
        struct rally rally = {.served = 0};
        int error = pair_run_on(i, i + 1, play_look, answer, &rally);
        if (error != 0) {
            return error;
        }
        double line_ns = rally.before > rally.after ? rally.before : rally.after;
        out->line_ns = line_ns > out->line_ns ? line_ns : out->line_ns;
        out->is_shared = out->is_shared || rally.together > SHARED_TIMES * rally.alone;
    }
    if (!out->is_shared) {
        learn(shortest[cpus], out->line_ns);
    }
    return 0;
}

double distance_shortest(uint32_t cpus) {
    const double *two = shortest[cpus <= HARNESS_SHARDS_MAX ? cpus : HARNESS_SHARDS_MAX];
    return two[1] > 0 ? two[1] : two[0];
}

void distance_know(double shortest_ns) {
    shortest[2][0] = shortest[2][1] = shortest_ns;
}
