/* SPDX-License-Identifier: MIT */
#include "io/output.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "io/lending.h"
#include "io/passing.h"
#include "io/region.h"
#include "io/socket.h"

struct rim__mark {
    struct rim__mark *next;
    rim_ref asker;
    uint64_t cookie;
    uint64_t position;     /* in the stream of bytes */
    struct rim_msg *event; /* RIM_SOCKET_SENT, made beforehand; NULL: sent */
};

bool rim__output_is_open(const struct rim__socket *socket) {
    return !socket->output.ended && socket->state <= RIM_SOCKET_IS_OPEN;
}

static void set_held(struct rim__socket *socket, bool held) {
    struct rim__output *output = &socket->output;
    if (output->held != held && !socket->self_gone && !socket->service->detached) {
        output->held = held;
        rim__actor_hold(socket->service->ctx, socket->self, held);
    }
}

static void check_pressure(struct rim__socket *socket) {
    const struct rim__outgoing *out = &socket->output.out;
    if (out->bytes > RIM_OUTPUT_HIGH_BYTES || out->count > RIM_OUTPUT_HIGH_COUNT) {
        set_held(socket, true);
    } else if (out->bytes <= RIM_OUTPUT_HIGH_BYTES / 2 && out->count <= RIM_OUTPUT_HIGH_COUNT / 2) {
        set_held(socket, false);
    }
}

static void note_begin(struct rim__socket *socket) {
    if (rim__unlikely(socket->patience != NULL) && socket->output.out.bytes == 0) {
        rim__patience_note_left(socket);
    }
}

int rim__output_copy(struct rim__socket *socket, const void *bytes, size_t size) {
    rim__assert(size <= RIM_BODY_MAX);
    note_begin(socket);
    int result = rim__outgoing_copy(&socket->output.out, rim__socket_shard(socket), bytes, (uint32_t)size);
    check_pressure(socket);
    return result;
}

void rim__output_append(struct rim__socket *socket, rim_msg *msg) {
    note_begin(socket);
    rim__outgoing_append(&socket->output.out, msg);
    check_pressure(socket);
}

bool rim__output_may_give(const struct rim__socket *socket) {
    return socket->peer.family == RIM_FAMILY_UNIX && socket->tls == NULL;
}

void rim__output_give(struct rim__socket *socket, rim_msg *msg) {
    note_begin(socket);
    rim__outgoing_append_gift(&socket->output.out, msg);
    check_pressure(socket);
}

/* One with descriptors that came through the mailbox. */
static int write_gift(struct rim__socket *socket, rim_msg *msg) {
    rim_ctx *ctx = socket->service->ctx;
    if (!rim__output_may_give(socket)) {
        socket->output.unwritten += rim_size(msg);
        rim_log(ctx, RIM_LOG_WARNING, "descriptors go over Unix sockets only, without TLS: nothing is written");
        return 0;
    }
    rim_msg *taken = rim_take(ctx, msg);
    if (taken != NULL) {
        rim__output_give(socket, taken);
    }
    return taken != NULL ? 0 : -ENOMEM;
}

void rim__output_write(struct rim__socket *socket, const void *body, rim_msg *msg) {
    size_t size = rim_size(msg);
    if (size == 0) {
        return;
    }
    if (!rim__output_is_open(socket)) {
        socket->output.unwritten += size;
        return;
    }
    int result = 0;
    if (rim__unlikely(rim__passing_to_send(msg) != NULL)) {
        result = write_gift(socket, msg);
    } else if (size <= RIM_OUTGOING_SMALL && !rim__region_is_view(msg)) {
        result = rim__output_copy(socket, body, size);
    } else {
        rim_msg *taken = rim_take(socket->service->ctx, msg);
        if (taken != NULL) {
            rim__output_append(socket, taken);
        } else {
            result = -ENOMEM;
        }
    }
    if (result != 0) {
        socket->output.unwritten += size;
        rim__socket_lose(socket, result);
    }
}

