/* SPDX-License-Identifier: MIT */
#include "io/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "io/outside.h"

#define LAST_LOOK_NS RIM_MS(1)
#define BIT(state)   (1u << RIM_SOCKET_IS_##state)

static const unsigned allowed[] = {
    [RIM_SOCKET_IS_CONNECTING] = BIT(SHAKING) | BIT(OPEN) | BIT(CLOSING),
    [RIM_SOCKET_IS_SHAKING] = BIT(OPEN) | BIT(FLUSHING) | BIT(CLOSING),
    [RIM_SOCKET_IS_OPEN] = BIT(FLUSHING) | BIT(CLOSING),
    [RIM_SOCKET_IS_FLUSHING] = BIT(LINGERING) | BIT(CLOSING),
    [RIM_SOCKET_IS_LINGERING] = BIT(CLOSING),
    [RIM_SOCKET_IS_CLOSING] = BIT(DELIVERING) | BIT(CLOSED),
    [RIM_SOCKET_IS_DELIVERING] = BIT(CLOSED),
    [RIM_SOCKET_IS_CLOSED] = 0,
};

static void enter(struct rim__socket *socket, enum rim__socket_state next) {
    rim__assert((allowed[socket->state] & (1u << next)) != 0);
    if (socket->state == RIM_SOCKET_IS_SHAKING) {
        struct rim__io *io = socket->service->io;
        *(next == RIM_SOCKET_IS_OPEN ? &io->tls_handshakes : &io->tls_failures) += 1;
        rim__tls_disarm(socket);
    }
    socket->state = next;
}

/* ---- the register ---- */

static struct rim__socket **bucket(const struct rim__service *service, rim_ref self) {
    return (struct rim__socket **)&service->sockets[rim__mix(self) % RIM_SERVICE_BUCKETS];
}

struct rim__socket *rim__socket_find(const struct rim__service *service, rim_ref self) {
    struct rim__socket *at = *bucket(service, self);
    while (at != NULL && at->self != self) {
        at = at->next;
    }
    return at;
}

static void enroll(struct rim__socket *socket) {
    struct rim__socket **list = bucket(socket->service, socket->self);
    socket->next = *list;
    socket->link = list;
    if (socket->next != NULL) {
        socket->next->link = &socket->next;
    }
    *list = socket;
}

static void unlist_push(struct rim__socket *socket) {
    if (socket->push_link != NULL) {
        *socket->push_link = socket->next_push;
        *(socket->next_push != NULL ? &socket->next_push->push_link : &socket->service->pushes_end) = socket->push_link;
        socket->push_link = NULL;
    }
}

static void strike_out(struct rim__socket *socket) {
    if (socket->link != NULL) {
        *socket->link = socket->next;
        if (socket->next != NULL) {
            socket->next->link = socket->link;
        }
        socket->link = NULL;
    }
}

/* ---- beginning ---- */

static void actor_gone(struct rim__watch *watch, rim_ctx *ctx);
static void owner_gone(struct rim__watch *watch, rim_ctx *ctx);

static void linger_over(struct rim__shard *shard, struct rim__timer *timer);

struct rim__socket *rim__socket_create(struct rim__service *service, int fd) {
    struct rim__socket *socket = rim__memory_alloc(&service->shard->memory, RIM_SOCKET_BYTES);
    if (socket == NULL) {
        return NULL;
    }
    memset(socket, 0, RIM_SOCKET_BYTES);
    socket->farewell = rim__event_reserve(service->ctx, sizeof(rim_closed_event));
    if (socket->farewell == NULL) {
        rim__memory_free(&service->shard->memory, socket, RIM_SOCKET_BYTES);
        return NULL;
    }
    socket->service = service;
    socket->fd = fd;
    socket->options = &rim__socket_plain;
    socket->self_gone = true; /* until there is one */
    socket->self_watch.fn = actor_gone;
    socket->owner_watch.fn = owner_gone;
    socket->linger.fire = linger_over;
    service->objects++;
    return socket;
}

