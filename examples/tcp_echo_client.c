/* SPDX-License-Identifier: MIT */
/*
 * tcp_echo_client.c - sends bytes to an echo server over some connections, compares what comes back, and says how it
 * went: tcp_echo_client --port 7777 --connections 10 --bytes 1000000.
 *
 * Each connection is an actor. It writes until its socket is full, waits for room, and ends when all has come back.
 * What goes wrong is told with the peer's name: nobody listens, no answer, a reset.
 */
#include <getopt.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ringmail/runtime.h>
#include <ringmail/socket.h>

#define PIECE 16384u

struct plan {
    const char *host;
    uint16_t port;
    uint32_t connections;
    uint64_t bytes;      /* over each of them */
    uint64_t timeout_ns; /* to connect, and of silence */
};

static sem_t over; /* posted by each connection */
static atomic_uint failures;

struct client {
    const struct plan *plan;
    rim_ref socket;
    uint64_t written, received;
    bool is_good; /* all came back */
};

static char byte_at(uint64_t position) {
    return (char)(position * 31 + (position >> 8));
}

static rim_verdict client_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct client *self = state;
    (void)size;
    memcpy(&self->plan, arg, sizeof self->plan);
    rim_connect_options options = {
        .host = self->plan->host,
        .port = self->plan->port,
        .timeout_ns = self->plan->timeout_ns,
        .socket = {.idle_ns = self->plan->timeout_ns},
    };
    if (rim_connect(ctx, &options, &self->socket) != 0) {
        fprintf(stderr, "tcp_echo_client: %s\n", rim_error_text(ctx));
        return RIM_STOP;
    }
    return RIM_DONE;
}

/* RIM_SOCKET_OPEN, and RIM_ROOM where the socket was full. */
static rim_verdict on_may_write(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct client *self = state;
    (void)body;
    (void)msg;
    while (self->written < self->plan->bytes) {
        char bytes[PIECE];
        uint64_t left = self->plan->bytes - self->written;
        size_t size = left < sizeof bytes ? (size_t)left : sizeof bytes;
        for (size_t i = 0; i < size; i++) {
            bytes[i] = byte_at(self->written + i);
        }
        int error = rim_socket_write(ctx, self->socket, bytes, size);
        if (error == -RIM_EFULL) {
            return rim_want_room(ctx, self->socket) == 0 ? RIM_DONE : RIM_FAIL;
        }
        if (error != 0) {
            return RIM_DONE; /* RIM_SOCKET_CLOSED says why */
        }
        self->written += size;
    }
    (void)rim_socket_shutdown(ctx, self->socket); /* the server may end when it has answered */
    return RIM_DONE;
}

static rim_verdict on_data(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct client *self = state;
    const char *bytes = body;
    for (size_t i = 0; i < rim_size(msg); i++) {
        if (bytes[i] != byte_at(self->received + i)) {
            fprintf(stderr, "tcp_echo_client: byte %llu is not what was sent\n",
                    (unsigned long long)(self->received + i));
            (void)rim_socket_abort(ctx, self->socket);
            return RIM_DONE;
        }
    }
    self->received += rim_size(msg);
    return RIM_DONE;
}

static rim_verdict on_closed(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct client *self = state;
    const rim_closed_event *event = body;
    (void)ctx;
    (void)msg;
    if (event->error != 0) {
        fprintf(stderr, "tcp_echo_client: %s\n", event->text);
    } else if (self->received != self->plan->bytes) {
        fprintf(stderr, "tcp_echo_client: %llu bytes came back instead of %llu\n", (unsigned long long)self->received,
                (unsigned long long)self->plan->bytes);
    }
    self->is_good = event->error == 0 && self->received == self->plan->bytes;
    return RIM_STOP;
}

/* Whatever it was that ended it. */
static void client_exit(rim_ctx *ctx, void *state, rim_exit why) {
    const struct client *self = state;
    (void)ctx;
    (void)why;
    atomic_fetch_add(&failures, self->is_good ? 0 : 1);
    sem_post(&over);
}

static const rim_handler client_on[] = {
    [RIM_SOCKET_OPEN] = on_may_write,
    [RIM_ROOM] = on_may_write,
    [RIM_SOCKET_DATA] = on_data,
    [RIM_SOCKET_CLOSED] = on_closed,
};
static const rim_behaviour client = {
    .name = "client",
    .state_size = sizeof(struct client),
    .on = client_on,
    .on_count = RIM_COUNT(client_on),
    .init = client_init,
    .exit = client_exit,
};

