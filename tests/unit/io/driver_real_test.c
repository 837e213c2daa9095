/* SPDX-License-Identifier: MIT */
/*
 * The drivers that stand on the kernel, alone, on real sockets: epoll, and every way in which the kernel may serve
 * io_uring, are variants of the same tests.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/address.h"
#include "io_rig.h"

#define MANY 300u

static struct io_rig rig;
static struct io_line line;

/* As found; receives one by one; without deferred work, as on older kernels; and epoll, as NULL. */
static void for_each_variant(void (*fn)(const struct rim__uring_traits *traits)) {
    fn(NULL);
    if (!uring_is_here()) {
        return;
    }
    struct rim__uring_traits traits = *io_rig_traits(RIM_WAKE_AUTO);
    fn(&traits);
    traits.recv_multishot = false;
    fn(&traits);
    traits = *io_rig_traits(RIM_WAKE_AUTO);
    traits.setup_flags = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL |
                         IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    fn(&traits);
}

static void for_each_driver(void (*fn)(const struct rim__uring_traits *traits)) {
    fn(NULL);
    if (uring_is_here()) {
        fn(io_rig_traits(RIM_WAKE_AUTO));
    }
}

static void carry_bytes(const struct rim__uring_traits *traits) {
    static char big[1 << 20];
    static struct io_op receive, send;
    rim_config config = {.shards = 0};
    io_rig_open(&rig, &config, traits);
    io_line_up(&line, &rig);
    io_op_init(&receive, &rig, RIM_OP_RECV, line.accepted);
    CU_ASSERT_EQUAL(io_op_submit(&receive), 0);
    io_op_init(&send, &rig, RIM_OP_SEND, line.connected);
    uint64_t sent = 0;
    for (uint32_t i = 0; i < 20; i++) {
        io_op_send(&send, big, i == 0 ? 5 : sizeof big);
        IO_UNTIL(&rig, send.terminals == 1);
        CU_ASSERT_FATAL(send.last > 0);
        sent += (uint64_t)send.last;
    }
    IO_UNTIL(&rig, receive.bytes == sent);
    CU_ASSERT_EQUAL(rig.io->bytes_in, sent);
    CU_ASSERT_EQUAL(rig.io->ops->shutdown(rig.io, line.connected, SHUT_WR), 0);
    uint32_t before = receive.terminals;
    IO_UNTIL(&rig, receive.terminals > before && receive.last == 0);
    rig.io->ops->close(rig.io, line.accepted, true);
    io_op_send(&send, big, 5);
    IO_UNTIL(&rig, send.terminals == 1);
    CU_ASSERT(send.last < 0); /* and no signal */
    rig.io->ops->close(rig.io, line.connected, false);
    io_line_stop_listening(&line);
    io_rig_close(&rig);
}

static void driver_carries_bytes(void) {
    for_each_variant(carry_bytes);
}

/* The pages of a send without a copy are locked, of which a user who is not privileged has little. */
static bool is_refused_for_locked_memory(const struct io_op *send) {
    if (geteuid() == 0 || rig.io->bytes_out > 0) {
        return false;
    }
    printf("skipped: sends without a copy need more locked memory than this user may have (ulimit -l)\n");
    IO_UNTIL(&rig, send->terminals == 1);
    rig.io->ops->close(rig.io, line.connected, false);
    rig.io->ops->close(rig.io, line.accepted, true);
    io_line_stop_listening(&line);
    io_rig_close(&rig);
    return true;
}