int rim__socket_attach(struct rim__socket *socket, rim_ref self) {
    socket->self = self;
    enroll(socket);
    int result = rim__actor_watch(socket->service->ctx, self, &socket->self_watch);
    socket->self_gone = result != 0;
    return result;
}

int rim__socket_own(struct rim__socket *socket, rim_ref owner) {
    socket->owner = owner;
    return rim__actor_watch(socket->service->ctx, owner, &socket->owner_watch);
}

static void forget_birth(struct rim__socket *socket) {
    if (socket->birth != NULL) {
        rim__memory_free(&rim__socket_shard(socket)->memory, socket->birth, sizeof *socket->birth);
        socket->birth = NULL;
    }
}

void rim__socket_discard(struct rim__socket *socket) {
    struct rim__service *service = socket->service;
    strike_out(socket);
    unlist_push(socket);
    rim__actor_unwatch(&socket->self_watch);
    rim__actor_unwatch(&socket->owner_watch);
    rim__dial_free(socket->dial);
    rim__tls_free(socket->tls, service->shard);
    forget_birth(socket);
    rim__socket_strip(socket);
    if (socket->farewell != NULL) {
        rim__msg_release(service->shard, socket->farewell);
    }
    rim__memory_free(&service->shard->memory, socket, RIM_SOCKET_BYTES);
    rim__service_forget(service);
}

/* It is open. The owner of an accepted one knows that by its init. */
static void begin_use(struct rim__socket *socket) {
    struct rim__service *service = socket->service;
    if (rim__patience_start(socket) != 0) {
        rim__socket_lose(socket, -ENOMEM);
        return;
    }
    rim__output_tune(socket);
    if (!socket->connecting) {
        return;
    }
    socket->connecting = false;
    if (socket->owner != RIM_NIL && !service->detached) {
        rim_open_event event = {.socket = socket->self,
                                .local = rim__place_get(&socket->local),
                                .peer = rim__place_get(&socket->peer)};
        int result = rim__send_event(service->ctx, socket->self, socket->owner, RIM_SOCKET_OPEN, &event, sizeof event);
        if (result == -ENOMEM) {
            rim__socket_lose(socket, result); /* else it would be open, and nobody knew */
        }
    }
}

void rim__socket_opened(struct rim__socket *socket) {
    if (socket->state != RIM_SOCKET_IS_CONNECTING) {
        return; /* closed meanwhile */
    }
    enter(socket, socket->tls != NULL ? RIM_SOCKET_IS_SHAKING : RIM_SOCKET_IS_OPEN);
    int result = 0;
    if (socket->connecting) { /* else its names are known */
        result = rim__socket_learn_names(socket, NULL);
    }
    if (result != 0) {
        rim__socket_lose(socket, result);
    } else if (socket->tls != NULL) {
        rim__tls_begin(socket);
    } else {
        begin_use(socket);
    }
}

void rim__socket_shaken(struct rim__socket *socket) {
    enter(socket, RIM_SOCKET_IS_OPEN);
    int result = socket->birth != NULL ? rim__socket_raise(socket, socket->birth) : 0;
    forget_birth(socket);
    if (result != 0) {
        rim__socket_abort(socket);
    } else {
        begin_use(socket);
    }
}

/* ---- ending ---- */

int rim__socket_shut(struct rim__socket *socket, int how) {
    struct rim__io *io = socket->service->io;
    return socket->label == NULL ? io->ops->shutdown(io, socket->fd, how) : 0;
}

static void begin_closing(struct rim__socket *socket) {
    bool was_connecting = socket->state == RIM_SOCKET_IS_CONNECTING;
    enter(socket, RIM_SOCKET_IS_CLOSING);
    rim__timer_disarm(&socket->service->shard->timers, &socket->linger);
    rim__patience_stop(socket);
    if (socket->dial != NULL) {
        rim__dial_cancel(socket->dial);
    }
    bool is_used = socket->input.op.in_flight || rim__output_is_sending(socket);
    if (is_used && !was_connecting && !socket->reset) { /* else the close, which follows at once, does as much */
        (void)rim__socket_shut(socket, SHUT_RDWR);      /* fails where the peer was faster */
    }
    rim__input_cancel(socket);
    rim__output_cancel(socket);
}

