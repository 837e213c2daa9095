/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "io/region.h"

static struct rim__region *of_state(void *self) {
    return *(struct rim__region **)self;
}

static rim_verdict init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)ctx;
    rim__assert(size == sizeof(struct rim__region *));
    memcpy(self, arg, size);
    return RIM_DONE;
}

/* NULL: out of memory. */
static struct rim__region_call *make_call(rim_ctx *ctx, const struct rim__region_ask *ask) {
    struct rim__memory *memory = &rim__ctx_shard(ctx)->memory;
    struct rim__region_call *call = rim__memory_alloc(memory, sizeof *call);
    if (call == NULL) {
        return NULL;
    }
    *call = (struct rim__region_call){.token = rim_defer(ctx), .ask = *ask};
    if (call->token == RIM_NIL) {
        rim__memory_free(memory, call, sizeof *call);
        return NULL;
    }
    return call;
}

static rim_verdict refuse(rim_ctx *ctx, int error) {
    if (rim_is_request(ctx)) {
        (void)rim_refuse(ctx, RIM_NIL, error);
    }
    return RIM_DONE;
}

static rim_verdict on_call(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct rim__region *region = of_state(self);
    struct rim__region_ask ask;
    if (!rim_is_request(ctx) || rim_size(msg) != sizeof ask) {
        return refuse(ctx, -EINVAL);
    }
    memcpy(&ask, body, sizeof ask);
    if (ask.what > RIM_REGION_SYNC || ask.advice > RIM_MAP_POPULATE || region->state == RIM_REGION_CLOSED) {
        return refuse(ctx, region->state == RIM_REGION_CLOSED ? -RIM_EDOWN : -EINVAL);
    }
    struct rim__region_call *call = make_call(ctx, &ask);
    if (call == NULL) {
        return refuse(ctx, -ENOMEM);
    }
    if (ask.what == RIM_REGION_STAT) {
        rim__region_answer(region, call, 0);
    } else {
        rim__region_enqueue(region, call);
    }
    rim__region_settle(region);
    return RIM_DONE;
}

static rim_verdict on_close(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)body;
    (void)msg;
    struct rim__region *region = of_state(self);
    region->closing = true;
    rim__region_settle(region);
    return RIM_DONE;
}

static rim_verdict on_timer(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)body;
    (void)msg;
    struct rim__region *region = of_state(self);
    region->napping = false;
    rim__region_settle(region);
    return RIM_DONE;
}

static rim_verdict on_closing(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)body;
    (void)msg;
    rim__region_quiet(of_state(self));
    return RIM_DONE;
}

static const rim_handler rows[] = {
    [RIM_TIMER] = on_timer,
    [RIM_CLOSING] = on_closing,
    [RIM_REGION_CALL & 0xffff] = on_call,
    [RIM_REGION_CLOSE & 0xffff] = on_close,
};

const rim_behaviour rim__region_behaviour = {
    .name = "rim map",
    .state_size = sizeof(struct rim__region *),
    .on = rows,
    .on_count = RIM_COUNT(rows),
    .protocol = RIM_REGION_PROTOCOL,
    .init = init,
};

const char *rim__region_path_of(rim_ctx *ctx, rim_ref who) {
    uint32_t backlog;
    void *state = rim__actor_own(ctx, who, &rim__region_behaviour, &backlog);
    return state != NULL ? of_state(state)->path : NULL;
}
