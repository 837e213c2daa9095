/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/address.h"
#include "unit.h"

static int option(int fd, int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, level, name, &value, &length) == 0 ? value : -1;
}

static int listen_on(struct rim__io *io, const char *host, rim_listen_options options, rim_address *bound) {
    rim_address address;
    CU_ASSERT_EQUAL_FATAL(rim_address_parse(host, 0, &address), 0);
    return rim__net_listen(io, &address, &options, bound);
}

static int connect_to(struct rim__io *io, const rim_address *address) {
    union rim__sockaddr name;
    int fd = rim__net_socket(io, address);
    CU_ASSERT_FATAL(fd >= 0);
    socklen_t length = rim__address_to_sockaddr(address, &name);
    CU_ASSERT_EQUAL(connect(fd, &name.any, length), 0);
    return fd;
}

static void net_listens_and_says_on_which_port(void) {
    struct rim__io io = {.descriptors = 0};
    rim_address bound;
    int fd = listen_on(&io, "127.0.0.1", (rim_listen_options){.backlog = 0}, &bound);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT(bound.family == 4 && bound.port != 0);
    CU_ASSERT_EQUAL(io.descriptors, 1);
    CU_ASSERT_EQUAL(option(fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
    CU_ASSERT_EQUAL(option(fd, SOL_SOCKET, SO_REUSEPORT), 0);
    rim__net_close(&io, fd, false);
    CU_ASSERT_EQUAL(io.descriptors, 0);
}

static void net_connections_have_two_names_and_no_delay(void) {
    struct rim__io io = {.descriptors = 0};
    rim_address bound, local, peer, other;
    int listener = listen_on(&io, "127.0.0.1", (rim_listen_options){.backlog = 0}, &bound);
    CU_ASSERT_FATAL(listener >= 0);
    int fd = connect_to(&io, &bound);
    int accepted = accept(listener, NULL, NULL);
    CU_ASSERT_EQUAL(option(accepted, IPPROTO_TCP, TCP_NODELAY), 1);
    CU_ASSERT_EQUAL(option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
    CU_ASSERT_EQUAL(rim__net_tune(&io, fd, &(rim_socket_options){.delay = false}, NULL), 0);
    CU_ASSERT_EQUAL(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    CU_ASSERT_EQUAL(rim__net_names(&io, fd, &local, &peer), 0);
    CU_ASSERT_EQUAL(peer.port, bound.port);
    CU_ASSERT_EQUAL(rim__net_names(&io, accepted, NULL, &other), 0);
    CU_ASSERT_EQUAL(other.port, local.port);
    CU_ASSERT_EQUAL(rim__net_shutdown(&io, fd, SHUT_WR), 0);
    char byte;
    CU_ASSERT_EQUAL(recv(accepted, &byte, 1, 0), 0);
    close(accepted);
    rim__net_close(&io, fd, false);
    rim__net_close(&io, listener, false);
}

/* A stream that takes what there is room for, and then says so. */
static void net_sends_now_what_the_socket_takes(void) {
    static char big[1 << 20];
    struct rim__io io = {.bytes_out = 0};
    struct iovec pieces[] = {{(char[]){"abc"}, 3}, {(char[]){"de"}, 2}, {big, sizeof big}};
    int ends[2];
    char bytes[8] = "";
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CU_ASSERT_EQUAL(rim__net_send_now(&io, ends[0], pieces, 1), 3);
    CU_ASSERT_EQUAL(rim__net_send_now(&io, ends[0], pieces, 2), 5);
    CU_ASSERT_EQUAL(io.bytes_out, 8);
    CU_ASSERT_EQUAL(recv(ends[1], bytes, sizeof bytes, MSG_WAITALL), 8);
    CU_ASSERT_EQUAL(memcmp(bytes, "abcabcde", 8), 0);
    int32_t sent, first = rim__net_send_now(&io, ends[0], pieces + 2, 1);
    CU_ASSERT(first > 0 && (size_t)first < sizeof big);
    while ((sent = rim__net_send_now(&io, ends[0], pieces, 3)) > 0) {
    }
    CU_ASSERT_EQUAL(sent, -EAGAIN);
    close(ends[1]);
    CU_ASSERT_EQUAL(rim__net_send_now(&io, ends[0], pieces, 1), -EPIPE); /* and no signal */
    close(ends[0]);
}

static int option_of(int fd, int level, int option) {
    int value = -1;
    socklen_t size = sizeof value;
    CU_ASSERT_EQUAL(getsockopt(fd, level, option, &value, &size), 0);
    return value;
}

static void check_keepalive(int fd, int idle, int interval, int count) {
    CU_ASSERT_EQUAL(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), idle != 0);
    CU_ASSERT_EQUAL(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), idle);
    CU_ASSERT_EQUAL(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), interval);
    CU_ASSERT_EQUAL(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT), count);
}

