/* SPDX-License-Identifier: MIT */
/*
 * Savina's big: each of 120 actors sends a ping to another one, taken at random, waits for the pong, and does so 20,000
 * times. Many to many, with next to no work in between.
 */
#include "harness.h"
#include "tails.h"
#include "whole.h"

enum { NEIGHBOURS = WHOLE_USER, PING, PONG, FINISHED };
enum { ACTORS = 120, PINGS = 20000 };

struct neighbours {
    rim_ref refs[ACTORS];
};

struct run {
    struct whole whole;
    const rim_behaviour *big;
    struct tails tails; /* of those who are timed */
};

struct big {
    struct whole *whole;
    rim_ref root;
    uint64_t random;
    uint32_t pings;
    struct neighbours neighbours;
    uint64_t pinged_ns; /* of those who are timed */
};

static rim_verdict ping_someone(rim_ctx *ctx, struct big *self) {
    rim_ref other = self->neighbours.refs[whole_random(&self->random) % ACTORS];
    int error =
        self->pings++ < PINGS ? rim_send(ctx, other, PING, NULL, 0) : rim_send(ctx, self->root, FINISHED, NULL, 0);
    if (error != 0) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static rim_verdict on_neighbours(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct big *self = state;
    (void)msg;
    self->neighbours = *(const struct neighbours *)body;
    self->root = rim_sender(ctx);
    self->random = rim_self(ctx);
    return ping_someone(ctx, self);
}

static rim_verdict on_ping(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)state;
    (void)body;
    (void)msg;
    return rim_send(ctx, rim_sender(ctx), PONG, NULL, 0) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_pong(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    return ping_someone(ctx, state);
}

static const rim_handler big_on[] = {[NEIGHBOURS] = on_neighbours, [PING] = on_ping, [PONG] = on_pong};
static const rim_behaviour big = {
    .name = "big",
    .state_size = sizeof(struct big),
    .on = big_on,
    .on_count = RIM_COUNT(big_on),
    .init = whole_init,
};

/* ---- the same, timed: each ping until its pong ---- */

static rim_verdict on_timed_neighbours(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    ((struct big *)state)->pinged_ns = now_ns();
    return on_neighbours(ctx, state, body, msg);
}

static rim_verdict on_timed_pong(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct big *self = state;
    struct run *run = (struct run *)self->whole;
    tails_add(ctx, &run->tails, self->pinged_ns);
    self->pinged_ns = now_ns();
    return on_pong(ctx, state, body, msg);
}

static const rim_handler timed_on[] = {[NEIGHBOURS] = on_timed_neighbours, [PING] = on_ping, [PONG] = on_timed_pong};
static const rim_behaviour timed = {
    .name = "timed",
    .state_size = sizeof(struct big),
    .on = timed_on,
    .on_count = RIM_COUNT(timed_on),
    .init = whole_init,
};

/* ---- the root ---- */

struct root {
    struct whole *whole;
    uint32_t finished;
};

static rim_verdict on_go(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct root *self = state;
    const struct run *run = (const struct run *)self->whole;
    struct neighbours all;
    int error = 0;
    (void)body;
    (void)msg;
    for (uint32_t i = 0; i < ACTORS && error == 0; i++) {
        error = whole_spawn(ctx, run->big, i, self->whole, &all.refs[i]);
    }
    for (uint32_t i = 0; i < ACTORS && error == 0; i++) {
        error = rim_send(ctx, all.refs[i], NEIGHBOURS, &all, sizeof all);
    }
    if (error != 0) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static rim_verdict on_finished(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct root *self = state;
    (void)ctx;
    (void)body;
    (void)msg;
    if (++self->finished == ACTORS) {
        whole_over(self->whole, 0);
    }
    return RIM_DONE;
}

static const rim_handler root_on[] = {[WHOLE_GO] = on_go, [FINISHED] = on_finished};
static const rim_behaviour root = {
    .name = "root",
    .state_size = sizeof(struct root),
    .on = root_on,
    .on_count = RIM_COUNT(root_on),
    .init = whole_init,
};

static int play(uint32_t shards, struct sample *out) {
    struct run run = {.big = &big};
    int error = whole_play(&run.whole, &root, shards);
    return whole_rate(&run.whole, error, (uint64_t)ACTORS * PINGS, out);
}

static int play_timed(uint32_t shards, struct sample *out) {
    struct run run = {.big = &timed};
    int error = tails_init(&run.tails, shards);
    error = error != 0 ? error : whole_play(&run.whole, &root, shards);
    return tails_end(&run.tails, error, out);
}

static const struct figure figures[] = {
    WHOLE("pings and their pongs, one shard", "M/s", true, play, 1),
    WHOLE("pings and their pongs, two shards", "M/s", true, play, 2),
    WHOLE("from a ping to its pong, one shard", "us", false, play_timed, 1),
    WHOLE("from a ping to its pong, two shards", "us", false, play_timed, 2),
};

const struct benchmark bench_big = BENCHMARK("big", "Savina: 120 actors ping each other at random", figures);
