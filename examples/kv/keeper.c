/* SPDX-License-Identifier: MIT */
/* The actor that does on its shard what connections of other shards ask for, and sweeps away what has expired there. */
#include <errno.h>
#include <stdlib.h>

#include "server.h"

#define ANSWERS_KEPT 65536u
#define SWEEP_PERIOD RIM_MS(100)
#define SWEEP_LIMIT  20000u

struct keeper {
    const struct server *server;
    struct shard *shard;
    rim_timer sweep; /* armed while a key has a time of expiry */
};

static rim_verdict keeper_init(rim_ctx *ctx, void *state, const void *arg, size_t size UNUSED) {
    struct keeper *self = state;
    self->server = *(const struct server *const *)arg;
    self->shard = self->server->shards[rim_shard_index(ctx)];
    return RIM_DONE;
}

/* On this shard, when the last connection has done with the values of a reply. */
static void let_go(void *bytes, void *size) {
    struct answer answer;
    for (size_t at = 0; at < (size_t)(uintptr_t)size; at += sizeof answer + answer.size) {
        struct part part;
        memcpy(&answer, (char *)bytes + at, sizeof answer);
        if (answer.is_part) {
            memcpy(&part, (char *)bytes + at + sizeof answer, sizeof part);
            entry_release(part.entry);
        }
    }
    free(bytes);
}

/* Answers with parts go in a message that holds the values until the last connection has done with them. */
static void send_answers(rim_ctx *ctx, struct reply *out, bool has_parts) {
    void *size = (void *)(uintptr_t)out->size;
    rim_msg *msg = NULL;
    if (has_parts && !out->failed) {
        msg = rim_msg_wrap(ctx, KEEPER_ANSWERS, out->bytes, out->size, let_go, size);
    }
    if (out->failed || (has_parts && msg == NULL)) {
        rim_refuse(ctx, RIM_NIL, -ENOMEM);
        let_go(out->bytes, size);
        *out = (struct reply){.size = 0};
    } else if (msg != NULL) {
        rim_reply_msg(ctx, RIM_NIL, msg);
        *out = (struct reply){.size = 0}; /* the bytes are the message's now */
    } else {
        rim_reply(ctx, RIM_NIL, KEEPER_ANSWERS, out->bytes, out->size);
    }
    out->size = 0;
    if (out->room > ANSWERS_KEPT) {
        reply_free(out);
    }
}

/* Runs a request, and adds its answer. Returns whether that is a part of a value. */
static bool run(struct shard *shard, const struct asked *asked, struct text packed, uint64_t now_ms) {
    struct reply *out = &shard->out;
    struct answer answer = {.target = asked->target};
    struct call call = {.store = &shard->store, .shard = shard, .command = asked->command};
    size_t begin = out->size;
    reply_raw(out, (struct text){(const char *)&answer, sizeof answer});
    out->failed |= !resp_unpack(&shard->parts, &packed);
    if (out->failed) {
        return false;
    }
    call.args = shard->parts.args;
    call.count = shard->parts.count;
    call.key = (struct key){asked->hash, asked->hash != 0 ? call.args[asked->command->first_key] : call.args[0]};
    command_run(&call, out, now_ms);
    if (out->entry != NULL) {
        struct part part = {out->entry, out->value};
        reply_raw(out, (struct text){(const char *)&part, sizeof part});
        answer.is_part = 1;
        out->entry = NULL;
        if (out->failed) {
            entry_release(part.entry);
        }
    }
    if (!out->failed) {
        answer.size = (uint32_t)(out->size - begin - sizeof answer);
        memcpy(out->bytes + begin, &answer, sizeof answer);
    }
    return answer.is_part;
}

/* The memory of all keys is fetched together, and then what is asked is done. */
static rim_verdict on_requests(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct keeper *self = state;
    struct asked asked;
    size_t size = rim_size(msg);
    uint64_t now_ms = rim_wall_ms(ctx);
    bool has_parts = false;
    for (size_t at = 0; at < size; at += sizeof asked + asked.size) {
        memcpy(&asked, (const char *)body + at, sizeof asked);
        store_prefetch(&self->shard->store, asked.hash);
    }
    self->shard->out.version = rim_tag(msg) - KEEPER_BATCH;
    for (size_t at = 0; at < size; at += sizeof asked + asked.size) {
        memcpy(&asked, (const char *)body + at, sizeof asked);
        struct text packed = {(const char *)body + at + sizeof asked, asked.size};
        has_parts |= run(self->shard, &asked, packed, now_ms);
    }
    send_answers(ctx, &self->shard->out, has_parts);
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
    [KEEPER_BATCH + 2] = on_requests, [KEEPER_BATCH + 3] = on_requests, [KEEPER_SWEEP] = on_sweep,
    [RIM_TIMER] = on_timer,           [RIM_CLOSING] = on_closing,
};

const rim_behaviour keeper_behaviour = {
    .name = "keeper",
    .state_size = sizeof(struct keeper),
    .on = keeper_on,
    .on_count = RIM_COUNT(keeper_on),
    .init = keeper_init,
};
