/* SPDX-License-Identifier: MIT */
/*
 * Point 10 of the contract: a handler that holds its shard is reported. On a real system a handler here holds its shard
 * until the watchdog has counted it; under simulation it says how long it takes.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "role.h"

#define STALL_US    20000
#define PATIENCE_NS RIM_SECONDS(30)
#define LINES_MAX   64u
#define FLOOD_OF    3000u
#define RIVALS      12

enum { HOLD = NOBODY, BLOCK, STARVE };

/* What the log said; written by the watchdog alone, or by the one thread of the simulation. */
struct kennel {
    rim_system *system;
    char lines[LINES_MAX][512];
    atomic_uint line_count;
    atomic_uint turns, wanted; /* turns of the actor; 0: nobody waits for so many */
    int pipe[2];
    atomic_bool over;
    cpu_set_t rivals_cpu; /* the one CPU on which they run */
    bool embedded;        /* stepped by the scenario's own thread */
};

static struct kennel kennel;

static void keep_line(void *arg, int level, const char *text) {
    (void)arg;
    unsigned n = atomic_load(&kennel.line_count);
    if (n < LINES_MAX && level <= RIM_LOG_NOTICE && (strstr(text, "stall") != NULL)) {
        snprintf(kennel.lines[n], sizeof kennel.lines[n], "%s", text);
        atomic_store(&kennel.line_count, n + 1);
    }
}

static unsigned lines_with(const char *part) {
    unsigned found = 0;
    for (unsigned i = 0; i < atomic_load(&kennel.line_count); i++) {
        found += strstr(kennel.lines[i], part) != NULL;
    }
    return found;
}

static rim_stats stats_now(void) {
    rim_stats stats;
    rim_system_stats(kennel.system, RIM_ALL_SHARDS, &stats);
    return stats;
}

static uint64_t clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- the one who holds up the others ---- */

/* Computes until the watchdog has counted, or for so long in simulation. */
ROLE_ON(hold) {
    uint64_t before = stats_now().stalls, start_ns = clock_now();
    if (!rim_sim_busy(ctx, RIM_US(STALL_US) - 1)) {
        while (stats_now().stalls == before && clock_now() - start_ns < PATIENCE_NS) {
        }
    } else {
        CHECK(stats_now().stalls == before);
        CHECK(rim_sim_busy(ctx, 1));
    }
    CHECK(stats_now().stalls == before + 1);
    rim_sim_busy(ctx, RIM_SECONDS(1)); /* the same stall */
    CHECK(stats_now().stalls == before + 1);
    atomic_fetch_add(&kennel.turns, 1);
    return RIM_DONE;
}

/* Waits in the kernel until somebody writes. */
ROLE_ON(block) {
    char byte;
    if (!rim_sim_busy(ctx, RIM_MS(30))) {
        CHECK(read(kennel.pipe[0], &byte, 1) == 1);
    }
    atomic_fetch_add(&kennel.turns, 1);
    return RIM_DONE;
}

ROLE_ON(be_quick) {
    rim_sim_busy(ctx, RIM_US(STALL_US) / 2);
    atomic_fetch_add(&kennel.turns, 1);
    return RIM_DONE;
}

static void *burn(void *arg) {
    (void)arg;
    while (!atomic_load(&kennel.over)) {
    }
    return NULL;
}

/* Rivals have the CPU most of the time: as many turns of theirs for one of this thread's, on a busy machine too. */
ROLE_ON(starve) {
    uint64_t start_ns = clock_now();
    rim_stats stats;
    CHECK(sched_setaffinity(0, sizeof kennel.rivals_cpu, &kennel.rivals_cpu) == 0);
    do {
        stats = stats_now();
    } while (stats.starved == 0 && stats.stalls == 0 && clock_now() - start_ns < PATIENCE_NS);
    CHECK(stats.starved == 1 && stats.stalls == 0);
    atomic_fetch_add(&kennel.turns, 1);
    return RIM_DONE;
}

static const rim_handler holder_on[] = {[HOLD] = hold, [BLOCK] = block, [GO] = be_quick, [STARVE] = starve};
ROLE(holder, holder_on);

/* ---- a system of their own, for its log ---- */

