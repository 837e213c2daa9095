/* SPDX-License-Identifier: MIT */
#include "keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ANSWERS_KEPT 65536u
#define SWEEP_PERIOD RIM_MS(100)
#define SWEEP_LIMIT  20000u

struct keeper {
    const struct server *server;
    bool shares;         /* one of the answers is a value that is not copied */
    struct resp_out out; /* the answers to what is being run */
    rim_timer sweep;     /* armed while a key has a time of expiry */
    struct store *store;
};

static rim_verdict keeper_init(rim_ctx *ctx, void *state, const void *arg, size_t size UNUSED) {
    struct keeper *self = state;
    self->server = *(const struct server *const *)arg;
    self->store = calloc(1, sizeof *self->store);
    return self->store != NULL ? RIM_DONE : rim_fail(ctx, RIM_EXIT_USER, "no memory for a store");
}

static void keeper_exit(rim_ctx *ctx UNUSED, void *state, rim_exit why UNUSED) {
    struct keeper *self = state;
    store_clear(self->store);
    free(self->store);
}

/* ---- answers ---- */

size_t answer_begin(struct resp_out *out, uint64_t target) {
    struct answer answer = {.target = target};
    size_t begin = out->text.size;
    reply_raw(out, &answer, sizeof answer);
    return begin;
}

void answer_end(struct resp_out *out, size_t begin) {
    if (!out->text.failed && rim_buffer_reserve(out->ctx, &out->text, 8) == 0) {
        struct answer *answer = (struct answer *)(out->text.bytes + begin);
        answer->size = (uint32_t)(out->text.size - begin - sizeof *answer);
        out->text.size = padded(out->text.size);
    }
}

/* On this shard, when the last connection has done with the values of a reply; the bytes start with their own size. */
static void let_go(void *bytes, void *size) {
    const struct answer *answer = bytes;
    const char *end = (char *)bytes + (size_t)(uintptr_t)size;
    while ((const char *)answer < end) {
        if (answer->is_shared) {
            entry_release(((const struct shared *)answer->bytes)->entry);
        }
        answer = (const struct answer *)(answer->bytes + padded(answer->size));
    }
    free(bytes);
}

/* The answers in a message that holds the values that they share. */
static void reply_with_values(rim_ctx *ctx, const rim_buffer *answers) {
    char *bytes = malloc(answers->size);
    void *size = (void *)(uintptr_t)answers->size;
    if (bytes == NULL) {
        rim_refuse(ctx, RIM_NIL, -ENOMEM);
        return; /* and the values stay in memory, although their keys may go */
    }
    memcpy(bytes, answers->bytes, answers->size);
    rim_msg *msg = rim_msg_wrap(ctx, KEEPER_ANSWERS, bytes, answers->size, let_go, size);
    if (msg == NULL) {
        let_go(bytes, size);
        rim_refuse(ctx, RIM_NIL, -ENOMEM);
    } else {
        rim_reply_msg(ctx, RIM_NIL, msg);
    }
}

static void send_answers(rim_ctx *ctx, struct keeper *self) {
    rim_buffer *answers = &self->out.text;
    if (answers->failed) {
        rim_refuse(ctx, RIM_NIL, -ENOMEM);
    } else if (self->shares) {
        reply_with_values(ctx, answers);
    } else {
        rim_reply(ctx, RIM_NIL, KEEPER_ANSWERS, answers->bytes, answers->size);
    }
    self->shares = false;
    answers->size = 0;
    if (answers->room > ANSWERS_KEPT || answers->failed) {
        rim_buffer_clear(ctx, answers);
    }
}

/* ---- requests ---- */

static void run(struct keeper *self, struct job *job, uint64_t target) {
    job->store = self->store;
    job->server = self->server;
    job->shard = rim_shard_index(self->out.ctx);
    job->out = &self->out;
    size_t begin = answer_begin(job->out, target);
    job_run(job);
    if (job->shared != NULL) {
        struct shared shared = {job->shared_bytes, job->shared};
        reply_raw(job->out, &shared, sizeof shared);
        self->shares = true;
    }
    answer_end(job->out, begin);
    if (job->shared != NULL && !job->out->text.failed) {
        ((struct answer *)(job->out->text.bytes + begin))->is_shared = 1;
    }
}

