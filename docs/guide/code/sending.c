/* SPDX-License-Identifier: MIT */
/*
 * sending.c - a server that sends a large message and a file to whoever connects, and copies neither.
 */
#include <fcntl.h>
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

enum { HELLO = RIM_USER, HELLO_SIZE = 100000 };

static sem_t over;
static char path[64];

/* ---- the owner of each connection ---- */

struct sender {
    rim_ref socket;
};

static rim_verdict on_sent(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body,
                           rim_msg *msg UNUSED) {
    const struct sender *self = state;
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_error_text(ctx));
        return RIM_FAIL;
    }
    printf("%u bytes of the file have left\n", (unsigned)((const rim_file_result *)body)->bytes);
    return rim_socket_close(ctx, self->socket) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict sender_init(rim_ctx *ctx, void *state, const void *arg, size_t size UNUSED) {
    struct sender *self = state;
    rim_file_options options = {.path = path, .flags = O_RDONLY}; /* only read: the kernel may send it by itself */
    rim_file_ask ask = {.timeout_ns = RIM_SECONDS(30), .on_outcome = on_sent};
    self->socket = ((const rim_connection *)arg)->socket;
    rim_msg *hello = rim_msg_new(ctx, HELLO, HELLO_SIZE);
    if (hello == NULL) {
        return RIM_FAIL;
    }
    memset(rim_body(hello), '-', HELLO_SIZE);
    if (rim_socket_write_msg(ctx, self->socket, hello) != 0 || rim_file_open(ctx, &options, &ask.file) != 0) {
        return RIM_FAIL;
    }
    return rim_file_send(ctx, &ask, self->socket, UINT64_MAX, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_behaviour sender = {.name = "sender", .state_size = sizeof(struct sender), .init = sender_init};

/* ---- a client ---- */

static rim_verdict on_made(rim_ctx *ctx, void *state UNUSED, uint64_t cookie UNUSED, int error, const void *body UNUSED,
                           rim_msg *msg UNUSED) {
    rim_listen_options options = {.host = "127.0.0.1", .owner = &sender, .socket.zero_copy = 65536};
    return error == 0 && rim_listen(ctx, &options, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict client_init(rim_ctx *ctx, void *state UNUSED, const void *arg UNUSED, size_t size UNUSED) {
    static const char bytes[300000];
    rim_file_replacement made = {.path = path, .timeout_ns = RIM_SECONDS(30), .on_outcome = on_made};
    return rim_file_replace(ctx, &made, bytes, sizeof bytes, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_listening(rim_ctx *ctx, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const rim_listening_event *event = body;
    rim_connect_options options = {.host = "127.0.0.1", .port = event->address.port, .timeout_ns = RIM_SECONDS(5)};
    return rim_connect(ctx, &options, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_data(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    return RIM_DONE;
}

static rim_verdict on_closed(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    printf("%u bytes have come\n", (unsigned)((const rim_closed_event *)body)->received);
    sem_post(&over);
    return RIM_STOP;
}

static const rim_handler client_on[] = {
    [RIM_LISTENING] = on_listening,
    [RIM_SOCKET_DATA] = on_data,
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
    snprintf(path, sizeof path, "/tmp/ringmail-guide-send-%ld", (long)getpid());
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
    unlink(path);
    return error == 0 ? 0 : 1;
}

/* output:
300000 bytes of the file have left
400000 bytes have come
*/
