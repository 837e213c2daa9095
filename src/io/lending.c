/* SPDX-License-Identifier: MIT */
#include "io/lending.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "io/socket.h"

struct loan {
    struct rim__lending *lending;
    struct loan *next;
    struct rim_msg *kept; /* released with it */
    bool is_over;         /* the kernel has let go of it */
    struct rim__op op;
    struct iovec iov[RIM_OP_IOV_MAX]; /* what it sends */
};

struct rim__lending {
    struct rim__service *service;
    struct rim__socket *socket; /* NULL: it has gone */
    struct loan *first, *last;
    struct loan *sending; /* it has not had its first completion; NULL: none */
    uint32_t count;
    bool is_refused;    /* the kernel has no memory for more: the next are copied, until all have come back */
    bool is_impossible; /* on this socket */
    bool is_busy;
};

static struct rim__memory *memory_of(const struct rim__lending *lending) {
    return &lending->service->shard->memory;
}

/* ---- life ---- */

static struct rim__lending *make(struct rim__socket *socket) {
    struct rim__service *service = socket->service;
    struct rim__lending *lending = rim__memory_alloc(&service->shard->memory, sizeof *lending);
    if (lending != NULL) {
        *lending = (struct rim__lending){.service = service, .socket = socket};
        service->objects++;
    }
    return lending;
}

static void free_if_done(struct rim__lending *lending) {
    struct rim__service *service = lending->service;
    if (lending->socket == NULL && lending->first == NULL) {
        rim__memory_free(memory_of(lending), lending, sizeof *lending);
        rim__service_forget(service);
    }
}

/* A stop of the system has to wait for what outlives its connection. */
static void set_busy(struct rim__lending *lending, bool busy) {
    if (busy != lending->is_busy && !lending->service->detached) {
        lending->is_busy = busy;
        rim__ctx_busy(lending->service->ctx, busy ? 1 : -1);
    }
}

/* ---- loans ---- */

static void done(struct rim__op *op, const struct rim__completion *completion);

static void add(struct rim__lending *lending, struct loan *loan) {
    if (lending->first == NULL) {
        lending->first = loan;
    } else {
        lending->last->next = loan;
    }
    lending->last = loan;
    lending->sending = loan;
    lending->count++;
}

static void release(struct rim__lending *lending, struct loan *loan) {
    while (loan->kept != NULL) {
        struct rim_msg *item = loan->kept;
        loan->kept = item->next;
        rim__msg_release(lending->service->shard, item);
    }
    rim__memory_free(memory_of(lending), loan, sizeof *loan);
}

/* Ends those in front that are over. The lending may be gone afterwards. */
static void settle(struct rim__lending *lending) {
    while (lending->first != NULL && lending->first->is_over) {
        struct loan *loan = lending->first;
        lending->first = loan->next;
        lending->count--;
        release(lending, loan);
    }
    if (lending->first == NULL) {
        lending->last = NULL;
        lending->is_refused = lending->is_impossible;
        set_busy(lending, false);
        free_if_done(lending);
    }
}

/* What means that it is to be sent in the other way, and not that the connection is lost. */
static bool means_copy(int32_t result) {
    return result == -ENOMEM || result == -ENOBUFS || result == -EOPNOTSUPP;
}

static void note_sent(struct rim__lending *lending, int32_t result) {
    lending->sending = NULL;
    if (means_copy(result)) {
        lending->is_refused = true;
        lending->is_impossible = lending->is_impossible || result == -EOPNOTSUPP;
        result = -EAGAIN;
    }
    if (lending->socket != NULL) {
        rim__output_sent(lending->socket, result);
    }
}

static void done(struct rim__op *op, const struct rim__completion *completion) {
    struct loan *loan = rim__container_of(op, struct loan, op);
    struct rim__lending *lending = loan->lending;
    if (lending->sending == loan) {
        note_sent(lending, completion->result); /* the lending stays, as its loan is not over */
    }
    if (!completion->more) {
        loan->is_over = true;
        settle(lending);
    }
}

/* ---- sending ---- */

static struct loan *make_loan(struct rim__lending *lending) {
    if (lending->is_refused || lending->count == RIM_LENDING_MAX) {
        return NULL;
    }
    struct loan *loan = rim__memory_alloc(memory_of(lending), sizeof *loan);
    if (loan != NULL) {
        memset(loan, 0, offsetof(struct loan, iov));
        loan->lending = lending;
    }
    return loan;
}

/* The pieces are those that the socket's own send names. */
static int submit(struct rim__lending *lending, struct loan *loan) {
    struct rim__socket *socket = lending->socket;
    const struct rim__op *from = &socket->output.op;
    struct rim__io *io = socket->service->io;
    loan->op.kind = RIM_OP_SEND;
    loan->op.fd = socket->fd;
    loan->op.done = done;
    loan->op.send.zero_copy = true;
    loan->op.send.iov_count = from->send.iov_count;
    loan->op.send.iov = loan->iov;
    memcpy(loan->iov, from->send.iov, from->send.iov_count * sizeof loan->iov[0]);
    int result = io->ops->submit(io, &loan->op);
    if (result != 0) {
        rim__memory_free(memory_of(lending), loan, sizeof *loan);
        return result;
    }
    add(lending, loan);
    return 1;
}

int rim__lending_send(struct rim__socket *socket, uint32_t max) {
    struct rim__output *output = &socket->output;
    bool is_large = false;
    output->op.send.iov_count =
        rim__outgoing_gather_alike(&output->out, output->op.send.iov, max, socket->options->zero_copy, &is_large);
    if (is_large && output->lending == NULL) {
        output->lending = make(socket);
    }
    struct loan *loan = is_large && output->lending != NULL ? make_loan(output->lending) : NULL;
    return loan != NULL ? submit(output->lending, loan) : 0;
}

bool rim__lending_is_sending(const struct rim__lending *lending) {
    return lending->sending != NULL;
}

void rim__lending_cancel(struct rim__lending *lending) {
    struct rim__io *io = lending->service->io;
    if (lending->sending != NULL && !lending->sending->op.cancelling) {
        io->ops->cancel(io, &lending->sending->op);
    }
}

void rim__lending_consume(struct rim__socket *socket, uint32_t count) {
    struct rim__output *output = &socket->output;
    struct loan *newest = output->lending->last;
    if (newest != NULL) {
        newest->kept = rim__outgoing_consume_to(&output->out, newest->kept, count);
    } else {
        rim__outgoing_consume(&output->out, rim__socket_shard(socket), count);
    }
}

void rim__lending_leave(struct rim__socket *socket) {
    struct rim__lending *lending = socket->output.lending;
    rim__assert(lending->sending == NULL);
    struct rim_msg *begun = lending->last != NULL ? rim__outgoing_take_begun(&socket->output.out) : NULL;
    if (begun != NULL) {
        begun->next = lending->last->kept;
        lending->last->kept = begun;
    }
    socket->output.lending = NULL;
    lending->socket = NULL;
    set_busy(lending, lending->first != NULL);
    free_if_done(lending);
}
