/* SPDX-License-Identifier: MIT */
/*
 * The orderly stop: close, work off, let go, end. The shards obey orders that reach them through their inlets, and the
 * last one to obey takes the next step: it steers until it has given the next order. So a step takes one wake-up of
 * each shard, and the thread that asked for the stop sleeps through. What cannot be done at once (a rest, a deadline
 * that has passed, no memory for orders) is handed back to that thread. Where shards are embedded or simulated it takes
 * all the steps itself. None of them waits, so that a loop of the caller's can take them one by one
 * (rim_system_stop_begin); rim_system_stop waits between them.
 *
 *     CLOSE -> WORK_OFF -> STOP_USERS -> WRITE_OFF -> STOP_ALL -> LET_GO -> QUIT -> LOOPS -> DRIVERS -> DONE
 *                 '-------------------------'----------------------'--deadline--> CUT -> CUT_OFF -> PATIENCE -> QUIT
 *
 * Quiescence: every shard says whether it is idle, how many messages it has handed to other shards and how many it has
 * taken in. If all are idle, both sums are equal, and the round before had all idle and the same sums, nothing moved
 * between the two rounds and nothing is under way (Mattern's four counters, 1987). tests/model/stop.pml checks it. The
 * first round comes with the answers to the order that went before. A shard that is alone needs no second one: what it
 * says of itself is of one moment.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "system.h"

#define ROUND_MIN_NS 20000u
#define ROUND_MAX_NS 2000000u
#define PATIENCE_NS  200000000ull /* after the deadline, for what is under way to end as lost */
#define COMPLAIN_NS  5000000000ull
#define LOOK_NS      200000u /* between two steps of shards of our own */

enum phase {
    CLOSE,
    WORK_OFF,
    STOP_USERS,
    WRITE_OFF,
    STOP_ALL,
    LET_GO,
    CUT,
    CUT_OFF,
    PATIENCE,
    QUIT,
    LOOPS,
    DRIVERS,
    DONE
};

/* Of a step: none could be taken; there may be another; it is with the shards now, and so is all that is in here. */
enum outcome { STUCK, STEPPED, AWAY };

struct rim__stopping {
    struct rim_system *system;
    enum phase phase;
    uint64_t deadline_ns;
    rim_stop_report report;
    bool cut;
    struct rim__gate gate;    /* knocked on once, to hand back to the thread that asked for the stop */
    bool is_away;             /* that thread's own: handed out, and not back */
    uint64_t since_ns;        /* that thread's own: when that began, or when it was last complained of */
    _Atomic uint32_t awaited; /* shards that have not obeyed; down with acquire and release: who brings it to 0 steers,
                                 and has all that follows as those left it who steered before */
    bool probing;             /* what is awaited are the answers to a probe */
    bool was_idle;            /* in the round before */
    uint64_t posted_before;
    uint64_t rest_ns, rest_until_ns; /* between two rounds */
    struct rim_msg *orders[RIM_SHARDS_MAX];
    struct rim__probe probes[]; /* by shard */
};

