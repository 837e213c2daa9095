/* SPDX-License-Identifier: MIT */
#include "connection.h"

#include <errno.h>
#include <string.h>

#include "ask.h"

#define BATCH_REQUESTS  64u    /* a batch with so many is sent at once, */
#define BATCH_BYTES     16384u /* or with so much */
#define WRITE_COPY_MAX  16384u /* larger values are written as they lie in the store */
#define REQUEST_TIMEOUT RIM_SECONDS(60)

/* ---- asking: requests to one receiver travel together ---- */

struct batch {
    struct batch *next;
    rim_ref to;
    uint32_t count;
    rim_buffer requests;
    rim_msg *whole;  /* instead: a large request, */
    uint64_t target; /* and what its answer is for */
};

static rim_verdict on_answers(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg);

/* False: there is no room now. */
static bool send_batch(struct connection *c, const struct batch *batch) {
    rim_ask ask = {
        .to = batch->to,
        .tag = KEEPER_BATCH,
        .body = batch->requests.bytes,
        .size = batch->requests.size,
        .timeout_ns = REQUEST_TIMEOUT,
        .on_outcome = on_answers,
    };
    if (batch->whole != NULL) { /* a view, for a request that is refused has consumed its message */
        ask.cookie = batch->target;
        ask.msg =
            rim_msg_view(c->ctx, rim_tag(batch->whole), rim_body(batch->whole), rim_size(batch->whole), batch->whole);
    }
    bool is_there = batch->whole == NULL || ask.msg != NULL;
    int error = is_there ? rim_request(c->ctx, &ask, NULL) : -ENOMEM;
    if (error == -RIM_EFULL && rim_want_room(c->ctx, batch->to) == 0) {
        c->awaiting_room = true;
        return false;
    }
    c->failed |= error != 0;
    return true;
}

static void send_batches(struct connection *c) {
    while (c->batches != NULL && !c->awaiting_room && send_batch(c, c->batches)) {
        struct batch *batch = c->batches;
        c->batches = batch->next;
        rim_buffer_clear(c->ctx, &batch->requests);
        rim_msg_free(c->ctx, batch->whole);
        rim_free(c->ctx, batch);
    }
}

static struct batch *add_batch(struct connection *c, rim_ref to) {
    struct batch **at = &c->batches;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = rim_alloc(c->ctx, sizeof **at);
    if (*at != NULL) {
        **at = (struct batch){.to = to};
    }
    return *at;
}

/* The batch that a question goes into, the last one to its receiver. NULL without memory. */
static struct batch *open_batch(struct connection *c, rim_ref to) {
    struct batch *found = NULL;
    for (struct batch *batch = c->batches; batch != NULL; batch = batch->next) {
        found = batch->to == to ? batch : found;
    }
    bool is_open =
        found != NULL && found->whole == NULL && found->count < BATCH_REQUESTS && found->requests.size < BATCH_BYTES;
    return is_open ? found : add_batch(c, to);
}

void connection_ask(struct connection *c, const struct question *question) {
    struct request request = {
        .target = question->target,
        .hash = question->hash,
        .command = question->command,
        .size = (uint32_t)question->args.size,
        .count = question->count & ((1u << 30) - 1),
        .version = c->version & 3u,
    };
    struct batch *batch = open_batch(c, question->to);
    size_t size = padded(sizeof request + request.size);
    if (batch == NULL || rim_buffer_reserve(c->ctx, &batch->requests, size) != 0) {
        c->failed = true;
        return;
    }
    char *at = batch->requests.bytes + batch->requests.size;
    memcpy(at, &request, sizeof request);
    memcpy(at + sizeof request, request.size > 0 ? question->args.at : "", request.size);
    batch->requests.size += size;
    batch->count++;
}

void connection_ask_whole(struct connection *c, uint64_t target, rim_ref to) {
    struct batch *batch = add_batch(c, to);
    if (batch != NULL) {
        batch->whole = rim_stream_take(c->ctx, &c->stream, KEEPER_WHOLE + c->version, c->parser.size);
        batch->target = target;
    }
    c->failed |= batch == NULL || batch->whole == NULL;
    c->parser.size = 0; /* it is read */
}

bool connection_tell_server(struct connection *c, uint32_t tag) {
    rim_buffer body = {0};
    rim_buffer_add(c->ctx, &body, &c->client, sizeof c->client);
    rim_buffer_add(c->ctx, &body, c->name.bytes, c->name.size);
    int error = rim_send(c->ctx, c->server->self, tag, body.bytes, body.size);
    rim_buffer_clear(c->ctx, &body);
    return error != -RIM_EFULL || rim_want_room(c->ctx, c->server->self) != 0;
}

/* ---- replies ---- */

static void write_out(struct connection *c, rim_pipeline_place place, struct resp_out *out) {
    rim_pipeline_write(c->ctx, &c->pipeline, place, out->text.bytes, out->text.size);
    c->failed |= out->text.failed;
    rim_buffer_clear(c->ctx, &out->text);
}

