/* SPDX-License-Identifier: MIT */
/*
 * The shards' threads: they open their drivers, meet, loop, and close their drivers.
 */
#define _GNU_SOURCE
#include <stdio.h>

#include "actor/group.h"
#include "actor/name.h"
#include "system.h"
#include "watchdog.h"

#define SPIN_DEFAULT_US   50
#define CLOSE_PATIENCE_NS 1000000000ull

/* ---- looking out ---- */

static bool is_crowded(const struct rim_system *system) {
    int cpus[RIM_CPUS_MAX];
    return system->count > rim__cpu_list(cpus);
}

static void set_spin_ns(const struct rim_system *system, uint64_t ns) {
    for (uint32_t i = system->embedded; i < system->count; i++) {
        atomic_store_explicit(&system->members[i].shard->spin_ns, ns, memory_order_relaxed);
    }
}

/* Reads half a dozen files, which takes as long as a thread takes to open its ring: the watchdog does it, some time
   after the start. */
void rim__system_heed_quota(const struct rim_system *system) {
    if (system->config.spin_us == 0 && system->embedded < system->count && rim__cpu_quota() != 0) {
        set_spin_ns(system, 0);
    }
}

/* Before the shards may go; what it cannot tell yet, whether there is a quota, heed_quota finds. */
static void set_spin(const struct rim_system *system) {
    int32_t us = system->config.spin_us;
    if (us == 0 && system->embedded < system->count && !is_crowded(system)) {
        us = SPIN_DEFAULT_US;
    }
    set_spin_ns(system, us > 0 ? RIM_US((uint64_t)us) : 0);
    for (uint32_t i = system->embedded; i < system->count; i++) {
        struct rim__shard *shard = system->members[i].shard;
        shard->spin_always = system->config.spin_us > 0;
    }
}

/* ---- a shard's thread ---- */

int rim__member_open(struct rim__member *member) {
    struct rim_system *system = member->system;
    struct rim__driver_options options = {.shard = member->shard,
                                          .index = member->shard->index,
                                          .embedded = member->shard->index < system->embedded,
                                          .log = &system->log,
                                          .config = &system->config};
    int error = rim__drivers_open(&system->choice, &options, &member->shard->driver, &member->io);
    return error != 0 ? error : rim__io_attach(member->ctx, member->io);
}

static void name_thread(uint32_t index) {
    char name[16];
    snprintf(name, sizeof name, "rim-%u", index);
    pthread_setname_np(pthread_self(), name);
}

static void open_shard(struct rim__member *member) {
    name_thread(member->shard->index);
    if (member->cpu >= 0) {
        bool chosen = member->system->config.cpu_count > 0; /* by the user: there it stays */
        int error = chosen ? rim__cpu_pin(member->cpu) : rim__cpu_settle(&member->shard->home, member->cpu);
        if (error != 0) {
            rim__log_write(&member->system->log, RIM_LOG_WARNING, "shard %u cannot be pinned to CPU %d: %s",
                           member->shard->index, member->cpu, rim_strerror(error));
        }
    }
    member->error = rim__member_open(member);
}

/* The driver's counters go with it: they are read for the last time before. */
void rim__member_close(struct rim__member *member) {
    struct rim__driver *driver = member->shard->driver;
    rim__io_detach(member->ctx);
    if (driver == NULL) {
        return;
    }
    rim__stats_publish(member->ctx);
    if (member->system->sim == NULL && driver != &member->spare) {
        member->buffers_out = rim__drivers_buffers_out(&member->system->choice, driver);
    }
    member->io = NULL;
    rim__inlet_settle(&member->shard->inlet);
    driver->ops->close(driver, CLOSE_PATIENCE_NS);
    member->shard->driver = NULL;
}

/* Of the meeting at the start: the shards' threads and who starts them. */
static uint32_t parties(const struct rim_system *system) {
    return system->count - system->embedded + 1;
}

/* Of embedded ones it is their threads' own: they open their drivers when they like. */
static int driver_error(const struct rim_system *system) {
    int error = 0;
    for (uint32_t i = system->embedded; i < system->count; i++) {
        error = error != 0 ? error : system->members[i].error;
    }
    return error;
}

/* After that meeting everybody knows it. */
static int start_error(const struct rim_system *system) {
    return system->thread_error != 0 ? system->thread_error : driver_error(system);
}

/* Whoever comes last lets the others go, and none has to wait for the steering thread to be woken. */
static void *shard_main(void *arg) {
    struct rim__member *member = arg;
    struct rim_system *system = member->system;
    bool last = false;
    rim__shard_set_current(member->shard);
    open_shard(member);
    rim__gate_meet(&system->opened, 1, parties(system));
    if (start_error(system) == 0) {
        rim__shard_loop(member->shard);
        last = rim__stop_leave(system);
        while (!rim__gate_wait(&system->close, 1, RIM_SECONDS(60))) {
        }
    }
    rim__member_close(member);
    if (last) {
        rim__stop_hand_back(system);
    }
    return NULL;
}

