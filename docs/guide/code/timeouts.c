/* SPDX-License-Identifier: MIT */
/*
 * timeouts.c - a client with a time-out, and a server that never answers.
 */
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/uio.h>

#define UNUSED __attribute__((unused))

static sem_t over;

static rim_verdict ignore(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    return RIM_DONE;
}

static const rim_handler silent_on[] = {[RIM_SOCKET_DATA] = ignore};
static const rim_behaviour silent = {.name = "silent", .on = silent_on, .on_count = RIM_COUNT(silent_on)};

static rim_verdict client_init(rim_ctx *ctx, void *state UNUSED, const void *arg UNUSED, size_t size UNUSED) {
    rim_listen_options options = {
        .host = "127.0.0.1",
        .owner = &silent,
        .socket = {.idle_ns = RIM_SECONDS(60), .keepalive_s = 30}, /* of every connection that is accepted */
    };
    return rim_listen(ctx, &options, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_listening(rim_ctx *ctx, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const rim_listening_event *event = body;
    rim_connect_options options = {
        .host = "127.0.0.1",
        .port = event->address.port,
        .timeout_ns = RIM_SECONDS(5),       /* to connect */
        .socket = {.read_ns = RIM_MS(200)}, /* for what comes then */
    };
    return rim_connect(ctx, &options, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

/* Several pieces, as one write: nobody else's bytes come in between. */
static rim_verdict on_open(rim_ctx *ctx, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const rim_open_event *event = body;
    char head[] = "question: ", text[] = "is anybody there?";
    struct iovec pieces[] = {{head, sizeof head - 1}, {text, sizeof text - 1}};
    rim_socket_state socket;
    if (rim_socket_writev(ctx, event->socket, pieces, 2) != 0 || rim_socket_ask(ctx, event->socket, &socket) != 0) {
        return RIM_FAIL;
    }
    printf("%u bytes are on their way\n", (unsigned)(socket.sent + socket.unsent));
    return RIM_DONE;
}

static rim_verdict on_closed(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const rim_closed_event *event = body;
    printf("no answer: %s\n", rim_error_name(event->error));
    sem_post(&over);
    return RIM_STOP;
}

static const rim_handler client_on[] = {
    [RIM_LISTENING] = on_listening,
    [RIM_SOCKET_OPEN] = on_open,
    [RIM_SOCKET_CLOSED] = on_closed,
};
static const rim_behaviour client = {
    .name = "client",
    .on = client_on,
    .on_count = RIM_COUNT(client_on),
    .init = client_init,
};

int main(void) {
    rim_system *system;
    rim_ref someone;
    sem_init(&over, 0, 0);
    int error = rim_system_create(NULL, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &client, NULL, NULL, 0, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    sem_wait(&over);
    error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
27 bytes are on their way
no answer: ETIMEDOUT
*/
