/* SPDX-License-Identifier: MIT */
/*
 * sockets.c - a server that echoes, and a client, in one process.
 */
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#define UNUSED __attribute__((unused))

static sem_t over;

/* ---- the server's side of a connection: spawned by the listener, one for each ---- */

static rim_verdict on_server_data(rim_ctx *ctx, void *state UNUSED, const void *body UNUSED, rim_msg *msg) {
    rim_ref socket = rim_from(msg);
    rim_msg *bytes = rim_take(ctx, msg);
    if (bytes == NULL) {
        return RIM_FAIL;
    }
    return rim_socket_write_msg(ctx, socket, bytes) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler echo_on[] = {[RIM_SOCKET_DATA] = on_server_data};
static const rim_behaviour echo = {.name = "echo", .on = echo_on, .on_count = RIM_COUNT(echo_on)};

/* ---- the client ---- */

static const char greeting[] = "hello, socket";

struct client {
    size_t heard;
};

static rim_verdict client_init(rim_ctx *ctx, void *state UNUSED, const void *arg, size_t size) {
    rim_connect_options options = {.host = "127.0.0.1", .timeout_ns = RIM_SECONDS(5)};
    if (size != sizeof options.port) {
        return RIM_FAIL;
    }
    memcpy(&options.port, arg, size);
    if (rim_connect(ctx, &options, NULL) != 0) {
        fprintf(stderr, "%s\n", rim_error_text(ctx));
        return RIM_FAIL;
    }
    return RIM_DONE;
}

static rim_verdict on_open(rim_ctx *ctx, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const rim_open_event *event = body;
    return rim_socket_write(ctx, event->socket, greeting, sizeof greeting - 1) == 0 ? RIM_DONE : RIM_FAIL;
}

/* TCP is a stream of bytes: what was written at once may arrive in pieces. */
static rim_verdict on_data(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct client *self = state;
    printf("%.*s", (int)rim_size(msg), (const char *)body);
    self->heard += rim_size(msg);
    if (self->heard == sizeof greeting - 1) {
        printf("\n");
        rim_socket_close(ctx, rim_from(msg));
    }
    return RIM_DONE;
}

static rim_verdict on_closed(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const rim_closed_event *event = body;
    printf("closed: %s, %u bytes sent, %u received\n", event->error == 0 ? "well" : event->text, (unsigned)event->sent,
           (unsigned)event->received);
    sem_post(&over);
    return RIM_STOP;
}

static const rim_handler client_on[] = {
    [RIM_SOCKET_OPEN] = on_open,
    [RIM_SOCKET_DATA] = on_data,
    [RIM_SOCKET_CLOSED] = on_closed,
};
static const rim_behaviour client = {
    .name = "client",
    .state_size = sizeof(struct client),
    .on = client_on,
    .on_count = RIM_COUNT(client_on),
    .init = client_init,
};

/* ---- the one who listens, and sends the client when the port is known ---- */

static rim_verdict host_init(rim_ctx *ctx, void *state UNUSED, const void *arg UNUSED, size_t size UNUSED) {
    rim_listen_options options = {.host = "127.0.0.1", .owner = &echo};
    if (rim_listen(ctx, &options, NULL) != 0) {
        fprintf(stderr, "%s\n", rim_error_text(ctx));
        return RIM_FAIL;
    }
    return RIM_DONE;
}

static rim_verdict on_listening(rim_ctx *ctx, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const rim_listening_event *event = body;
    rim_ref someone;
    int error = rim_spawn(ctx, &client, NULL, &event->address.port, sizeof event->address.port, &someone);
    return error == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler host_on[] = {[RIM_LISTENING] = on_listening};
static const rim_behaviour host = {
    .name = "host",
    .on = host_on,
    .on_count = RIM_COUNT(host_on),
    .init = host_init,
};

int main(void) {
    rim_system *system;
    rim_ref someone;
    sem_init(&over, 0, 0);
    int error = rim_system_create(NULL, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &host, NULL, NULL, 0, &someone);
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
hello, socket
closed: well, 13 bytes sent, 13 received
*/