static rim_ref open_some_kennel(struct scenario *s, int32_t stall_us, bool embedded) {
    kennel = (struct kennel){.embedded = embedded};
    CHECK(pipe(kennel.pipe) == 0);
    rim_config config = {.shards = 1,
                         .no_pin = true,
                         .embedded = embedded,
                         .driver = scenario_driver(s),
                         .stall_us = stall_us,
                         .log = keep_line,
                         .log_level = RIM_LOG_NOTICE};
    struct role_cast cast = {.world = &kennel};
    rim_ref ref = RIM_NIL;
    kennel.system = scenario_create(&config);
    CHECK(rim_system_spawn(kennel.system, &holder, NULL, &cast, sizeof cast, &ref) == 0);
    CHECK(rim_system_start(kennel.system) == 0);
    return ref;
}

static rim_ref open_kennel(struct scenario *s, int32_t stall_us) {
    return open_some_kennel(s, stall_us, false);
}

static void tell(rim_ref ref, uint32_t tag) {
    CHECK(rim_system_send(kennel.system, ref, tag, NULL, 0) == 0);
}

/* Messages sent alone have a turn of their own. */
static void await_turns(unsigned turns) {
    uint64_t start_ns = clock_now();
    while (atomic_load(&kennel.turns) < turns && clock_now() - start_ns < PATIENCE_NS) {
        if (kennel.embedded) {
            CHECK(rim_shard_step(kennel.system, 0, RIM_MS(1)) >= 0);
        }
        if (rim_sim_run(kennel.system, RIM_MS(1)) == 0 && !kennel.embedded) {
            nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
        }
    }
    CHECK(atomic_load(&kennel.turns) == turns);
}

static void close_kennel(void) {
    rim_stop_report report;
    CHECK(rim_system_stop(kennel.system, RIM_SECONDS(20), &report) == 0);
    CHECK(report.adds_up && !report.leaks);
    rim_system_destroy(kennel.system);
    close(kennel.pipe[0]);
    close(kennel.pipe[1]);
}

void contract_10_stall_is_reported_with_actor_and_message(struct scenario *s) {
    rim_ref ref = open_kennel(s, STALL_US);
    char wanted[64];
    tell(ref, HOLD);
    await_turns(1);
    close_kennel();
    CHECK(lines_with("stall: shard 0 is held for") == 1);
    snprintf(wanted, sizeof wanted, "by actor holder %llx, handling message %d", (unsigned long long)ref, HOLD);
    CHECK(lines_with(wanted) == 1);
    CHECK(lines_with(scenario_is_sim(s) ? "it takes simulated time" : "it computes") == 1);
    CHECK(scenario_is_sim(s) || lines_with("stall:   #0") + lines_with("stall: no backtrace") == 1);
}

/* Two in a row are two stalls; the second is only counted. */
void contract_10_stalls_are_counted_and_told_at_a_limited_rate(struct scenario *s) {
    rim_ref ref = open_kennel(s, STALL_US);
    tell(ref, HOLD);
    await_turns(1);
    tell(ref, HOLD);
    await_turns(2);
    CHECK(stats_now().stalls == 2);
    close_kennel();
    CHECK(lines_with("stall: shard 0 is held for") == 1);
}

void contract_10_stall_in_the_kernel_is_told_apart(struct scenario *s) {
    rim_ref ref = open_kennel(s, STALL_US);
    tell(ref, BLOCK);
    for (uint64_t start_ns = clock_now(); stats_now().stalls == 0 && clock_now() - start_ns < PATIENCE_NS;) {
        if (rim_sim_run(kennel.system, RIM_MS(1)) == 0) {
            nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
        }
    }
    CHECK(stats_now().stalls == 1);
    CHECK(write(kennel.pipe[1], "x", 1) == 1);
    await_turns(1);
    close_kennel();
    CHECK(lines_with(scenario_is_sim(s) ? "it takes simulated time" : "it waits in the kernel") == 1);
    CHECK(scenario_is_sim(s) || lines_with("stall:   #0") + lines_with("stall: no backtrace") == 1);
}

