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
    struct reply out; /* answers to what is being run */
    bool has_parts;   /* one of them is a part of a value */
    rim_timer sweep;  /* armed while a key has a time of expiry */
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

/* In a message that holds the values of which the answers are parts. False: out of memory, and the values stay there,
   although their keys may go. */
static bool reply_with_parts(rim_ctx *ctx, const rim_buffer *answers) {
    void *bytes = malloc(answers->size), *size = (void *)(uintptr_t)answers->size;
    rim_msg *msg = bytes != NULL ? rim_msg_wrap(ctx, KEEPER_ANSWERS, bytes, answers->size, let_go, size) : NULL;
    if (msg == NULL) {
        free(bytes);
        return false;
    }
    memcpy(bytes, answers->bytes, answers->size);
    rim_reply_msg(ctx, RIM_NIL, msg);
    return true;
}

static void send_answers(rim_ctx *ctx, struct keeper *self) {
    rim_buffer *answers = &self->out.text;
    if (answers->failed || (self->has_parts && !reply_with_parts(ctx, answers))) {
        rim_refuse(ctx, RIM_NIL, -ENOMEM);
    } else if (!self->has_parts) {
        rim_reply(ctx, RIM_NIL, KEEPER_ANSWERS, answers->bytes, answers->size);
    }
    self->has_parts = false;
    answers->size = 0;
    if (answers->room > ANSWERS_KEPT || answers->failed) {
        rim_buffer_clear(ctx, answers);
    }
}

static void run(struct keeper *self, const struct request *request) {
    struct reply *out = &self->out;
    struct answer answer = {.target = request->target};
    struct call call = {.server = self->server, .shard = self->shard};
    size_t begin = out->text.size;
    reply_raw(out, (struct text){(const char *)&answer, sizeof answer});
    request_begin(request, &call);
    command_run(&call, out);
    if (out->entry != NULL) {
        struct part part = {out->entry, out->value};
        reply_raw(out, (struct text){(const char *)&part, sizeof part});
        self->has_parts = true;
        answer.is_part = 1;
        out->entry = NULL;
    }
    if (!out->text.failed) {
        answer.size = (uint32_t)(out->text.size - begin - sizeof answer);
        memcpy(out->text.bytes + begin, &answer, sizeof answer);
    }
}

static rim_verdict on_requests(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct keeper *self = state;
    struct request *requests = self->shard->requests;
    struct text left = {body, rim_size(msg)};
    enum resp_result result;
    uint32_t count;
    self->out.ctx = ctx;
    self->out.version = rim_tag(msg) - KEEPER_BATCH;
    while ((count = requests_read(self->server, self->shard, left, true, &result)) > 0) {
        for (uint32_t i = 0; i < count; i++) {
            run(self, &requests[i]);
        }
        const char *end = requests[count - 1].sent.at + requests[count - 1].sent.size;
        (void)text_shift(&left, (size_t)(end - left.at));
    }
    send_answers(ctx, self);
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
