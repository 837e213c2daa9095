/* SPDX-License-Identifier: MIT */
#include "io/datagram_input.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "io/datagram.h"
#include "io/passing.h"

#define RECEIVES_MAX 16 /* of one socket before others get their turn */
#define ERRORS_MAX   64
#define RETRY_NS     RIM_MS(1)

/* Room before the payload: for the event, and for all that the kernel can say beside it. */
#define CONTROL_BYTES 160u
#define CONTROL_MAX   (CONTROL_BYTES + CMSG_SPACE(RIM_PASSING_MAX * sizeof(int)))
_Static_assert(RIM_OP_ROOM_MIN + CONTROL_BYTES >= sizeof(rim_datagram_event) && CONTROL_BYTES % 8 == 0 &&
                   sizeof(rim_datagram_event) % 8 == 0,
               "the event has its place right before the payload");

struct rim__datagram_arrival {
    struct rim__datagram_arrival *next;
    struct rim__body *body;
};

struct rim__datagram_block {
    struct rim__body body;
    size_t total;
    rim_datagram_event event;
    char bytes[];
};
_Static_assert(offsetof(struct rim__datagram_block, bytes) ==
                   offsetof(struct rim__datagram_block, event) + sizeof(rim_datagram_event),
               "the bytes follow the event");

static struct rim__shard *shard_of(const struct rim__datagram *datagram) {
    return datagram->service->shard;
}

static void release_block(struct rim__shard *home, struct rim__body *body) {
    struct rim__datagram_block *block = rim__container_of(body, struct rim__datagram_block, body);
    rim__memory_free(&home->memory, block, block->total);
}

static void wait(struct rim__datagram *datagram) {
    struct rim__shard *shard = shard_of(datagram);
    if (!rim__timer_is_armed(&datagram->input.retry)) {
        rim__timer_arm(&shard->timers, &datagram->input.retry, shard->now_ns + RETRY_NS);
    }
}

/* ---- what waits for the owner ---- */

static void wait_for_room(struct rim__datagram *datagram) {
    struct rim__service *service = datagram->service;
    struct rim__datagram_input *input = &datagram->input;
    void *previous = rim__service_enter(service);
    int result = rim_want_room(service->ctx, datagram->owner);
    rim__ctx_leave(service->ctx, previous);
    input->waits = true;
    if (result != 0) {
        wait(datagram);
    }
    if (input->op.in_flight && !input->op.cancelling) {
        service->io->ops->cancel(service->io, &input->op);
    }
}

static struct rim__body *pop(struct rim__datagram *datagram) {
    struct rim__datagram_input *input = &datagram->input;
    struct rim__datagram_arrival *arrival = input->held;
    struct rim__body *body = arrival->body;
    input->held = arrival->next;
    rim__memory_free(&shard_of(datagram)->memory, arrival, sizeof *arrival);
    return body;
}

static void hold(struct rim__datagram *datagram, struct rim__body *body) {
    struct rim__datagram_input *input = &datagram->input;
    struct rim__datagram_arrival *arrival = rim__memory_alloc(&shard_of(datagram)->memory, sizeof *arrival);
    if (arrival == NULL) {
        input->missed++;
        rim__body_release(shard_of(datagram), body);
        return;
    }
    *arrival = (struct rim__datagram_arrival){.body = body};
    *(input->held == NULL ? &input->held : &input->last->next) = arrival;
    input->last = arrival;
}

static int offer(struct rim__datagram *datagram, struct rim__body *body) {
    return rim__send_body(datagram->service->ctx, datagram->self, datagram->owner, RIM_DATAGRAM, body);
}

static void hand_over(struct rim__datagram *datagram, struct rim__body *body) {
    struct rim__datagram_input *input = &datagram->input;
    if (datagram->closing) {
        rim__body_release(shard_of(datagram), body);
    } else if (input->held != NULL || input->waits) {
        hold(datagram, body);
    } else if (offer(datagram, body) == -RIM_EFULL) {
        hold(datagram, body);
        wait_for_room(datagram);
    }
}

/* ---- what came ---- */

