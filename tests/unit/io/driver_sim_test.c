/* SPDX-License-Identifier: MIT */
/*
 * The simulated driver alone: one shard's operations, polled by hand while virtual time passes, without faults and with
 * some that strike always.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/sim_stream.h"
#include "io/sim_world.h"
#include "io_rig.h"

static struct io_rig rig;
static struct rim__shard *shard;
static rim_address bound;
static struct io_op accepting, connecting, receiving, sending;
static int listener, near, far; /* descriptors: near connected, far was accepted */

static void start_with(const rim_sim_options *faults, uint32_t buffers) {
    rim_config config = {.seed = unit_seed(), .sim = faults, .buffers = buffers, .buffer_bytes = 1000};
    shard = aligned_alloc(RIM_CACHE_LINE, sizeof *shard);
    CU_ASSERT_FATAL(shard != NULL);
    *shard = (struct rim__shard){.count = 1};
    memset(&rig, 0, sizeof rig);
    CU_ASSERT_EQUAL_FATAL(rim__sim_create(&config, &rig.sim), 0);
    CU_ASSERT_EQUAL_FATAL(rim__sim_open(rig.sim, shard, &rig.driver, &rig.io), 0);
}

static void start(void) {
    start_with(NULL, 0);
}

static void finish(void) {
    rig.driver->ops->close(rig.driver, 0);
    CU_ASSERT_EQUAL(rig.io->operations_open, 0);
    CU_ASSERT_EQUAL(rim__sim_buffers_out(rig.sim), 0);
    rim__sim_destroy(rig.sim);
    free(shard);
}

static int connect_near(uint64_t timeout_ns) {
    int fd = rig.io->ops->socket(rig.io, &bound);
    CU_ASSERT_FATAL(fd >= RIM_SIM_FIRST_FD);
    io_op_init(&connecting, &rig, RIM_OP_CONNECT, fd);
    io_op_connect(&connecting, &bound, timeout_ns);
    return fd;
}

static void link_up(void) {
    listener = io_rig_listen(&rig, "127.0.0.1", 0, &bound);
    io_op_init(&accepting, &rig, RIM_OP_ACCEPT, listener);
    CU_ASSERT_EQUAL(io_op_submit(&accepting), 0);
    near = connect_near(1000 * IO_MS);
    IO_UNTIL(&rig, connecting.terminals == 1 && accepting.fd_count == 1);
    CU_ASSERT_EQUAL(connecting.last, 0);
    far = accepting.fds[0];
    io_op_init(&receiving, &rig, RIM_OP_RECV, far);
    io_op_init(&sending, &rig, RIM_OP_SEND, near);
}

static void link_down(void) {
    rig.io->ops->close(rig.io, near, false);
    rig.io->ops->close(rig.io, far, false);
    io_op_cancel(&accepting);
    IO_UNTIL(&rig, accepting.terminals == 1);
    CU_ASSERT_EQUAL(accepting.last, -ECANCELED);
    rig.io->ops->close(rig.io, listener, false);
    CU_ASSERT_EQUAL(rig.io->descriptors, 0);
}

static void sim_carries_bytes_in_their_order_and_time(void) {
    static char bytes[3000];
    for (uint32_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)(i * 7);
    }
    start();
    link_up();
    receiving.hold = true;
    CU_ASSERT_EQUAL(io_op_submit(&receiving), 0);
    uint64_t sent_ns = rig.sim->now_ns;
    io_op_send(&sending, bytes, sizeof bytes);
    CU_ASSERT_EQUAL(sending.completions, 0); /* never within the call */
    IO_UNTIL(&rig, receiving.bytes == sizeof bytes);
    CU_ASSERT_EQUAL(sending.last, sizeof bytes);
    CU_ASSERT(rig.sim->now_ns - sent_ns >= 50000 / 4); /* it was on its way for a while */
    uint32_t at = 0;
    for (uint32_t i = 0; i < receiving.held_count; i++) {
        CU_ASSERT(memcmp(receiving.held[i]->data, bytes + at, receiving.held[i]->size) == 0);
        at += receiving.held[i]->size;
    }
    CU_ASSERT_EQUAL(rim__sim_buffers_out(rig.sim), receiving.held_count);
    io_op_let_go(&receiving);
    CU_ASSERT_EQUAL(rig.io->ops->shutdown(rig.io, near, SHUT_WR), 0);
    IO_UNTIL(&rig, !receiving.op.in_flight);
    CU_ASSERT_EQUAL(receiving.last, 0);
    link_down();
    finish();
}

