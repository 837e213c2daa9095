/* SPDX-License-Identifier: MIT */
/*
 * Pony's message-ubench: eight actors, with five pings each to begin with, and who gets a ping sends one to another,
 * taken at random. Here each ping ends after so many hops, so that a run has an end.
 */
#include "harness.h"
#include "whole.h"

enum { NEIGHBOURS = WHOLE_USER, PING, ENDED };
enum { PINGERS = 8, PINGS = 5, HOPS = 100000 };

struct pinger {
    struct whole *whole;
    rim_ref root;
    uint64_t random;
    rim_ref neighbours[PINGERS];
};

static rim_verdict pass_on(rim_ctx *ctx, struct pinger *self, uint64_t hops) {
    rim_ref other = self->neighbours[whole_random(&self->random) % PINGERS];
    int error =
        hops < HOPS ? rim_send(ctx, other, PING, &hops, sizeof hops) : rim_send(ctx, self->root, ENDED, NULL, 0);
    if (error != 0) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static rim_verdict on_neighbours(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct pinger *self = state;
    const rim_ref *refs = body;
    (void)msg;
    self->root = rim_sender(ctx);
    self->random = rim_self(ctx);
    for (int i = 0; i < PINGERS; i++) {
        self->neighbours[i] = refs[i];
    }
    for (int i = 0; i < PINGS; i++) {
        pass_on(ctx, self, 0);
    }
    return RIM_DONE;
}

static rim_verdict on_ping(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)msg;
    return pass_on(ctx, state, *(const uint64_t *)body + 1);
}

static const rim_handler pinger_on[] = {[NEIGHBOURS] = on_neighbours, [PING] = on_ping};
static const rim_behaviour pinger = {
    .name = "pinger",
    .state_size = sizeof(struct pinger),
    .on = pinger_on,
    .on_count = RIM_COUNT(pinger_on),
    .init = whole_init,
};

struct root {
    struct whole *whole;
    uint32_t ended;
};

static rim_verdict on_go(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct root *self = state;
    rim_ref refs[PINGERS];
    int error = 0;
    (void)body;
    (void)msg;
    for (uint32_t i = 0; i < PINGERS && error == 0; i++) {
        error = whole_spawn(ctx, &pinger, i, self->whole, &refs[i]);
    }
    for (uint32_t i = 0; i < PINGERS && error == 0; i++) {
        error = rim_send(ctx, refs[i], NEIGHBOURS, refs, sizeof refs);
    }
    if (error != 0) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static rim_verdict on_ended(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct root *self = state;
    (void)ctx;
    (void)body;
    (void)msg;
    if (++self->ended == PINGERS * PINGS) {
        whole_over(self->whole, 0);
    }
    return RIM_DONE;
}

static const rim_handler root_on[] = {[WHOLE_GO] = on_go, [ENDED] = on_ended};
static const rim_behaviour root = {
    .name = "root",
    .state_size = sizeof(struct root),
    .on = root_on,
    .on_count = RIM_COUNT(root_on),
    .init = whole_init,
};

static int play(uint32_t shards, struct sample *out) {
    struct whole whole = {.ns = 0};
    int error = whole_play(&whole, &root, shards);
    return whole_rate(&whole, error, (uint64_t)PINGERS * PINGS * HOPS, out);
}

static const struct figure figures[] = {
    WHOLE("8 actors, 40 pings, one shard", "M/s", true, play, 1),
    WHOLE("8 actors, 40 pings, two shards", "M/s", true, play, 2),
};

const struct benchmark bench_ubench = BENCHMARK("ubench", "Pony: pings at random among a few actors", figures);
