/* SPDX-License-Identifier: MIT */
#include "keeper.h"

#include <errno.h>
#include <stdlib.h>

#define WORK_KEPT    65536u
#define SWEEP_PERIOD RIM_MS(100)
#define SWEEP_LIMIT  20000u

struct keeper {
    struct store *store;
    struct buffer work;    /* of one operation */
    struct buffer answers; /* to the batch that is being run */
    uint32_t shared;       /* of these, values that are not copied */
    rim_timer sweep;       /* armed while a key has a time of expiry */
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
    buffer_clear(&self->answers, 0);
}

/* ---- answers ---- */

static void pad(struct buffer *out) {
    static const char zeroes[8];
    buffer_append(out, zeroes, batch_padded(out->size) - out->size);
}

/* Small replies are copied; values of some size go by reference, and the block stays as it is until all have read it.
 */
static void add_answer(struct keeper *self, const struct reply *reply) {
    struct buffer *out = &self->answers;
    struct answer answer = {.size = (uint32_t)reply->size, .kind = (uint8_t)reply->kind};
    const void *bytes = reply->text;
    if (reply->kind == REPLY_INTEGER) {
        bytes = &reply->number;
        answer.size = sizeof reply->number;
    }
    struct shared shared = {reply->text, reply->entry};
    answer.shared = reply->entry != NULL && reply->size > REPLY_COPY_MAX && reply->kind == REPLY_BULK;
    buffer_append(out, &answer, sizeof answer);
    if (answer.shared) {
        buffer_append(out, &shared, sizeof shared);
        self->shared++;
    } else {
        buffer_append(out, bytes, answer.size);
    }
    pad(out);
    if (reply->entry != NULL && !answer.shared) {
        entry_release(reply->entry);
    }
}

/* On this shard, when the last connection has done with the values of a reply. */
static void let_go(void *bytes, void *size) {
    for (size_t at = 0; at < (size_t)(uintptr_t)size;) {
        const struct answer *answer = (const struct answer *)((char *)bytes + at);
        if (answer->shared) {
            entry_release(answer_shared(answer).entry);
        }
        at += answer_span(answer);
    }
    free(bytes);
}

/* Hands the buffer itself to the message, which knows what to let go. */
static void reply_with_values(rim_ctx *ctx, struct keeper *self) {
    struct buffer *out = &self->answers;
    void *size = (void *)(uintptr_t)out->size;
    rim_msg *msg = rim_msg_wrap(ctx, KEEPER_ANSWERS, out->bytes, out->size, let_go, size);
    if (msg == NULL) {
        let_go(out->bytes, size);
        rim_refuse(ctx, RIM_NIL, -ENOMEM);
    } else {
        rim_reply_msg(ctx, RIM_NIL, msg);
    }
    *out = (struct buffer){0};
}

static void send_answers(rim_ctx *ctx, struct keeper *self) {
    if (self->answers.failed) {
        rim_refuse(ctx, RIM_NIL, -ENOMEM);
        buffer_clear(&self->answers, 0);
    } else if (self->shared > 0) {
        reply_with_values(ctx, self);
    } else {
        rim_reply(ctx, RIM_NIL, KEEPER_ANSWERS, self->answers.bytes, self->answers.size);
    }
    buffer_clear(&self->answers, WORK_KEPT);
    self->answers.failed = false;
    self->shared = 0;
}

/* With several requests at hand, the memory of all is fetched at the same time, not of one after the other. */
static void prefetch(const struct keeper *self, const char *body, size_t size) {
    for (size_t at = 0; at < size;) {
        const struct request *request = (const struct request *)(body + at);
        at += request_span(request);
        if (at == size && (const char *)request == body) {
            return; /* the only one */
        }
        if (request->op < OP_COUNTS) {
            store_prefetch(self->store, request->hash);
        }
    }
}

static rim_verdict on_batch(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct keeper *self = state;
    size_t size = rim_size(msg);
    /* Read now, and not once in a turn: a time of expiry that a connection reckoned a moment ago may be over. */
    store_set_time(self->store, (int64_t)rim_wall_ms(ctx));
    prefetch(self, body, size);
    for (size_t at = 0; at < size;) {
        const struct request *request = (const struct request *)((const char *)body + at);
        struct reply reply;
        operate(self->store, request, &self->work, &reply);
        add_answer(self, &reply);
        at += request_span(request);
    }
    send_answers(ctx, self);
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
    [KEEPER_BATCH] = on_batch,
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