void rim__socket_lose(struct rim__socket *socket, int error) {
    rim__assert(error < 0);
    if (socket->state >= RIM_SOCKET_IS_CLOSING) {
        return;
    }
    if (socket->state != RIM_SOCKET_IS_LINGERING && socket->error == 0) { /* there, all was said and done */
        socket->error = error;
    }
    if (rim__output_waits(socket)) {
        socket->reset = true; /* an end would have the peer believe that it has all */
    }
    begin_closing(socket);
}

/* Not from the tick's clock: where the thread had to wait for its CPU, that is from long before. */
static void arm_linger(struct rim__socket *socket) {
    struct rim__shard *shard = rim__socket_shard(socket);
    uint64_t linger_ns = socket->options->linger_ns != 0 ? socket->options->linger_ns : RIM_SOCKET_LINGER_NS;
    uint64_t now_ns = shard->driver->ops->now(shard->driver);
    socket->lingers_on = true;
    rim__timer_disarm(&shard->timers, &socket->linger);
    rim__timer_arm(&shard->timers, &socket->linger, linger_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + linger_ns);
}

void rim__socket_refuse(struct rim__socket *socket, int error) {
    if (socket->state >= RIM_SOCKET_IS_FLUSHING) {
        return;
    }
    socket->error = error;
    socket->output.ended = true;
    rim__output_drop(socket);
    enter(socket, RIM_SOCKET_IS_FLUSHING);
    rim__patience_stop(socket);
    arm_linger(socket);
}

void rim__socket_close(struct rim__socket *socket) {
    socket->output.ended = true;
    rim__input_deafen(socket);
    if (socket->state == RIM_SOCKET_IS_CONNECTING || socket->state == RIM_SOCKET_IS_SHAKING) {
        begin_closing(socket);
    } else if (socket->state == RIM_SOCKET_IS_OPEN) {
        enter(socket, RIM_SOCKET_IS_FLUSHING);
    }
}

void rim__socket_abort(struct rim__socket *socket) {
    socket->output.ended = true;
    rim__input_deafen(socket);
    if (socket->state < RIM_SOCKET_IS_CLOSING) {
        socket->reset = true;
        begin_closing(socket);
    }
}

static bool mailbox_is_empty(const struct rim__socket *socket) {
    rim_ctx *ctx = socket->service->ctx;
    void *previous = rim__ctx_enter(ctx, socket->self);
    bool is_empty = rim_backlog(ctx) == 0;
    rim__ctx_leave(ctx, previous);
    return is_empty;
}

static void owner_gone(struct rim__watch *watch, rim_ctx *ctx) {
    struct rim__socket *socket = rim__container_of(watch, struct rim__socket, owner_watch);
    socket->owner = RIM_NIL;
    rim__input_deafen(socket);
    if (socket->self_gone || mailbox_is_empty(socket)) {
        rim__socket_close(socket);
    } else if (rim__send_event(ctx, socket->self, socket->self, RIM_SOCKET_CLOSE, NULL, 0) != 0) {
        rim__socket_close(socket); /* otherwise it closes after what the owner wrote */
    }
    rim__socket_settle(socket);
}

static void actor_gone(struct rim__watch *watch, rim_ctx *ctx) {
    (void)ctx;
    struct rim__socket *socket = rim__container_of(watch, struct rim__socket, self_watch);
    socket->self_gone = true;
    socket->output.held = false;
    rim__socket_close(socket);
    rim__socket_settle(socket);
}

/* What was submitted in the turn that armed it may not have been tried as yet, however late it is: once more, with a
   poll of the driver in between. */
static void linger_over(struct rim__shard *shard, struct rim__timer *timer) {
    struct rim__socket *socket = rim__container_of(timer, struct rim__socket, linger);
    rim__assert(socket->state == RIM_SOCKET_IS_LINGERING || socket->state == RIM_SOCKET_IS_FLUSHING);
    if (socket->lingers_on) {
        socket->lingers_on = false;
        rim__timer_arm(&shard->timers, timer, shard->now_ns + LAST_LOOK_NS);
        return;
    }
    begin_closing(socket);
    rim__socket_settle(socket);
}

