/* SPDX-License-Identifier: MIT */
/*
 * A token is handed round a ring of actors: of 503, as the benchmarks game had it, for as long as it is measured; and
 * of 100 for 100,000 hops, which is Savina's. There neighbours are together, as far as there are shards for them.
 */
#include "harness.h"
#include "limit.h"
#include "whole.h"

enum { JOIN = WHOLE_USER, HOP };
enum { CHECK_EVERY = 8192, SAVINA_ACTORS = 100, SAVINA_HOPS = 100000 };

struct run {
    struct world world;
    uint64_t warm_ns, measure_ns;
    uint64_t first_ns, begin_ns, end_ns, base, n; /* all on one shard */
};

struct member {
    struct run *run;
    rim_ref next;
};

static rim_verdict member_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)ctx;
    (void)size;
    ((struct member *)self)->run = *(struct run *const *)arg;
    return RIM_DONE;
}

/* False when the time is over. */
static bool look_at_clock(struct run *run, uint64_t hops) {
    uint64_t now = now_ns();
    if (run->first_ns == 0) {
        run->first_ns = now;
    } else if (run->begin_ns == 0 && now - run->first_ns >= run->warm_ns) {
        run->begin_ns = now;
        run->base = hops;
    } else if (run->begin_ns != 0 && now - run->begin_ns >= run->measure_ns) {
        run->end_ns = now;
        run->n = hops - run->base;
        return false;
    }
    return true;
}

static rim_verdict on_hop(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct member *member = self;
    uint64_t hops = *(const uint64_t *)body + 1;
    (void)msg;
    if (hops % CHECK_EVERY == 0 && !look_at_clock(member->run, hops)) {
        world_done(&member->run->world, 0);
        return RIM_DONE;
    }
    int error = rim_send(ctx, member->next, HOP, &(uint64_t[4]){hops}, 4 * sizeof hops);
    if (error != 0) {
        world_done(&member->run->world, error);
    }
    return RIM_DONE;
}

static rim_verdict on_join(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)msg;
    ((struct member *)self)->next = *(const rim_ref *)body;
    return RIM_DONE;
}

static const rim_handler member_on[] = {[JOIN] = on_join, [HOP] = on_hop};
static const rim_behaviour member = {
    .name = "member",
    .state_size = sizeof(struct member),
    .on = member_on,
    .on_count = RIM_COUNT(member_on),
    .init = member_init,
};

/* Every member is told its successor; the first then gets the token. */
static int form(struct run *run) {
    rim_ref first, next;
    int error = world_spawn(&run->world, &member, NULL, run, &first);
    next = first;
    for (int i = 1; i < LIMIT_HOPS_ACTORS && error == 0; i++) {
        rim_ref ref;
        error = world_spawn(&run->world, &member, NULL, run, &ref);
        error = error != 0 ? error : rim_system_send(run->world.system, ref, JOIN, &next, sizeof next);
        next = ref;
    }
    error = error != 0 ? error : rim_system_send(run->world.system, first, JOIN, &next, sizeof next);
    return error != 0 ? error : rim_system_send(run->world.system, first, HOP, &(uint64_t[4]){0}, 32);
}

static int same_shard(double seconds, struct sample *out) {
    struct run run = {.warm_ns = (uint64_t)(seconds * 1e8), .measure_ns = (uint64_t)(seconds * 1e9)};
    int error = world_open(&run.world, 1, 0);
    error = error != 0 ? error : form(&run);
    error = error != 0 ? error : world_run(&run.world, seconds);
    error = world_close(&run.world, error);
    if (error == 0) {
        out->n = run.n;
        out->value = (double)run.n * 1e3 / (double)(run.end_ns - run.begin_ns);
    }
    return error;
}

/* ---- Savina's ---- */

struct link {
    struct whole *whole;
    rim_ref next;
};

static rim_verdict on_left(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct link *self = state;
    uint64_t left = *(const uint64_t *)body;
    (void)msg;
    int error = left > 0 ? rim_send(ctx, self->next, HOP, &(uint64_t){left - 1}, sizeof left) : 0;
    if (left == 0 || error != 0) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static rim_verdict on_next(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)msg;
    ((struct link *)state)->next = *(const rim_ref *)body;
    return RIM_DONE;
}

static const rim_handler link_on[] = {[JOIN] = on_next, [HOP] = on_left};
static const rim_behaviour link = {
    .name = "link",
    .state_size = sizeof(struct link),
    .on = link_on,
    .on_count = RIM_COUNT(link_on),
    .init = whole_init,
};

static rim_verdict on_go(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct link *self = state;
    rim_ref refs[SAVINA_ACTORS];
    int error = 0;
    (void)body;
    (void)msg;
    for (uint32_t i = 0; i < SAVINA_ACTORS && error == 0; i++) {
        error = whole_spawn(ctx, &link, i * rim_shard_count(ctx) / SAVINA_ACTORS, self->whole, &refs[i]);
    }
    for (uint32_t i = 0; i < SAVINA_ACTORS && error == 0; i++) {
        error = rim_send(ctx, refs[i], JOIN, &refs[(i + 1) % SAVINA_ACTORS], sizeof refs[0]);
    }
    error = error != 0 ? error : rim_send(ctx, refs[0], HOP, &(uint64_t){SAVINA_HOPS}, sizeof(uint64_t));
    if (error != 0) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static const rim_handler root_on[] = {[WHOLE_GO] = on_go};
static const rim_behaviour root = {
    .name = "root",
    .state_size = sizeof(struct link),
    .on = root_on,
    .on_count = RIM_COUNT(root_on),
    .init = whole_init,
};

static int play_savina(uint32_t shards, struct sample *out) {
    struct whole whole = {.ns = 0};
    int error = whole_play(&whole, &root, shards);
    return whole_rate(&whole, error, SAVINA_HOPS, out);
}

static const struct figure figures[] = {
    FIGURE("503 actors, same shard", "M/s", true, same_shard, "a bare mailbox", limit_hops),
    WHOLE("100 x 100,000 hops, one shard", "M/s", true, play_savina, 1),
    WHOLE("100 x 100,000 hops, two shards", "M/s", true, play_savina, 2),
};

const struct benchmark bench_thread_ring = BENCHMARK("thread-ring", "a message handed round a ring", figures);
