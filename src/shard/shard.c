/* SPDX-License-Identifier: MIT */
#include "shard/shard.h"

#include "base/thread.h"

static _Thread_local struct rim__shard *current;

struct rim__shard *rim__shard_current(void) {
    return current;
}

void rim__shard_set_current(struct rim__shard *shard) {
    current = shard;
    if (shard != NULL) {
        atomic_store_explicit(&shard->pulse.thread, rim__thread_id(), memory_order_relaxed);
    }
}

int rim__shard_init(struct rim__shard *shard, const struct rim__shard_options *options) {
    shard->index = options->index;
    shard->count = options->count;
    shard->peers = options->peers;
    shard->log = options->log;
    shard->safety_ns = RIM_SHARD_SAFETY_NS;
    rim__random_init(&shard->random, options->seed + options->index);
    rim__bell_init(&shard->bell, shard->count);
    rim__inlet_init(&shard->inlet);
    rim__wheel_init(&shard->timers, 0);
    int error = rim__mesh_init(&shard->mesh, shard->count, options->parcels);
    return error != 0 ? error : rim__memory_init(&shard->memory);
}

void rim__shard_finish(struct rim__shard *shard) {
    rim__inlet_finish(&shard->inlet);
    rim__mesh_finish(shard);
    rim__memory_finish(&shard->memory);
}
