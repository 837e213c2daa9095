/* SPDX-License-Identifier: MIT */
/*
 * Why no edge is missed. A side is marked blocked after a call that would have blocked, and watched from then on at the
 * latest. What comes up before the watching begins is reported as its first event; what comes up after that call is an
 * edge of its own, which a later epoll_wait reports, and takes the mark away. So whoever finds the mark may wait.
 *
 * A receive that did not fill its buffer found the socket empty, and what comes later is an edge again: the call that
 * would only say EAGAIN is saved. That does not hold once an end, an error or urgent data was seen, for which the edge
 * has been: `over`. Nor does EAGAIN always mean then what it says: see is_hasty.
 */
#define _GNU_SOURCE
#include "io/epoll_ops.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/address.h"
#include "io/epoll_files.h"
#include "io/epoll_message.h"
#include "io/file_job.h"
#include "io/map_job.h"
#include "io/outside.h"
#include "ringmail/error.h"

#define READS_MAX   4u  /* of one descriptor before others get their turn */
#define ACCEPTS_MAX 32u /* the same */
#define BATCH_BYTES 131072u
#define IN_EVENTS   ((uint32_t)(EPOLLIN | EPOLLRDHUP | EPOLLPRI))
#define OUT_EVENTS  ((uint32_t)EPOLLOUT)
#define BAD_EVENTS  ((uint32_t)(EPOLLERR | EPOLLHUP))

/* ---- lists of sides ---- */

static void insert_after(struct rim__epoll_list *list, struct rim__epoll_side *at, struct rim__epoll_side *side) {
    rim__assert(side->list == NULL);
    side->list = list;
    side->previous = at;
    side->next = at != NULL ? at->next : list->first;
    *(at != NULL ? &at->next : &list->first) = side;
    *(side->next != NULL ? &side->next->previous : &list->last) = side;
    list->count++;
}

static void append(struct rim__epoll_list *list, struct rim__epoll_side *side) {
    insert_after(list, list->last, side);
}

static void unlist(struct rim__epoll_side *side) {
    struct rim__epoll_list *list = side->list;
    if (list == NULL) {
        return;
    }
    *(side->previous != NULL ? &side->previous->next : &list->first) = side->next;
    *(side->next != NULL ? &side->next->previous : &list->last) = side->previous;
    list->count--;
    side->list = NULL;
    side->next = NULL;
    side->previous = NULL;
}

static void move(struct rim__epoll_list *list, struct rim__epoll_side *side) {
    unlist(side);
    append(list, side);
}

/* ---- submitting and cancelling ---- */

static bool is_incoming(const struct rim__op *op) {
    switch (op->kind) {
    case RIM_OP_ACCEPT:
    case RIM_OP_RECV:
    case RIM_OP_RECV_MSG:
    case RIM_OP_READY:
        return true;
    default:
        return false;
    }
}

static struct rim__epoll_side *side_of(const struct rim__epoll *epoll, const struct rim__op *op) {
    struct rim__epoll_file *file = rim__epoll_files_find(epoll, op->fd);
    return is_incoming(op) ? &file->in : &file->out;
}

/* The side is to be tried. */
static void become_due(struct rim__epoll *epoll, struct rim__epoll_side *side) {
    move(is_incoming(side->op) ? &epoll->due : &epoll->sends, side);
    epoll->driver.is_due = true;
}

/* Whatever is known of the descriptor. */
static bool is_asked_anew(const struct rim__op *op) {
    return op->kind == RIM_OP_READY || (op->kind == RIM_OP_ACCEPT && op->nowait);
}

int rim__epoll_ops_submit(struct rim__io *io, struct rim__op *op) {
    struct rim__epoll *epoll = rim__epoll_of_io(io);
    if (rim__unlikely(!rim__epoll_is_ours(epoll))) {
        rim__epoll_refuse_child(epoll);
    }
    rim__assert(!op->in_flight);
    rim__assert(op->kind != RIM_OP_SEND || (op->send.iov_count > 0 && op->send.iov_count <= RIM_OP_IOV_MAX));
    if (epoll->is_closing) {
        return -RIM_ESTOPPING;
    }
    if (op->kind == RIM_OP_FILE) {
        return rim__file_job_submit(io, op);
    }
    if (op->kind == RIM_OP_MAP) {
        return rim__map_job_submit(io, op);
    }
    bool receives = op->kind == RIM_OP_RECV || op->kind == RIM_OP_RECV_MSG;
    int error = receives ? rim__epoll_buffers_open(&epoll->buffers) : 0;
    error = error != 0 ? error : rim__epoll_files_ensure(epoll, op->fd);
    if (error != 0) {
        return error;
    }
    struct rim__epoll_side *side = side_of(epoll, op);
    rim__assert(side->op == NULL);
    side->op = op;
    op->in_flight = true;
    op->cancelling = false;
    io->operations_open++;
    if (receives && epoll->starved.count > 0) {
        append(&epoll->starved, side); /* behind those that have waited longer for a buffer */
    } else if (!side->blocked || is_asked_anew(op)) {
        become_due(epoll, side);
    }
    return 0;
}

