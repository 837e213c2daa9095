/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "watchdog.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/backtrace.h"
#include "base/peek.h"
#include "base/thread.h"
#include "system.h"

#define LOOK_MIN_NS   500000u
#define SETTLE_NS     5000000u     /* after the start: it has better things to do first */
#define REPORT_NS     10000000000u /* for a shard, at most one report in so long */
#define STARVED_LOOKS 2u           /* limits that pass without a CPU */

/* One shard, as the watchdog sees it. Its own, but for the counters. */
struct eye {
    uint64_t beat; /* of the last look that found it in a tick; 0: none */
    uint64_t seen; /* by the last look */
    struct rim__task *task;
    int thread;
    uint64_t since_ns;            /* of the first look with this beat and task */
    struct rim__thread_look base; /* by then */
    uint64_t busy_ns;             /* simulation: of this turn */
    bool reported, told_starved;
    uint64_t told_ns;                 /* when a report was last told; 0: never */
    uint64_t untold;                  /* stalls since */
    _Atomic uint64_t stalls, starved; /* by the watchdog; any thread reads */
};

struct rim__watchdog {
    struct rim_system *system;
    uint64_t limit_ns;
    pthread_t thread;
    bool runs;     /* by the steering thread */
    bool may_doze; /* the kernel has the barrier for it */
    struct rim__doze doze;
    atomic_bool over; /* by the steering thread, before it knocks */
    struct eye eyes[];
};

/* ---- who holds the shard ---- */

static const char *const kinds[] = {
    [RIM_KIND_TELL] = "message", [RIM_KIND_ASK] = "request", [RIM_KIND_REPLY] = "reply", [RIM_KIND_FAILURE] = "outcome",
    [RIM_KIND_EVENT] = "event",  [RIM_KIND_TIMER] = "timer", [RIM_KIND_SPAWN] = "init",
};

struct culprit {
    char name[48];
    rim_ref ref;
    char message[48]; /* tag and kind */
};

static bool is_same(const struct rim_system *system, uint32_t shard, const struct eye *eye) {
    const struct rim__pulse *pulse = &system->members[shard].shard->pulse;
    return atomic_load_explicit(&pulse->beat, memory_order_relaxed) == eye->beat &&
           atomic_load_explicit(&pulse->task, memory_order_relaxed) == eye->task;
}

static void describe_message(const rim_ctx *ctx, struct culprit *out) {
    uintptr_t current;
    struct rim_msg msg;
    snprintf(out->message, sizeof out->message, "between two messages");
    if (!rim__peek_all((uintptr_t)&ctx->current, &current, sizeof current) || current == 0 ||
        !rim__peek_all(current, &msg, sizeof msg)) {
        return;
    }
    const char *kind = msg.kind < RIM_COUNT(kinds) && kinds[msg.kind] != NULL ? kinds[msg.kind] : "message";
    if (msg.kind == RIM_KIND_SPAWN || msg.kind == RIM_KIND_FAILURE) {
        snprintf(out->message, sizeof out->message, "in its %s", kind);
    } else {
        snprintf(out->message, sizeof out->message, "handling %s %" PRIu32, kind, msg.tag);
    }
}

/* False: the turn has ended meanwhile, and what was read means nothing. */
static bool find_culprit(const struct rim_system *system, uint32_t shard, const struct eye *eye, struct culprit *out) {
    struct rim__actor actor;
    rim_behaviour behaviour;
    *out = (struct culprit){.name = "?", .message = "outside of handlers"};
    if (eye->task != NULL) {
        uintptr_t at = (uintptr_t)rim__container_of(eye->task, struct rim__actor, task);
        if (rim__peek_all(at, &actor, sizeof actor)) {
            out->ref = actor.ref;
            if (rim__peek_all((uintptr_t)actor.behaviour, &behaviour, sizeof behaviour)) {
                rim__peek_text((uintptr_t)behaviour.name, out->name, sizeof out->name);
            }
        }
        describe_message(system->members[shard].ctx, out);
    }
    return is_same(system, shard, eye);
}

