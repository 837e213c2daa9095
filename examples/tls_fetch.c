/* SPDX-License-Identifier: MIT */
/*
 * tls_fetch.c - a TLS client: sends what it reads from its standard input, and writes what comes back to its standard
 * output, until the server ends. What was agreed on, and what went wrong, is on its standard error.
 */
#include <getopt.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ringmail/runtime.h>
#include <ringmail/tls.h>

struct fetch {
    const char *host, *name;
    uint16_t port;
    bool half_close; /* says when all is sent: some servers wait for that, others go away then */
    rim_tls *tls;
    char *bytes;
    size_t size, sent;
    rim_ref socket;
    int error;
    sem_t over;
};

static rim_verdict init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct fetch *self;
    (void)size;
    memcpy(&self, arg, sizeof self);
    memcpy(state, arg, sizeof self);
    rim_connect_options options = {
        .host = self->host, .port = self->port, .timeout_ns = RIM_SECONDS(5), .tls = self->tls, .tls_name = self->name};
    self->error = rim_connect(ctx, &options, &self->socket);
    if (self->error != 0) {
        fprintf(stderr, "tls_fetch: %s\n", rim_error_text(ctx));
        sem_post(&self->over);
    }
    return RIM_DONE;
}

static rim_verdict send_on(rim_ctx *ctx, struct fetch *self) {
    while (self->sent < self->size) {
        size_t left = self->size - self->sent;
        size_t part = left < 65536 ? left : 65536;
        int error = rim_socket_write(ctx, self->socket, self->bytes + self->sent, part);
        if (error == -RIM_EFULL) {
            rim_want_room(ctx, self->socket);
            return RIM_DONE;
        }
        if (error != 0) {
            return RIM_DONE; /* RIM_SOCKET_CLOSED says why */
        }
        self->sent += part;
    }
    if (self->half_close) {
        rim_socket_shutdown(ctx, self->socket);
    }
    return RIM_DONE;
}

static rim_verdict on_open(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct fetch *self = *(struct fetch **)state;
    rim_tls_state tls;
    (void)body;
    (void)msg;
    if (rim_socket_tls(ctx, self->socket, &tls) == 0) {
        fprintf(stderr, "tls_fetch: TLS 1.%u, %s, %s%s%s\n", (tls.version & 0xffu) - 1u, tls.cipher, tls.subject,
                tls.protocol[0] != '\0' ? ", " : "", tls.protocol);
    }
    return send_on(ctx, self);
}

static rim_verdict on_room(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    return send_on(ctx, *(struct fetch **)state);
}

static rim_verdict on_data(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)state;
    (void)fwrite(body, 1, rim_size(msg), stdout);
    return RIM_DONE;
}

static rim_verdict on_closed(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct fetch *self = *(struct fetch **)state;
    const rim_closed_event *event = body;
    (void)ctx;
    (void)msg;
    self->error = event->error;
    if (event->error != 0) {
        fprintf(stderr, "tls_fetch: %s\n", event->text);
    }
    sem_post(&self->over);
    return RIM_STOP;
}

static const rim_handler rows[] = {
    [RIM_SOCKET_OPEN] = on_open, [RIM_ROOM] = on_room, [RIM_SOCKET_DATA] = on_data, [RIM_SOCKET_CLOSED] = on_closed};
static const rim_behaviour fetcher = {
    .name = "fetch",
    .state_size = sizeof(struct fetch *),
    .on = rows,
    .on_count = RIM_COUNT(rows),
    .init = init,
};

/* ---- the program ---- */

static const char help[] =
    "usage: tls_fetch [--ca FILE | --insecure] [--name NAME] [--alpn PROTOCOL] [--cert FILE --key FILE]\n"
    "                 [--driver uring|epoll] [--half-close] HOST PORT\n"
    "Sends its standard input over TLS, and prints what comes back until the server ends.\n";

static const struct option flag_names[] = {
    {"ca", required_argument, NULL, 'c'},   {"insecure", no_argument, NULL, 'i'},
    {"name", required_argument, NULL, 'n'}, {"alpn", required_argument, NULL, 'a'},
    {"cert", required_argument, NULL, 'C'}, {"key", required_argument, NULL, 'k'},
    {"half-close", no_argument, NULL, 'e'}, {"driver", required_argument, NULL, 'd'},
    {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0},
};

