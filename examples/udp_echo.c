/* SPDX-License-Identifier: MIT */
/*
 * udp_echo.c - an echo for datagrams: a socket on each shard, all of one port, over which the kernel spreads who sends.
 *
 * What came in a tick goes back in one system call (the option gather). What is sent to a host with several addresses
 * is answered from the one that was meant.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ringmail/datagram.h>
#include <ringmail/runtime.h>

static struct {
    const char *host;
    uint16_t port;
} plan = {"127.0.0.1", 7777};

static bool failed; /* and it was said why; before the signal */

/* ---- a socket ---- */

struct echo {
    rim_ref socket;
    uint64_t unanswered;
    bool is_first; /* it takes the port, and then there are others */
};

static int open_socket(rim_ctx *ctx, struct echo *self) {
    rim_datagram_options options = {
        .host = plan.host,
        .port = plan.port,
        .spread = rim_shard_count(ctx) > 1,
        .gather = true,
        .size_max = 16384,
        .tell_way = strcmp(plan.host, "127.0.0.1") != 0,
    };
    int error = rim_datagram_open(ctx, &options, &self->socket);
    if (error != 0) {
        fprintf(stderr, "udp_echo: %s\n", rim_error_text(ctx));
        failed = true;
        kill(getpid(), SIGTERM);
    }
    return error;
}

static void announce(rim_ctx *ctx, const struct echo *self) {
    char text[RIM_ADDRESS_TEXT_MAX];
    rim_datagram_state state;
    if (rim_datagram_ask(ctx, self->socket, &state) == 0) {
        plan.port = state.local.port;
        printf("udp_echo: on %s, %u shards\n", rim_address_format(&state.local, text), rim_shard_count(ctx));
        fflush(stdout);
    }
}

static const rim_behaviour echo;

static rim_verdict echo_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct echo *self = state;
    (void)size;
    memcpy(&self->is_first, arg, sizeof self->is_first);
    if (open_socket(ctx, self) != 0) {
        return RIM_FAIL;
    }
    for (uint32_t shard = 0; self->is_first && shard < rim_shard_count(ctx); shard++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = shard};
        rim_ref other;
        if (shard == 0) {
            announce(ctx, self);
        }
        if (shard != rim_shard_index(ctx) &&
            rim_spawn(ctx, &echo, &options, &(bool){false}, sizeof(bool), &other) != 0) {
            return RIM_FAIL;
        }
    }
    return RIM_DONE;
}

/* An error is about an earlier one, whose sender has gone: nothing is to be done. */
static rim_verdict on_datagram(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct echo *self = state;
    const rim_datagram_event *event = body;
    (void)msg;
    if (event->error != 0) {
        return RIM_DONE;
    }
    const void *bytes = rim_datagram_bytes(event);
    rim_datagram_letter letter = {.to = &event->from, .way = &event->way, .bytes = bytes, .size = event->size};
    int error = event->way.family == 0 ? rim_datagram_send(ctx, self->socket, &event->from, bytes, event->size)
                                       : rim_datagram_send_many(ctx, self->socket, &letter, 1, NULL);
    self->unanswered += error != 0; /* as if the network had lost it */
    return RIM_DONE;
}

static const rim_handler echo_on[] = {[RIM_DATAGRAM] = on_datagram};
static const rim_behaviour echo = {
    .name = "echo",
    .state_size = sizeof(struct echo),
    .on = echo_on,
    .on_count = RIM_COUNT(echo_on),
    .init = echo_init,
};

/* ---- the program ---- */

static const char help[] = "usage: udp_echo [--host ADDRESS] [--port PORT] [--shards N] [--driver uring|epoll]\n"
                           "\n"
                           "Sends each datagram back to where it came from, on 127.0.0.1, port 7777 (0: the kernel\n"
                           "chooses one), on N cores (default: all). SIGINT or SIGTERM ends it.\n"
                           "Exit status: 0, 1 if it cannot have the port, 2 for a bad command line.\n";

/* Whether the text is a number, at most this one, and nothing else. */
static bool read_number(const char *text, uint64_t most, uint64_t *out) {
    char *end;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out <= most;
}

/* 0, or the exit status plus one. */
static int read_flags(int argc, char **argv, rim_config *config) {
    static const struct option flags[] = {
        {"host", required_argument, NULL, 'o'},   {"port", required_argument, NULL, 'p'},
        {"shards", required_argument, NULL, 's'}, {"driver", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    uint64_t number;
    int flag;
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (flag == 'o') {
            plan.host = optarg;
        } else if (flag == 'p' && read_number(optarg, UINT16_MAX, &number)) {
            plan.port = (uint16_t)number;
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

int main(int argc, char **argv) {
    rim_config config = {0};
    rim_system *system = NULL;
    rim_ref first = RIM_NIL;
    sigset_t signals;
    int number;
    int status = read_flags(argc, argv, &config);
    if (status != 0) {
        return status - 1;
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* the shards' threads inherit this */
    int error = rim_system_create(&config, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &echo, NULL, &(bool){true}, sizeof(bool), &first);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error == 0) {
        sigwait(&signals, &number);
        error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    }
    if (error != 0) {
        fprintf(stderr, "udp_echo: %s\n", rim_strerror(error));
    }
    rim_system_destroy(system);
    return error != 0 || failed ? 1 : 0;
}
