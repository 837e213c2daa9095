/* SPDX-License-Identifier: MIT */
#include "io/uring_ops.h"

#include <errno.h>
#include <stdlib.h>

#include "base/assert.h"
#include "io/file_job.h"
#include "io/map_job.h"
#include "io/outside.h"
#include "io/uring_file.h"
#include "io/uring_message.h"
#include "ringmail/error.h"

#define ACCEPT_DONTWAIT (1u << 1) /* IORING_ACCEPT_DONTWAIT of Linux 6.10, newer than some headers */
#define REPORT_USAGE    (1u << 3) /* IORING_SEND_ZC_REPORT_USAGE of Linux 6.2 */
#define USAGE_COPIED    (1u << 31)
#define GENERATION_MASK 0xffffffu
#define RIM_URING_HERE  UINT64_MAX /* an offset: where the file stands; a pipe has none */
#define CHUNKS_MAX      8192u      /* a million ops: more than there are descriptors */

/* ---- lists of slots ---- */

static void insert_after(struct rim__uring_list *list, struct rim__uring_slot *at, struct rim__uring_slot *slot) {
    rim__assert(slot->list == NULL);
    slot->list = list;
    slot->previous = at;
    slot->next = at != NULL ? at->next : list->first;
    *(at != NULL ? &at->next : &list->first) = slot;
    *(slot->next != NULL ? &slot->next->previous : &list->last) = slot;
    list->count++;
}

static void append(struct rim__uring_list *list, struct rim__uring_slot *slot) {
    insert_after(list, list->last, slot);
}

static void unlist(struct rim__uring_slot *slot) {
    struct rim__uring_list *list = slot->list;
    if (list == NULL) {
        return;
    }
    *(slot->previous != NULL ? &slot->previous->next : &list->first) = slot->next;
    *(slot->next != NULL ? &slot->next->previous : &list->last) = slot->previous;
    list->count--;
    slot->list = NULL;
    slot->next = NULL;
    slot->previous = NULL;
}

static void move(struct rim__uring_list *list, struct rim__uring_slot *slot) {
    unlist(slot);
    append(list, slot);
}

/* ---- the table ---- */

static int grow(struct rim__uring *uring) {
    if (uring->chunk_count == CHUNKS_MAX) {
        return -RIM_ELIMIT;
    }
    struct rim__uring_slot **chunks = realloc(uring->chunks, (uring->chunk_count + 1) * sizeof *chunks);
    if (chunks == NULL) {
        return -ENOMEM;
    }
    uring->chunks = chunks;
    struct rim__uring_slot *chunk = calloc(RIM_URING_CHUNK, sizeof *chunk);
    if (chunk == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < RIM_URING_CHUNK; i++) {
        chunk[i].index = uring->chunk_count * RIM_URING_CHUNK + i;
        append(&uring->free, &chunk[i]);
    }
    chunks[uring->chunk_count++] = chunk;
    return 0;
}

static struct rim__uring_slot *slot_at(const struct rim__uring *uring, uint32_t index) {
    rim__assert(index / RIM_URING_CHUNK < uring->chunk_count);
    return &uring->chunks[index / RIM_URING_CHUNK][index % RIM_URING_CHUNK];
}

static int take_slot(struct rim__uring *uring, struct rim__op *op) {
    int error = uring->free.first == NULL ? grow(uring) : 0;
    if (error != 0) {
        return error;
    }
    struct rim__uring_slot *slot = uring->free.first;
    unlist(slot);
    slot->op = op;
    slot->timed_out = false;
    op->id = slot->index;
    op->in_flight = true;
    op->cancelling = false;
    uring->io.operations_open++;
    return 0;
}

static void free_slot(struct rim__uring *uring, struct rim__uring_slot *slot) {
    slot->op->in_flight = false;
    slot->op->cancelling = false;
    slot->op = NULL;
    slot->generation = (slot->generation + 1) & GENERATION_MASK;
    unlist(slot);
    /* In front: the slot used last is the one in the cache. */
    insert_after(&uring->free, NULL, slot);
    uring->io.operations_open--;
}

static uint64_t name_of(const struct rim__uring_slot *slot) {
    return rim__uring_user_data(RIM_URING_OP, (uint64_t)slot->generation << 32 | slot->index);
}

void rim__uring_ops_free(struct rim__uring *uring) {
    for (uint32_t i = 0; i < uring->chunk_count; i++) {
        free(uring->chunks[i]);
    }
    free(uring->chunks);
    uring->chunks = NULL;
    uring->chunk_count = 0;
}

/* ---- to the kernel ---- */

/* Each before user_data and the flags: what prepares an entry clears it. */

