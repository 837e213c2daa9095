/* SPDX-License-Identifier: MIT */
#include "io/input.h"

#include <errno.h>

#include "base/assert.h"
#include "io/passing.h"
#include "io/socket.h"

struct rim__arrival {
    struct rim__arrival *next;
    struct rim__body *body;
};

/* The body of a RIM_SOCKET_END: no bytes, but its release says that the owner has come to it. */
struct end {
    struct rim__body body;
    rim_ref socket;
};

static void wait_for_room(struct rim__socket *socket) {
    struct rim__service *service = socket->service;
    struct rim__input *input = &socket->input;
    rim__assert(input->waiting_link == NULL);
    input->next_waiting = service->waiting;
    input->waiting_link = &service->waiting;
    if (service->waiting != NULL) {
        service->waiting->input.waiting_link = &input->next_waiting;
    }
    service->waiting = socket;
    /* The clerk waits, because this actor's mailbox may be held, with the news in it, until the peer reads: and the
       peer may wait for us to read. */
    void *previous = rim__service_enter(service);
    int result = rim_want_room(service->ctx, socket->owner);
    rim__ctx_leave(service->ctx, previous);
    if (result != 0) {
        rim__socket_lose(socket, result);
    }
}

void rim__input_resume(struct rim__socket *socket) {
    struct rim__input *input = &socket->input;
    if (input->waiting_link != NULL) {
        *input->waiting_link = input->next_waiting;
        if (input->next_waiting != NULL) {
            input->next_waiting->input.waiting_link = input->waiting_link;
        }
        input->waiting_link = NULL;
    }
}

static struct rim__body *pop(struct rim__socket *socket) {
    struct rim__input *input = &socket->input;
    struct rim__arrival *arrival = input->held;
    struct rim__body *body = arrival->body;
    input->held = arrival->next;
    rim__memory_free(&rim__socket_shard(socket)->memory, arrival, sizeof *arrival);
    return body;
}

static int hold(struct rim__socket *socket, struct rim__body *body) {
    struct rim__input *input = &socket->input;
    struct rim__arrival *arrival = rim__memory_alloc(&rim__socket_shard(socket)->memory, sizeof *arrival);
    if (arrival == NULL) {
        return -ENOMEM;
    }
    *arrival = (struct rim__arrival){.body = body};
    if (input->held == NULL) {
        input->held = arrival;
    } else {
        input->last->next = arrival;
    }
    input->last = arrival;
    return 0;
}

static int hand_over(struct rim__socket *socket, struct rim__body *body, uint32_t tag) {
    return rim__send_body(socket->service->ctx, socket->self, socket->owner, tag, body);
}

void rim__input_deafen(struct rim__socket *socket) {
    struct rim__input *input = &socket->input;
    input->deaf = true;
    rim__input_resume(socket);
    while (input->held != NULL) {
        rim__body_release(rim__socket_shard(socket), pop(socket));
        input->dropped = true;
    }
}

static bool has_row(const rim_behaviour *owner) {
    return owner->other != NULL || (owner->on_count > RIM_SOCKET_END && owner->on[RIM_SOCKET_END] != NULL);
}

/* The owner has handled, ignored or lost the end. Where its table has no row for it, the socket closes now: after all
   that the owner wrote before it came to the end, which is still before this in the mailbox. */
static void end_seen(struct rim__shard *home, struct rim__body *body) {
    struct end *end = rim__container_of(body, struct end, body);
    rim_ref self = end->socket;
    rim__memory_free(&home->memory, end, sizeof *end);
    rim_ctx *ctx = rim__ctx_of(home);
    struct rim__service *service = rim__ctx_io(ctx);
    struct rim__socket *socket = service == NULL ? NULL : rim__socket_find(service, self);
    if (socket == NULL || socket->owner == RIM_NIL || socket->self_gone) {
        return; /* whoever ended has seen to it */
    }
    const rim_behaviour *owner = rim__actor_behaviour(ctx, socket->owner);
    if (owner != NULL && !has_row(owner)) {
        (void)rim__send_event(ctx, self, self, RIM_SOCKET_CLOSE, NULL, 0);
    }
}