void rim__epoll_ops_cancel(struct rim__io *io, struct rim__op *op) {
    struct rim__epoll *epoll = rim__epoll_of_io(io);
    rim__assert(op->in_flight);
    if (op->cancelling) {
        return;
    }
    op->cancelling = true;
    struct rim__epoll_side *side = side_of(epoll, op);
    rim__assert(side->op == op);
    move(&epoll->finished, side);
}

static void give_up(struct rim__epoll *epoll, struct rim__epoll_side *side) {
    rim__epoll_ops_cancel(&epoll->io, side->op);
}

void rim__epoll_ops_abandon(struct rim__epoll *epoll) {
    rim__epoll_files_each(epoll, give_up);
}

/* ---- ends ---- */

/* Ends the op if that was its last completion, and tells it; it may be gone, or submitted again, afterwards. */
static void tell(struct rim__epoll *epoll, struct rim__epoll_side *side, const struct rim__completion *completion) {
    struct rim__op *op = side->op;
    epoll->io.operations++;
    epoll->driver.completions++;
    if (!completion->more) {
        unlist(side);
        side->op = NULL;
        op->in_flight = false;
        op->cancelling = false;
        epoll->io.operations_open--;
    }
    op->done(op, completion);
}

static void end(struct rim__epoll *epoll, struct rim__epoll_side *side, int32_t result) {
    tell(epoll, side, &(struct rim__completion){.result = result});
}

void rim__epoll_ops_finish(struct rim__epoll *epoll) {
    for (uint32_t count = epoll->finished.count; count > 0; count--) {
        end(epoll, epoll->finished.first, -ECANCELED);
    }
}

/* ---- putting off ---- */

/* Into the list of deadlines, which is in order; most come at its end. */
static void watch_deadline(struct rim__epoll *epoll, struct rim__epoll_side *side) {
    struct rim__epoll_side *at = epoll->deadlines.last;
    while (at != NULL && at->op->connect.deadline_ns > side->op->connect.deadline_ns) {
        at = at->previous;
    }
    insert_after(&epoll->deadlines, at, side);
}

/* The side waits for an edge. */
static void block(struct rim__epoll *epoll, struct rim__epoll_side *side, uint32_t events) {
    int error = rim__epoll_files_watch(epoll, side->op->fd, events);
    if (error != 0) {
        end(epoll, side, error);
        return;
    }
    side->blocked = true;
    if (side->op->kind == RIM_OP_CONNECT && side->op->connect.deadline_ns != RIM_DRIVER_FOREVER) {
        watch_deadline(epoll, side);
    }
}

/* What a call that did not succeed means for the op. */
static void fail(struct rim__epoll *epoll, struct rim__epoll_side *side, uint32_t events) {
    int error = errno;
    if (error == EAGAIN) {
        block(epoll, side, events);
    } else if (error == EINTR) {
        become_due(epoll, side);
    } else {
        end(epoll, side, -error);
    }
}

static void unblock(struct rim__epoll *epoll, struct rim__epoll_side *side) {
    bool waits = side->op != NULL && (side->list == NULL || side->list == &epoll->deadlines);
    side->blocked = false;
    if (waits) {
        become_due(epoll, side);
    }
}

void rim__epoll_ops_react(struct rim__epoll *epoll, uint64_t name, uint32_t events) {
    struct rim__epoll_file *file = rim__epoll_files_named(epoll, name);
    if (file == NULL) {
        return;
    }
    if (events & (BAD_EVENTS | EPOLLRDHUP | EPOLLPRI)) {
        file->over = true;
    }
    bool waits_for_all = file->in.op != NULL && file->in.op->kind == RIM_OP_READY;
    if ((events & (BAD_EVENTS | IN_EVENTS)) || waits_for_all) {
        unblock(epoll, &file->in);
    }
    if (events & (BAD_EVENTS | OUT_EVENTS)) {
        unblock(epoll, &file->out);
    }
}

static void expire(struct rim__epoll *epoll) {
    if (epoll->deadlines.first == NULL) {
        return;
    }
    uint64_t now_ns = rim__clock_now(&epoll->clock);
    while (epoll->deadlines.first != NULL && epoll->deadlines.first->op->connect.deadline_ns <= now_ns) {
        end(epoll, epoll->deadlines.first, -ETIMEDOUT);
    }
}