static void sim_send_waits_for_the_window(void) {
    static char bytes[4 * RIM_SIM_WINDOW];
    start();
    link_up();
    io_op_send(&sending, bytes, sizeof bytes);
    IO_UNTIL(&rig, sending.terminals == 1);
    CU_ASSERT_EQUAL(sending.last, RIM_SIM_WINDOW); /* a short one: nobody reads */
    io_op_send(&sending, bytes, 1);
    for (uint32_t i = 0; i < 100; i++) {
        io_rig_poll(&rig, 0);
    }
    CU_ASSERT_EQUAL(sending.terminals, 0);
    CU_ASSERT_EQUAL(io_op_submit(&receiving), 0);
    IO_UNTIL(&rig, sending.terminals == 1 && receiving.bytes == RIM_SIM_WINDOW + 1);
    io_op_cancel(&receiving);
    IO_UNTIL(&rig, !receiving.op.in_flight);
    link_down();
    finish();
}

static void sim_receive_finds_no_buffer_and_goes_on_when_one_comes_home(void) {
    static char bytes[5000];
    start_with(NULL, 2);
    link_up();
    receiving.hold = true;
    CU_ASSERT_EQUAL(io_op_submit(&receiving), 0);
    io_op_send(&sending, bytes, sizeof bytes);
    IO_UNTIL(&rig, rim__sim_buffers_out(rig.sim) == 2);
    for (uint32_t i = 0; i < 100; i++) {
        io_rig_poll(&rig, 0);
    }
    CU_ASSERT(receiving.bytes <= 2000);
    for (uint32_t i = 0; i < 1000 && receiving.bytes < sizeof bytes; i++) {
        io_op_let_go(&receiving);
        io_rig_poll(&rig, 0);
    }
    CU_ASSERT_EQUAL(receiving.bytes, sizeof bytes);
    io_op_let_go(&receiving);
    io_op_cancel(&receiving);
    IO_UNTIL(&rig, !receiving.op.in_flight);
    link_down();
    finish();
}

static void sim_reset_reaches_the_peer(void) {
    start();
    link_up();
    CU_ASSERT_EQUAL(io_op_submit(&receiving), 0);
    io_rig_poll(&rig, 0);
    rig.io->ops->close(rig.io, near, true);
    IO_UNTIL(&rig, !receiving.op.in_flight);
    CU_ASSERT_EQUAL(receiving.last, -ECONNRESET);
    io_op_init(&sending, &rig, RIM_OP_SEND, far);
    io_op_send(&sending, "x", 1);
    IO_UNTIL(&rig, sending.terminals == 1);
    CU_ASSERT_EQUAL(sending.last, -EPIPE);
    near = far; /* one is closed already */
    far = rig.io->ops->socket(rig.io, &bound);
    link_down();
    finish();
}

static void sim_connect_is_refused_or_times_out_or_is_unreachable(void) {
    start();
    bound = (rim_address){.family = 4, .port = 1, .bytes = {127, 0, 0, 1}};
    int fd = connect_near(1000 * IO_MS);
    IO_UNTIL(&rig, connecting.terminals == 1);
    CU_ASSERT_EQUAL(connecting.last, -ECONNREFUSED);
    rig.io->ops->close(rig.io, fd, false);
    bound = (rim_address){.family = 4, .port = 80, .bytes = {192, 0, 2, 1}};
    fd = connect_near(3 * IO_MS);
    uint64_t start_ns = rig.sim->now_ns;
    IO_UNTIL(&rig, connecting.terminals == 1);
    CU_ASSERT_EQUAL(connecting.last, -ETIMEDOUT);
    CU_ASSERT(rig.sim->now_ns - start_ns >= 3 * IO_MS - 10000);
    rig.io->ops->close(rig.io, fd, false);
    bound = (rim_address){.family = 4, .port = 80, .bytes = {198, 51, 100, 1}};
    fd = connect_near(1000 * IO_MS);
    IO_UNTIL(&rig, connecting.terminals == 1);
    CU_ASSERT_EQUAL(connecting.last, -ENETUNREACH);
    rig.io->ops->close(rig.io, fd, false);
    finish();
}

