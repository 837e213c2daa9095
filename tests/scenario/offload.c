/* SPDX-License-Identifier: MIT */
/*
 * Blocking work on helpers. A job that is to block waits for a semaphore, on real threads; under simulation it only
 * takes virtual time, and its function returns at once.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "role.h"

#define JOBS      40u
#define QUEUE_MAX 3u
#define STOP_NS   RIM_MS(300)

struct office {
    rim_system *system;
    rim_ref clerk;
    sem_t go;                 /* a job that blocks goes on */
    atomic_uint run, cleaned; /* jobs; on any thread */
    unsigned taken, outcomes; /* by the clerk */
    int error;                /* of the last outcome */
    bool is_sim, ends;
    rim_token token;
    pthread_t thread; /* of the clerk's shard */
};

static struct office office;

/* What a job gets, by copy. */
struct paper {
    struct office *office;
    uint64_t number, square;
    int result;
};

static void open_office(struct scenario *s, uint32_t helpers, uint32_t jobs) {
    rim_system *system = scenario_system_with(s, &(rim_config){.shards = 2, .helpers = helpers, .jobs = jobs});
    office = (struct office){.system = system, .is_sim = scenario_is_sim(s)};
    sem_init(&office.go, 0, 0);
}

static void run_clerk(struct scenario *s, const rim_behaviour *behaviour) {
    office.clerk = role_spawn(s, behaviour, 1, (struct role_cast){.world = &office});
    role_go(s, office.clerk);
    scenario_run(s, ROLE_LIMIT_NS);
}

static void wait_for_go(void) {
    if (!office.is_sim) {
        while (sem_wait(&office.go) != 0) {
        }
    }
}

static void count_cleaned(void *arg) {
    (void)arg;
    atomic_fetch_add(&office.cleaned, 1);
}

static int square(void *arg) {
    struct paper *paper = arg;
    CHECK((uintptr_t)arg % 16 == 0);
    CHECK(office.is_sim || !pthread_equal(pthread_self(), office.thread));
    atomic_fetch_add(&office.run, 1);
    paper->square = paper->number * paper->number;
    return paper->result;
}

static int block(void *arg) {
    (void)arg;
    atomic_fetch_add(&office.run, 1);
    wait_for_go();
    return 0;
}

/* Gives one away, and counts it. */
static int give(rim_ctx *ctx, int (*run)(void *arg), uint64_t number, uint64_t timeout_ns, rim_outcome on_outcome) {
    struct paper paper = {.office = &office, .number = number, .result = number == 13 ? -EDOM : 0};
    rim_job job = {.run = run,
                   .arg = &paper,
                   .size = sizeof paper,
                   .cleanup = count_cleaned,
                   .timeout_ns = timeout_ns,
                   .on_outcome = on_outcome,
                   .cookie = number,
                   .name = "paper"};
    int error = rim_offload(ctx, &job, &office.token);
    office.taken += error == 0;
    return error;
}

/* ---- results ---- */