static void net_options_reach_the_kernel_and_are_inherited(void) {
    struct rim__io io = {.ops = NULL};
    rim_socket_options options = {.keepalive_s = 30,
                                  .keepalive_interval_s = 7,
                                  .keepalive_count = 4,
                                  .send_buffer = 50000,
                                  .receive_buffer = 60000};
    rim_address bound;
    int listener = listen_on(&io, "127.0.0.1", (rim_listen_options){.socket = options}, &bound);
    int fd = connect_to(&io, &bound);
    int accepted = accept(listener, NULL, NULL);
    check_keepalive(accepted, 30, 7, 4);
    CU_ASSERT_EQUAL(option_of(accepted, IPPROTO_TCP, TCP_NODELAY), 1);
    CU_ASSERT_EQUAL(option_of(accepted, SOL_SOCKET, SO_SNDBUF), 100000); /* the kernel doubles it */
    CU_ASSERT_EQUAL(option_of(accepted, SOL_SOCKET, SO_RCVBUF), 120000);
    CU_ASSERT_EQUAL(rim__net_tune(&io, fd, &options, NULL), 0);
    check_keepalive(fd, 30, 7, 4);
    rim_socket_options changed = {.delay = true, .keepalive_count = 9};
    CU_ASSERT_EQUAL(rim__net_tune(&io, fd, &changed, &options), 0);
    CU_ASSERT_EQUAL(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
    CU_ASSERT_EQUAL(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT), 9);
    CU_ASSERT_EQUAL(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 0);
    changed.keepalive_count = 1000;
    CU_ASSERT_EQUAL(rim__net_tune(&io, fd, &changed, &options), -EINVAL);
    close(accepted);
    rim__net_close(&io, fd, false);
    rim__net_close(&io, listener, false);
}

static void net_close_with_reset_is_seen_as_one(void) {
    struct rim__io io = {.descriptors = 0};
    rim_address bound;
    char byte;
    int listener = listen_on(&io, "127.0.0.1", (rim_listen_options){.socket.delay = true}, &bound);
    CU_ASSERT_FATAL(listener >= 0);
    int fd = connect_to(&io, &bound);
    int accepted = accept(listener, NULL, NULL);
    CU_ASSERT_EQUAL(option(accepted, IPPROTO_TCP, TCP_NODELAY), 0);
    rim__net_close(&io, fd, true);
    CU_ASSERT(recv(accepted, &byte, 1, 0) == -1 && errno == ECONNRESET);
    close(accepted);
    rim__net_close(&io, listener, false);
}

static void net_port_is_shared_only_by_those_who_say_so(void) {
    struct rim__io io = {.descriptors = 0};
    rim_address bound, again;
    rim_listen_options shared = {.distribute = RIM_DISTRIBUTE_REUSEPORT}, alone = {.backlog = 1};
    int first = listen_on(&io, "127.0.0.1", shared, &bound);
    CU_ASSERT_FATAL(first >= 0);
    int second = rim__net_listen(&io, &bound, &shared, &again);
    CU_ASSERT(second >= 0);
    CU_ASSERT_EQUAL(again.port, bound.port);
    CU_ASSERT_EQUAL(rim__net_listen(&io, &bound, &alone, &again), -EADDRINUSE);
    CU_ASSERT_EQUAL(io.descriptors, 2); /* the failed one is not counted */
    rim__net_close(&io, first, false);
    rim__net_close(&io, second, false);
}

static void net_any_takes_ipv4_unless_told_not_to(void) {
    struct rim__io io = {.descriptors = 0};
    rim_address bound;
    int both = listen_on(&io, "*", (rim_listen_options){.backlog = 0}, &bound);
    CU_ASSERT_FATAL(both >= 0);
    rim_address ipv4 = {.family = 4, .port = bound.port, .bytes = {127, 0, 0, 1}};
    int fd = connect_to(&io, &ipv4);
    rim__net_close(&io, fd, false);
    CU_ASSERT(bound.family == 4 || option(both, IPPROTO_IPV6, IPV6_V6ONLY) == 0);
    rim__net_close(&io, both, false);
}

static void net_refuses_what_cannot_be(void) {
    struct rim__io io = {.descriptors = 0};
    rim_address bound, nobody = {.family = 0}, far = {.family = 4, .bytes = {192, 0, 2, 1}};
    rim_listen_options options = {.backlog = 0};
    CU_ASSERT_EQUAL(rim__net_listen(&io, &nobody, &options, &bound), -EINVAL);
    CU_ASSERT_EQUAL(rim__net_listen(&io, &far, &options, &bound), -EADDRNOTAVAIL);
    CU_ASSERT_EQUAL(rim__net_socket(&io, &nobody), -EINVAL);
    CU_ASSERT_EQUAL(rim__net_tune(&io, -1, &(rim_socket_options){.delay = false}, NULL), -EBADF);
    CU_ASSERT_EQUAL(rim__net_shutdown(&io, -1, SHUT_WR), -EBADF);
    CU_ASSERT_EQUAL(rim__net_names(&io, -1, &bound, NULL), -EBADF);
    CU_ASSERT_EQUAL(rim__net_names(&io, -1, NULL, &bound), -EBADF);
    CU_ASSERT_EQUAL(io.descriptors, 0);
}

#define TESTS(X)                                                                                                       \
    X(net_listens_and_says_on_which_port)                                                                              \
    X(net_connections_have_two_names_and_no_delay)                                                                     \
    X(net_sends_now_what_the_socket_takes)                                                                             \
    X(net_options_reach_the_kernel_and_are_inherited)                                                                  \
    X(net_close_with_reset_is_seen_as_one)                                                                             \
    X(net_port_is_shared_only_by_those_who_say_so)                                                                     \
    X(net_any_takes_ipv4_unless_told_not_to)                                                                           \
    X(net_refuses_what_cannot_be)
UNIT_SUITE(net, TESTS)
