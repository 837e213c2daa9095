/* SPDX-License-Identifier: MIT */
/*
 * What a message takes while it waits: a million of 32 bytes are sent to an actor that does not get to run meanwhile.
 */
#include "harness.h"
#include "whole.h"

enum { DATA = WHOLE_USER };
enum { MESSAGES = 1000000, BODY = 32 };

struct run {
    struct whole whole;
    double bytes;
    uint64_t taken;
};

struct sink {
    struct run *run;
};

static rim_verdict on_data(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct run *run = ((struct sink *)state)->run;
    (void)ctx;
    (void)body;
    (void)msg;
    if (++run->taken == MESSAGES) {
        whole_over(&run->whole, 0);
    }
    return RIM_DONE;
}

static const rim_handler sink_on[] = {[DATA] = on_data};
static const rim_behaviour sink = {
    .name = "sink",
    .state_size = sizeof(struct sink),
    .on = sink_on,
    .on_count = RIM_COUNT(sink_on),
    .init = whole_init,
};

static rim_verdict on_go(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    static const char bytes[BODY];
    struct run *run = ((struct sink *)state)->run;
    rim_ref ref;
    (void)body;
    (void)msg;
    int error = whole_spawn(ctx, &sink, 0, &run->whole, &ref);
    double before = resident_bytes();
    for (int i = 0; i < MESSAGES && error == 0; i++) {
        error = rim_send(ctx, ref, DATA, bytes, sizeof bytes);
    }
    run->bytes = resident_bytes() - before;
    if (error != 0) {
        whole_over(&run->whole, error);
    }
    return RIM_STOP;
}

static const rim_handler root_on[] = {[WHOLE_GO] = on_go};
static const rim_behaviour root = {
    .name = "root",
    .state_size = sizeof(struct sink),
    .on = root_on,
    .on_count = RIM_COUNT(root_on),
    .init = whole_init,
};

/* Of the first run this tells the truth, and later ones find memory that the process has kept: the largest counts. */
static int play(uint32_t shards, struct sample *out) {
    static double most;
    struct run run = {.taken = 0};
    int error = whole_play(&run.whole, &root, shards);
    most = run.bytes > most ? run.bytes : most;
    *out = (struct sample){.value = most / MESSAGES, .n = MESSAGES};
    return error;
}

static const struct figure figures[] = {
    WHOLE("32 bytes of body, resident", "bytes", false, play, 1),
};

const struct benchmark bench_queued = BENCHMARK("queued", "memory of a message that waits", figures);