struct flags {
    rim_config config;
    rim_tls_options tls;
    rim_tls_certificate certificate;
    const char *protocol;
};

static bool take_flag(struct flags *flags, struct fetch *fetch, int flag) {
    if (flag == 'c') {
        flags->tls.ca_file = optarg;
    } else if (flag == 'i') {
        flags->tls.verify = RIM_TLS_VERIFY_NONE;
    } else if (flag == 'n') {
        fetch->name = optarg;
    } else if (flag == 'a') {
        flags->protocol = optarg;
    } else if (flag == 'C') {
        flags->certificate.certificate = optarg;
    } else if (flag == 'k') {
        flags->certificate.key = optarg;
    } else if (flag == 'e') {
        fetch->half_close = true;
    } else if (flag == 'd' && (strcmp(optarg, "uring") == 0 || strcmp(optarg, "epoll") == 0)) {
        flags->config.driver = optarg[0] == 'u' ? RIM_DRIVER_URING : RIM_DRIVER_EPOLL;
    } else {
        return false;
    }
    return true;
}

/* 0, or the exit status plus one. */
static int read_flags(int argc, char **argv, struct flags *flags, struct fetch *fetch) {
    int flag;
    while ((flag = getopt_long(argc, argv, "", flag_names, NULL)) != -1) {
        if (!take_flag(flags, fetch, flag)) {
            fputs(help, flag == 'h' ? stdout : stderr);
            return flag == 'h' ? 1 : 3;
        }
    }
    if (argc - optind != 2) {
        fputs(help, stderr);
        return 3;
    }
    fetch->host = argv[optind];
    char *end;
    unsigned long port = strtoul(argv[optind + 1], &end, 10);
    if (*end != '\0' || port == 0 || port > UINT16_MAX) {
        fputs(help, stderr);
        return 3;
    }
    fetch->port = (uint16_t)port;
    if (flags->certificate.certificate != NULL) {
        flags->tls.certificates = &flags->certificate;
        flags->tls.certificate_count = 1;
    }
    if (flags->protocol != NULL) {
        flags->tls.alpn = &flags->protocol;
        flags->tls.alpn_count = 1;
    }
    return 0;
}

static bool read_all(struct fetch *fetch) {
    size_t room = 0;
    ssize_t count;
    do {
        if (room - fetch->size < 65536) {
            room = room * 2 + 65536;
            char *bytes = realloc(fetch->bytes, room);
            if (bytes == NULL) {
                return false;
            }
            fetch->bytes = bytes;
        }
        count = read(STDIN_FILENO, fetch->bytes + fetch->size, room - fetch->size);
        fetch->size += count > 0 ? (size_t)count : 0;
    } while (count > 0);
    return count == 0;
}

static int run(const rim_config *config, struct fetch *fetch) {
    rim_system *system;
    rim_ref someone;
    int error = rim_system_create(config, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &fetcher, NULL, &fetch, sizeof fetch, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error == 0) {
        sem_wait(&fetch->over);
        error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    }
    if (error != 0) {
        fprintf(stderr, "tls_fetch: %s\n", rim_strerror(error));
        return error;
    }
    rim_system_destroy(system);
    return fetch->error;
}

int main(int argc, char **argv) {
    static struct flags flags = {.config.shards = 1};
    static struct fetch fetch;
    char text[RIM_TLS_TEXT_MAX];
    int status = read_flags(argc, argv, &flags, &fetch);
    if (status != 0) {
        return status - 1;
    }
    if (rim_tls_create(&flags.tls, &fetch.tls, text) != 0) {
        fprintf(stderr, "tls_fetch: %s\n", text);
        return 1;
    }
    sem_init(&fetch.over, 0, 0);
    int error = read_all(&fetch) ? run(&flags.config, &fetch) : 1;
    rim_tls_destroy(fetch.tls);
    free(fetch.bytes);
    return error != 0;
}
