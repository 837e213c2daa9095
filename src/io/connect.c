/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "io/socket.h"

static int check(rim_ctx *ctx, const rim_connect_options *options, rim_address *peer) {
    if (options == NULL || options->host == NULL || options->port == 0) {
        return rim__ctx_error(ctx, -EINVAL, "connect: needs a host and a port");
    }
    if (options->timeout_ns == 0) {
        return rim__ctx_error(ctx, -EINVAL, "connect to %s: needs a timeout", options->host);
    }
    int result = rim__socket_check(ctx, &options->socket);
    if (result != 0) {
        return result;
    }
    result = rim_address_parse(options->host, options->port, peer);
    if (result != 0) {
        return rim__ctx_error(ctx, result, "connect to %s: not a numeric address: look the name up first",
                              options->host);
    }
    return 0;
}

static int spawn_actor(rim_ctx *ctx, struct rim__socket *socket, rim_ref *out) {
    struct rim__socket_birth birth = {.made = socket};
    rim_spawn_options options = {.mailbox_count = 4096, .mailbox_bytes = 1u << 20};
    int result = rim__spawn_own(ctx, &rim__socket_behaviour, &options, &birth, sizeof birth, out);
    if (result != 0) {
        return result;
    }
    result = rim__socket_attach(socket, *out, rim_self(ctx));
    if (result != 0) {
        (void)rim_stop(ctx, *out); /* before its first turn: it never looks at the socket */
    }
    return result;
}

static int start(rim_ctx *ctx, struct rim__socket *socket, const rim_connect_options *options) {
    struct rim__io *io = socket->service->io;
    socket->options = options->socket;
    int result = io->ops->tune(io, socket->fd, &options->socket, NULL);
    if (result != 0) {
        return result;
    }
    uint64_t now = rim_now(ctx);
    uint64_t deadline = now + options->timeout_ns;
    return rim__output_connect(socket, deadline < now ? UINT64_MAX : deadline);
}

/* Nobody is told but by the return value. */
static int give_up(rim_ctx *ctx, struct rim__socket *socket, int error) {
    char text[RIM_ADDRESS_TEXT_MAX];
    rim_address_format(&socket->peer, text);
    socket->quiet = true;
    rim__socket_abort(socket);
    rim__socket_settle(socket);
    return rim__ctx_error(ctx, error, "connect to %s: %s", text, rim_strerror(error));
}

int rim_connect(rim_ctx *ctx, const rim_connect_options *options, rim_ref *out) {
    rim_address peer;
    struct rim__service *service = rim__ctx_io(ctx);
    int result = service == NULL ? -RIM_ESTOPPING : check(ctx, options, &peer);
    if (result == 0) {
        result = rim__service_start(ctx);
    }
    if (result != 0) {
        return result;
    }
    int fd = service->io->ops->socket(service->io, &peer);
    if (fd < 0) {
        return rim__ctx_error(ctx, fd, "connect to %s: %s", options->host, rim_strerror(fd));
    }
    struct rim__socket *socket = rim__socket_create(service, fd);
    if (socket == NULL) {
        service->io->ops->close(service->io, fd, false);
        return -ENOMEM;
    }
    socket->peer = peer;
    socket->connecting = true;
    rim_ref self = RIM_NIL;
    result = spawn_actor(ctx, socket, &self);
    if (result == 0) {
        result = start(ctx, socket, options);
    }
    if (result != 0) {
        return give_up(ctx, socket, result);
    }
    if (out != NULL) {
        *out = self;
    }
    return 0;
}