static void free_mark(struct rim__socket *socket, struct rim__mark *mark) {
    struct rim__shard *shard = rim__socket_shard(socket);
    if (mark->event != NULL) {
        rim__msg_release(shard, mark->event);
    }
    rim__memory_free(&shard->memory, mark, sizeof *mark);
}

static void tell_mark(struct rim__socket *socket, struct rim__mark *mark) {
    rim_sent_event *event = rim__msg_body(mark->event);
    *event = (rim_sent_event){.socket = socket->self, .cookie = mark->cookie, .bytes = socket->output.sent};
    rim__event_post(socket->service->ctx, socket->self, mark->asker, RIM_SOCKET_SENT, mark->event);
    mark->event = NULL;
}

static void tell_marks(struct rim__socket *socket) {
    struct rim__output *output = &socket->output;
    while (output->marks != NULL && output->marks->position <= output->sent) {
        struct rim__mark *mark = output->marks;
        output->marks = mark->next;
        tell_mark(socket, mark);
        free_mark(socket, mark);
    }
}

/* The word is made beforehand: it must not be lost for want of memory. */
static struct rim__mark *make_mark(struct rim__socket *socket, rim_ref asker) {
    struct rim__shard *shard = rim__socket_shard(socket);
    struct rim__mark *mark = rim__memory_alloc(&shard->memory, sizeof *mark);
    if (mark == NULL) {
        return NULL;
    }
    *mark = (struct rim__mark){.asker = asker};
    mark->event = rim__event_reserve(socket->service->ctx, sizeof(rim_sent_event));
    if (mark->event == NULL) {
        free_mark(socket, mark);
        return NULL;
    }
    return mark;
}

int rim__output_mark(struct rim__socket *socket, rim_ref asker, uint64_t cookie) {
    struct rim__output *output = &socket->output;
    if (asker == RIM_NIL) {
        return 0; /* from a thread that is no shard: nobody could be told */
    }
    struct rim__mark *mark = make_mark(socket, asker);
    if (mark == NULL) {
        return -ENOMEM;
    }
    mark->cookie = cookie;
    mark->position = output->sent + output->out.bytes;
    if (output->marks == NULL) {
        output->marks = mark;
    } else {
        output->last_mark->next = mark;
    }
    output->last_mark = mark;
    tell_marks(socket);
    return 0;
}

static void consume(struct rim__socket *socket, uint32_t count) {
    if (rim__unlikely(socket->output.lending != NULL)) {
        rim__lending_consume(socket, count);
    } else {
        rim__outgoing_consume(&socket->output.out, rim__socket_shard(socket), count);
    }
}

static void note_result(struct rim__socket *socket, int32_t result) {
    struct rim__output *output = &socket->output;
    if (result > 0) {
        uint32_t count = (uint32_t)result;
        if (rim__unlikely(socket->tls != NULL)) {
            count = rim__tls_left(socket->tls, rim__socket_shard(socket), count);
        }
        output->sent += count;
        if (rim__unlikely(socket->patience != NULL)) {
            rim__patience_note_left(socket);
        }
        consume(socket, count);
        if (!socket->service->detached) {
            tell_marks(socket);
            check_pressure(socket);
        }
    } else if (result < 0 && result != -ECANCELED && result != -EINTR && result != -EAGAIN) {
        rim__socket_lose(socket, result);
    }
}

void rim__output_sent(struct rim__socket *socket, int32_t result) {
    note_result(socket, result);
    rim__socket_push(socket);
}

static void free_pieces(struct rim__socket *socket) {
    struct rim__output *output = &socket->output;
    rim__memory_free(&rim__socket_shard(socket)->memory, output->pieces, RIM_OP_IOV_MAX * sizeof *output->pieces);
    output->pieces = NULL;
}

static void sent(struct rim__op *op, const struct rim__completion *completion) {
    struct rim__socket *socket = rim__container_of(op, struct rim__socket, output.op);
    if (rim__unlikely(socket->output.pieces != NULL)) {
        free_pieces(socket); /* an idle connection has none */
    }
    rim__output_sent(socket, completion->result);
}

