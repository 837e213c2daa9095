/* SPDX-License-Identifier: MIT */
/*
 * tls_echo.c - an echo server over TLS: as tcp_echo, but for a set-up that the listener is given. SIGHUP reads the
 * certificates anew. With --http it answers each request of a browser or of curl by what was agreed on.
 */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ringmail/runtime.h>
#include <ringmail/tls.h>

struct flags {
    rim_config config;
    rim_tls_options tls;
    rim_tls_certificate certificates[8];
    const char *protocols[8];
    const char *host;
    uint16_t port;
    bool http;
};

struct server {
    rim_tls *tls;
    const struct flags *flags;
};

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
    bool http;
    uint8_t matched; /* of the blank line that ends a request */
    char answer[512];
};

/* From the first turn on it is known who is there. */
static void compose(rim_ctx *ctx, struct echo *self) {
    rim_tls_state tls;
    char text[320] = "";
    if (rim_socket_tls(ctx, self->socket, &tls) == 0) {
        snprintf(text, sizeof text, "TLS 1.%u %s name=%.60s alpn=%.20s resumed=%d client=%.80s\n",
                 (tls.version & 0xffu) - 1u, tls.cipher, tls.name, tls.protocol, tls.resumed,
                 tls.has_certificate ? tls.subject : "-");
    }
    snprintf(self->answer, sizeof self->answer,
             "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s", strlen(text), text);
}

static rim_verdict echo_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct echo *self = state;
    const rim_connection *connection = arg;
    const struct flags *flags = connection->arg;
    (void)size;
    self->socket = connection->socket;
    self->last = &self->first;
    self->http = flags->http;
    if (self->http) {
        compose(ctx, self);
    }
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

static rim_verdict write_or_keep(rim_ctx *ctx, struct echo *self, const void *bytes, size_t size) {
    if (self->first != NULL) {
        return keep(ctx, self, bytes, size);
    }
    int error = rim_socket_write(ctx, self->socket, bytes, size);
    if (error == -RIM_EFULL) {
        rim_want_room(ctx, self->socket);
        rim_socket_pause(ctx, self->socket, true);
        return keep(ctx, self, bytes, size);
    }
    return error == 0 || error == -RIM_EDOWN ? RIM_DONE : RIM_FAIL;
}

static rim_verdict answer_requests(rim_ctx *ctx, struct echo *self, const char *bytes, size_t size) {
    static const char blank[] = "\r\n\r\n";
    rim_verdict verdict = RIM_DONE;
    for (size_t i = 0; i < size && verdict == RIM_DONE; i++) {
        self->matched = bytes[i] == blank[self->matched] ? self->matched + 1 : bytes[i] == '\r';
        if (self->matched == 4) {
            self->matched = 0;
            verdict = write_or_keep(ctx, self, self->answer, strlen(self->answer));
        }
    }
    return verdict;
}

