/* SPDX-License-Identifier: MIT */
/*
 * message: a ring of actors, neighbours on neighbouring shards. request: an asker, or one on each shard where many are
 * under way; then each asks actors of the next shard.
 */
#include "cost.h"

#include <errno.h>
#include <stdlib.h>

enum { JOIN = RIM_USER, HOP, ASK, GO };

struct member {
    rim_ref next;
};

static rim_verdict on_join(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)msg;
    ((struct member *)state)->next = *(const rim_ref *)body;
    return RIM_DONE;
}

static rim_verdict on_hop(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)msg;
    return cost_lap() ? cost_check(rim_send(ctx, ((struct member *)state)->next, HOP, body, 32)) : RIM_DONE;
}

static rim_verdict on_ask(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)state;
    (void)msg;
    return cost_check(rim_reply(ctx, RIM_NIL, ASK, body, 32));
}

static const rim_handler member_on[] = {[JOIN] = on_join, [HOP] = on_hop, [ASK] = on_ask};
static const rim_behaviour member = {.name = "member",
                                     .state_size = sizeof(struct member),
                                     .on = member_on,
                                     .on_count = RIM_COUNT(member_on)};

static int send_in(rim_system *system, rim_ref to, uint32_t tag, const void *body, size_t size) {
    int error;
    do {
        error = rim_system_send(system, to, tag, body, size);
    } while (cost_may_try_again(system, error));
    return error;
}

static rim_ref *make_ring(rim_system *system, int *error) {
    rim_ref *refs = calloc(cost.size, sizeof *refs);
    *error = refs == NULL ? -ENOMEM : 0;
    for (uint32_t i = 0; i < cost.size && *error == 0; i++) {
        *error = cost_spawn(system, &member, i, &refs[i]);
    }
    for (uint32_t i = 0; i < cost.size && *error == 0; i++) {
        *error = send_in(system, refs[i], JOIN, &refs[(i + 1) % cost.size], sizeof(rim_ref));
    }
    rim_sim_run(system, RIM_SECONDS(1)); /* they all know their neighbours */
    return refs;
}

int cost_message(rim_system *system) {
    int error;
    rim_ref *refs = make_ring(system, &error);
    for (uint32_t i = 0; i < cost.under_way && error == 0; i++) {
        rim_ref to = refs[(uint64_t)i * cost.size / cost.under_way];
        error = send_in(system, to, HOP, &(uint64_t[4]){0}, 32);
    }
    free(refs);
    return error;
}

/* ---- request ---- */

struct asker {
    const rim_ref *refs;
    uint64_t next;
    uint32_t step;
};

static rim_verdict ask(rim_ctx *ctx, struct asker *self);

static rim_verdict on_outcome(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)cookie;
    (void)body;
    (void)msg;
    if (error != 0) {
        return cost_give_up(error);
    }
    return cost_lap() ? ask(ctx, state) : RIM_DONE;
}

static rim_verdict ask(rim_ctx *ctx, struct asker *self) {
    static const uint64_t body[4];
    rim_ref to = self->refs[self->next % cost.size];
    self->next += self->step;
    return cost_check(rim_request(ctx,
                                  &(rim_ask){.to = to,
                                             .tag = ASK,
                                             .body = body,
                                             .size = sizeof body,
                                             .timeout_ns = RIM_SECONDS(60),
                                             .on_outcome = on_outcome},
                                  NULL));
}

struct order {
    const rim_ref *refs;
    uint32_t at_once;
};

static rim_verdict on_go(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct asker *self = state;
    const struct order *order = body;
    (void)msg;
    self->refs = order->refs;
    self->next = cost.under_way > 1 ? rim_shard_index(ctx) + 1 : 0;
    self->step = cost.under_way > 1 ? cost.shards : 1;
    for (uint32_t i = 0; i < order->at_once; i++) {
        (void)ask(ctx, self);
    }
    return RIM_DONE;
}

static const rim_handler asker_on[] = {[GO] = on_go};
static const rim_behaviour asker = {.name = "asker",
                                    .state_size = sizeof(struct asker),
                                    .on = asker_on,
                                    .on_count = RIM_COUNT(asker_on)};

int cost_request(rim_system *system) {
    static rim_ref *refs; /* until the end */
    int error;
    refs = make_ring(system, &error);
    uint32_t askers = cost.under_way > 1 ? cost.shards : 1;
    struct order order = {.refs = refs, .at_once = cost.under_way / askers};
    for (uint32_t i = 0; i < askers && error == 0; i++) {
        rim_ref ref;
        error = cost_spawn(system, &asker, i, &ref);
        error = error != 0 ? error : send_in(system, ref, GO, &order, sizeof order);
    }
    return error;
}
