/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "server.h"

/* ---- replies ---- */

rim_pipeline_place connection_place(struct connection *c, size_t request_bytes) {
    rim_pipeline_place place = rim_pipeline_reserve(c->ctx, &c->pipeline, request_bytes);
    c->failed |= place == 0;
    if (c->muting) {
        (void)rim_pipeline_mute(c->ctx, &c->pipeline, place);
    }
    return place;
}

void connection_write(struct connection *c, rim_pipeline_place place, struct text text, rim_msg *value) {
    if (value != NULL) {
        struct reply head = {.ctx = c->ctx};
        reply_head(&head, '$', (int64_t)rim_size(value));
        rim_pipeline_write(c->ctx, &c->pipeline, place, head.text.bytes, head.text.size);
        c->failed |= rim_pipeline_write_msg(c->ctx, &c->pipeline, place, value) == -ENOMEM || head.text.failed;
        rim_buffer_clear(c->ctx, &head.text);
        text = text_of("\r\n");
    }
    rim_pipeline_write(c->ctx, &c->pipeline, place, text.at, text.size);
    rim_pipeline_end(c->ctx, &c->pipeline, place);
}

static void release(void *bytes UNUSED, void *entry) {
    entry_release(entry);
}

void connection_reply(struct connection *c, rim_pipeline_place place, struct reply *out) {
    rim_msg *value = NULL;
    if (out->entry != NULL) {
        value = rim_msg_wrap(c->ctx, RIM_USER, (void *)(uintptr_t)out->value.at, out->value.size, release, out->entry);
        if (value == NULL) {
            entry_release(out->entry);
            c->failed = true;
        }
        out->entry = NULL;
    }
    connection_write(c, place, reply_text(out), value);
    out->text.size = 0;
}

/* ---- requests ---- */

static void run_request(struct connection *c, const struct request *request) {
    struct call call = {.server = c->server, .shard = c->shard, .store = &c->shard->store, .c = c, .out = &c->out};
    size_t size = request->sent.size;
    if (request->count > 0) {
        c->used_ms = rim_wall_ms(c->ctx);
        c->shard->store.now_ms = (int64_t)c->used_ms;
        c->muting = c->mute || c->mute_next;
        c->mute_next = false;
        request_begin(request, &call);
        call.place = connection_place(c, size);
        route(&call);
        if (c->out.text.failed) {
            reply_no_memory(&c->out);
        }
        if (!call.asked) {
            connection_reply(c, call.place, &c->out);
        }
    }
    rim_stream_skip(&c->stream, size);
}

/* Not while a command takes its steps, nor before the keepers have room again. */
static bool may_run(const struct connection *c) {
    return !c->in_steps && !c->awaiting_room && !c->quitting && !c->failed;
}

/* Reads some requests and runs them. False: there is none. */
static bool run_requests(struct connection *c) {
    struct text bytes = {c->stream.bytes, c->stream.size};
    enum resp_result result;
    uint32_t count = requests_read(c->server, c->shard, bytes, false, &result);
    c->need = count == 0 ? c->shard->parser.need : 0;
    for (uint32_t i = 0; i < count && may_run(c); i++) {
        run_request(c, &c->shard->requests[i]);
    }
    if (count == 0 && result == RESP_BAD) {
        reply_error(&c->out, "%s", c->shard->parser.error);
        connection_reply(c, connection_place(c, 0), &c->out);
        c->quitting = true;
    } else if (c->need > 2 * c->stream.size) { /* a large argument: memory for all of it, and no more */
        rim_stream_need(&c->stream, c->need);
    }
    return count > 0;
}

/* Whether requests may be read; not if the client does not take the replies. */
static bool may_read(struct connection *c) {
    rim_pipeline_hold(&c->pipeline, c->in_steps || c->awaiting_room);
    return rim_pipeline_takes_more(&c->pipeline) && !c->closed;
}

