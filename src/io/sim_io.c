/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/address.h"
#include "io/driver_sim.h"
#include "io/lookup.h"
#include "io/passing.h"
#include "io/sim_datagram.h"
#include "io/sim_file.h"
#include "io/sim_process.h"
#include "io/sim_stream.h"
#include "io/sim_tls.h"
#include "io/sim_world.h"
#include "ringmail/poll.h"

static struct rim__sim_shard *of(struct rim__io *io) {
    return rim__container_of(io, struct rim__sim_shard, io);
}

static struct rim__sim_socket *find(struct rim__io *io, int fd) {
    return rim__sim_net_find(&of(io)->sim->net, fd);
}

/* ---- what an operation does ---- */

void rim__sim_io_begin(struct rim__sim_flight *flight) {
    if (flight->kind == RIM_OP_CONNECT) {
        rim__sim_net_connect(&flight->owner->sim->net, flight->socket, flight->op);
    }
}

void rim__sim_io_abandon(struct rim__sim_flight *flight) {
    if (flight->kind == RIM_OP_CONNECT && flight->socket->conn != NULL) {
        rim__sim_net_give_up(flight->socket->conn, -ECANCELED);
    }
}

static bool finish_with(struct rim__completion *out, int32_t result) {
    *out = (struct rim__completion){.result = result};
    return true;
}

static bool perform_connect(struct rim__sim_flight *flight, struct rim__completion *out) {
    struct rim__sim_conn *conn = flight->socket->conn;
    if (!conn->is_connected) {
        return false;
    }
    if (conn->connect_result == 0) {
        flight->socket->kind = RIM_SIM_STREAM;
    }
    return finish_with(out, conn->connect_result);
}

/* A failed accept: the connection is lost, or it stays where it is. */
static bool fail_accept(struct rim__sim_flight *flight, struct rim__completion *out) {
    if (rim__random_below(&flight->owner->sim->random, 2) == 0) {
        return finish_with(out, -EMFILE);
    }
    rim__sim_stream_close(rim__sim_net_next(flight->socket), 1, true);
    return finish_with(out, -ECONNABORTED);
}

static bool perform_accept(struct rim__sim_flight *flight, struct rim__completion *out) {
    struct rim__sim *sim = flight->owner->sim;
    struct rim__sim_socket *listener = flight->socket;
    if (listener->kind != RIM_SIM_LISTENER || listener->deaf) {
        return finish_with(out, -EINVAL);
    }
    if (listener->pending == NULL) {
        return flight->op->nowait && finish_with(out, -EAGAIN);
    }
    if (rim__sim_strikes(sim, RIM_FAULT_accept_error)) {
        return fail_accept(flight, out);
    }
    struct rim__sim_socket *accepted = rim__sim_net_open(&sim->net, RIM_SIM_STREAM);
    if (accepted == NULL) {
        return finish_with(out, -EMFILE);
    }
    accepted->conn = rim__sim_net_next(listener);
    accepted->side = 1;
    accepted->conn->end[1].socket = accepted;
    flight->owner->io.descriptors++;
    out->result = accepted->fd;
    out->more = !flight->op->once && !rim__sim_strikes(sim, RIM_FAULT_drop_more);
    return true;
}

/* Bytes of this many that one operation moves. */
static size_t shorten(struct rim__sim *sim, enum rim__sim_fault fault, size_t size) {
    return size > 1 && rim__sim_strikes(sim, fault) ? (size_t)rim__sim_between(sim, 1, size - 1) : size;
}

/* Bytes, and the descriptors that came with the first of them: as many as there is room for. */
static void receive_with(struct rim__sim_flight *flight, struct rim__completion *out) {
    struct rim__sim *sim = flight->owner->sim;
    struct rim__sim_socket *socket = flight->socket;
    uint32_t room = flight->op->message.room;
    int descriptors[RIM_PASSING_MAX];
    size_t size = rim__sim_stream_batch(socket->conn, socket->side);
    size = size < flight->op->message.size ? size : flight->op->message.size;
    size = shorten(sim, RIM_FAULT_short_read, size);
    uint32_t count = rim__sim_stream_unpack(socket->conn, socket->side, size, descriptors);
    uint32_t max = (uint32_t)((room - RIM_OP_ROOM_MIN - CMSG_LEN(0)) / sizeof(int));
    max = max < count ? max : count;
    rim__passing_close(descriptors + max, count - max);
    out->body = rim__sim_pool_take(&flight->owner->pool, room + (uint32_t)size);
    char *start = out->body->data;
    flight->receipt = (struct rim__receipt){.bytes = start + room, .result = (int32_t)size, .is_cut = max < count};
    if (max > 0) {
        struct cmsghdr *rights = (struct cmsghdr *)(void *)(start + RIM_OP_ROOM_MIN);
        rim__passing_head(rights, max);
        memcpy(CMSG_DATA(rights), descriptors, max * sizeof(int));
        flight->receipt.rights = rights;
    }
    rim__sim_stream_take(socket->conn, socket->side, start + room, size);
    out->receipt = &flight->receipt;
    out->result = (int32_t)size;
    out->more = !rim__sim_strikes(sim, RIM_FAULT_drop_more);
}