/* Not by the actor: to make so many threads is work of its own, and would be a stall. */
static void start_rivals(pthread_t *rivals) {
    cpu_set_t usable;
    pthread_attr_t attr;
    (void)sched_getaffinity(0, sizeof usable, &usable);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&kennel.rivals_cpu) == 0; cpu++) {
        if (CPU_ISSET(cpu, &usable)) {
            CPU_SET(cpu, &kennel.rivals_cpu);
        }
    }
    CHECK(pthread_attr_init(&attr) == 0);
    CHECK(pthread_attr_setaffinity_np(&attr, sizeof kennel.rivals_cpu, &kennel.rivals_cpu) == 0);
    for (int i = 0; i < RIVALS; i++) {
        CHECK(pthread_create(&rivals[i], &attr, burn, NULL) == 0);
    }
    pthread_attr_destroy(&attr);
}

void contract_10_preempted_thread_is_no_stall(struct scenario *s) {
    pthread_t rivals[RIVALS];
    if (scenario_is_sim(s)) {
        return; /* there is no thread that could be */
    }
    rim_ref ref = open_kennel(s, STALL_US);
    start_rivals(rivals);
    tell(ref, STARVE);
    await_turns(1);
    atomic_store(&kennel.over, true);
    for (int i = 0; i < RIVALS; i++) {
        CHECK(pthread_join(rivals[i], NULL) == 0);
    }
    close_kennel();
    CHECK(lines_with("not a stall") >= 1);
}

/* Each handler is within the limit, and under simulation many of them share a turn: 16 before the clock is looked at.
 */
void contract_10_short_handlers_are_no_stall(struct scenario *s) {
    rim_ref ref = open_kennel(s, scenario_is_sim(s) ? STALL_US * 16 : 10000000);
    for (unsigned i = 0; i < FLOOD_OF; i++) {
        tell(ref, GO);
    }
    await_turns(FLOOD_OF);
    CHECK(stats_now().stalls == 0);
    close_kennel();
    CHECK(lines_with("stall") == 0);
}

void contract_10_watchdog_can_be_switched_off(struct scenario *s) {
    rim_ref ref = open_kennel(s, -1);
    tell(ref, GO);
    await_turns(1);
    CHECK(stats_now().stalls == 0);
    CHECK(!scenario_is_sim(s) || rim_sim_now(kennel.system) >= RIM_US(STALL_US) / 2);
    close_kennel();
}

/* Its thread is learnt when it steps. A loop that does something else for long is no stall. */
void contract_10_stall_of_an_embedded_shard_is_reported(struct scenario *s) {
    rim_ref ref = open_some_kennel(s, STALL_US, true);
    tell(ref, GO);
    await_turns(1);
    nanosleep(&(struct timespec){.tv_nsec = 5 * STALL_US * 1000}, NULL);
    CHECK(stats_now().stalls == 0);
    tell(ref, HOLD);
    await_turns(2);
    close_kennel();
    CHECK(lines_with("stall: shard 0 is held for") == 1);
    CHECK(lines_with(scenario_is_sim(s) ? "it takes simulated time" : "it computes") == 1);
}

/* How often the thread of that name went to sleep; 0: there is none. */
static unsigned long sleeps_of(const char *name) {
    char path[300], line[128], found[32] = "";
    unsigned long sleeps = 0;
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL && sleeps == 0;) {
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *file = fopen(path, "r");
        while (file != NULL && fgets(line, sizeof line, file) != NULL) {
            sscanf(line, "Name: %31s", found);
            if (strcmp(found, name) == 0) {
                sscanf(line, "voluntary_ctxt_switches: %lu", &sleeps);
            }
        }
        if (file != NULL) {
            fclose(file);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return sleeps;
}

/* With a look every 10 ms an hour of nothing would be 360,000; and it must be there again when it is needed. */
void contract_10_watchdog_of_an_idle_system_sleeps(struct scenario *s) {
    rim_ref ref = open_kennel(s, STALL_US);
    tell(ref, GO);
    await_turns(1);
    bool sleeps = scenario_is_sim(s);
    for (unsigned i = 0; i < 20 && !sleeps; i++) { /* on a busy machine it may take a while until all rest */
        scenario_pass_time(s, RIM_MS(100));
        unsigned long before = sleeps_of("rim-watchdog");
        scenario_pass_time(s, RIM_SECONDS(1));
        sleeps = before > 0 && sleeps_of("rim-watchdog") - before <= 30;
    }
    CHECK(sleeps);
    tell(ref, HOLD);
    await_turns(2);
    close_kennel();
    CHECK(lines_with("stall: shard 0 is held for") == 1);
}