/* ---- start and end ---- */

static int open_all_sim(struct rim_system *system) {
    int error = 0;
    for (uint32_t i = 0; error == 0 && i < system->count; i++) {
        struct rim__member *member = &system->members[i];
        error = rim__sim_open(system->sim, member->shard, &member->shard->driver, &member->io);
        error = error != 0 ? error : rim__io_attach(member->ctx, member->io);
    }
    return error;
}

static void knock_for(struct rim__gate *gate, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        rim__gate_knock(gate);
    }
}

/* The threads of the shards below `end`: embedded ones have none. */
static void join(struct rim_system *system, uint32_t end) {
    for (uint32_t i = system->embedded; i < end; i++) {
        pthread_join(system->members[i].thread, NULL);
    }
}

static int start_threads(struct rim_system *system) {
    uint32_t end = system->embedded;
    int error = 0;
    for (; end < system->count && error == 0; end += error == 0) {
        struct rim__member *member = &system->members[end];
        error = -pthread_create(&member->thread, NULL, shard_main, member);
    }
    system->thread_error = error;
    set_spin(system);
    if (!rim__watchdog_start(system->watchdog)) { /* looks at shards only while they tick */
        rim__system_heed_quota(system);
    }
    rim__gate_meet(&system->opened, 1 + system->count - end, parties(system)); /* also for threads that are not there */
    error = start_error(system);
    if (error != 0) {
        join(system, end);
    }
    return error;
}

static void start_anew(struct rim_system *system) {
    rim__gate_finish(&system->opened);
    rim__gate_init(&system->opened);
    for (uint32_t i = 0; i < system->count; i++) {
        system->members[i].error = 0;
    }
}

/* What one ring was allowed in the probe may be refused to the rings of all shards: then with epoll, if that is free.
 */
static int start_real(struct rim_system *system) {
    int error = start_threads(system);
    if (error != 0 && rim__drivers_retreat(&system->choice, &system->log, driver_error(system))) {
        start_anew(system);
        error = start_threads(system);
    }
    if (driver_error(system) != 0) {
        rim__drivers_explain(&system->choice, &system->log, driver_error(system));
    }
    return error;
}

int rim_system_start(rim_system *system) {
    if (system->stage != RIM_SYSTEM_MADE) {
        return -RIM_ECONTEXT;
    }
    system->started = true;
    if (system->sim == NULL) {
        rim__watchdog_attach(system->watchdog);
    }
    int error = system->sim != NULL ? open_all_sim(system) : start_real(system);
    system->stage = error == 0 ? RIM_SYSTEM_RUNS : RIM_SYSTEM_STOPPED;
    if (error != 0) {
        rim__watchdog_stop(system->watchdog);
    } else {
        rim__log_write(&system->log, RIM_LOG_NOTICE, "%u shards, %s, woken by %s", system->count,
                       rim_system_driver(system), rim_system_wake(system));
    }
    return error;
}

static void note_leaks(struct rim_system *system) {
    rim_stats sum;
    uint64_t buffers = system->sim != NULL ? rim__sim_buffers_out(system->sim) : 0;
    for (uint32_t i = 0; i < system->count; i++) {
        buffers += system->members[i].buffers_out;
        rim__stats_publish(system->members[i].ctx);
    }
    rim_system_stats(system, RIM_ALL_SHARDS, &sum);
    system->leaks = sum.blocks + sum.parcels_in_use + sum.operations_open + sum.descriptors + buffers != 0;
    if (system->leaks) {
        rim__log_write(&system->log, RIM_LOG_WARNING,
                       "leaks: %llu blocks, %llu parcels, %llu operations, %llu descriptors, %llu buffers",
                       (unsigned long long)sum.blocks, (unsigned long long)sum.parcels_in_use,
                       (unsigned long long)sum.operations_open, (unsigned long long)sum.descriptors,
                       (unsigned long long)buffers);
    }
}

void rim__system_let_close(struct rim_system *system) {
    for (uint32_t i = 0; i < system->count; i++) {
        rim__room_finish(system->members[i].ctx);
        rim__spread_finish(system->members[i].ctx);
        rim__name_finish(system->members[i].ctx);
        rim__group_finish(system->members[i].ctx);
    }
    knock_for(&system->close, system->count);
    rim__watchdog_quit(system->watchdog);
    for (uint32_t i = system->embedded; system->sim != NULL && i < system->count; i++) {
        rim__shard_set_current(system->members[i].shard);
        rim__member_close(&system->members[i]);
    }
    rim__shard_set_current(NULL);
}

void rim__system_join(struct rim_system *system) {
    if (system->sim == NULL) {
        join(system, system->count);
    }
    rim__watchdog_stop(system->watchdog);
    system->stage = RIM_SYSTEM_STOPPED;
    note_leaks(system);
}
