/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/address.h"
#include "io/net.h"
#include "unit.h"

static int option(int fd, int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, level, name, &value, &length) == 0 ? value : -1;
}

static int open_on(struct rim__io *io, const char *host, const rim_datagram_options *options, rim_address *bound) {
    struct rim__datagram_plan plan = {.options = options};
    CU_ASSERT_EQUAL_FATAL(rim_address_parse(host, 0, &plan.address), 0);
    return rim__net_datagram(io, &plan, bound);
}

static bool comes(int fd) {
    struct pollfd file = {.fd = fd, .events = POLLIN};
    return poll(&file, 1, 5000) == 1;
}

static void net_datagram_options_reach_the_kernel(void) {
    struct rim__io io = {.descriptors = 0};
    rim_address bound;
    const rim_datagram_options options = {.spread = true,
                                          .broadcast = true,
                                          .tell_way = true,
                                          .tell_errors = true,
                                          .hops = 7,
                                          .no_loop = true,
                                          .traffic_class = 0x20,
                                          .merge = true};
    int fd = open_on(&io, "127.0.0.1", &options, &bound);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT(bound.family == 4 && bound.port != 0 && io.descriptors == 1);
    CU_ASSERT_EQUAL(option(fd, SOL_SOCKET, SO_REUSEPORT), 1);
    CU_ASSERT_EQUAL(option(fd, SOL_SOCKET, SO_REUSEADDR), 0);
    CU_ASSERT_EQUAL(option(fd, SOL_SOCKET, SO_BROADCAST), 1);
    CU_ASSERT_EQUAL(option(fd, IPPROTO_IP, IP_PKTINFO), 1);
    CU_ASSERT_EQUAL(option(fd, IPPROTO_IP, IP_RECVTTL), 1);
    CU_ASSERT_EQUAL(option(fd, IPPROTO_IP, IP_RECVTOS), 1);
    CU_ASSERT_EQUAL(option(fd, IPPROTO_IP, IP_RECVERR), 1);
    CU_ASSERT_EQUAL(option(fd, IPPROTO_IP, IP_MULTICAST_TTL), 7);
    CU_ASSERT_EQUAL(option(fd, IPPROTO_IP, IP_MULTICAST_LOOP), 0);
    CU_ASSERT_EQUAL(option(fd, IPPROTO_IP, IP_TOS), 0x20);
    CU_ASSERT(!rim__net_segments(&io, fd) || option(fd, IPPROTO_UDP, UDP_GRO) == 1);
    rim__net_close(&io, fd, false);
    CU_ASSERT_EQUAL(io.descriptors, 0);
}

static void net_datagram_of_two_families_has_the_settings_of_both(void) {
    struct rim__io io = {.descriptors = 0};
    rim_address bound;
    const rim_datagram_options options = {.tell_way = true, .hops = 9, .traffic_class = 0x20};
    int fd = open_on(&io, "", &options, &bound);
    CU_ASSERT_FATAL(fd >= 0);
    if (bound.family == 6) {
        CU_ASSERT_EQUAL(option(fd, IPPROTO_IPV6, IPV6_V6ONLY), 0);
        CU_ASSERT_EQUAL(option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO), 1);
        CU_ASSERT_EQUAL(option(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS), 9);
        CU_ASSERT_EQUAL(option(fd, IPPROTO_IPV6, IPV6_TCLASS), 0x20);
    }
    CU_ASSERT_EQUAL(option(fd, IPPROTO_IP, IP_MULTICAST_TTL), 9);
    CU_ASSERT_EQUAL(option(fd, IPPROTO_IP, IP_RECVTTL), 1);
    rim__net_close(&io, fd, false);
}

