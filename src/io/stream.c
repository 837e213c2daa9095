/* SPDX-License-Identifier: MIT */
/*
 * What is kept lies in a rim__body of its own, so that it can become the body of a message as it is:
 *
 *     | rim__body | ... read ... | unread: start .. start + size ... | room |
 *
 * While nothing is kept, `bytes` points into the caller's memory. While something is, an open appends to it, so the two
 * never have to be shown at once.
 */
#include "ringmail/stream.h"

#include <errno.h>
#include <string.h>

#include "actor/actor.h"

#define ROOM_MIN   192u
#define TAKE_FROM  4096u      /* smaller blocks are copied: a message with a body of its own costs more */
#define AHEAD      16u        /* memory is made for what is announced, up to so many times what has come, */
#define AHEAD_FREE (1u << 20) /* or so much */
#define OVERRUN    65536u     /* what may come behind a large block with its last bytes */

static char *kept_bytes(const rim_stream *stream) {
    return (char *)(stream->kept + 1);
}

static void release(struct rim__shard *home, struct rim__body *body) {
    rim__memory_free(&home->memory, body, sizeof *body + (size_t)(uintptr_t)body->arg[0]);
}

static struct rim__body *create(rim_ctx *ctx, size_t room) {
    struct rim__shard *shard = rim__ctx_shard(ctx);
    struct rim__body *body = room <= RIM_BODY_MAX ? rim__memory_alloc(&shard->memory, sizeof *body + room) : NULL;
    if (body != NULL) {
        *body = (struct rim__body){.home = shard->index, .release = release, .arg = {(void *)(uintptr_t)room, NULL}};
    }
    return body;
}

static void let_go(rim_ctx *ctx, rim_stream *stream) {
    if (stream->kept != NULL) {
        release(rim__ctx_shard(ctx), stream->kept);
        stream->kept = NULL;
    }
    stream->start = 0;
    stream->room = 0;
}

/* How much memory to make for `size` bytes: what is announced beyond them, unless it is out of all proportion, for who
   announces may be lying; without an announcement as much again. */
static size_t room_for(const rim_stream *stream, size_t size) {
    size_t room = size * 2;
    if (stream->need > size) {
        size_t most = size * AHEAD + AHEAD_FREE;
        room = (stream->need < most ? stream->need : most) + (stream->need > OVERRUN ? OVERRUN : 0);
    }
    return room < ROOM_MIN ? ROOM_MIN : room;
}

/* What is shown into new memory. */
static int move(rim_ctx *ctx, rim_stream *stream, size_t room) {
    struct rim__body *body = create(ctx, room);
    if (body == NULL) {
        return -ENOMEM;
    }
    memcpy(body + 1, stream->bytes, stream->size);
    let_go(ctx, stream);
    stream->kept = body;
    stream->room = room;
    return 0;
}

/* Keeps what is shown, and `more` bytes behind it. */
static int keep(rim_ctx *ctx, rim_stream *stream, const void *more, size_t more_size) {
    size_t size = stream->size + more_size;
    if (stream->kept == NULL || (stream->start + size > stream->room && size > stream->room / 2)) {
        int error = move(ctx, stream, room_for(stream, size));
        if (error != 0) {
            return error;
        }
    } else if (stream->start + size > stream->room) {
        memmove(kept_bytes(stream), stream->bytes, stream->size);
        stream->start = 0;
    }
    if (more_size > 0) {
        memcpy(kept_bytes(stream) + stream->start + stream->size, more, more_size);
    }
    stream->size = size;
    stream->bytes = kept_bytes(stream) + stream->start;
    return 0;
}

int rim_stream_open(rim_ctx *ctx, rim_stream *stream, const void *bytes, size_t size) {
    if (stream->kept != NULL) {
        return size > 0 ? keep(ctx, stream, bytes, size) : 0;
    }
    stream->bytes = bytes;
    stream->size = size;
    return 0;
}

int rim_stream_close(rim_ctx *ctx, rim_stream *stream) {
    if (stream->size == 0) {
        rim_stream_free(ctx, stream);
        return 0;
    }
    return stream->kept != NULL ? 0 : keep(ctx, stream, NULL, 0);
}

void rim_stream_free(rim_ctx *ctx, rim_stream *stream) {
    let_go(ctx, stream);
    stream->bytes = NULL;
    stream->size = 0;
}

void rim_stream_skip(rim_stream *stream, size_t size) {
    size = size < stream->size ? size : stream->size;
    stream->bytes += size;
    stream->size -= size;
    stream->start += stream->kept != NULL ? size : 0;
    stream->need = 0;
}

int rim_stream_line(rim_stream *stream, size_t max, const char **line, size_t *size) {
    const char *end = stream->size > 0 ? memchr(stream->bytes, '\n', stream->size) : NULL;
    size_t length = end != NULL ? (size_t)(end - stream->bytes) : stream->size;
    size_t read = length + 1;
    if (length > 0 && stream->bytes[length - 1] == '\r') {
        length--;
    }
    if (length > max) {
        return -RIM_ETOOBIG;
    }
    if (end == NULL) {
        return 0;
    }
    *line = stream->bytes;
    *size = length;
    rim_stream_skip(stream, read);
    return 1;
}

const char *rim_stream_block(rim_stream *stream, size_t size) {
    if (size > stream->size) {
        rim_stream_need(stream, size);
        return NULL;
    }
    const char *block = stream->bytes;
    rim_stream_skip(stream, size);
    return block;
}

void rim_stream_need(rim_stream *stream, size_t size) {
    stream->need = size;
}

static rim_msg *copy(rim_ctx *ctx, rim_stream *stream, uint32_t tag, size_t size) {
    rim_msg *msg = rim_msg_new(ctx, tag, size);
    if (msg != NULL) {
        memcpy(rim_body(msg), stream->bytes, size);
        rim_stream_skip(stream, size);
    }
    return msg;
}

rim_msg *rim_stream_take(rim_ctx *ctx, rim_stream *stream, uint32_t tag, size_t size) {
    if (size > stream->size || size > RIM_BODY_MAX) {
        return NULL;
    }
    size_t left = stream->size - size;
    if (stream->kept == NULL || size < TAKE_FROM || size < left) {
        return copy(ctx, stream, tag, size);
    }
    struct rim__body *rest = left > 0 ? create(ctx, left) : NULL;
    if (rest == NULL && left > 0) {
        return NULL;
    }
    struct rim_msg *msg = rim__msg_create(rim__ctx_shard(ctx), RIM_KIND_TELL, RIM_MSG_OUT, tag, size);
    if (msg == NULL) {
        if (rest != NULL) {
            release(rim__ctx_shard(ctx), rest);
        }
        return NULL;
    }
    msg->from = rim_self(ctx);
    msg->to = 0;
    struct rim__body *body = stream->kept;
    body->data = kept_bytes(stream) + stream->start;
    body->size = (uint32_t)size;
    *(struct rim__body **)rim__msg_after(msg) = body;
    if (left > 0) {
        memcpy(rest + 1, stream->bytes + size, left);
    }
    *stream = (rim_stream){.bytes = rest != NULL ? (char *)(rest + 1) : NULL, .size = left, .kept = rest, .room = left};
    return msg;
}
