/* SPDX-License-Identifier: MIT */
/*
 * Trees of actors. An actor spawns some, each of which spawns as many, down to the leaves, who report their numbers up;
 * every actor adds up what its children said, and ends. Ten children and a million leaves are what is known as skynet;
 * two children and 2^20 actors are CAF's benchmark of creation.
 */
#include <errno.h>

#include "harness.h"
#include "whole.h"

enum { SUM = WHOLE_USER };
/* What a node is told when it is made. */
struct task {
    struct whole *whole;
    rim_ref parent;
    uint64_t first; /* number of its first leaf */
    uint32_t leaves;
    uint32_t children;
};

struct run {
    struct whole whole;
    uint32_t leaves, children;
};

struct node {
    struct whole *whole;
    rim_ref parent;
    uint64_t sum;
    uint32_t waiting;
};

static rim_verdict report(rim_ctx *ctx, struct node *node) {
    const struct run *run = (const struct run *)node->whole;
    if (node->parent == RIM_NIL) {
        whole_over(node->whole, node->sum == (uint64_t)run->leaves * (run->leaves - 1) / 2 ? 0 : -EPROTO);
        return RIM_STOP;
    }
    int error = rim_send(ctx, node->parent, SUM, &node->sum, sizeof node->sum);
    if (error != 0) {
        whole_over(node->whole, error);
    }
    return RIM_STOP;
}

static const rim_behaviour node;

/* The first children are dealt out to the shards; what is below them stays where they are. */
static int branch(rim_ctx *ctx, struct node *self, const struct task *task) {
    struct task child = {self->whole, rim_self(ctx), task->first, task->leaves / task->children, task->children};
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = rim_shard_index(ctx)};
    int error = 0;
    for (uint32_t i = 0; i < task->children && error == 0; i++) {
        rim_ref ref;
        options.shard = self->parent == RIM_NIL ? i % rim_shard_count(ctx) : options.shard;
        error = rim_spawn(ctx, &node, &options, &child, sizeof child, &ref);
        child.first += child.leaves;
    }
    self->waiting = task->children;
    return error;
}

static rim_verdict node_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    const struct task *task = arg;
    struct node *self = state;
    (void)size;
    *self = (struct node){.whole = task->whole, .parent = task->parent, .sum = task->first};
    if (task->leaves == 1) {
        return report(ctx, self);
    }
    self->sum = 0;
    int error = branch(ctx, self, task);
    if (error != 0) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static rim_verdict on_sum(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct node *self = state;
    (void)msg;
    self->sum += *(const uint64_t *)body;
    return --self->waiting > 0 ? RIM_DONE : report(ctx, self);
}

static const rim_handler node_on[] = {[SUM] = on_sum};
static const rim_behaviour node = {
    .name = "node",
    .state_size = sizeof(struct node),
    .on = node_on,
    .on_count = RIM_COUNT(node_on),
    .init = node_init,
};

/* ---- the root ---- */

static rim_verdict on_go(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const struct run *run = *(struct run **)state;
    struct task task = {*(struct whole **)state, RIM_NIL, 0, run->leaves, run->children};
    rim_ref ref;
    (void)body;
    (void)msg;
    int error = rim_spawn(ctx, &node, NULL, &task, sizeof task, &ref);
    if (error != 0) {
        whole_over(task.whole, error);
    }
    return RIM_STOP;
}

static const rim_handler root_on[] = {[WHOLE_GO] = on_go};
static const rim_behaviour root = {
    .name = "root",
    .state_size = sizeof(struct whole *),
    .on = root_on,
    .on_count = RIM_COUNT(root_on),
    .init = whole_init,
};

static int play_skynet(uint32_t shards, struct sample *out) {
    struct run run = {.leaves = 1000000, .children = 10};
    int error = whole_play(&run.whole, &root, shards);
    *out = (struct sample){.value = run.whole.ns / 1e6, .n = 1111111};
    return error;
}

static int play_creation(uint32_t shards, struct sample *out) {
    struct run run = {.leaves = 1 << 19, .children = 2};
    int error = whole_play(&run.whole, &root, shards);
    return whole_rate(&run.whole, error, (1 << 20) - 1, out);
}

static const struct figure skynet_figures[] = {
    WHOLE("a million leaves, one shard", "ms", false, play_skynet, 1),
    WHOLE("a million leaves, two shards", "ms", false, play_skynet, 2),
};
static const struct figure creation_figures[] = {
    WHOLE("2^20 actors, one shard", "M/s", true, play_creation, 1),
    WHOLE("2^20 actors, two shards", "M/s", true, play_creation, 2),
};

const struct benchmark bench_skynet = BENCHMARK("skynet", "a tree of a million actors, ten below each", skynet_figures);
const struct benchmark bench_creation = BENCHMARK("creation", "CAF: a tree of 2^20 actors", creation_figures);