static bool receive(struct rim__sim_flight *flight, size_t arrived, struct rim__completion *out) {
    struct rim__sim *sim = flight->owner->sim;
    struct rim__sim_pool *pool = &flight->owner->pool;
    struct rim__sim_socket *socket = flight->socket;
    if (!socket->is_pipe && rim__sim_strikes(sim, RIM_FAULT_reset)) {
        rim__sim_stream_break(socket->conn, socket->side);
        return finish_with(out, rim__sim_stream_error(&socket->conn->end[socket->side], 0));
    }
    if (rim__sim_pool_is_empty(pool) || rim__sim_strikes(sim, RIM_FAULT_no_buffers)) {
        return finish_with(out, -ENOBUFS);
    }
    if (flight->kind == RIM_OP_RECV_MSG) {
        receive_with(flight, out);
        return true;
    }
    size_t size = arrived < pool->bytes ? arrived : pool->bytes;
    size = shorten(sim, RIM_FAULT_short_read, size);
    out->body = rim__sim_pool_take(pool, (uint32_t)size);
    rim__sim_stream_take(socket->conn, socket->side, out->body->data, size);
    out->result = (int32_t)size;
    out->more = !rim__sim_strikes(sim, RIM_FAULT_drop_more);
    return true;
}

static bool perform_recv(struct rim__sim_flight *flight, struct rim__completion *out) {
    struct rim__sim_socket *socket = flight->socket;
    if (socket->kind != RIM_SIM_STREAM) {
        return finish_with(out, -ENOTCONN);
    }
    flight->starved = flight->starved && rim__sim_pool_is_empty(&flight->owner->pool);
    if (flight->starved) {
        return false;
    }
    size_t arrived = rim__sim_stream_arrived(socket->conn, socket->side);
    if (arrived > 0) {
        return receive(flight, arrived, out);
    }
    if (!rim__sim_stream_is_over(socket->conn, socket->side)) {
        return false;
    }
    return finish_with(out, rim__sim_stream_error(&socket->conn->end[socket->side], 0));
}

static bool perform_recv_msg(struct rim__sim_flight *flight, struct rim__completion *out) {
    if (flight->op->message.is_stream) {
        return perform_recv(flight, out);
    }
    struct rim__sim_datagram *datagram = flight->socket->datagram;
    struct rim__sim *sim = flight->owner->sim;
    struct rim__sim_pool *pool = &flight->owner->pool;
    flight->starved = flight->starved && rim__sim_pool_is_empty(pool);
    if (flight->starved || !rim__sim_datagram_is_ready(datagram)) {
        return false;
    }
    int error = rim__sim_datagram_error(datagram);
    if (error != 0) {
        return finish_with(out, error);
    }
    if (rim__sim_pool_is_empty(pool) || rim__sim_strikes(sim, RIM_FAULT_no_buffers)) {
        return finish_with(out, -ENOBUFS);
    }
    uint32_t room = flight->op->message.room;
    size_t size = rim__sim_datagram_first_size(datagram);
    size = size < flight->op->message.size ? size : flight->op->message.size;
    out->body = rim__sim_pool_take(pool, room + (uint32_t)size);
    flight->receipt = (struct rim__receipt){.bytes = (char *)out->body->data + room, .size = size};
    rim__sim_datagram_receive(datagram, &flight->receipt);
    out->receipt = &flight->receipt;
    out->result = flight->receipt.result;
    out->more = size > 0 && !rim__sim_strikes(sim, RIM_FAULT_drop_more); /* an empty one ends it, as with io_uring */
    return true;
}

