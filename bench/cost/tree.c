/* SPDX-License-Identifier: MIT */
/* A tree of actors: each is made with an argument, makes others or none, sends a message and ends. */
#include "cost.h"

enum { CHILD_ENDED = RIM_USER };

struct node {
    rim_ref parent;
    uint64_t nodes; /* it and all below it; as its state: children that are still there */
};

static rim_verdict end_node(rim_ctx *ctx, const struct node *self) {
    cost.done++;
    if (self->parent != RIM_NIL) {
        cost_check(rim_send(ctx, self->parent, CHILD_ENDED, NULL, 0));
    }
    return RIM_STOP;
}

static rim_verdict on_child_ended(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct node *self = state;
    (void)body;
    (void)msg;
    return --self->nodes > 0 ? RIM_DONE : end_node(ctx, self);
}

static rim_verdict node_init(rim_ctx *ctx, void *state, const void *arg, size_t arg_size);

static const rim_handler node_on[] = {[CHILD_ENDED] = on_child_ended};
static const rim_behaviour node = {.name = "node",
                                   .state_size = sizeof(struct node),
                                   .on = node_on,
                                   .on_count = RIM_COUNT(node_on),
                                   .init = node_init};

/* The first children are dealt out to the shards, the others stay where they are. */
static rim_verdict node_init(rim_ctx *ctx, void *state, const void *arg, size_t arg_size) {
    const struct node *task = arg;
    struct node *self = state;
    uint64_t below = task->nodes - 1, children = below < cost.size ? below : cost.size;
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = rim_shard_index(ctx)};
    (void)arg_size;
    *self = (struct node){.parent = task->parent, .nodes = children};
    for (uint64_t i = 0; i < children; i++) {
        struct node child = {.parent = rim_self(ctx), .nodes = (below + i) / children};
        rim_ref ref;
        options.shard = task->parent == RIM_NIL ? (uint32_t)i % cost.shards : options.shard;
        cost_check(rim_spawn(ctx, &node, &options, &child, sizeof child, &ref));
    }
    return children > 0 ? RIM_DONE : end_node(ctx, self);
}

int cost_tree(rim_system *system) {
    struct node top = {.parent = RIM_NIL, .nodes = cost.count};
    rim_ref ref;
    return rim_system_spawn(system, &node, NULL, &top, sizeof top, &ref);
}
