/* SPDX-License-Identifier: MIT */
/*
 * Savina's fork-join, both: 40,000 actors are made, each does a small computation on its one message, and ends; and 60
 * actors get 10,000 such messages each.
 */
#include <math.h>

#include "harness.h"
#include "whole.h"

enum { WORK = WHOLE_USER, ENDED, MORE };
enum { BURST = 64 };

struct run {
    struct whole whole;
    uint32_t workers;
    uint32_t messages; /* for each of them */
};

struct worker {
    struct run *run;
    rim_ref root;
    uint32_t done;
};

/* The way back may be full: then it is told when there is room. */
static rim_verdict say_ended(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct worker *self = state;
    (void)body;
    (void)msg;
    int error = rim_send(ctx, self->root, ENDED, NULL, 0);
    if (error == -RIM_EFULL && rim_want_room(ctx, self->root) == 0) {
        return RIM_DONE;
    }
    return error == 0 ? RIM_STOP : RIM_FAIL;
}

static rim_verdict on_work(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct worker *self = state;
    double sine = sin(*(const double *)body);
    (void)msg;
    if (sine * sine <= 0) {
        return RIM_FAIL;
    }
    if (++self->done < self->run->messages) {
        return RIM_DONE;
    }
    self->root = rim_sender(ctx);
    return say_ended(ctx, state, body, msg);
}

static const rim_handler worker_on[] = {[WORK] = on_work, [RIM_ROOM] = say_ended};
static const rim_behaviour worker = {
    .name = "worker",
    .state_size = sizeof(struct worker),
    .on = worker_on,
    .on_count = RIM_COUNT(worker_on),
    .init = whole_init,
};

/* ---- the root: sends the messages round by round, and where that makes them, spawns the workers as it goes ---- */

enum { CROWD = 60 };

struct root {
    struct run *run;
    rim_ref crowd[CROWD];
    uint32_t sent, ended;
};

static int give(rim_ctx *ctx, struct root *self, uint32_t number) {
    struct run *run = self->run;
    rim_ref *worker_ref = &self->crowd[number % CROWD];
    if (number < run->workers) {
        int error = whole_spawn(ctx, &worker, number, &run->whole, worker_ref);
        if (error != 0) {
            return error;
        }
    }
    return rim_send(ctx, *worker_ref, WORK, &(double){37.2}, sizeof(double));
}

static rim_verdict on_more(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct root *self = state;
    uint32_t wanted = self->run->workers * self->run->messages;
    int error = 0;
    (void)body;
    (void)msg;
    for (int i = 0; i < BURST && self->sent < wanted && error == 0; i++) {
        error = give(ctx, self, self->sent);
        self->sent += error == 0;
    }
    if (error == -RIM_EFULL) {
        error = rim_want_room(ctx, self->crowd[self->sent % CROWD]);
    } else if (error == 0 && self->sent < wanted) {
        error = rim_send(ctx, rim_self(ctx), MORE, NULL, 0);
    }
    if (error != 0) {
        whole_over(&self->run->whole, error);
    }
    return RIM_DONE;
}

static rim_verdict on_ended(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct root *self = state;
    (void)ctx;
    (void)body;
    (void)msg;
    if (++self->ended == self->run->workers) {
        whole_over(&self->run->whole, 0);
    }
    return RIM_DONE;
}

static const rim_handler root_on[] = {[WHOLE_GO] = on_more, [MORE] = on_more, [RIM_ROOM] = on_more, [ENDED] = on_ended};
static const rim_behaviour root = {
    .name = "root",
    .state_size = sizeof(struct root),
    .on = root_on,
    .on_count = RIM_COUNT(root_on),
    .init = whole_init,
};

static int play_creation(uint32_t shards, struct sample *out) {
    struct run run = {.workers = 40000, .messages = 1};
    int error = whole_play(&run.whole, &root, shards);
    return whole_rate(&run.whole, error, run.workers, out);
}

static int play_throughput(uint32_t shards, struct sample *out) {
    struct run run = {.workers = CROWD, .messages = 10000};
    int error = whole_play(&run.whole, &root, shards);
    return whole_rate(&run.whole, error, (uint64_t)run.workers * run.messages, out);
}

static const struct figure figures[] = {
    WHOLE("40,000 actors, one shard", "M/s", true, play_creation, 1),
    WHOLE("40,000 actors, two shards", "M/s", true, play_creation, 2),
    WHOLE("60 actors x 10,000, one shard", "M/s", true, play_throughput, 1),
    WHOLE("60 actors x 10,000, two shards", "M/s", true, play_throughput, 2),
};

const struct benchmark bench_fork_join = BENCHMARK("fork-join", "Savina: work for actors, new ones and old", figures);