/* Nobody reads: most of it has not gone on when both ends are closed. */
static void lend(const struct rim__uring_traits *traits) {
    static struct io_op send;
    static char large[1 << 20];
    rim_config config = {.shards = 0};
    io_rig_open(&rig, &config, traits);
    if (rig.io->has_zero_copy) {
        io_line_up(&line, &rig);
        io_op_init(&send, &rig, RIM_OP_SEND, line.connected);
        send.op.send.zero_copy = true;
        io_op_send(&send, large, sizeof large);
        IO_UNTIL(&rig, send.completions >= 1);
        if (is_refused_for_locked_memory(&send)) {
            return;
        }
        CU_ASSERT(rig.io->bytes_out > 0 && rig.io->bytes_out <= sizeof large);
        rig.io->ops->close(rig.io, line.connected, false);
        rig.io->ops->close(rig.io, line.accepted, true);
        IO_UNTIL(&rig, send.terminals == 1);
        CU_ASSERT(send.completions == 2 && (send.last == 0 || send.last == 1));
        CU_ASSERT(rig.io->zero_copies == 1 && rig.io->zero_copies_copied == (uint64_t)send.last);
        io_op_send(&send, large, sizeof large); /* an error, which may come alone */
        IO_UNTIL(&rig, send.terminals == 1);
        CU_ASSERT_EQUAL(rig.io->operations_open, 1);
        io_line_stop_listening(&line);
    }
    io_rig_close(&rig);
}

static void driver_tells_when_the_bytes_of_a_send_are_free_also_after_the_close(void) {
    for_each_variant(lend);
}

static void send_many_pieces(const struct rim__uring_traits *traits) {
    static struct io_op receive, send;
    static char piece[] = "abc";
    rim_config config = {.shards = 0};
    io_rig_open(&rig, &config, traits);
    io_line_up(&line, &rig);
    io_op_init(&receive, &rig, RIM_OP_RECV, line.accepted);
    CU_ASSERT_EQUAL(io_op_submit(&receive), 0);
    io_op_init(&send, &rig, RIM_OP_SEND, line.connected);
    for (uint32_t i = 0; i < RIM_OP_IOV_MAX; i++) {
        send.pieces[i] = (struct iovec){.iov_base = piece, .iov_len = 3};
    }
    send.op.send.iov = send.pieces;
    send.op.send.iov_count = RIM_OP_IOV_MAX;
    CU_ASSERT_EQUAL(io_op_submit(&send), 0);
    IO_UNTIL(&rig, send.terminals == 1 && receive.bytes == 3 * RIM_OP_IOV_MAX);
    CU_ASSERT_EQUAL(send.last, 3 * RIM_OP_IOV_MAX);
    io_op_cancel(&receive);
    IO_UNTIL(&rig, receive.last == -ECANCELED);
    rig.io->ops->close(rig.io, line.accepted, false);
    rig.io->ops->close(rig.io, line.connected, false);
    io_line_stop_listening(&line);
    io_rig_close(&rig);
}

static void driver_sends_as_many_pieces_as_an_op_holds(void) {
    for_each_driver(send_many_pieces);
}

/* ---- connecting ---- */

static void connect_to_nobody(const struct rim__uring_traits *traits) {
    static struct io_op connect;
    rim_config config = {.shards = 0};
    rim_address address;
    io_rig_open(&rig, &config, traits);
    rig.io->ops->close(rig.io, io_rig_listen(&rig, "127.0.0.1", 0, &address), false);
    io_op_init(&connect, &rig, RIM_OP_CONNECT, rig.io->ops->socket(rig.io, &address));
    io_op_connect(&connect, &address, 5000 * IO_MS);
    IO_UNTIL(&rig, connect.terminals == 1);
    CU_ASSERT_EQUAL(connect.last, -ECONNREFUSED);
    rig.io->ops->close(rig.io, connect.op.fd, false);
    io_rig_close(&rig);
}

static void driver_connect_is_refused_where_nobody_listens(void) {
    for_each_driver(connect_to_nobody);
}

/* Connections that nobody accepts, until the kernel leaves the next ones waiting. */
static void fill_backlog(const rim_address *address, int *fds, uint32_t count) {
    union rim__sockaddr name;
    socklen_t length = rim__address_to_sockaddr(address, &name);
    for (uint32_t i = 0; i < count; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int error = connect(fds[i], &name.any, length);
        CU_ASSERT(error == 0 || errno == EINPROGRESS);
    }
}

