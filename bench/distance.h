/* SPDX-License-Identifier: MIT */
/*
 * distance.h - how far the CPUs are from each other, and which runs of a figure are of the same machine.
 *
 * A virtual machine's CPUs are moved by their host. For a while two of them have a cache in common, and a cache line
 * goes to and fro in a hundred nanoseconds; for a while they have none, and it takes four times that; for a while they
 * are the two threads of one core, the line takes half as long, and each has half a core. What two threads do together
 * is another figure on each of these machines. So the CPUs are looked at before and after each run on several of them,
 * and a figure is the median of runs of one kind:
 *
 *     near     within 1.6 times the shortest round trip that was seen: what a figure is of, where there are such runs
 *     far      above that
 *     shared   the CPUs are one core
 *     changed  before the run it was another kind than after it; what happens and is over within a run is not seen
 *
 * Where the CPUs stay as they are, all runs are of one kind and nothing is chosen. A machine whose CPUs always share a
 * core has seen no round trip but such ones: then that kind takes the place of near.
 *
 *     Threads  the main thread; the functions that classify are any thread's
 */
#ifndef RIMBENCH_DISTANCE_H
#define RIMBENCH_DISTANCE_H

#include <stdbool.h>
#include <stdint.h>

/* At one moment. Of more than two CPUs the largest round trip between neighbours, and whether any two share a core. */
struct distance {
    double line_ns; /* a cache line to and fro; 0: there is one CPU */
    bool is_shared;
};

/* What was seen around a run, as often as it was looked: before, in between, after. */
enum { DISTANCE_LOOKS = 3 };
struct distance_run {
    struct distance looks[DISTANCE_LOOKS];
    uint32_t count;
};

/* In the order in which a figure prefers them. */
enum distance_kind { DISTANCE_NEAR, DISTANCE_FAR, DISTANCE_SHARED, DISTANCE_CHANGED, DISTANCE_KINDS };

const char *distance_name(enum distance_kind kind);

/* `shortest_ns`: the shortest round trip seen between CPUs that did not share a core; 0: none was seen. */
enum distance_kind distance_kind_of(const struct distance *distance, double shortest_ns);
enum distance_kind distance_kind_of_run(const struct distance_run *run, double shortest_ns);
/* The kind that is worth more runs: near, but where nothing but shared cores was seen. */
enum distance_kind distance_wanted(double shortest_ns);
/* The kind that the figure is of: the first in order that any run is of. `counts` is how many runs are of each. */
enum distance_kind distance_choose(const struct distance_run *runs, uint32_t count, double shortest_ns,
                                   uint32_t counts[DISTANCE_KINDS]);

/* line.c: looks at the first `cpus` CPUs of the process, in half a millisecond for each pair of neighbours, of
   which at most eight are looked at. 0, -ENOTSUP with fewer than two, or what pthread_create says. */
int distance_look(uint32_t cpus, struct distance *out);
/* The shortest round trip but one that distance_look has seen between so many that shared no core, or the one that was
   told; 0: none. */
double distance_shortest(uint32_t cpus);
/* The shortest round trip between two CPUs is known from before. */
void distance_know(double shortest_ns);

#endif
