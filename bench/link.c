/* SPDX-License-Identifier: MIT */
#include "ringmail/link.h"
#include "harness.h"
#include "world.h"

enum { MORE = RIM_USER, FENCE };
enum { BURST = 64, AT_ONCE = 256, CHECK_EVERY = 1024 };

struct run {
    struct world world;
    uint32_t shards;
    uint64_t measure_ns;
    uint64_t begin_ns, end_ns, n; /* the actor's */
    bool over;
};

struct state {
    struct run *run;
    rim_ref partner;
    uint32_t owed; /* children that could not be spawned for want of a way */
};

static rim_verdict finish(struct run *run, int error) {
    if (!run->over) {
        run->over = true;
        run->end_ns = now_ns();
        world_done(&run->world, error);
    }
    return RIM_DONE;
}

static bool is_over(const struct run *run) {
    return run->over || now_ns() - run->begin_ns >= run->measure_ns;
}

/* ---- the other: answers, so that not too much is under way ---- */

static rim_verdict on_fence(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)self;
    (void)body;
    (void)msg;
    rim_send(ctx, rim_sender(ctx), MORE, NULL, 0);
    return RIM_DONE;
}

static const rim_handler partner_on[] = {[FENCE] = on_fence};
static const rim_behaviour partner = {.name = "partner", .on = partner_on, .on_count = RIM_COUNT(partner_on)};

static rim_spawn_options there(const struct run *run) {
    return (rim_spawn_options){.place = RIM_ON_SHARD, .shard = run->shards - 1};
}

static rim_verdict init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct state *state = self;
    struct run *run = state->run = *(struct run *const *)arg;
    rim_spawn_options options = there(run);
    (void)size;
    run->begin_ns = now_ns();
    int error = rim_spawn(ctx, &partner, &options, NULL, 0, &state->partner);
    return error != 0 ? finish(run, error) : (rim_send(ctx, rim_self(ctx), MORE, NULL, 0), RIM_DONE);
}

static rim_verdict go_on(rim_ctx *ctx, struct state *state) {
    state->run->n += BURST;
    return is_over(state->run) ? finish(state->run, 0) : (rim_send(ctx, state->partner, FENCE, NULL, 0), RIM_DONE);
}

/* ---- made and undone ---- */

static rim_verdict on_more_monitor(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct state *state = self;
    rim_mon monitors[BURST];
    (void)body;
    (void)msg;
    for (int i = 0; i < BURST; i++) {
        monitors[i] = rim_monitor(ctx, state->partner, 0);
    }
    for (int i = 0; i < BURST; i++) {
        if (!rim_cancel(ctx, monitors[i])) {
            return finish(state->run, -RIM_EBADREF);
        }
    }
    return go_on(ctx, state);
}

static rim_verdict on_more_link(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct state *state = self;
    (void)body;
    (void)msg;
    for (int i = 0; i < BURST; i++) {
        int error = rim_link(ctx, state->partner);
        error = error != 0 ? error : rim_unlink(ctx, state->partner);
        if (error != 0) {
            return finish(state->run, error);
        }
    }
    return go_on(ctx, state);
}

static const rim_handler monitor_on[] = {[MORE] = on_more_monitor};
static const rim_handler link_on[] = {[MORE] = on_more_link};

/* ---- a child that ends at once, watched or not: each that has ended makes room for the next ---- */

static rim_verdict child_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)ctx;
    (void)self;
    (void)arg;
    (void)size;
    return RIM_STOP;
}

static const rim_behaviour child = {.name = "child", .state_size = 16, .init = child_init};

static rim_verdict spawn_owed(rim_ctx *ctx, struct state *state) {
    while (state->owed > 0) {
        rim_ref ref;
        rim_spawn_options options = there(state->run);
        options.monitor = true;
        int error = rim_spawn(ctx, &child, &options, NULL, 0, &ref);
        if (error == -RIM_EFULL) { /* a DOWN will come, and bring us here again */
            return RIM_DONE;
        }
        if (error != 0) {
            return finish(state->run, error);
        }
        state->owed--;
    }
    return RIM_DONE;
}

static rim_verdict on_more_death(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct state *state = self;
    (void)body;
    (void)msg;
    state->owed = AT_ONCE;
    state->run->begin_ns = now_ns();
    return spawn_owed(ctx, state);
}

static rim_verdict on_down(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct state *state = self;
    struct run *run = state->run;
    (void)body;
    (void)msg;
    if (run->over || (++run->n % CHECK_EVERY == 0 && is_over(run))) {
        return finish(run, 0);
    }
    state->owed++;
    return spawn_owed(ctx, state);
}

static const rim_handler death_on[] = {[MORE] = on_more_death, [RIM_DOWN] = on_down};

/* ---- the figures ---- */

static int measure(const rim_handler *on, uint32_t on_count, uint32_t shards, double seconds, struct sample *out) {
    struct run run = {.shards = shards, .measure_ns = (uint64_t)(seconds * 1e9)};
    rim_behaviour behaviour = {
        .name = "watcher", .state_size = sizeof(struct state), .on = on, .on_count = on_count, .init = init};
    rim_ref ref;
    int error = world_open(&run.world, shards, 0);
    error = error != 0 ? error : world_spawn(&run.world, &behaviour, NULL, &run, &ref);
    error = error != 0 ? error : world_run(&run.world, seconds);
    error = world_close(&run.world, error);
    out->n = run.n;
    out->value = (double)(run.end_ns - run.begin_ns) / (double)run.n;
    return error;
}

static int monitor_here(double seconds, struct sample *out) {
    return measure(monitor_on, RIM_COUNT(monitor_on), 1, seconds, out);
}

static int monitor_across(double seconds, struct sample *out) {
    return measure(monitor_on, RIM_COUNT(monitor_on), 2, seconds, out);
}

static int link_here(double seconds, struct sample *out) {
    return measure(link_on, RIM_COUNT(link_on), 1, seconds, out);
}

static int link_across(double seconds, struct sample *out) {
    return measure(link_on, RIM_COUNT(link_on), 2, seconds, out);
}

static int death_here(double seconds, struct sample *out) {
    return measure(death_on, RIM_COUNT(death_on), 1, seconds, out);
}

static int death_across(double seconds, struct sample *out) {
    return measure(death_on, RIM_COUNT(death_on), 2, seconds, out);
}

static const struct figure figures[] = {
    FIGURE("monitored and cancelled; same shard", "ns", false, monitor_here, NULL, NULL),
    FIGURE("monitored and cancelled; across", "ns", false, monitor_across, NULL, NULL),
    FIGURE("linked and unlinked; same shard", "ns", false, link_here, NULL, NULL),
    FIGURE("linked and unlinked; across", "ns", false, link_across, NULL, NULL),
    FIGURE("spawned with a monitor, ended, told; same shard", "ns", false, death_here, NULL, NULL),
    FIGURE("spawned with a monitor, ended, told; across", "ns", false, death_across, NULL, NULL),
};

const struct benchmark bench_link = BENCHMARK("link", "links and monitors made, undone, and fired", figures);
