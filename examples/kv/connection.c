/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "server.h"

#define AHEAD 64u /* requests that are read before the first is run */

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
        char head[TEXT_NUMBER_MAX + 3];
        int size = snprintf(head, sizeof head, "$%zu\r\n", rim_size(value));
        rim_pipeline_write(c->ctx, &c->pipeline, place, head, (size_t)size);
        rim_pipeline_write_msg(c->ctx, &c->pipeline, place, value);
        text = text_of("\r\n");
    }
    rim_pipeline_write(c->ctx, &c->pipeline, place, text.at, text.size);
    rim_pipeline_end(c->ctx, &c->pipeline, place);
}

void connection_reply(struct connection *c, rim_pipeline_place place) {
    struct reply *out = &c->shard->out;
    rim_msg *value = NULL;
    if (out->entry != NULL) {
        value = rim_msg_wrap(c->ctx, RIM_USER, (void *)(uintptr_t)out->value.at, out->value.size, keeper_release,
                             out->entry);
        if (value == NULL) {
            entry_release(out->entry);
            c->failed = true;
        }
        out->entry = NULL;
    }
    connection_write(c, place, reply_text(out), value);
    out->size = 0;
}

/* ---- requests ---- */

/* One that has been read. */
struct request {
    size_t size;
    uint32_t first, count; /* arguments, in the shard's parser */
    const struct command *command;
    uint64_t hash; /* of its first key; 0: it has none */
};

static void look_up(const struct connection *c, struct request *request) {
    const struct text *args = c->shard->parser.args + request->first;
    const struct command *command = request->command = request->count > 0 ? command_find(args, request->count) : NULL;
    if (command != NULL && command->first_key > 0 && command->first_key < request->count) {
        request->hash = store_hash(c->server->hash_key, args[command->first_key]);
    }
}

/* In a loop of its own, in which nothing waits for the memory of another key. */
static void fetch_keys(const struct connection *c, const struct request *requests, uint32_t count) {
    for (uint32_t i = 0; i < count && count > 1; i++) {
        uint64_t hash = requests[i].hash;
        if (hash != 0 && c->server->shards[rim_shard_for(hash, c->server->count)] == c->shard) {
            store_prefetch(&c->shard->store, hash);
        }
    }
}

/* Reads requests ahead, so that the memory of all their keys is fetched at the same time, and not of one after the
   other. Returns how many. */
static uint32_t read_requests(struct connection *c, struct request *requests, enum resp_result *result) {
    struct resp_parser *parser = &c->shard->parser;
    struct text left = {c->stream.bytes, c->stream.size};
    uint32_t count = 0;
    parser->used = 0;
    for (bool last = false; count < AHEAD && left.size > 0 && !last; count++) {
        last = left.at[0] != '*';
        if (last && count > 0) {
            break; /* the words of an inline request stand where those of another would */
        }
        *result = resp_parse(parser, left);
        if (*result != RESP_REQUEST) {
            break;
        }
        requests[count] = (struct request){.size = parser->size, .count = parser->count};
        requests[count].first = parser->used - parser->count;
        look_up(c, &requests[count]);
        (void)text_shift(&left, parser->size);
    }
    fetch_keys(c, requests, count);
    return count;
}

static void run_request(struct connection *c, const struct request *request) {
    struct shard *shard = c->shard;
    struct call call = {.store = &shard->store, .out = &shard->out, .shard = shard, .c = c};
    if (request->count > 0) {
        c->muting = c->mute || c->mute_next;
        c->mute_next = false;
        call.command = request->command;
        call.args = shard->parser.args + request->first;
        call.count = request->count;
        if (request->hash != 0) {
            call.key = (struct key){request->hash, call.args[request->command->first_key]};
        }
        call.place = connection_place(c, request->size);
        shard->out.version = c->version;
        route(&call);
        if (!call.asked) {
            connection_reply(c, call.place);
        }
    }
    rim_stream_skip(&c->stream, request->size);
}

