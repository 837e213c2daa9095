/* SPDX-License-Identifier: MIT */
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS = 256,
    TICK_MS = 50,         /* how soon a stop is seen where nothing arrives */
    PATIENCE_TICKS = 100, /* ticks without a single reply after which the rest is given up */
};

static int watch(struct worker *worker, struct connection *connection) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    return epoll_ctl(worker->poller, EPOLL_CTL_ADD, connection->fd, &event) < 0 ? -errno : 0;
}

int worker_open(struct worker *worker, uint32_t count, const struct addrinfo *address) {
    worker->poller = epoll_create1(EPOLL_CLOEXEC);
    worker->connections = calloc(count, sizeof *worker->connections);
    int error = worker->poller < 0 ? -errno : worker->connections == NULL ? -ENOMEM : 0;
    for (uint32_t i = 0; i < count && error == 0; i++) {
        error = connection_open(&worker->connections[i], &worker->load, address);
        if (error == 0) {
            worker->count++;
            error = watch(worker, &worker->connections[i]);
        }
    }
    if (error != 0) {
        worker_close(worker);
    }
    return error;
}

void worker_close(struct worker *worker) {
    for (uint32_t i = 0; i < worker->count; i++) {
        connection_close(&worker->connections[i]);
    }
    free(worker->connections);
    if (worker->poller >= 0) {
        close(worker->poller);
    }
    worker->connections = NULL;
    worker->count = 0;
    worker->poller = -1;
}

/* Asks for EPOLLOUT only while bytes are left. `armed` is what the poller was asked for so far. */
static void push(struct worker *worker, struct connection *connection, bool armed) {
    bool left = connection_send(connection, &worker->load);
    if (left != armed && connection->fd >= 0) {
        struct epoll_event event = {.events = left ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = connection};
        epoll_ctl(worker->poller, EPOLL_CTL_MOD, connection->fd, &event);
    }
}

static void react(struct worker *worker, const struct epoll_event *event) {
    struct connection *connection = event->data.ptr;
    bool armed = connection->out_size > 0;
    if (event->events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
        connection_receive(connection, &worker->load);
    }
    if (connection->fd >= 0) {
        push(worker, connection, armed);
    }
}

/* Nothing is under way, and nothing new will be. */
static bool is_over(const struct worker *worker) {
    bool any = false;
    for (uint32_t i = 0; i < worker->count; i++) {
        if (worker->connections[i].waiting > 0) {
            return false;
        }
        any = any || worker->connections[i].fd >= 0;
    }
    return worker->load.stopped || !any;
}

static void give_up(struct worker *worker) {
    for (uint32_t i = 0; i < worker->count; i++) {
        if (worker->connections[i].waiting > 0) {
            connection_lose(&worker->connections[i], &worker->load, "the server left requests without a reply");
        }
    }
}

void worker_run(struct worker *worker) {
    struct epoll_event events[EVENTS];
    uint32_t silent = 0;
    for (uint32_t i = 0; i < worker->count; i++) {
        push(worker, &worker->connections[i], false);
    }
    for (bool over = false; !over;) {
        uint64_t errors = worker->load.errors;
        int count = epoll_wait(worker->poller, events, EVENTS, TICK_MS);
        for (int i = 0; i < count; i++) {
            react(worker, &events[i]);
        }
        silent = count > 0 ? 0 : silent + 1;
        worker->load.stopped = worker->load.stopped || atomic_load_explicit(&worker->stop, memory_order_relaxed);
        if (silent == PATIENCE_TICKS) {
            give_up(worker);
        }
        over = (worker->load.stopped || worker->load.errors != errors) && is_over(worker);
    }
}
