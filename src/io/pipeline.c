/* SPDX-License-Identifier: MIT */
#include "ringmail/pipeline.h"

#include <errno.h>
#include <string.h>

#include "base/compiler.h"

#define ROOM_FIRST 4u
#define GATHER     16384u /* so many bytes are written at once, whether or not more is to come */
#define PIECE      65536u
#define COPY_MAX   1024u /* smaller messages are copied into the buffer, and go with what is around them */

/* A piece of a reply that waits for its turn: a message, or bytes behind the struct. */
struct rim__part {
    struct rim__part *next;
    rim_msg *msg;
    size_t size;
};

void rim_pipeline_init(rim_pipeline *pipeline, rim_ref socket, const rim_pipeline_limits *limits) {
    *pipeline = (rim_pipeline){.socket = socket, .first = 1, .room = 1};
    if (limits != NULL) {
        pipeline->limits = *limits;
    }
    rim_pipeline_limits *own = &pipeline->limits;
    own->places = own->places != 0 ? own->places : 512;
    own->request_bytes = own->request_bytes != 0 ? own->request_bytes : 4u << 20;
    own->reply_bytes = own->reply_bytes != 0 ? own->reply_bytes : 256u << 10;
}

/* ---- places ---- */

static struct rim__place *at(rim_pipeline *pipeline, rim_pipeline_place place) {
    return pipeline->places == NULL ? &pipeline->own : &pipeline->places[place & (pipeline->room - 1)];
}

static struct rim__place *find(rim_pipeline *pipeline, rim_pipeline_place place) {
    return place - pipeline->first < pipeline->count ? at(pipeline, place) : NULL;
}

static bool grow(rim_ctx *ctx, rim_pipeline *pipeline) {
    rim_pipeline larger = *pipeline;
    larger.room = pipeline->room <= 1 ? ROOM_FIRST : pipeline->room * 2;
    larger.places = rim_alloc(ctx, larger.room * sizeof *larger.places);
    if (larger.places == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < pipeline->count; i++) {
        *at(&larger, pipeline->first + i) = *at(pipeline, pipeline->first + i);
    }
    rim_free(ctx, pipeline->places);
    *pipeline = larger;
    return true;
}

rim_pipeline_place rim_pipeline_reserve(rim_ctx *ctx, rim_pipeline *pipeline, size_t request_bytes) {
    if (rim__unlikely(pipeline->count == pipeline->room) && !grow(ctx, pipeline)) {
        return 0;
    }
    rim_pipeline_place place = pipeline->first + pipeline->count++;
    *at(pipeline, place) = (struct rim__place){.request_bytes = request_bytes};
    pipeline->request_bytes += request_bytes;
    return place;
}

uint32_t rim_pipeline_count(const rim_pipeline *pipeline) {
    return pipeline->count;
}

static void drop_part(rim_ctx *ctx, rim_pipeline *pipeline, struct rim__place *place) {
    struct rim__part *part = place->parts;
    place->parts = part->next;
    pipeline->reply_bytes -= part->size;
    rim_msg_free(ctx, part->msg);
    rim_free(ctx, part);
}

static void drop_parts(rim_ctx *ctx, rim_pipeline *pipeline, struct rim__place *place) {
    while (place->parts != NULL) {
        drop_part(ctx, pipeline, place);
    }
}

static void pop(rim_pipeline *pipeline) {
    pipeline->request_bytes -= at(pipeline, pipeline->first)->request_bytes;
    pipeline->first++;
    pipeline->count--;
}

void rim_pipeline_free(rim_ctx *ctx, rim_pipeline *pipeline) {
    for (uint32_t i = 0; i < pipeline->count; i++) {
        drop_parts(ctx, pipeline, at(pipeline, pipeline->first + i));
    }
    rim_free(ctx, pipeline->places);
    rim_buffer_clear(ctx, &pipeline->out);
    pipeline->places = NULL;
    pipeline->room = 1;
    pipeline->count = 0;
    pipeline->gone = true;
}

/* ---- to the socket ---- */

/* Takes note of what a write said. True: it was written. */
static bool is_written(rim_ctx *ctx, rim_pipeline *pipeline, int error) {
    if (rim__likely(error == 0)) {
        return true;
    }
    if (error == -RIM_EFULL && rim_want_room(ctx, pipeline->socket) == 0) {
        pipeline->full = true;
    } else if (error == -RIM_EDOWN || error == -RIM_EBADREF) {
        pipeline->gone = true; /* RIM_SOCKET_CLOSED is on its way */
    } else {
        pipeline->out.failed = true;
    }
    return false;
}

