/* SPDX-License-Identifier: MIT */
#include "connection.h"

#include <errno.h>
#include <stdlib.h>

#include "asking.h"
#include "errand.h"
#include "keeper.h"
#include "reply.h"

#define GATHER   16384u /* replies are written when so many bytes are there, or nothing more is to come */
#define OUT_KEPT 512u   /* an idle connection keeps no larger buffer */
#define PIECE    65536u /* of what is written at once */
#define IN_JUMP  (1u << 20)

/* ---- output ---- */

/* Hands bytes to the socket; returns how many it took. When that is not all, it says when there is room. */
static size_t write_pieces(struct connection *c, const char *bytes, size_t size) {
    size_t done = 0;
    while (done < size && !c->full) {
        size_t piece = size - done < PIECE ? size - done : PIECE;
        int error = rim_socket_write(c->ctx, c->socket, bytes + done, piece);
        if (error == 0) {
            done += piece;
        } else if (error == -RIM_EFULL && rim_want_room(c->ctx, c->socket) == 0) {
            c->full = true;
        } else {
            c->quitting = true; /* the socket is gone: RIM_SOCKET_CLOSED is on its way */
            return size;
        }
    }
    return done;
}

static void write_out(struct connection *c) {
    if (c->out.size > 0 && !c->full) {
        size_t done = write_pieces(c, c->out.bytes, c->out.size);
        if (done == c->out.size) {
            buffer_clear(&c->out, OUT_KEPT);
        } else {
            buffer_consume(&c->out, done);
        }
    }
}

/* Writes as much of a long value as the socket takes. True when all of it is written. */
static bool stream(struct connection *c, struct slot *slot) {
    if (!slot->headed) {
        resp_bulk_head(&c->out, slot->size);
        slot->headed = true;
        c->streamed = 0;
    }
    write_out(c);
    if (c->full) {
        return false;
    }
    c->streamed += write_pieces(c, slot->bytes + c->streamed, slot->size - c->streamed);
    if (c->streamed < slot->size) {
        return false;
    }
    buffer_append(&c->out, "\r\n", 2);
    return true;
}

/* Replies whose turn it is go out, as far as the socket takes them. */
static void write_ready(struct connection *c) {
    while (c->queue.count > 0 && queue_at(&c->queue, c->queue.first)->pending == 0) {
        struct slot *slot = queue_at(&c->queue, c->queue.first);
        if (c->full && c->out.size >= CONNECTION_HELD_MAX) {
            return;
        }
        if (!reply_write(c, slot, &c->out) && !stream(c, slot)) {
            return;
        }
        reply_drop(c, slot);
        queue_pop(&c->queue);
        if (c->out.size >= GATHER) {
            write_out(c);
        }
    }
}

/* ---- input ---- */

/* Whether no command may be run now. */
static bool is_blocked(struct connection *c) {
    c->throttled = connection_is_busy(c, c->throttled ? 2 : 1);
    return c->errand != NULL || c->quitting || (c->waiting_turn && c->queue.count > 0) || c->throttled;
}

static void close_on_error(struct connection *c, const char *text) {
    connection_error(c, "%s", text);
    c->quitting = true;
}

/* Runs the commands at `bytes` with this parser; returns the bytes that are done with. */
static size_t run_commands(struct connection *c, struct resp_parser *parser, const char *bytes, size_t size) {
    size_t used = 0;
    while (!is_blocked(c)) {
        enum resp_result result = resp_parse(parser, bytes + used, size - used);
        if (result == RESP_MORE) {
            return used;
        }
        if (result != RESP_COMMAND) {
            close_on_error(c, result == RESP_BAD ? parser->error : "out of memory");
            return size;
        }
        if (parser->count > 0 && !command_run(c, parser->args, parser->count)) {
            return used; /* the same command comes again */
        }
        used += parser->at;
        resp_next(parser);
        if (c->out.size >= GATHER) {
            write_out(c);
        }
    }
    return used;
}

/* The parser lives here while commands come whole, and on the heap while a long one is on its way. */
static size_t take_commands(struct connection *c, const char *bytes, size_t size) {
    if (c->parser != NULL) {
        size_t used = run_commands(c, c->parser, bytes, size);
        if (c->parser->at == 0) {
            resp_finish(c->parser);
            free(c->parser);
            c->parser = NULL;
        }
        return used;
    }
    struct resp_parser parser;
    resp_init(&parser, c->server->options.max_value);
    size_t used = run_commands(c, &parser, bytes, size);
    if (parser.at > 0 && !c->quitting) {
        c->parser = malloc(sizeof *c->parser);
        if (c->parser != NULL) {
            resp_move(c->parser, &parser);
        }
    }
    resp_finish(&parser);
    return used;
}