/* ---- telling ---- */

static void tell_backtrace(const struct rim__log *log, const struct rim__backtrace *trace) {
    char line[400];
    if (trace->count == 0) {
        rim__log_write(log, RIM_LOG_WARNING, "stall: no backtrace: %s", trace->why_none);
    }
    for (uint32_t i = 0; i < trace->count; i++) {
        rim__backtrace_line(trace->at[i], line, sizeof line);
        rim__log_write(log, RIM_LOG_WARNING, "stall:   #%u %s", i, line);
    }
}

static void tell_stall(struct rim__watchdog *watchdog, uint32_t shard, const struct culprit *culprit, uint64_t ns,
                       const char *how) {
    struct eye *eye = &watchdog->eyes[shard];
    char left_out[64] = "";
    if (eye->untold > 0) {
        snprintf(left_out, sizeof left_out, "; %" PRIu64 " more since the last report", eye->untold);
    }
    rim__log_write(&watchdog->system->log, RIM_LOG_WARNING,
                   "stall: shard %u is held for %" PRIu64 " ms by actor %s %" PRIx64 ", %s; %s%s", shard, ns / 1000000u,
                   culprit->name, culprit->ref, culprit->message, how, left_out);
    eye->untold = 0;
}

/* Whether this stall is to be told, not only counted. */
static bool is_due(struct eye *eye, uint64_t now_ns) {
    atomic_fetch_add_explicit(&eye->stalls, 1, memory_order_relaxed);
    eye->reported = true;
    if (eye->told_ns != 0 && now_ns - eye->told_ns < REPORT_NS) {
        eye->untold++;
        return false;
    }
    eye->told_ns = now_ns;
    return true;
}

/* The backtrace first: it is about now, and telling takes its time. */
static void report(struct rim__watchdog *watchdog, uint32_t shard, uint64_t now_ns,
                   const struct rim__thread_look *look) {
    struct eye *eye = &watchdog->eyes[shard];
    struct culprit culprit;
    struct rim__backtrace trace;
    char how[64];
    if (!find_culprit(watchdog->system, shard, eye, &culprit)) {
        return; /* it was that close: no stall */
    }
    if (!is_due(eye, now_ns)) {
        return;
    }
    uint64_t ns = now_ns - eye->since_ns;
    if (look->state == 'R') {
        snprintf(how, sizeof how, "it computes (%" PRIu64 " ms of CPU)", (look->ran_ns - eye->base.ran_ns) / 1000000u);
        rim__backtrace_sample(eye->thread, &trace);
    } else {
        snprintf(how, sizeof how, "it waits in the kernel (system call %" PRId64 ", state %c)", look->syscall,
                 look->state);
        rim__backtrace_scan(look->at, look->stack, &trace);
    }
    tell_stall(watchdog, shard, &culprit, ns, how);
    tell_backtrace(&watchdog->system->log, &trace);
}

static void tell_starved(struct rim__watchdog *watchdog, uint32_t shard, uint64_t ns) {
    struct eye *eye = &watchdog->eyes[shard];
    atomic_fetch_add_explicit(&eye->starved, 1, memory_order_relaxed);
    eye->told_starved = true;
    rim__log_write(&watchdog->system->log, RIM_LOG_NOTICE,
                   "shard %u got hardly any CPU for %" PRIu64 " ms, others had it: not a stall", shard, ns / 1000000u);
}

/* ---- looking ---- */

static uint64_t clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* How long it was its own doing. One that is ready to run says no more than how long it ran: the wait that lasts is not
   counted yet. */
static uint64_t own_ns(const struct eye *eye, const struct rim__thread_look *look, uint64_t now_ns) {
    uint64_t held_ns = now_ns - eye->since_ns, delayed_ns = look->delayed_ns - eye->base.delayed_ns;
    if (look->state == 'R') {
        return look->ran_ns - eye->base.ran_ns;
    }
    return held_ns > delayed_ns ? held_ns - delayed_ns : 0;
}

