/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "io/passing.h"
#include "io/region.h"
#include "io/socket.h"

/*
 * Writes go to the socket's mailbox, which bounds them and keeps them in order. But where the socket is on the
 * writer's shard, takes more, and has nothing in its mailbox that would be overtaken, they go straight to its queue:
 * small ones are copied once, behind one another, and one send is started for all that the turns of a tick write.
 */
static struct rim__socket *find_here(rim_ctx *ctx, rim_ref socket) {
    struct rim__service *service = rim__ctx_io(ctx);
    if (service == NULL || rim_shard_of(socket) != rim_shard_index(ctx)) {
        return NULL;
    }
    return rim__socket_find(service, socket);
}

static struct rim__socket *find_direct(rim_ctx *ctx, rim_ref socket) {
    uint32_t backlog = 0;
    struct rim__socket *found = rim__socket_of_actor(ctx, socket, &backlog);
    if (found == NULL) { /* but an actor that is not born yet has one, or that has ended */
        found = find_here(ctx, socket);
        backlog = found != NULL && !found->self_gone;
    }
    bool is_taken = found != NULL && backlog == 0 && !found->output.held && rim__output_is_open(found);
    return is_taken ? found : NULL;
}

bool rim__socket_is_idle(rim_ctx *ctx, rim_ref self) {
    const struct rim__socket *socket = find_direct(ctx, self);
    return socket != NULL && socket->state == RIM_SOCKET_IS_OPEN && socket->output.out.bytes == 0 &&
           !rim__output_is_sending(socket);
}

/* Starts the send: now where it must be, else when the turns have been taken, with all that is written until then. */
static void start_send(struct rim__socket *socket) {
    if (socket->self_gone || socket->service->closing || socket->output.held) {
        rim__socket_settle(socket);
    } else if (!socket->output.op.in_flight) {
        rim__socket_push_later(socket);
    }
}

/* `direct` is NULL where the write has to go through the mailbox. */
static int write_copy(rim_ctx *ctx, rim_ref socket, struct rim__socket *direct, struct iovec bytes) {
    if (direct == NULL) {
        return rim_send(ctx, socket, RIM_SOCKET_WRITE, bytes.iov_base, bytes.iov_len);
    }
    int result = rim__output_copy(direct, bytes.iov_base, bytes.iov_len);
    if (result == 0) {
        start_send(direct);
    }
    return result;
}

int rim_socket_write(rim_ctx *ctx, rim_ref socket, const void *bytes, size_t size) {
    if (size == 0) {
        return 0;
    }
    struct rim__socket *direct = size <= RIM_BODY_MAX ? find_direct(ctx, socket) : NULL;
    return write_copy(ctx, socket, direct, (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = size});
}

/* By pointer: the body closes the descriptors wherever it ends. */
static int give(rim_ctx *ctx, rim_ref socket, struct rim__socket *direct, struct rim__body *body) {
    struct rim__shard *shard = rim__ctx_shard(ctx);
    if (direct == NULL) {
        int result = rim__send_body(ctx, rim_self(ctx), socket, RIM_SOCKET_WRITE, body);
        if (result == -RIM_EFULL) {
            rim__body_release(shard, body);
        }
        return result;
    }
    rim_msg *msg = rim__msg_create(shard, RIM_KIND_TELL, RIM_MSG_OUT, RIM_SOCKET_WRITE, body->size);
    if (msg == NULL) {
        rim__body_release(shard, body);
        return -ENOMEM;
    }
    *(struct rim__body **)rim__msg_after(msg) = body;
    rim__output_give(direct, msg);
    start_send(direct);
    return 0;
}

int rim_socket_write_with(rim_ctx *ctx, rim_ref socket, const void *bytes, size_t size, const int *descriptors,
                          uint32_t count) {
    const struct rim__socket *here = find_here(ctx, socket);
    struct rim__body *body;
    if (size == 0 || bytes == NULL || count == 0 || count > RIM_PASSING_MAX || descriptors == NULL) {
        return -EINVAL;
    }
    if (size > RIM_BODY_MAX) {
        return -RIM_ETOOBIG;
    }
    if (here != NULL && !rim__output_may_give(here)) {
        return rim__ctx_error(ctx, -EOPNOTSUPP, "descriptors go over Unix sockets only, without TLS");
    }
    int result = rim__passing_make(rim__ctx_shard(ctx), &body, descriptors, count, bytes, size);
    return result != 0 ? result : give(ctx, socket, find_direct(ctx, socket), body);
}

static void gather(char *to, const struct iovec *pieces, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].iov_len > 0) {
            memcpy(to, pieces[i].iov_base, pieces[i].iov_len);
            to += pieces[i].iov_len;
        }
    }
}

