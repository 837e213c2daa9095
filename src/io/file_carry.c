/* SPDX-License-Identifier: MIT */
/*
 * From a file to a socket or to another file: an actor of the asker's shard that reads a piece, hands it on, and reads
 * the next when few are on their way. It lives for one request, and answers it.
 *
 *     read -> stuck --taken by the sink--> moving --sent, or written--> moved
 *
 * Files that it has to do with stay open until it has ended, also when they are to be closed meanwhile.
 *
 * At most one piece is read or stuck and PIECES_MAX are moving, so memory is bounded whatever the length.
 *
 * As long as the kernel can do it by itself (copy_file_range(2), sendfile(2)) no pieces are read but those that are in
 * the way of it: what is not in memory, which is read ahead then; what comes behind the writes of others; and, where a
 * socket takes no more, a small one, which has left when there is room again.
 */
#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "io/file.h"
#include "ringmail/link.h"
#include "ringmail/request.h"
#include "ringmail/socket.h"

#define PIECE      (128u << 10)
#define PIECES_MAX 2u
#define SMALL      4096u
#define PART       (512u << 10) /* of what goes to a socket in one turn */
#define RANGE      (8u << 20)   /* of what the kernel copies at once: a deadline is looked at in between */

enum { CARRIER_PROTOCOL = 0x7f09, CARRY = (CARRIER_PROTOCOL << 16) + RIM_USER, GO_ON };

struct load {
    rim_ref from, to;
    uint64_t offset, to_offset, length;
    bool is_socket;
};

struct carrier {
    struct load load;
    rim_token asked;
    uint64_t deadline_ns;
    uint64_t read_at, left, moved;
    uint32_t moving;
    bool reading;
    bool ranging;  /* the kernel copies a range, or the next turn goes on with that */
    bool is_full;  /* the socket: the next piece is a small one */
    bool no_range; /* it could not, and is not asked again */
    rim_msg *stuck;
    uint64_t unflushed; /* bytes that the socket has, but was not asked about */
    rim_mon watch;
};

static rim_verdict pump(rim_ctx *ctx, struct carrier *self);

/* ---- the end ---- */

static rim_verdict fail(rim_ctx *ctx, struct carrier *self, int error, const char *text) {
    if (self->asked != RIM_NIL) {
        (void)rim__refuse_saying(ctx, self->asked, error, text);
        self->asked = RIM_NIL;
    }
    return RIM_STOP;
}

static rim_verdict fail_at_source(rim_ctx *ctx, struct carrier *self, int error, const char *text) {
    return fail(ctx, self, error, error == -RIM_EDOWN ? "the file was closed before all of it had gone" : text);
}

static rim_verdict fail_at_sink(rim_ctx *ctx, struct carrier *self, int error, const char *text) {
    const char *gone =
        self->load.is_socket ? "send a file: the socket is closed" : "copy a file: the one that is written was closed";
    return fail(ctx, self, error, error == -RIM_EDOWN ? gone : text);
}

static rim_verdict finish(rim_ctx *ctx, struct carrier *self) {
    rim_file_result result = {.offset = self->load.offset, .bytes = self->moved};
    int error = rim_reply(ctx, self->asked, CARRY, &result, sizeof result);
    if (error != 0) {
        return fail(ctx, self, error, rim_strerror(error));
    }
    return RIM_STOP;
}

static void end(rim_ctx *ctx, void *state, rim_exit why) {
    (void)why;
    struct carrier *self = state;
    rim_msg_free(ctx, self->stuck);
}

/* ---- the sink ---- */

static uint64_t time_left(rim_ctx *ctx, const struct carrier *self) {
    uint64_t now_ns = rim_now(ctx);
    return self->deadline_ns > now_ns ? self->deadline_ns - now_ns : 1;
}

static void has_moved(struct carrier *self, uint64_t bytes) {
    self->moving--;
    self->moved += bytes;
}

static rim_verdict on_written(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct carrier *self = state;
    if (error != 0) {
        return fail_at_sink(ctx, self, error, rim_error_text(ctx));
    }
    has_moved(self, cookie);
    return pump(ctx, self);
}

static int write_to_file(rim_ctx *ctx, struct carrier *self) {
    size_t size = rim_size(self->stuck);
    rim_file_ask ask = {.file = self->load.to,
                        .offset = self->load.to_offset,
                        .timeout_ns = time_left(ctx, self),
                        .on_outcome = on_written,
                        .cookie = size};
    int error = rim__file_write_carried(ctx, &ask, rim_body(self->stuck), size);
    if (error == 0) {
        rim_msg_free(ctx, self->stuck);
        self->stuck = NULL;
        self->load.to_offset += size;
    }
    return error;
}

static int write_to_socket(rim_ctx *ctx, struct carrier *self) {
    int error = 0;
    if (self->stuck != NULL) {
        size_t size = rim_size(self->stuck);
        error = rim_socket_try_write_msg(ctx, self->load.to, &self->stuck);
        self->unflushed = error == 0 ? size : 0;
    }
    if (error == 0) {
        error = rim_socket_flush(ctx, self->load.to, self->unflushed);
    }
    if (error == 0) {
        self->unflushed = 0;
    }
    return error;
}

