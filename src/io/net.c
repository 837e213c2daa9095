/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/net.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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
        int error = set(tuning->fd, level, option, value > INT32_MAX ? INT32_MAX : (int)value);
        bool is_unix = level == IPPROTO_TCP && error == -EOPNOTSUPP; /* it has none of TCP's */
        tuning->error = is_unix ? 0 : error;
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
    bool is_unix = address->family == RIM_FAMILY_UNIX;
    int family = is_unix ? AF_UNIX : address->family == 4 ? AF_INET : AF_INET6;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, is_unix ? 0 : IPPROTO_TCP);
    return fd < 0 ? -errno : fd;
}

static int set_options(int fd, const rim_address *address, const rim_listen_options *options) {
    bool is_unix = address->family == RIM_FAMILY_UNIX;
    int error = is_unix ? 0 : set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (error == 0 && (options->distribute == RIM_DISTRIBUTE_REUSEPORT || (options->reuse_port && !is_unix))) {
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
    int error = bind(fd, &name.any, length) == 0 ? 0 : -errno;
    if (error == -EADDRINUSE && rim__net_remove_stale(address, SOCK_STREAM)) {
        error = bind(fd, &name.any, length) == 0 ? 0 : -errno;
    }
    if (error != 0) {
        return error;
    }
    /* Nobody can connect before listen: so nobody does whom the mode forbids it. */
    if (options->mode != 0 && rim__address_is_file(address) && chmod(address->path, options->mode & 07777) != 0) {
        error = -errno;
        (void)unlink(address->path);
        return error;
    }
    error = listen(fd, backlog > INT32_MAX ? INT32_MAX : (int)backlog) == 0 ? 0 : -errno;
    if (error != 0 && rim__address_is_file(address)) {
        (void)unlink(address->path);
    }
    return error;
}

static int open_listener(struct rim__io *io, const rim_address *address, const rim_listen_options *options) {
    int fd = open_stream(address);
    if (fd < 0) {
        return fd;
    }
    int error = set_options(fd, address, options);
    if (error == 0) {
        int lock = rim__net_lock_folder(address);
        error = bind_and_listen(fd, address, options);
        rim__net_unlock_folder(lock);
    }
    if (error != 0) {
        close(fd);
        return error;
    }
    io->descriptors++;
    return fd;
}

int rim__net_duplicate(struct rim__io *io, int fd) {
    (void)io;
    int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return duplicate < 0 ? -errno : duplicate;
}

/* Of a descriptor of the user's, which stays his. */
static int adopt_listener(struct rim__io *io, const rim_listen_options *options, rim_address *bound) {
    int type = 0, listens = 0;
    socklen_t size = sizeof type;
    if (getsockopt(options->adopted, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
        return -errno;
    }
    size = sizeof listens;
    if (type != SOCK_STREAM || getsockopt(options->adopted, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 ||
        listens == 0) {
        return -EINVAL;
    }
    int fd = rim__net_duplicate(io, options->adopted);
    if (fd < 0) {
        return fd;
    }
    int error = rim__net_names(io, fd, bound, NULL);
    if (error == 0) {
        error = rim__net_tune(io, fd, &options->socket, NULL);
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
    if (options->adopt) {
        return adopt_listener(io, options, bound);
    }
    if (!rim__address_is_valid(address)) {
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
    if (!rim__address_is_valid(peer)) {
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
    union rim__sockaddr name = {0};
    socklen_t length = sizeof name;
    if (local != NULL) {
        if (getsockname(fd, &name.any, &length) != 0) {
            return -errno;
        }
        rim__address_from_sockaddr(&name, local);
    }
    name = (union rim__sockaddr){0};
    length = sizeof name;
    if (peer != NULL) {
        if (getpeername(fd, &name.any, &length) != 0) {
            return -errno;
        }
        rim__address_from_sockaddr(&name, peer);
    }
    return 0;
}

int rim__net_credentials(struct rim__io *io, int fd, rim_credentials *out) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    (void)io;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
        return -errno;
    }
    *out = (rim_credentials){.pid = peer.pid, .uid = peer.uid, .gid = peer.gid};
    return 0;
}

/* As send, past the C library: with several threads that is a point of cancellation, at the price of two atomic
   operations. */
int32_t rim__net_send_now(struct rim__io *io, int fd, const struct iovec *pieces, uint32_t count) {
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    ssize_t sent;
    if (count == 1) {
        size_t length = pieces->iov_len < INT32_MAX ? pieces->iov_len : INT32_MAX; /* a short send, as any */
        sent = syscall(SYS_sendto, fd, pieces->iov_base, length, flags, NULL, 0);
    } else {
        const struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = count};
        sent = sendmsg(fd, &message, flags);
    }
    if (sent < 0) {
        return -errno;
    }
    io->bytes_out += (uint64_t)sent;
    return (int32_t)sent;
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