static void tell_end(struct rim__socket *socket) {
    struct rim__shard *shard = rim__socket_shard(socket);
    struct end *end = rim__memory_alloc(&shard->memory, sizeof *end);
    if (end == NULL) {
        rim__socket_lose(socket, -ENOMEM);
        return;
    }
    *end = (struct end){.body = {.data = end, .home = shard->index, .release = end_seen}, .socket = socket->self};
    if (hand_over(socket, &end->body, RIM_SOCKET_END) == -RIM_EFULL) {
        rim__memory_free(&shard->memory, end, sizeof *end);
        wait_for_room(socket);
        return;
    }
    socket->input.end_told = true;
}

static bool is_dropping(const struct rim__input *input) {
    return input->deaf || input->drains;
}

void rim__input_deliver(struct rim__socket *socket) {
    struct rim__input *input = &socket->input;
    while (input->held != NULL && !rim__input_waits(input)) {
        if (hand_over(socket, input->held->body, RIM_SOCKET_DATA) == -RIM_EFULL) {
            wait_for_room(socket);
            return;
        }
        (void)pop(socket);
    }
    if (input->ended && !input->end_told && !is_dropping(input) && !rim__input_waits(input) &&
        socket->state == RIM_SOCKET_IS_OPEN) {
        tell_end(socket);
    }
}

void rim__input_pass(struct rim__socket *socket, struct rim__body *body) {
    struct rim__input *input = &socket->input;
    struct rim__service *service = socket->service;
    input->received += body->size;
    if (input->held == NULL && !rim__input_waits(input) && hand_over(socket, body, RIM_SOCKET_DATA) != -RIM_EFULL) {
        return;
    }
    if (hold(socket, body) != 0) {
        rim__body_release(service->shard, body);
        rim__socket_lose(socket, -ENOMEM);
    } else if (!rim__input_waits(input)) {
        wait_for_room(socket);
    }
}

/* The bytes alone, and the descriptors that came with them. NULL: out of memory. */
static struct rim__body *unpack(struct rim__socket *socket, const struct rim__completion *completion) {
    const struct rim__receipt *receipt = completion->receipt;
    struct rim__body *body = completion->body;
    body->data = receipt->bytes;
    body->size = (uint32_t)receipt->result;
    if (receipt->rights == NULL && !receipt->is_cut) {
        return body;
    }
    uint32_t max = socket->options->descriptors;
    struct rim__body *both = rim__passing_wrap(rim__socket_shard(socket), body, receipt->rights, max, receipt->is_cut);
    if (both == NULL) {
        rim__body_release(rim__socket_shard(socket), body);
        socket->input.ended = true;
        rim__socket_lose(socket, -ENOMEM);
    }
    return both;
}

static void take_in(struct rim__socket *socket, struct rim__body *body) {
    struct rim__input *input = &socket->input;
    struct rim__service *service = socket->service;
    if (rim__unlikely(socket->patience != NULL)) {
        rim__patience_note_heard(socket);
    }
    if (is_dropping(input) || service->detached) {
        input->received += socket->tls == NULL ? body->size : 0;
        input->dropped = true;
        rim__body_release(service->shard, body);
    } else if (rim__unlikely(socket->tls != NULL)) {
        rim__tls_feed(socket, body);
    } else {
        rim__input_pass(socket, body);
    }
}

static bool is_end(const struct rim__completion *completion) {
    return completion->result == 0 && completion->body == NULL;
}

