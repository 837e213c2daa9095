/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "io/lookup.h"
#include "io/socket.h"

static bool is_name(const char *host) {
    size_t length = strlen(host);
    for (const char *at = host; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && strchr("-._", *at) == NULL) {
            return false;
        }
    }
    return length > 0 && length < RIM_LOOKUP_HOST_MAX;
}

static const char *tls_name(const rim_connect_options *options) {
    return options->tls_name != NULL ? options->tls_name : options->host;
}

static int check_tls(rim_ctx *ctx, const rim_connect_options *options, bool is_unix) {
    const char *why = "a Unix socket's name is no server's name: tls_name has to be given";
    int result =
        is_unix && options->tls_name == NULL ? -EINVAL : rim__tls_check_client(options->tls, tls_name(options), &why);
    return result == 0 ? 0 : rim__ctx_error(ctx, result, "connect to %s: TLS: %s", options->host, why);
}

/* `peer` gets family 0 if the host is a name. */
static int check(rim_ctx *ctx, const rim_connect_options *options, rim_address *peer) {
    bool is_unix = options != NULL && options->host != NULL && strncmp(options->host, "unix:", 5) == 0;
    if (options == NULL || options->host == NULL || (options->port == 0 && !is_unix)) {
        return rim__ctx_error(ctx, -EINVAL, "connect: needs a host and a port");
    }
    if (options->timeout_ns == 0) {
        return rim__ctx_error(ctx, -EINVAL, "connect to %s: needs a timeout", options->host);
    }
    int result = rim__socket_check(ctx, &options->socket);
    if (result == 0 && options->tls != NULL) {
        result = check_tls(ctx, options, is_unix);
    }
    if (result != 0) {
        return result;
    }
    result = rim_address_parse(options->host, options->port, peer);
    if (result != 0 && is_name(options->host)) {
        *peer = (rim_address){.port = options->port};
        return 0;
    }
    if (result != 0) {
        return rim__ctx_error(ctx, result, "connect to %s: neither an address nor a name, or too long", options->host);
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
    result = rim__socket_attach(socket, *out);
    if (result == 0) {
        result = rim__socket_own(socket, rim_self(ctx));
    }
    if (result != 0) {
        (void)rim_stop(ctx, *out); /* before its first turn: it never looks at the socket */
    }
    return result;
}

static int start(rim_ctx *ctx, struct rim__socket *socket, const rim_connect_options *options) {
    struct rim__io *io = socket->service->io;
    if (socket->dial != NULL) {
        return rim__dial_look_up(socket->dial);
    }
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
    rim_address peer = rim__place_get(&socket->peer);
    rim_address_format(&peer, text);
    rim__ctx_error(ctx, error, "connect to %s: %s", socket->dial != NULL ? rim__dial_name(socket->dial) : text,
                   rim_strerror(error));
    socket->quiet = true;
    rim__socket_abort(socket);
    rim__socket_settle(socket);
    return error;
}

static int prepare_tls(struct rim__socket *socket, const rim_connect_options *options) {
    uint64_t now_ns = rim_now(socket->service->ctx);
    struct rim__tls_plan plan = {
        .setup = options->tls,
        .name = tls_name(options),
        .port = options->port,
        .deadline_ns = options->timeout_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + options->timeout_ns,
    };
    return rim__tls_create(socket, &plan);
}

static int furnish(struct rim__socket *socket, const rim_connect_options *options, const rim_address *peer) {
    int result = rim__place_set(&socket->peer, &rim__socket_shard(socket)->memory, peer);
    result = result == 0 ? rim__socket_set_options(socket, &options->socket) : result;
    if (result == 0 && peer->family == 0) {
        socket->dial = rim__dial_create(socket, options);
        result = socket->dial != NULL ? 0 : -ENOMEM;
    }
    return result == 0 && options->tls != NULL ? prepare_tls(socket, options) : result;
}

/* To an address, with a descriptor; or to a name, and the descriptor comes later. 0 or negative. */
static int make_socket(struct rim__service *service, const rim_connect_options *options, const rim_address *peer,
                       struct rim__socket **out) {
    struct rim__io *io = service->io;
    bool is_numeric = peer->family != 0;
    int fd = is_numeric ? io->ops->socket(io, peer) : -1;
    if (is_numeric && fd < 0) {
        return fd;
    }
    struct rim__socket *socket = rim__socket_create(service, fd);
    if (socket == NULL) {
        if (fd >= 0) {
            io->ops->close(io, fd, false);
        }
        return -ENOMEM;
    }
    socket->connecting = true;
    int result = furnish(socket, options, peer);
    if (result != 0) {
        if (fd >= 0) {
            io->ops->close(io, fd, false);
        }
        rim__socket_discard(socket);
        return result;
    }
    *out = socket;
    return 0;
}

static int explain(rim_ctx *ctx, const rim_connect_options *options, const rim_address *peer, int error) {
    char text[RIM_ADDRESS_TEXT_MAX];
    if (peer->family == 0) {
        return rim__ctx_error(ctx, error, "connect to %s:%u: %s", options->host, options->port, rim_strerror(error));
    }
    return rim__ctx_error(ctx, error, "connect to %s: %s", rim_address_format(peer, text), rim_strerror(error));
}

int rim_connect(rim_ctx *ctx, const rim_connect_options *options, rim_ref *out) {
    rim_address peer = {0};
    struct rim__service *service = rim__ctx_io(ctx);
    int result = service == NULL ? -RIM_ESTOPPING : check(ctx, options, &peer);
    if (result == 0) {
        result = rim__service_start(ctx);
    }
    if (result != 0) {
        return result;
    }
    struct rim__socket *socket = NULL;
    result = make_socket(service, options, &peer, &socket);
    if (result != 0) {
        return explain(ctx, options, &peer, result);
    }
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