rim_verdict connection_go_on(struct connection *c, const void *bytes, size_t size) {
    bool read = !c->failed && rim_stream_open(c->ctx, &c->stream, bytes, size) == 0, whole = true;
    c->failed |= !read;
    c->out.ctx = c->ctx;
    while (whole && !c->quitting && !c->failed && c->stream.size > 0 && (read = may_read(c))) {
        whole = c->stream.size >= c->need && run_requests(c);
    }
    rim_buffer_clear(c->ctx, &c->out.text);
    keeper_wake(c->ctx, c->server);
    if (c->quitting || (c->ending && read && !c->in_steps)) {
        rim_stream_skip(&c->stream, SIZE_MAX);
        rim_pipeline_finish(&c->pipeline);
    }
    c->failed |= rim_stream_close(c->ctx, &c->stream) != 0;
    c->awaiting_room = c->awaiting_room || !route_flush(c);
    if (c->closed) { /* steps that have begun are ended */
        return !c->in_steps || c->failed ? RIM_STOP : RIM_DONE;
    }
    if (c->failed) {
        c->quitting = true;
        rim_socket_abort(c->ctx, c->socket); /* RIM_SOCKET_CLOSED comes */
        return RIM_DONE;
    }
    (void)may_read(c);
    (void)rim_pipeline_flush(c->ctx, &c->pipeline);
    return RIM_DONE;
}

/* ---- handlers ---- */

static rim_verdict connection_init(rim_ctx *ctx, void *state, const void *arg, size_t size UNUSED) {
    struct connection *c = state;
    const struct rim_connection *from = arg;
    c->server = from->arg;
    c->shard = c->server->shards[rim_shard_index(ctx)];
    c->socket = from->socket;
    c->peer = from->peer;
    c->local = from->local;
    c->id = rim_self(ctx) & 0xffffffffffffull; /* unique for as long as anyone could remember it */
    c->opened_ms = c->used_ms = rim_wall_ms(ctx);
    c->last = "NULL";
    c->out.version = 2;
    rim_pipeline_init(&c->pipeline, from->socket, NULL);
    c->shard->counts.received++;
    c->shard->counts.connected++;
    c->next = c->shard->connections;
    c->link = &c->shard->connections;
    if (c->next != NULL) {
        c->next->link = &c->next;
    }
    c->shard->connections = c;
    return RIM_DONE;
}

static void connection_exit(rim_ctx *ctx, void *state, rim_exit why UNUSED) {
    struct connection *c = state;
    c->shard->counts.connected--;
    *c->link = c->next;
    if (c->next != NULL) {
        c->next->link = c->link;
    }
    rim_stream_free(ctx, &c->stream);
    rim_pipeline_free(ctx, &c->pipeline);
}

static rim_verdict on_data(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct connection *c = state;
    c->ctx = ctx;
    return connection_go_on(c, body, rim_size(msg));
}

static rim_verdict on_event(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct connection *c = state;
    c->ctx = ctx;
    c->ending |= rim_tag(msg) == RIM_CLOSING || rim_tag(msg) == RIM_SOCKET_END;
    c->closed |= rim_tag(msg) == RIM_SOCKET_CLOSED;
    if (rim_tag(msg) == RIM_ROOM && !rim_pipeline_room(ctx, &c->pipeline, body)) {
        c->awaiting_room = false;
    }
    return connection_go_on(c, NULL, 0);
}

static const rim_handler connection_on[] = {
    [RIM_ROOM] = on_event,       [RIM_CLOSING] = on_event,       [RIM_SOCKET_DATA] = on_data,
    [RIM_SOCKET_END] = on_event, [RIM_SOCKET_CLOSED] = on_event,
};

const rim_behaviour connection_behaviour = {
    .name = "connection",
    .state_size = sizeof(struct connection),
    .on = connection_on,
    .on_count = RIM_COUNT(connection_on),
    .init = connection_init,
    .exit = connection_exit,
};
