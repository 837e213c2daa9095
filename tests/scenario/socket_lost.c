/* SPDX-License-Identifier: MIT */
/* Connections that are lost while bytes are on their way, and those that cannot be made. What is told of them. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>

#include "socket_world.h"

#define CHECK(expression) SCENARIO_CHECK(scenario_current(), expression)
#define BIG               (32u << 20)
#define SOME              5000u

/* A server's side that resets the connection, and the client that has it. */
struct loss {
    const rim_behaviour *rude;
    bool writes; /* the client, and without an end; else it reads */
    rim_ref socket;
    uint64_t got;
};

static struct loss loss;

/* ---- the server's side ---- */

static rim_verdict abort_it(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)self;
    (void)body;
    CHECK(rim_socket_abort(ctx, rim_from(msg)) == 0);
    return RIM_DONE;
}

static const rim_handler hearer_rows[] = {[RIM_SOCKET_DATA] = abort_it};
static const rim_behaviour hearer = {.name = "hearer", .on = hearer_rows, .on_count = RIM_COUNT(hearer_rows)};

static rim_verdict speaker_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    static const char bytes[SOME];
    const rim_connection *connection = arg;
    (void)self;
    (void)size;
    CHECK(rim_socket_write(ctx, connection->socket, bytes, sizeof bytes) == 0);
    return RIM_DONE;
}

static const rim_handler speaker_rows[] = {[RIM_SOCKET_DATA] = abort_it};
static const rim_behaviour speaker = {.name = "speaker",
                                      .on = speaker_rows,
                                      .on_count = RIM_COUNT(speaker_rows),
                                      .init = speaker_init};

/* ---- the client ---- */

static rim_verdict client_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    rim_listen_options options = {.host = "127.0.0.1", .owner = loss.rude};
    (void)self;
    (void)arg;
    (void)size;
    CHECK(rim_listen(ctx, &options, NULL) == 0);
    return RIM_DONE;
}

static rim_verdict client_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const rim_listening_event *event = body;
    (void)self;
    (void)msg;
    loss.socket = socket_world_connect(ctx, scenario_current(), "127.0.0.1", event->address.port);
    return RIM_DONE;
}

static rim_verdict client_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)self;
    (void)body;
    (void)msg;
    rim_msg *much = loss.writes ? rim_msg_new(ctx, RIM_USER, BIG) : NULL;
    CHECK(much != NULL || !loss.writes);
    if (much != NULL) {
        memset(rim_body(much), 'x', BIG);
        CHECK(rim_socket_write_msg(ctx, loss.socket, much) == 0);
    }
    return RIM_DONE;
}

static rim_verdict client_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)self;
    (void)body;
    loss.got += rim_size(msg);
    if (loss.got == SOME) { /* so the other side is reset while this one reads on */
        CHECK(rim_socket_write(ctx, loss.socket, "x", 1) == 0);
    }
    return RIM_DONE;
}

static rim_verdict client_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const rim_closed_event *event = body;
    (void)self;
    (void)msg;
    CHECK(event->error == -ECONNRESET || (loss.writes && event->error == -EPIPE));
    CHECK(strncmp(event->text, "connection to 127.0.0.1:", 24) == 0 && strstr(event->text, " lost: ") != NULL);
    CHECK(loss.writes ? event->unwritten > 0 && event->sent < BIG : event->received == SOME && event->sent == 1);
    scenario_done(ctx);
    return RIM_STOP;
}

static const rim_handler client_rows[] = {
    [RIM_LISTENING] = client_listening,
    [RIM_SOCKET_OPEN] = client_open,
    [RIM_SOCKET_DATA] = client_data,
    [RIM_SOCKET_CLOSED] = client_closed,
};
static const rim_behaviour client = {.name = "client",
                                     .on = client_rows,
                                     .on_count = RIM_COUNT(client_rows),
                                     .init = client_init};

void socket_reset_while_it_writes_says_what_was_lost(struct scenario *s) {
    loss = (struct loss){.rude = &hearer, .writes = true};
    socket_world_run(s, &client, &loss);
}

void socket_reset_while_it_reads_is_told_behind_what_came(struct scenario *s) {
    loss = (struct loss){.rude = &speaker};
    socket_world_run(s, &client, &loss);
    SCENARIO_CHECK(s, loss.got == SOME);
}

/* ---- nowhere ---- */

/* There are no connections with a group; in simulation TEST-NET-2 is behind no route. */
static const char *nowhere(void) {
    return scenario_is_sim(scenario_current()) ? "198.51.100.1" : "224.0.0.1";
}

static rim_verdict stray_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    rim_connect_options options = {.host = nowhere(), .port = 9, .timeout_ns = RIM_SECONDS(5)};
    (void)self;
    (void)arg;
    (void)size;
    CHECK(rim_connect(ctx, &options, NULL) == 0);
    return RIM_DONE;
}

static rim_verdict stray_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const rim_closed_event *event = body;
    char text[100] = "connect to ";
    (void)self;
    (void)msg;
    strcat(strcat(text, nowhere()), ":9: network is unreachable");
    CHECK(event->error == -ENETUNREACH && strcmp(event->text, text) == 0);
    scenario_done(ctx);
    return RIM_STOP;
}

static const rim_handler stray_rows[] = {[RIM_SOCKET_CLOSED] = stray_closed};
static const rim_behaviour stray = {.name = "stray",
                                    .on = stray_rows,
                                    .on_count = RIM_COUNT(stray_rows),
                                    .init = stray_init};

void socket_connect_to_nowhere_is_unreachable(struct scenario *s) {
    socket_world_run(s, &stray, &loss);
}

/* ---- without a descriptor ---- */

static rim_verdict poor_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct rlimit all, none;
    (void)self;
    (void)arg;
    (void)size;
    CHECK(getrlimit(RLIMIT_NOFILE, &all) == 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = all.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    rim_connect_options connect = {.host = "127.0.0.1", .port = 9, .timeout_ns = RIM_SECONDS(5)};
    rim_listen_options listen = {.host = "127.0.0.1", .port = 9, .owner = &hearer};
    CHECK(rim_connect(ctx, &connect, NULL) == -EMFILE);
    CHECK(strstr(rim_error_text(ctx), "127.0.0.1:9") != NULL);
    CHECK(rim_listen(ctx, &listen, NULL) == -EMFILE);
    CHECK(strstr(rim_error_text(ctx), "127.0.0.1:9") != NULL);
    connect.host = listen.host = "unix:@poor";
    CHECK(rim_connect(ctx, &connect, NULL) == -EMFILE);
    CHECK(strstr(rim_error_text(ctx), "unix:@poor") != NULL);
    CHECK(rim_listen(ctx, &listen, NULL) == -EMFILE);
    CHECK(strstr(rim_error_text(ctx), "unix:@poor") != NULL);
    CHECK(setrlimit(RLIMIT_NOFILE, &all) == 0);
    scenario_done(ctx);
    return RIM_STOP;
}

static const rim_behaviour poor = {.name = "poor", .init = poor_init};

/* Simulated sockets need none. */
void socket_without_a_descriptor_says_so(struct scenario *s) {
    if (!scenario_is_sim(s)) {
        socket_world_run(s, &poor, &loss);
    }
}