int rim_socket_writev(rim_ctx *ctx, rim_ref socket, const struct iovec *pieces, size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].iov_len > RIM_BODY_MAX - size) {
            return -RIM_ETOOBIG;
        }
        size += pieces[i].iov_len;
    }
    if (size <= RIM_OUTGOING_SMALL) {
        char bytes[RIM_OUTGOING_SMALL];
        gather(bytes, pieces, count);
        return rim_socket_write(ctx, socket, bytes, size);
    }
    rim_msg *msg = rim_msg_new(ctx, RIM_SOCKET_WRITE, size);
    if (msg == NULL) {
        return -ENOMEM;
    }
    gather(rim_body(msg), pieces, count);
    return rim_socket_write_msg(ctx, socket, msg);
}

/*
 * A large message is sent from where it lies. So is a small one that was received, if nothing waits before it: that
 * saves a block. But a received message keeps one of the shard's few receive buffers; while it waits for a slow peer,
 * others starve. That is allowed as long as enough are left.
 */
static bool is_to_be_copied(rim_ctx *ctx, const struct rim__socket *direct, const rim_msg *msg) {
    const struct rim__service *service = rim__ctx_io(ctx);
    bool was_received =
        service != NULL && (msg->flags & RIM_MSG_OUT) != 0 && rim__msg_out(msg)->release == service->buffer_release;
    if (was_received && !service->io->ops->has_buffers(service->io)) {
        return true;
    }
    if ((msg->flags & RIM_MSG_OUT) != 0 && rim__region_is_view(msg)) {
        return false; /* of a map only the kernel reads: its pages may be gone */
    }
    bool is_small = msg->size <= RIM_OUTGOING_SMALL;
    return is_small && !(was_received && direct != NULL && direct->output.out.bytes == 0 && msg->size > 0);
}

/* Through the mailbox, as a message of the socket's own. */
static int try_mailbox(rim_ctx *ctx, rim_ref socket, rim_msg **msg) {
    uint32_t tag = rim_tag(*msg);
    rim_msg_retag(*msg, RIM_SOCKET_WRITE);
    int result = rim_try_send(ctx, socket, msg);
    if (*msg != NULL) { /* the caller's still, as it was */
        rim_msg_retag(*msg, tag);
    }
    return result;
}

int rim_socket_try_write_msg(rim_ctx *ctx, rim_ref socket, rim_msg **msg) {
    if (msg == NULL || *msg == NULL) {
        return -EINVAL;
    }
    struct rim__socket *direct = find_direct(ctx, socket);
    uint32_t size = (*msg)->size;
    if (is_to_be_copied(ctx, direct, *msg)) {
        struct iovec bytes = {.iov_base = rim__msg_body(*msg), .iov_len = size};
        int result = size > 0 ? write_copy(ctx, socket, direct, bytes) : 0;
        if (result == 0) {
            rim_msg_free(ctx, *msg);
            *msg = NULL;
        }
        return result;
    }
    if (direct == NULL) {
        return try_mailbox(ctx, socket, msg);
    }
    rim__output_append(direct, *msg);
    *msg = NULL;
    start_send(direct);
    return 0;
}

int rim_socket_write_msg(rim_ctx *ctx, rim_ref socket, rim_msg *msg) {
    int result = rim_socket_try_write_msg(ctx, socket, &msg);
    rim_msg_free(ctx, msg);
    return result;
}

int rim_socket_flush(rim_ctx *ctx, rim_ref socket, uint64_t cookie) {
    return rim_send(ctx, socket, RIM_SOCKET_FLUSH, &cookie, sizeof cookie);
}

int rim_socket_shutdown(rim_ctx *ctx, rim_ref socket) {
    return rim__send_event(ctx, rim_self(ctx), socket, RIM_SOCKET_SHUTDOWN, NULL, 0);
}

int rim_socket_close(rim_ctx *ctx, rim_ref socket) {
    return rim__send_event(ctx, rim_self(ctx), socket, RIM_SOCKET_CLOSE, NULL, 0);
}

/*
 * Abort and pause do not wait in the mailbox, where a peer that reads nothing could hold them up for ever. For a
 * socket on another shard, an actor is sent there that does it and stops.
 */
enum { COURIER_PROTOCOL = 0x7f04 };

enum errand { ABORT, PAUSE, RESUME, SET };

struct courier {
    rim_ref socket;
    enum errand errand;
    rim_socket_options options;
};

static int run_errand(struct rim__socket *socket, const struct courier *courier) {
    int result = 0;
    switch (courier->errand) {
    case ABORT:
        rim__socket_abort(socket);
        break;
    case PAUSE:
    case RESUME:
        socket->input.paused = courier->errand == PAUSE;
        break;
    case SET:
        result = rim__socket_tune(socket, &courier->options);
        break;
    }
    rim__socket_settle(socket);
    return result;
}

static rim_verdict courier_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    struct courier courier;
    rim__assert(size == sizeof courier);
    memcpy(&courier, arg, sizeof courier);
    struct rim__socket *socket = find_here(ctx, courier.socket);
    int result = socket != NULL ? run_errand(socket, &courier) : 0;
    if (result != 0) {
        rim_log(ctx, RIM_LOG_WARNING, "a socket's options: %s", rim_strerror(result));
    }
    (void)rim_stop(ctx, rim_self(ctx));
    return RIM_DONE;
}

