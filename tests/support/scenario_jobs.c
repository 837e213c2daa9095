/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "scenario_jobs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESS_SECONDS 300u

static void count_result(struct scenario_jobs *jobs, const struct scenario_job *job, bool ok) {
    *(ok ? &jobs->passed : &jobs->failed) += 1;
    printf("%-6s %-5s %s\n", ok ? "ok" : "FAILED", scenario_driver_name(job->driver), job->entry->name);
}

static void note_end(struct scenario_jobs *jobs, struct scenario_job *job, int status) {
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "    %s ended by signal %d%s\n", job->entry->name, WTERMSIG(status),
                WTERMSIG(status) == SIGALRM ? " (it took too long)" : "");
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != SCENARIO_SKIPPED) {
        count_result(jobs, job, WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    job->child = 0;
    jobs->count--;
}

void scenario_end_job(struct scenario_jobs *jobs) {
    int status = -1;
    pid_t child;
    do {
        child = waitpid(-1, &status, 0);
    } while (child < 0 && errno == EINTR);
    for (unsigned i = 0; i < jobs->limit; i++) {
        if (child > 0 && jobs->running[i].child == child) {
            note_end(jobs, &jobs->running[i], status);
        }
    }
}

void scenario_start_job(struct scenario_jobs *jobs, const struct scenario_entry *entry,
                        const struct scenario_run *run) {
    while (jobs->count == jobs->limit) {
        scenario_end_job(jobs);
    }
    struct scenario_job *job = jobs->running;
    while (job->child != 0) {
        job++;
    }
    *job = (struct scenario_job){.entry = entry, .driver = run->driver};
    fflush(NULL);
    job->child = fork();
    if (job->child == 0) {
        alarm(PROCESS_SECONDS);
        exit(scenario_run_seeds(entry, run));
    }
    if (job->child < 0) {
        job->child = 0;
        count_result(jobs, job, false);
        return;
    }
    jobs->count++;
}
