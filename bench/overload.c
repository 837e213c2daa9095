/* SPDX-License-Identifier: MIT */
/*
 * Too much for one: 10,000 actors send to one as fast as they can (Pony's overload), and what the process's memory
 * grows by, and how long a message waits, while an actor is sent twice what it can do. Its mailbox is bounded, and so
 * are the ways to it: who sends is told that there is no room, and waits for it.
 */
#include <errno.h>
#include <stdatomic.h>

#include "harness.h"
#include "stream.h"
#include "tails.h"
#include "whole.h"

static int same_shard(double seconds, struct sample *out) {
    static const struct stream_plan plan = {.shards = 1, .senders = 10000, .burst = 16, .budget = 1};
    return stream_measure(&plan, seconds, out);
}

static int across(double seconds, struct sample *out) {
    static const struct stream_plan plan = {.shards = 2, .senders = 10000, .to_shard = 1, .burst = 16, .budget = 1};
    return stream_measure(&plan, seconds, out);
}

/* ---- twice what it can do ---- */

enum { DATA = WHOLE_USER, MORE, BODY = 256, BURST = 64, MESSAGES = 1000000, PACE_NS = 500 };

struct run {
    struct whole whole;
    double before, most; /* resident bytes */
    uint64_t taken;
    struct tails tails; /* from when it was sent until it is handled */
};

/* What it does with a message takes PACE_NS, and the sender would send one in less than half of that. */
struct sink {
    struct run *run;
};

static rim_verdict on_data(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct run *run = ((struct sink *)state)->run;
    uint64_t until = now_ns() + PACE_NS;
    (void)msg;
    tails_add(ctx, &run->tails, *(const uint64_t *)body);
    while (now_ns() < until) {
    }
    if (run->taken++ % (MESSAGES / 64) == 0) {
        double now = resident_bytes();
        run->before = run->before == 0 ? now : run->before;
        run->most = now > run->most ? now : run->most;
    }
    if (run->taken == MESSAGES) {
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

struct sender {
    struct run *run;
    rim_ref sink;
    uint32_t sent;
};

static rim_verdict on_more(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    uint64_t words[BODY / sizeof(uint64_t)] = {0};
    struct sender *self = state;
    int error = 0;
    (void)body;
    (void)msg;
    for (int i = 0; i < BURST && self->sent < MESSAGES && error == 0; i++) {
        words[0] = now_ns();
        error = rim_send(ctx, self->sink, DATA, words, sizeof words);
        self->sent += error == 0;
    }
    if (error == -RIM_EFULL) {
        error = rim_want_room(ctx, self->sink);
    } else if (error == 0 && self->sent < MESSAGES) {
        error = rim_send(ctx, rim_self(ctx), MORE, NULL, 0);
    }
    if (error != 0) {
        whole_over(&self->run->whole, error);
    }
    return RIM_DONE;
}

static rim_verdict on_go(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct sender *self = state;
    struct run *run = self->run;
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = rim_shard_count(ctx) - 1};
    int error = rim_spawn(ctx, &sink, &options, &run, sizeof run, &self->sink);
    if (error != 0) {
        whole_over(&run->whole, error);
        return RIM_STOP;
    }
    return on_more(ctx, state, body, msg);
}

static const rim_handler sender_on[] = {[WHOLE_GO] = on_go, [MORE] = on_more, [RIM_ROOM] = on_more};
static const rim_behaviour sender = {
    .name = "sender",
    .state_size = sizeof(struct sender),
    .on = sender_on,
    .on_count = RIM_COUNT(sender_on),
    .init = whole_init,
};

/* Microseconds that a message waits; in *mib what memory has grown by. */
static int flood(uint32_t shards, double *mib, struct sample *out) {
    struct run run = {.taken = 0};
    int error = tails_init(&run.tails, shards);
    error = error != 0 ? error : whole_play(&run.whole, &sender, shards);
    *mib = (run.most - run.before) / 1048576;
    return tails_end(&run.tails, error, out);
}

static int grown(uint32_t shards, struct sample *out) {
    double mib = 0;
    int error = flood(shards, &mib, out);
    *out = (struct sample){.value = mib, .n = MESSAGES};
    return error;
}

static int waited(uint32_t shards, struct sample *out) {
    double mib;
    return flood(shards, &mib, out);
}

static int until_handled(double seconds, struct sample *out) {
    static const struct stream_plan plan = {.shards = 2, .senders = 10000, .to_shard = 1, .burst = 16, .budget = 1};
    return stream_measure_us(&plan, seconds, out);
}

static const struct figure figures[] = {
    FIGURE("10,000 senders, same shard", "M/s", true, same_shard, NULL, NULL),
    FIGURE("10,000 senders across shards", "M/s", true, across, NULL, NULL),
    FIGURE("until it is handled, across", "us", false, until_handled, NULL, NULL),
    WHOLE("memory at twice the load, across", "MiB", false, grown, 2),
    WHOLE("waits at twice the load, across", "us", false, waited, 2),
};

const struct benchmark bench_overload = BENCHMARK("overload", "Pony: ten thousand senders to one actor", figures);