/* ---- the program ---- */

static const char help[] =
    "usage: tcp_echo_client [--host HOST] [--port PORT] [--connections N] [--bytes N] [--timeout SECONDS]\n"
    "                       [--shards N] [--driver uring|epoll]\n"
    "\n"
    "Sends N bytes (1000000) over each of N connections (1) to an echo at HOST (127.0.0.1), port\n"
    "7777, and looks whether the same bytes come back. A connection fails that takes longer to\n"
    "be made, or is silent for longer, than the timeout (5).\n"
    "Exit status: 0, 1 if a connection has failed, 2 for a bad command line.\n";

/* Whether the text is a number, at most this one, and nothing else. */
static bool read_number(const char *text, uint64_t most, uint64_t *out) {
    char *end;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out <= most;
}

static bool read_seconds(const char *text, uint64_t *out_ns) {
    char *end;
    double seconds = strtod(text, &end);
    bool is_good = end != text && *end == '\0' && seconds >= 1e-9 && seconds <= 1e9;
    *out_ns = is_good ? (uint64_t)(seconds * 1e9) : 0;
    return is_good;
}

/* 0, or the exit status plus one. */
static int read_flags(int argc, char **argv, rim_config *config, struct plan *plan) {
    static const struct option flags[] = {
        {"host", required_argument, NULL, 'o'},
        {"port", required_argument, NULL, 'p'},
        {"connections", required_argument, NULL, 'c'},
        {"bytes", required_argument, NULL, 'b'},
        {"timeout", required_argument, NULL, 't'},
        {"shards", required_argument, NULL, 's'},
        {"driver", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    uint64_t number;
    int flag;
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (flag == 'o') {
            plan->host = optarg;
        } else if (flag == 'p' && read_number(optarg, UINT16_MAX, &number)) {
            plan->port = (uint16_t)number;
        } else if (flag == 'c' && read_number(optarg, 100000, &number) && number > 0) {
            plan->connections = (uint32_t)number;
        } else if (flag == 'b' && read_number(optarg, UINT64_MAX - 1, &number)) {
            plan->bytes = number;
        } else if (flag == 't' && read_seconds(optarg, &plan->timeout_ns)) {
            continue;
        } else if (flag == 's' && read_number(optarg, 255, &number)) {
            config->shards = (uint32_t)number;
        } else if (flag == 'd' && (strcmp(optarg, "uring") == 0 || strcmp(optarg, "epoll") == 0)) {
            config->driver = optarg[0] == 'u' ? RIM_DRIVER_URING : RIM_DRIVER_EPOLL;
        } else {
            fputs(help, flag == 'h' ? stdout : stderr);
            return flag == 'h' ? 1 : 3;
        }
    }
    if (optind < argc) {
        fputs(help, stderr);
        return 3;
    }
    return 0;
}

static int run(rim_system *system, const struct plan *plan) {
    rim_ref someone;
    int error = rim_system_start(system);
    if (error != 0) {
        return error;
    }
    for (uint32_t i = 0; i < plan->connections && error == 0; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i % rim_system_shards(system)};
        error = rim_system_spawn(system, &client, &options, &plan, sizeof plan, &someone);
    }
    for (uint32_t i = 0; i < plan->connections && error == 0; i++) {
        while (sem_wait(&over) != 0) { /* interrupted */
        }
    }
    int stopped = rim_system_stop(system, RIM_SECONDS(5), NULL);
    return error != 0 ? error : stopped;
}

int main(int argc, char **argv) {
    rim_config config = {.log_level = -1}; /* what fails is told below */
    struct plan plan = {.host = "127.0.0.1", .port = 7777, .connections = 1, .bytes = 1000000};
    rim_system *system = NULL;
    plan.timeout_ns = RIM_SECONDS(5);
    int status = read_flags(argc, argv, &config, &plan);
    if (status != 0) {
        return status - 1;
    }
    sem_init(&over, 0, 0);
    int error = rim_system_create(&config, &system);
    error = error != 0 ? error : run(system, &plan);
    rim_system_destroy(system);
    if (error != 0) {
        fprintf(stderr, "tcp_echo_client: %s\n", rim_strerror(error));
        return 1;
    }
    unsigned failed = atomic_load(&failures);
    printf("%u connections, %llu bytes each, %u failed\n", plan.connections, (unsigned long long)plan.bytes, failed);
    return failed == 0 ? 0 : 1;
}
