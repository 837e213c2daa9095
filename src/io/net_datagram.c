/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <time.h> /* errqueue.h needs it */

#include <linux/errqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/address.h"
#include "io/message.h"
#include "io/net.h"

#define SETTINGS_BOTH 4u
#define CONTROL_MAX   256u

struct setting {
    int level, name, value;
    bool is_wanted;
};

static int apply(int fd, const struct setting *settings, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct setting *at = &settings[i];
        if (at->is_wanted && setsockopt(fd, at->level, at->name, &at->value, sizeof at->value) != 0) {
            return -errno;
        }
    }
    return 0;
}

/* 0: the kernel's choice. */
static int index_of(const char *interface, int *out) {
    *out = interface != NULL ? (int)if_nametoindex(interface) : 0;
    return interface != NULL && *out == 0 ? -EINVAL : 0;
}

/* An IPv6 socket that takes IPv4 as well has both kinds of settings. */
static int set_both(int fd, uint8_t family, bool ipv6_only, const struct setting *ipv4, const struct setting *ipv6) {
    int error = family == 6 ? apply(fd, ipv6, SETTINGS_BOTH) : 0;
    if (error == 0 && (family == 4 || (family == 6 && !ipv6_only))) {
        error = apply(fd, ipv4, SETTINGS_BOTH);
        error = family == 6 ? 0 : error; /* there may be no IPv4 */
    }
    return error;
}

static int set_multicast(int fd, const rim_datagram_options *options, uint8_t family) {
    int index;
    if (family == RIM_FAMILY_UNIX) {
        return 0;
    }
    int error = index_of(options->interface, &index);
    const struct setting ipv4[SETTINGS_BOTH] = {
        {IPPROTO_IP, IP_MULTICAST_TTL, options->hops, options->hops != 0},
        {IPPROTO_IP, IP_MULTICAST_LOOP, 0, options->no_loop},
        {IPPROTO_IP, IP_TOS, options->traffic_class, options->traffic_class != 0},
    };
    const struct setting ipv6[SETTINGS_BOTH] = {
        {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, options->hops, options->hops != 0},
        {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0, options->no_loop},
        {IPPROTO_IPV6, IPV6_TCLASS, options->traffic_class, options->traffic_class != 0},
        {IPPROTO_IPV6, IPV6_MULTICAST_IF, index, index != 0},
    };
    error = error == 0 ? set_both(fd, family, options->ipv6_only, ipv4, ipv6) : error;
    struct ip_mreqn way = {.imr_ifindex = index};
    if (error == 0 && index != 0 && setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &way, sizeof way) != 0) {
        error = family == 4 ? -errno : 0;
    }
    return error;
}

/* What is to be told of each datagram, beside its bytes. */
static int set_telling(int fd, const rim_datagram_options *options, uint8_t family) {
    if (family == RIM_FAMILY_UNIX) {
        return 0;
    }
    const struct setting ipv4[SETTINGS_BOTH] = {
        {IPPROTO_IP, IP_PKTINFO, 1, options->tell_way && family == 4}, /* else the IPv6 one tells */
        {IPPROTO_IP, IP_RECVTTL, 1, options->tell_way},
        {IPPROTO_IP, IP_RECVTOS, 1, options->tell_way},
        {IPPROTO_IP, IP_RECVERR, 1, options->tell_errors},
    };
    const struct setting ipv6[SETTINGS_BOTH] = {
        {IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, options->tell_way},
        {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1, options->tell_way},
        {IPPROTO_IPV6, IPV6_RECVTCLASS, 1, options->tell_way},
        {IPPROTO_IPV6, IPV6_RECVERR, 1, options->tell_errors},
    };
    const int one = 1;
    if (options->merge) {
        (void)setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof one); /* before 5.0 each comes alone */
    }
    return set_both(fd, family, options->ipv6_only, ipv4, ipv6);
}

static int set_options(int fd, const rim_datagram_options *options, uint8_t family) {
    bool has_port = family != RIM_FAMILY_UNIX;
    const struct setting settings[] = {
        {SOL_SOCKET, SO_REUSEADDR, 1, options->share && has_port},
        {SOL_SOCKET, SO_REUSEPORT, 1, options->spread && has_port},
        {SOL_SOCKET, SO_BROADCAST, 1, options->broadcast},
        {SOL_SOCKET, SO_SNDBUF, (int)options->send_buffer, options->send_buffer != 0},
        {SOL_SOCKET, SO_RCVBUF, (int)options->receive_buffer, options->receive_buffer != 0},
        {SOL_SOCKET, SO_RXQ_OVFL, 1, true},
        {IPPROTO_IPV6, IPV6_V6ONLY, options->ipv6_only, family == 6},
    };
    int error = apply(fd, settings, sizeof settings / sizeof settings[0]);
    error = error == 0 ? set_multicast(fd, options, family) : error;
    return error == 0 ? set_telling(fd, options, family) : error;
}

static int take_name(int fd, const rim_address *address, uint32_t mode) {
    union rim__sockaddr name;
    if (address->family == RIM_FAMILY_UNIX && address->path[0] == '\0') {
        return 0;
    }
    socklen_t length = rim__address_to_sockaddr(address, &name);
    int lock = rim__net_lock_folder(address);
    int error = bind(fd, &name.any, length) == 0 ? 0 : -errno;
    if (error == -EADDRINUSE && rim__net_remove_stale(address, SOCK_DGRAM)) {
        error = bind(fd, &name.any, length) == 0 ? 0 : -errno;
    }
    rim__net_unlock_folder(lock);
    if (error == 0 && mode != 0 && rim__address_is_file(address) && chmod(address->path, mode & 07777) != 0) {
        error = -errno;
        (void)unlink(address->path);
    }
    return error;
}

