/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/message.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/un.h>

#include "io/address.h"
#include "unit.h"

struct control {
    _Alignas(struct cmsghdr) char bytes[512];
    size_t used;
};

static void add(struct control *control, int level, int type, const void *value, size_t size) {
    struct cmsghdr *at = (struct cmsghdr *)(void *)(control->bytes + control->used);
    memset(at, 0, CMSG_SPACE(size));
    *at = (struct cmsghdr){.cmsg_len = CMSG_LEN(size), .cmsg_level = level, .cmsg_type = type};
    memcpy(CMSG_DATA(at), value, size);
    control->used += CMSG_SPACE(size);
}

static struct rim__receipt read_with(struct control *control, int flags, uint64_t payload, uint64_t size) {
    struct rim__receipt out;
    memset(&out, 0x55, sizeof out);
    const struct msghdr message = {.msg_control = control->bytes, .msg_controllen = control->used, .msg_flags = flags};
    rim__message_read(&message, payload, size, &out);
    return out;
}

static void message_without_control_says_nothing(void) {
    struct control none = {.used = 0};
    struct rim__receipt out = read_with(&none, 0, 10, 100);
    CU_ASSERT_EQUAL(out.result, 10);
    CU_ASSERT(!out.is_truncated && !out.is_cut && out.rights == NULL);
    CU_ASSERT(out.lost == 0 && out.segment == 0 && out.hops == 0 && out.traffic_class == 0 && out.way.family == 0);
    CU_ASSERT_EQUAL(out.from.family, 0);
}

static void message_that_is_longer_than_its_room_is_cut_off(void) {
    struct control none = {.used = 0};
    struct rim__receipt out = read_with(&none, 0, 101, 100);
    CU_ASSERT(out.result == 100 && out.is_truncated);
    out = read_with(&none, MSG_TRUNC, 100, 100); /* the kernel knew that there was more */
    CU_ASSERT(out.result == 100 && out.is_truncated);
    out = read_with(&none, MSG_CTRUNC, 1, 100);
    CU_ASSERT(out.is_cut && !out.is_truncated);
}

static void message_way_is_read_of_both_families(void) {
    struct control control = {.used = 0};
    const struct in_pktinfo ipv4 = {.ipi_ifindex = 3, .ipi_spec_dst.s_addr = htonl(0x7f000003)};
    int hops = 61;
    uint8_t class = 0x28;
    add(&control, IPPROTO_IP, IP_PKTINFO, &ipv4, sizeof ipv4);
    add(&control, IPPROTO_IP, IP_TTL, &hops, sizeof hops);
    add(&control, IPPROTO_IP, IP_TOS, &class, sizeof class);
    struct rim__receipt out = read_with(&control, 0, 1, 1);
    CU_ASSERT(out.way.family == 4 && out.way.interface == 3 && memcmp(out.way.bytes, "\x7f\0\0\3", 4) == 0);
    CU_ASSERT(out.hops == 61 && out.traffic_class == 0x28);

    control.used = 0;
    struct in6_pktinfo ipv6 = {.ipi6_ifindex = 4, .ipi6_addr = in6addr_loopback};
    int wide = 0x30;
    add(&control, IPPROTO_IPV6, IPV6_PKTINFO, &ipv6, sizeof ipv6);
    add(&control, IPPROTO_IPV6, IPV6_HOPLIMIT, &hops, sizeof hops);
    add(&control, IPPROTO_IPV6, IPV6_TCLASS, &wide, sizeof wide);
    out = read_with(&control, 0, 1, 1);
    CU_ASSERT(out.way.family == 6 && out.way.interface == 4 && memcmp(out.way.bytes, &in6addr_loopback, 16) == 0);
    CU_ASSERT(out.hops == 61 && out.traffic_class == 0x30);

    control.used = 0;
    memcpy(&ipv6.ipi6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\5", 16);
    add(&control, IPPROTO_IPV6, IPV6_PKTINFO, &ipv6, sizeof ipv6);
    out = read_with(&control, 0, 1, 1);
    CU_ASSERT(out.way.family == 4 && memcmp(out.way.bytes, "\x7f\0\0\5", 4) == 0);
}

static void message_train_is_one_only_with_several(void) {
    struct control control = {.used = 0};
    int segment = 100;
    uint32_t lost = 7;
    add(&control, SOL_SOCKET, SO_RXQ_OVFL, &lost, sizeof lost);
    add(&control, IPPROTO_UDP, UDP_GRO, &segment, sizeof segment);
    CU_ASSERT_EQUAL(read_with(&control, 0, 350, 65535).segment, 100);
    CU_ASSERT_EQUAL(read_with(&control, 0, 100, 65535).segment, 0);
    CU_ASSERT_EQUAL(read_with(&control, 0, 350, 65535).lost, 7);
}

static void message_descriptors_are_found(void) {
    struct control control = {.used = 0};
    const int descriptors[3] = {5, 6, 7};
    add(&control, SOL_SOCKET, SCM_RIGHTS, descriptors, sizeof descriptors);
    struct rim__receipt out = read_with(&control, 0, 1, 1);
    CU_ASSERT_PTR_EQUAL(out.rights, control.bytes);
    CU_ASSERT_EQUAL(out.rights->cmsg_len, CMSG_LEN(sizeof descriptors));
}

/* The kernel writes no more of a name than it has, and what lies behind is somebody else's. */
static void message_name_ends_where_it_ends(void) {
    union rim__sockaddr name;
    struct rim__receipt out;
    memset(&name, 'z', sizeof name);
    name.un.sun_family = AF_UNIX;
    memcpy(name.un.sun_path, "\0abc", 4);
    struct msghdr message = {.msg_name = &name, .msg_namelen = offsetof(struct sockaddr_un, sun_path) + 4};
    rim__message_read(&message, 0, 0, &out);
    CU_ASSERT_EQUAL(out.from.family, RIM_FAMILY_UNIX);
    CU_ASSERT_STRING_EQUAL(out.from.path, "@abc");
    message.msg_namelen = offsetof(struct sockaddr_un, sun_path);
    rim__message_read(&message, 0, 0, &out);
    CU_ASSERT_STRING_EQUAL(out.from.path, "");
}

#define TESTS(X)                                                                                                       \
    X(message_without_control_says_nothing)                                                                            \
    X(message_that_is_longer_than_its_room_is_cut_off)                                                                 \
    X(message_way_is_read_of_both_families)                                                                            \
    X(message_train_is_one_only_with_several)                                                                          \
    X(message_descriptors_are_found)                                                                                   \
    X(message_name_ends_where_it_ends)
UNIT_SUITE(message, TESTS)
