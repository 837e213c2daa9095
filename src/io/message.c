/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/message.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#include "base/assert.h"
#include "io/address.h"

_Static_assert(sizeof(union rim__sockaddr) <= RIM_OP_ROOM_NAME, "there is room for every name");

static void read_way(int index, const void *bytes, size_t size, rim_datagram_way *way) {
    way->interface = (uint32_t)index;
    way->family = size == 4 ? 4 : 6;
    memcpy(way->bytes, bytes, size);
}

static void read_ipv4(struct cmsghdr *at, struct rim__receipt *out) {
    struct in_pktinfo info;
    int hops;
    switch (at->cmsg_type) {
    case IP_PKTINFO:
        memcpy(&info, CMSG_DATA(at), sizeof info);
        read_way(info.ipi_ifindex, &info.ipi_spec_dst, 4, &out->way);
        break;
    case IP_TTL:
        memcpy(&hops, CMSG_DATA(at), sizeof hops);
        out->hops = (uint8_t)hops;
        break;
    case IP_TOS:
        out->traffic_class = *CMSG_DATA(at); /* one byte */
        break;
    default:
        break;
    }
}

/* An IPv6 socket says the address of IPv4 traffic in IPv6 clothes. */
static void read_ipv6(struct cmsghdr *at, struct rim__receipt *out) {
    struct in6_pktinfo info;
    int number;
    memcpy(&number, CMSG_DATA(at), sizeof number);
    switch (at->cmsg_type) {
    case IPV6_PKTINFO:
        memcpy(&info, CMSG_DATA(at), sizeof info);
        if (IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr)) {
            read_way((int)info.ipi6_ifindex, info.ipi6_addr.s6_addr + 12, 4, &out->way);
        } else {
            read_way((int)info.ipi6_ifindex, info.ipi6_addr.s6_addr, 16, &out->way);
        }
        break;
    case IPV6_HOPLIMIT:
        out->hops = (uint8_t)number;
        break;
    case IPV6_TCLASS:
        out->traffic_class = (uint8_t)number;
        break;
    default:
        break;
    }
}

static void read_control(struct cmsghdr *at, uint64_t payload, struct rim__receipt *out) {
    int segment;
    switch (at->cmsg_level) {
    case SOL_SOCKET:
        if (at->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&out->lost, CMSG_DATA(at), sizeof out->lost);
        } else if (at->cmsg_type == SCM_RIGHTS) {
            out->rights = at;
        }
        break;
    case IPPROTO_IP:
        read_ipv4(at, out);
        break;
    case IPPROTO_IPV6:
        read_ipv6(at, out);
        break;
    case IPPROTO_UDP:
        memcpy(&segment, CMSG_DATA(at), sizeof segment);
        if (at->cmsg_type == UDP_GRO && segment > 0 && (uint64_t)segment < payload) {
            out->segment = (uint32_t)segment;
        }
        break;
    default:
        break;
    }
}

/* Only as much as the kernel has written; a Unix name is as long as it says. */
static void read_name(const struct msghdr *message, rim_address *out) {
    const union rim__sockaddr *name = message->msg_name;
    if (message->msg_namelen == 0) {
        *out = (rim_address){.family = 0};
    } else if (rim__unlikely(name->any.sa_family == AF_UNIX)) {
        union rim__sockaddr copy = {0};
        size_t size = message->msg_namelen < sizeof copy ? message->msg_namelen : sizeof copy;
        memcpy(&copy, name, size);
        rim__address_from_sockaddr(&copy, out);
    } else {
        rim__address_from_sockaddr(name, out);
    }
}

void rim__message_read(const struct msghdr *message, uint64_t payload, uint64_t size, struct rim__receipt *out) {
    out->result = (int32_t)(payload < size ? payload : size);
    out->is_truncated = payload > size || (message->msg_flags & MSG_TRUNC) != 0;
    out->is_cut = (message->msg_flags & MSG_CTRUNC) != 0;
    out->rights = NULL;
    out->lost = 0;
    out->segment = 0;
    out->hops = 0;
    out->traffic_class = 0;
    out->way = (rim_datagram_way){0};
    read_name(message, &out->from);
    struct msghdr copy = {.msg_control = message->msg_control, .msg_controllen = message->msg_controllen};
    for (struct cmsghdr *at = CMSG_FIRSTHDR(&copy); at != NULL; at = CMSG_NXTHDR(&copy, at)) {
        read_control(at, payload, out);
    }
}
