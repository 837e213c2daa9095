/* SPDX-License-Identifier: MIT */
/*
 * A child ends, again and again; its supervisor starts it again, and its init says so to the one who ended it. What is
 * told is one round: the message, the end, its notice, the spawn, init, and the word back.
 */
#include <ringmail/supervisor.h>
#include <string.h>

#include "harness.h"
#include "world.h"

enum { END = RIM_USER, HERE_I_AM };
enum { CHECK_EVERY = 256 };

struct run {
    struct world world;
    rim_child child;
    rim_spawn_options options;
    rim_supervisor_spec spec;
    rim_ref boss, supervisor;
    uint64_t warm_ns, measure_ns;
    uint64_t rounds, first_ns, base, begin_ns, end_ns, n; /* the boss's */
    bool keep;
};

/* ---- the child ---- */

static rim_verdict child_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct run *run = *(struct run *const *)arg;
    rim_ref me = rim_self(ctx);
    (void)size;
    *(struct run **)self = run;
    return rim_send(ctx, run->boss, HERE_I_AM, &me, sizeof me) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_end(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    return (*(struct run **)self)->keep ? rim_fail(ctx, RIM_EXIT_USER, "again") : RIM_STOP;
}

static const rim_handler child_on[] = {[END] = on_end};
static const rim_behaviour child = {
    .name = "child",
    .state_size = sizeof(struct run *),
    .init = child_init,
    .on = child_on,
    .on_count = RIM_COUNT(child_on),
};

/* ---- who ends it ---- */

static rim_verdict boss_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct run *run = *(struct run *const *)arg;
    (void)size;
    *(struct run **)self = run;
    run->boss = rim_self(ctx);
    int error = rim_supervise(ctx, &run->spec, &run->supervisor);
    if (error != 0) {
        world_done(&run->world, error);
    }
    return RIM_DONE;
}

static bool is_over(struct run *run) {
    uint64_t now = now_ns();
    if (run->first_ns == 0) {
        run->first_ns = now;
    } else if (run->begin_ns == 0 && now - run->first_ns >= run->warm_ns) {
        run->begin_ns = now;
        run->base = run->rounds;
    } else if (run->begin_ns != 0 && now - run->begin_ns >= run->measure_ns) {
        run->end_ns = now;
        run->n = run->rounds - run->base;
        return true;
    }
    return false;
}

static rim_verdict on_here(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct run *run = *(struct run **)self;
    rim_ref who;
    (void)msg;
    memcpy(&who, body, sizeof who);
    if (++run->rounds % CHECK_EVERY == 0 && is_over(run)) {
        world_done(&run->world, 0);
        return RIM_DONE;
    }
    int error = rim_send(ctx, who, END, NULL, 0);
    if (error != 0) {
        world_done(&run->world, error);
    }
    return RIM_DONE;
}

static const rim_handler boss_on[] = {[HERE_I_AM] = on_here};
static const rim_behaviour boss = {
    .name = "boss",
    .state_size = sizeof(struct run *),
    .init = boss_init,
    .on = boss_on,
    .on_count = RIM_COUNT(boss_on),
};

/* ---- a run ---- */

static int measure(uint32_t shards, bool keep, double seconds, struct sample *out) {
    static struct run run;
    static struct run *const arg = &run;
    rim_ref ref;
    run = (struct run){.keep = keep, .measure_ns = (uint64_t)(seconds * 1e9), .warm_ns = (uint64_t)(seconds * 1e8)};
    run.options = (rim_spawn_options){.place = RIM_ON_SHARD, .shard = shards - 1, .keep = keep};
    run.child =
        (rim_child){.id = "child", .behaviour = &child, .options = &run.options, .arg = &arg, .size = sizeof arg};
    run.spec = (rim_supervisor_spec){.intensity = 1000000, .period_ns = 1, .children = &run.child, .child_count = 1};
    int error = world_open(&run.world, shards, shards > 1 ? SPIN_ALWAYS : SPIN_NEVER);
    if (error != 0) {
        return error;
    }
    rim_spawn_options options = {.trap_exit = true};
    error = world_spawn(&run.world, &boss, &options, &run, &ref);
    error = error != 0 ? error : world_run(&run.world, seconds);
    error = world_close(&run.world, error);
    if (error == 0) {
        out->n = run.n;
        out->value = (double)(run.end_ns - run.begin_ns) / (double)run.n;
    }
    return error;
}

static int same_shard(double seconds, struct sample *out) {
    return measure(1, false, seconds, out);
}

static int across(double seconds, struct sample *out) {
    return measure(2, false, seconds, out);
}

static int in_place(double seconds, struct sample *out) {
    return measure(1, true, seconds, out);
}

static int in_place_across(double seconds, struct sample *out) {
    return measure(2, true, seconds, out);
}

static const struct figure figures[] = {
    FIGURE("restart of a child; same shard", "ns", false, same_shard, NULL, NULL),
    FIGURE("restart of a child; across", "ns", false, across, NULL, NULL),
    FIGURE("restart in place; same shard", "ns", false, in_place, NULL, NULL),
    FIGURE("restart in place; across", "ns", false, in_place_across, NULL, NULL),
};

const struct benchmark bench_supervisor = BENCHMARK("supervisor", "a child that ends, and is there again", figures);
