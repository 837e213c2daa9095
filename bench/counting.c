/* SPDX-License-Identifier: MIT */
/*
 * One way, to one mailbox. Savina's counting actor: one producer and a million messages; and CAF's benchmark of a
 * mailbox: 20 producers, a million messages of each.
 */
#include "harness.h"
#include "tails.h"
#include "whole.h"

enum { UP = WHOLE_USER, TIMED_UP, MORE };
enum { BURST = 256, TIMED_EVERY = 16 };

struct run {
    struct whole whole;
    uint32_t producers, messages; /* messages: of each */
    rim_ref counter;
    bool timed; /* some messages of a burst, from when they are sent until they are handled */
    struct tails tails;
};

struct counter {
    struct run *run;
    uint64_t count;
};

static rim_verdict on_up(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct counter *self = state;
    (void)ctx;
    (void)body;
    (void)msg;
    if (++self->count == (uint64_t)self->run->producers * self->run->messages) {
        whole_over(&self->run->whole, 0);
    }
    return RIM_DONE;
}

static rim_verdict on_timed_up(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    tails_add(ctx, &((struct counter *)state)->run->tails, *(const uint64_t *)body);
    return on_up(ctx, state, body, msg);
}

static const rim_handler counter_on[] = {[UP] = on_up, [TIMED_UP] = on_timed_up};
static const rim_behaviour counter = {
    .name = "counter",
    .state_size = sizeof(struct counter),
    .on = counter_on,
    .on_count = RIM_COUNT(counter_on),
    .init = whole_init,
};

struct producer {
    struct run *run;
    uint64_t sent;
};

static int send_timed(rim_ctx *ctx, rim_ref to) {
    uint64_t now = now_ns();
    return rim_send(ctx, to, TIMED_UP, &now, sizeof now);
}

static rim_verdict on_more(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct producer *self = state;
    rim_ref to = self->run->counter;
    int error = 0;
    (void)body;
    (void)msg;
    for (int i = 0; i < BURST && error == 0 && self->sent < self->run->messages; i++) {
        error = i % TIMED_EVERY == 0 && self->run->timed ? send_timed(ctx, to) : rim_send(ctx, to, UP, NULL, 0);
        self->sent += error == 0;
    }
    if (error == 0 && self->sent < self->run->messages) {
        error = rim_send(ctx, rim_self(ctx), MORE, NULL, 0);
    }
    error = error == -RIM_EFULL ? rim_want_room(ctx, to) : error;
    if (error != 0) {
        whole_over(&self->run->whole, error);
    }
    return RIM_DONE;
}

static const rim_handler producer_on[] = {[MORE] = on_more, [RIM_ROOM] = on_more};
static const rim_behaviour producer = {
    .name = "producer",
    .state_size = sizeof(struct producer),
    .on = producer_on,
    .on_count = RIM_COUNT(producer_on),
    .init = whole_init,
};

/* ---- the root ---- */

struct root {
    struct run *run;
};

static rim_verdict on_go(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct run *run = ((struct root *)state)->run;
    int error = whole_spawn(ctx, &counter, rim_shard_count(ctx) - 1, &run->whole, &run->counter);
    (void)body;
    (void)msg;
    /* Who only makes messages gives way after a burst: what it sends is handled while it is in the cache. */
    rim_spawn_options options = {.budget = 1};
    for (uint32_t i = 0; i < run->producers && error == 0; i++) {
        rim_ref ref;
        error = rim_spawn(ctx, &producer, &options, &run, sizeof run, &ref);
        error = error != 0 ? error : rim_send(ctx, ref, MORE, NULL, 0);
    }
    if (error != 0) {
        whole_over(&run->whole, error);
    }
    return RIM_STOP;
}

static const rim_handler root_on[] = {[WHOLE_GO] = on_go};
static const rim_behaviour root = {
    .name = "root",
    .state_size = sizeof(struct root),
    .on = root_on,
    .on_count = RIM_COUNT(root_on),
    .init = whole_init,
};

static int play(uint32_t shards, uint32_t producers, uint32_t messages, struct sample *out) {
    struct run run = {.producers = producers, .messages = messages};
    int error = whole_play(&run.whole, &root, shards);
    return whole_rate(&run.whole, error, (uint64_t)producers * messages, out);
}

static int play_counting(uint32_t shards, struct sample *out) {
    return play(shards, 1, 1000000, out);
}

static int play_mailbox(uint32_t shards, struct sample *out) {
    return play(shards, 20, 1000000, out);
}

static int play_timed(uint32_t shards, struct sample *out) {
    struct run run = {.producers = 20, .messages = 1000000, .timed = true};
    int error = tails_init(&run.tails, shards);
    error = error != 0 ? error : whole_play(&run.whole, &root, shards);
    return tails_end(&run.tails, error, out);
}

static const struct figure counting_figures[] = {
    WHOLE("a million messages, one shard", "M/s", true, play_counting, 1),
    WHOLE("a million messages, two shards", "M/s", true, play_counting, 2),
};
static const struct figure mailbox_figures[] = {
    WHOLE("20 x 1,000,000 messages, one shard", "M/s", true, play_mailbox, 1),
    WHOLE("20 x 1,000,000 messages, two shards", "M/s", true, play_mailbox, 2),
    WHOLE("until it is handled, one shard", "us", false, play_timed, 1),
    WHOLE("until it is handled, two shards", "us", false, play_timed, 2),
};

const struct benchmark bench_counting =
    BENCHMARK("counting", "Savina: one actor counts what another sends", counting_figures);
const struct benchmark bench_mailbox = BENCHMARK("mailbox", "CAF: one actor counts what twenty send", mailbox_figures);