static void stop_actor(struct rim__socket *socket) {
    rim_ctx *ctx = socket->service->ctx;
    if (!socket->self_gone && !socket->service->detached) {
        void *previous = rim__ctx_enter(ctx, socket->self);
        (void)rim_stop(ctx, socket->self);
        rim__ctx_leave(ctx, previous);
    }
}

static void finish(struct rim__socket *socket) {
    struct rim__service *service = socket->service;
    enter(socket, RIM_SOCKET_IS_CLOSED);
    rim__input_deafen(socket);
    strike_out(socket);
    rim__socket_report(socket);
    rim__actor_unwatch(&socket->owner_watch);
    if (socket->gone != NULL && !service->detached) {
        rim__body_release(service->shard, socket->gone);
    }
    stop_actor(socket);
}

/* ---- the machine ---- */

static void flushed(struct rim__socket *socket) {
    const struct rim__input *input = &socket->input;
    struct rim__service *service = socket->service;
    /* Who is refused does not know it yet, and may be writing: closed under that, the peer would hear of a reset. */
    bool may_be_unread = !input->ended && (socket->error != 0 || input->dropped || !input->op.in_flight);
    if (!may_be_unread || !rim__output_has_spoken(socket) || service->detached || socket->label != NULL) {
        begin_closing(socket);
        return;
    }
    enter(socket, RIM_SOCKET_IS_LINGERING);
    if (!socket->output.shut) {
        socket->output.shut = true;
        (void)service->io->ops->shutdown(service->io, socket->fd, SHUT_WR);
    }
    rim__patience_stop(socket);
    arm_linger(socket);
}

static void nothing_in_flight(struct rim__socket *socket) {
    struct rim__io *io = socket->service->io;
    if (socket->label != NULL) {
        rim__outside_leave(socket->fd, socket->flags);
    }
    if (socket->fd >= 0) { /* else it never was connected, by its name */
        io->ops->close(io, socket->fd, socket->reset);
        socket->fd = -1;
    }
    rim__output_finish(socket);
    if (socket->input.held != NULL && !socket->input.deaf && !socket->service->detached) {
        enter(socket, RIM_SOCKET_IS_DELIVERING);
    } else {
        finish(socket);
    }
}

static void in_open(struct rim__socket *socket) {
    rim__output_push(socket);
    if (socket->state == RIM_SOCKET_IS_OPEN) {
        rim__input_deliver(socket);
    }
    if (socket->state == RIM_SOCKET_IS_OPEN) {
        rim__input_update(socket);
    }
    if (socket->state == RIM_SOCKET_IS_OPEN && socket->output.shut && socket->input.end_told) {
        begin_closing(socket); /* both have said all: there is nothing to wait for */
    }
}

static void in_shaking(struct rim__socket *socket) {
    if (socket->service->closing && socket->birth != NULL) {
        rim__socket_close(socket); /* nobody has heard of it */
        return;
    }
    rim__output_push(socket);
    if (socket->state == RIM_SOCKET_IS_SHAKING) {
        rim__input_update(socket);
    }
}

static bool is_dialling(const struct rim__socket *socket) {
    return socket->dial != NULL && rim__dial_is_busy(socket->dial);
}

/* One look at what the state asks for. True if it changed. */
static bool step(struct rim__socket *socket) {
    enum rim__socket_state before = socket->state;
    struct rim__output *output = &socket->output;
    switch (before) {
    case RIM_SOCKET_IS_SHAKING:
        in_shaking(socket);
        break;
    case RIM_SOCKET_IS_OPEN:
        in_open(socket);
        break;
    case RIM_SOCKET_IS_FLUSHING:
        rim__output_push(socket);
        if (socket->state == before && output->out.bytes == 0 && !rim__output_is_sending(socket)) {
            flushed(socket);
        } else if (socket->state == before) {
            rim__input_update(socket);
        }
        break;
    case RIM_SOCKET_IS_LINGERING:
        if (socket->input.ended) {
            begin_closing(socket);
        } else {
            rim__input_update(socket);
        }
        break;
    case RIM_SOCKET_IS_CLOSING:
        if (!rim__output_is_sending(socket) && !socket->input.op.in_flight && !is_dialling(socket)) {
            nothing_in_flight(socket);
        }
        break;
    case RIM_SOCKET_IS_DELIVERING:
        rim__input_deliver(socket);
        if (socket->input.held == NULL) {
            finish(socket);
        }
        break;
    case RIM_SOCKET_IS_CONNECTING:
    case RIM_SOCKET_IS_CLOSED:
        break;
    }
    return socket->state != before;
}