void rim__epoll_ops_advance(struct rim__epoll *epoll) {
    for (uint32_t free = epoll->buffers.home_count; free > 0 && epoll->starved.first != NULL; free--) {
        become_due(epoll, epoll->starved.first);
    }
    expire(epoll);
}

/* ---- trying ---- */

static void try_accept(struct rim__epoll *epoll, struct rim__epoll_side *side) {
    const struct rim__op *op = side->op;
    for (uint32_t i = 0; i < ACCEPTS_MAX; i++) {
        epoll->driver.enters++;
        int fd = accept4(op->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && op->nowait) {
            end(epoll, side, -errno);
            return;
        }
        if (fd < 0) {
            fail(epoll, side, EPOLLIN);
            return;
        }
        epoll->io.descriptors++;
        bool once = op->once;
        tell(epoll, side, &(struct rim__completion){.result = fd, .more = !once});
        if (once || op->cancelling) {
            return;
        }
    }
    become_due(epoll, side);
}

/* As recv and send, past the C library: with several threads each of these is a point of cancellation there, at the
   price of two atomic operations. */
static ssize_t receive_now(int fd, void *bytes, size_t size) {
    return syscall(SYS_recvfrom, fd, bytes, size, MSG_DONTWAIT, NULL, NULL);
}

