/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>

#include "harness.h"
#include "limit.h"
#include "world.h"

enum { MORE = RIM_USER, GO };
enum { BURST = 64, CHECK_EVERY = 1024 };

struct run {
    struct world world;
    rim_spawn_options child_options;
    uint64_t warm_ns, measure_ns;
    uint64_t ended, first_ns, base, begin_ns, end_ns, n; /* the children's, who live on one shard */
    atomic_bool over;
};

/* ---- a child: one message, and it ends ---- */

static void look_at_clock(struct run *run) {
    uint64_t now = now_ns();
    if (run->first_ns == 0) {
        run->first_ns = now;
    } else if (run->begin_ns == 0 && now - run->first_ns >= run->warm_ns) {
        run->begin_ns = now;
        run->base = run->ended;
    } else if (run->begin_ns != 0 && run->end_ns == 0 && now - run->begin_ns >= run->measure_ns) {
        run->end_ns = now;
        run->n = run->ended - run->base;
        atomic_store_explicit(&run->over, true, memory_order_relaxed);
        world_done(&run->world, 0);
    }
}

static rim_verdict on_go(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct run *run = *(struct run *const *)body;
    (void)ctx;
    (void)self;
    (void)msg;
    if (++run->ended % CHECK_EVERY == 0) {
        look_at_clock(run);
    }
    return RIM_STOP;
}

static const rim_handler child_on[] = {[GO] = on_go};
static const rim_behaviour child = {
    .name = "child",
    .state_size = 16,
    .on = child_on,
    .on_count = RIM_COUNT(child_on),
};

/* ---- the parent ---- */

struct parent {
    struct run *run;
};

static rim_verdict parent_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    ((struct parent *)self)->run = *(struct run *const *)arg;
    rim_send(ctx, rim_self(ctx), MORE, NULL, 0);
    return RIM_DONE;
}

static int make_one(rim_ctx *ctx, struct run *run) {
    rim_ref ref;
    int error = rim_spawn(ctx, &child, &run->child_options, NULL, 0, &ref);
    return error != 0 ? error : rim_send(ctx, ref, GO, &run, sizeof run);
}

static rim_verdict on_more(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct run *run = ((struct parent *)self)->run;
    int error = 0;
    (void)body;
    (void)msg;
    if (atomic_load_explicit(&run->over, memory_order_relaxed)) {
        return RIM_DONE;
    }
    for (int i = 0; i < BURST && error == 0; i++) {
        error = make_one(ctx, run);
    }
    /* Full: the children, or the way to them, get a turn, and then it goes on. A child without its message stays. */
    if (error == 0 || error == -RIM_EFULL || error == -RIM_ELIMIT) {
        error = rim_send(ctx, rim_self(ctx), MORE, NULL, 0);
    }
    if (error != 0) {
        world_done(&run->world, error);
    }
    return RIM_DONE;
}

static const rim_handler parent_on[] = {[MORE] = on_more};
static const rim_behaviour parent = {
    .name = "parent",
    .state_size = sizeof(struct parent),
    .on = parent_on,
    .on_count = RIM_COUNT(parent_on),
    .init = parent_init,
};

static int measure(uint32_t shards, double seconds, struct sample *out) {
    struct run run = {.child_options = {.place = RIM_ON_SHARD, .shard = shards - 1},
                      .warm_ns = (uint64_t)(seconds * 1e8),
                      .measure_ns = (uint64_t)(seconds * 1e9)};
    rim_spawn_options options = {.budget = 1};
    rim_ref ref;
    int error = world_open(&run.world, shards, 0);
    error = error != 0 ? error : world_spawn(&run.world, &parent, &options, &run, &ref);
    error = error != 0 ? error : world_run(&run.world, seconds);
    atomic_store_explicit(&run.over, true, memory_order_relaxed);
    error = world_close(&run.world, error);
    if (error == 0) {
        out->n = run.n;
        out->value = (double)(run.end_ns - run.begin_ns) / (double)run.n;
    }
    return error;
}

static int same_shard(double seconds, struct sample *out) {
    return measure(1, seconds, out);
}

static int across(double seconds, struct sample *out) {
    return measure(2, seconds, out);
}

static const struct figure figures[] = {
    FIGURE("spawn, message, exit; same shard", "ns", false, same_shard, "a pool and a bare mailbox", limit_spawn),
    FIGURE("spawn, message, exit; across", "ns", false, across, NULL, NULL),
};

const struct benchmark bench_spawn = BENCHMARK("spawn", "an actor made, told one thing, and gone", figures);