void rim__output_send_now(struct rim__socket *socket) {
    struct rim__output *output = &socket->output;
    struct rim__io *io = socket->service->io;
    bool is_simple = socket->state == RIM_SOCKET_IS_OPEN && socket->tls == NULL && !output->op.is_plain;
    bool lends = output->lends || output->lending != NULL;
    if (!is_simple || lends || output->op.in_flight || output->out.bytes == 0 || output->out.gifts > 0) {
        return;
    }
    struct iovec pieces[RIM_OP_IOV_MAX];
    uint32_t count = rim__outgoing_gather(&output->out, pieces, RIM_OP_IOV_MAX);
    note_result(socket, io->ops->send_now(io, socket->fd, pieces, count));
}

/* What goes with the first byte of this send. */
static void add_gift(struct rim__output *output) {
    struct rim__passing *gift = rim__outgoing_gift(&output->out);
    output->op.send.control = gift != NULL ? gift->control : NULL;
    output->op.send.control_size = gift != NULL ? rim__passing_room(gift->count) : 0;
}

/* Room for the pieces of a send: where there is no memory for many, it is sent piece by piece. Returns for how many. */
static uint32_t make_room(struct rim__socket *socket) {
    struct rim__output *output = &socket->output;
    if (output->pieces == NULL) {
        struct rim__memory *memory = &rim__socket_shard(socket)->memory;
        output->pieces = rim__memory_alloc(memory, RIM_OP_IOV_MAX * sizeof *output->pieces);
    }
    output->op.send.iov = output->pieces != NULL ? output->pieces : &output->piece;
    return output->pieces != NULL ? RIM_OP_IOV_MAX : 1;
}

static void gather(struct rim__socket *socket) {
    struct rim__output *output = &socket->output;
    if (rim__likely(output->out.count == 1)) {
        output->piece = rim__outgoing_first(&output->out);
        output->op.send.iov = &output->piece;
        output->op.send.iov_count = 1;
    } else {
        uint32_t max = make_room(socket);
        output->op.send.iov_count = rim__outgoing_gather(&output->out, output->op.send.iov, max);
    }
}

/* What goes next, into `op`. 0; or it is seen to: 1, or negative. */
static int prepare_send(struct rim__socket *socket) {
    struct rim__output *output = &socket->output;
    if (rim__likely(socket->tls == NULL && !output->lends)) {
        gather(socket);
        add_gift(output);
        return 0;
    }
    output->op.send.control = NULL;
    output->op.send.control_size = 0;
    uint32_t max = make_room(socket);
    if (socket->tls == NULL) {
        return rim__lending_send(socket, max);
    }
    output->op.send.iov_count = rim__tls_gather(socket->tls, output->op.send.iov, max);
    return 0;
}

static void start_send(struct rim__socket *socket) {
    struct rim__output *output = &socket->output;
    struct rim__io *io = socket->service->io;
    output->op.kind = RIM_OP_SEND;
    output->op.fd = socket->fd;
    output->op.done = sent;
    output->op.send.zero_copy = false;
    int result = prepare_send(socket);
    if (rim__unlikely(result != 0) && output->pieces != NULL) {
        free_pieces(socket); /* a loan has a copy of them */
    }
    result = result == 0 ? io->ops->submit(io, &output->op) : result;
    if (result < 0) {
        rim__socket_lose(socket, result);
    }
}

bool rim__output_is_sending(const struct rim__socket *socket) {
    const struct rim__output *output = &socket->output;
    return output->op.in_flight || (rim__unlikely(output->lending != NULL) && rim__lending_is_sending(output->lending));
}

void rim__output_cancel(struct rim__socket *socket) {
    struct rim__output *output = &socket->output;
    struct rim__io *io = socket->service->io;
    if (output->op.in_flight && !output->op.cancelling) {
        io->ops->cancel(io, &output->op);
    }
    if (output->lending != NULL) {
        rim__lending_cancel(output->lending);
    }
}