static size_t size_of(const struct rim__op *op) {
    size_t size = 0;
    for (uint32_t i = 0; i < op->send.iov_count; i++) {
        size += op->send.iov[i].iov_len;
    }
    return size;
}

static bool perform_send(struct rim__sim_flight *flight, struct rim__completion *out) {
    struct rim__sim *sim = flight->owner->sim;
    struct rim__sim_socket *socket = flight->socket;
    bool is_zero_copy = flight->op->send.zero_copy;
    if (socket->kind != RIM_SIM_STREAM) {
        return finish_with(out, -ENOTCONN);
    }
    struct rim__sim_end *end = &socket->conn->end[socket->side];
    if (end->broken || end->finished) {
        int error = rim__sim_stream_error(end, -EPIPE);
        return finish_with(out, socket->is_pipe ? -EPIPE : error);
    }
    size_t size = size_of(flight->op);
    size_t room = rim__sim_stream_room(socket->conn, socket->side);
    room = socket->keys != NULL ? rim__sim_tls_room(room) : room;
    if (size > 0 && room == 0) {
        return false;
    }
    if (is_zero_copy && rim__sim_strikes(sim, RIM_FAULT_no_buffers)) {
        *out = (struct rim__completion){.result = -ENOBUFS, .more = true}; /* there is a notice of an error, too */
        return true;
    }
    if (!socket->is_pipe && rim__sim_strikes(sim, RIM_FAULT_reset)) {
        rim__sim_stream_break(socket->conn, socket->side);
        return finish_with(out, rim__sim_stream_error(end, -EPIPE));
    }
    size = shorten(sim, RIM_FAULT_short_write, size < room ? size : room);
    if (socket->keys != NULL) {
        rim__sim_tls_put(socket, flight->op, size);
    } else {
        rim__sim_stream_put(socket->conn, socket->side, flight->op, size);
    }
    *out = (struct rim__completion){.result = (int32_t)size, .more = is_zero_copy};
    return true;
}

static bool perform_ready(struct rim__sim_flight *flight, struct rim__completion *out) {
    const struct rim__sim_socket *socket = flight->socket;
    uint32_t events = 0;
    if (socket->kind == RIM_SIM_DATAGRAM) {
        events = rim__sim_datagram_is_ready(socket->datagram) ? RIM_POLL_READ : 0;
    } else if (socket->kind == RIM_SIM_THING) {
        events = rim__sim_outside_ready(&flight->owner->sim->net, socket, flight->op->ready.events);
    }
    return events != 0 && finish_with(out, (int32_t)events);
}

/* A connect goes on by itself, and what a socket is ready for is asked without waiting. */
static bool is_interrupted(struct rim__sim_flight *flight) {
    return flight->kind != RIM_OP_CONNECT && flight->kind != RIM_OP_READY &&
           rim__sim_strikes(flight->owner->sim, RIM_FAULT_interrupted);
}

bool rim__sim_io_perform(struct rim__sim_flight *flight, struct rim__completion *out) {
    if (is_interrupted(flight)) {
        bool has_notice = flight->kind == RIM_OP_SEND && flight->op->send.zero_copy; /* of an error, too */
        *out = (struct rim__completion){.result = -EINTR, .more = has_notice};
        return true;
    }
    switch (flight->kind) {
    case RIM_OP_ACCEPT:
        return perform_accept(flight, out);
    case RIM_OP_RECV:
        return perform_recv(flight, out);
    case RIM_OP_SEND:
        return perform_send(flight, out);
    case RIM_OP_READY:
        return perform_ready(flight, out);
    case RIM_OP_RECV_MSG:
        return perform_recv_msg(flight, out);
    case RIM_OP_CONNECT:
        return perform_connect(flight, out);
    case RIM_OP_FILE: /* sim_file.c */
    case RIM_OP_MAP:
        break;
    }
    rim__unreachable("kind of operation");
}

/* ---- the table ---- */

static int submit(struct rim__io *io, struct rim__op *op) {
    if (op->kind == RIM_OP_FILE || op->kind == RIM_OP_MAP) {
        rim__sim_file_submit(of(io), op);
        return 0;
    }
    struct rim__sim_socket *socket = find(io, op->fd);
    rim__assert(socket != NULL); /* it was closed before: the number may be a stranger's by now */
    rim__sim_flight_submit(of(io), socket, op);
    return 0;
}

