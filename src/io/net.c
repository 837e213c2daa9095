/* SPDX-License-Identifier: MIT */
#include "io/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/address.h"

#define BACKLOG_DEFAULT 4096u

static int set(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : -errno;
}

/* One call for each option that differs, up to the first that fails. */
struct tuning {
    int fd, error;
};

static void change(struct tuning *tuning, int level, int option, uint32_t value) {
    if (tuning->error == 0) {
        tuning->error = set(tuning->fd, level, option, value > INT32_MAX ? INT32_MAX : (int)value);
    }
}

/* 0 leaves it as it is. */
static void change_size(struct tuning *tuning, int level, int option, const uint32_t values[2]) {
    if (values[0] != values[1] && values[0] != 0) {
        change(tuning, level, option, values[0]);
    }
}

int rim__net_tune(struct rim__io *io, int fd, const rim_socket_options *to, const rim_socket_options *before) {
    static const rim_socket_options fresh = {.delay = true};
    const rim_socket_options *from = before != NULL ? before : &fresh;
    struct tuning tuning = {.fd = fd};
    (void)io;
    if (to->delay != from->delay) {
        change(&tuning, IPPROTO_TCP, TCP_NODELAY, !to->delay);
    }
    if ((to->keepalive_s != 0) != (from->keepalive_s != 0)) {
        change(&tuning, SOL_SOCKET, SO_KEEPALIVE, to->keepalive_s != 0);
    }
    change_size(&tuning, IPPROTO_TCP, TCP_KEEPIDLE, (uint32_t[]){to->keepalive_s, from->keepalive_s});
    change_size(&tuning, IPPROTO_TCP, TCP_KEEPINTVL,
                (uint32_t[]){to->keepalive_interval_s, from->keepalive_interval_s});
    change_size(&tuning, IPPROTO_TCP, TCP_KEEPCNT, (uint32_t[]){to->keepalive_count, from->keepalive_count});
    change_size(&tuning, SOL_SOCKET, SO_SNDBUF, (uint32_t[]){to->send_buffer, from->send_buffer});
    change_size(&tuning, SOL_SOCKET, SO_RCVBUF, (uint32_t[]){to->receive_buffer, from->receive_buffer});
    return tuning.error;
}

static int open_stream(const rim_address *address) {
    int family = address->family == 4 ? AF_INET : AF_INET6;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    return fd < 0 ? -errno : fd;
}

static int set_options(int fd, const rim_address *address, const rim_listen_options *options) {
    int error = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (error == 0 && options->distribute == RIM_DISTRIBUTE_REUSEPORT) {
        error = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    }
    if (error == 0 && address->family == 6) {
        error = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, options->ipv6_only);
    }
    return error != 0 ? error : rim__net_tune(NULL, fd, &options->socket, NULL); /* accepted sockets inherit it */
}

static int bind_and_listen(int fd, const rim_address *address, const rim_listen_options *options) {
    union rim__sockaddr name;
    socklen_t length = rim__address_to_sockaddr(address, &name);
    uint32_t backlog = options->backlog != 0 ? options->backlog : BACKLOG_DEFAULT;
    if (bind(fd, &name.any, length) != 0) {
        return -errno;
    }
    return listen(fd, backlog > INT32_MAX ? INT32_MAX : (int)backlog) == 0 ? 0 : -errno;
}

static int open_listener(struct rim__io *io, const rim_address *address, const rim_listen_options *options) {
    int fd = open_stream(address);
    if (fd < 0) {
        return fd;
    }
    int error = set_options(fd, address, options);
    if (error == 0) {
        error = bind_and_listen(fd, address, options);
    }
    if (error != 0) {
        close(fd);
        return error;
    }
    io->descriptors++;
    return fd;
}

int rim__net_listen(struct rim__io *io, const rim_address *address, const rim_listen_options *options,
                    rim_address *bound) {
    if (address->family != 4 && address->family != 6) {
        return -EINVAL;
    }
    int fd = open_listener(io, address, options);
    bool is_without_ipv6 = fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL;
    if (is_without_ipv6 && address->family == 6 && !options->ipv6_only && rim__address_is_any(address)) {
        rim_address ipv4 = {.family = 4, .port = address->port};
        fd = open_listener(io, &ipv4, options);
    }
    if (fd < 0) {
        return fd;
    }
    int error = rim__net_names(io, fd, bound, NULL);
    if (error != 0) {
        rim__net_close(io, fd, false);
        return error;
    }
    return fd;
}

int rim__net_socket(struct rim__io *io, const rim_address *peer) {
    if (peer->family != 4 && peer->family != 6) {
        return -EINVAL;
    }
    int fd = open_stream(peer);
    if (fd >= 0) {
        io->descriptors++;
    }
    return fd;
}

int rim__net_names(struct rim__io *io, int fd, rim_address *local, rim_address *peer) {
    (void)io;
    union rim__sockaddr name;
    socklen_t length = sizeof name;
    if (local != NULL) {
        if (getsockname(fd, &name.any, &length) != 0) {
            return -errno;
        }
        rim__address_from_sockaddr(&name, local);
    }
    length = sizeof name;
    if (peer != NULL) {
        if (getpeername(fd, &name.any, &length) != 0) {
            return -errno;
        }
        rim__address_from_sockaddr(&name, peer);
    }
    return 0;
}

int rim__net_shutdown(struct rim__io *io, int fd, int how) {
    (void)io;
    return shutdown(fd, how) == 0 ? 0 : -errno;
}

void rim__net_close(struct rim__io *io, int fd, bool reset) {
    if (reset) {
        struct linger none = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    }
    /* May wrap: a connection may be accepted on one shard and closed on another. The sum over all shards is right. */
    io->descriptors--;
    (void)close(fd); /* the number is free also after EINTR */
}
