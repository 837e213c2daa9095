/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "io/address.h"
#include "io/net.h"
#include "io/passing.h"

/* A source address and the size of segments. */
#define CONTROL_BYTES (CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t)))

struct batch {
    struct mmsghdr messages[RIM_OP_LETTERS_MAX];
    struct iovec pieces[RIM_OP_LETTERS_MAX];
    union rim__sockaddr names[RIM_OP_LETTERS_MAX];
    _Alignas(struct cmsghdr) char control[RIM_OP_LETTERS_MAX][CONTROL_BYTES];
};

static void add(struct msghdr *message, int level, int type, const void *value, size_t size) {
    struct cmsghdr *at = (struct cmsghdr *)(void *)((char *)message->msg_control + message->msg_controllen);
    memset(at, 0, CMSG_SPACE(size));
    at->cmsg_level = level;
    at->cmsg_type = type;
    at->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(at), value, size);
    message->msg_controllen += CMSG_SPACE(size);
}

/* The interface is named only where the address is good on one link alone: else the routes decide. A group's address is
   nobody's to send from. */
static void add_way(struct msghdr *message, const rim_datagram_way *way) {
    if (way->family == 4) {
        struct in_pktinfo info = {.ipi_ifindex = 0};
        memcpy(&info.ipi_spec_dst, way->bytes, sizeof info.ipi_spec_dst);
        add(message, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
        return;
    }
    struct in6_pktinfo info = {.ipi6_ifindex = 0};
    memcpy(&info.ipi6_addr, way->bytes, sizeof info.ipi6_addr);
    bool is_group = IN6_IS_ADDR_MULTICAST(&info.ipi6_addr);
    if (is_group || IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) {
        info.ipi6_ifindex = way->interface;
    }
    if (is_group) {
        info.ipi6_addr = in6addr_any;
    }
    add(message, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
}

static void address(struct msghdr *message, const rim_datagram_letter *letter, struct iovec *piece,
                    union rim__sockaddr *name) {
    *piece = (struct iovec){(void *)(uintptr_t)letter->bytes, letter->size};
    *message = (struct msghdr){.msg_iov = piece, .msg_iovlen = 1};
    if (letter->to != NULL) {
        message->msg_namelen = rim__address_to_sockaddr(letter->to, name);
        message->msg_name = name;
    }
}

static void write_letter(struct batch *batch, uint32_t index, const rim_datagram_letter *letter) {
    struct msghdr *message = &batch->messages[index].msg_hdr;
    address(message, letter, &batch->pieces[index], &batch->names[index]);
    message->msg_control = batch->control[index];
    if (letter->way != NULL && letter->way->family != 0) {
        add_way(message, letter->way);
    }
    if (letter->segment != 0 && letter->segment < letter->size) {
        const uint16_t segment = (uint16_t)letter->segment;
        add(message, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment);
    }
    if (message->msg_controllen == 0) {
        message->msg_control = NULL;
    }
}

static int send_with_descriptors(int fd, const rim_datagram_letter *letter) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(RIM_PASSING_MAX * sizeof(int))];
    struct iovec piece;
    union rim__sockaddr name;
    struct msghdr message;
    rim__assert(letter->descriptor_count <= RIM_PASSING_MAX);
    address(&message, letter, &piece, &name);
    rim__passing_head(control, letter->descriptor_count);
    memcpy(CMSG_DATA((struct cmsghdr *)(void *)control), letter->descriptors, letter->descriptor_count * sizeof(int));
    message.msg_control = control;
    message.msg_controllen = rim__passing_room(letter->descriptor_count);
    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 1;
}

int rim__net_send_letters(struct rim__io *io, int fd, const rim_datagram_letter *letters, uint32_t count) {
    struct batch batch;
    uint32_t size = 0;
    (void)io;
    rim__assert(count > 0 && count <= RIM_OP_LETTERS_MAX);
    if (letters[0].descriptor_count > 0) {
        return send_with_descriptors(fd, &letters[0]);
    }
    while (size < count && letters[size].descriptor_count == 0) {
        write_letter(&batch, size, &letters[size]);
        size++;
    }
    int sent = sendmmsg(fd, batch.messages, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

bool rim__net_segments(struct rim__io *io, int fd) {
    const int none = 0;
    (void)io;
    return setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &none, sizeof none) == 0;
}
