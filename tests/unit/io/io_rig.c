/* SPDX-License-Identifier: MIT */
#include "io_rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io/sim_world.h"
#include "ringmail/error.h"

#define MEMORY_TRIES 200

static void tell(void *arg, int level, const char *text) {
    (void)arg;
    fprintf(stderr, "    [%d] %s\n", level, text);
}

static const struct rim__log sink = {.write = tell, .level = RIM_LOG_ERROR};

uint64_t io_rig_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

const struct rim__uring_traits *io_rig_traits(enum rim_wake_kind wake) {
    static struct rim__uring_traits traits[RIM_WAKE_EVENTFD + 1];
    rim_config config = {.wake = wake};
    if (traits[wake].setup_flags == 0) {
        CU_ASSERT_EQUAL_FATAL(rim__uring_probe(&config, &traits[wake]), 0);
    }
    return &traits[wake];
}

/* Rings count as locked memory, of which a user who is not privileged has little; the kernel gives back that of a
   closed one a little later. */
static int open_uring(struct io_rig *rig, const struct rim__driver_options *options) {
    int error = rim__uring_open(options, &rig->driver, &rig->io);
    for (int i = 0; i < MEMORY_TRIES && error == -ENOMEM && geteuid() != 0; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        error = rim__uring_open(options, &rig->driver, &rig->io);
    }
    return error;
}

void io_rig_open(struct io_rig *rig, const rim_config *config, const struct rim__uring_traits *traits) {
    struct rim__driver_options options = {.log = &sink, .config = config, .traits = traits};
    *rig = (struct io_rig){.is_epoll = traits == NULL};
    if (rig->is_epoll) {
        CU_ASSERT_EQUAL_FATAL(rim__epoll_open(&options, &rig->driver, &rig->io), 0);
    } else {
        CU_ASSERT_EQUAL_FATAL(open_uring(rig, &options), 0);
    }
}

uint32_t io_rig_buffers_out(const struct io_rig *rig) {
    return rig->is_epoll ? rim__epoll_buffers_out(rig->driver) : rim__uring_buffers_out(rig->driver);
}

void io_rig_close(struct io_rig *rig) {
    CU_ASSERT_EQUAL(io_rig_buffers_out(rig), 0);
    CU_ASSERT_EQUAL(rig->io->operations_open, 0);
    CU_ASSERT_EQUAL(rig->io->descriptors, 0);
    rig->driver->ops->close(rig->driver, 2000 * IO_MS);
}

/* ---- operations ---- */

static void take_body(struct io_op *self, const struct rim__completion *completion) {
    CU_ASSERT_EQUAL((int)completion->body->size, completion->result);
    self->bytes += completion->body->size;
    if (self->hold) {
        CU_ASSERT_FATAL(self->held_count < IO_HELD_MAX);
        self->held[self->held_count++] = completion->body;
    } else {
        completion->body->release(self->rig->io->shard, completion->body);
    }
}

static void done(struct rim__op *op, const struct rim__completion *completion) {
    struct io_op *self = (struct io_op *)op;
    self->completions++;
    self->last = completion->result;
    self->terminals += !completion->more;
    CU_ASSERT_EQUAL(completion->more, op->in_flight);
    if (op->kind == RIM_OP_ACCEPT && completion->result >= 0) {
        CU_ASSERT_FATAL(self->fd_count < IO_HELD_MAX);
        self->fds[self->fd_count++] = completion->result;
    }
    if (completion->body != NULL) {
        take_body(self, completion);
    }
    self->starved += completion->result == -ENOBUFS;
    if (self->rearm && !completion->more && (completion->result > 0 || completion->result == -ENOBUFS)) {
        int error = io_op_submit(self);
        CU_ASSERT(error == 0 || error == -RIM_ESTOPPING);
    }
}

void io_op_init(struct io_op *op, struct io_rig *rig, enum rim__op_kind kind, int fd) {
    memset(op, 0, sizeof *op);
    op->rig = rig;
    op->op.kind = kind;
    op->op.fd = fd;
    op->op.done = done;
    op->rearm = kind == RIM_OP_RECV;
}

int io_op_submit(struct io_op *op) {
    return op->rig->io->ops->submit(op->rig->io, &op->op);
}

void io_op_cancel(struct io_op *op) {
    op->rig->io->ops->cancel(op->rig->io, &op->op);
}

void io_op_send(struct io_op *op, const void *bytes, size_t size) {
    op->terminals = 0;
    op->pieces[0] = (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    op->op.send.iov = op->pieces;
    op->op.send.iov_count = 1;
    CU_ASSERT_EQUAL(io_op_submit(op), 0);
}

void io_op_connect(struct io_op *op, const rim_address *address, uint64_t timeout_ns) {
    op->address = *address;
    op->op.connect.address = &op->address;
    op->op.connect.deadline_ns = op->rig->driver->ops->now(op->rig->driver) + timeout_ns;
    CU_ASSERT_EQUAL(io_op_submit(op), 0);
}

void io_op_let_go(struct io_op *op) {
    while (op->held_count > 0) {
        struct rim__body *body = op->held[--op->held_count];
        body->release(op->rig->io->shard, body);
    }
}

/* ---- the rest ---- */

int io_rig_listen(struct io_rig *rig, const char *host, uint32_t backlog, rim_address *bound) {
    rim_address address;
    rim_listen_options options = {.backlog = backlog};
    CU_ASSERT_EQUAL_FATAL(rim_address_parse(host, 0, &address), 0);
    int fd = rig->io->ops->listen(rig->io, &address, &options, bound);
    CU_ASSERT_FATAL(fd >= 0);
    return fd;
}

void io_rig_poll(struct io_rig *rig, uint64_t wait_ns) {
    rig->driver->ops->poll(rig->driver, wait_ns);
    if (rig->sim != NULL) {
        rig->sim->now_ns += 10000;
        rim__sim_settle(rig->sim);
    }
}

void io_line_up(struct io_line *line, struct io_rig *rig) {
    static struct io_op connect;
    line->listener = io_rig_listen(rig, "127.0.0.1", 0, &line->address);
    io_op_init(&line->accept, rig, RIM_OP_ACCEPT, line->listener);
    CU_ASSERT_EQUAL_FATAL(io_op_submit(&line->accept), 0);
    line->connected = rig->io->ops->socket(rig->io, &line->address);
    io_op_init(&connect, rig, RIM_OP_CONNECT, line->connected);
    io_op_connect(&connect, &line->address, 5000 * IO_MS);
    IO_UNTIL(rig, connect.terminals == 1 && line->accept.fd_count == 1);
    CU_ASSERT_EQUAL(connect.last, 0);
    line->accepted = line->accept.fds[0];
}

void io_line_stop_listening(struct io_line *line) {
    io_op_cancel(&line->accept);
    io_op_cancel(&line->accept); /* twice does no harm */
    IO_UNTIL(line->accept.rig, line->accept.terminals == 1);
    CU_ASSERT_EQUAL(line->accept.last, -ECANCELED);
    line->accept.rig->io->ops->close(line->accept.rig->io, line->listener, false);
}
