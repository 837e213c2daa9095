/* SPDX-License-Identifier: MIT */
#include "keeper.h"

#include <errno.h>

#define WORK_KEPT    65536u
#define SWEEP_PERIOD RIM_MS(100)
#define SWEEP_LIMIT  20000u

struct keeper {
    struct store *store;
    struct buffer work;
    rim_timer sweep; /* armed while a key has a time of expiry */
};

static rim_verdict keeper_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct keeper *self = state;
    (void)ctx;
    (void)arg;
    (void)size;
    self->store = store_create();
    return self->store != NULL ? RIM_DONE : rim_fail(ctx, RIM_EXIT_USER, "no memory for a store");
}

static void keeper_exit(rim_ctx *ctx, void *state, rim_exit why) {
    struct keeper *self = state;
    (void)ctx;
    (void)why;
    store_destroy(self->store);
    buffer_clear(&self->work, 0);
}

/* Runs on this shard, when the last connection has done with the value. */
static void let_go(void *bytes, void *entry) {
    (void)bytes;
    entry_release(entry);
}

/* Values of some size go by reference: the block stays as it is until everyone has read it. */
static void reply_shared(rim_ctx *ctx, const struct reply *reply) {
    uint32_t tag = KEEPER_REPLY + (uint32_t)reply->kind;
    rim_msg *msg = rim_msg_wrap(ctx, tag, (void *)(uintptr_t)reply->text, reply->size, let_go, reply->entry);
    if (msg == NULL) {
        entry_release(reply->entry);
        rim_refuse(ctx, RIM_NIL, -ENOMEM);
        return;
    }
    rim_reply_msg(ctx, RIM_NIL, msg);
}

static void send_reply(rim_ctx *ctx, const struct reply *reply) {
    uint32_t tag = KEEPER_REPLY + (uint32_t)reply->kind;
    if (reply->entry != NULL && reply->size > REPLY_COPY_MAX && reply->kind == REPLY_BULK) {
        reply_shared(ctx, reply);
        return;
    }
    if (reply->kind == REPLY_INTEGER) {
        rim_reply(ctx, RIM_NIL, tag, &reply->number, sizeof reply->number);
    } else {
        rim_reply(ctx, RIM_NIL, tag, reply->text, reply->size);
    }
    if (reply->entry != NULL) {
        entry_release(reply->entry);
    }
}

static rim_verdict on_request(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct keeper *self = state;
    struct reply reply;
    (void)msg;
    store_set_time(self->store, (int64_t)rim_wall_ms(ctx));
    operate(self->store, body, &self->work, &reply);
    send_reply(ctx, &reply);
    if (self->work.room > WORK_KEPT) {
        buffer_clear(&self->work, WORK_KEPT);
    }
    if (self->sweep == RIM_NIL && store_timed(self->store) > 0) {
        self->sweep = rim_every(ctx, SWEEP_PERIOD, SWEEP_PERIOD, 0);
    }
    return RIM_DONE;
}

static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct keeper *self = state;
    (void)body;
    (void)msg;
    store_set_time(self->store, (int64_t)rim_wall_ms(ctx));
    store_sweep(self->store, SWEEP_LIMIT);
    if (store_timed(self->store) == 0) {
        rim_cancel(ctx, self->sweep);
        self->sweep = RIM_NIL;
    }
    return RIM_DONE;
}

/* When the system stops, there is nothing to sweep for any more: an armed timer would hold up the stop. */
static rim_verdict on_closing(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct keeper *self = state;
    (void)body;
    (void)msg;
    rim_cancel(ctx, self->sweep);
    return RIM_DONE;
}

static const rim_handler keeper_on[] = {
    [KEEPER_REQUEST] = on_request,
    [RIM_TIMER] = on_timer,
    [RIM_CLOSING] = on_closing,
};

static const rim_behaviour keeper = {
    .name = "keeper",
    .state_size = sizeof(struct keeper),
    .on = keeper_on,
    .on_count = RIM_COUNT(keeper_on),
    .init = keeper_init,
    .exit = keeper_exit,
};

int keeper_spawn(rim_ctx *ctx, uint32_t shard, rim_ref *out) {
    rim_spawn_options options = {
        .place = RIM_ON_SHARD,
        .shard = shard,
        .mailbox_count = 1u << 24,
        .mailbox_bytes = UINT32_MAX,
    };
    return rim_spawn(ctx, &keeper, &options, NULL, 0, out);
}
