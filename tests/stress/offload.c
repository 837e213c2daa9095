/* SPDX-License-Identifier: MIT */
/*
 * Helpers under load: actors on several shards give away jobs of random length, cancel some, let some time out, and end
 * with some under way; systems end with jobs queued and running. Checked: every job taken has at most one outcome, none
 * when it was cancelled; its function runs at most once, never after a cancel that found it waiting; its argument is
 * cleaned up exactly once; nothing leaks; helpers come and go.
 */
#include <errno.h>
#include <ringmail.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stress.h"

#define ROUNDS       300u
#define WAIT_SECONDS 120
#define WORKERS      24u
#define OPEN_MAX     6u

enum { STEP = RIM_USER };

static atomic_uint taken, ran, cleaned, outcomes, cancelled, left;
static sem_t done;
static unsigned spin; /* of a job, at most */

/* A job's own memory, handed over. */
struct task {
    unsigned spin;
    atomic_int runs;
};

struct worker {
    unsigned rounds, open;
    bool waits; /* for an outcome, before its next step */
};

static int work(void *arg) {
    struct task *task = arg;
    stress_check(atomic_fetch_add(&task->runs, 1) == 0);
    atomic_fetch_add(&ran, 1);
    if (task->spin % 64 == 0) {
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    for (volatile unsigned i = 0; i < task->spin; i++) {
    }
    return task->spin % 7 == 0 ? -EDOM : 0;
}

static void clean(void *arg) {
    free(arg);
    atomic_fetch_add(&cleaned, 1);
}

static rim_verdict on_outcome(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg);

static void give(rim_ctx *ctx, struct worker *self) {
    struct task *task = calloc(1, sizeof *task);
    task->spin = (unsigned)(rim_random(ctx) % spin);
    rim_job job = {.run = work,
                   .arg = task,
                   .cleanup = clean,
                   .timeout_ns = rim_random(ctx) % 10 == 0 ? RIM_US(20) : RIM_SECONDS(60),
                   .on_outcome = on_outcome,
                   .cookie = rim_random(ctx) % 2};
    rim_token token;
    int error = rim_offload(ctx, &job, &token);
    stress_check(error == 0 || error == -RIM_EFULL);
    if (error != 0) {
        free(task);
        return;
    }
    atomic_fetch_add(&taken, 1);
    self->open++;
    if (rim_random(ctx) % 5 == 0) {
        stress_check(rim_cancel(ctx, token));
        self->open--;
        atomic_fetch_add(&cancelled, 1);
    }
}

static rim_verdict step(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct worker *self = state;
    (void)body, (void)msg;
    for (unsigned i = 0; i < 3; i++) {
        give(ctx, self);
    }
    if (++self->rounds == ROUNDS || (spin > 100000 && self->rounds == 20)) {
        return RIM_STOP; /* with jobs under way */
    }
    self->waits = self->open >= OPEN_MAX;
    return self->waits || rim_send(ctx, rim_self(ctx), STEP, NULL, 0) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_outcome(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct worker *self = state;
    (void)body, (void)msg;
    stress_check(cookie < 2);
    stress_check(error == 0 || error == -EDOM || error == -ETIMEDOUT);
    self->open--;
    atomic_fetch_add(&outcomes, 1);
    if (self->waits) {
        self->waits = false;
        stress_check(rim_send(ctx, rim_self(ctx), STEP, NULL, 0) == 0);
    }
    return RIM_DONE;
}

static void on_exit_(rim_ctx *ctx, void *state, rim_exit why) {
    struct worker *self = state;
    (void)ctx, (void)why;
    atomic_fetch_add(&left, self->open);
    sem_post(&done);
}

static const rim_handler worker_on[] = {[STEP] = step};
static const rim_behaviour worker = {.name = "worker",
                                     .state_size = sizeof(struct worker),
                                     .on = worker_on,
                                     .on_count = RIM_COUNT(worker_on),
                                     .exit = on_exit_};

static void start_workers(rim_system *system, unsigned shards, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i % shards};
        rim_ref ref;
        stress_check(rim_system_spawn(system, &worker, &options, NULL, 0, &ref) == 0);
        stress_check(rim_system_send(system, ref, STEP, NULL, 0) == 0);
    }
    stress_check(rim_system_start(system) == 0);
}

static void reset(unsigned jobs_spin) {
    taken = ran = cleaned = outcomes = cancelled = left = 0;
    spin = jobs_spin;
    sem_init(&done, 0, 0);
}

/* Memory of jobs that outlive their system is freed when they return. */
static void wait_until_clean(void) {
    for (unsigned i = 0; i < 100000 && atomic_load(&cleaned) != atomic_load(&taken); i++) {
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    stress_check(atomic_load(&cleaned) == atomic_load(&taken));
}

static void run_case(void *arg) {
    unsigned shards = *(unsigned *)arg;
    rim_system *system;
    rim_stop_report report;
    rim_config config = {.shards = shards, .helpers = 3, .jobs = 200, .seed = stress_seed()};
    reset(3000);
    stress_check(rim_system_create(&config, &system) == 0);
    start_workers(system, shards, WORKERS);
    for (unsigned i = 0; i < WORKERS; i++) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += WAIT_SECONDS;
        stress_check(sem_timedwait(&done, &until) == 0);
    }
    stress_check(rim_system_stop(system, RIM_SECONDS(60), &report) == 0);
    stress_check(report.adds_up && !report.leaks);
    rim_stats stats;
    stress_check(rim_system_stats(system, RIM_ALL_SHARDS, &stats) == 0);
    stress_check(stats.jobs == atomic_load(&taken) && stats.jobs_open == 0);
    rim_system_destroy(system);
    stress_check(taken > 0 && outcomes + cancelled + left == taken);
    stress_check(ran <= taken && cleaned == taken);
    sem_destroy(&done);
}

/* Cut off, again and again, with long jobs in the helpers. */
static void end_case(void *arg) {
    unsigned systems = *(unsigned *)arg;
    reset(400000);
    for (unsigned i = 0; i < systems; i++) {
        rim_system *system;
        rim_stop_report report;
        rim_config config = {.shards = 2, .helpers = 4, .seed = stress_seed() + i};
        stress_check(rim_system_create(&config, &system) == 0);
        start_workers(system, 2, 4);
        int error = rim_system_stop(system, RIM_US(300) * (i % 8), &report);
        stress_check(error == 0 || error == -ETIMEDOUT);
        stress_check(report.adds_up && !report.leaks);
        rim_system_destroy(system);
    }
    wait_until_clean();
}

int main(int argc, char **argv) {
    static unsigned one = 1, two = 2, four = 4, systems = 30;
    stress_begin(argc, argv);
    stress_case("jobs_of_one_shard", run_case, &one);
    stress_case("jobs_of_two_shards", run_case, &two);
    stress_case("jobs_of_four_shards", run_case, &four);
    stress_case("systems_end_under_jobs", end_case, &systems);
    return stress_end();
}