static void judge(struct rim__watchdog *watchdog, uint32_t shard, uint64_t now_ns) {
    struct eye *eye = &watchdog->eyes[shard];
    struct rim__thread_look look;
    uint64_t held_ns = now_ns - eye->since_ns;
    if (eye->reported || held_ns < watchdog->limit_ns || !eye->base.is_known) {
        return;
    }
    rim__thread_look(eye->thread, &look);
    if (!look.is_known || look.state == 'T' || look.state == 't') {
        return; /* a debugger has it */
    }
    uint64_t own = own_ns(eye, &look, now_ns), step_ns = watchdog->limit_ns / 8; /* the kernel counts in steps */
    if (own + step_ns >= watchdog->limit_ns) {
        report(watchdog, shard, now_ns, &look);
    } else if (held_ns >= STARVED_LOOKS * watchdog->limit_ns && !eye->told_starved) {
        tell_starved(watchdog, shard, held_ns);
    }
}

static void look_at(struct rim__watchdog *watchdog, uint32_t shard) {
    struct eye *eye = &watchdog->eyes[shard];
    const struct rim__pulse *pulse = &watchdog->system->members[shard].shard->pulse;
    uint64_t beat = atomic_load_explicit(&pulse->beat, memory_order_relaxed);
    eye->seen = beat;
    if (beat % 2 == 0) {
        eye->beat = 0;
        return;
    }
    if (eye->beat != 0 && is_same(watchdog->system, shard, eye)) {
        judge(watchdog, shard, clock_now());
        return;
    }
    eye->beat = beat;
    eye->task = atomic_load_explicit(&pulse->task, memory_order_relaxed);
    eye->thread = atomic_load_explicit(&pulse->thread, memory_order_relaxed);
    eye->reported = eye->told_starved = false;
    rim__thread_look(eye->thread, &eye->base);
    eye->since_ns = clock_now();
}

/* Whether every shard has been between two ticks since the last look. */
static bool all_rest(const struct rim__watchdog *watchdog) {
    bool rest = true;
    for (uint32_t i = 0; i < watchdog->system->count; i++) {
        const struct rim__pulse *pulse = &watchdog->system->members[i].shard->pulse;
        uint64_t beat = atomic_load_explicit(&pulse->beat, memory_order_relaxed);
        rest = rest && beat % 2 == 0 && beat == watchdog->eyes[i].seen;
    }
    return rest;
}

static int barrier(int command) {
    return (int)syscall(SYS_membarrier, command, 0, 0);
}

/* Until a shard ticks again (pulse.h). */
static void doze(struct rim__watchdog *watchdog) {
    atomic_store_explicit(&watchdog->doze.dozes, true, memory_order_relaxed);
    bool passed = barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
    bool still = passed && all_rest(watchdog) && !atomic_load(&watchdog->over);
    if (!still && atomic_exchange_explicit(&watchdog->doze.dozes, false, memory_order_relaxed)) {
        return; /* nobody rouses it any more */
    }
    while (!rim__gate_wait(&watchdog->doze.gate, 1, RIM_SECONDS(3600))) {
    }
}

/* False: it is over. */
static bool rest(struct rim__watchdog *watchdog) {
    uint64_t ns = watchdog->limit_ns / 2 > LOOK_MIN_NS ? watchdog->limit_ns / 2 : LOOK_MIN_NS;
    rim__gate_wait(&watchdog->doze.gate, 1, ns); /* the end knocks; a late rouser makes it look early, no more */
    if (watchdog->may_doze && all_rest(watchdog)) {
        doze(watchdog);
    }
    return !atomic_load(&watchdog->over);
}

static void *watch(void *arg) {
    struct rim__watchdog *watchdog = arg;
    pthread_setname_np(pthread_self(), "rim-watchdog");
    if (!rim__gate_wait(&watchdog->doze.gate, 1, SETTLE_NS)) {
        rim__system_heed_quota(watchdog->system);
    }
    while (!atomic_load(&watchdog->over) && rest(watchdog)) {
        for (uint32_t i = 0; i < watchdog->system->count; i++) {
            look_at(watchdog, i);
        }
    }
    return NULL;
}