void rim__output_passed(struct rim__socket *socket, uint64_t count) {
    rim__assert(socket->output.out.bytes == 0);
    socket->output.sent += count;
    if (rim__unlikely(socket->patience != NULL)) {
        rim__patience_note_left(socket);
    }
}

void rim__output_tune(struct rim__socket *socket) {
    bool is_tcp = socket->label == NULL && socket->peer.family != RIM_FAMILY_UNIX && socket->tls == NULL;
    socket->output.lends = socket->options->zero_copy != 0 && is_tcp && socket->service->io->has_zero_copy;
}

bool rim__output_waits(const struct rim__socket *socket) {
    return socket->output.out.bytes > 0 || (socket->tls != NULL && rim__tls_waits(socket->tls));
}

bool rim__output_has_spoken(const struct rim__socket *socket) {
    return socket->output.sent > 0 || (socket->tls != NULL && rim__tls_has_spoken(socket->tls));
}

void rim__output_drop(struct rim__socket *socket) {
    struct rim__output *output = &socket->output;
    rim__assert(socket->tls != NULL); /* else a send may have it */
    output->unwritten += output->out.bytes;
    rim__outgoing_drop(&output->out, rim__socket_shard(socket));
    check_pressure(socket);
}

void rim__output_push(struct rim__socket *socket) {
    struct rim__output *output = &socket->output;
    if (rim__output_is_sending(socket)) {
        return;
    }
    bool is_due = output->out.bytes > 0;
    if (rim__unlikely(socket->tls != NULL)) {
        rim__tls_seal(socket);
        is_due = rim__tls_waits(socket->tls);
    }
    if (is_due) {
        start_send(socket);
    } else if (output->ended && !output->shut && socket->state == RIM_SOCKET_IS_OPEN) {
        output->shut = true;
        int result = rim__socket_shut(socket, SHUT_WR);
        if (result != 0) {
            rim__socket_lose(socket, result);
        }
    }
}

static void free_target(struct rim__socket *socket) {
    struct rim__output *output = &socket->output;
    if (output->target != NULL) {
        rim__memory_free(&rim__socket_shard(socket)->memory, output->target, sizeof *output->target);
        output->target = NULL;
    }
}

static void connected(struct rim__op *op, const struct rim__completion *completion) {
    struct rim__socket *socket = rim__container_of(op, struct rim__socket, output.op);
    free_target(socket);
    if (completion->result == 0) {
        rim__socket_opened(socket);
    } else {
        rim__socket_lose(socket, completion->result);
    }
    rim__socket_settle(socket);
}

int rim__output_connect(struct rim__socket *socket, uint64_t deadline_ns) {
    struct rim__output *output = &socket->output;
    struct rim__op *op = &output->op;
    struct rim__io *io = socket->service->io;
    op->kind = RIM_OP_CONNECT;
    op->fd = socket->fd;
    op->done = connected;
    output->target = rim__memory_alloc(&rim__socket_shard(socket)->memory, sizeof *output->target);
    if (output->target == NULL) {
        return -ENOMEM;
    }
    *output->target = rim__place_get(&socket->peer);
    op->connect.address = output->target;
    op->connect.deadline_ns = deadline_ns;
    return io->ops->submit(io, op);
}

void rim__output_finish(struct rim__socket *socket) {
    struct rim__output *output = &socket->output;
    struct rim__shard *shard = rim__socket_shard(socket);
    rim__assert(!rim__output_is_sending(socket));
    if (output->pieces != NULL) { /* of a send that was not to be */
        free_pieces(socket);
    }
    free_target(socket);
    output->unwritten += output->out.bytes;
    if (output->lending != NULL) {
        rim__lending_leave(socket);
    }
    rim__outgoing_drop(&output->out, shard);
    set_held(socket, false);
    while (output->marks != NULL) {
        struct rim__mark *mark = output->marks;
        output->marks = mark->next;
        free_mark(socket, mark);
    }
}