static void outlast_connects(const struct rim__uring_traits *traits) {
    static const uint64_t limits_ms[] = {60, 20, 40};
    static struct io_op connect[4];
    rim_config config = {.shards = 0};
    rim_address address;
    int fill[8];
    uint32_t ended = 0;
    io_rig_open(&rig, &config, traits);
    int listener = io_rig_listen(&rig, "127.0.0.1", 1, &address);
    fill_backlog(&address, fill, 8);
    uint64_t start_ns = io_rig_clock();
    for (uint32_t i = 0; i < 3; i++) {
        io_op_init(&connect[i], &rig, RIM_OP_CONNECT, rig.io->ops->socket(rig.io, &address));
        io_op_connect(&connect[i], &address, limits_ms[i] * IO_MS);
    }
    while (ended < 3 && io_rig_clock() - start_ns < IO_LIMIT_MS * IO_MS) {
        io_rig_poll(&rig, RIM_DRIVER_FOREVER); /* the deadlines alone end it */
        for (uint32_t i = 0; i < 3; i++) {
            if (connect[i].terminals == 1 && connect[i].op.kind == RIM_OP_CONNECT && connect[i].completions == 1) {
                CU_ASSERT(io_rig_clock() - start_ns >= limits_ms[i] * IO_MS - IO_MS);
                connect[i].completions++;
                ended++;
            }
        }
        /* The shortest first, or several at once. */
        CU_ASSERT(connect[2].terminals >= connect[0].terminals && connect[1].terminals >= connect[2].terminals);
    }
    CU_ASSERT_EQUAL_FATAL(ended, 3);
    io_op_init(&connect[3], &rig, RIM_OP_CONNECT, rig.io->ops->socket(rig.io, &address));
    io_op_connect(&connect[3], &address, 100000 * IO_MS);
    io_rig_poll(&rig, 0);
    CU_ASSERT_EQUAL(connect[3].terminals, 0);
    io_op_cancel(&connect[3]);
    IO_UNTIL(&rig, connect[3].terminals == 1);
    CU_ASSERT_EQUAL(connect[3].last, -ECANCELED);
    for (uint32_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(connect[i].last, i < 3 ? -ETIMEDOUT : -ECANCELED);
        rig.io->ops->close(rig.io, connect[i].op.fd, false);
    }
    for (uint32_t i = 0; i < 8; i++) {
        close(fill[i]);
    }
    rig.io->ops->close(rig.io, listener, false);
    io_rig_close(&rig);
}

static void driver_connects_end_at_their_deadlines(void) {
    for_each_driver(outlast_connects);
}

static void accept_many(const struct rim__uring_traits *traits) {
    static struct io_op accept_op, connect[MANY];
    rim_config config = {.shards = 0};
    rim_address bound, peer;
    io_rig_open(&rig, &config, traits);
    int listener = io_rig_listen(&rig, "*", 0, &bound);
    rim_address address = {.family = 4, .port = bound.port, .bytes = {127, 0, 0, 1}};
    io_op_init(&accept_op, &rig, RIM_OP_ACCEPT, listener);
    CU_ASSERT_EQUAL(io_op_submit(&accept_op), 0);
    for (uint32_t i = 0; i < MANY; i++) {
        io_op_init(&connect[i], &rig, RIM_OP_CONNECT, rig.io->ops->socket(rig.io, &address));
        io_op_connect(&connect[i], &address, 5000 * IO_MS);
    }
    IO_UNTIL(&rig, accept_op.fd_count == MANY);
    CU_ASSERT_EQUAL(rig.io->ops->names(rig.io, accept_op.fds[0], NULL, &peer), 0);
    CU_ASSERT_EQUAL(peer.family, 4); /* also where the listener is an IPv6 one */
    for (uint32_t i = 0; i < MANY; i++) {
        IO_UNTIL(&rig, connect[i].terminals == 1);
        CU_ASSERT_EQUAL(connect[i].last, 0);
        rig.io->ops->close(rig.io, connect[i].op.fd, true);
        rig.io->ops->close(rig.io, accept_op.fds[i], false);
    }
    CU_ASSERT_EQUAL(accept_op.terminals, 0);
    io_op_cancel(&accept_op);
    IO_UNTIL(&rig, accept_op.terminals == 1);
    rig.io->ops->close(rig.io, listener, false);
    io_rig_close(&rig);
}