/* Not while a command takes its steps, nor before the keepers have room again. */
static bool may_run(const struct connection *c) {
    return !c->in_steps && rim_bundle_takes_more(&c->bundle) && !c->quitting && !c->failed;
}

/* Reads some requests and runs them. False: there is none. */
static bool run_requests(struct connection *c) {
    struct request requests[AHEAD];
    enum resp_result result = RESP_REQUEST;
    uint32_t count = read_requests(c, requests, &result);
    c->need = count == 0 ? c->shard->parser.need : 0;
    c->used_ms = rim_wall_ms(c->ctx); /* once for all: the clock costs a twentieth of a request */
    for (uint32_t i = 0; i < count && may_run(c); i++) {
        run_request(c, &requests[i]);
    }
    if (count == 0 && result == RESP_BAD) {
        reply_error(&c->shard->out, "%s", c->shard->parser.error);
        connection_reply(c, connection_place(c, 0));
        c->quitting = true;
    } else if (c->need > 2 * c->stream.size) { /* a large argument: memory for all of it, and no more */
        rim_stream_need(&c->stream, c->need);
    }
    return count > 0;
}

/* Whether requests may be read; not if the client does not take the replies. */
static bool may_read(struct connection *c) {
    rim_pipeline_hold(&c->pipeline, c->in_steps || !rim_bundle_takes_more(&c->bundle));
    return rim_pipeline_takes_more(&c->pipeline) && !c->closed;
}

rim_verdict connection_go_on(struct connection *c, const void *bytes, size_t size) {
    bool read = !c->failed && rim_stream_open(c->ctx, &c->stream, bytes, size) == 0, whole = true;
    c->failed |= !read;
    while (whole && !c->quitting && !c->failed && c->stream.size > 0 && (read = may_read(c))) {
        whole = c->stream.size >= c->need && run_requests(c);
    }
    reply_shrink(&c->shard->out);
    keeper_wake(c->ctx, c->server);
    if (c->quitting || (c->ending && read && !c->in_steps)) {
        rim_stream_skip(&c->stream, SIZE_MAX);
        rim_pipeline_finish(&c->pipeline);
    }
    c->failed |= rim_stream_close(c->ctx, &c->stream) != 0;
    int error = rim_bundle_flush(c->ctx, &c->bundle);
    c->failed |= error != 0 && error != -RIM_EFULL; /* on that there will be RIM_ROOM */
    if (c->closed) {                                /* steps that have begun are ended */
        return !c->in_steps || c->failed ? RIM_STOP : RIM_DONE;
    }
    if (c->failed) {
        c->quitting = true;
        rim_socket_abort(c->ctx, c->socket); /* RIM_SOCKET_CLOSED comes */
        return RIM_DONE;
    }
    if (!may_read(c) ||
        rim_bundle_count(&c->bundle) == 0) { /* else a write for all replies, when the answers are there */
        (void)rim_pipeline_flush(c->ctx, &c->pipeline);
    }
    return RIM_DONE;
}

/* ---- handlers ---- */

static const rim_bundle_options asking = {.tag = KEEPER_ASK,
                                          .timeout_ns = RIM_SECONDS(60),
                                          .on_outcome = route_answers};

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
    c->version = 2;
    rim_pipeline_init(&c->pipeline, from->socket, NULL);
    rim_bundle_init(&c->bundle, &asking);
    c->shard->store.counts.received++;
    c->shard->store.counts.connected++;
    LIST_INSERT_HEAD(&c->shard->connections, c, link);
    return RIM_DONE;
}

static void connection_exit(rim_ctx *ctx, void *state, rim_exit why UNUSED) {
    struct connection *c = state;
    c->shard->store.counts.connected--;
    LIST_REMOVE(c, link);
    rim_stream_free(ctx, &c->stream);
    rim_pipeline_free(ctx, &c->pipeline);
    rim_bundle_free(ctx, &c->bundle);
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
    if (rim_tag(msg) == RIM_ROOM && !rim_bundle_room(&c->bundle, body)) {
        rim_pipeline_room(ctx, &c->pipeline, body);
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
