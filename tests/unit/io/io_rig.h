/* SPDX-License-Identifier: MIT */
/*
 * io_rig.h - a driver without a shard, real or simulated, and operations that note how they completed. For the tests of
 * drivers in this folder.
 *
 *     Threads  the one that opened it
 */
#ifndef TESTS_IO_RIG_H
#define TESTS_IO_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "io/drivers.h"
#include "io/op.h"
#include "shard/driver.h"
#include "unit.h"
#include "uring_here.h"

#define IO_MS       1000000ull
#define IO_HELD_MAX 512u
#define IO_LIMIT_MS 30000u

struct rim__sim;

struct io_rig {
    struct rim__driver *driver;
    struct rim__io *io;
    struct rim__sim *sim; /* NULL: a real one */
    bool is_epoll;
};

/* An operation and all that became of it. */
struct io_op {
    struct rim__op op;
    struct iovec pieces[RIM_OP_IOV_MAX]; /* of a send */
    rim_address address;                 /* of a connect */
    struct io_rig *rig;
    uint32_t completions, terminals;
    uint32_t starved; /* completions that said -ENOBUFS */
    int last;         /* result */
    uint64_t bytes;
    int fds[IO_HELD_MAX]; /* accepted */
    uint32_t fd_count;
    bool hold;  /* bodies are kept in `held` instead of released */
    bool rearm; /* a receive that ended for want of buffers, or as a one-shot, is submitted again */
    struct rim__body *held[IO_HELD_MAX];
    uint32_t held_count;
};

/* What the probe found, for this way of waking. Only where there is io_uring: uring_is_here. */
const struct rim__uring_traits *io_rig_traits(enum rim_wake_kind wake);
/* An io_uring driver with these traits, or, where they are NULL, an epoll driver. */
void io_rig_open(struct io_rig *rig, const rim_config *config, const struct rim__uring_traits *traits);
/* Receive buffers that are not at home. */
uint32_t io_rig_buffers_out(const struct io_rig *rig);
/* Closes it, and checks that everything is at home. */
void io_rig_close(struct io_rig *rig);

void io_op_init(struct io_op *op, struct io_rig *rig, enum rim__op_kind kind, int fd);
int io_op_submit(struct io_op *op);
void io_op_cancel(struct io_op *op);
/* Sends these bytes, which must stay. */
void io_op_send(struct io_op *op, const void *bytes, size_t size);
/* Connects to this address, at most so long. */
void io_op_connect(struct io_op *op, const rim_address *address, uint64_t timeout_ns);
void io_op_let_go(struct io_op *op);

/* Two ends of a TCP connection, and the listener between them. */
struct io_line {
    int listener, connected, accepted;
    rim_address address;
    struct io_op accept;
};

void io_line_up(struct io_line *line, struct io_rig *rig);
/* Cancels the accept, and closes the listener. */
void io_line_stop_listening(struct io_line *line);

int io_rig_listen(struct io_rig *rig, const char *host, uint32_t backlog, rim_address *bound);
/* One poll that sleeps at most so long; simulated time passes. */
void io_rig_poll(struct io_rig *rig, uint64_t wait_ns);
uint64_t io_rig_clock(void);

/* Polls until the condition holds; the test ends as failed if it takes too long. */
#define IO_UNTIL(rig, condition)                                                                                       \
    do {                                                                                                               \
        uint64_t start_ns_ = io_rig_clock();                                                                           \
        while (!(condition) && io_rig_clock() - start_ns_ < IO_LIMIT_MS * IO_MS) {                                     \
            io_rig_poll((rig), 50 * IO_MS);                                                                            \
        }                                                                                                              \
        CU_ASSERT_FATAL(condition);                                                                                    \
    } while (0)

#endif
