/* SPDX-License-Identifier: MIT */
/* The epoll driver alone: what it does otherwise than io_uring. What both do is in driver_real_test.c. */
#define _GNU_SOURCE
#include <sys/socket.h>
#include <unistd.h>

#include "io_rig.h"

static struct io_rig rig;
static struct io_line line;

static struct io_op receives[4];
static int pairs[4][2];

static void open_pairs(void) {
    for (uint32_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]), 0);
        io_op_init(&receives[i], &rig, RIM_OP_RECV, pairs[i][0]);
        receives[i].hold = true;
        CU_ASSERT_EQUAL(io_op_submit(&receives[i]), 0);
    }
}

/* Nothing fails for want of a buffer, and nobody is told: who gets one next is whoever has waited longest. */
static void epoll_receives_wait_for_buffers_in_turn(void) {
    static const char bytes[2048];
    rim_config config = {.buffers = 4, .buffer_bytes = 1024};
    io_rig_open(&rig, &config, NULL);
    open_pairs();
    for (uint32_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(write(pairs[i][1], bytes, sizeof bytes), sizeof bytes);
    }
    IO_UNTIL(&rig, io_rig_buffers_out(&rig) == 4);
    CU_ASSERT(receives[0].bytes == 2048 && receives[1].bytes == 2048);
    io_op_cancel(&receives[3]);
    CU_ASSERT_EQUAL(receives[3].terminals, 0); /* never from within the call */
    IO_UNTIL(&rig, receives[3].terminals == 1);
    CU_ASSERT_EQUAL(receives[3].last, -ECANCELED);
    CU_ASSERT_EQUAL(io_op_submit(&receives[3]), 0);
    io_op_let_go(&receives[0]);
    IO_UNTIL(&rig, receives[2].bytes == 2048);
    CU_ASSERT_EQUAL(receives[3].bytes, 0);
    for (uint32_t i = 0; i < 3; i++) {
        io_op_let_go(&receives[i]);
    }
    IO_UNTIL(&rig, receives[3].bytes == 2048);
    io_op_let_go(&receives[3]);
    CU_ASSERT_EQUAL(receives[0].starved + receives[2].starved + receives[3].starved, 0);
    for (uint32_t i = 0; i < 4; i++) {
        close(pairs[i][1]);
        IO_UNTIL(&rig, receives[i].last == 0 && !receives[i].op.in_flight);
        rig.io->descriptors++; /* close counts it, and it was opened here */
        rig.io->ops->close(rig.io, pairs[i][0], false);
    }
    io_rig_close(&rig);
}

static void open_pair(struct io_op *receive, int ends[2]) {
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    io_op_init(receive, &rig, RIM_OP_RECV, ends[0]);
}

static void close_pair(int ends[2]) {
    rig.io->descriptors++;
    rig.io->ops->close(rig.io, ends[0], false);
    close(ends[1]);
}

/* A poll receives so much and leaves the rest to the next. If all of those are cancelled, epoll is to be asked again.
 */
static void epoll_is_asked_again_when_what_was_left_is_cancelled(void) {
    static const char bytes[131072];
    static struct io_op waiting;
    rim_config config = {.shards = 0};
    int idle[2];
    io_rig_open(&rig, &config, NULL);
    open_pair(&waiting, idle);
    CU_ASSERT_EQUAL(io_op_submit(&waiting), 0);
    io_rig_poll(&rig, IO_MS);
    for (uint32_t i = 0; i < 4; i++) {
        open_pair(&receives[i], pairs[i]);
        CU_ASSERT(send(pairs[i][1], bytes, sizeof bytes, MSG_DONTWAIT) > 0);
        CU_ASSERT_EQUAL(io_op_submit(&receives[i]), 0);
    }
    io_rig_poll(&rig, 0);
    CU_ASSERT(receives[0].bytes > 0 && receives[3].bytes == 0);
    for (uint32_t i = 0; i < 4; i++) {
        io_op_cancel(&receives[i]);
    }
    IO_UNTIL(&rig, receives[0].terminals + receives[1].terminals + receives[2].terminals + receives[3].terminals == 4);
    CU_ASSERT_EQUAL(write(idle[1], "x", 1), 1);
    IO_UNTIL(&rig, waiting.bytes == 1);
    io_op_cancel(&waiting);
    IO_UNTIL(&rig, waiting.terminals == 1);
    for (uint32_t i = 0; i < 4; i++) {
        close_pair(pairs[i]);
    }
    close_pair(idle);
    io_rig_close(&rig);
}

