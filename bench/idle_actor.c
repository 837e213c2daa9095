/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "harness.h"
#include "world.h"

enum { MORE = RIM_USER };
enum { ACTORS = 100000, BURST = 200, REST_US = 20000 };

struct run {
    struct world world;
    uint32_t count;
};

static rim_verdict ignore(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)self;
    (void)body;
    (void)msg;
    return RIM_DONE;
}

static const rim_handler idle_on[] = {[RIM_USER] = ignore};
static const rim_behaviour idle = {
    .name = "idle",
    .state_size = 16,
    .on = idle_on,
    .on_count = RIM_COUNT(idle_on),
};

/* ---- who makes them ---- */

struct maker {
    struct run *run;
};

static rim_verdict maker_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)ctx;
    (void)size;
    ((struct maker *)self)->run = *(struct run *const *)arg;
    return RIM_DONE;
}

static rim_verdict on_more(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct run *run = ((struct maker *)self)->run;
    int error = 0;
    (void)body;
    (void)msg;
    for (int i = 0; i < BURST && error == 0; i++) {
        rim_ref ref;
        error = rim_spawn(ctx, &idle, NULL, NULL, 0, &ref);
    }
    run->count += BURST;
    if (error != 0 || run->count >= ACTORS) {
        world_done(&run->world, error);
        return RIM_DONE;
    }
    return rim_send(ctx, rim_self(ctx), MORE, NULL, 0) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler maker_on[] = {[MORE] = on_more};
static const rim_behaviour maker = {
    .name = "maker",
    .state_size = sizeof(struct maker),
    .on = maker_on,
    .on_count = RIM_COUNT(maker_on),
    .init = maker_init,
};

/* ---- what they take ---- */

/* What the shard says that its pools and arenas hold, and what the process holds. */
struct memory {
    double counted, resident;
};

/* The counters are published when the shard comes to rest. */
static int read_memory(struct run *run, struct memory *out) {
    rim_stats stats;
    usleep(REST_US);
    int error = rim_system_stats(run->world.system, RIM_ALL_SHARDS, &stats);
    *out = (struct memory){.counted = (double)stats.memory_bytes, .resident = resident_bytes()};
    return error;
}

static int grow(struct run *run, struct memory *before, struct memory *after) {
    rim_ref ref;
    int error = world_spawn(&run->world, &maker, NULL, run, &ref);
    if (error != 0) {
        return error;
    }
    error = rim_system_start(run->world.system);
    error = error != 0 ? error : read_memory(run, before);
    error = error != 0 ? error : rim_system_send(run->world.system, ref, MORE, NULL, 0);
    error = error != 0 ? error : world_wait(&run->world, 1);
    return error != 0 ? error : read_memory(run, after);
}

static int measure(struct memory *each) {
    struct run run = {.count = 0};
    struct memory before = {0}, after = {0};
    int error = world_open(&run.world, 1, 0);
    error = error != 0 ? error : grow(&run, &before, &after);
    each->counted = (after.counted - before.counted) / ACTORS;
    each->resident = (after.resident - before.resident) / ACTORS;
    return world_close(&run.world, error);
}

static int counted(double seconds, struct sample *out) {
    struct memory each;
    (void)seconds;
    int error = measure(&each);
    *out = (struct sample){.value = each.counted, .n = ACTORS};
    return error;
}

/* Of the first run this tells the truth, and later ones find memory that the process has kept: the largest counts. */
static int resident_most(double seconds, struct sample *out) {
    static double most;
    struct memory each;
    (void)seconds;
    int error = measure(&each);
    most = each.resident > most ? each.resident : most;
    *out = (struct sample){.value = most, .n = ACTORS};
    return error;
}

static const struct figure figures[] = {
    FIGURE("16 bytes of state, resident", "bytes", false, resident_most, NULL, NULL),
    FIGURE("16 bytes of state, counted", "bytes", false, counted, NULL, NULL),
};

const struct benchmark bench_idle_actor = BENCHMARK("idle-actor", "memory of an actor that waits", figures);
