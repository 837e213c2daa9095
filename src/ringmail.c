/* SPDX-License-Identifier: MIT */
/*
 * The composition root: a system is made of shards, each with its driver below and its actors above.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "actor/group.h"
#include "actor/name.h"
#include "base/assert.h"
#include "io/outside.h"
#include "system.h"
#include "watchdog.h"

#define STALL_DEFAULT_US 100000
#define HELPERS_MAX      1024u

const char *rim_version(void) {
    return "0.1.0";
}

uint32_t rim_usable_cpus(void) {
    bool is_cut;
    return rim__cpu_usable(&is_cut);
}

/* ---- the configuration ---- */

static int refuse(const struct rim_system *system, const char *why) {
    rim__log_write(&system->log, RIM_LOG_ERROR, "configuration: %s", why);
    return -EINVAL;
}

static int check_config(const struct rim_system *system) {
    const rim_config *config = &system->config;
    if (config->shards > RIM_SHARDS_MAX) {
        return refuse(system, "at most 256 shards");
    }
    if (config->cpu_count > 0 && config->cpus == NULL) {
        return refuse(system, "cpu_count without cpus");
    }
    if (config->driver > RIM_DRIVER_SIM || config->wake > RIM_WAKE_EVENTFD) {
        return refuse(system, "no such driver or way to wake");
    }
    if ((config->buffers & (config->buffers - 1)) != 0 || config->buffers > 32768) {
        return refuse(system, "buffers must be a power of two, at most 32768");
    }
    if (config->helpers > HELPERS_MAX) {
        return refuse(system, "at most 1024 helpers");
    }
    if (config->embedded_shards > 0 && !config->embedded) {
        return refuse(system, "embedded_shards without embedded");
    }
    return config->parcels > RIM_PARCELS_MAX ? refuse(system, "at most 1024 parcels") : 0;
}

static void default_to(uint32_t *value, uint32_t standard) {
    *value = *value != 0 ? *value : standard;
}

/* Where a quota leaves fewer shards than there are CPUs, nobody says which ones are ours: programs with such quotas
   would all be pinned to the first. So the kernel chooses. */
static void choose_shards(rim_config *config) {
    bool is_cut;
    uint32_t usable = rim__cpu_usable(&is_cut);
    config->no_pin = config->no_pin || (is_cut && config->cpu_count == 0);
    config->shards = usable < RIM_SHARDS_MAX ? usable : RIM_SHARDS_MAX;
}

static void fill_defaults(rim_config *config) {
    if (config->shards == 0) {
        choose_shards(config);
    }
    default_to(&config->mailbox_count, 4096);
    default_to(&config->mailbox_bytes, 1u << 20);
    default_to(&config->budget, 256);
    default_to(&config->turn_us, 500);
    default_to(&config->parcels, RIM_PARCELS_DEFAULT);
    default_to(&config->helpers, 4);
    config->stall_us = config->stall_us != 0 ? config->stall_us : STALL_DEFAULT_US;
    default_to(&config->jobs, 1024);
    if (config->seed == 0) {
        config->seed = 1;
        if (config->driver != RIM_DRIVER_SIM && getrandom(&config->seed, sizeof config->seed, GRND_NONBLOCK) < 0) {
            config->seed = (uint64_t)time(NULL);
        }
    }
}

/* ---- making ---- */

static void add_io_stats(rim_ctx *ctx, rim_stats *stats) {
    const struct rim__io *io = ctx->system->members[ctx->shard->index].io;
    if (io != NULL) {
        stats->operations = io->operations;
        stats->operations_open = io->operations_open;
        stats->descriptors = io->descriptors;
        stats->bytes_in = io->bytes_in;
        stats->bytes_out = io->bytes_out;
        stats->bytes_from_files = io->bytes_from_files;
        stats->tls_handshakes = io->tls_handshakes;
        stats->tls_failures = io->tls_failures;
        stats->tls_kernel = io->tls_kernel;
        stats->zero_copies = io->zero_copies;
        stats->zero_copies_copied = io->zero_copies_copied;
    }
}

