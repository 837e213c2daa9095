/* SPDX-License-Identifier: MIT */
#include "socket_world.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool socket_world_has_ipv6(struct scenario *s) {
    const struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    if (scenario_is_sim(s)) {
        return true;
    }
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&loopback, sizeof loopback) == 0;
    if (fd >= 0) {
        close(fd);
    }
    if (!has) {
        printf("skipped: there is no IPv6 here\n");
    }
    return has;
}

void socket_world_run(struct scenario *s, const rim_behaviour *boss, void *world) {
    rim_ref ref;
    SCENARIO_CHECK(s, rim_system_spawn(scenario_system(s), boss, NULL, &world, sizeof world, &ref) == 0);
    scenario_run(s, SOCKET_WORLD_LIMIT_NS);
}

void *socket_world_of(const void *arg) {
    void *world;
    memcpy(&world, arg, sizeof world);
    return world;
}

rim_ref socket_world_connect(rim_ctx *ctx, struct scenario *s, const char *host, uint16_t port) {
    rim_connect_options options = {.host = host, .port = port, .timeout_ns = RIM_SECONDS(60)};
    rim_ref socket = RIM_NIL;
    SCENARIO_CHECK(s, rim_connect(ctx, &options, &socket) == 0);
    return socket;
}

rim_ref socket_world_listen(rim_ctx *ctx, struct scenario *s, const rim_behaviour *owner, void *arg) {
    rim_listen_options options = {.host = "127.0.0.1", .owner = owner, .arg = arg};
    rim_ref listener = RIM_NIL;
    SCENARIO_CHECK(s, rim_listen(ctx, &options, &listener) == 0);
    return listener;
}

bool socket_world_is(const void *bytes, size_t size, uint64_t at) {
    const uint8_t *byte = bytes;
    for (size_t i = 0; i < size; i++) {
        if (byte[i] != socket_world_byte(at + i)) {
            return false;
        }
    }
    return true;
}

/* ---- the pump ---- */

static uint32_t next_piece(struct socket_pump *pump) {
    static const uint32_t sizes[] = {1, 13, 700, 1024, 1025, 5003, 30000, 70001};
    return sizes[pump->piece++ % RIM_COUNT(sizes)];
}

bool socket_pump_run(rim_ctx *ctx, struct socket_pump *pump) {
    uint8_t bytes[70001];
    while (pump->written < pump->total) {
        uint64_t left = pump->total - pump->written;
        uint32_t size = next_piece(pump);
        size = size < left ? size : (uint32_t)left;
        for (uint32_t i = 0; i < size; i++) {
            bytes[i] = socket_world_byte(pump->written + i);
        }
        int result = rim_socket_write(ctx, pump->socket, bytes, size);
        if (result == -RIM_EFULL) {
            pump->refusals++;
            (void)rim_want_room(ctx, pump->socket);
            return false;
        }
        if (result != 0) {
            return false; /* RIM_SOCKET_CLOSED says why */
        }
        pump->written += size;
    }
    return true;
}

/* ---- echo ---- */

#define HELD_MAX 1024u /* as many as may wait in its mailbox, at least */

struct echo {
    rim_ref socket;
    rim_msg *held[HELD_MAX]; /* what the socket had no room for, in order */
    uint32_t first, count;
    bool paused;
};

static rim_verdict echo_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)ctx;
    (void)size;
    const rim_connection *connection = arg;
    ((struct echo *)self)->socket = connection->socket;
    return RIM_DONE;
}

static void echo_exit(rim_ctx *ctx, void *self, rim_exit why) {
    (void)why;
    struct echo *echo = self;
    for (; echo->count > 0; echo->count--) {
        rim_msg_free(ctx, echo->held[echo->first++ % HELD_MAX]);
    }
}

static rim_verdict echo_hold(rim_ctx *ctx, struct echo *echo, rim_msg *msg) {
    if (echo->count == HELD_MAX) {
        return rim_fail(ctx, RIM_EXIT_USER, "more came than a paused socket may bring");
    }
    echo->held[(echo->first + echo->count++) % HELD_MAX] = rim_take(ctx, msg);
    if (!echo->paused) {
        echo->paused = true;
        (void)rim_socket_pause(ctx, echo->socket, true);
        (void)rim_want_room(ctx, echo->socket);
    }
    return RIM_DONE;
}

static rim_verdict echo_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct echo *echo = self;
    if (echo->count > 0 || rim_socket_write(ctx, echo->socket, body, rim_size(msg)) == -RIM_EFULL) {
        return echo_hold(ctx, echo, msg);
    }
    return RIM_DONE;
}

static rim_verdict echo_room(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct echo *echo = self;
    while (echo->count > 0) {
        rim_msg *held = echo->held[echo->first % HELD_MAX];
        if (rim_socket_write(ctx, echo->socket, rim_body(held), rim_size(held)) == -RIM_EFULL) {
            (void)rim_want_room(ctx, echo->socket);
            return RIM_DONE;
        }
        rim_msg_free(ctx, held);
        echo->first++;
        echo->count--;
    }
    echo->paused = false;
    (void)rim_socket_pause(ctx, echo->socket, false);
    return RIM_DONE;
}

static const rim_handler echo_rows[] = {[RIM_SOCKET_DATA] = echo_data, [RIM_ROOM] = echo_room};

const rim_behaviour socket_world_echo = {
    .name = "echo",
    .state_size = sizeof(struct echo),
    .on = echo_rows,
    .on_count = RIM_COUNT(echo_rows),
    .init = echo_init,
    .exit = echo_exit,
};