static ssize_t send_now(int fd, const void *bytes, size_t size) {
    return syscall(SYS_sendto, fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
}

/*
 * At the place of urgent data TCP says EAGAIN while a signal is about to be handled, whatever there is behind it; a
 * ring that is cleared away interrupts its thread in this way, too. No edge would come for what is there.
 */
static bool is_hasty(const struct rim__epoll *epoll, const struct rim__op *op, int error) {
    if (error != EAGAIN || op->is_plain || !rim__epoll_files_find(epoll, op->fd)->over) {
        return false;
    }
    struct pollfd readable = {.fd = op->fd, .events = POLLIN};
    return poll(&readable, 1, 0) == 1 && (readable.revents & POLLIN) != 0;
}

/* One receive. False: there is no more to be had now, and the side has been seen to. */
static bool receive(struct rim__epoll *epoll, struct rim__epoll_side *side) {
    const struct rim__op *op = side->op;
    struct rim__body *body = rim__epoll_buffers_take(&epoll->buffers);
    if (body == NULL) {
        append(&epoll->starved, side);
        return false;
    }
    epoll->driver.enters++;
    ssize_t count = op->is_plain ? read(op->fd, body->data, epoll->buffers.bytes)
                                 : receive_now(op->fd, body->data, epoll->buffers.bytes);
    int error = count < 0 ? errno : 0;
    if (count <= 0) {
        rim__epoll_buffers_put(&epoll->buffers, body);
    }
    if (count < 0) {
        errno = is_hasty(epoll, op, error) ? EINTR : error;
        fail(epoll, side, IN_EVENTS);
        return false;
    }
    if (count == 0) {
        end(epoll, side, 0);
        return false;
    }
    body->size = (uint32_t)count;
    epoll->io.bytes_in += (uint32_t)count;
    tell(epoll, side, &(struct rim__completion){.result = (int32_t)count, .more = true, .body = body});
    if (op->cancelling) {
        return false;
    }
    /* A terminal gives line by line. */
    if ((uint32_t)count < epoll->buffers.bytes && !op->is_plain && !rim__epoll_files_find(epoll, op->fd)->over) {
        block(epoll, side, IN_EVENTS);
        return false;
    }
    return true;
}

static void try_recv(struct rim__epoll *epoll, struct rim__epoll_side *side) {
    for (uint32_t i = 0; i < READS_MAX; i++) {
        if (!receive(epoll, side)) {
            return;
        }
    }
    become_due(epoll, side);
}

/*
 * Several at once, about twice as many as there were the last time. False: there is no more to be had now, and the side
 * has been seen to. What has come is told also when the op is cancelled meanwhile.
 */
static bool receive_messages(struct rim__epoll *epoll, struct rim__epoll_side *side) {
    struct rim__op *op = side->op;
    struct rim__epoll_batch batch;
    int count = rim__epoll_message_receive(epoll, op, &batch);
    if (count == 0) {
        append(&epoll->starved, side);
        return false;
    }
    if (count < 0) {
        if (!op->message.is_stream) { /* of a datagram socket all has been told by then */
            rim__epoll_files_find(epoll, op->fd)->over = false;
        }
        errno = -count;
        fail(epoll, side, IN_EVENTS);
        return false;
    }
    for (uint32_t i = 0; i < batch.count; i++) {
        struct rim__completion completion = {.more = true};
        struct rim__receipt receipt;
        if (!rim__epoll_message_read(epoll, op, &batch, i, &completion, &receipt)) {
            end(epoll, side, 0);
            return false;
        }
        tell(epoll, side, &completion);
    }
    if (op->cancelling) {
        return false;
    }
    if (batch.is_short && !rim__epoll_files_find(epoll, op->fd)->over) {
        block(epoll, side, IN_EVENTS);
        return false;
    }
    return true;
}

static void try_messages(struct rim__epoll *epoll, struct rim__epoll_side *side) {
    for (uint32_t i = 0; i < READS_MAX; i++) {
        if (!receive_messages(epoll, side)) {
            return;
        }
    }
    become_due(epoll, side);
}

static void try_send(struct rim__epoll *epoll, struct rim__epoll_side *side) {
    struct rim__op *op = side->op;
    const struct iovec *iov = op->send.iov;
    ssize_t count;
    epoll->driver.enters++;
    if (rim__unlikely(op->is_plain)) {
        count = writev(op->fd, iov, (int)op->send.iov_count);
    } else if (op->send.iov_count == 1 && op->send.control == NULL) {
        size_t length = iov->iov_len < INT32_MAX ? iov->iov_len : INT32_MAX; /* a short send, as any */
        count = send_now(op->fd, iov->iov_base, length);
    } else {
        const struct msghdr message = {
            .msg_iov = op->send.iov,
            .msg_iovlen = op->send.iov_count,
            .msg_control = op->send.control,
            .msg_controllen = op->send.control_size,
        };
        count = sendmsg(op->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (count < 0) {
        fail(epoll, side, OUT_EVENTS);
        return;
    }
    epoll->io.bytes_out += (uint64_t)count;
    end(epoll, side, (int32_t)count);
}

/* The same call begins a connect and, made again after an edge, tells how it went. */
static void try_connect(struct rim__epoll *epoll, struct rim__epoll_side *side) {
    union rim__sockaddr address;
    socklen_t length = rim__address_to_sockaddr(side->op->connect.address, &address);
    epoll->driver.enters++;
    if (connect(side->op->fd, &address.any, length) == 0 || errno == EISCONN) {
        end(epoll, side, 0);
    } else if (errno == EINPROGRESS || errno == EALREADY) {
        block(epoll, side, IN_EVENTS | OUT_EVENTS);
    } else if (errno == EINTR) {
        become_due(epoll, side);
    } else {
        end(epoll, side, -errno);
    }
}

/* Asked anew each time: edges that came while no op was there are forgotten. */
static void try_ready(struct rim__epoll *epoll, struct rim__epoll_side *side) {
    uint32_t wanted = side->op->ready.events;
    uint32_t events = wanted & RIM_POLL_WRITE ? IN_EVENTS | OUT_EVENTS : IN_EVENTS;
    struct pollfd file = {.fd = side->op->fd, .events = rim__outside_to_poll(wanted)};
    epoll->driver.enters++;
    int count = poll(&file, 1, 0);
    if (count > 0) {
        end(epoll, side, (int32_t)rim__outside_from_poll(file.revents));
    } else if (count == 0) {
        block(epoll, side, events);
    } else {
        fail(epoll, side, events);
    }
}

static void try_op(struct rim__epoll *epoll, struct rim__epoll_side *side) {
    switch (side->op->kind) {
    case RIM_OP_ACCEPT:
        try_accept(epoll, side);
        break;
    case RIM_OP_RECV:
        try_recv(epoll, side);
        break;
    case RIM_OP_RECV_MSG:
        try_messages(epoll, side);
        break;
    case RIM_OP_SEND:
        try_send(epoll, side);
        break;
    case RIM_OP_READY:
        try_ready(epoll, side);
        break;
    case RIM_OP_CONNECT:
        try_connect(epoll, side);
        break;
    default:
        rim__unreachable("kind of operation");
    }
}

static void try_first(struct rim__epoll *epoll, struct rim__epoll_list *list) {
    struct rim__epoll_side *side = list->first;
    unlist(side);
    try_op(epoll, side);
}

void rim__epoll_ops_run(struct rim__epoll *epoll) {
    for (uint32_t count = epoll->sends.count; count > 0 && epoll->sends.first != NULL; count--) {
        try_first(epoll, &epoll->sends);
    }
    uint64_t until = epoll->io.bytes_in + BATCH_BYTES;
    uint32_t left = epoll->due_left != 0 ? epoll->due_left : epoll->due.count;
    for (; left > 0 && epoll->due.first != NULL && epoll->io.bytes_in < until; left--) {
        try_first(epoll, &epoll->due);
    }
    epoll->due_left = epoll->due.first != NULL ? left : 0;
}
