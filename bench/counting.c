/* SPDX-License-Identifier: MIT */
/*
 * Savina's counting actor: a producer tells a counter a million times to count one up, and then asks how far it is.
 */
#include <errno.h>

#include "harness.h"
#include "whole.h"

enum { UP = WHOLE_USER, READ, TOTAL, MORE };
enum { MESSAGES = 1000000, BURST = 256 };

struct counter {
    struct whole *whole;
    uint64_t count;
};

static rim_verdict on_up(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)body;
    (void)msg;
    ((struct counter *)state)->count++;
    return RIM_DONE;
}

static rim_verdict on_read(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct counter *self = state;
    (void)body;
    (void)msg;
    return rim_send(ctx, rim_sender(ctx), TOTAL, &self->count, sizeof self->count) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler counter_on[] = {[UP] = on_up, [READ] = on_read};
static const rim_behaviour counter = {
    .name = "counter",
    .state_size = sizeof(struct counter),
    .on = counter_on,
    .on_count = RIM_COUNT(counter_on),
    .init = whole_init,
};

struct producer {
    struct whole *whole;
    rim_ref counter;
    uint64_t sent;
};

static rim_verdict on_more(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct producer *self = state;
    int error = 0;
    (void)body;
    (void)msg;
    for (int i = 0; i < BURST && error == 0 && self->sent < MESSAGES; i++) {
        error = rim_send(ctx, self->counter, UP, NULL, 0);
        self->sent += error == 0;
    }
    if (error == 0) {
        error = self->sent < MESSAGES ? rim_send(ctx, rim_self(ctx), MORE, NULL, 0)
                                      : rim_send(ctx, self->counter, READ, NULL, 0);
    }
    error = error == -RIM_EFULL ? rim_want_room(ctx, self->counter) : error;
    if (error != 0) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static rim_verdict on_go(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct producer *self = state;
    int error = whole_spawn(ctx, &counter, rim_shard_count(ctx) - 1, self->whole, &self->counter);
    if (error != 0) {
        whole_over(self->whole, error);
        return RIM_STOP;
    }
    return on_more(ctx, state, body, msg);
}

static rim_verdict on_total(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)msg;
    whole_over(((struct producer *)state)->whole, *(const uint64_t *)body == MESSAGES ? 0 : -EPROTO);
    return RIM_STOP;
}

static const rim_handler producer_on[] = {
    [WHOLE_GO] = on_go, [MORE] = on_more, [RIM_ROOM] = on_more, [TOTAL] = on_total};
static const rim_behaviour producer = {
    .name = "producer",
    .state_size = sizeof(struct producer),
    .on = producer_on,
    .on_count = RIM_COUNT(producer_on),
    .init = whole_init,
};

static int play(uint32_t shards, struct sample *out) {
    struct whole whole = {.ns = 0};
    int error = whole_play(&whole, &producer, shards);
    return whole_rate(&whole, error, MESSAGES, out);
}

static const struct figure figures[] = {
    WHOLE("a million messages, same shard", "M/s", true, play, 1),
    WHOLE("a million messages, across", "M/s", true, play, 2),
};

const struct benchmark bench_counting = BENCHMARK("counting", "Savina: one actor counts what another sends", figures);