/* Keeps input for later. For a long argument there is to be room at once, but not long before its bytes are there. */
static void keep_input(struct connection *c, const char *bytes, size_t size) {
    size_t need = c->parser != NULL ? c->parser->need : 0;
    if (need > c->in.size + size && need <= 4 * (c->in.size + size) + IN_JUMP) {
        buffer_reserve(&c->in, need - c->in.size);
    }
    buffer_append(&c->in, bytes, size);
}

static void run_kept_input(struct connection *c) {
    if (c->in.size == 0 || is_blocked(c)) {
        return;
    }
    size_t used = take_commands(c, c->in.bytes, c->in.size);
    if (used == c->in.size) {
        buffer_clear(&c->in, 0);
    } else {
        buffer_consume(&c->in, used);
    }
}

/* ---- what every handler ends with ---- */

static void introduce(struct connection *c) {
    struct server_client client = {.id = c->id, .peer = c->peer, .local = c->local};
    int error = rim_send(c->ctx, c->server->self, SERVER_OPENED, &client, sizeof client);
    c->introduced = error == 0;
    if (error == -RIM_EFULL) {
        rim_want_room(c->ctx, c->server->self);
    }
}

/* The end, once the server knows; an errand is finished first, for it may hold a value that is in no store. */
static rim_verdict leave(struct connection *c) {
    if (c->errand != NULL) {
        return RIM_DONE;
    }
    if (c->introduced && rim_send(c->ctx, c->server->self, SERVER_CLOSED, &c->id, sizeof c->id) == -RIM_EFULL &&
        rim_want_room(c->ctx, c->server->self) == 0) {
        return RIM_DONE;
    }
    return RIM_STOP;
}

static void pause_or_resume(struct connection *c) {
    bool pause = c->in.size > 0 && is_blocked(c);
    if (pause != c->paused && rim_socket_pause(c->ctx, c->socket, pause) == 0) {
        c->paused = pause;
    }
}

static void close_if_done(struct connection *c) {
    bool done = c->quitting || (c->ending && !is_blocked(c));
    if (done && !c->closing && c->queue.count == 0 && c->out.size == 0 && c->errand == NULL) {
        c->closing = rim_socket_close(c->ctx, c->socket) == 0;
    }
}

/* Goes on with whatever can go on now. */
static rim_verdict settle(struct connection *c) {
    size_t left;
    if (c->closed) {
        asking_send(c);
        return leave(c);
    }
    do {
        asking_send(c);
        write_ready(c);
        if (rim_backlog(c->ctx) == 0 || c->out.size >= GATHER) {
            write_out(c);
        }
        errand_continue(c);
        left = c->in.size;
        run_kept_input(c);
    } while (c->in.size < left);
    asking_send(c);
    if (c->in.failed || c->out.failed) {
        c->quitting = true;
        rim_socket_abort(c->ctx, c->socket);
        return RIM_DONE;
    }
    pause_or_resume(c);
    close_if_done(c);
    return RIM_DONE;
}

/* ---- handlers ---- */

static rim_verdict connection_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct connection *c = state;
    const struct rim_connection *from = arg;
    (void)size;
    c->ctx = ctx;
    c->server = from->arg;
    c->socket = from->socket;
    c->peer = from->peer;
    c->local = from->local;
    c->id = rim_self(ctx) & 0xffffffffffffull; /* unique for as long as anyone could remember it */
    c->version = 2;
    c->opened_ns = c->used_ns = rim_now(ctx);
    introduce(c);
    return RIM_DONE;
}

static void connection_exit(rim_ctx *ctx, void *state, rim_exit why) {
    struct connection *c = state;
    (void)why;
    c->ctx = ctx;
    for (uint32_t i = 0; i < c->queue.count; i++) {
        reply_drop(c, queue_at(&c->queue, c->queue.first + i));
    }
    queue_free(&c->queue);
    errand_free(c);
    asking_free(c);
    if (c->parser != NULL) {
        resp_finish(c->parser);
        free(c->parser);
    }
    buffer_clear(&c->in, 0);
    buffer_clear(&c->out, 0);
    free(c->name);
}

