/* SPDX-License-Identifier: MIT */
/*
 * How long a system takes to be there and to be gone: made, started, an actor spawned and its first message handled;
 * and then stopped and freed.
 */
#include "harness.h"
#include "whole.h"

static rim_verdict on_go(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)body;
    (void)msg;
    world_done(&(*(struct whole **)state)->world, 0);
    return RIM_DONE;
}

static const rim_handler root_on[] = {[WHOLE_GO] = on_go};
static const rim_behaviour root = {
    .name = "root",
    .state_size = sizeof(struct whole *),
    .on = root_on,
    .on_count = RIM_COUNT(root_on),
    .init = whole_init,
};

/* The two durations, in ns. */
static int measure(uint32_t shards, double *start, double *stop) {
    struct whole whole = {.ns = 0};
    uint64_t begin_ns = now_ns();
    rim_ref ref;
    int error = world_open(&whole.world, shards, 0);
    error = error != 0 ? error : rim_system_start(whole.world.system);
    error = error != 0 ? error : world_spawn(&whole.world, &root, NULL, &whole, &ref);
    error = error != 0 ? error : rim_system_send(whole.world.system, ref, WHOLE_GO, NULL, 0);
    error = error != 0 ? error : world_wait(&whole.world, 1);
    uint64_t there_ns = now_ns();
    error = world_close(&whole.world, error);
    *start = (double)(there_ns - begin_ns);
    *stop = (double)(now_ns() - there_ns);
    return error;
}

static int start(uint32_t shards, struct sample *out) {
    double stopped;
    int error = measure(shards, &out->value, &stopped);
    out->value /= 1e3;
    out->n = 1;
    return error;
}

static int stop(uint32_t shards, struct sample *out) {
    double started;
    int error = measure(shards, &started, &out->value);
    out->value /= 1e3;
    out->n = 1;
    return error;
}

static const struct figure figures[] = {
    WHOLE("from nothing to a handled message, 1", "us", false, start, 1),
    WHOLE("from nothing to a handled message, 2", "us", false, start, 2),
    WHOLE("stopped and freed, 1 shard", "us", false, stop, 1),
    WHOLE("stopped and freed, 2 shards", "us", false, stop, 2),
};

const struct benchmark bench_start = BENCHMARK("start", "start and stop of a system", figures);
