/* SPDX-License-Identifier: MIT */
/*
 * scenario_jobs.h - scenarios in processes of their own, some at once. Called by scenario_main.
 *
 *     Order    they start in the order of the calls, and end as they do
 *     Threads  the program's first thread, which has no other children
 */
#ifndef TESTS_SCENARIO_JOBS_H
#define TESTS_SCENARIO_JOBS_H

#include "scenario.h"

#include <sys/types.h>

#define SCENARIO_JOBS_MAX 64u
#define SCENARIO_SKIPPED  77 /* the status of a child that has said why */

/* What is to be done with a scenario. */
struct scenario_run {
    const char *program;
    enum rim_driver_kind driver;
    uint64_t first_seed, seeds;
};

struct scenario_job {
    pid_t child; /* 0: none */
    const struct scenario_entry *entry;
    enum rim_driver_kind driver;
};

struct scenario_jobs {
    struct scenario_job running[SCENARIO_JOBS_MAX];
    unsigned limit; /* at once: 1 to SCENARIO_JOBS_MAX, set by the caller */
    unsigned count;
    unsigned passed, failed;
};

/* Starts one, when fewer than the limit run: waits for that. */
void scenario_start_job(struct scenario_jobs *jobs, const struct scenario_entry *entry, const struct scenario_run *run);
/* Waits for one of those that run, of which there must be some, prints its result and counts it. */
void scenario_end_job(struct scenario_jobs *jobs);

/* In the child: one scenario with all its seeds. The exit status. */
int scenario_run_seeds(const struct scenario_entry *entry, const struct scenario_run *run);
const char *scenario_driver_name(enum rim_driver_kind driver);

#endif
