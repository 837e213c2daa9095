/* SPDX-License-Identifier: MIT */
/*
 * The orderly stop: close, work off, let go, end. A thread that is no shard steers; the shards obey orders that reach
 * them through their inlets.
 *
 * Quiescence: every shard says whether it is idle, how many messages it has handed to other shards and how many it has
 * taken in. If all are idle, both sums are equal, and the round before had all idle and the same sums, nothing moved
 * between the two rounds and nothing is under way (Mattern's four counters, 1987). tests/model/stop.pml checks it.
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

struct stopping {
    struct rim_system *system;
    uint64_t deadline_ns;
    struct rim__probe *probes;
    struct rim__gate gate;
    bool was_idle; /* in the round before */
    uint64_t posted_before;
};

static uint64_t now_of(const struct rim_system *system) {
    if (system->sim != NULL) {
        return system->sim->now_ns;
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void pass_time(const struct rim_system *system, uint64_t ns) {
    if (system->sim != NULL) {
        uint64_t until_ns = system->sim->now_ns + ns;
        while (system->sim->now_ns < until_ns && rim__sim_step_until(system->sim, until_ns)) {
        }
        if (system->sim->now_ns < until_ns) {
            system->sim->now_ns = until_ns; /* nothing to do until then */
        }
        return;
    }
    struct timespec rest = {.tv_nsec = (long)ns};
    nanosleep(&rest, NULL);
}

/* ---- orders ---- */

static bool await_once(struct stopping *stopping, uint32_t knocks, uint64_t ns) {
    struct rim_system *system = stopping->system;
    if (system->sim == NULL) {
        return rim__gate_wait(&stopping->gate, knocks, ns);
    }
    uint64_t until_ns = system->sim->now_ns + ns;
    while (!rim__gate_is_open(&stopping->gate, knocks) && system->sim->now_ns < until_ns) {
        if (!rim__sim_step(system->sim)) {
            break;
        }
    }
    return rim__gate_wait(&stopping->gate, knocks, 0);
}

/* Every shard obeys sooner or later: a handler that does not return is the only thing that can be in the way. */
static void await(struct stopping *stopping, uint32_t knocks) {
    while (!await_once(stopping, knocks, COMPLAIN_NS)) {
        rim__log_write(&stopping->system->log, RIM_LOG_WARNING,
                       "stop: a shard does not answer; one of its handlers does not return");
    }
}

static void give_order(struct stopping *stopping, enum rim__order_kind kind) {
    struct rim_system *system = stopping->system;
    for (uint32_t i = 0; i < system->count; i++) {
        struct rim__order order = {
            .kind = kind,
            .probe = &stopping->probes[i],
            .gate = kind != RIM_ORDER_QUIT ? &stopping->gate : NULL,
        };
        struct rim_msg *msg;
        while ((msg = rim__inlet_msg(RIM_KIND_ORDER, 0, &order, sizeof order)) == NULL) {
            pass_time(system, ROUND_MAX_NS); /* out of memory: there is no stopping without it */
        }
        int error = rim__inlet_push(system->members[i].shard, msg, true);
        rim__assert(error == 0);
    }
    if (kind != RIM_ORDER_QUIT) {
        await(stopping, system->count);
    }
}

/* ---- quiescence ---- */

static bool is_quiet(struct stopping *stopping) {
    uint64_t posted = 0, drained = 0;
    bool idle = true;
    give_order(stopping, RIM_ORDER_PROBE);
    for (uint32_t i = 0; i < stopping->system->count; i++) {
        idle = idle && stopping->probes[i].idle;
        posted += stopping->probes[i].posted;
        drained += stopping->probes[i].drained;
    }
    idle = idle && posted == drained;
    bool quiet = idle && stopping->was_idle && posted == stopping->posted_before;
    stopping->was_idle = idle;
    stopping->posted_before = posted;
    return quiet;
}

static bool quiesce(struct stopping *stopping, uint64_t deadline_ns) {
    uint64_t rest_ns = ROUND_MIN_NS;
    stopping->was_idle = false;
    while (!is_quiet(stopping)) {
        if (now_of(stopping->system) >= deadline_ns) {
            return false;
        }
        pass_time(stopping->system, rest_ns);
        rest_ns = rest_ns * 2 < ROUND_MAX_NS ? rest_ns * 2 : ROUND_MAX_NS;
    }
    return true;
}

/* ---- the steps ---- */

static bool stop_in_time(struct stopping *stopping) {
    give_order(stopping, RIM_ORDER_CLOSE);
    if (!quiesce(stopping, stopping->deadline_ns)) {
        return false;
    }
    give_order(stopping, RIM_ORDER_STOP_USERS);
    if (!quiesce(stopping, stopping->deadline_ns)) { /* what their exits wrote to sockets */
        return false;
    }
    give_order(stopping, RIM_ORDER_STOP_ALL);
    return quiesce(stopping, stopping->deadline_ns);
}

static void name_culprits(struct stopping *stopping, rim_stop_report *report) {
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

static void cut_off(struct stopping *stopping, rim_stop_report *report) {
    give_order(stopping, RIM_ORDER_CUT);
    for (uint32_t i = 0; i < stopping->system->count; i++) {
        report->killed += stopping->probes[i].killed;
    }
    name_culprits(stopping, report);
    quiesce(stopping, now_of(stopping->system) + PATIENCE_NS); /* what was under way ends as dead letters */
    rim__log_write(&stopping->system->log, RIM_LOG_WARNING, "stop: cut off at the deadline, held up by %s",
                   report->held_up_by[0] != '\0' ? report->held_up_by : "nothing that has a name");
}

static void end_loops(struct stopping *stopping) {
    struct rim_system *system = stopping->system;
    give_order(stopping, RIM_ORDER_QUIT);
    for (uint32_t i = 0; system->sim != NULL && i < system->count; i++) {
        while (!system->members[i].shard->stopping && rim__sim_step(system->sim)) {
        }
    }
    rim__system_join(system);
}

void rim__system_sweep(struct rim_system *system) {
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

int rim_system_stop(rim_system *system, uint64_t timeout_ns, rim_stop_report *report) {
    rim_stop_report unused = {0};
    report = report != NULL ? report : &unused;
    *report = (rim_stop_report){0};
    if (system->stage != RIM_SYSTEM_RUNS || rim__shard_current() != NULL) {
        return -RIM_ECONTEXT;
    }
    struct stopping stopping = {.system = system, .probes = calloc(system->count, sizeof *stopping.probes)};
    if (stopping.probes == NULL) {
        return -ENOMEM;
    }
    uint64_t now_ns = now_of(system);
    stopping.deadline_ns = timeout_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + timeout_ns;
    rim__gate_init(&stopping.gate);
    for (uint32_t i = 0; i < system->count; i++) {
        rim__inlet_close(&system->members[i].shard->inlet);
    }
    bool in_time = stop_in_time(&stopping);
    if (!in_time) {
        cut_off(&stopping, report);
    }
    end_loops(&stopping);
    report_end(system, report);
    rim__gate_finish(&stopping.gate);
    free(stopping.probes);
    return in_time ? 0 : -ETIMEDOUT;
}