static uint64_t now_of(const rim_system *system) {
    if (system->sim != NULL) {
        return system->sim->now_ns;
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- orders ---- */

/* Shards that have threads of their own, which pass the steering on. */
static bool is_passed_on(const struct rim_system *system) {
    return system->sim == NULL && system->embedded == 0;
}

static void obeyed(void *arg);

/* All or none, so that a try without memory can be repeated. */
static bool make_orders(struct rim__stopping *stopping, enum rim__order_kind kind) {
    for (uint32_t i = 0; i < stopping->system->count; i++) {
        struct rim__order order = {
            .kind = kind,
            .probe = &stopping->probes[i],
            .obeyed = kind != RIM_ORDER_QUIT ? obeyed : NULL,
            .arg = stopping,
        };
        stopping->orders[i] = rim__inlet_msg(RIM_KIND_ORDER, 0, &order, sizeof order);
        if (stopping->orders[i] == NULL) {
            while (i-- > 0) {
                rim__inlet_msg_free(stopping->orders[i]);
            }
            return false;
        }
    }
    return true;
}

/* After the last push the stopping is somebody else's. */
static void push_orders(struct rim__stopping *stopping) {
    struct rim_system *system = stopping->system;
    const uint32_t count = system->count;
    for (uint32_t i = 0; i < count; i++) {
        int error = rim__inlet_push(system->members[i].shard, stopping->orders[i], true);
        rim__assert(error == 0);
    }
}

static void enter(struct rim__stopping *stopping, enum phase phase) {
    stopping->phase = phase;
    stopping->probing = stopping->was_idle = false;
    stopping->rest_ns = 0; /* what an order has set off is mostly done before the next one is looked at */
    stopping->rest_until_ns = 0;
}

/* False: out of memory, there is no stopping without it; to be tried again. */
static bool give_order(struct rim__stopping *stopping, enum rim__order_kind kind, enum phase next, bool probing) {
    if (!make_orders(stopping, kind)) {
        return false;
    }
    if (stopping->phase != next) {
        enter(stopping, next);
    }
    stopping->probing = probing;
    atomic_store_explicit(&stopping->awaited, stopping->system->count, memory_order_relaxed);
    push_orders(stopping);
    return true;
}

/* Every shard obeys sooner or later: a handler that does not return is the only thing that can be in the way, and an
   embedded shard that nobody steps. */
static bool is_back(struct rim__stopping *stopping, uint64_t patience_ns) {
    if (!stopping->is_away || rim__gate_wait(&stopping->gate, 1, patience_ns)) {
        stopping->is_away = false;
        return true;
    }
    uint64_t now_ns = now_of(stopping->system);
    if (now_ns - stopping->since_ns >= COMPLAIN_NS) {
        stopping->since_ns = now_ns;
        rim__log_write(&stopping->system->log, RIM_LOG_WARNING,
                       "stop: a shard does not answer; one of its handlers does not return, or nobody steps it");
    }
    return false;
}

/* ---- quiescence ---- */

static bool is_quiet(struct rim__stopping *stopping) {
    uint64_t posted = 0, drained = 0;
    bool idle = true;
    for (uint32_t i = 0; i < stopping->system->count; i++) {
        idle = idle && stopping->probes[i].idle;
        posted += stopping->probes[i].posted;
        drained += stopping->probes[i].drained;
    }
    idle = idle && posted == drained;
    bool alone = stopping->system->count == 1;
    bool quiet = idle && (alone || (stopping->was_idle && posted == stopping->posted_before));
    stopping->was_idle = idle;
    stopping->posted_before = posted;
    return quiet;
}

static uint64_t longer(uint64_t rest_ns) {
    uint64_t ns = rest_ns * 2 > ROUND_MIN_NS ? rest_ns * 2 : ROUND_MIN_NS;
    return ns < ROUND_MAX_NS ? ns : ROUND_MAX_NS;
}

/* One round of it. */
static enum outcome quiesce(struct rim__stopping *stopping, enum phase next, enum phase late) {
    uint64_t now_ns = now_of(stopping->system);
    if (stopping->probing) {
        if (is_quiet(stopping)) {
            enter(stopping, next);
            return STEPPED;
        }
        if (now_ns >= stopping->deadline_ns) {
            enter(stopping, late);
            return STEPPED;
        }
        stopping->probing = false;
        if (!stopping->was_idle) { /* else it is the second round that is wanted */
            stopping->rest_until_ns = now_ns + stopping->rest_ns;
            stopping->rest_ns = longer(stopping->rest_ns);
        }
    }
    bool is_due = now_ns >= stopping->rest_until_ns;
    return is_due && give_order(stopping, RIM_ORDER_PROBE, stopping->phase, true) ? AWAY : STUCK;
}

/* ---- the steps ---- */

static enum outcome order(struct rim__stopping *stopping, enum rim__order_kind kind, enum phase next) {
    return give_order(stopping, kind, next, false) ? AWAY : STUCK;
}

/* One whose answers say how the shard is when it has obeyed. */
static enum outcome order_and_probe(struct rim__stopping *stopping, enum rim__order_kind kind, enum phase next) {
    return give_order(stopping, kind, next, true) ? AWAY : STUCK;
}

/* Nobody answers to this one. Where the steering is passed on, the last shard to leave its loop hands it back. */
static enum outcome quit(struct rim__stopping *stopping) {
    bool passed_on = is_passed_on(stopping->system);
    enum outcome outcome = order(stopping, RIM_ORDER_QUIT, LOOPS);
    return outcome == AWAY && !passed_on ? STEPPED : outcome;
}

static void name_culprits(struct rim__stopping *stopping, rim_stop_report *report) {
    size_t used = 0;
    for (uint32_t i = 0; i < stopping->system->count; i++) {
        const char *culprit = stopping->probes[i].busy_with;
        if (culprit[0] != '\0' && used + 1 < sizeof report->held_up_by) {
            int more = snprintf(report->held_up_by + used, sizeof report->held_up_by - used, "%sshard %u: %s",
                                used > 0 ? "; " : "", i, culprit);
            used += more > 0 ? (size_t)more : 0;
        }
    }
}

static enum outcome cut_off(struct rim__stopping *stopping) {
    rim_stop_report *report = &stopping->report;
    for (uint32_t i = 0; i < stopping->system->count; i++) {
        report->killed += stopping->probes[i].killed;
    }
    name_culprits(stopping, report);
    rim__log_write(&stopping->system->log, RIM_LOG_WARNING, "stop: cut off at the deadline, held up by %s",
                   report->held_up_by[0] != '\0' ? report->held_up_by : "nothing that has a name");
    stopping->cut = true;
    stopping->deadline_ns = now_of(stopping->system) + PATIENCE_NS; /* what was under way ends as dead letters */
    enter(stopping, PATIENCE);
    return STEPPED;
}

/* Nothing moves any more but this thread. Delivers what is still in the lanes. */
static void sweep(struct rim_system *system) {
    uint64_t before, after = 0;
    do {
        before = after;
        after = 0;
        for (uint32_t i = 0; i < system->count; i++) {
            struct rim__shard *shard = system->members[i].shard;
            rim__shard_set_current(shard);
            rim__mesh_drain(shard);
            shard->inlet.news = true; /* what helpers have handed home since the loop's end */
            rim__inlet_drain(shard);
            shard->settle(shard);
            rim__mesh_flush(shard);
            after += shard->mesh.drained + shard->mesh.posted;
        }
    } while (after != before);
    for (uint32_t i = 0; i < system->count; i++) {
        rim__mesh_collect(system->members[i].shard);
    }
    rim__shard_set_current(NULL);
}

static void report_end(struct rim_system *system, rim_stop_report *report) {
    rim_stats sum;
    rim_system_stats(system, RIM_ALL_SHARDS, &sum);
    report->dead = sum.dead;
    for (uint32_t i = 0; i < system->count; i++) {
        report->lost += system->members[i].ctx->lost;
    }
    report->adds_up = rim_stats_add_up(&sum) && sum.queued == 0;
    report->leaks = system->leaks;
}

/* All loops have ended. */
static void clean_up(struct rim__stopping *stopping) {
    struct rim_system *system = stopping->system;
    rim__offload_close(system->offload); /* from here on no thread but this touches a shard */
    if (system->sim != NULL) {
        rim__sim_event_finish(&system->sim->events); /* of jobs that are no more, for one */
    }
    sweep(system);
    enter(stopping, DRIVERS);
    rim__system_let_close(system);
}

static enum outcome end_loops(struct rim__stopping *stopping, uint64_t patience_ns) {
    struct rim_system *system = stopping->system;
    bool ended = system->sim != NULL || rim__gate_wait(&system->looped, system->count, patience_ns);
    for (uint32_t i = 0; system->sim != NULL && i < system->count; i++) {
        ended = ended && system->members[i].shard->stopping;
    }
    if (ended) {
        clean_up(stopping);
    }
    return ended ? STEPPED : STUCK;
}

bool rim__stop_leave(struct rim_system *system) {
    struct rim__stopping *stopping = system->stopping;
    struct rim__shard *self = rim__shard_current();
    if (!is_passed_on(system)) {
        rim__gate_knock(&system->looped);
        return false;
    }
    if (atomic_fetch_sub_explicit(&stopping->awaited, 1, memory_order_acq_rel) != 1) {
        return false;
    }
    clean_up(stopping);
    rim__shard_set_current(self);
    return true;
}

/* It frees what this touches only when it has joined this thread. */
void rim__stop_hand_back(struct rim_system *system) {
    rim__gate_knock(&system->stopping->gate);
}

static enum outcome end_drivers(struct rim__stopping *stopping, uint64_t patience_ns) {
    struct rim_system *system = stopping->system;
    if (system->embedded > 0 && !rim__gate_wait(&system->closed, system->embedded, patience_ns)) {
        return STUCK;
    }
    rim__system_join(system);
    report_end(system, &stopping->report);
    enter(stopping, DONE);
    return STEPPED;
}

/* The next step, if it can be taken. Waits for others patience_ns at most. */
static enum outcome step(struct rim__stopping *stopping, uint64_t patience_ns) {
    switch (stopping->phase) {
    case CLOSE:
        return order_and_probe(stopping, RIM_ORDER_CLOSE, WORK_OFF);
    case WORK_OFF:
        return quiesce(stopping, STOP_USERS, CUT);
    case STOP_USERS:
        return order_and_probe(stopping, RIM_ORDER_STOP_USERS, WRITE_OFF);
    case WRITE_OFF: /* what their exits wrote to sockets */
        return quiesce(stopping, STOP_ALL, CUT);
    case STOP_ALL:
        return order_and_probe(stopping, RIM_ORDER_STOP_ALL, LET_GO);
    case LET_GO:
        return quiesce(stopping, QUIT, CUT);
    case CUT:
        return order(stopping, RIM_ORDER_CUT, CUT_OFF);
    case CUT_OFF:
        return cut_off(stopping);
    case PATIENCE:
        return quiesce(stopping, QUIT, QUIT);
    case QUIT:
        return quit(stopping);
    case LOOPS:
        return end_loops(stopping, patience_ns);
    case DRIVERS:
        return end_drivers(stopping, patience_ns);
    case DONE:
        break;
    }
    return STUCK;
}

/* On the thread of a shard that has obeyed. */
static void obeyed(void *arg) {
    struct rim__stopping *stopping = arg;
    if (atomic_fetch_sub_explicit(&stopping->awaited, 1, memory_order_acq_rel) != 1) {
        return;
    }
    enum outcome outcome = is_passed_on(stopping->system) ? STEPPED : STUCK;
    while (outcome == STEPPED) {
        outcome = step(stopping, 0);
    }
    if (outcome == STUCK) {
        rim__gate_knock(&stopping->gate);
    }
}

/* On the thread that asked for the stop. False: nothing can be done now. */
static bool advance(struct rim__stopping *stopping, uint64_t patience_ns) {
    if (!is_back(stopping, patience_ns)) {
        return false;
    }
    stopping->is_away = true; /* before it may be */
    stopping->since_ns = now_of(stopping->system);
    enum outcome outcome = step(stopping, patience_ns);
    if (outcome != AWAY) {
        stopping->is_away = false;
    }
    return outcome != STUCK;
}

/* ---- waiting between them ---- */

static void pass_virtual_time(struct rim__stopping *stopping) {
    struct rim_system *system = stopping->system;
    struct rim__sim *sim = system->sim;
    uint64_t until_ns = stopping->rest_until_ns > sim->now_ns ? stopping->rest_until_ns : sim->now_ns + ROUND_MIN_NS;
    rim__embed_step_mine(system, 0);
    if (!rim__sim_step_until(sim, until_ns)) {
        sim->now_ns = until_ns; /* nothing to do until then */
    }
}

static void nap(uint64_t ns) {
    struct timespec rest = {.tv_nsec = (long)ns};
    nanosleep(&rest, NULL);
}

/* Where shards are ours to step, nothing else may be waited for. */
static void see_it_through(struct rim__stopping *stopping) {
    struct rim_system *system = stopping->system;
    bool mine = system->sim != NULL || system->embedded > 0;
    while (stopping->is_away || stopping->phase != DONE) {
        if (advance(stopping, mine ? 0 : COMPLAIN_NS)) {
            continue;
        }
        if (system->sim != NULL) {
            pass_virtual_time(stopping);
            continue;
        }
        mine = rim__embed_step_mine(system, LOOK_NS);
        if (mine || !stopping->is_away) {
            nap(mine ? ROUND_MIN_NS : stopping->rest_ns);
        }
    }
}

/* ---- the public functions ---- */

static int begin(rim_system *system, uint64_t timeout_ns) {
    if (system->stage != RIM_SYSTEM_RUNS || rim__shard_current() != NULL) {
        return -RIM_ECONTEXT;
    }
    struct rim__stopping *stopping = calloc(1, sizeof *stopping + system->count * sizeof stopping->probes[0]);
    if (stopping == NULL) {
        return -ENOMEM;
    }
    uint64_t now_ns = now_of(system);
    stopping->system = system;
    stopping->deadline_ns = timeout_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + timeout_ns;
    rim__gate_init(&stopping->gate);
    enter(stopping, CLOSE);
    system->stopping = stopping;
    for (uint32_t i = 0; i < system->count; i++) {
        rim__inlet_close(&system->members[i].shard->inlet);
    }
    return 0;
}

static int finish(rim_system *system, rim_stop_report *report) {
    struct rim__stopping *stopping = system->stopping;
    bool in_time = !stopping->cut;
    if (report != NULL) {
        *report = stopping->report;
    }
    system->stopping = NULL;
    rim__gate_finish(&stopping->gate);
    free(stopping);
    return in_time ? 0 : -ETIMEDOUT;
}

int rim_system_stop(rim_system *system, uint64_t timeout_ns, rim_stop_report *report) {
    if (report != NULL) {
        *report = (rim_stop_report){0};
    }
    if (rim__shard_current() != NULL) {
        return -RIM_ECONTEXT;
    }
    int error = system->stopping == NULL ? begin(system, timeout_ns) : 0;
    if (error != 0) {
        return error;
    }
    see_it_through(system->stopping);
    return finish(system, report);
}

int rim_system_stop_begin(rim_system *system, uint64_t timeout_ns) {
    return system->stopping == NULL ? begin(system, timeout_ns) : -RIM_ECONTEXT;
}

int rim_system_stop_done(rim_system *system, rim_stop_report *report) {
    if (report != NULL) {
        *report = (rim_stop_report){0};
    }
    if (system->stopping == NULL || rim__shard_current() != NULL) {
        return -RIM_ECONTEXT;
    }
    if (system->sim != NULL) {
        pass_virtual_time(system->stopping);
    }
    while (advance(system->stopping, 0)) {
    }
    bool done = !system->stopping->is_away && system->stopping->phase == DONE;
    return done ? finish(system, report) : -EAGAIN;
}
