/* SPDX-License-Identifier: MIT */
/*
 * faults --driver io_uring|epoll FOLDER [FAULT]: a file and some connections, for `run`, which makes system calls fail
 * under it. Whatever fails is counted and told; nothing may hang, crash, be lost or leak. Exit status: 0, 1 if
 * something of that kind was found, 3 if no system could be made or started, and that was said, 4 if this kernel cannot
 * inject FAULT (inject.h).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ringmail.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "inject.h"

#define UNUSED __attribute__((unused))

enum { CLIENTS = 4, BYTES = 20000, PATIENCE_S = 40, PIECE = 5000 };
enum { BEGIN = RIM_USER };

static struct {
    const char *path;
    sem_t over;
    atomic_uint good, errors;
    uint16_t port;
    unsigned left; /* clients and the file, the first shard's */
} play;

static void note(int error, const char *what, const char *text) {
    if (error == 0) {
        atomic_fetch_add(&play.good, 1);
        return;
    }
    atomic_fetch_add(&play.errors, 1);
    printf("error: %s: %d %s\n", what, error, text);
}

static rim_verdict part_over(void) {
    if (--play.left == 0) {
        sem_post(&play.over);
    }
    return RIM_DONE;
}

/* ---- the file ---- */

struct scribe {
    rim_ref file;
    unsigned asked, outcomes;
};

static rim_verdict on_call(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body UNUSED,
                           rim_msg *msg UNUSED) {
    static const char *const names[] = {"write", "sync", "read", "read", "stat", "truncate"};
    struct scribe *self = state;
    note(error, names[cookie], error != 0 ? rim_error_text(ctx) : "");
    if (++self->outcomes == self->asked) {
        (void)rim_file_close(ctx, self->file); /* one that could not be opened has closed by itself */
    }
    return RIM_DONE;
}

static void call(struct scribe *self, int error, const char *what) {
    self->asked += error == 0;
    if (error != 0) {
        note(error, what, rim_strerror(error));
    }
}

static void call_all(rim_ctx *ctx, struct scribe *self) {
    static char bytes[BYTES];
    rim_file_ask ask = {.file = self->file, .timeout_ns = RIM_SECONDS(10), .on_outcome = on_call};
    call(self, rim_file_write(ctx, &ask, bytes, sizeof bytes, NULL), "write");
    ask.cookie = 1;
    call(self, rim_file_sync(ctx, &ask, false, NULL), "sync");
    ask.cookie = 2;
    call(self, rim_file_read_exact(ctx, &ask, PIECE, NULL), "read");
    ask.cookie = 3;
    ask.offset = PIECE;
    call(self, rim_file_read(ctx, &ask, PIECE, NULL), "read");
    ask.cookie = 4;
    call(self, rim_file_stat(ctx, &ask, NULL), "stat");
    ask.cookie = 5;
    call(self, rim_file_truncate(ctx, &ask, NULL), "truncate");
}

static rim_verdict scribe_begin(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct scribe *self = state;
    rim_file_options options = {.path = play.path, .flags = O_RDWR | O_CREAT};
    int error = rim_file_open(ctx, &options, &self->file);
    note(error, "open", rim_error_text(ctx));
    if (error != 0) {
        return part_over();
    }
    call_all(ctx, self);
    return RIM_DONE;
}

static rim_verdict scribe_closed(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const rim_file_closed_event *event = body;
    note(event->error, "open", event->text);
    return part_over();
}

static const rim_handler scribe_on[] = {[BEGIN] = scribe_begin, [RIM_FILE_CLOSED] = scribe_closed};
static const rim_behaviour scribe = {.name = "scribe",
                                     .state_size = sizeof(struct scribe),
                                     .on = scribe_on,
                                     .on_count = RIM_COUNT(scribe_on)};

/* ---- connections ---- */

static rim_verdict echo_data(rim_ctx *ctx, void *state UNUSED, const void *body, rim_msg *msg) {
    (void)rim_socket_write(ctx, rim_from(msg), body, rim_size(msg));
    return RIM_DONE;
}
static const rim_handler echo_on[] = {[RIM_SOCKET_DATA] = echo_data};
static const rim_behaviour echo = {.name = "echo", .on = echo_on, .on_count = RIM_COUNT(echo_on)};

struct client {
    rim_ref socket;
    size_t heard;
};

static rim_verdict client_begin(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct client *self = state;
    rim_connect_options options = {.host = "127.0.0.1",
                                   .port = play.port,
                                   .timeout_ns = RIM_SECONDS(3),
                                   .socket = {.idle_ns = RIM_SECONDS(3)}};
    int error = rim_connect(ctx, &options, &self->socket);
    if (error != 0) {
        note(error, "connect", rim_error_text(ctx));
        return part_over();
    }
    return RIM_DONE;
}

