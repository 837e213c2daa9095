/* SPDX-License-Identifier: MIT */
#include "io/patience.h"

#include <errno.h>

#include "io/socket.h"

/* Not the tick's: after a long sleep that is from before it. */
static uint64_t now_of(const struct rim__socket *socket) {
    struct rim__driver *driver = rim__socket_shard(socket)->driver;
    return driver->ops->now(driver);
}

static uint64_t later(uint64_t from_ns, uint64_t by_ns) {
    return by_ns > UINT64_MAX - from_ns ? UINT64_MAX : from_ns + by_ns;
}

static uint64_t sooner(uint64_t one_ns, uint64_t other_ns) {
    return one_ns < other_ns ? one_ns : other_ns;
}

/* When the first time-out is over, as far as is known now. One that does not count now begins now at the earliest. */
static uint64_t due(const struct rim__socket *socket, uint64_t now_ns) {
    const rim_socket_options *options = socket->options;
    const struct rim__patience *patience = socket->patience;
    const struct rim__op *receive = &socket->input.op;
    bool listens = socket->state == RIM_SOCKET_IS_OPEN && receive->in_flight && !receive->cancelling;
    uint64_t due_ns = UINT64_MAX;
    if (options->idle_ns != 0) {
        uint64_t last_ns = patience->heard_ns > patience->left_ns ? patience->heard_ns : patience->left_ns;
        due_ns = sooner(due_ns, later(last_ns, options->idle_ns));
    }
    if (options->read_ns != 0) {
        due_ns = sooner(due_ns, later(listens ? patience->heard_ns : now_ns, options->read_ns));
    }
    if (options->write_ns != 0) {
        bool waits = socket->output.out.bytes > 0;
        due_ns = sooner(due_ns, later(waits ? patience->left_ns : now_ns, options->write_ns));
    }
    return due_ns;
}

static void look(struct rim__shard *shard, struct rim__timer *timer) {
    struct rim__socket *socket = rim__container_of(timer, struct rim__patience, timer)->socket;
    uint64_t now_ns = now_of(socket);
    uint64_t due_ns = due(socket, now_ns);
    if (due_ns > now_ns) {
        rim__timer_arm(&shard->timers, timer, due_ns);
        return;
    }
    rim__socket_lose(socket, -ETIMEDOUT);
    rim__socket_settle(socket);
}

static struct rim__memory *memory_of(const struct rim__socket *socket) {
    return &rim__socket_shard(socket)->memory;
}

int rim__patience_start(struct rim__socket *socket) {
    const rim_socket_options *options = socket->options;
    bool is_timed = (options->idle_ns | options->read_ns | options->write_ns) != 0;
    if (!is_timed || socket->state > RIM_SOCKET_IS_FLUSHING) {
        rim__patience_finish(socket);
        return 0;
    }
    if (socket->patience == NULL) {
        socket->patience = rim__memory_alloc(memory_of(socket), sizeof *socket->patience);
        if (socket->patience == NULL) {
            return -ENOMEM;
        }
        *socket->patience = (struct rim__patience){.timer = {.fire = look}, .socket = socket};
    }
    rim__patience_stop(socket);
    uint64_t now_ns = now_of(socket);
    socket->patience->heard_ns = now_ns;
    socket->patience->left_ns = now_ns;
    rim__timer_arm(&rim__socket_shard(socket)->timers, &socket->patience->timer, due(socket, now_ns));
    return 0;
}

void rim__patience_stop(struct rim__socket *socket) {
    if (socket->patience != NULL) {
        rim__timer_disarm(&rim__socket_shard(socket)->timers, &socket->patience->timer);
    }
}

void rim__patience_finish(struct rim__socket *socket) {
    rim__patience_stop(socket);
    if (socket->patience != NULL) {
        rim__memory_free(memory_of(socket), socket->patience, sizeof *socket->patience);
        socket->patience = NULL;
    }
}

void rim__patience_note_heard(struct rim__socket *socket) {
    socket->patience->heard_ns = now_of(socket);
}

void rim__patience_note_left(struct rim__socket *socket) {
    socket->patience->left_ns = now_of(socket);
}
