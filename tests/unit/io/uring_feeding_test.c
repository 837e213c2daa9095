/* SPDX-License-Identifier: MIT */
/* More receives of the io_uring driver than there are buffers for: who gets one, and when. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io_rig.h"

#define PAIRS   40u
#define BUFFERS 16u
#define BYTES   1024u              /* in a buffer */
#define TURN    (BUFFERS * BYTES)  /* the most that one receive gets before others do */
#define DEEP    (8 * (size_t)TURN) /* what waits on each socket */

static struct io_rig rig;
static struct io_op receives[PAIRS];
static int pairs[PAIRS][2];

static void open_rig(void) {
    const rim_config config = {.buffers = BUFFERS, .buffer_bytes = BYTES};
    io_rig_open(&rig, &config, io_rig_traits(RIM_WAKE_AUTO));
}

static void open_pairs(uint32_t from, uint32_t to) {
    for (uint32_t i = from; i < to; i++) {
        CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]), 0);
        io_op_init(&receives[i], &rig, RIM_OP_RECV, pairs[i][0]);
        CU_ASSERT_EQUAL(io_op_submit(&receives[i]), 0);
    }
}

static void close_all(void) {
    for (uint32_t i = 0; i < PAIRS; i++) {
        io_op_let_go(&receives[i]);
        close(pairs[i][1]);
    }
    for (uint32_t i = 0; i < PAIRS; i++) {
        IO_UNTIL(&rig, receives[i].last == 0 && !receives[i].op.in_flight);
        close(pairs[i][0]);
    }
    io_rig_close(&rig);
}

static uint64_t least(void) {
    uint64_t bytes = UINT64_MAX;
    for (uint32_t i = 0; i < PAIRS; i++) {
        bytes = receives[i].bytes < bytes ? receives[i].bytes : bytes;
    }
    return bytes;
}

static uint64_t most(void) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < PAIRS; i++) {
        bytes = receives[i].bytes > bytes ? receives[i].bytes : bytes;
    }
    return bytes;
}

static void write_deep(uint32_t i) {
    static const char bytes[DEEP];
    CU_ASSERT_EQUAL(write(pairs[i][1], bytes, sizeof bytes), sizeof bytes);
}

/* Of those that are given a buffer together the first may take all: the others then are not the last again. */
static void uring_receives_that_lack_buffers_take_turns(void) {
    open_rig();
    open_pairs(0, PAIRS);
    io_rig_poll(&rig, 0);
    for (uint32_t i = 0; i < PAIRS; i++) {
        write_deep(i);
    }
    for (uint64_t turns = 1; turns * TURN < DEEP; turns++) {
        IO_UNTIL(&rig, least() >= turns * TURN);
        CU_ASSERT(most() <= (turns + 2) * TURN);
    }
    IO_UNTIL(&rig, least() == DEEP);
    close_all();
}

/* Not all of them are submitted by the first poll that has buffers. */
static void uring_driver_does_not_sleep_while_receives_wait_for_buffers_that_are_there(void) {
    open_rig();
    open_pairs(0, 1);
    receives[0].hold = true;
    write_deep(0);
    IO_UNTIL(&rig, receives[0].bytes == TURN);
    open_pairs(1, PAIRS);
    CU_ASSERT_EQUAL(write(pairs[PAIRS - 1][1], "x", 1), 1);
    io_op_cancel(&receives[0]);
    IO_UNTIL(&rig, !receives[0].op.in_flight);
    CU_ASSERT_EQUAL(receives[PAIRS - 1].bytes, 0);
    receives[0].hold = false;
    io_op_let_go(&receives[0]);
    uint64_t begin_ns = io_rig_clock();
    for (uint32_t polls = 0; receives[PAIRS - 1].bytes == 0 && polls < PAIRS; polls++) {
        io_rig_poll(&rig, IO_LIMIT_MS * IO_MS);
    }
    CU_ASSERT_EQUAL(receives[PAIRS - 1].bytes, 1);
    CU_ASSERT(io_rig_clock() - begin_ns < IO_LIMIT_MS * IO_MS); /* it has not slept a poll through */
    CU_ASSERT_EQUAL(io_op_submit(&receives[0]), 0);
    close_all();
}

#define TESTS(X)                                                                                                       \
    X(uring_receives_that_lack_buffers_take_turns)                                                                     \
    X(uring_driver_does_not_sleep_while_receives_wait_for_buffers_that_are_there)
UNIT_SUITE(uring_feeding, TESTS)