static bool is_stuck(const struct carrier *self) {
    return self->stuck != NULL || self->unflushed != 0;
}

/* Whether it is out of hand; else *error is why not, or 0: there will be room. */
static bool hand_on(rim_ctx *ctx, struct carrier *self, int *error) {
    *error = self->load.is_socket ? write_to_socket(ctx, self) : write_to_file(ctx, self);
    if (*error == 0) {
        self->moving++;
        return true;
    }
    if (*error == -RIM_EFULL) {
        *error = rim_want_room(ctx, self->load.to);
    }
    return false;
}

/* ---- the source ---- */

static rim_verdict on_read(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)body;
    struct carrier *self = state;
    self->reading = false;
    if (error != 0) {
        return fail_at_source(ctx, self, error, rim_error_text(ctx));
    }
    size_t size = rim_size(msg);
    self->read_at += size;
    self->left = size < cookie ? 0 : self->left - size; /* less: the file ends there */
    if (size > 0) {
        self->stuck = rim_take(ctx, msg);
        if (self->stuck == NULL) {
            return fail(ctx, self, -ENOMEM, rim_strerror(-ENOMEM));
        }
    }
    return pump(ctx, self);
}

static int read_next(rim_ctx *ctx, struct carrier *self) {
    uint64_t most = self->is_full ? SMALL : PIECE;
    size_t size = (size_t)(self->left < most ? self->left : most);
    self->is_full = false;
    rim_file_ask ask = {.file = self->load.from,
                        .offset = self->read_at,
                        .timeout_ns = time_left(ctx, self),
                        .on_outcome = on_read,
                        .cookie = size};
    int error = rim__file_read_carried(ctx, &ask, size);
    self->reading = error == 0;
    return error == -RIM_EFULL ? rim_want_room(ctx, self->load.from) : error;
}

/* ---- by the kernel ---- */

static bool means_another_way(int error) {
    return error == -EXDEV || error == -EINVAL || error == -EOPNOTSUPP || error == -ENOSYS || error == -EBADF ||
           error == -EPERM || error == -ETXTBSY || error == -RIM_EFULL;
}

/* An end is left to a read to find: some files have bytes although they say that they have none. */
static rim_verdict on_ranged(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)cookie;
    (void)msg;
    struct carrier *self = state;
    const rim_file_result *result = body;
    self->ranging = false;
    if (error != 0 && !means_another_way(error)) {
        return fail(ctx, self, error, rim_error_text(ctx));
    }
    self->no_range = error != 0 || result->bytes == 0;
    if (!self->no_range) {
        self->read_at += result->bytes;
        self->load.to_offset += result->bytes;
        self->moved += result->bytes;
        self->left -= result->bytes < self->left ? result->bytes : self->left;
    }
    return pump(ctx, self);
}

static bool copy_range(rim_ctx *ctx, struct carrier *self) {
    struct rim__file_range range = {.to = self->load.to,
                                    .offset = self->read_at,
                                    .to_offset = self->load.to_offset,
                                    .length = self->left < RANGE ? self->left : RANGE};
    rim_file_ask ask = {.file = self->load.from, .timeout_ns = time_left(ctx, self), .on_outcome = on_ranged};
    self->ranging = rim__file_range_copy(ctx, &ask, &range) == 0;
    return self->ranging;
}

/* An end is left to a read to find, too, and so are errors: it knows the path. */
static bool send_part(rim_ctx *ctx, struct carrier *self) {
    uint64_t size = self->left < PART ? self->left : PART;
    int64_t count = rim__file_send_now(ctx, self->load.from, self->load.to, self->read_at, size);
    self->is_full = count == -EAGAIN;
    self->no_range = count <= 0 && count != -EAGAIN && count != -EBUSY && count != -ENODATA;
    if (count <= 0) {
        return false;
    }
    self->read_at += (uint64_t)count;
    self->moved += (uint64_t)count;
    self->left -= (uint64_t)count;
    self->ranging = self->left > 0 && rim_send(ctx, rim_self(ctx), GO_ON, NULL, 0) == 0;
    return self->ranging;
}

/* Whether it goes on that way, as long as nothing is on its way by the other. */
static bool go_by_kernel(rim_ctx *ctx, struct carrier *self) {
    if (self->no_range || self->left == 0 || self->reading || is_stuck(self) || self->moving > 0) {
        return false;
    }
    return self->load.is_socket ? send_part(ctx, self) : copy_range(ctx, self);
}