static void sim_descriptors_are_reused_lowest_first(void) {
    int fds[5];
    start();
    bound = (rim_address){.family = 4, .port = 1, .bytes = {127, 0, 0, 1}};
    for (int i = 0; i < 5; i++) {
        fds[i] = rig.io->ops->socket(rig.io, &bound);
        CU_ASSERT_EQUAL(fds[i], RIM_SIM_FIRST_FD + i);
    }
    CU_ASSERT_EQUAL(rig.io->descriptors, 5);
    rig.io->ops->close(rig.io, fds[3], false);
    rig.io->ops->close(rig.io, fds[1], false);
    CU_ASSERT_EQUAL(rig.io->ops->socket(rig.io, &bound), fds[1]);
    CU_ASSERT_EQUAL(rig.io->ops->socket(rig.io, &bound), fds[3]);
    for (int i = 0; i < 5; i++) {
        rig.io->ops->close(rig.io, fds[i], false);
    }
    CU_ASSERT_EQUAL(rig.io->descriptors, 0);
    finish();
}

static void sim_port_is_taken_once(void) {
    rim_address again;
    rim_listen_options options = {.backlog = 0};
    start();
    listener = io_rig_listen(&rig, "127.0.0.1", 0, &bound);
    CU_ASSERT(bound.port != 0);
    CU_ASSERT_EQUAL(rig.io->ops->listen(rig.io, &bound, &options, &again), -EADDRINUSE);
    rig.io->ops->close(rig.io, listener, false);
    listener = rig.io->ops->listen(rig.io, &bound, &options, &again);
    CU_ASSERT(listener >= RIM_SIM_FIRST_FD);
    rig.io->ops->close(rig.io, listener, false);
    finish();
}

static void sim_close_cancels_what_is_in_flight(void) {
    start();
    link_up();
    CU_ASSERT_EQUAL(io_op_submit(&receiving), 0);
    io_rig_poll(&rig, 0);
    rig.driver->ops->close(rig.driver, 0);
    CU_ASSERT(receiving.terminals == 1 && receiving.last == -ECANCELED);
    CU_ASSERT(accepting.terminals == 1 && accepting.last == -ECANCELED);
    CU_ASSERT_EQUAL(rig.io->operations_open, 0);
    rim__sim_destroy(rig.sim);
    free(shard);
}

static void sim_faults_strike_as_often_as_asked(void) {
    static const rim_sim_options faults = {.short_read = 1000, .short_write = 1000};
    static char bytes[5000];
    start_with(&faults, 0);
    link_up();
    CU_ASSERT_EQUAL(io_op_submit(&receiving), 0);
    uint64_t sent = 0;
    uint32_t sends = 0;
    while (sent < sizeof bytes) {
        io_op_send(&sending, bytes + sent, sizeof bytes - sent);
        IO_UNTIL(&rig, sending.terminals == 1);
        CU_ASSERT_FATAL(sending.last > 0);
        sent += (uint64_t)sending.last;
        sends++;
    }
    IO_UNTIL(&rig, receiving.bytes == sizeof bytes);
    CU_ASSERT(sends > 2);
    CU_ASSERT(rig.sim->strikes[RIM_FAULT_short_write] > 0);
    CU_ASSERT(rig.sim->strikes[RIM_FAULT_short_read] > 0);
    CU_ASSERT_EQUAL(rig.sim->strikes[RIM_FAULT_reset], 0);
    io_op_cancel(&receiving);
    IO_UNTIL(&rig, !receiving.op.in_flight);
    link_down();
    finish();
}

static void sim_refuse_connect_strikes_though_somebody_listens(void) {
    static const rim_sim_options faults = {.refuse_connect = 1000};
    start_with(&faults, 0);
    listener = io_rig_listen(&rig, "127.0.0.1", 0, &bound);
    near = connect_near(1000 * IO_MS);
    IO_UNTIL(&rig, connecting.terminals == 1);
    CU_ASSERT_EQUAL(connecting.last, -ECONNREFUSED);
    rig.io->ops->close(rig.io, near, false);
    rig.io->ops->close(rig.io, listener, false);
    finish();
}

#define TESTS(X)                                                                                                       \
    X(sim_carries_bytes_in_their_order_and_time)                                                                       \
    X(sim_send_waits_for_the_window)                                                                                   \
    X(sim_receive_finds_no_buffer_and_goes_on_when_one_comes_home)                                                     \
    X(sim_reset_reaches_the_peer)                                                                                      \
    X(sim_connect_is_refused_or_times_out_or_is_unreachable)                                                           \
    X(sim_descriptors_are_reused_lowest_first)                                                                         \
    X(sim_port_is_taken_once)                                                                                          \
    X(sim_close_cancels_what_is_in_flight)                                                                             \
    X(sim_faults_strike_as_often_as_asked)                                                                             \
    X(sim_refuse_connect_strikes_though_somebody_listens)
UNIT_SUITE(driver_sim, TESTS)
