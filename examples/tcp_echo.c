/* SPDX-License-Identifier: MIT */
/*
 * tcp_echo.c - an echo server: one actor for each connection, spread over the shards.
 *
 * What arrives is written back. A peer that sends without reading fills its socket's mailbox: then the echo keeps what
 * has come, receives nothing more until there is room, and TCP slows the peer. At SIGTERM or SIGINT nothing more is
 * accepted, and the connections have some time to end. With --adopt another process may be listening on the same socket
 * and go on.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ringmail/runtime.h>
#include <ringmail/socket.h>

/* ---- a connection ---- */

struct piece {
    struct piece *next;
    size_t size;
    char bytes[];
};

struct echo {
    rim_ref socket;
    struct piece *first, **last; /* what the socket had no room for, in order */
    bool ended;                  /* the peer sends no more */
};

static rim_verdict echo_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct echo *self = state;
    const rim_connection *connection = arg;
    (void)ctx;
    (void)size;
    self->socket = connection->socket;
    self->last = &self->first;
    return RIM_DONE;
}

/* The actor's own memory is freed with the actor, whatever happens. */
static rim_verdict keep(rim_ctx *ctx, struct echo *self, const void *bytes, size_t size) {
    struct piece *piece = rim_alloc(ctx, sizeof *piece + size);
    if (piece == NULL) {
        return RIM_FAIL;
    }
    *piece = (struct piece){.size = size};
    memcpy(piece->bytes, bytes, size);
    *self->last = piece;
    self->last = &piece->next;
    return RIM_DONE;
}

/* The message itself goes back, with the bytes where they lie. */
static rim_verdict on_data(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct echo *self = state;
    if (self->first != NULL) {
        return keep(ctx, self, body, rim_size(msg));
    }
    rim_msg *taken = rim_take(ctx, msg);
    int error = rim_socket_try_write_msg(ctx, self->socket, &taken);
    rim_verdict verdict = error == 0 || error == -RIM_EDOWN ? RIM_DONE : RIM_FAIL;
    if (error == -RIM_EFULL) {
        rim_want_room(ctx, self->socket);
        rim_socket_pause(ctx, self->socket, true);
        verdict = keep(ctx, self, rim_body(taken), rim_size(taken)); /* a copy: receive buffers are few */
    }
    rim_msg_free(ctx, taken);
    return verdict;
}

static rim_verdict on_room(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct echo *self = state;
    (void)body;
    (void)msg;
    while (self->first != NULL) {
        struct piece *piece = self->first;
        if (rim_socket_write(ctx, self->socket, piece->bytes, piece->size) == -RIM_EFULL) {
            rim_want_room(ctx, self->socket);
            return RIM_DONE;
        }
        self->first = piece->next;
        rim_free(ctx, piece);
    }
    self->last = &self->first;
    rim_socket_pause(ctx, self->socket, false);
    return self->ended ? RIM_STOP : RIM_DONE;
}

/* When the owner ends, the socket sends what was written, and closes. */
static rim_verdict on_end(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct echo *self = state;
    (void)ctx;
    (void)body;
    (void)msg;
    self->ended = true;
    return self->first == NULL ? RIM_STOP : RIM_DONE;
}

static const rim_handler echo_on[] = {
    [RIM_SOCKET_DATA] = on_data,
    [RIM_ROOM] = on_room,
    [RIM_SOCKET_END] = on_end,
};
static const rim_behaviour echo = {
    .name = "echo",
    .state_size = sizeof(struct echo),
    .on = echo_on,
    .on_count = RIM_COUNT(echo_on),
    .init = echo_init,
};

/* ---- the listener ---- */

enum { DRAIN = RIM_USER };
#define PATIENCE_NS RIM_SECONDS(2)

struct plan {
    const char *host;
    uint16_t port;
    bool adopt;
    int adopted;
};

struct server {
    rim_ref listener;
};

static sem_t over;  /* the program may end */
static bool failed; /* before that was said */

static rim_verdict listen_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct server *self = state;
    const struct plan *plan = arg;
    rim_listen_options options = {
        .host = plan->host,
        .port = plan->port,
        .owner = &echo,
        .adopt = plan->adopt,
        .adopted = plan->adopted,
    };
    (void)size;
    if (rim_listen(ctx, &options, &self->listener) != 0) {
        fprintf(stderr, "tcp_echo: %s\n", rim_error_text(ctx));
        failed = true;
        sem_post(&over);
        kill(getpid(), SIGTERM);
        return RIM_FAIL;
    }
    return RIM_DONE;
}