void connection_reply(struct connection *c, rim_pipeline_place place, struct resp_out *out) {
    write_out(c, place, out);
    rim_pipeline_end(c->ctx, &c->pipeline, place);
}

/* Writes a value that is shared with the keeper, and good as long as the message with the answer is. */
static void write_shared(struct connection *c, rim_pipeline_place place, struct text value, rim_msg *answers) {
    struct resp_out head = {.ctx = c->ctx};
    reply_bulk_head(&head, value.size);
    write_out(c, place, &head);
    if (value.size <= WRITE_COPY_MAX) {
        rim_pipeline_write(c->ctx, &c->pipeline, place, value.at, value.size);
    } else {
        rim_msg *view = rim_msg_view(c->ctx, RIM_USER, value.at, value.size, answers);
        c->failed |= view == NULL || rim_pipeline_write_msg(c->ctx, &c->pipeline, place, view) == -ENOMEM;
    }
    rim_pipeline_write(c->ctx, &c->pipeline, place, "\r\n", 2);
}

static void take_answer(struct connection *c, const struct answer *answer, uint64_t target, rim_msg *answers) {
    if (target & 1) {
        gather_take((struct gather *)(uintptr_t)(target & ~(uint64_t)1), (struct text){answer->bytes, answer->size});
        return;
    }
    if (answer->is_shared) {
        write_shared(c, target >> 1, ((const struct shared *)answer->bytes)->bytes, answers);
    } else {
        rim_pipeline_write(c->ctx, &c->pipeline, target >> 1, answer->bytes, answer->size);
    }
    rim_pipeline_end(c->ctx, &c->pipeline, target >> 1);
}

static rim_verdict go_on(struct connection *c, const void *bytes, size_t size);

static rim_verdict on_answers(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct connection *c = state;
    c->ctx = ctx;
    c->failed |= error != 0;
    size_t size = error == 0 ? rim_size(msg) : 0;
    rim_msg *kept = NULL; /* while values that it shares are being written */
    for (size_t at = 0; at < size;) {
        const struct answer *answer = (const struct answer *)((const char *)body + at);
        if (answer->is_shared && kept == NULL) {
            kept = rim_take(ctx, msg);
            if (kept == NULL) {
                c->failed = true;
                break;
            }
            body = rim_body(kept);
            continue;
        }
        at += sizeof *answer + padded(answer->size);
        take_answer(c, answer, answer->target != 0 ? answer->target : cookie, kept);
    }
    rim_msg_free(ctx, kept);
    return go_on(c, NULL, 0);
}

/* ---- requests ---- */

void reply_wrong_arity(struct resp_out *out, const char *name) {
    reply_error(out, "wrong number of arguments for '%s' command", name);
}

void reply_unknown_subcommand(struct resp_out *out, const char *command, struct text name) {
    reply_error(out, "unknown subcommand '%.*s'. Try %s HELP.", text_shown(name, 128), name.at, command);
}

static void reply_unknown(struct call *call) {
    rim_buffer words = {0};
    for (uint32_t i = 1; i < call->count && words.size < 128; i++) {
        struct text arg = call_arg(call, i);
        rim_buffer_format(call->out.ctx, &words, "'%.*s' ", text_shown(arg, 128 - words.size), arg.at);
    }
    reply_error(&call->out, "unknown command '%.*s', with args beginning with: %.*s",
                text_shown(call_arg(call, 0), 128), call_arg(call, 0).at, (int)words.size,
                words.size > 0 ? words.bytes : "");
    rim_buffer_clear(call->out.ctx, &words);
}

/* False: not done; the same comes again. */
static bool dispatch(struct call *call) {
    struct connection *c = call->c;
    call->command = command_find(&c->server->commands, call_arg(call, 0));
    if (call->command == NULL) {
        reply_unknown(call);
        return true;
    }
    if (!command_fits(call->command->arity, call->count)) {
        reply_wrong_arity(&call->out, call->command->name);
        return true;
    }
    c->client.last = call->command->name;
    c->client.used_ms = rim_wall_ms(c->ctx);
    return call->command->run(call);
}

/* Runs the request that has been read. False: not done. */
static bool run_request(struct connection *c) {
    struct call call = {.c = c, .args = &c->parser, .count = c->parser.count, .place = c->step_place};
    bool mute = c->mute_next;
    if (c->step == 0) {
        call.place = rim_pipeline_reserve(c->ctx, &c->pipeline, c->parser.size);
        c->failed |= call.place == 0;
    }
    call.out = (struct resp_out){.ctx = c->ctx, .version = c->version};
    c->step_place = call.place;
    if (!dispatch(&call)) {
        c->awaiting_step = true;
        return false;
    }
    c->step = 0;
    if (c->mute || c->mute_next || mute) {
        for (rim_pipeline_place place = call.place; rim_pipeline_mute(c->ctx, &c->pipeline, place) == 0; place++) {
        }
        c->mute_next = c->mute_next && !mute;
    }
    if (call.out.text.room > 0 || call.out.text.failed) {
        write_out(c, call.place, &call.out);
    }
    if (!call.asked) {
        rim_pipeline_end(c->ctx, &c->pipeline, call.place);
    }
    return true;
}

