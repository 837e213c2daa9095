/* SPDX-License-Identifier: MIT */
/*
 * echo_epoll - an echo on bare epoll, level-triggered: for each event one receive, and one send of what came. What does
 * not fit is kept, and nothing more is received until it is out.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

enum { EVENTS = 128 };

struct connection {
    int fd;
    size_t start, end; /* of what waits in bytes */
    char *bytes;       /* NULL: nothing does */
};

static char shared[PEER_BUFFER];

static void watch(int epoll_fd, struct connection *connection, int what, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(epoll_fd, what, connection->fd, &event) != 0) {
        peer_fail("epoll_ctl", errno);
    }
}

static void drop(struct connection *connection) {
    close(connection->fd);
    free(connection->bytes);
    free(connection);
}

static void accept_one(int epoll_fd, int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct connection *connection = fd >= 0 ? calloc(1, sizeof *connection) : NULL;
    if (connection == NULL) {
        return;
    }
    connection->fd = fd;
    peer_tune(fd);
    watch(epoll_fd, connection, EPOLL_CTL_ADD, EPOLLIN);
}

/* Bytes that are out, or -1. */
static ssize_t send_some(int fd, const char *bytes, size_t size) {
    ssize_t count = send(fd, bytes, size, MSG_NOSIGNAL);
    return count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : count;
}

static void keep(int epoll_fd, struct connection *connection, const char *bytes, size_t size) {
    connection->bytes = malloc(PEER_BUFFER);
    if (connection->bytes == NULL) {
        peer_fail("malloc", ENOMEM);
    }
    memcpy(connection->bytes, bytes, size);
    connection->start = 0;
    connection->end = size;
    watch(epoll_fd, connection, EPOLL_CTL_MOD, EPOLLOUT);
}

static void readable(int epoll_fd, struct connection *connection) {
    ssize_t count = recv(connection->fd, shared, sizeof shared, 0);
    if (count <= 0) {
        if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
            drop(connection);
        }
        return;
    }
    ssize_t sent = send_some(connection->fd, shared, (size_t)count);
    if (sent < 0) {
        drop(connection);
    } else if (sent < count) {
        keep(epoll_fd, connection, shared + sent, (size_t)(count - sent));
    }
}

static void writable(int epoll_fd, struct connection *connection) {
    ssize_t sent =
        send_some(connection->fd, connection->bytes + connection->start, connection->end - connection->start);
    if (sent < 0) {
        drop(connection);
        return;
    }
    connection->start += (size_t)sent;
    if (connection->start == connection->end) {
        free(connection->bytes);
        connection->bytes = NULL;
        watch(epoll_fd, connection, EPOLL_CTL_MOD, EPOLLIN);
    }
}

int main(int argc, char **argv) {
    int listener = peer_listen(peer_port(argc, argv));
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[EVENTS] = {{.events = EPOLLIN, .data.ptr = NULL}};
    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &events[0]) != 0) {
        peer_fail("epoll", errno);
    }
    for (;;) {
        int count = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection == NULL) {
                accept_one(epoll_fd, listener);
            } else if (connection->bytes != NULL) {
                writable(epoll_fd, connection);
            } else {
                readable(epoll_fd, connection);
            }
        }
    }
}