/* Written where it is to be: it is two hundred bytes long. */
static void describe(struct rim__datagram *datagram, const struct rim__receipt *receipt, rim_datagram_event *out) {
    rim_datagram_state *state = &datagram->state;
    uint32_t lost = receipt->lost + datagram->input.missed;
    state->lost = lost > state->lost ? lost : state->lost;
    state->received += receipt->result >= 0;
    out->socket = datagram->self;
    out->from = receipt->from;
    out->error = receipt->result < 0 ? receipt->result : 0;
    out->size = receipt->result > 0 ? (uint32_t)receipt->result : 0;
    out->lost = state->lost;
    out->segment = receipt->segment;
    out->way = receipt->way;
    out->hops = receipt->hops;
    out->traffic_class = receipt->traffic_class;
    out->is_truncated = receipt->is_truncated;
}

/* Descriptors go along with the body, if they are wanted. Out of memory they are lost, and said to be. */
static struct rim__body *add_descriptors(struct rim__datagram *datagram, struct rim__body *body,
                                         const struct rim__receipt *receipt) {
    uint32_t max = datagram->input.descriptors;
    struct rim__body *both = rim__passing_wrap(shard_of(datagram), body, receipt->rights, max, receipt->is_cut);
    if (both != NULL && max == 0) {
        rim__passing_unwrap(shard_of(datagram), both);
        return body;
    }
    return both != NULL ? both : body;
}

static bool has_descriptors(const struct rim__receipt *receipt) {
    return receipt->rights != NULL || receipt->is_cut;
}

/* The event takes the place of what the kernel has written before the payload, and has been read. */
static void take_in(struct rim__datagram *datagram, struct rim__body *body, const struct rim__receipt *receipt) {
    rim_datagram_event *event = (rim_datagram_event *)receipt->bytes - 1;
    rim__assert((char *)event >= (char *)body->data);
    body->data = event;
    body->size = (uint32_t)sizeof *event + (uint32_t)receipt->result;
    if (rim__unlikely(has_descriptors(receipt))) {
        body = add_descriptors(datagram, body, receipt);
    }
    describe(datagram, receipt, event);
    hand_over(datagram, body);
}

/* NULL: out of memory. */
static struct rim__datagram_block *make_block(struct rim__datagram *datagram, uint32_t size) {
    struct rim__shard *shard = shard_of(datagram);
    size_t total = sizeof(struct rim__datagram_block) + size;
    struct rim__datagram_block *block = rim__memory_alloc(&shard->memory, total);
    if (block == NULL) {
        return NULL;
    }
    block->total = total;
    block->body = (struct rim__body){.data = &block->event,
                                     .size = sizeof block->event,
                                     .home = shard->index,
                                     .release = release_block};
    return block;
}

/* An event without bytes, which may be lost for want of memory: the counts remain. */
static void tell_error(struct rim__datagram *datagram, const struct rim__receipt *receipt) {
    struct rim__datagram_block *block = make_block(datagram, 0);
    if (block == NULL) {
        datagram->input.missed++;
        return;
    }
    describe(datagram, receipt, &block->event);
    hand_over(datagram, &block->body);
}

void rim__datagram_input_drain_errors(struct rim__datagram *datagram) {
    struct rim__io *io = datagram->service->io;
    struct rim__receipt receipt = {.result = 0};
    for (int i = 0; i < ERRORS_MAX && io->ops->next_error(io, datagram->fd, &receipt); i++) {
        tell_error(datagram, &receipt);
    }
}

/* Where there is a queue, it says more about the same thing. */
static void take_error(struct rim__datagram *datagram, int error) {
    if (datagram->tell_errors) {
        rim__datagram_input_drain_errors(datagram);
    } else {
        const struct rim__receipt receipt = {.result = error};
        tell_error(datagram, &receipt);
    }
}

/* ---- RIM_OP_RECV_MSG ---- */

static void go_on(struct rim__datagram *datagram) {
    if (rim__datagram_input_arm(datagram) != 0) {
        wait(datagram);
    }
}

static bool is_passing(int error) {
    return error == -ECANCELED || error == -ENOBUFS || error == -EINTR || error == -EAGAIN;
}

static void received(struct rim__op *op, const struct rim__completion *completion) {
    struct rim__datagram *datagram = rim__container_of(op, struct rim__datagram, input.op);
    if (completion->body != NULL) {
        take_in(datagram, completion->body, completion->receipt);
    } else if (completion->result == -ENOMEM) {
        wait(datagram);
    } else if (completion->result < 0 && !is_passing(completion->result)) {
        take_error(datagram, completion->result);
    }
    if (!completion->more) {
        go_on(datagram);
        rim__datagram_settle(datagram);
    }
}

/* ---- RIM_OP_READY ---- */