/* In pieces, for a socket that fills takes some of them, and not one that is too large for its mailbox. */
static void write_out(rim_ctx *ctx, rim_pipeline *pipeline) {
    rim_buffer *out = &pipeline->out;
    size_t done = 0;
    while (done < out->size && !pipeline->full && !pipeline->gone && !out->failed) {
        size_t piece = out->size - done < PIECE ? out->size - done : PIECE;
        if (is_written(ctx, pipeline, rim_socket_write(ctx, pipeline->socket, out->bytes + done, piece))) {
            done += piece;
        }
    }
    rim_buffer_skip(out, done);
}

/* Writes a message behind what is in the buffer. False: there is no room now. */
static bool write_msg(rim_ctx *ctx, rim_pipeline *pipeline, rim_msg **msg) {
    if (rim_size(*msg) <= COPY_MAX) {
        (void)rim_buffer_add(ctx, &pipeline->out, rim_body(*msg), rim_size(*msg));
        return true;
    }
    write_out(ctx, pipeline);
    return pipeline->out.size == 0 && !pipeline->full && !pipeline->gone &&
           is_written(ctx, pipeline, rim_socket_try_write_msg(ctx, pipeline->socket, msg));
}

/* What waits in the place at the head goes out, as far as there is room. False: not all. */
static bool write_parts(rim_ctx *ctx, rim_pipeline *pipeline, struct rim__place *place) {
    while (place->parts != NULL) {
        struct rim__part *part = place->parts;
        if (pipeline->gone) {
            drop_parts(ctx, pipeline, place);
            return true;
        }
        if (part->msg == NULL) {
            if (pipeline->full && pipeline->out.size >= pipeline->limits.reply_bytes) {
                return false;
            }
            (void)rim_buffer_add(ctx, &pipeline->out, part + 1, part->size);
        } else if (!write_msg(ctx, pipeline, &part->msg) && !pipeline->gone) {
            return false;
        }
        drop_part(ctx, pipeline, place);
        if (pipeline->out.size >= GATHER) {
            write_out(ctx, pipeline);
        }
    }
    return true;
}

static void advance(rim_ctx *ctx, rim_pipeline *pipeline) {
    while (pipeline->count > 0) {
        struct rim__place *head = at(pipeline, pipeline->first);
        if (!write_parts(ctx, pipeline, head) || !head->ended) {
            return;
        }
        pop(pipeline);
    }
}

/* ---- replies ---- */

static struct rim__part *add_part(rim_ctx *ctx, rim_pipeline *pipeline, struct rim__place *place, size_t size) {
    struct rim__part *part = rim_alloc(ctx, sizeof *part + size);
    if (part == NULL) {
        pipeline->out.failed = true;
        return NULL;
    }
    *part = (struct rim__part){.size = size};
    *(place->parts == NULL ? &place->parts : place->last) = part;
    place->last = &part->next;
    return part;
}

/* Whether a reply is written straight behind what is on its way out: the usual case. */
static bool is_next(const rim_pipeline *pipeline, const struct rim__place *found, rim_pipeline_place place) {
    return place == pipeline->first && found->parts == NULL;
}

int rim_pipeline_write(rim_ctx *ctx, rim_pipeline *pipeline, rim_pipeline_place place, const void *bytes, size_t size) {
    struct rim__place *found = find(pipeline, place);
    if (found == NULL || found->ended) {
        return -RIM_EBADREF;
    }
    if (found->muted || pipeline->gone || size == 0) {
        return 0;
    }
    if (is_next(pipeline, found, place)) {
        int error = rim_buffer_add(ctx, &pipeline->out, bytes, size);
        if (pipeline->out.size >= GATHER) {
            write_out(ctx, pipeline);
        }
        return error;
    }
    struct rim__part *part = add_part(ctx, pipeline, found, size);
    if (part == NULL) {
        return -ENOMEM;
    }
    memcpy(part + 1, bytes, size);
    pipeline->reply_bytes += size;
    return 0;
}