ROLE_OUTCOME(squared) {
    const struct paper *paper = body;
    CHECK(error == (cookie == 13 ? -EDOM : 0));
    CHECK((error == 0) == (body != NULL));
    CHECK(error != 0 || (paper->square == cookie * cookie && rim_size(msg) == sizeof *paper));
    if (++office.outcomes == JOBS) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

ROLE_ON(give_many) {
    office.thread = pthread_self();
    for (uint64_t i = 0; i < JOBS; i++) {
        CHECK(give(ctx, square, i, RIM_SECONDS(10), squared) == 0);
    }
    return RIM_DONE;
}
static const rim_handler many_on[] = {[GO] = give_many};
ROLE(office_many, many_on);

void job_results_come_back_as_outcomes(struct scenario *s) {
    open_office(s, 3, 0);
    run_clerk(s, &office_many);
    rim_stats stats;
    role_settle(s, &stats);
    CHECK(office.outcomes == JOBS && atomic_load(&office.run) == JOBS);
    CHECK(atomic_load(&office.cleaned) == JOBS);
    CHECK(stats.jobs == JOBS && stats.jobs_open == 0);
}

/* ---- memory that is handed over, and results that are kept ---- */

static int fill(void *arg) {
    memset(arg, 7, 100);
    return 0;
}

static void free_block(void *arg) {
    free(arg);
    atomic_fetch_add(&office.cleaned, 1);
}

/* The message goes on to another shard, and with it the job's memory. */
ROLE_OUTCOME(pass_on) {
    CHECK(error == 0 && rim_size(msg) == 100);
    rim_msg *kept = rim_take(ctx, msg);
    rim_ref reader = ((struct role *)self)->cast.who;
    CHECK(kept != NULL);
    rim_msg_retag(kept, WORD);
    CHECK(rim_send_msg(ctx, reader, kept) == 0);
    return RIM_DONE;
}

ROLE_OUTCOME(own_done) {
    CHECK(error == 0 && ((const char *)body)[99] == 7);
    CHECK(atomic_load(&office.cleaned) == 0);
    char zeroes[100] = {0};
    rim_job job = {.run = fill,
                   .arg = zeroes,
                   .size = sizeof zeroes,
                   .cleanup = count_cleaned,
                   .timeout_ns = RIM_SECONDS(10),
                   .on_outcome = pass_on};
    CHECK(rim_offload(ctx, &job, NULL) == 0);
    return RIM_DONE;
}

ROLE_ON(give_owned) {
    rim_job job = {
        .run = fill, .arg = malloc(100), .cleanup = free_block, .timeout_ns = RIM_SECONDS(10), .on_outcome = own_done};
    CHECK(rim_offload(ctx, &job, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler owned_on[] = {[GO] = give_owned};
ROLE(office_owned, owned_on);

ROLE_ON(read_word) {
    CHECK(rim_size(msg) == 100 && ((const char *)body)[50] == 7);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler reader_on[] = {[WORD] = read_word};
ROLE(office_reader, reader_on);

void job_memory_lives_as_long_as_its_message(struct scenario *s) {
    scenario_open_lanes(s);
    open_office(s, 0, 0);
    rim_ref reader = role_spawn(s, &office_reader, 0, (struct role_cast){.world = &office});
    role_go(s, role_spawn(s, &office_owned, 1, (struct role_cast){.world = &office, .who = reader}));
    scenario_run(s, ROLE_LIMIT_NS);
    rim_stats stats;
    role_settle(s, &stats);
    CHECK(atomic_load(&office.cleaned) == 2);
}

/* ---- cancelled ---- */

ROLE_OUTCOME(never) {
    CHECK(!"an outcome of what was cancelled");
    return RIM_DONE;
}

ROLE_OUTCOME(blocked_done) {
    CHECK(error == 0);
    CHECK(atomic_load(&office.run) == 1);
    scenario_done(ctx);
    return RIM_DONE;
}

/* One helper, which the first job holds: the second waits. */
ROLE_ON(give_and_cancel) {
    CHECK(give(ctx, block, 1, RIM_SECONDS(10), blocked_done) == 0);
    CHECK(give(ctx, square, 2, RIM_SECONDS(10), never) == 0);
    CHECK(rim_cancel(ctx, office.token));
    CHECK(!rim_cancel(ctx, office.token));
    CHECK(atomic_load(&office.cleaned) == 1);
    sem_post(&office.go);
    return RIM_DONE;
}
static const rim_handler cancel_on[] = {[GO] = give_and_cancel};
ROLE(office_cancel, cancel_on);

void contract_08_cancelled_job_that_waits_never_runs(struct scenario *s) {
    open_office(s, 1, 0);
    run_clerk(s, &office_cancel);
    rim_stats stats;
    role_settle(s, &stats);
    CHECK(atomic_load(&office.cleaned) == 2);
}

static int announce(void *arg) {
    (void)arg;
    CHECK(rim_system_send(office.system, office.clerk, CANCEL, NULL, 0) == 0);
    return block(arg);
}

ROLE_ON(give_announced) {
    CHECK(give(ctx, announce, 1, RIM_SECONDS(10), never) == 0);
    return RIM_DONE;
}

ROLE_ON(cancel_announced) {
    CHECK(rim_cancel(ctx, office.token));
    sem_post(&office.go);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler announced_on[] = {[GO] = give_announced, [CANCEL] = cancel_announced};
ROLE(office_announced, announced_on);

/* The stop at the end waits for it, and finds that nothing has leaked. */
void contract_08_cancelled_job_that_runs_has_no_outcome(struct scenario *s) {
    open_office(s, 0, 0);
    run_clerk(s, &office_announced);
    rim_stop_report report;
    CHECK(scenario_stop(s, RIM_SECONDS(10), &report) == 0);
    CHECK(report.adds_up && !report.leaks);
    CHECK(atomic_load(&office.cleaned) == 1 && atomic_load(&office.run) == 1);
}

/* ---- too late ---- */

ROLE_OUTCOME(timed_out) {
    CHECK(error == -ETIMEDOUT && body == NULL);
    if (++office.outcomes == 2) {
        sem_post(&office.go);
        scenario_done(ctx);
    }
    return RIM_DONE;
}

/* The first runs when its time is up, the second waits for a helper. */
ROLE_ON(give_short) {
    CHECK(give(ctx, block, 1, RIM_US(2), timed_out) == 0);
    CHECK(give(ctx, square, 2, RIM_US(2), timed_out) == 0);
    return RIM_DONE;
}
static const rim_handler short_on[] = {[GO] = give_short};
ROLE(office_short, short_on);

void contract_05_job_times_out_once(struct scenario *s) {
    open_office(s, 1, 0);
    run_clerk(s, &office_short);
    rim_stop_report report;
    CHECK(scenario_stop(s, RIM_SECONDS(10), &report) == 0);
    CHECK(office.outcomes == 2 && atomic_load(&office.cleaned) == 2);
    CHECK(atomic_load(&office.run) <= 1);
}

/* ---- the actor ends ---- */

ROLE_ON(give_and_end) {
    CHECK(give(ctx, announce, 1, RIM_SECONDS(10), never) == 0);
    for (uint64_t i = 0; i < JOBS; i++) {
        CHECK(give(ctx, square, 100 + i, RIM_SECONDS(10), never) == 0);
    }
    return RIM_DONE;
}

/* The first job runs. */
ROLE_ON(end_now) {
    office.ends = true; /* the helper is let go when nothing waits for it any more: see below */
    return RIM_STOP;
}

static void ended(rim_ctx *ctx, void *self, rim_exit why) {
    (void)self, (void)why;
    CHECK(office.ends);
    scenario_done(ctx);
}
static const rim_handler end_on[] = {[GO] = give_and_end, [CANCEL] = end_now};
ROLE(office_end, end_on, .exit = ended);

void contract_11_jobs_end_with_their_actor(struct scenario *s) {
    open_office(s, 1, 0);
    run_clerk(s, &office_end);
    rim_stats stats = {.jobs_open = JOBS};
    for (unsigned i = 0; i < 5000 && stats.jobs_open > 1; i++) {
        scenario_pass_time(s, RIM_MS(1));
        rim_system_stats(scenario_system(s), RIM_ALL_SHARDS, &stats);
    }
    CHECK(stats.jobs_open <= 1);
    sem_post(&office.go);
    rim_stop_report report;
    CHECK(scenario_stop(s, RIM_SECONDS(10), &report) == 0);
    CHECK(report.adds_up && !report.leaks);
    CHECK(atomic_load(&office.run) >= 1 && atomic_load(&office.run) <= 2);
    CHECK(atomic_load(&office.cleaned) == JOBS + 1);
}

/* ---- bounds ---- */

ROLE_OUTCOME(bounded_done) {
    CHECK(error == 0);
    if (++office.outcomes == office.taken) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

ROLE_ON(give_too_many) {
    int error = 0;
    for (uint64_t i = 0; i < QUEUE_MAX + 10 && error == 0; i++) {
        error = give(ctx, block, i, RIM_SECONDS(10), bounded_done);
    }
    CHECK(error == -RIM_EFULL);
    CHECK(office.taken == QUEUE_MAX || office.taken == QUEUE_MAX + 1); /* one may have been begun */
    for (unsigned i = 0; i < office.taken; i++) {
        sem_post(&office.go);
    }
    return RIM_DONE;
}
static const rim_handler bounded_on[] = {[GO] = give_too_many};
ROLE(office_bounded, bounded_on);

void contract_04_jobs_that_wait_are_bounded(struct scenario *s) {
    open_office(s, 1, QUEUE_MAX);
    run_clerk(s, &office_bounded);
    CHECK(office.outcomes == office.taken);
}

/* ---- the system stops ---- */

ROLE_ON(give_begun) {
    CHECK(give(ctx, office.is_sim ? square : announce, 1, RIM_SECONDS(30), bounded_done) == 0);
    if (office.is_sim) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

ROLE_ON(has_begun) {
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler begun_on[] = {[GO] = give_begun, [CANCEL] = has_begun};
ROLE(office_begun, begun_on);

void contract_09_stop_waits_for_a_job_that_runs(struct scenario *s) {
    open_office(s, 0, 0);
    run_clerk(s, &office_begun);
    sem_post(&office.go);
    rim_stop_report report;
    CHECK(scenario_stop(s, RIM_SECONDS(10), &report) == 0);
    CHECK(office.outcomes == 1 && office.taken == 1 && atomic_load(&office.cleaned) == 1);
}

/* On threads the job runs on when the system is gone already, and its memory is freed all the same. */
void contract_09_job_that_holds_up_a_stop_is_named(struct scenario *s) {
    open_office(s, 0, 0);
    run_clerk(s, &office_begun);
    rim_stop_report report;
    int stopped = scenario_stop(s, office.is_sim ? RIM_US(1) : STOP_NS, &report);
    bool in_time = office.is_sim && office.outcomes == 1; /* its time may be shorter than the stop's first step */
    CHECK(stopped == -ETIMEDOUT || in_time);
    CHECK(strstr(report.held_up_by, "job paper") != NULL || in_time);
    CHECK(report.adds_up && !report.leaks);
    CHECK(office.outcomes == 0 || in_time);
    rim_system_destroy(scenario_hand_over(s));
    sem_post(&office.go);
    for (unsigned i = 0; i < 20000 && atomic_load(&office.cleaned) == 0; i++) {
        struct timespec rest = {.tv_nsec = 500000};
        nanosleep(&rest, NULL);
    }
    CHECK(atomic_load(&office.cleaned) == 1);
}

/* ---- mistakes ---- */

ROLE_ON(give_wrong) {
    struct paper paper = {.office = &office};
    rim_job good = {
        .run = square, .arg = &paper, .size = sizeof paper, .timeout_ns = RIM_SECONDS(1), .on_outcome = never};
    rim_job job = good;
    job.run = NULL;
    CHECK(rim_offload(ctx, &job, NULL) == -EINVAL);
    job = good;
    job.timeout_ns = 0;
    CHECK(rim_offload(ctx, &job, NULL) == -EINVAL);
    job = good;
    job.on_outcome = NULL;
    CHECK(rim_offload(ctx, &job, NULL) == -EINVAL);
    job = good;
    job.arg = NULL;
    CHECK(rim_offload(ctx, &job, NULL) == -EINVAL);
    job = good;
    job.size = RIM_BODY_MAX + 1;
    CHECK(rim_offload(ctx, &job, NULL) == -RIM_ETOOBIG);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler wrong_on[] = {[GO] = give_wrong};
ROLE(office_wrong, wrong_on);

void bad_arguments_of_offload_h(struct scenario *s) {
    rim_system *system;
    CHECK(rim_system_create(&(rim_config){.helpers = 1025}, &system) == -EINVAL);
    open_office(s, 0, 0);
    run_clerk(s, &office_wrong);
    CHECK(atomic_load(&office.run) == 0);
}