/* One datagram. False: there is none, or it has to wait. */
static bool receive(struct rim__datagram *datagram) {
    struct rim__datagram_input *input = &datagram->input;
    struct rim__io *io = datagram->service->io;
    struct rim__datagram_block *block = input->spare != NULL ? input->spare : make_block(datagram, input->size_max);
    input->spare = block;
    if (block == NULL) {
        wait(datagram);
        return false;
    }
    _Alignas(struct cmsghdr) char control[CONTROL_MAX];
    struct rim__receipt receipt = {.bytes = block->bytes,
                                   .size = input->size_max,
                                   .control = control,
                                   .control_size = input->control_size};
    io->ops->receive_from(io, datagram->fd, &receipt);
    if (receipt.result < 0) {
        bool is_empty = receipt.result == -EAGAIN || receipt.result == -EINTR;
        if (!is_empty) {
            take_error(datagram, receipt.result);
        }
        return !is_empty;
    }
    input->spare = NULL;
    io->bytes_in += (uint32_t)receipt.result;
    describe(datagram, &receipt, &block->event);
    block->body.size = (uint32_t)sizeof block->event + block->event.size;
    struct rim__body *body = &block->body;
    hand_over(datagram, has_descriptors(&receipt) ? add_descriptors(datagram, body, &receipt) : body);
    return true;
}

static void receive_some(struct rim__datagram *datagram) {
    const struct rim__datagram_input *input = &datagram->input;
    for (int i = 0; i < RECEIVES_MAX && !datagram->closing && !input->waits && receive(datagram); i++) {
    }
}

static void readied(struct rim__op *op, const struct rim__completion *completion) {
    struct rim__datagram *datagram = rim__container_of(op, struct rim__datagram, input.op);
    if (completion->result > 0) {
        receive_some(datagram);
    } else if (completion->result != -ECANCELED) {
        wait(datagram);
    }
    go_on(datagram);
    rim__datagram_settle(datagram);
}

/* ---- life ---- */

static void retry(struct rim__shard *shard, struct rim__timer *timer) {
    (void)shard;
    rim__datagram_input_resume(rim__container_of(timer, struct rim__datagram, input.retry));
}

void rim__datagram_input_init(struct rim__datagram *datagram, uint32_t size_max, uint32_t descriptors) {
    struct rim__datagram_input *input = &datagram->input;
    input->control_size = CONTROL_BYTES + (descriptors > 0 ? rim__passing_room(descriptors) : 0);
    uint32_t room = RIM_OP_ROOM_MIN + input->control_size;
    bool fits = room + size_max <= datagram->service->io->message_max;
    input->size_max = size_max;
    input->descriptors = descriptors;
    input->retry.fire = retry;
    input->op.kind = fits ? RIM_OP_RECV_MSG : RIM_OP_READY;
    input->op.done = fits ? received : readied;
    if (fits) {
        input->op.message.room = room;
        input->op.message.size = size_max;
    } else {
        input->op.ready.events = RIM_POLL_READ;
    }
}

int rim__datagram_input_arm(struct rim__datagram *datagram) {
    struct rim__io *io = datagram->service->io;
    struct rim__datagram_input *input = &datagram->input;
    if (datagram->closing || input->waits || input->op.in_flight || rim__timer_is_armed(&input->retry)) {
        return 0;
    }
    input->op.fd = datagram->fd;
    return io->ops->submit(io, &input->op);
}

void rim__datagram_input_resume(struct rim__datagram *datagram) {
    struct rim__datagram_input *input = &datagram->input;
    rim__timer_disarm(&shard_of(datagram)->timers, &input->retry);
    input->waits = false;
    while (input->held != NULL) {
        if (offer(datagram, input->held->body) == -RIM_EFULL) {
            wait_for_room(datagram);
            return;
        }
        (void)pop(datagram);
    }
    go_on(datagram);
}

void rim__datagram_input_stop(struct rim__datagram *datagram) {
    struct rim__datagram_input *input = &datagram->input;
    struct rim__shard *shard = shard_of(datagram);
    struct rim__io *io = datagram->service->io;
    rim__timer_disarm(&shard->timers, &input->retry);
    while (input->held != NULL) {
        rim__body_release(shard, pop(datagram));
    }
    if (input->spare != NULL) {
        release_block(shard, &input->spare->body);
        input->spare = NULL;
    }
    if (input->op.in_flight && !input->op.cancelling) {
        io->ops->cancel(io, &input->op);
    }
}