/* What is done to a file is not cancelled, but done. */
static void cancel(struct rim__io *io, struct rim__op *op) {
    if (op->kind == RIM_OP_FILE || op->kind == RIM_OP_MAP) {
        op->cancelling = true;
        return;
    }
    rim__sim_flight_cancel(of(io), op);
}

static int count_in(struct rim__io *io, int fd) {
    io->descriptors += fd >= 0;
    return fd;
}

static int listen_on(struct rim__io *io, const rim_address *address, const rim_listen_options *options,
                     rim_address *bound) {
    if (options->adopt) {
        return -EOPNOTSUPP; /* there are no other processes */
    }
    return count_in(io, rim__sim_net_listen(&of(io)->sim->net, address, options, bound));
}

static int open_socket(struct rim__io *io, const rim_address *peer) {
    if (!rim__address_is_valid(peer)) {
        return -EINVAL;
    }
    struct rim__sim_socket *socket = rim__sim_net_open(&of(io)->sim->net, RIM_SIM_FRESH);
    if (socket == NULL) {
        return -EMFILE;
    }
    io->descriptors++;
    return socket->fd;
}

static int duplicate(struct rim__io *io, int fd) {
    (void)io;
    (void)fd;
    return -EOPNOTSUPP;
}

static void unname(struct rim__io *io, const rim_address *bound, bool is_datagram) {
    (void)is_datagram;
    (void)io;
    (void)bound; /* the name has gone with the socket */
}

/* The simulated world is one process: this one. */
static int credentials(struct rim__io *io, int fd, rim_credentials *out) {
    *out = (rim_credentials){.pid = getpid(), .uid = getuid(), .gid = getgid()};
    return find(io, fd) != NULL ? 0 : -EBADF;
}

static int seal(struct rim__io *io, int fd, const struct rim__tls_keys *keys) {
    return rim__sim_tls_begin(find(io, fd), keys);
}

static void say_end(struct rim__io *io, int fd) {
    rim__sim_tls_end(find(io, fd));
}

static int names(struct rim__io *io, int fd, rim_address *local, rim_address *peer) {
    const struct rim__sim_socket *socket = find(io, fd);
    if (socket == NULL) {
        return -EBADF;
    }
    bool is_stream = socket->kind == RIM_SIM_STREAM;
    bool has_peer = is_stream && !socket->conn->end[socket->side].broken;
    if (local != NULL) {
        *local = is_stream ? socket->conn->end[socket->side].local : socket->local;
    }
    if (peer != NULL && !has_peer) {
        return -ENOTCONN;
    }
    if (peer != NULL) {
        *peer = socket->conn->end[!socket->side].local;
    }
    return 0;
}

static int tune(struct rim__io *io, int fd, const rim_socket_options *options, const rim_socket_options *before) {
    (void)options;
    (void)before;
    return find(io, fd) != NULL ? 0 : -EBADF;
}

static int shut_stream(struct rim__sim_socket *socket, int how) {
    struct rim__sim_end *end = &socket->conn->end[socket->side];
    if (end->broken) {
        return -ENOTCONN;
    }
    if (how != SHUT_WR) {
        end->deaf = true;
        rim__sim_flight_kick(socket->flights[RIM_OP_RECV]);
        rim__sim_flight_kick(socket->flights[RIM_OP_RECV_MSG]);
    }
    if (how != SHUT_RD) {
        rim__sim_stream_end(socket->conn, socket->side);
    }
    return 0;
}

static int shut(struct rim__io *io, int fd, int how) {
    struct rim__sim_socket *socket = find(io, fd);
    if (socket == NULL) {
        return -EBADF;
    }
    switch (socket->kind) {
    case RIM_SIM_FRESH:
    case RIM_SIM_DATAGRAM:
    case RIM_SIM_THING:
        return -ENOTCONN;
    case RIM_SIM_CONNECTING:
        if (socket->conn->is_connected && socket->conn->connect_result != 0) {
            return -ENOTCONN;
        }
        rim__sim_net_give_up(socket->conn, -ECONNABORTED);
        return 0;
    case RIM_SIM_STREAM:
        return shut_stream(socket, how);
    case RIM_SIM_LISTENER:
        if (how != SHUT_WR) {
            rim__sim_net_deafen(socket);
        }
        return 0;
    }
    rim__unreachable("kind of socket");
}