static void net_letters_are_sent_up_to_the_first_that_fails(void) {
    static char large[70000];
    struct rim__io io = {.descriptors = 0};
    rim_address bound, ignored;
    int there = open_on(&io, "127.0.0.1", &(rim_datagram_options){.hops = 0}, &bound);
    int here = open_on(&io, "127.0.0.1", &(rim_datagram_options){.hops = 0}, &ignored);
    CU_ASSERT_FATAL(there >= 0 && here >= 0);
    const rim_datagram_letter letters[3] = {
        {.to = &bound, .bytes = "one", .size = 3},
        {.to = &bound, .bytes = "two", .size = 3},
        {.to = &bound, .bytes = large, .size = sizeof large},
    };
    CU_ASSERT_EQUAL(rim__net_send_letters(&io, here, letters, 3), 2);
    CU_ASSERT_EQUAL(rim__net_send_letters(&io, here, &letters[2], 1), -EMSGSIZE);
    char bytes[16], control[64];
    for (int i = 0; i < 2; i++) {
        struct rim__receipt receipt = {.bytes = bytes,
                                       .size = sizeof bytes,
                                       .control = control,
                                       .control_size = sizeof control};
        CU_ASSERT_FATAL(comes(there));
        rim__net_receive_from(&io, there, &receipt);
        CU_ASSERT(receipt.result == 3 && memcmp(bytes, i == 0 ? "one" : "two", 3) == 0);
        CU_ASSERT_EQUAL(receipt.from.port, ignored.port);
    }
    struct rim__receipt none = {.bytes = bytes, .size = sizeof bytes, .control = control, .control_size = 64};
    rim__net_receive_from(&io, there, &none);
    CU_ASSERT_EQUAL(none.result, -EAGAIN); /* though the socket is a blocking one */
    rim__net_close(&io, there, false);
    rim__net_close(&io, here, false);
}

static void net_datagram_refusal_says_who(void) {
    struct rim__io io = {.descriptors = 0};
    rim_address bound, nobody = {.family = 4, .port = 1, .bytes = {127, 0, 0, 1}};
    int fd = open_on(&io, "127.0.0.1", &(rim_datagram_options){.tell_errors = true}, &bound);
    struct rim__receipt receipt;
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT(!rim__net_next_error(&io, fd, &receipt));
    CU_ASSERT_EQUAL(rim__net_send_to(&io, fd, &nobody, (struct iovec){(char[]){'x'}, 1}), 0);
    struct pollfd file = {.fd = fd, .events = POLLIN};
    CU_ASSERT_EQUAL_FATAL(poll(&file, 1, 5000), 1);
    CU_ASSERT_FATAL(rim__net_next_error(&io, fd, &receipt));
    CU_ASSERT(receipt.result == -ECONNREFUSED && receipt.from.family == 4 && receipt.from.port == 1);
    rim__net_close(&io, fd, false);
}

static void net_datagram_file_has_its_mode_and_is_taken_over(void) {
    struct rim__io io = {.descriptors = 0};
    rim_address bound;
    struct stat stat;
    char host[64];
    snprintf(host, sizeof host, "unix:/tmp/ringmail-%d-net", (int)getpid());
    int fd = open_on(&io, host, &(rim_datagram_options){.mode = 0640}, &bound);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT(lstat(host + 5, &stat) == 0 && S_ISSOCK(stat.st_mode) && (stat.st_mode & 07777) == 0640);
    CU_ASSERT_EQUAL(open_on(&io, host, &(rim_datagram_options){.mode = 0}, &bound), -EADDRINUSE);
    close(fd); /* as a process leaves it that is killed */
    fd = open_on(&io, host, &(rim_datagram_options){.mode = 0}, &bound);
    CU_ASSERT_FATAL(fd >= 0);
    rim__net_close(&io, fd, false);
    rim__net_unname(&io, &bound, true);
    CU_ASSERT(lstat(host + 5, &stat) != 0);
}

#define TESTS(X)                                                                                                       \
    X(net_datagram_options_reach_the_kernel)                                                                           \
    X(net_datagram_of_two_families_has_the_settings_of_both)                                                           \
    X(net_letters_are_sent_up_to_the_first_that_fails)                                                                 \
    X(net_datagram_refusal_says_who)                                                                                   \
    X(net_datagram_file_has_its_mode_and_is_taken_over)
UNIT_SUITE(net_datagram, TESTS)