static rim_verdict on_data(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct connection *c = state;
    size_t size = rim_size(msg);
    size_t used = 0;
    c->ctx = ctx;
    if (c->quitting) {
        return settle(c);
    }
    if (c->in.size == 0) {
        used = take_commands(c, body, size);
    }
    if (used < size) {
        keep_input(c, (const char *)body + used, size - used);
    }
    return settle(c);
}

/* One answer. When its turn has come and it is short, it is written at once; else its message has to be held. */
static bool write_at_once(struct connection *c, uint64_t number, const struct outcome *outcome) {
    struct slot *slot = queue_at(&c->queue, number);
    bool simple = number == c->queue.first && slot->kind == SLOT_ONE && !slot->mute && !c->full;
    if (!simple || outcome->size > REPLY_STREAM_FROM) {
        return false;
    }
    reply_write_outcome(c, outcome, &c->out);
    connection_landed(c, slot);
    queue_pop(&c->queue);
    return true;
}

static void take_answers(struct connection *c, const struct batch *batch, rim_msg *msg) {
    const char *body = rim_body(msg);
    struct holder *holder = NULL;
    size_t at = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct answer *answer = (const struct answer *)(body + at);
        struct outcome outcome = {.kind = (enum reply_kind)answer->kind, .size = answer->size};
        uint64_t number = queue_number(&c->queue, batch->slots[i]);
        outcome.shared = answer->shared;
        outcome.bytes = answer->shared ? answer_shared(answer).bytes : answer->bytes;
        at += answer_span(answer);
        if (holder == NULL && !write_at_once(c, number, &outcome)) {
            holder = holder_create(c, msg);
            if (holder != NULL && !answer->shared) {
                outcome.bytes = (const char *)rim_body(holder->msg) + (outcome.bytes - body);
            }
            body = holder != NULL ? rim_body(holder->msg) : body;
        } else if (holder == NULL) {
            continue;
        }
        outcome.holder = holder;
        reply_outcome(c, number, &outcome);
        write_ready(c);
    }
    if (holder != NULL) {
        holder_release(c, holder);
    }
}

rim_verdict connection_answers(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct connection *c = state;
    struct batch *batch = (struct batch *)(uintptr_t)cookie;
    (void)body;
    c->ctx = ctx;
    if (error == 0) {
        take_answers(c, batch, msg);
    }
    for (uint32_t i = 0; error != 0 && i < batch->count; i++) {
        reply_outcome(c, queue_number(&c->queue, batch->slots[i]), &(struct outcome){.error = error});
    }
    asking_let_go(batch);
    return settle(c);
}

rim_verdict connection_outcome(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct connection *c = state;
    struct outcome outcome = {.error = error};
    c->ctx = ctx;
    if (error == 0) {
        outcome.kind = rim_tag(msg) == SERVER_COUNTED ? REPLY_CLIENTS : REPLY_BULK;
        outcome.holder = holder_create(c, msg);
        outcome.bytes = outcome.holder != NULL ? rim_body(outcome.holder->msg) : body;
        outcome.size = rim_size(outcome.holder != NULL ? outcome.holder->msg : msg);
    }
    reply_outcome(c, cookie, &outcome);
    if (outcome.holder != NULL) {
        holder_release(c, outcome.holder);
    }
    return settle(c);
}

static rim_verdict on_room(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct connection *c = state;
    const rim_room_event *room = body;
    (void)msg;
    c->ctx = ctx;
    if (room->who == c->socket) {
        c->full = false;
        write_out(c);
        return settle(c);
    }
    c->waiting = false;
    if (!c->introduced && !c->closed) {
        introduce(c);
    }
    return settle(c);
}

static rim_verdict on_ending(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct connection *c = state;
    (void)body;
    (void)msg;
    c->ctx = ctx;
    c->ending = true;
    return settle(c);
}

static rim_verdict on_closed(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct connection *c = state;
    (void)body;
    (void)msg;
    c->ctx = ctx;
    c->closed = true;
    c->quitting = true;
    return settle(c);
}

static const rim_handler connection_on[] = {
    [RIM_ROOM] = on_room,         [RIM_CLOSING] = on_ending,       [RIM_SOCKET_DATA] = on_data,
    [RIM_SOCKET_END] = on_ending, [RIM_SOCKET_CLOSED] = on_closed,
};

const rim_behaviour connection_behaviour = {
    .name = "connection",
    .state_size = sizeof(struct connection),
    .on = connection_on,
    .on_count = RIM_COUNT(connection_on),
    .init = connection_init,
    .exit = connection_exit,
};