static const rim_behaviour courier_behaviour = {
    .name = "rim socket errand",
    .protocol = COURIER_PROTOCOL,
    .init = courier_init,
};

/* What rim_send would say; the kind of a handle is in its upper four bits (actor.h). */
static bool is_actor(rim_ctx *ctx, rim_ref ref) {
    return ref >> 60 == rim_self(ctx) >> 60 && rim_shard_of(ref) < rim_shard_count(ctx);
}

static int send_errand(rim_ctx *ctx, const struct courier *courier) {
    rim_ref socket = courier->socket;
    if (!is_actor(ctx, socket)) {
        return -RIM_EBADREF;
    }
    struct rim__socket *here = find_here(ctx, socket);
    if (here != NULL) {
        return run_errand(here, courier);
    }
    if (rim_shard_of(socket) == rim_shard_index(ctx)) {
        return rim__actor_behaviour(ctx, socket) == &rim__socket_behaviour ? 0 : -RIM_EDOWN;
    }
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = rim_shard_of(socket)};
    rim_ref ignored;
    return rim__spawn_own(ctx, &courier_behaviour, &options, courier, sizeof *courier, &ignored);
}

int rim_socket_abort(rim_ctx *ctx, rim_ref socket) {
    return send_errand(ctx, &(struct courier){.socket = socket, .errand = ABORT});
}

int rim_socket_pause(rim_ctx *ctx, rim_ref socket, bool paused) {
    return send_errand(ctx, &(struct courier){.socket = socket, .errand = paused ? PAUSE : RESUME});
}

int rim_socket_set(rim_ctx *ctx, rim_ref socket, const rim_socket_options *options) {
    int result = options == NULL ? -EINVAL : rim__socket_check(ctx, options);
    if (result != 0) {
        return result;
    }
    return send_errand(ctx, &(struct courier){.socket = socket, .errand = SET, .options = *options});
}

/* What is asked now, and so on its own shard. 0 or negative. */
static int find_asked(rim_ctx *ctx, rim_ref socket, const struct rim__socket **out) {
    if (!is_actor(ctx, socket)) {
        return -RIM_EBADREF;
    }
    if (rim_shard_of(socket) != rim_shard_index(ctx)) {
        return rim__ctx_error(ctx, -RIM_ECONTEXT, "a socket can be asked on its own shard only");
    }
    *out = find_here(ctx, socket);
    return *out == NULL || (*out)->state >= RIM_SOCKET_IS_CLOSING ? -RIM_EDOWN : 0;
}

int rim_socket_credentials(rim_ctx *ctx, rim_ref socket, rim_credentials *out) {
    const struct rim__socket *here;
    int result = find_asked(ctx, socket, &here);
    if (result != 0) {
        return result;
    }
    struct rim__io *io = here->service->io;
    if (here->peer.family != RIM_FAMILY_UNIX) {
        return rim__ctx_error(ctx, -EOPNOTSUPP, "credentials: only Unix sockets have them");
    }
    return here->state == RIM_SOCKET_IS_CONNECTING ? -RIM_EDOWN : io->ops->credentials(io, here->fd, out);
}

static int find_tls(rim_ctx *ctx, rim_ref socket, const struct rim__tls **out) {
    const struct rim__socket *here;
    int result = find_asked(ctx, socket, &here);
    if (result != 0) {
        return result;
    }
    if (here->tls == NULL) {
        return rim__ctx_error(ctx, -ENOTSUP, "this is not a TLS connection");
    }
    *out = here->tls;
    return here->state < RIM_SOCKET_IS_OPEN ? -RIM_EDOWN : 0;
}

int rim_socket_tls(rim_ctx *ctx, rim_ref socket, rim_tls_state *out) {
    const struct rim__tls *tls = NULL;
    int result = find_tls(ctx, socket, &tls);
    if (result == 0) {
        rim__tls_describe(tls, out);
    }
    return result;
}

int rim_socket_certificate(rim_ctx *ctx, rim_ref socket, void *bytes, size_t room) {
    const struct rim__tls *tls = NULL;
    int result = find_tls(ctx, socket, &tls);
    return result != 0 ? result : rim__tls_certificate(tls, bytes, room);
}

int rim_socket_ask(rim_ctx *ctx, rim_ref socket, rim_socket_state *out) {
    const struct rim__socket *here;
    int result = find_asked(ctx, socket, &here);
    if (result != 0) {
        return result;
    }
    *out = (rim_socket_state){
        .local = rim__place_get(&here->local),
        .peer = rim__place_get(&here->peer),
        .received = here->input.received,
        .sent = here->output.sent,
        .unsent = here->output.out.bytes,
        .is_open = here->state == RIM_SOCKET_IS_OPEN,
        .is_paused = here->input.paused,
        .options = *here->options,
    };
    return 0;
}