static rim_verdict pump(rim_ctx *ctx, struct carrier *self) {
    int error = 0;
    if (self->ranging || go_by_kernel(ctx, self)) {
        return RIM_DONE;
    }
    if (is_stuck(self) && !hand_on(ctx, self, &error) && error != 0) {
        return fail_at_sink(ctx, self, error, rim_strerror(error));
    }
    /* One at a time while the kernel may yet take it over, which it can when nothing else is on its way. */
    uint32_t most = self->no_range ? PIECES_MAX : 1;
    if (!self->reading && !is_stuck(self) && self->left > 0 && self->moving < most) {
        error = read_next(ctx, self);
    }
    if (error != 0) {
        return fail_at_source(ctx, self, error, rim_strerror(error));
    }
    bool is_over = self->left == 0 && !self->reading && !is_stuck(self) && self->moving == 0;
    return is_over ? finish(ctx, self) : RIM_DONE;
}

/* ---- events ---- */

static rim_verdict on_carry(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct carrier *self = state;
    rim__assert(rim_size(msg) == sizeof self->load);
    memcpy(&self->load, body, sizeof self->load);
    self->read_at = self->load.offset;
    self->left = self->load.length;
    self->deadline_ns = rim_deadline(ctx);
    bool is_apart = rim_shard_of(self->load.from) != rim_shard_of(self->load.to);
    self->no_range = is_apart || rim_shard_of(self->load.to) != rim_shard_index(ctx);
    self->asked = rim_defer(ctx);
    uint64_t wait_ns = time_left(ctx, self);
    if (self->asked == RIM_NIL || rim_after(ctx, wait_ns, 0) == RIM_NIL) {
        return fail(ctx, self, -ENOMEM, rim_strerror(-ENOMEM));
    }
    if (self->load.is_socket) {
        self->watch = rim_monitor(ctx, self->load.to, 0);
        if (self->watch == RIM_NIL) {
            return fail(ctx, self, -ENOMEM, rim_strerror(-ENOMEM));
        }
    }
    return pump(ctx, self);
}

static rim_verdict on_sent(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)msg;
    const rim_sent_event *event = body;
    has_moved(state, event->cookie);
    return pump(ctx, state);
}

static rim_verdict on_go_on(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct carrier *self = state;
    (void)body;
    (void)msg;
    self->ranging = false;
    return pump(ctx, self);
}

static rim_verdict on_room(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    return pump(ctx, state);
}

static rim_verdict on_down(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    return fail_at_sink(ctx, state, -RIM_EDOWN, NULL);
}

/* The asker has had its timeout. */
static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    return fail(ctx, state, -ETIMEDOUT, rim_strerror(-ETIMEDOUT));
}

static const rim_handler rows[] = {
    [RIM_TIMER] = on_timer,      [RIM_ROOM] = on_room,        [RIM_DOWN] = on_down,
    [RIM_SOCKET_SENT] = on_sent, [CARRY & 0xffff] = on_carry, [GO_ON & 0xffff] = on_go_on,
};

static const rim_behaviour behaviour = {
    .name = "rim carrier",
    .state_size = sizeof(struct carrier),
    .on = rows,
    .on_count = RIM_COUNT(rows),
    .protocol = CARRIER_PROTOCOL,
    .exit = end,
};

/* ---- the calls ---- */

static int carry(rim_ctx *ctx, const rim_file_ask *ask, const struct load *load, rim_token *out) {
    if (load->offset > INT64_MAX || load->to_offset > INT64_MAX || load->length == 0) {
        return -EINVAL;
    }
    rim_ref carrier;
    int error = rim__spawn_own(ctx, &behaviour, NULL, NULL, 0, &carrier);
    if (error != 0) {
        return error;
    }
    error = rim__file_ask_hold(ctx, load->from, carrier);
    if (error == 0 && !load->is_socket) {
        error = rim__file_ask_hold(ctx, load->to, carrier);
    }
    if (error != 0) {
        (void)rim_stop(ctx, carrier); /* and so does what it held */
        return error;
    }
    rim_ask request = {.to = carrier,
                       .tag = CARRY,
                       .body = load,
                       .size = sizeof *load,
                       .timeout_ns = ask->timeout_ns,
                       .on_outcome = ask->on_outcome,
                       .cookie = ask->cookie};
    error = rim_request(ctx, &request, out);
    if (error != 0) {
        (void)rim_stop(ctx, carrier);
    }
    return error;
}

int rim_file_send(rim_ctx *ctx, const rim_file_ask *ask, rim_ref socket, uint64_t length, rim_token *out) {
    struct load load = {.from = ask->file, .to = socket, .offset = ask->offset, .length = length, .is_socket = true};
    return carry(ctx, ask, &load, out);
}

int rim_file_copy(rim_ctx *ctx, const rim_file_ask *ask, rim_ref to, uint64_t to_offset, uint64_t length,
                  rim_token *out) {
    struct load load = {.from = ask->file, .to = to, .offset = ask->offset, .to_offset = to_offset, .length = length};
    return carry(ctx, ask, &load, out);
}

const char *rim__file_carrier_path_of(rim_ctx *ctx, rim_ref who) {
    uint32_t backlog;
    const struct carrier *self = rim__actor_own(ctx, who, &behaviour, &backlog);
    return self != NULL ? rim__file_path_of(ctx, self->load.from) : NULL;
}
