/* SPDX-License-Identifier: MIT */
#include "io/dial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "io/lookup.h"
#include "io/socket.h"
#include "ringmail/offload.h"

#define STAGGER_NS RIM_MS(250) /* the Connection Attempt Delay of RFC 8305 */

struct attempt {
    struct rim__op op;
    rim_address address;
    struct rim__dial *dial;
    int fd; /* -1: not begun, or over */
};

struct rim__dial {
    struct rim__socket *socket;
    uint64_t deadline_ns;
    rim_token look_up; /* RIM_NIL: none is under way */
    struct rim__timer next;
    bool is_over; /* connected, failed or cancelled: nothing further begins */
    int error;    /* of the first attempt that failed */
    uint32_t count, begun, in_flight;
    struct attempt *attempts; /* one for each address */
    rim_socket_options options;
    struct rim__lookup question;
    char name[RIM_LOOKUP_HOST_MAX + 8];
};

static void begin_next(struct rim__dial *dial);

static struct rim__memory *memory_of(const struct rim__dial *dial) {
    return &rim__socket_shard(dial->socket)->memory;
}

static void free_attempts(struct rim__dial *dial) {
    if (dial->attempts != NULL && dial->in_flight == 0) {
        rim__memory_free(memory_of(dial), dial->attempts, dial->count * sizeof *dial->attempts);
        dial->attempts = NULL;
    }
}

/* ---- attempts ---- */

static void close_attempt(struct attempt *attempt) {
    struct rim__io *io = attempt->dial->socket->service->io;
    if (attempt->fd >= 0) {
        io->ops->close(io, attempt->fd, false);
        attempt->fd = -1;
    }
}

static void stop(struct rim__dial *dial) {
    struct rim__io *io = dial->socket->service->io;
    dial->is_over = true;
    rim__timer_disarm(&rim__socket_shard(dial->socket)->timers, &dial->next);
    for (uint32_t i = 0; dial->attempts != NULL && i < dial->begun; i++) {
        struct rim__op *op = &dial->attempts[i].op;
        if (op->in_flight && !op->cancelling) {
            io->ops->cancel(io, op);
        }
    }
    free_attempts(dial);
}

static void win(struct attempt *attempt) {
    struct rim__dial *dial = attempt->dial;
    struct rim__socket *socket = dial->socket;
    struct rim__io *io = socket->service->io;
    socket->fd = attempt->fd;
    attempt->fd = -1;
    (void)io->ops->tune(io, socket->fd, socket->options, &dial->options); /* they may have been changed meanwhile */
    stop(dial);
    rim__socket_opened(socket);
}

static void note_error(struct rim__dial *dial, int error) {
    if (dial->error == 0 && error != -ECANCELED) {
        dial->error = error;
    }
}

/* When no address is left, the socket hears of the first error. */
static void give_up_if_last(struct rim__dial *dial) {
    if (!dial->is_over && dial->in_flight == 0 && dial->begun == dial->count) {
        stop(dial);
        rim__socket_lose(dial->socket, dial->error != 0 ? dial->error : -RIM_ENOBODY);
    }
}

static void connected(struct rim__op *op, const struct rim__completion *completion) {
    struct attempt *attempt = rim__container_of(op, struct attempt, op);
    struct rim__dial *dial = attempt->dial;
    struct rim__socket *socket = dial->socket;
    dial->in_flight--;
    if (completion->result == 0 && !dial->is_over) {
        win(attempt);
    } else {
        note_error(dial, completion->result);
        close_attempt(attempt);
        begin_next(dial); /* at once: this one will not come */
    }
    give_up_if_last(dial);
    if (dial->is_over) {
        free_attempts(dial);
    }
    rim__socket_settle(socket);
}

/* 0 or negative: then it is over. */
static int begin(struct attempt *attempt) {
    struct rim__dial *dial = attempt->dial;
    struct rim__io *io = dial->socket->service->io;
    int fd = io->ops->socket(io, &attempt->address);
    if (fd < 0) {
        return fd;
    }
    attempt->fd = fd;
    int error = io->ops->tune(io, fd, &dial->options, NULL);
    attempt->op.kind = RIM_OP_CONNECT;
    attempt->op.fd = fd;
    attempt->op.done = connected;
    attempt->op.connect.deadline_ns = dial->deadline_ns;
    error = error != 0 ? error : io->ops->submit(io, &attempt->op);
    if (error != 0) {
        close_attempt(attempt);
    }
    return error;
}

static void begin_next(struct rim__dial *dial) {
    struct rim__shard *shard = rim__socket_shard(dial->socket);
    rim__timer_disarm(&shard->timers, &dial->next);
    while (!dial->is_over && dial->begun < dial->count) {
        struct attempt *attempt = &dial->attempts[dial->begun++];
        int error = begin(attempt);
        if (error == 0) {
            dial->in_flight++;
            (void)rim__place_set(&dial->socket->peer, memory_of(dial), &attempt->address); /* no path, no memory */
            break;
        }
        note_error(dial, error);
    }
    if (!dial->is_over && dial->begun < dial->count) {
        rim__timer_arm(&shard->timers, &dial->next, shard->now_ns + STAGGER_NS);
    }
}