static void fill_recv(const struct rim__uring *uring, const struct rim__op *op, struct io_uring_sqe *sqe) {
    if (rim__unlikely(op->is_plain)) {
        io_uring_prep_read(sqe, op->fd, NULL, uring->buffers.bytes, RIM_URING_HERE);
    } else if (uring->traits.recv_multishot) {
        io_uring_prep_recv_multishot(sqe, op->fd, NULL, 0, 0);
    } else {
        io_uring_prep_recv(sqe, op->fd, NULL, uring->buffers.bytes, 0);
    }
    io_uring_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
    sqe->buf_group = RIM_URING_BUFFER_GROUP;
}

static void fill_accept(const struct rim__op *op, struct io_uring_sqe *sqe) {
    if (op->once) {
        io_uring_prep_accept(sqe, op->fd, NULL, NULL, SOCK_CLOEXEC);
        sqe->ioprio = op->nowait ? ACCEPT_DONTWAIT : 0;
    } else {
        io_uring_prep_multishot_accept(sqe, op->fd, NULL, NULL, SOCK_CLOEXEC);
    }
}

static void fill_send(const struct rim__uring *uring, const struct rim__op *op, struct io_uring_sqe *sqe) {
    if (rim__unlikely(op->is_plain)) {
        io_uring_prep_writev(sqe, op->fd, op->send.iov, op->send.iov_count, RIM_URING_HERE);
        return;
    }
    if (rim__unlikely(op->send.zero_copy)) {
        struct msghdr *message = &rim__uring_frame(uring, sqe)->message;
        *message = (struct msghdr){.msg_iov = op->send.iov, .msg_iovlen = op->send.iov_count};
        io_uring_prep_sendmsg_zc(sqe, op->fd, message, MSG_NOSIGNAL);
        sqe->ioprio = REPORT_USAGE;
        return;
    }
    if (op->send.iov_count == 1 && op->send.control == NULL) {
        size_t length = op->send.iov[0].iov_len;
        length = length < INT32_MAX ? length : INT32_MAX; /* a short send, as any */
        io_uring_prep_send(sqe, op->fd, op->send.iov[0].iov_base, length, MSG_NOSIGNAL);
        return;
    }
    struct msghdr *message = &rim__uring_frame(uring, sqe)->message;
    *message = (struct msghdr){
        .msg_iov = op->send.iov,
        .msg_iovlen = op->send.iov_count,
        .msg_control = op->send.control,
        .msg_controllen = op->send.control_size,
    };
    io_uring_prep_sendmsg(sqe, op->fd, message, MSG_NOSIGNAL);
}

static void fill_connect(const struct rim__uring *uring, const struct rim__op *op, struct io_uring_sqe *sqe) {
    union rim__sockaddr *address = &rim__uring_frame(uring, sqe)->address;
    socklen_t length = rim__address_to_sockaddr(op->connect.address, address);
    io_uring_prep_connect(sqe, op->fd, &address->any, length);
}

static void fill(const struct rim__uring *uring, const struct rim__uring_slot *slot, struct io_uring_sqe *sqe) {
    switch (slot->op->kind) {
    case RIM_OP_ACCEPT:
        fill_accept(slot->op, sqe);
        break;
    case RIM_OP_RECV:
        fill_recv(uring, slot->op, sqe);
        break;
    case RIM_OP_SEND:
        fill_send(uring, slot->op, sqe);
        break;
    case RIM_OP_READY:
        io_uring_prep_poll_add(sqe, slot->op->fd, rim__outside_to_poll(slot->op->ready.events));
        break;
    case RIM_OP_RECV_MSG:
        rim__uring_message_fill(uring, slot->op, sqe);
        break;
    case RIM_OP_CONNECT:
        fill_connect(uring, slot->op, sqe);
        break;
    case RIM_OP_FILE:
        rim__uring_file_fill(slot->op, sqe);
        break;
    default:
        rim__unreachable("kind of operation");
    }
    io_uring_sqe_set_data64(sqe, name_of(slot));
}

/* Into the list of deadlines, which is in order; most come at its end. */
static void watch_deadline(struct rim__uring *uring, struct rim__uring_slot *slot) {
    struct rim__uring_slot *at = uring->deadlines.last;
    while (at != NULL && at->op->connect.deadline_ns > slot->op->connect.deadline_ns) {
        at = at->previous;
    }
    insert_after(&uring->deadlines, at, slot);
}