/* Read now, and not once in a turn: a time of expiry that a client reckoned a moment ago may be over. */
static void begin(rim_ctx *ctx, struct keeper *self) {
    self->out.ctx = ctx;
    self->store->now_ms = (int64_t)rim_wall_ms(ctx);
}

static void finish(rim_ctx *ctx, struct keeper *self) {
    send_answers(ctx, self);
    if (self->sweep == RIM_NIL && self->store->counts.timed > 0) {
        self->sweep = rim_every(ctx, SWEEP_PERIOD, SWEEP_PERIOD, 0);
    }
}

static const struct request *next_of(const struct request *request) {
    return (const struct request *)(request->bytes + padded(request->size));
}

static rim_verdict on_batch(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct keeper *self = state;
    const struct request *first = body, *end = (const void *)((const char *)body + rim_size(msg));
    begin(ctx, self);
    /* With several requests at hand, the memory of all is fetched at the same time, not of one after the other. */
    for (const struct request *request = first; next_of(first) < end && request < end; request = next_of(request)) {
        if (request->command->first_key > 0) {
            store_prefetch(self->store, request->hash);
        }
    }
    for (const struct request *request = first; request < end; request = next_of(request)) {
        struct job job = {.command = request->command, .left = request->count, .rest = {request->bytes, request->size}};
        job.key.hash = request->hash;
        self->out.version = request->version;
        run(self, &job, request->target);
    }
    finish(ctx, self);
    return RIM_DONE;
}

/* The connection has looked it over; its value is copied once, into the store. */
static rim_verdict on_whole(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct keeper *self = state;
    struct resp_parser parser;
    begin(ctx, self);
    self->out.version = rim_tag(msg) - KEEPER_WHOLE;
    resp_init(&parser, SIZE_MAX / 2);
    (void)resp_parse(&parser, body, rim_size(msg));
    struct job job = {.command = command_find(&self->server->commands, resp_arg(&parser, 0)), .left = parser.count - 1};
    job.rest = resp_raw(&parser, 1, parser.count - 1);
    job.key.hash = server_hash(self->server, resp_arg(&parser, 1));
    run(self, &job, 0);
    resp_finish(&parser);
    finish(ctx, self);
    return RIM_DONE;
}

static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct keeper *self = state;
    begin(ctx, self);
    store_sweep(self->store, SWEEP_LIMIT);
    if (self->store->counts.timed == 0) {
        rim_cancel(ctx, self->sweep);
        self->sweep = RIM_NIL;
    }
    return RIM_DONE;
}

/* When the system stops, there is nothing to sweep for any more: an armed timer would hold up the stop. */
static rim_verdict on_closing(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct keeper *self = state;
    rim_cancel(ctx, self->sweep);
    return RIM_DONE;
}

static const rim_handler keeper_on[] = {
    [KEEPER_BATCH] = on_batch, [KEEPER_WHOLE + 2] = on_whole, [KEEPER_WHOLE + 3] = on_whole,
    [RIM_TIMER] = on_timer,    [RIM_CLOSING] = on_closing,
};

static const rim_behaviour keeper = {
    .name = "keeper",
    .state_size = sizeof(struct keeper),
    .on = keeper_on,
    .on_count = RIM_COUNT(keeper_on),
    .init = keeper_init,
    .exit = keeper_exit,
};

int keeper_spawn(rim_ctx *ctx, const struct server *server, uint32_t shard, rim_ref *out) {
    rim_spawn_options options = {
        .place = RIM_ON_SHARD,
        .shard = shard,
        .mailbox_count = 1u << 24,
        .mailbox_bytes = UINT32_MAX,
    };
    return rim_spawn(ctx, &keeper, &options, &server, sizeof server, out);
}
