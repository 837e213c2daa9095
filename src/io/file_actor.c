/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "io/file.h"

static struct rim__file *of_state(void *self) {
    return *(struct rim__file **)self;
}

static rim_verdict init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)ctx;
    rim__assert(size == sizeof(struct rim__file *));
    memcpy(self, arg, size);
    return RIM_DONE;
}

/* The message, if it has what is to be written, goes along. NULL: out of memory. */
static struct rim__file_call *make_call(rim_ctx *ctx, const struct rim__file_ask *ask, rim_msg *msg) {
    struct rim__memory *memory = &rim__ctx_shard(ctx)->memory;
    struct rim__file_call *call = rim__memory_alloc(memory, RIM_FILE_CALL_SPAN);
    if (call == NULL) {
        return NULL;
    }
    call->op.in_flight = false; /* the rest of it is filled when it starts: there is much of it */
    call->op.cancelling = false;
    call->moved = 0;
    call->is_direct = false;
    call->span = 0;
    call->source = NULL;
    call->ask = *ask;
    call->is_here = ask->offset == RIM_FILE_HERE;
    call->token = rim_defer(ctx);
    call->msg = call->token != RIM_NIL && rim__file_ask_brings(ask) ? rim_take(ctx, msg) : NULL;
    if (call->token != RIM_NIL && (call->msg != NULL || !rim__file_ask_brings(ask))) {
        return call;
    }
    if (call->token != RIM_NIL) {
        (void)rim_refuse(ctx, call->token, -ENOMEM);
    }
    rim__memory_free(memory, call, RIM_FILE_CALL_SPAN);
    return NULL;
}

static bool is_sound(const struct rim__file_ask *ask, size_t size) {
    return ask->what > RIM_FILE_OP_OPEN && ask->what <= RIM_FILE_OP_REPLACE &&
           size == sizeof *ask + (rim__file_ask_brings(ask) ? ask->length : 0);
}

static rim_verdict on_call(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct rim__file *file = of_state(self);
    struct rim__file_ask ask;
    if (!rim_is_request(ctx)) {
        return RIM_DONE;
    }
    if (rim_size(msg) < sizeof ask) {
        (void)rim_refuse(ctx, RIM_NIL, -EINVAL);
        return RIM_DONE;
    }
    memcpy(&ask, body, sizeof ask);
    bool is_late = file->closing && !(rim__file_ask_is_carried(&ask) && file->holds > 0);
    if (!is_sound(&ask, rim_size(msg)) || is_late || file->state == RIM_FILE_IS_CLOSED) {
        (void)rim_refuse(ctx, RIM_NIL, file->closing ? -RIM_EDOWN : -EINVAL);
        return RIM_DONE;
    }
    struct rim__file_call *call = make_call(ctx, &ask, msg);
    if (call != NULL) {
        rim__file_enqueue(file, call);
        rim__file_settle(file);
    } else if (rim_is_request(ctx)) {
        (void)rim_refuse(ctx, RIM_NIL, -ENOMEM);
    }
    return RIM_DONE;
}

static rim_verdict on_close(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)body;
    (void)msg;
    struct rim__file *file = of_state(self);
    file->closing = true;
    rim__file_settle(file);
    return RIM_DONE;
}

static rim_verdict on_hold(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    rim_ref carrier;
    (void)ctx;
    if (rim_size(msg) == sizeof carrier) {
        memcpy(&carrier, body, sizeof carrier);
        rim__file_hold(of_state(self), carrier);
    }
    return RIM_DONE;
}

/* The only ones that it has monitors of. */
static rim_verdict on_carrier_down(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)body;
    (void)msg;
    rim__file_let_go(of_state(self));
    return RIM_DONE;
}

static const rim_handler rows[] = {
    [RIM_DOWN] = on_carrier_down,
    [RIM_FILE_CALL & 0xffff] = on_call,
    [RIM_FILE_CLOSE & 0xffff] = on_close,
    [RIM_FILE_HOLD & 0xffff] = on_hold,
};

const rim_behaviour rim__file_behaviour = {
    .name = "rim file",
    .state_size = sizeof(struct rim__file *),
    .on = rows,
    .on_count = RIM_COUNT(rows),
    .protocol = RIM_FILE_PROTOCOL,
    .init = init,
};

const char *rim__file_path_of(rim_ctx *ctx, rim_ref who) {
    uint32_t backlog;
    void *state = rim__actor_own(ctx, who, &rim__file_behaviour, &backlog);
    return state != NULL ? of_state(state)->path : NULL;
}