/* ---- life ---- */

int rim__watchdog_create(struct rim_system *system, struct rim__watchdog **out) {
    struct rim__watchdog *watchdog = calloc(1, sizeof *watchdog + system->count * sizeof watchdog->eyes[0]);
    if (watchdog == NULL) {
        return -ENOMEM;
    }
    watchdog->system = system;
    watchdog->limit_ns = RIM_US(system->config.stall_us);
    watchdog->may_doze = barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
    rim__gate_init(&watchdog->doze.gate);
    *out = watchdog;
    return 0;
}

void rim__watchdog_attach(struct rim__watchdog *watchdog) {
    for (uint32_t i = 0; watchdog != NULL && i < watchdog->system->count; i++) {
        watchdog->system->members[i].shard->pulse.doze = &watchdog->doze;
    }
}

bool rim__watchdog_start(struct rim__watchdog *watchdog) {
    if (watchdog == NULL || watchdog->system->sim != NULL || watchdog->runs) {
        return watchdog != NULL && watchdog->runs;
    }
    sigset_t all, before; /* signals are for the program's own threads */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = -pthread_create(&watchdog->thread, NULL, watch, watchdog);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    watchdog->runs = error == 0;
    if (error != 0) {
        rim__log_write(&watchdog->system->log, RIM_LOG_WARNING, "no watchdog, stalls go unnoticed: %s",
                       rim_strerror(error));
    }
    return watchdog->runs;
}

void rim__watchdog_quit(struct rim__watchdog *watchdog) {
    if (watchdog == NULL || !watchdog->runs || atomic_load(&watchdog->over)) {
        return;
    }
    atomic_store(&watchdog->over, true);
    atomic_store(&watchdog->doze.dozes, false);
    rim__gate_knock(&watchdog->doze.gate);
}

void rim__watchdog_stop(struct rim__watchdog *watchdog) {
    if (watchdog == NULL || !watchdog->runs) {
        return;
    }
    rim__watchdog_quit(watchdog);
    pthread_join(watchdog->thread, NULL);
    watchdog->runs = false;
}

void rim__watchdog_destroy(struct rim__watchdog *watchdog) {
    if (watchdog == NULL) {
        return;
    }
    rim__watchdog_stop(watchdog);
    rim__gate_finish(&watchdog->doze.gate);
    free(watchdog);
}

void rim__watchdog_count(const struct rim__watchdog *watchdog, uint32_t shard, rim_stats *stats) {
    if (watchdog != NULL) {
        stats->stalls += atomic_load_explicit(&watchdog->eyes[shard].stalls, memory_order_relaxed);
        stats->starved += atomic_load_explicit(&watchdog->eyes[shard].starved, memory_order_relaxed);
    }
}

void rim__watchdog_busy(void *arg, uint32_t shard, uint64_t ns) {
    struct rim__watchdog *watchdog = arg;
    struct eye *eye = &watchdog->eyes[shard];
    const struct rim__pulse *pulse = &watchdog->system->members[shard].shard->pulse;
    struct culprit culprit;
    if (eye->beat == 0 || !is_same(watchdog->system, shard, eye)) {
        eye->beat = atomic_load_explicit(&pulse->beat, memory_order_relaxed);
        eye->task = atomic_load_explicit(&pulse->task, memory_order_relaxed);
        eye->busy_ns = 0;
        eye->reported = false;
    }
    eye->busy_ns += ns;
    if (eye->reported || eye->busy_ns < watchdog->limit_ns || !find_culprit(watchdog->system, shard, eye, &culprit)) {
        return;
    }
    if (is_due(eye, watchdog->system->sim->now_ns)) {
        tell_stall(watchdog, shard, &culprit, eye->busy_ns, "it takes simulated time");
    }
}