static void close_socket(struct rim__io *io, int fd, bool reset) {
    if (fd >= RIM_SIM_FIRST_FILE) {
        rim__sim_file_close(&of(io)->sim->files, fd);
        io->descriptors--;
        return;
    }
    struct rim__sim_socket *socket = find(io, fd);
    rim__assert(socket != NULL); /* closed twice */
    rim__sim_net_close(&of(io)->sim->net, socket, reset);
    io->descriptors--; /* may wrap: accepted on one shard, closed on another */
}

static int open_datagram(struct rim__io *io, const struct rim__datagram_plan *plan, rim_address *bound) {
    return count_in(io, rim__sim_datagram_open(&of(io)->sim->net, plan, bound));
}

static int send_to(struct rim__io *io, int fd, const rim_address *to, struct iovec bytes) {
    const rim_datagram_letter letter = {.to = to, .bytes = bytes.iov_base, .size = bytes.iov_len};
    return rim__sim_datagram_send(&of(io)->sim->net, find(io, fd)->datagram, &letter);
}

static int send_letters(struct rim__io *io, int fd, const rim_datagram_letter *letters, uint32_t count) {
    struct rim__sim_datagram *datagram = find(io, fd)->datagram;
    for (uint32_t i = 0; i < count; i++) {
        rim__assert(letters[i].segment == 0);
        int error = rim__sim_datagram_send(&of(io)->sim->net, datagram, &letters[i]);
        if (error != 0) {
            return i > 0 ? (int)i : error;
        }
    }
    return (int)count;
}

/* Nothing would be saved here. */
static bool segments(struct rim__io *io, int fd) {
    (void)io;
    (void)fd;
    return false;
}

static void receive_from(struct rim__io *io, int fd, struct rim__receipt *receipt) {
    rim__sim_datagram_receive(find(io, fd)->datagram, receipt);
}

static bool next_error(struct rim__io *io, int fd, struct rim__receipt *receipt) {
    return rim__sim_datagram_next_error(find(io, fd)->datagram, receipt);
}

static int member(struct rim__io *io, int fd, const struct rim__membership *membership) {
    return rim__sim_datagram_member(find(io, fd)->datagram, membership);
}

static bool has_buffers(struct rim__io *io) {
    const struct rim__sim_pool *pool = &of(io)->pool;
    return pool->count - pool->out >= pool->count / RIM_IO_BUFFERS_LOW;
}

static int make_pipe(struct rim__io *io, int ends[2]) {
    int result = rim__sim_outside_pipe(&of(io)->sim->net, ends);
    io->descriptors += result == 0 ? 2 : 0;
    return result;
}

static int open_pipe(struct rim__io *io, struct rim__pipe_plan *plan) {
    plan->flags = -1;
    struct rim__sim_child *child = rim__sim_process_current(io);
    if (child != NULL && plan->is_standard) {
        return count_in(io, rim__sim_process_stream(child, plan->fd));
    }
    return count_in(io, rim__sim_outside_open_pipe(&of(io)->sim->net, plan, false));
}

static int share(struct rim__io *io, int fd) {
    return count_in(io, rim__sim_outside_share(&of(io)->sim->net, fd));
}

static int signals(struct rim__io *io, uint64_t mask) {
    return count_in(io, rim__sim_outside_signals(&of(io)->sim->net, mask));
}

static int fetch_signal(struct rim__io *io, int fd, rim_signal_event *event) {
    return rim__sim_outside_fetch_signal(&of(io)->sim->net, find(io, fd), event);
}

const struct rim__io_ops rim__sim_io_ops = {
    .submit = submit,
    .cancel = cancel,
    .fetch = RIM_FETCH_IN_PIECES,
    .has_buffers = has_buffers,
    .listen = listen_on,
    .socket = open_socket,
    .names = names,
    .seal = seal,
    .say_end = say_end,
    .unname = unname,
    .duplicate = duplicate,
    .datagram = open_datagram,
    .send_to = send_to,
    .send_letters = send_letters,
    .segments = segments,
    .receive_from = receive_from,
    .next_error = next_error,
    .member = member,
    .pipe = make_pipe,
    .open_pipe = open_pipe,
    .spawn = rim__sim_process_spawn,
    .signal_child = rim__sim_process_signal,
    .reap = rim__sim_process_reap,
    .share = share,
    .signals = signals,
    .fetch_signal = fetch_signal,
    .credentials = credentials,
    .tune = tune,
    .resolve = rim__lookup_simulated,
    .send_file = rim__sim_send_file,
    .shutdown = shut,
    .close = close_socket,
};