static uint64_t wall_ms(const rim_ctx *ctx) {
    if (ctx->system->sim != NULL) {
        return rim__sim_wall_ms(ctx->system->sim);
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static bool is_sim_lane_full(void *sim) {
    return rim__sim_strikes(sim, RIM_FAULT_lane_full);
}

static bool crashes_in_sim(rim_ctx *ctx, rim_ref who) {
    return rim__sim_crashes(ctx->system->sim, who);
}

void rim__system_expect_crash(struct rim_system *system) {
    for (uint32_t i = 0; i < system->count; i++) {
        system->members[i].ctx->crashes = crashes_in_sim;
    }
}

static void *zeroed(size_t alignment, size_t size) {
    size = (size + alignment - 1) / alignment * alignment;
    void *memory = aligned_alloc(alignment, size);
    if (memory != NULL) {
        memset(memory, 0, size);
    }
    return memory;
}

static int make_member(struct rim_system *system, uint32_t index) {
    struct rim__member *member = &system->members[index];
    const rim_config *config = &system->config;
    member->system = system;
    member->shard = system->shards[index] = zeroed(RIM_CACHE_LINE, sizeof *member->shard);
    member->ctx = zeroed(RIM_CACHE_LINE, sizeof *member->ctx);
    if (member->shard == NULL || member->ctx == NULL) {
        return -ENOMEM;
    }
    struct rim__shard_options shard = {.index = index,
                                       .count = system->count,
                                       .peers = system->shards,
                                       .parcels = config->parcels,
                                       .seed = config->seed,
                                       .log = system->log};
    struct rim__world_options world = {.system = system,
                                       .mailbox_count = config->mailbox_count,
                                       .mailbox_bytes = config->mailbox_bytes,
                                       .budget = config->budget,
                                       .turn_ns = RIM_US(config->turn_us),
                                       .hash_seed = config->seed,
                                       .io_stats = add_io_stats,
                                       .wall_ms = wall_ms,
                                       .path_of = rim__io_path_of};
    int error = rim__shard_init(member->shard, &shard);
    member->shard->offload = system->offload;
    error = error != 0 ? error : rim__world_init(member->ctx, member->shard, &world);
    if (system->sim != NULL) {
        bool fills = config->sim != NULL && config->sim->lane_full > 0; /* else all is as with a kernel's driver */
        member->shard->mesh.lane_full = fills ? is_sim_lane_full : NULL;
        member->shard->mesh.lane_full_arg = system->sim;
        member->ctx->crashes = config->sim != NULL && config->sim->crash > 0 ? crashes_in_sim : NULL;
    }
    rim__allotment_range(system->count, system->count, &system->foreign[index].fresh, &system->foreign[index].limit);
    return error;
}

static void choose_cpus(struct rim_system *system) {
    int usable[RIM_CPUS_MAX];
    uint32_t count = rim__cpu_list(usable);
    const int *cpus = system->config.cpu_count > 0 ? system->config.cpus : usable;
    count = system->config.cpu_count > 0 ? system->config.cpu_count : count;
    for (uint32_t i = 0; i < system->count; i++) {
        system->members[i].cpu = system->config.no_pin ? -1 : cpus[i % count];
    }
}

static int make_driver(struct rim_system *system) {
    if (system->config.driver == RIM_DRIVER_SIM) {
        return rim__sim_create(&system->config, &system->sim);
    }
    return rim__drivers_choose(&system->config, &system->log, &system->choice);
}

static int make_helpers(struct rim_system *system) {
    struct rim__offload_options options = {.helpers = system->config.helpers, .queue_max = system->config.jobs};
    if (system->sim != NULL) {
        options.later = rim__sim_helper_later;
        options.arg = system->sim;
    }
    int error = rim__offload_create(&options, &system->offload);
    if (error == 0 && system->sim != NULL) {
        system->sim->offload = system->offload;
    }
    return error;
}

static int make_watchdog(struct rim_system *system) {
    int error = system->config.stall_us > 0 ? rim__watchdog_create(system, &system->watchdog) : 0;
    if (system->sim != NULL && system->watchdog != NULL) {
        system->sim->busy = rim__watchdog_busy;
        system->sim->busy_arg = system->watchdog;
    }
    return error;
}

static int make(struct rim_system *system) {
    int error = check_config(system);
    if (error != 0) {
        return error;
    }
    if (system->config.driver != RIM_DRIVER_SIM) {
        rim__outside_plug_standard();
    }
    fill_defaults(&system->config);
    system->count = system->config.shards;
    if (system->config.embedded) {
        uint32_t first = system->config.embedded_shards;
        system->embedded = first == 0 || first > system->count ? system->count : first;
    }
    error = make_driver(system);
    system->members = calloc(system->count, sizeof *system->members);
    system->shards = calloc(system->count, sizeof *system->shards);
    system->foreign = calloc(system->count, sizeof *system->foreign);
    if (error == 0 && (system->members == NULL || system->shards == NULL || system->foreign == NULL)) {
        error = -ENOMEM;
    }
    error = error != 0 ? error : make_helpers(system);
    error = error != 0 ? error : make_watchdog(system);
    for (uint32_t i = 0; error == 0 && i < system->count; i++) {
        error = make_member(system, i);
    }
    if (error == 0) {
        choose_cpus(system);
        system->config.cpus = NULL; /* the caller's array was copied */
        system->config.sim = NULL;
    }
    return error;
}

int rim_system_create(const rim_config *config, rim_system **out) {
    struct rim_system *system = calloc(1, sizeof *system);
    if (system == NULL) {
        return -ENOMEM;
    }
    system->config = config != NULL ? *config : (rim_config){0};
    system->log = (struct rim__log){.write = system->config.log,
                                    .arg = system->config.log_arg,
                                    .level = system->config.log_level};
    pthread_mutex_init(&system->foreign_lock, NULL);
    rim__map_init(&system->names);
    rim__gate_init(&system->opened);
    rim__gate_init(&system->looped);
    rim__gate_init(&system->close);
    rim__gate_init(&system->closed);
    int error = make(system);
    if (error != 0) {
        rim_system_destroy(system);
        system = NULL;
    }
    *out = system;
    return error;
}

/* ---- the end ---- */

static void destroy_member(struct rim__member *member) {
    if (member->ctx != NULL && member->shard != NULL && member->ctx->shard != NULL) {
        rim__world_finish(member->ctx);
    }
    if (member->shard != NULL) {
        rim__shard_finish(member->shard);
    }
}

void rim_system_destroy(rim_system *system) {
    if (system == NULL) {
        return;
    }
    if (system->stage == RIM_SYSTEM_RUNS) {
        rim_system_stop(system, 0, NULL);
    }
    rim__port_hub_close(system);
    for (uint32_t i = 0; system->members != NULL && i < system->count; i++) {
        destroy_member(&system->members[i]);
    }
    for (uint32_t i = 0; system->members != NULL && i < system->count; i++) {
        free(system->members[i].shard); /* after all meshes were finished: they read each other's outlets */
        free(system->members[i].ctx);
        free(system->foreign != NULL ? system->foreign[i].free : NULL);
    }
    rim__watchdog_destroy(system->watchdog);
    rim__offload_release(system->offload);
    rim__sim_destroy(system->sim);
    free(system->members);
    free(system->shards);
    free(system->foreign);
    rim__map_finish(&system->names);
    pthread_mutex_destroy(&system->foreign_lock);
    rim__gate_finish(&system->opened);
    rim__gate_finish(&system->looped);
    rim__gate_finish(&system->close);
    rim__gate_finish(&system->closed);
    free(system);
}

/* ---- asking ---- */

uint32_t rim_system_shards(const rim_system *system) {
    return system->count;
}

const char *rim_system_driver(const rim_system *system) {
    return system->sim != NULL ? "simulation" : rim__drivers_name(&system->choice);
}

const char *rim_system_wake(const rim_system *system) {
    return system->sim != NULL ? "simulation" : rim__drivers_wake(&system->choice);
}

struct rim__sim *rim__system_sim(const rim_system *system) {
    return system->sim;
}

static void add_stats(rim_stats *sum, const rim_stats *stats) {
    for (uint32_t i = 0; rim_stats_name(i) != NULL; i++) {
        uint64_t value = rim_stats_value(sum, i) + rim_stats_value(stats, i);
        memcpy((char *)sum + i * sizeof value, &value, sizeof value);
    }
}

int rim_system_stats(rim_system *system, uint32_t shard, rim_stats *out) {
    if (shard != RIM_ALL_SHARDS && shard >= system->count) {
        return -EINVAL;
    }
    *out = (rim_stats){0};
    for (uint32_t i = 0; i < system->count; i++) {
        rim_stats stats;
        if (shard == RIM_ALL_SHARDS || shard == i) {
            if (system->sim != NULL && system->stage == RIM_SYSTEM_RUNS) {
                rim__stats_publish(system->members[i].ctx); /* one thread: nothing else publishes now */
            }
            rim__stats_read(system->members[i].ctx, &stats);
            rim__watchdog_count(system->watchdog, i, &stats);
            add_stats(out, &stats);
        }
    }
    return 0;
}