/* The number of a descriptor that is closed comes back at once, and what was known of the old one is forgotten. */
static void epoll_takes_a_number_that_comes_back_for_new(void) {
    static struct io_op receive;
    rim_config config = {.shards = 0};
    int old[2], young[2];
    io_rig_open(&rig, &config, NULL);
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, old), 0);
    int copy = dup(old[0]); /* as a child would have one: epoll goes on telling */
    io_op_init(&receive, &rig, RIM_OP_RECV, old[0]);
    CU_ASSERT_EQUAL(io_op_submit(&receive), 0);
    io_rig_poll(&rig, 0);
    io_op_cancel(&receive);
    IO_UNTIL(&rig, receive.terminals == 1);
    rig.io->descriptors++;
    rig.io->ops->close(rig.io, old[0], false);
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, young), 0);
    CU_ASSERT_EQUAL_FATAL(young[0], old[0]);
    CU_ASSERT_EQUAL(io_op_submit(&receive), 0);
    CU_ASSERT_EQUAL(write(old[1], "old", 3), 3);
    io_rig_poll(&rig, IO_MS);
    io_rig_poll(&rig, IO_MS);
    CU_ASSERT_EQUAL(receive.completions, 1);
    CU_ASSERT_EQUAL(write(young[1], "new", 3), 3);
    IO_UNTIL(&rig, receive.bytes == 3);
    close(young[1]);
    IO_UNTIL(&rig, receive.terminals == 2);
    rig.io->descriptors++;
    rig.io->ops->close(rig.io, young[0], false);
    close(old[1]);
    close(copy);
    io_rig_close(&rig);
}

/* One event, one receive: an answer costs no call that says EAGAIN. */
static void epoll_asks_no_more_than_it_must(void) {
    static struct io_op receive;
    rim_config config = {.shards = 0};
    io_rig_open(&rig, &config, NULL);
    io_line_up(&line, &rig);
    io_op_init(&receive, &rig, RIM_OP_RECV, line.accepted);
    CU_ASSERT_EQUAL(io_op_submit(&receive), 0);
    CU_ASSERT_EQUAL(send(line.connected, "x", 1, 0), 1);
    IO_UNTIL(&rig, receive.bytes == 1);
    for (uint32_t i = 0; i < 10; i++) {
        io_rig_poll(&rig, IO_MS); /* so that nothing is left to be told */
    }
    uint64_t before = rig.driver->enters;
    CU_ASSERT_EQUAL(send(line.connected, "y", 1, 0), 1);
    io_rig_poll(&rig, 1000 * IO_MS);
    CU_ASSERT_EQUAL(receive.bytes, 2);
    CU_ASSERT_EQUAL(rig.driver->enters - before, 2); /* epoll_wait, recv */
    rig.io->ops->close(rig.io, line.connected, false);
    IO_UNTIL(&rig, receive.terminals == 1);
    rig.io->ops->close(rig.io, line.accepted, false);
    io_line_stop_listening(&line);
    io_rig_close(&rig);
}

#define TESTS(X)                                                                                                       \
    X(epoll_receives_wait_for_buffers_in_turn)                                                                         \
    X(epoll_is_asked_again_when_what_was_left_is_cancelled)                                                            \
    X(epoll_takes_a_number_that_comes_back_for_new) X(epoll_asks_no_more_than_it_must)
UNIT_SUITE(driver_epoll, TESTS)
