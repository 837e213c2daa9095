/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "io/socket.h"

/* The kernel's limits (MAX_TCP_KEEPIDLE and so on). */
#define KEEPALIVE_S_MAX     32767u
#define KEEPALIVE_COUNT_MAX 127u

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
    int result =
        socket->fd >= 0 && socket->label == NULL ? io->ops->tune(io, socket->fd, options, &socket->options) : 0;
    if (options->descriptors != socket->options.descriptors) {
        rim__input_cancel(socket); /* it is armed again with room for them */
    }
    socket->options = *options;
    if (socket->state != RIM_SOCKET_IS_CONNECTING) {
        rim__patience_start(socket);
        rim__output_tune(socket);
    }
    return result;
}