/* The message itself goes back, with the bytes where they lie. */
static rim_verdict on_data(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct echo *self = state;
    if (self->http) {
        return answer_requests(ctx, self, body, rim_size(msg));
    }
    if (self->first != NULL) {
        return keep(ctx, self, body, rim_size(msg));
    }
    rim_msg *taken = rim_take(ctx, msg);
    int error = rim_socket_try_write_msg(ctx, self->socket, &taken);
    rim_verdict verdict = error == 0 || error == -RIM_EDOWN ? RIM_DONE : RIM_FAIL;
    if (error == -RIM_EFULL) {
        rim_want_room(ctx, self->socket);
        rim_socket_pause(ctx, self->socket, true);
        verdict = keep(ctx, self, rim_body(taken), rim_size(taken));
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

/* When the owner ends, the socket sends what was written, says goodbye (close_notify), and closes. */
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

static bool failed; /* and it was said why; before the signal */

static rim_verdict listen_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct server server;
    rim_ref listener;
    (void)state;
    (void)size;
    memcpy(&server, arg, sizeof server);
    rim_listen_options options = {
        .host = server.flags->host, .port = server.flags->port, .owner = &echo, .arg = server.flags, .tls = server.tls};
    if (rim_listen(ctx, &options, &listener) != 0) {
        fprintf(stderr, "tls_echo: %s\n", rim_error_text(ctx));
        failed = true;
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
    printf("tls_echo: listening on %s, %u shards\n", rim_address_format(&event->address, text), rim_shard_count(ctx));
    fflush(stdout);
    return RIM_DONE;
}

static const rim_handler server_on[] = {[RIM_LISTENING] = on_listening};
static const rim_behaviour server_behaviour = {
    .name = "server",
    .on = server_on,
    .on_count = RIM_COUNT(server_on),
    .init = listen_init,
};

/* ---- the program ---- */

static const char help[] =
    "usage: tls_echo --cert FILE --key FILE [--cert FILE --key FILE]... [--host ADDRESS] [--port PORT]\n"
    "                [--shards N] [--driver uring|epoll] [--alpn PROTOCOL]... [--client-ca FILE [--optional]]\n"
    "                [--handshake MS] [--http]\n"
    "\n"
    "Echoes over TLS. A client that asks for a name (SNI) gets the certificate of that name, or the first.\n"
    "SIGHUP reads the files anew. With --client-ca clients must show a certificate, with --optional they may.\n"
    "With --http it does not echo, but answers each request by what was agreed on.\n"
    "--handshake MS   how long one may take (default: 10000)\n"
    "SIGINT or SIGTERM ends it. Exit status: 0, 1 if it cannot listen, 2 for a bad command line.\n";

static const struct option flag_names[] = {
    {"cert", required_argument, NULL, 'c'},
    {"key", required_argument, NULL, 'k'},
    {"host", required_argument, NULL, 'H'},
    {"port", required_argument, NULL, 'p'},
    {"shards", required_argument, NULL, 's'},
    {"driver", required_argument, NULL, 'd'},
    {"alpn", required_argument, NULL, 'a'},
    {"client-ca", required_argument, NULL, 'C'},
    {"handshake", required_argument, NULL, 'n'},
    {"optional", no_argument, NULL, 'o'},
    {"http", no_argument, NULL, 't'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* Whether the text is a number, at most this one, and nothing else. */
static bool read_number(const char *text, uint64_t most, uint64_t *out) {
    char *end;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out <= most;
}

/* Whether the flag, which says something about TLS, can be taken. */
static bool take_tls_flag(struct flags *flags, int flag, uint32_t *keys) {
    rim_tls_options *tls = &flags->tls;
    uint64_t number;
    if (flag == 'c' && tls->certificate_count < RIM_COUNT(flags->certificates)) {
        flags->certificates[tls->certificate_count++].certificate = optarg;
    } else if (flag == 'k' && *keys < RIM_COUNT(flags->certificates)) {
        flags->certificates[(*keys)++].key = optarg;
    } else if (flag == 'a' && tls->alpn_count < RIM_COUNT(flags->protocols)) {
        flags->protocols[tls->alpn_count++] = optarg;
    } else if (flag == 'C') {
        tls->ca_file = optarg;
        tls->verify = tls->verify != RIM_TLS_VERIFY_DEFAULT ? tls->verify : RIM_TLS_VERIFY_REQUIRED;
    } else if (flag == 'o') {
        tls->verify = RIM_TLS_VERIFY_OPTIONAL;
    } else if (flag == 'n' && read_number(optarg, UINT32_MAX, &number)) {
        tls->handshake_ns = RIM_MS(number);
    } else {
        return false;
    }
    return true;
}

static bool take_flag(struct flags *flags, int flag, uint32_t *keys) {
    uint64_t number;
    if (flag == 'p' && read_number(optarg, UINT16_MAX, &number)) {
        flags->port = (uint16_t)number;
    } else if (flag == 'H') {
        flags->host = optarg;
    } else if (flag == 's' && read_number(optarg, 255, &number)) {
        flags->config.shards = (uint32_t)number;
    } else if (flag == 't') {
        flags->http = true;
    } else if (flag == 'd' && (strcmp(optarg, "uring") == 0 || strcmp(optarg, "epoll") == 0)) {
        flags->config.driver = optarg[0] == 'u' ? RIM_DRIVER_URING : RIM_DRIVER_EPOLL;
    } else {
        return take_tls_flag(flags, flag, keys);
    }
    return true;
}

/* 0, or the exit status plus one. */
static int read_flags(int argc, char **argv, struct flags *flags) {
    uint32_t keys = 0;
    int flag;
    while ((flag = getopt_long(argc, argv, "", flag_names, NULL)) != -1) {
        if (!take_flag(flags, flag, &keys)) {
            fputs(help, flag == 'h' ? stdout : stderr);
            return flag == 'h' ? 1 : 3;
        }
    }
    flags->tls.server = true;
    flags->tls.certificates = flags->certificates;
    flags->tls.alpn = flags->tls.alpn_count > 0 ? flags->protocols : NULL;
    if (optind < argc || keys == 0 || keys != flags->tls.certificate_count) {
        fputs(help, stderr);
        return 3;
    }
    return 0;
}

/* Until a signal says that it is over. */
static void serve(const sigset_t *signals, rim_tls *tls) {
    char text[RIM_TLS_TEXT_MAX];
    int number;
    while (sigwait(signals, &number) == 0 && number == SIGHUP) {
        int error = rim_tls_reload(tls, text);
        printf("tls_echo: %s\n", error == 0 ? "reloaded" : text);
        fflush(stdout);
    }
}

static int run(const struct flags *flags, rim_tls *tls, const sigset_t *signals) {
    struct server server = {.tls = tls, .flags = flags};
    rim_system *system = NULL;
    rim_ref someone;
    int error = rim_system_create(&flags->config, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &server_behaviour, NULL, &server, sizeof server, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error == 0) {
        serve(signals, tls);
        error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    }
    rim_system_destroy(system);
    return error;
}

int main(int argc, char **argv) {
    static struct flags flags = {.host = "127.0.0.1", .port = 7443};
    char text[RIM_TLS_TEXT_MAX];
    rim_tls *tls;
    sigset_t signals;
    int status = read_flags(argc, argv, &flags);
    if (status != 0) {
        return status - 1;
    }
    if (rim_tls_create(&flags.tls, &tls, text) != 0) {
        fprintf(stderr, "tls_echo: %s\n", text);
        return 1;
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* the shards' threads inherit this */
    int error = run(&flags, tls, &signals);
    rim_tls_destroy(tls);
    if (error != 0) {
        fprintf(stderr, "tls_echo: %s\n", rim_strerror(error));
    }
    return error != 0 || failed;
}
