/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "io/socket.h"

/* Above so many writes in the queue a send starts although more wait in the mailbox. */
#define GATHER_MAX RIM_OP_IOV_MAX

struct state {
    struct rim__socket *socket; /* NULL: it could not be made, and the actor is about to stop */
};

static struct rim__socket *of_state(void *self) {
    return ((struct state *)self)->socket;
}

struct rim__socket *rim__socket_of_actor(rim_ctx *ctx, rim_ref self, uint32_t *backlog) {
    struct state *state = rim__actor_own(ctx, self, &rim__socket_behaviour, backlog);
    return state != NULL ? state->socket : NULL;
}

/* ---- an accepted connection ---- */

int rim__socket_raise(struct rim__socket *socket, const struct rim__socket_birth *birth) {
    rim_ctx *ctx = socket->service->ctx;
    rim_connection connection = {
        .socket = socket->self,
        .listener = birth->listener,
        .local = rim__place_get(&socket->local),
        .peer = rim__place_get(&socket->peer),
        .arg = birth->arg,
    };
    rim_spawn_options options = birth->owner_options;
    options.place = RIM_HERE;
    rim_ref owner;
    void *previous = rim__ctx_enter(ctx, socket->self);
    int result = rim_spawn(ctx, birth->owner, &options, &connection, sizeof connection, &owner);
    if (result != 0) {
        rim_log(ctx, RIM_LOG_ERROR, "no owner for an accepted connection: %s", rim_strerror(result));
    } else {
        result = rim__socket_own(socket, owner);
        if (result != 0) {
            (void)rim_stop(ctx, owner);
        }
    }
    rim__ctx_leave(ctx, previous);
    return result;
}

/* With TLS there is no owner before the handshake is over. 0 or negative. */
static int prepare_tls(struct rim__socket *socket, const struct rim__socket_birth *birth) {
    socket->birth = rim__memory_alloc(&rim__socket_shard(socket)->memory, sizeof *birth);
    if (socket->birth == NULL) {
        return -ENOMEM;
    }
    *socket->birth = *birth;
    struct rim__tls_plan plan = {.setup = birth->tls};
    return rim__tls_create(socket, &plan);
}

static int adopt(rim_ctx *ctx, struct rim__socket *socket, const struct rim__socket_birth *birth) {
    struct rim__service *service = socket->service;
    if (service->closing) {
        return -RIM_ESTOPPING;
    }
    int result = rim__service_start(ctx);
    if (result == 0) {
        result = rim__socket_learn_names(socket, birth->local.family != 0 ? &birth->local : NULL);
    }
    if (result == 0) {
        result = rim__socket_attach(socket, rim_self(ctx));
    }
    if (result != 0) {
        return result;
    }
    return birth->tls != NULL ? prepare_tls(socket, birth) : rim__socket_raise(socket, birth);
}

/* The connection is closed again before anyone has heard of it. */
static void give_up(rim_ctx *ctx, struct rim__service *service, const struct rim__socket_birth *birth) {
    service->io->ops->close(service->io, birth->fd, true);
    rim__body_release(service->shard, birth->taken);
    rim__body_release(service->shard, birth->gone);
    (void)rim_stop(ctx, rim_self(ctx));
}

static struct rim__socket *accept_birth(rim_ctx *ctx, const struct rim__socket_birth *birth) {
    struct rim__service *service = rim__ctx_io(ctx);
    service->io->descriptors++; /* the listener's shard counts it no longer when it hears of this */
    struct rim__socket *socket = rim__socket_create(service, birth->fd);
    if (socket == NULL) {
        give_up(ctx, service, birth);
        return NULL;
    }
    /* The options before its owner's init, which may set others. */
    if (rim__socket_set_options(socket, &birth->options) != 0 || adopt(ctx, socket, birth) != 0) {
        rim__socket_discard(socket);
        give_up(ctx, service, birth);
        return NULL;
    }
    socket->gone = birth->gone;
    rim__body_release(service->shard, birth->taken);
    rim__socket_opened(socket);
    rim__socket_settle(socket);
    return socket;
}

static rim_verdict init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct rim__socket_birth birth;
    rim__assert(size == sizeof birth);
    memcpy(&birth, arg, sizeof birth);
    struct state *state = self;
    state->socket = birth.made != NULL ? birth.made : accept_birth(ctx, &birth);
    return RIM_DONE;
}

/* ---- messages ---- */

/* A send starts when no more writes are waiting to go with it, or there are enough. */
static rim_verdict after_message(rim_ctx *ctx, struct rim__socket *socket) {
    const struct rim__output *output = &socket->output;
    if (rim_backlog(ctx) == 0 || output->out.count >= GATHER_MAX || output->held ||
        socket->state > RIM_SOCKET_IS_OPEN) {
        rim__socket_settle(socket);
    }
    return RIM_DONE;
}

static rim_verdict on_write(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct rim__socket *socket = of_state(self);
    rim__output_write(socket, body, msg);
    return after_message(ctx, socket);
}

static rim_verdict on_flush(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct rim__socket *socket = of_state(self);
    uint64_t cookie;
    if (rim_size(msg) == sizeof cookie && socket->state < RIM_SOCKET_IS_CLOSING) {
        memcpy(&cookie, body, sizeof cookie);
        int result = rim__output_mark(socket, rim_from(msg), cookie);
        if (result != 0) {
            rim__socket_lose(socket, result);
        }
    }
    return after_message(ctx, socket);
}

static rim_verdict on_shutdown(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct rim__socket *socket = of_state(self);
    socket->output.ended = true;
    return after_message(ctx, socket);
}

static rim_verdict on_close(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct rim__socket *socket = of_state(self);
    rim__socket_close(socket);
    return after_message(ctx, socket);
}

/* A stop that has run into its deadline waits for nobody's reading. Else the watch sees to the end. */
static void end(rim_ctx *ctx, void *self, rim_exit why) {
    (void)ctx;
    struct rim__socket *socket = of_state(self);
    if (socket != NULL && why.code == RIM_EXIT_KILLED) {
        socket->quiet = socket->quiet || socket->service->closing; /* then the owner is cut off as well */
        rim__socket_abort(socket);
    }
}

static const rim_handler rows[] = {
    [RIM_SOCKET_WRITE & 0xffff] = on_write,
    [RIM_SOCKET_FLUSH & 0xffff] = on_flush,
    [RIM_SOCKET_SHUTDOWN & 0xffff] = on_shutdown,
    [RIM_SOCKET_CLOSE & 0xffff] = on_close,
};

const rim_behaviour rim__socket_behaviour = {
    .name = "rim socket",
    .state_size = sizeof(struct state),
    .on = rows,
    .on_count = RIM_COUNT(rows),
    .protocol = RIM_SOCKET_PROTOCOL,
    .init = init,
    .exit = end,
};
