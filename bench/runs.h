/* SPDX-License-Identifier: MIT */
/*
 * runs.h - the runs of a figure: how many there are, of which the figure is told, and their medians. The harness's.
 */
#ifndef RIMBENCH_RUNS_H
#define RIMBENCH_RUNS_H

#include "distance.h"
#include "harness.h"

/* Of runs of one kind. */
struct summary {
    struct sample ours, limit; /* medians */
    double spread;             /* of ours: (largest - smallest) / median */
    double line_ns;            /* the median of what was seen between them; 0: nobody looked */
    uint32_t runs;
};

struct result {
    struct summary of[DISTANCE_KINDS];
    enum distance_kind kind;   /* the figure is told of these */
    enum distance_kind wanted; /* and should have been of these */
    bool has_distance;         /* it is on several CPUs, and the kinds mean something */
    bool has_limit;
    uint32_t shards; /* 0: as the figure's name says */
};

/* Runs a figure and what it is held against so often as `effort` says. While the CPUs are not near each other it waits,
   and runs are repeated: up to four times as many, and for as long as four times as many would take. 0, or the error of
   a run. */
int runs_measure(const struct figure *figure, const struct effort *effort, struct result *out);

#endif