static void driver_accepts_many_by_one_submit(void) {
    for_each_driver(accept_many);
}

/* ---- buffers ---- */

#define PAIRS 40u

static struct io_op receives[450];
static int pairs[450][2];

static void open_pairs(uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]), 0);
        io_op_init(&receives[i], &rig, RIM_OP_RECV, pairs[i][0]);
        CU_ASSERT_EQUAL(io_op_submit(&receives[i]), 0);
    }
}

static uint64_t received(uint32_t count) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        bytes += receives[i].bytes;
    }
    return bytes;
}

static struct io_op *find_starved(void) {
    for (uint32_t i = 0; i < PAIRS; i++) {
        if (receives[i].starved > 0) {
            return &receives[i];
        }
    }
    return NULL;
}

static void starve(const struct rim__uring_traits *traits) {
    static const char bytes[4096];
    rim_config config = {.buffers = 16, .buffer_bytes = 1024};
    io_rig_open(&rig, &config, traits);
    open_pairs(PAIRS);
    io_rig_poll(&rig, 0);
    for (uint32_t i = 0; i < PAIRS; i++) {
        receives[i].hold = true;
        CU_ASSERT_EQUAL(write(pairs[i][1], bytes, sizeof bytes), sizeof bytes);
    }
    IO_UNTIL(&rig, received(PAIRS) == 16 * 1024 && find_starved() != NULL);
    CU_ASSERT_EQUAL(io_rig_buffers_out(&rig), 16);
    struct io_op *starved = find_starved();
    uint32_t before = starved->terminals;
    io_op_cancel(starved);                       /* one that waits for a buffer within the driver */
    CU_ASSERT_EQUAL(starved->terminals, before); /* never from within the call */
    IO_UNTIL(&rig, starved->terminals == before + 1);
    CU_ASSERT_EQUAL(starved->last, -ECANCELED);
    CU_ASSERT_EQUAL(io_op_submit(starved), 0);
    for (uint32_t round = 0; received(PAIRS) < PAIRS * sizeof bytes && round < 2000; round++) {
        for (uint32_t i = 0; i < PAIRS; i++) {
            io_op_let_go(&receives[i]);
        }
        io_rig_poll(&rig, IO_MS);
    }
    CU_ASSERT_EQUAL(received(PAIRS), PAIRS * sizeof bytes);
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

static void uring_receives_wait_for_buffers_and_go_on(void) {
    if (!uring_is_here()) {
        return;
    }
    struct rim__uring_traits traits = *io_rig_traits(RIM_WAKE_AUTO);
    starve(&traits);
    traits.recv_multishot = false;
    starve(&traits);
}

/* ---- edges ---- */

/* What comes while nothing is submitted is there when something is. */
static void remember_edges(const struct rim__uring_traits *traits) {
    static struct io_op receive;
    rim_config config = {.shards = 0};
    io_rig_open(&rig, &config, traits);
    io_line_up(&line, &rig);
    io_op_init(&receive, &rig, RIM_OP_RECV, line.accepted);
    CU_ASSERT_EQUAL(io_op_submit(&receive), 0);
    for (uint32_t round = 1; round <= 3; round++) {
        CU_ASSERT_EQUAL(send(line.connected, "a", 1, 0), 1);
        IO_UNTIL(&rig, receive.bytes == 2 * round - 1);
        io_op_cancel(&receive);
        IO_UNTIL(&rig, receive.terminals == round);
        CU_ASSERT_EQUAL(send(line.connected, "b", 1, 0), 1);
        io_rig_poll(&rig, IO_MS); /* it may come now, while nobody wants it */
        CU_ASSERT_EQUAL(receive.bytes, 2 * round - 1);
        CU_ASSERT_EQUAL(io_op_submit(&receive), 0);
        IO_UNTIL(&rig, receive.bytes == 2 * round);
    }
    rig.io->ops->close(rig.io, line.connected, false);
    IO_UNTIL(&rig, receive.terminals == 4);
    CU_ASSERT_EQUAL(receive.last, 0);
    rig.io->ops->close(rig.io, line.accepted, false);
    io_line_stop_listening(&line);
    io_rig_close(&rig);
}

static void driver_remembers_what_came_while_nothing_was_submitted(void) {
    for_each_driver(remember_edges);
}

static void come_home_late(const struct rim__uring_traits *traits) {
    static struct io_op late[2]; /* what they point to is left to the last body */
    struct io_op *receive = &late[traits == NULL];
    rim_config config = {.buffers = 16, .buffer_bytes = 1024};
    int pair[2];
    io_rig_open(&rig, &config, traits);
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    io_op_init(receive, &rig, RIM_OP_RECV, pair[0]);
    receive->hold = true;
    CU_ASSERT_EQUAL(io_op_submit(receive), 0);
    CU_ASSERT_EQUAL(write(pair[1], "x", 1), 1);
    IO_UNTIL(&rig, receive->held_count == 1);
    rig.driver->ops->close(rig.driver, 100 * IO_MS);
    CU_ASSERT(*(char *)receive->held[0]->data == 'x');
    receive->held[0]->release(NULL, receive->held[0]);
    close(pair[0]);
    close(pair[1]);
}

static void driver_body_may_come_home_after_the_close(void) {
    for_each_driver(come_home_late);
}

/* ---- many operations, and the end ---- */

static void fly(const struct rim__uring_traits *traits) {
    static struct io_op send;
    static char bytes[8 << 20];
    rim_config config = {.buffers = 1024, .buffer_bytes = 64, .ring_entries = 8};
    io_rig_open(&rig, &config, traits);
    open_pairs(450); /* far more than there are entries */
    for (uint32_t i = 0; i < 450; i++) {
        CU_ASSERT_EQUAL(write(pairs[i][1], bytes, 64), 64);
    }
    IO_UNTIL(&rig, received(450) == 450 * 64);
    for (uint32_t i = 0; i < 450; i++) {
        receives[i].terminals = 0;
    }
    for (uint32_t i = 0; i < 200; i++) {
        io_op_cancel(&receives[i]);
    }
    for (uint32_t i = 0; i < 200; i++) {
        IO_UNTIL(&rig, receives[i].terminals == 1);
        CU_ASSERT_EQUAL(receives[i].last, -ECANCELED);
    }
    CU_ASSERT_EQUAL(rig.io->operations_open, 250);
    for (uint32_t i = 300; i < 450; i++) {
        CU_ASSERT_EQUAL(write(pairs[i][1], bytes, 64), 64);
    }
    io_op_init(&send, &rig, RIM_OP_SEND, pairs[0][0]);
    io_op_send(&send, bytes, sizeof bytes);
    io_rig_poll(&rig, 0);
    rig.driver->ops->close(rig.driver, 2000 * IO_MS);
    CU_ASSERT_EQUAL(send.terminals, 1);
    for (uint32_t i = 0; i < 450; i++) {
        CU_ASSERT(receives[i].terminals >= 1 && !receives[i].op.in_flight);
        close(pairs[i][0]);
        close(pairs[i][1]);
    }
}

static void driver_close_ends_whatever_is_in_flight(void) {
    for_each_variant(fly);
}

static void use_in_child(void *arg) {
    struct io_rig *self = arg;
    self->driver->ops->poll(self->driver, 0);
}

static void fork_a_child(const struct rim__uring_traits *traits) {
    rim_config config = {.shards = 0};
    io_rig_open(&rig, &config, traits);
    CU_ASSERT(unit_aborts(use_in_child, &rig));
    io_rig_poll(&rig, 0); /* the parent's goes on */
    io_rig_close(&rig);
}

static void driver_is_refused_to_the_child_of_a_fork(void) {
    for_each_driver(fork_a_child);
}

static void poll_idly(const struct rim__uring_traits *traits) {
    rim_config config = {.shards = 0};
    io_rig_open(&rig, &config, traits);
    io_rig_poll(&rig, 0);
    uint64_t before = rig.driver->enters;
    for (uint32_t i = 0; i < 1000; i++) {
        io_rig_poll(&rig, 0);
    }
    CU_ASSERT_EQUAL(rig.driver->enters, before);
    io_rig_poll(&rig, 2 * IO_MS); /* may return early, as when the kernel still clears a ring away on this thread */
    CU_ASSERT_EQUAL(rig.driver->enters, before + 1);
    io_rig_close(&rig);
}

static void driver_idle_polls_do_not_enter_the_kernel(void) {
    for_each_driver(poll_idly);
}

static void driver_refuses_buffers_that_cannot_be(void) {
    struct rim__log silent = {.write = NULL};
    bool has_uring = uring_is_here();
    rim_config config = {.buffers = 15};
    struct rim__driver_options options = {.log = &silent,
                                          .config = &config,
                                          .traits = has_uring ? io_rig_traits(RIM_WAKE_AUTO) : NULL};
    struct rim__driver *driver;
    struct rim__io *io;
    CU_ASSERT_EQUAL(rim__epoll_open(&options, &driver, &io), -EINVAL);
    CU_ASSERT(!has_uring || rim__uring_open(&options, &driver, &io) == -EINVAL);
    config.buffers = 65536;
    CU_ASSERT_EQUAL(rim__epoll_open(&options, &driver, &io), -EINVAL);
    CU_ASSERT(!has_uring || rim__uring_open(&options, &driver, &io) == -EINVAL);
}

static void uring_probe_says_how_shards_are_woken(void) {
    if (!uring_is_here()) {
        return;
    }
    const struct rim__uring_traits *asked = io_rig_traits(RIM_WAKE_EVENTFD);
    CU_ASSERT(!asked->wake_by_msg_ring);
    CU_ASSERT_STRING_EQUAL(asked->wake_reason, "eventfd: asked for");
    const struct rim__uring_traits *found = io_rig_traits(RIM_WAKE_AUTO);
    CU_ASSERT(strncmp(found->wake_reason, found->wake_by_msg_ring ? "msg_ring: " : "eventfd: ", 9) == 0);
    CU_ASSERT(found->kernel_major >= 5);
    CU_ASSERT((found->setup_flags & IORING_SETUP_CQSIZE) != 0);
}

#define TESTS(X)                                                                                                       \
    X(driver_carries_bytes)                                                                                            \
    X(driver_tells_when_the_bytes_of_a_send_are_free_also_after_the_close)                                             \
    X(driver_sends_as_many_pieces_as_an_op_holds)                                                                      \
    X(driver_connect_is_refused_where_nobody_listens)                                                                  \
    X(driver_connects_end_at_their_deadlines)                                                                          \
    X(driver_accepts_many_by_one_submit)                                                                               \
    X(uring_receives_wait_for_buffers_and_go_on)                                                                       \
    X(driver_remembers_what_came_while_nothing_was_submitted)                                                          \
    X(driver_body_may_come_home_after_the_close)                                                                       \
    X(driver_close_ends_whatever_is_in_flight)                                                                         \
    X(driver_is_refused_to_the_child_of_a_fork)                                                                        \
    X(driver_idle_polls_do_not_enter_the_kernel)                                                                       \
    X(driver_refuses_buffers_that_cannot_be)                                                                           \
    X(uring_probe_says_how_shards_are_woken)
UNIT_SUITE(driver_real, TESTS)
