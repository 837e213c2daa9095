/* SPDX-License-Identifier: MIT */
/*
 * How long a system takes to be there and to be gone: made, started, an actor spawned and its first message handled;
 * and then stopped and freed.
 */
#include "harness.h"
#include "limit.h"
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

/* One of the two, again and again for so long. */
static int repeat(uint32_t shards, bool stops, double seconds, struct sample *out) {
    struct latencies latencies;
    uint64_t begin_ns = now_ns();
    int error = latencies_init(&latencies);
    if (error != 0) {
        return error;
    }
    do {
        double start = 0, stop = 0;
        error = measure(shards, &start, &stop);
        latencies_add(&latencies, stops ? stop : start);
        out->n++;
    } while (error == 0 && (double)(now_ns() - begin_ns) < seconds * 1e9);
    latencies_read(&latencies, 1e-3, out);
    latencies_finish(&latencies);
    return error;
}

static int start_one(double seconds, struct sample *out) {
    return repeat(1, false, seconds, out);
}
static int start_two(double seconds, struct sample *out) {
    return repeat(2, false, seconds, out);
}
static int stop_one(double seconds, struct sample *out) {
    return repeat(1, true, seconds, out);
}
static int stop_two(double seconds, struct sample *out) {
    return repeat(2, true, seconds, out);
}

#define BARE "a thread and a ring, bare"

static const struct figure figures[] = {
    FIGURE("to the first message handled, 1", "us", false, start_one, BARE, limit_start),
    FIGURE("to the first message handled, 2", "us", false, start_two, BARE, limit_start_two),
    FIGURE("stopped and freed, 1 shard", "us", false, stop_one, BARE, limit_stop),
    FIGURE("stopped and freed, 2 shards", "us", false, stop_two, BARE, limit_stop_two),
};

const struct benchmark bench_start = BENCHMARK("start", "start and stop of a system", figures);
