/* SPDX-License-Identifier: MIT */
/* The actor that does on its shard what connections of other shards ask for, and sweeps away what has expired there. */
#include <errno.h>
#include <stdlib.h>

#include "server.h"

#define SWEEP_PERIOD RIM_MS(100)
#define SWEEP_LIMIT  20000u

struct keeper {
    const struct server *server;
    struct shard *shard;
    rim_unbundle unbundle;
    rim_timer sweep; /* armed while a key has a time of expiry */
};

static rim_verdict keeper_init(rim_ctx *ctx, void *state, const void *arg, size_t size UNUSED) {
    struct keeper *self = state;
    self->server = *(const struct server *const *)arg;
    self->shard = self->server->shards[rim_shard_index(ctx)];
    return RIM_DONE;
}

void keeper_release(void *bytes UNUSED, void *entry) {
    entry_release(entry);
}

/* Runs a request, and answers it. */
static void run(rim_ctx *ctx, struct keeper *self, const struct asked *asked, size_t size, uint64_t now_ms) {
    struct shard *shard = self->shard;
    struct reply *out = &shard->out;
    struct text packed = {asked->args, size - sizeof *asked};
    struct call call = {.store = &shard->store, .shard = shard, .command = asked->command};
    if (!resp_unpack(&shard->parts, &packed)) {
        rim_unbundle_refuse(ctx, &self->unbundle, -ENOMEM);
        return;
    }
    call.args = shard->parts.args;
    call.count = shard->parts.count;
    call.key = (struct key){asked->hash, call.args[asked->hash != 0 ? asked->command->first_key : 0]};
    out->version = asked->version;
    command_run(&call, out, now_ms);
    if (out->entry != NULL) {
        rim_unbundle_hold(ctx, &self->unbundle, out->value.at, out->value.size, keeper_release, out->entry);
        out->entry = NULL;
    } else {
        rim_unbundle_answer(ctx, &self->unbundle, out->bytes, out->size);
    }
    out->size = 0;
}

/* The memory of all keys is fetched together, and then what is asked is done. */
static rim_verdict on_asked(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct keeper *self = state;
    const struct asked *asked;
    uint64_t now_ms = rim_wall_ms(ctx);
    size_t size;
    rim_unbundle_open(&self->unbundle, body, msg);
    for (rim_unbundle ahead = self->unbundle; (asked = rim_unbundle_next(&ahead, &size)) != NULL;) {
        store_prefetch(&self->shard->store, asked->hash);
    }
    while ((asked = rim_unbundle_next(&self->unbundle, &size)) != NULL) {
        run(ctx, self, asked, size, now_ms);
    }
    (void)rim_unbundle_reply(ctx, &self->unbundle);
    reply_shrink(&self->shard->out);
    keeper_wake(ctx, self->server);
    return RIM_DONE;
}

/* ---- expiry ---- */

void keeper_wake(rim_ctx *ctx, const struct server *server) {
    uint32_t shard = rim_shard_index(ctx);
    struct shard *own = server->shards[shard];
    if (own->store.counts.timed > 0 && !own->sweeping) {
        own->sweeping = rim_send(ctx, server->keepers[shard], KEEPER_SWEEP, NULL, 0) == 0;
    }
}

static rim_verdict on_sweep(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct keeper *self = state;
    self->sweep = self->sweep == RIM_NIL ? rim_every(ctx, SWEEP_PERIOD, SWEEP_PERIOD, 0) : self->sweep;
    self->shard->sweeping = self->sweep != RIM_NIL;
    return RIM_DONE;
}

static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct keeper *self = state;
    self->shard->store.now_ms = (int64_t)rim_wall_ms(ctx);
    store_sweep(&self->shard->store, SWEEP_LIMIT);
    if (self->shard->store.counts.timed == 0) {
        rim_cancel(ctx, self->sweep);
        self->sweep = RIM_NIL;
        self->shard->sweeping = false;
    }
    return RIM_DONE;
}

/* When the system stops, there is nothing to sweep for any more: an armed timer would hold up the stop. */
static rim_verdict on_closing(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct keeper *self = state;
    rim_cancel(ctx, self->sweep);
    self->sweep = RIM_NIL + 1; /* and is not armed again */
    return RIM_DONE;
}

static const rim_handler keeper_on[] = {
    [KEEPER_ASK] = on_asked,
    [KEEPER_SWEEP] = on_sweep,
    [RIM_TIMER] = on_timer,
    [RIM_CLOSING] = on_closing,
};

const rim_behaviour keeper_behaviour = {
    .name = "keeper",
    .state_size = sizeof(struct keeper),
    .on = keeper_on,
    .on_count = RIM_COUNT(keeper_on),
    .init = keeper_init,
};