/* False: there is no room, and the slot waits in `blocked`. */
static bool start(struct rim__uring *uring, struct rim__uring_slot *slot) {
    struct io_uring_sqe *sqe = rim__uring_prepare(uring);
    if (sqe == NULL) {
        move(&uring->blocked, slot);
        return false;
    }
    unlist(slot);
    fill(uring, slot, sqe);
    if (slot->op->kind == RIM_OP_CONNECT && slot->op->connect.deadline_ns != RIM_DRIVER_FOREVER) {
        watch_deadline(uring, slot);
    }
    return true;
}

/* A receive: behind others, or because it would hardly find a buffer. */
static bool must_wait(const struct rim__uring *uring) {
    const struct rim__uring_buffers *buffers = &uring->buffers;
    return (uring->passed.count | uring->starved.count) != 0 || buffers->has_lacked ||
           !rim__uring_buffers_suffice(buffers);
}

int rim__uring_ops_submit(struct rim__io *io, struct rim__op *op) {
    struct rim__uring *uring = rim__uring_of_io(io);
    rim__assert(!op->in_flight);
    rim__assert(op->kind != RIM_OP_SEND || (op->send.iov_count > 0 && op->send.iov_count <= RIM_OP_IOV_MAX));
    if (uring->is_closing) {
        return -RIM_ESTOPPING;
    }
    if (op->kind == RIM_OP_FILE && !rim__uring_file_is_native(op)) {
        return rim__file_job_submit(io, op);
    }
    if (op->kind == RIM_OP_MAP) {
        return rim__map_job_submit(io, op);
    }
    bool receives = op->kind == RIM_OP_RECV || op->kind == RIM_OP_RECV_MSG;
    int error = 0;
    if (rim__unlikely(receives && !rim__uring_buffers_are_open(&uring->buffers))) {
        error = rim__uring_buffers_open(&uring->buffers, &uring->ring);
    }
    error = error != 0 ? error : take_slot(uring, op);
    if (error != 0) {
        return error;
    }
    struct rim__uring_slot *slot = slot_at(uring, op->id);
    if (receives && must_wait(uring)) {
        append(op->hungry ? &uring->passed : &uring->starved, slot);
    } else {
        (void)start(uring, slot);
        /* It mostly completes within the call that submits it, so a shard that sleeps in that does not sleep. */
        uring->driver.is_due = uring->driver.is_due || op->kind == RIM_OP_SEND;
    }
    return 0;
}

/* ---- cancelling ---- */

/* For an op that is with the kernel. False: there is no room, and the slot waits in `cancels`. */
static bool send_cancel(struct rim__uring *uring, struct rim__uring_slot *slot) {
    struct io_uring_sqe *sqe = rim__uring_prepare(uring);
    if (sqe == NULL) {
        move(&uring->cancels, slot);
        return false;
    }
    unlist(slot);
    io_uring_prep_cancel64(sqe, name_of(slot), 0);
    io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
    io_uring_sqe_set_data64(sqe, rim__uring_user_data(RIM_URING_CANCEL, 0));
    return true;
}

/* It has not been given to the kernel. */
static bool waits_here(const struct rim__uring *uring, const struct rim__uring_slot *slot) {
    return slot->list == &uring->blocked || slot->list == &uring->passed || slot->list == &uring->starved;
}

void rim__uring_ops_cancel(struct rim__io *io, struct rim__op *op) {
    struct rim__uring *uring = rim__uring_of_io(io);
    rim__assert(op->in_flight);
    if (op->cancelling) {
        return;
    }
    op->cancelling = true;
    op->hungry = false;
    struct rim__uring_slot *slot = slot_at(uring, op->id);
    rim__assert(slot->op == op);
    if (waits_here(uring, slot)) {
        move(&uring->finished, slot);
    } else if (slot->list != &uring->cancels && !slot->timed_out) {
        (void)send_cancel(uring, slot);
    }
}

void rim__uring_ops_abandon(struct rim__uring *uring) {
    while (uring->blocked.first != NULL) {
        move(&uring->finished, uring->blocked.first);
    }
    while (uring->passed.first != NULL) {
        move(&uring->finished, uring->passed.first);
    }
    while (uring->starved.first != NULL) {
        move(&uring->finished, uring->starved.first);
    }
}

/* ---- on the way ---- */

static void expire(struct rim__uring *uring) {
    if (uring->deadlines.first == NULL) {
        return;
    }
    uint64_t now_ns = rim__clock_now(&uring->clock);
    while (uring->deadlines.first != NULL && uring->deadlines.first->op->connect.deadline_ns <= now_ns) {
        struct rim__uring_slot *slot = uring->deadlines.first;
        slot->timed_out = true;
        if (!send_cancel(uring, slot)) {
            return;
        }
    }
}