static int prepare(struct rim__io *io, int fd, const struct rim__datagram_plan *plan, rim_address *bound) {
    union rim__sockaddr peer;
    int error = set_options(fd, plan->options, plan->address.family);
    error = error == 0 ? take_name(fd, &plan->address, plan->options->mode) : error;
    if (error == 0 && plan->peer.family != 0) {
        socklen_t length = rim__address_to_sockaddr(&plan->peer, &peer);
        error = connect(fd, &peer.any, length) == 0 ? 0 : -errno;
    }
    return error == 0 ? rim__net_names(io, fd, bound, NULL) : error;
}

static int open_one(struct rim__io *io, const struct rim__datagram_plan *plan, rim_address *bound) {
    uint8_t family = plan->address.family;
    int domain = family == RIM_FAMILY_UNIX ? AF_UNIX : family == 4 ? AF_INET : AF_INET6;
    int fd = socket(domain, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    int error = prepare(io, fd, plan, bound);
    if (error != 0) {
        close(fd);
        rim__net_unname(io, &plan->address, true); /* if it got as far as that */
        return error;
    }
    io->descriptors++;
    return fd;
}

int rim__net_datagram(struct rim__io *io, const struct rim__datagram_plan *plan, rim_address *bound) {
    int fd = open_one(io, plan, bound);
    bool is_without_ipv6 = fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL;
    if (is_without_ipv6 && plan->address.family == 6 && !plan->options->ipv6_only && plan->peer.family == 0 &&
        rim__address_is_any(&plan->address)) {
        struct rim__datagram_plan ipv4 = *plan;
        ipv4.address = (rim_address){.family = 4, .port = plan->address.port};
        fd = open_one(io, &ipv4, bound);
    }
    return fd;
}

int rim__net_send_to(struct rim__io *io, int fd, const rim_address *to, struct iovec bytes) {
    union rim__sockaddr name;
    (void)io;
    socklen_t length = to != NULL ? rim__address_to_sockaddr(to, &name) : 0;
    ssize_t count =
        sendto(fd, bytes.iov_base, bytes.iov_len, MSG_DONTWAIT | MSG_NOSIGNAL, length > 0 ? &name.any : NULL, length);
    return count < 0 ? -errno : 0;
}

void rim__net_receive_from(struct rim__io *io, int fd, struct rim__receipt *receipt) {
    union rim__sockaddr name = {0};
    struct iovec bytes = {receipt->bytes, receipt->size};
    struct msghdr message = {.msg_name = &name,
                             .msg_namelen = sizeof name,
                             .msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = receipt->control,
                             .msg_controllen = receipt->control_size};
    (void)io;
    ssize_t count = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    receipt->result = count < 0 ? -errno : (int32_t)count;
    if (count >= 0) {
        rim__message_read(&message, (uint64_t)count, receipt->size, receipt);
    }
}

/* The name of such a message is where the datagram went to. */
bool rim__net_next_error(struct rim__io *io, int fd, struct rim__receipt *receipt) {
    union rim__sockaddr name = {0};
    _Alignas(struct cmsghdr) char control[CONTROL_MAX];
    struct msghdr message = {.msg_name = &name,
                             .msg_namelen = sizeof name,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    (void)io;
    if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
        return false;
    }
    rim__message_read(&message, 0, 0, receipt);
    receipt->result = -EIO;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at != NULL; at = CMSG_NXTHDR(&message, at)) {
        bool is_error = (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_RECVERR) ||
                        (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_RECVERR);
        struct sock_extended_err error;
        if (is_error) {
            memcpy(&error, CMSG_DATA(at), sizeof error);
            receipt->result = error.ee_errno != 0 ? -(int32_t)error.ee_errno : -EIO;
        }
    }
    return true;
}

static int change_source(int fd, const struct rim__membership *membership, uint32_t index) {
    union rim__sockaddr group, source;
    struct group_source_req request = {.gsr_interface = index};
    socklen_t length = rim__address_to_sockaddr(membership->group, &group);
    memcpy(&request.gsr_group, &group, length);
    length = rim__address_to_sockaddr(membership->source, &source);
    memcpy(&request.gsr_source, &source, length);
    int level = membership->group->family == 6 ? IPPROTO_IPV6 : IPPROTO_IP;
    int option = membership->join ? MCAST_JOIN_SOURCE_GROUP : MCAST_LEAVE_SOURCE_GROUP;
    return setsockopt(fd, level, option, &request, sizeof request) == 0 ? 0 : -errno;
}

int rim__net_member(struct rim__io *io, int fd, const struct rim__membership *membership) {
    union rim__sockaddr name;
    int index;
    (void)io;
    int error = index_of(membership->interface, &index);
    if (error != 0) {
        return error;
    }
    bool is_ipv6 = membership->group->family == 6;
    if (membership->source != NULL) {
        return change_source(fd, membership, (uint32_t)index);
    }
    struct group_req request = {.gr_interface = (uint32_t)index};
    socklen_t length = rim__address_to_sockaddr(membership->group, &name);
    memcpy(&request.gr_group, &name, length);
    int option = membership->join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP;
    return setsockopt(fd, is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, option, &request, sizeof request) == 0 ? 0 : -errno;
}