static void received(struct rim__op *op, const struct rim__completion *completion) {
    struct rim__socket *socket = rim__container_of(op, struct rim__socket, input.op);
    int result = completion->result;
    if (completion->body != NULL) {
        socket->service->buffer_release = completion->body->release;
        struct rim__body *body =
            rim__unlikely(completion->receipt != NULL) ? unpack(socket, completion) : completion->body;
        if (body != NULL) {
            take_in(socket, body);
        }
    } else if (rim__unlikely(op->kind == RIM_OP_READY)) {
        socket->input.waits_first = result <= 0;
    } else if (is_end(completion)) {
        if (rim__unlikely(socket->tls != NULL) && !socket->input.ended && !socket->input.drains) {
            rim__tls_ended(socket);
        }
        socket->input.ended = true;
    } else if (result != -ECANCELED && result != -ENOBUFS && result != -EINTR && result != -EAGAIN) {
        socket->input.ended = true;
        rim__socket_lose(socket, result);
    }
    if (!completion->more || socket->input.ended || rim__input_waits(&socket->input) ||
        socket->state != RIM_SOCKET_IS_OPEN || socket->tls != NULL) {
        rim__socket_settle(socket); /* otherwise nothing has changed but the count of bytes */
    }
}

static bool is_wanted(const struct rim__socket *socket) {
    const struct rim__input *input = &socket->input;
    if (input->ended) {
        return false;
    }
    switch (socket->state) {
    case RIM_SOCKET_IS_SHAKING:
        return true;
    case RIM_SOCKET_IS_OPEN:
        return is_dropping(input) || (!input->paused && !rim__input_waits(input) && !socket->service->closing);
    case RIM_SOCKET_IS_FLUSHING: /* so that a peer that must get rid of something before it reads gets there */
    case RIM_SOCKET_IS_LINGERING:
        return true;
    default:
        return false;
    }
}

void rim__input_cancel(struct rim__socket *socket) {
    struct rim__io *io = socket->service->io;
    struct rim__op *op = &socket->input.op;
    if (op->in_flight && !op->cancelling) {
        io->ops->cancel(io, op);
    }
}

/* Where there is no such operation, or no room for so many, none are taken. */
static void expect_descriptors(struct rim__socket *socket) {
    struct rim__op *op = &socket->input.op;
    uint32_t room = RIM_OP_ROOM_MIN + rim__passing_room(socket->options->descriptors);
    uint32_t max = socket->service->io->message_max;
    if (socket->peer.family != RIM_FAMILY_UNIX || socket->tls != NULL || room >= max) {
        return;
    }
    op->kind = RIM_OP_RECV_MSG;
    op->message.room = room;
    op->message.size = max - room;
    op->message.is_stream = true;
    op->message.expected = 0;
}

/* Not before the last receive has ended, as what that has brought is delivered; nor a pipe, which others may read. */
static bool may_drain(const struct rim__socket *socket) {
    const struct rim__input *input = &socket->input;
    return socket->state == RIM_SOCKET_IS_OPEN && socket->label == NULL && !input->ended && !input->op.in_flight;
}

void rim__input_update(struct rim__socket *socket) {
    struct rim__io *io = socket->service->io;
    struct rim__op *op = &socket->input.op;
    if (rim__unlikely(socket->service->closing) && may_drain(socket)) {
        socket->input.drains = true;
    }
    if (!is_wanted(socket)) {
        rim__input_cancel(socket);
        return;
    }
    if (op->in_flight) {
        return;
    }
    op->kind = RIM_OP_RECV;
    if (rim__unlikely(socket->input.waits_first)) {
        op->kind = RIM_OP_READY;
        op->ready.events = RIM_POLL_READ;
    }
    if (rim__unlikely(socket->options->descriptors > 0)) {
        expect_descriptors(socket);
    }
    op->fd = socket->fd;
    op->done = received;
    if (rim__unlikely(socket->patience != NULL)) {
        rim__patience_note_heard(socket); /* before, nothing was asked for */
    }
    int result = io->ops->submit(io, op);
    if (result != 0) {
        rim__socket_lose(socket, result);
    }
}