/* What a stop of the system has to wait for: bytes on their way out or in, and an end that has begun. */
static void set_busy(struct rim__socket *socket) {
    bool is_ending = socket->state > RIM_SOCKET_IS_OPEN && socket->state < RIM_SOCKET_IS_CLOSED;
    bool is_moving = rim__output_waits(socket) || rim__input_waits(&socket->input);
    bool busy = is_ending || (is_moving && socket->state == RIM_SOCKET_IS_OPEN);
    if (busy != socket->busy && !socket->service->detached) {
        socket->busy = busy;
        rim__ctx_busy(socket->service->ctx, busy ? 1 : -1);
    }
}

void rim__socket_settle(struct rim__socket *socket) {
    if (socket->settling) {
        return; /* the one that runs will see to it */
    }
    socket->settling = true;
    while (step(socket)) {
    }
    socket->settling = false;
    set_busy(socket);
    if (socket->state == RIM_SOCKET_IS_CLOSED && (socket->self_gone || socket->service->detached)) {
        rim__socket_discard(socket);
    }
}

void rim__socket_push(struct rim__socket *socket) {
    if (socket->state != RIM_SOCKET_IS_OPEN || socket->output.ended || socket->settling || socket->tls != NULL) {
        rim__socket_settle(socket);
        return;
    }
    socket->settling = true;
    rim__output_push(socket);
    socket->settling = false;
    if (socket->state == RIM_SOCKET_IS_OPEN) {
        set_busy(socket);
    } else {
        rim__socket_settle(socket); /* it is lost */
    }
}

/*
 * A send that has no company is made by a call of its own: that is cheaper than an operation, and when it is out the
 * shard may sleep without a poll for its completion.
 */
void rim__socket_push_all(struct rim__service *service) {
    const struct rim__io *io = service->io;
    bool is_alone = service->pushes != NULL && service->pushes->next_push == NULL;
    bool at_once = io->ops->send_now != NULL && (is_alone || !io->sends_in_batches);
    while (service->pushes != NULL) {
        struct rim__socket *socket = service->pushes;
        unlist_push(socket);
        if (at_once) {
            rim__output_send_now(socket);
        }
        rim__socket_push(socket);
    }
}

void rim__socket_push_later(struct rim__socket *socket) {
    struct rim__service *service = socket->service;
    if (socket->push_link != NULL) {
        return;
    }
    socket->next_push = NULL;
    socket->push_link = service->pushes_end;
    *service->pushes_end = socket;
    service->pushes_end = &socket->next_push;
    rim__service_run_after(service);
}

void rim__socket_room(struct rim__service *service, rim_ref who) {
    struct rim__socket *ready = NULL; /* apart, because one that is full again waits again, in the same list */
    for (struct rim__socket *at = service->waiting, *next; at != NULL; at = next) {
        next = at->input.next_waiting;
        if (at->owner == who) {
            rim__input_resume(at);
            at->input.next_waiting = ready;
            ready = at;
        }
    }
    while (ready != NULL) {
        struct rim__socket *at = ready;
        ready = at->input.next_waiting;
        if (at->state == RIM_SOCKET_IS_CLOSING) {
            rim__input_deliver(at);
        }
        rim__socket_settle(at);
    }
}

void rim__socket_cut(struct rim__socket *socket) {
    rim__assert(socket->service->detached);
    rim__actor_unwatch(&socket->self_watch);
    rim__actor_unwatch(&socket->owner_watch);
    socket->self_gone = true;
    socket->owner = RIM_NIL;
    rim__socket_abort(socket);
    rim__socket_settle(socket);
}