static void quit_on_error(struct connection *c) {
    struct resp_out out = {.ctx = c->ctx};
    rim_pipeline_place place = rim_pipeline_reserve(c->ctx, &c->pipeline, 0);
    resp_error(&c->parser, &out);
    connection_reply(c, place, &out);
    c->quitting = true;
}

/* Reads one request and runs it. False: it is not all there, or not done. */
static bool read_request(struct connection *c) {
    enum resp_result result = resp_parse(&c->parser, c->stream.bytes, c->stream.size);
    if (result == RESP_MORE) {
        rim_stream_need(&c->stream, c->parser.need);
        return false;
    }
    if (result == RESP_BAD) {
        quit_on_error(c);
        return false;
    }
    if (c->parser.count > 0 && !run_request(c)) {
        return false;
    }
    rim_stream_skip(&c->stream, c->parser.size);
    resp_next(&c->parser);
    return true;
}

/* ---- what every handler ends with ---- */

/* The end, once the server knows. */
static rim_verdict leave(struct connection *c) {
    return !c->introduced || connection_tell_server(c, SERVER_CLOSED) ? RIM_STOP : RIM_DONE;
}

/* Tells the pipeline whether a step, or a batch that found no room, is in the way of further requests. */
static bool hold(struct connection *c) {
    bool held = c->awaiting_step || c->awaiting_room;
    rim_pipeline_hold(&c->pipeline, held);
    return held;
}

/* Whether a request may be read: the one that waits for its next step goes on also when nobody hears its reply. */
static bool may_read(struct connection *c) {
    bool held = hold(c);
    return (c->step > 0 && !held) || (rim_pipeline_takes_more(&c->pipeline) && !c->closed);
}

/* Reads what has come, or was left before, as far as there is room for the replies. */
static rim_verdict go_on(struct connection *c, const void *bytes, size_t size) {
    bool read = !c->failed && rim_stream_open(c->ctx, &c->stream, bytes, size) == 0, whole = true;
    while (read && whole && !c->quitting && !c->failed && c->stream.size > 0 && (read = may_read(c))) {
        whole = read_request(c);
    }
    if (c->quitting || (c->ending && read && !c->awaiting_step)) {
        rim_stream_skip(&c->stream, SIZE_MAX);
        rim_pipeline_finish(&c->pipeline);
    }
    c->failed |= rim_stream_close(c->ctx, &c->stream) != 0;
    send_batches(c);
    if (c->closed && (c->step == 0 || c->failed)) {
        return leave(c);
    }
    if (c->failed) {
        c->quitting = true;
        rim_socket_abort(c->ctx, c->socket); /* RIM_SOCKET_CLOSED comes */
        return RIM_DONE;
    }
    (void)hold(c);
    (void)rim_pipeline_flush(c->ctx, &c->pipeline);
    return RIM_DONE;
}

/* ---- handlers ---- */

static rim_verdict connection_init(rim_ctx *ctx, void *state, const void *arg, size_t size UNUSED) {
    struct connection *c = state;
    const struct rim_connection *from = arg;
    c->ctx = ctx;
    c->server = from->arg;
    c->socket = from->socket;
    c->version = 2;
    c->client = (struct client_record){.peer = from->peer, .local = from->local, .version = 2};
    c->client.id = rim_self(ctx) & 0xffffffffffffull; /* unique for as long as anyone could remember it */
    c->client.opened_ms = c->client.used_ms = rim_wall_ms(ctx);
    rim_pipeline_init(&c->pipeline, from->socket, NULL);
    resp_init(&c->parser, c->server->options.max_value);
    c->introduced = connection_tell_server(c, SERVER_OPENED);
    return RIM_DONE;
}

static void connection_exit(rim_ctx *ctx, void *state, rim_exit why UNUSED) {
    struct connection *c = state;
    rim_stream_free(ctx, &c->stream);
    rim_pipeline_free(ctx, &c->pipeline);
    for (struct batch *batch = c->batches; batch != NULL; batch = batch->next) {
        rim_msg_free(ctx, batch->whole);
    }
    resp_finish(&c->parser);
}

static rim_verdict on_data(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct connection *c = state;
    c->ctx = ctx;
    return go_on(c, body, rim_size(msg));
}

static rim_verdict on_room(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    struct connection *c = state;
    c->ctx = ctx;
    if (!rim_pipeline_room(ctx, &c->pipeline, body)) {
        c->awaiting_room = false;
        c->introduced = c->introduced || (!c->closed && connection_tell_server(c, SERVER_OPENED));
    }
    return go_on(c, NULL, 0);
}

static rim_verdict on_ending(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct connection *c = state;
    c->ctx = ctx;
    c->ending = true;
    return go_on(c, NULL, 0);
}

static rim_verdict on_closed(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct connection *c = state;
    c->ctx = ctx;
    c->closed = true;
    return go_on(c, NULL, 0);
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
