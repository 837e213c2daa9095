/* SPDX-License-Identifier: MIT */
#include <ringmail/offload.h>

#include "harness.h"
#include "world.h"

enum { HELPERS = 4 };

struct run {
    struct world world;
    struct latencies latencies;
    uint64_t measure_ns, begin_ns, end_ns, n;
    uint32_t open_max, open;
};

struct state {
    struct run *run;
};

struct work {
    uint64_t given_ns;
};

static int nothing(void *arg) {
    (void)arg;
    return 0;
}

static rim_verdict on_outcome(rim_ctx *ctx, void *self, uint64_t cookie, int error, const void *body, rim_msg *msg);

static int give(rim_ctx *ctx, struct run *run) {
    struct work work = {.given_ns = now_ns()};
    rim_job job = {
        .run = nothing, .arg = &work, .size = sizeof work, .timeout_ns = RIM_SECONDS(10), .on_outcome = on_outcome};
    int error = rim_offload(ctx, &job, NULL);
    run->open += error == 0;
    return error;
}

static rim_verdict on_outcome(rim_ctx *ctx, void *self, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct run *run = ((struct state *)self)->run;
    uint64_t now = now_ns();
    (void)cookie;
    (void)msg;
    run->open--;
    if (error == 0) {
        latencies_add(&run->latencies, (double)(now - ((const struct work *)body)->given_ns));
        run->n++;
    }
    if (error == 0 && now - run->begin_ns < run->measure_ns) {
        error = give(ctx, run);
    }
    if (run->open == 0 || error != 0) {
        run->end_ns = now;
        world_done(&run->world, error);
    }
    return RIM_DONE;
}

static rim_verdict init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct run *run = *(struct run *const *)arg;
    int error = 0;
    (void)size;
    ((struct state *)self)->run = run;
    run->begin_ns = now_ns();
    while (run->open < run->open_max && error == 0) {
        error = give(ctx, run);
    }
    return error == 0 ? RIM_DONE : RIM_FAIL;
}

static int measure(uint32_t open_max, bool latency, double seconds, struct sample *out) {
    static const rim_behaviour giver = {.name = "giver", .state_size = sizeof(struct state), .init = init};
    struct run run = {.measure_ns = (uint64_t)(seconds * 1e9), .open_max = open_max};
    rim_ref ref;
    int error = latencies_init(&run.latencies);
    if (error != 0) {
        return error;
    }
    cpus_note(2); /* the helpers are on any */
    error = world_open(&run.world, 1, 0);
    error = error != 0 ? error : world_spawn(&run.world, &giver, NULL, &run, &ref);
    error = error != 0 ? error : world_run(&run.world, seconds);
    error = world_close(&run.world, error);
    out->n = run.n;
    if (latency) {
        latencies_read(&run.latencies, 1e-3, out);
    } else {
        out->value = (double)(run.end_ns - run.begin_ns) / 1e3 / (double)run.n;
    }
    latencies_finish(&run.latencies);
    return error;
}

static int one(double seconds, struct sample *out) {
    return measure(1, true, seconds, out);
}

static int many(double seconds, struct sample *out) {
    return measure(16 * HELPERS, false, seconds, out);
}

static const struct figure figures[] = {
    FIGURE("round trip of an empty job, alone", "us", false, one, NULL, NULL),
    FIGURE("a job of 64 that are open at once", "us", false, many, NULL, NULL),
};

const struct benchmark bench_offload = BENCHMARK("offload", "an empty job to a helper thread and back", figures);