static rim_verdict client_open(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    static const char bytes[BYTES];
    struct client *self = state;
    int error = rim_socket_write(ctx, self->socket, bytes, sizeof bytes);
    note(error, "write to a socket", rim_strerror(error));
    return RIM_DONE;
}

static rim_verdict client_data(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg) {
    struct client *self = state;
    self->heard += rim_size(msg);
    return self->heard < BYTES || rim_socket_close(ctx, self->socket) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict client_closed(rim_ctx *ctx UNUSED, void *state, const void *body, rim_msg *msg UNUSED) {
    const struct client *self = state;
    const rim_closed_event *event = body;
    note(event->error == 0 && self->heard < BYTES ? -EPIPE : event->error, "connection", event->text);
    return part_over();
}

static const rim_handler client_on[] = {[BEGIN] = client_begin,
                                        [RIM_SOCKET_OPEN] = client_open,
                                        [RIM_SOCKET_DATA] = client_data,
                                        [RIM_SOCKET_CLOSED] = client_closed};
static const rim_behaviour client = {.name = "client",
                                     .state_size = sizeof(struct client),
                                     .on = client_on,
                                     .on_count = RIM_COUNT(client_on)};

/* ---- who begins ---- */

static rim_verdict host_begin(rim_ctx *ctx, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    rim_listen_options options = {.host = "127.0.0.1", .owner = &echo};
    rim_ref scribe_ref, listener;
    play.left = 2;
    int error = rim_spawn(ctx, &scribe, NULL, NULL, 0, &scribe_ref);
    if (error != 0 || rim_send(ctx, scribe_ref, BEGIN, NULL, 0) != 0) {
        note(-ENOMEM, "spawn", "");
        (void)part_over();
    }
    error = rim_listen(ctx, &options, &listener);
    if (error != 0) {
        note(error, "listen", rim_error_text(ctx));
        (void)part_over();
    }
    return RIM_DONE;
}

/* The clients are on the host's shard: what they count is not shared. */
static rim_verdict host_listening(rim_ctx *ctx, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    play.port = ((const rim_listening_event *)body)->address.port;
    for (int i = 0; i < CLIENTS; i++) {
        rim_ref ref;
        if (rim_spawn(ctx, &client, NULL, NULL, 0, &ref) == 0 && rim_send(ctx, ref, BEGIN, NULL, 0) == 0) {
            play.left++;
        }
    }
    return part_over();
}

static const rim_handler host_on[] = {[BEGIN] = host_begin, [RIM_LISTENING] = host_listening};
static const rim_behaviour host = {.name = "host", .on = host_on, .on_count = RIM_COUNT(host_on)};

static void tell(void *arg UNUSED, int level UNUSED, const char *text) {
    fprintf(stderr, "log: %s\n", text);
}

static int refuse(const char *what, int error) {
    printf("refused: %s: %s\n", what, rim_strerror(error));
    return 3;
}

static int wait_and_stop(rim_system *system) {
    struct timespec until;
    rim_stop_report report;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    int hangs = 0;
    while (sem_timedwait(&play.over, &until) != 0) {
        if (errno != EINTR) {
            hangs = 1;
            break;
        }
    }
    int error = rim_system_stop(system, RIM_SECONDS(10), &report);
    printf("struck %u\n", inject_count());
    printf("good %u errors %u%s stop %d%s%s\n", atomic_load(&play.good), atomic_load(&play.errors),
           hangs ? " HANGS" : "", error, report.adds_up ? "" : " DOES NOT ADD UP", report.leaks ? " LEAKS" : "");
    rim_system_destroy(system);
    return hangs || error != 0 || !report.adds_up || report.leaks;
}

int main(int argc, char **argv) {
    rim_config config = {.shards = 2, .log = tell};
    rim_system *system = NULL;
    rim_ref ref;
    char path[200];
    if (argc < 4 || argc > 5 || strcmp(argv[1], "--driver") != 0) {
        return 2;
    }
    int injected = argc == 5 ? inject_set(argv[4]) : 0;
    if (injected != 0) {
        printf("%s: %s\n", argv[4], strerror(-injected));
        return injected == -EOPNOTSUPP ? 4 : 2;
    }
    snprintf(path, sizeof path, "%s/file", argv[3]);
    play.path = path;
    sem_init(&play.over, 0, 0);
    config.driver = strcmp(argv[2], "epoll") == 0 ? RIM_DRIVER_EPOLL : RIM_DRIVER_URING;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (write(STDERR_FILENO, "begin\n", 6) != 6) { /* for who counts the calls before it */
        return 2;
    }
    int error = rim_system_create(&config, &system);
    if (error != 0) {
        return refuse("create", error);
    }
    error = rim_system_spawn(system, &host, NULL, NULL, 0, &ref);
    error = error != 0 ? error : rim_system_send(system, ref, BEGIN, NULL, 0);
    error = error != 0 ? error : rim_system_start(system);
    if (error != 0) {
        rim_system_destroy(system);
        return refuse("start", error);
    }
    return wait_and_stop(system);
}
