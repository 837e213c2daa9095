/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "play.h"

#define UNUSED    __attribute__((unused))
#define TOTAL_MAX 40000u

static unsigned char byte_at(uint64_t i) {
    return (unsigned char)(i * 13 + (i >> 8));
}

/* ---- the server's side ---- */

static rim_verdict on_input(rim_ctx *ctx, void *state UNUSED, const void *body, rim_msg *msg) {
    rim_ref socket = rim_from(msg);
    if (rim_random(ctx) % 2 == 0) {
        return rim_socket_write(ctx, socket, body, rim_size(msg)) == 0 ? RIM_DONE : RIM_FAIL;
    }
    rim_msg *kept = rim_take(ctx, msg);
    return kept != NULL && rim_socket_write_msg(ctx, socket, kept) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler echoer_on[] = {[RIM_SOCKET_DATA] = on_input};
static const rim_behaviour echoer = {.name = "echoer", .on = echoer_on, .on_count = RIM_COUNT(echoer_on)};

/* ---- the client's ---- */

struct client {
    struct play *play;
    rim_ref socket;
    uint32_t total, written, heard;
    bool let_go; /* it closed or aborted */
    bool over;
};

static rim_verdict client_init(rim_ctx *ctx, void *state, const void *arg, size_t size UNUSED) {
    struct client *self = state;
    memcpy(&self->play, arg, sizeof self->play);
    rim_connect_options options = {.host = "127.0.0.1", .port = self->play->port, .timeout_ns = RIM_SECONDS(1)};
    self->total = 1 + (uint32_t)(rim_random(ctx) % TOTAL_MAX);
    PLAY_CHECK(self->play, rim_connect(ctx, &options, &self->socket) == 0);
    return RIM_DONE;
}

static rim_verdict client_push(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct client *self = state;
    unsigned char bytes[1500];
    while (!self->let_go && self->written < self->total) {
        uint32_t left = self->total - self->written, size = left < sizeof bytes ? left : sizeof bytes;
        for (uint32_t i = 0; i < size; i++) {
            bytes[i] = byte_at(self->written + i);
        }
        int error = rim_socket_write(ctx, self->socket, bytes, size);
        PLAY_CHECK(self->play, error == 0 || error == -RIM_EFULL || error == -RIM_EDOWN);
        if (error != 0) {
            PLAY_CHECK(self->play, error == -RIM_EDOWN || rim_want_room(ctx, self->socket) == 0);
            break;
        }
        self->written += size;
    }
    return RIM_DONE;
}

static rim_verdict client_open(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct client *self = state;
    PLAY_CHECK(self->play, ((const rim_open_event *)body)->socket == self->socket);
    PLAY_CHECK(self->play, !self->over);
    play_note(self->play, PLAY_connected);
    return client_push(ctx, state, NULL, msg);
}

static void let_go(rim_ctx *ctx, struct client *self) {
    self->let_go = true;
    if (self->heard == self->total) {
        play_note(self->play, PLAY_echoed);
        rim_socket_close(ctx, self->socket);
    } else {
        play_note(self->play, PLAY_aborted);
        rim_socket_abort(ctx, self->socket);
    }
}

static rim_verdict client_data(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct client *self = state;
    const unsigned char *bytes = body;
    uint32_t size = (uint32_t)rim_size(msg);
    PLAY_CHECK(self->play, !self->over);
    PLAY_CHECK(self->play, size > 0);
    PLAY_CHECK(self->play, self->heard + size <= self->written);
    for (uint32_t i = 0; i < size; i++) {
        PLAY_CHECK(self->play, bytes[i] == byte_at(self->heard + i));
    }
    self->heard += size;
    if (!self->let_go && (self->heard == self->total || rim_random(ctx) % 40 == 0)) {
        let_go(ctx, self);
    }
    return RIM_DONE;
}

/* The last event: nothing may come in the time after it. */
static rim_verdict client_closed(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    struct client *self = state;
    struct play *play = self->play;
    const rim_closed_event *event = body;
    PLAY_CHECK(play, !self->over);
    PLAY_CHECK(play, event->socket == self->socket);
    PLAY_CHECK(play, event->error != 0 || self->let_go || play->stopping);
    self->over = true;
    play->closed++;
    play_note(play, event->error == 0    ? PLAY_closed_well
                    : self->written == 0 ? PLAY_connect_failed
                                         : PLAY_closed_by_error);
    rim_after(ctx, RIM_MS(1), 0);
    return RIM_DONE;
}

static rim_verdict client_timer(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    return RIM_STOP;
}

static const rim_handler client_on[] = {[RIM_SOCKET_OPEN] = client_open,
                                        [RIM_SOCKET_DATA] = client_data,
                                        [RIM_ROOM] = client_push,
                                        [RIM_SOCKET_CLOSED] = client_closed,
                                        [RIM_TIMER] = client_timer};
static const rim_behaviour client = {.name = "client",
                                     .state_size = sizeof(struct client),
                                     .init = client_init,
                                     .on = client_on,
                                     .on_count = RIM_COUNT(client_on)};

/* ---- the listener's owner ---- */

static rim_verdict host_init(rim_ctx *ctx, void *state, const void *arg, size_t size UNUSED) {
    struct play *play;
    memcpy(state, arg, sizeof play);
    memcpy(&play, arg, sizeof play);
    rim_listen_options options = {.host = "127.0.0.1",
                                  .owner = &echoer,
                                  .distribute = (enum rim_distribute)(rim_random(ctx) % 3)};
    rim_ref listener;
    PLAY_CHECK(play, rim_listen(ctx, &options, &listener) == 0);
    return RIM_DONE;
}

static rim_verdict host_listening(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    struct play *play;
    memcpy(&play, state, sizeof play);
    play->port = ((const rim_listening_event *)body)->address.port;
    for (uint64_t i = 1 + rim_random(ctx) % 4; i > 0; i--) {
        rim_spawn_options options = {.place = RIM_BY_HASH, .hash = rim_random(ctx)};
        rim_ref ref;
        play->clients += rim_spawn(ctx, &client, &options, &play, sizeof play, &ref) == 0;
    }
    return RIM_DONE;
}

static const rim_handler host_on[] = {[RIM_LISTENING] = host_listening};
static const rim_behaviour host = {.name = "host",
                                   .state_size = sizeof(struct play *),
                                   .init = host_init,
                                   .on = host_on,
                                   .on_count = RIM_COUNT(host_on)};

void echo_open(struct play *play, rim_system *system) {
    rim_ref ref;
    PLAY_CHECK(play, rim_system_spawn(system, &host, NULL, &play, sizeof play, &ref) == 0);
}
