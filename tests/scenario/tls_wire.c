/* SPDX-License-Identifier: MIT */
/* Passes sealed bytes on between a client and the play's server, both ways, and meddles with the server's. */
#include <string.h>

#include "tls_play.h"

struct wire {
    rim_ref client, server;
    uint64_t passed; /* of the server's bytes */
    bool is_cut;
    uint32_t closed;
};

static rim_verdict init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    const rim_connection *connection = arg;
    struct wire *wire = self;
    wire->client = connection->socket;
    wire->server = socket_world_connect(ctx, tls_play_current()->s, "127.0.0.1", tls_play_current()->port);
    return RIM_DONE;
}

static void cut(rim_ctx *ctx, struct wire *wire) {
    wire->is_cut = true;
    if (tls_play_current()->drop) {
        (void)rim_socket_abort(ctx, wire->client);
        (void)rim_socket_abort(ctx, wire->server);
    } else {
        (void)rim_socket_shutdown(ctx, wire->client); /* a close with bytes unread would be a reset */
        (void)rim_socket_shutdown(ctx, wire->server);
    }
}

static void pass(rim_ctx *ctx, rim_ref to, const char *bytes, size_t size) {
    size_t crumb = tls_play_current()->crumb != 0 ? tls_play_current()->crumb : size;
    for (size_t at = 0; at < size; at += crumb) {
        size_t part = crumb < size - at ? crumb : size - at;
        (void)rim_socket_write(ctx, to, bytes + at, part); /* plays are shorter than what a socket takes */
    }
}

static rim_verdict on_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct wire *wire = self;
    const struct tls_play *play = tls_play_current();
    char bytes[1 << 16]; /* more than a receive brings */
    size_t size = rim_size(msg);
    SCENARIO_CHECK(scenario_current(), size <= sizeof bytes);
    if (wire->is_cut || size > sizeof bytes) {
        return RIM_DONE;
    }
    if (rim_sender(ctx) == wire->client) {
        pass(ctx, wire->server, body, size);
        return RIM_DONE;
    }
    memcpy(bytes, body, size);
    if (play->spoil_at > wire->passed && play->spoil_at <= wire->passed + size) {
        bytes[play->spoil_at - wire->passed - 1] ^= 0x55;
    }
    if (play->cut_at != 0 && wire->passed + size >= play->cut_at) {
        pass(ctx, wire->client, bytes, play->cut_at - wire->passed);
        cut(ctx, wire);
        return RIM_DONE;
    }
    wire->passed += size;
    pass(ctx, wire->client, bytes, size);
    return RIM_DONE;
}

static rim_verdict on_end(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct wire *wire = self;
    (void)rim_socket_shutdown(ctx, rim_sender(ctx) == wire->client ? wire->server : wire->client);
    return RIM_DONE;
}

/* Whichever goes takes the other along. A stop would wait for bytes that nobody reads any more: so both go first. */
static rim_verdict on_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct wire *wire = self;
    const rim_closed_event *event = body;
    bool is_client = event->socket == wire->client;
    if (++wire->closed == 1) {
        if (is_client || !wire->is_cut) { /* else the client is to see an end, which a reset could overtake */
            (void)rim_socket_abort(ctx, is_client ? wire->server : wire->client);
        }
        return RIM_DONE;
    }
    tls_play_leave(ctx);
    return RIM_STOP;
}

static const rim_handler rows[] = {
    [RIM_SOCKET_DATA] = on_data, [RIM_SOCKET_END] = on_end, [RIM_SOCKET_CLOSED] = on_closed};

const rim_behaviour tls_wire = {
    .name = "wire",
    .state_size = sizeof(struct wire),
    .on = rows,
    .on_count = RIM_COUNT(rows),
    .init = init,
};