static rim_verdict on_listening(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const rim_listening_event *event = body;
    char text[RIM_ADDRESS_TEXT_MAX];
    (void)state;
    (void)msg;
    printf("tcp_echo: listening on %s, %u shards\n", rim_address_format(&event->address, text), rim_shard_count(ctx));
    fflush(stdout);
    return RIM_DONE;
}

static rim_verdict on_drain(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const struct server *self = state;
    (void)body;
    (void)msg;
    return rim_listener_drain(ctx, self->listener, PATIENCE_NS) == 0 ? RIM_DONE : RIM_STOP;
}

static rim_verdict on_drained(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const rim_drained_event *event = body;
    (void)ctx;
    (void)state;
    (void)msg;
    printf("tcp_echo: drained: %u connections ended, %u were aborted\n", event->ended, event->aborted);
    fflush(stdout);
    return RIM_STOP;
}

/* Whatever it was that ended the server: the program may end. */
static void server_exit(rim_ctx *ctx, void *state, rim_exit why) {
    (void)ctx;
    (void)state;
    (void)why;
    sem_post(&over);
}

static const rim_handler server_on[] = {
    [RIM_LISTENING] = on_listening,
    [RIM_DRAINED] = on_drained,
    [DRAIN] = on_drain,
};
static const rim_behaviour server = {
    .name = "server",
    .state_size = sizeof(struct server),
    .on = server_on,
    .on_count = RIM_COUNT(server_on),
    .init = listen_init,
    .exit = server_exit,
};

/* ---- the program ---- */

static const char help[] =
    "usage: tcp_echo [--host ADDRESS] [--port PORT | --adopt DESCRIPTOR] [--shards N]\n"
    "                [--driver uring|epoll]\n"
    "\n"
    "Sends back what each connection sends, on 127.0.0.1, port 7777 (0: the kernel chooses one).\n"
    "--adopt DESCRIPTOR  accepts from a listening descriptor that this process was given\n"
    "--shards N          works on N cores (default: all)\n"
    "SIGINT or SIGTERM ends it: it accepts no more, and gives the connections two seconds.\n"
    "Exit status: 0, 1 if it cannot listen, 2 for a bad command line.\n";

/* Whether the text is a number, at most this one, and nothing else. */
static bool read_number(const char *text, uint64_t most, uint64_t *out) {
    char *end;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out <= most;
}

/* 0, or the exit status plus one. */
static int read_flags(int argc, char **argv, rim_config *config, struct plan *plan) {
    static const struct option flags[] = {
        {"host", required_argument, NULL, 'o'},
        {"port", required_argument, NULL, 'p'},
        {"adopt", required_argument, NULL, 'a'},
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
        } else if (flag == 'a' && read_number(optarg, INT_MAX, &number)) {
            plan->adopt = true;
            plan->adopted = (int)number;
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

/* Until a signal comes, and then until the listener is drained. */
static int serve(rim_system *system, rim_ref who, const sigset_t *signals) {
    int number;
    sigwait(signals, &number);
    if (rim_system_send(system, who, DRAIN, NULL, 0) == 0) {
        while (sem_wait(&over) != 0) { /* interrupted */
        }
    }
    int error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    return failed ? -ECANCELED : error;
}

int main(int argc, char **argv) {
    rim_config config = {0};
    struct plan plan = {.host = "127.0.0.1", .port = 7777};
    rim_system *system = NULL;
    rim_ref someone;
    sigset_t signals;
    int status = read_flags(argc, argv, &config, &plan);
    if (status != 0) {
        return status - 1;
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* the shards' threads inherit this */
    sem_init(&over, 0, 0);
    int error = rim_system_create(&config, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &server, NULL, &plan, sizeof plan, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error == 0) {
        error = serve(system, someone, &signals);
    }
    if (error != 0 && !failed) {
        fprintf(stderr, "tcp_echo: %s\n", rim_strerror(error));
    }
    rim_system_destroy(system);
    return error != 0 ? 1 : 0;
}