/*
 * No more receives than there are buffers for them, or most would come straight back. One that does, because another
 * has taken several, stays in front of those that have waited less.
 */
static void feed(struct rim__uring *uring) {
    uint32_t left = rim__uring_buffers_on_offer(&uring->buffers);
    bool may_start = rim__uring_buffers_suffice(&uring->buffers);
    while (may_start && left-- > 0 && (uring->passed.count | uring->starved.count) != 0) {
        struct rim__uring_list *list = uring->passed.first != NULL ? &uring->passed : &uring->starved;
        list->first->op->hungry = true;
        may_start = start(uring, list->first);
    }
}

void rim__uring_ops_advance(struct rim__uring *uring) {
    while (uring->cancels.first != NULL && send_cancel(uring, uring->cancels.first)) {
    }
    while (uring->blocked.first != NULL && start(uring, uring->blocked.first)) {
    }
    feed(uring);
    expire(uring);
}

uint64_t rim__uring_ops_deadline(const struct rim__uring *uring) {
    const struct rim__uring_slot *slot = uring->deadlines.first;
    return slot != NULL ? slot->op->connect.deadline_ns : RIM_DRIVER_FOREVER;
}

/* ---- from the kernel ---- */

/* Ends the op if that was its last completion, and tells it; it may be gone, or submitted again, afterwards. */
static void tell(struct rim__uring *uring, struct rim__uring_slot *slot, const struct rim__completion *completion) {
    struct rim__op *op = slot->op;
    uring->io.operations++;
    if (!completion->more) {
        free_slot(uring, slot);
    }
    op->done(op, completion);
}

void rim__uring_ops_finish(struct rim__uring *uring) {
    const struct rim__completion cancelled = {.result = -ECANCELED};
    for (uint32_t count = uring->finished.count; count > 0; count--) {
        tell(uring, uring->finished.first, &cancelled);
    }
}

static void take_bytes(struct rim__uring *uring, const struct io_uring_cqe *cqe, struct rim__completion *completion) {
    uint32_t id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    if (cqe->res > 0) {
        completion->body = rim__uring_buffers_take(&uring->buffers, id, (uint32_t)cqe->res);
        uring->io.bytes_in += (uint32_t)cqe->res;
    } else {
        rim__uring_buffers_put(&uring->buffers, id);
    }
}

/* The kernel has let go of the bytes of a send: of what says so comes 0 or 1. */
static void take_notice(struct rim__uring *uring, struct rim__completion *completion) {
    bool was_copied = ((uint32_t)completion->result & USAGE_COPIED) != 0;
    completion->result = was_copied;
    uring->io.zero_copies++;
    uring->io.zero_copies_copied += was_copied;
}

static void account(struct rim__uring *uring, const struct rim__uring_slot *slot, struct rim__completion *completion) {
    switch (slot->op->kind) {
    case RIM_OP_ACCEPT:
        uring->io.descriptors += completion->result >= 0;
        break;
    case RIM_OP_SEND:
        uring->io.bytes_out += completion->result > 0 ? (uint32_t)completion->result : 0;
        break;
    case RIM_OP_READY:
        if (completion->result > 0) {
            completion->result = (int32_t)rim__outside_from_poll((short)completion->result);
        }
        break;
    case RIM_OP_CONNECT:
        if (completion->result == -ECANCELED && slot->timed_out) {
            completion->result = -ETIMEDOUT;
        }
        break;
    default:
        break;
    }
}

void rim__uring_ops_complete(struct rim__uring *uring, const struct io_uring_cqe *cqe) {
    struct rim__uring_slot *slot = slot_at(uring, (uint32_t)cqe->user_data);
    /* The kernel never names an op after its terminal completion. */
    rim__assert(slot->op != NULL);
    rim__assert(name_of(slot) == cqe->user_data);
    struct rim__completion completion = {.result = cqe->res, .more = (cqe->flags & IORING_CQE_F_MORE) != 0};
    if (cqe->flags & IORING_CQE_F_BUFFER) {
        take_bytes(uring, cqe, &completion);
    }
    if (rim__unlikely(cqe->res == -ENOBUFS)) {
        rim__uring_buffers_lack(&uring->buffers);
    } else {
        slot->op->hungry = false;
    }
    struct rim__receipt receipt;
    if (slot->op->kind == RIM_OP_RECV_MSG && completion.body != NULL) {
        rim__uring_message_read(uring, slot->op, &completion, &receipt);
    }
    if (rim__unlikely(cqe->flags & IORING_CQE_F_NOTIF)) {
        take_notice(uring, &completion);
    } else {
        account(uring, slot, &completion);
    }
    tell(uring, slot, &completion);
}
