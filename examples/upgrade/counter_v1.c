/* SPDX-License-Identifier: MIT */
/*
 * counter_v1.c - the first version of a plug-in: it counts.
 */
#include "upgrade/counter.h"

static rim_verdict on_add(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct counter_v1 *self = state;
    (void)ctx, (void)body, (void)msg;
    self->total++;
    return RIM_DONE;
}

static rim_verdict on_total(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const struct counter_v1 *self = state;
    (void)body, (void)msg;
    rim_reply(ctx, RIM_NIL, ANSWER, &(struct answer){.total = self->total, .version = 1}, sizeof(struct answer));
    return RIM_DONE;
}

static const rim_handler on[] = {[ADD] = on_add, [TOTAL] = on_total};
static const rim_behaviour counter = {
    .name = "counter",
    .version = 1,
    .state_size = sizeof(struct counter_v1),
    .on = on,
    .on_count = RIM_COUNT(on),
};

extern const struct plugin plugin;
const struct plugin plugin = {.behaviour = &counter};
