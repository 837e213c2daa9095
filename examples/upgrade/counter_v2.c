/* SPDX-License-Identifier: MIT */
/*
 * counter_v2.c - the second version: it also knows how much came since the upgrade, and so has a larger state.
 */
#include "upgrade/counter.h"

struct counter_v2 {
    uint64_t before, since;
};

static rim_verdict on_add(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct counter_v2 *self = state;
    (void)ctx, (void)body, (void)msg;
    self->since++;
    return RIM_DONE;
}

static rim_verdict on_total(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const struct counter_v2 *self = state;
    struct answer answer = {.total = self->before + self->since, .version = 2};
    (void)body, (void)msg;
    rim_reply(ctx, RIM_NIL, ANSWER, &answer, sizeof answer);
    return RIM_DONE;
}

static const rim_handler on[] = {[ADD] = on_add, [TOTAL] = on_total};
static const rim_behaviour counter = {
    .name = "counter",
    .version = 2,
    .state_size = sizeof(struct counter_v2),
    .on = on,
    .on_count = RIM_COUNT(on),
};

/* `fresh` is zeroed. */
static int migrate(rim_ctx *ctx, const void *old, void *fresh, const void *arg) {
    const struct counter_v1 *from = old;
    struct counter_v2 *to = fresh;
    (void)ctx, (void)arg;
    to->before = from->total;
    return 0;
}

extern const struct plugin plugin;
const struct plugin plugin = {.behaviour = &counter, .migrate = migrate};