static void its_turn(struct rim__shard *shard, struct rim__timer *timer) {
    (void)shard;
    struct rim__dial *dial = rim__container_of(timer, struct rim__dial, next);
    struct rim__socket *socket = dial->socket;
    begin_next(dial);
    give_up_if_last(dial);
    rim__socket_settle(socket);
}

/* ---- the look-up ---- */

/* The other family next, as long as there are both. */
static void take_turns(struct rim__lookup *found) {
    for (uint32_t i = 1; i < found->count; i++) {
        uint32_t other = i;
        while (other < found->count && found->addresses[other].family == found->addresses[i - 1].family) {
            other++;
        }
        if (other < found->count) {
            rim_address address = found->addresses[other];
            memmove(&found->addresses[i + 1], &found->addresses[i], (other - i) * sizeof address);
            found->addresses[i] = address;
        }
    }
}

static int take_addresses(struct rim__dial *dial, struct rim__lookup *found) {
    dial->attempts = rim__memory_alloc(memory_of(dial), found->count * sizeof *dial->attempts);
    if (dial->attempts == NULL) {
        return -ENOMEM;
    }
    take_turns(found);
    dial->count = found->count;
    memset(dial->attempts, 0, found->count * sizeof *dial->attempts);
    for (uint32_t i = 0; i < found->count; i++) {
        dial->attempts[i].dial = dial;
        dial->attempts[i].fd = -1;
        dial->attempts[i].address = found->addresses[i];
        dial->attempts[i].op.connect.address = &dial->attempts[i].address;
    }
    return 0;
}

static rim_verdict answered(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)state;
    struct rim__socket *socket = rim__socket_find(rim__ctx_io(ctx), cookie);
    if (socket == NULL || socket->dial == NULL || socket->dial->look_up == RIM_NIL) {
        return RIM_DONE;
    }
    struct rim__dial *dial = socket->dial;
    dial->look_up = RIM_NIL;
    if (error == 0) {
        rim__assert(rim_size(msg) == sizeof(struct rim__lookup));
        struct rim__lookup found;
        memcpy(&found, body, sizeof found);
        error = found.count > 0 ? take_addresses(dial, &found) : -RIM_ENOBODY;
    }
    if (error == 0) {
        begin_next(dial);
        give_up_if_last(dial);
    } else {
        rim__socket_lose(socket, error);
    }
    rim__socket_settle(socket);
    return RIM_DONE;
}

static int run_lookup(void *arg) {
    struct rim__lookup *question = arg;
    return question->resolve(question);
}

/* The clerk asks, because the socket's own mailbox may be held, with the answer in it, by what was written already. */
int rim__dial_look_up(struct rim__dial *dial) {
    struct rim__service *service = dial->socket->service;
    uint64_t now_ns = rim_now(service->ctx);
    rim_job job = {
        .run = run_lookup,
        .arg = &dial->question,
        .size = sizeof dial->question,
        .timeout_ns = dial->deadline_ns > now_ns ? dial->deadline_ns - now_ns : 1,
        .on_outcome = answered,
        .cookie = dial->socket->self,
        .name = "rim look-up of a name",
    };
    void *previous = rim__service_enter(service);
    int result = rim_offload(service->ctx, &job, &dial->look_up);
    rim__ctx_leave(service->ctx, previous);
    return result;
}

/* ---- life ---- */

struct rim__dial *rim__dial_create(struct rim__socket *socket, const rim_connect_options *options) {
    struct rim__shard *shard = rim__socket_shard(socket);
    struct rim__dial *dial = rim__memory_alloc(&shard->memory, sizeof *dial);
    if (dial == NULL) {
        return NULL;
    }
    memset(dial, 0, sizeof *dial);
    uint64_t now_ns = shard->now_ns;
    dial->socket = socket;
    dial->deadline_ns = options->timeout_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + options->timeout_ns;
    dial->next.fire = its_turn;
    dial->options = options->socket;
    dial->question.port = options->port;
    dial->question.resolve = socket->service->io->ops->resolve;
    snprintf(dial->question.host, sizeof dial->question.host, "%s", options->host);
    snprintf(dial->name, sizeof dial->name, "%s:%u", dial->question.host, options->port);
    return dial;
}

void rim__dial_cancel(struct rim__dial *dial) {
    struct rim__socket *socket = dial->socket;
    rim_ctx *ctx = socket->service->ctx;
    if (dial->look_up != RIM_NIL && !socket->service->detached) {
        void *previous = rim__service_enter(socket->service);
        (void)rim_cancel(ctx, dial->look_up);
        rim__ctx_leave(ctx, previous);
    }
    dial->look_up = RIM_NIL;
    stop(dial);
}

bool rim__dial_is_busy(const struct rim__dial *dial) {
    return dial->in_flight > 0;
}

const char *rim__dial_name(const struct rim__dial *dial) {
    return dial->name;
}

void rim__dial_free(struct rim__dial *dial) {
    if (dial != NULL) {
        rim__assert(dial->in_flight == 0);
        free_attempts(dial);
        rim__memory_free(memory_of(dial), dial, sizeof *dial);
    }
}
