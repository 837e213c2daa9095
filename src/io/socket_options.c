/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "io/socket.h"

/* The kernel's limits (MAX_TCP_KEEPIDLE and so on). */
#define KEEPALIVE_S_MAX     32767u
#define KEEPALIVE_COUNT_MAX 127u

const rim_socket_options rim__socket_plain;

static struct rim__memory *memory_of(const struct rim__socket *socket) {
    return &rim__socket_shard(socket)->memory;
}

static void free_options(struct rim__socket *socket) {
    if (socket->options != &rim__socket_plain) {
        rim__memory_free(memory_of(socket), (void *)(uintptr_t)socket->options, sizeof *socket->options);
        socket->options = &rim__socket_plain;
    }
}

int rim__socket_set_options(struct rim__socket *socket, const rim_socket_options *options) {
    rim_socket_options *own = NULL;
    if (memcmp(options, &rim__socket_plain, sizeof *options) != 0) {
        own = rim__memory_alloc(memory_of(socket), sizeof *own);
        if (own == NULL) {
            return -ENOMEM;
        }
        *own = *options;
    }
    free_options(socket);
    socket->options = own != NULL ? own : &rim__socket_plain;
    return 0;
}

int rim__socket_learn_names(struct rim__socket *socket, const struct rim__place *known) {
    struct rim__io *io = socket->service->io;
    rim_address local, peer;
    int result = io->ops->names(io, socket->fd, known == NULL ? &local : NULL, &peer);
    if (known != NULL) {
        socket->local = *known;
    } else if (result == 0) {
        result = rim__place_set(&socket->local, memory_of(socket), &local);
    }
    return result == 0 ? rim__place_set(&socket->peer, memory_of(socket), &peer) : result;
}

void rim__socket_strip(struct rim__socket *socket) {
    rim__place_clear(&socket->local, memory_of(socket));
    rim__place_clear(&socket->peer, memory_of(socket));
    rim__patience_finish(socket);
    free_options(socket);
}

int rim__socket_check(rim_ctx *ctx, const rim_socket_options *options) {
    if (options->keepalive_s > KEEPALIVE_S_MAX || options->keepalive_interval_s > KEEPALIVE_S_MAX) {
        return rim__ctx_error(ctx, -EINVAL, "socket options: keep-alive takes at most 32767 seconds");
    }
    if (options->keepalive_count > KEEPALIVE_COUNT_MAX) {
        return rim__ctx_error(ctx, -EINVAL, "socket options: keep-alive asks at most 127 times");
    }
    if (options->descriptors > RIM_PASSING_MAX) {
        return rim__ctx_error(ctx, -EINVAL, "socket options: at most 253 descriptors come at once");
    }
    if (options->send_buffer > INT32_MAX || options->receive_buffer > INT32_MAX) {
        return rim__ctx_error(ctx, -EINVAL, "socket options: a buffer has at most 2 GiB");
    }
    return 0;
}

int rim__socket_tune(struct rim__socket *socket, const rim_socket_options *options) {
    struct rim__io *io = socket->service->io;
    if (socket->state >= RIM_SOCKET_IS_LINGERING) {
        return -RIM_EDOWN;
    }
    /* Without a descriptor as yet, it gets them with it. A pipe has time-outs only. */
    bool has_kernel = socket->fd >= 0 && socket->label == NULL;
    bool takes_others = options->descriptors != socket->options->descriptors;
    const rim_socket_options before = *socket->options;
    int result = rim__socket_set_options(socket, options);
    if (result != 0) {
        return result;
    }
    result = has_kernel ? io->ops->tune(io, socket->fd, options, &before) : 0;
    if (takes_others) {
        rim__input_cancel(socket); /* it is armed again with room for them */
    }
    if (socket->state != RIM_SOCKET_IS_CONNECTING) {
        int patience = rim__patience_start(socket);
        result = result != 0 ? result : patience;
        rim__output_tune(socket);
    }
    return result;
}