int rim_pipeline_write_msg(rim_ctx *ctx, rim_pipeline *pipeline, rim_pipeline_place place, rim_msg *msg) {
    if (msg == NULL) {
        return -EINVAL;
    }
    struct rim__place *found = find(pipeline, place);
    size_t size = rim_size(msg);
    if (found == NULL || found->ended || found->muted || pipeline->gone || size <= COPY_MAX) {
        int error = rim_pipeline_write(ctx, pipeline, place, rim_body(msg), size);
        rim_msg_free(ctx, msg);
        return error;
    }
    struct rim__part *part = add_part(ctx, pipeline, found, 0);
    if (part == NULL) {
        rim_msg_free(ctx, msg);
        return -ENOMEM;
    }
    part->msg = msg;
    part->size = size;
    pipeline->reply_bytes += size;
    if (place == pipeline->first) {
        (void)write_parts(ctx, pipeline, found);
    }
    return 0;
}

int rim_pipeline_end(rim_ctx *ctx, rim_pipeline *pipeline, rim_pipeline_place place) {
    struct rim__place *found = find(pipeline, place);
    if (found == NULL || found->ended) {
        return -RIM_EBADREF;
    }
    found->ended = true;
    if (place != pipeline->first) {
        return 0;
    }
    if (found->parts == NULL) { /* the usual case: it is the oldest, and written */
        pop(pipeline);
        found = pipeline->count > 0 ? at(pipeline, pipeline->first) : NULL;
        if (found == NULL || (found->parts == NULL && !found->ended)) {
            return 0;
        }
    }
    advance(ctx, pipeline);
    return 0;
}

int rim_pipeline_mute(rim_ctx *ctx, rim_pipeline *pipeline, rim_pipeline_place place) {
    struct rim__place *found = find(pipeline, place);
    if (found == NULL) {
        return -RIM_EBADREF;
    }
    found->muted = true;
    drop_parts(ctx, pipeline, found);
    return 0;
}

/* ---- pressure, and the end ---- */

static bool is_over(const rim_pipeline *pipeline, uint32_t part) {
    const rim_pipeline_limits *limits = &pipeline->limits;
    return pipeline->count >= limits->places / part || pipeline->request_bytes > limits->request_bytes / part ||
           pipeline->reply_bytes + pipeline->out.size > limits->reply_bytes / part;
}

bool rim_pipeline_takes_more(rim_pipeline *pipeline) {
    pipeline->over = is_over(pipeline, pipeline->over ? 2 : 1);
    pipeline->refused = pipeline->over || pipeline->held || pipeline->finishing || pipeline->gone;
    return !pipeline->refused;
}

void rim_pipeline_hold(rim_pipeline *pipeline, bool held) {
    pipeline->held = held;
}

void rim_pipeline_finish(rim_pipeline *pipeline) {
    pipeline->finishing = true;
}

/* Looks again: what was refused for may be over, and then nothing would ever resume the socket. */
static void pause_or_resume(rim_ctx *ctx, rim_pipeline *pipeline) {
    if (pipeline->refused) {
        (void)rim_pipeline_takes_more(pipeline);
    }
    if (pipeline->refused != pipeline->paused && rim_socket_pause(ctx, pipeline->socket, pipeline->refused) == 0) {
        pipeline->paused = pipeline->refused;
    }
}

/* An idle pipeline holds no memory: there may be very many. */
static void shrink(rim_ctx *ctx, rim_pipeline *pipeline) {
    if (pipeline->out.size == 0 && !pipeline->out.failed) {
        rim_buffer_clear(ctx, &pipeline->out);
    }
    if (pipeline->count == 0 && pipeline->places != NULL) {
        rim_free(ctx, pipeline->places);
        pipeline->places = NULL;
        pipeline->room = 1;
    }
}

int rim_pipeline_flush(rim_ctx *ctx, rim_pipeline *pipeline) {
    if (rim_backlog(ctx) == 0) {
        write_out(ctx, pipeline);
        shrink(ctx, pipeline);
    }
    if (pipeline->gone) {
        return -RIM_EDOWN;
    }
    if (pipeline->out.failed) {
        pipeline->gone = true;
        (void)rim_socket_abort(ctx, pipeline->socket);
        return -ENOMEM;
    }
    pause_or_resume(ctx, pipeline);
    if (pipeline->finishing && !pipeline->closing && pipeline->count == 0 && pipeline->out.size == 0) {
        pipeline->closing = rim_socket_close(ctx, pipeline->socket) == 0;
    }
    return 0;
}

bool rim_pipeline_room(rim_ctx *ctx, rim_pipeline *pipeline, const rim_room_event *event) {
    if (event->who != pipeline->socket) {
        return false;
    }
    pipeline->full = false;
    write_out(ctx, pipeline);
    advance(ctx, pipeline);
    return true;
}
