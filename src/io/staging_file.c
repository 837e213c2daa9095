/* SPDX-License-Identifier: MIT */
/*
 * One file of a stage. How it is read is the driver's choice (rim__io_ops.fetch): by operations of its own, or in one
 * go by a helper. A read that fills its room says that there may be more: then it goes on with four times as much, or,
 * where that is too much for reading, with a map.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "actor/request.h"
#include "base/assert.h"
#include "io/staging.h"

#define GUESS_MAX (64u << 10)

static void over(struct rim__staging_file *file, int error);

/* ---- contents ---- */

static size_t span(const struct rim__staged *staged) {
    return sizeof *staged + staged->room;
}

static void free_staged(struct rim__staging *stage, struct rim__staged *staged) {
    struct rim__service *service = stage->service;
    stage->bytes -= staged->weight;
    if (staged->mapping.ops != NULL) {
        staged->mapping.ops->unmap(&staged->mapping);
        if (!service->detached) {
            service->io->descriptors--;
        }
    }
    rim__memory_free(&service->shard->memory, staged, span(staged));
}

static void release(struct rim__shard *home, struct rim__body *body) {
    (void)home;
    struct rim__staged *staged = rim__container_of(body, struct rim__staged, body);
    struct rim__staging *stage = staged->stage;
    stage->contents--;
    free_staged(stage, staged);
    rim__staging_pump(stage);
}

const struct rim__mapping *rim__staging_mapping(const struct rim__body *body) {
    if (body->release != release) {
        return NULL;
    }
    const struct rim__staged *staged = rim__container_of(body, const struct rim__staged, body);
    return staged->mapping.ops != NULL ? &staged->mapping : NULL;
}

static struct rim__staged *make_staged(struct rim__staging *stage, uint64_t room) {
    struct rim__staged *staged = rim__memory_alloc(&stage->service->shard->memory, sizeof *staged + room);
    if (staged != NULL) {
        staged->stage = stage;
        staged->mapping.ops = NULL;
        staged->room = room;
        staged->weight = sizeof *staged + room;
        stage->bytes += staged->weight;
    }
    return staged;
}

/* ---- outcomes ---- */

static int deliver(struct rim__staging_file *file) {
    struct rim__staging *stage = file->stage;
    struct rim__staged *staged = file->staged;
    struct rim__shard *shard = stage->service->shard;
    bool is_map = staged->mapping.ops != NULL;
    uint64_t size = is_map ? staged->mapping.size : file->moved;
    if (size > RIM_BODY_MAX) {
        return -RIM_ETOOBIG;
    }
    uint32_t flags = RIM_MSG_TOKEN | RIM_MSG_OUT | RIM_MSG_RESERVED;
    struct rim_msg *msg = rim__msg_create(shard, RIM_KIND_REPLY, flags, RIM_STAGING_CONTENT, (size_t)size);
    if (msg == NULL) {
        return -ENOMEM;
    }
    staged->body = (struct rim__body){.data = is_map ? staged->mapping.bytes : staged->bytes,
                                      .size = (uint32_t)size,
                                      .home = shard->index,
                                      .release = release};
    msg->from = stage->owner;
    msg->to = rim__ref_local(stage->owner);
    *rim__msg_token(msg) = (struct rim__msg_token){.token = file->token};
    *(struct rim__body **)rim__msg_after(msg) = &staged->body;
    stage->contents++;
    file->staged = NULL;
    stage->service->ctx->stats.sent++;
    rim__request_deliver(stage->service->ctx, msg);
    return 0;
}

static int explain(const struct rim__staging_file *file, int error, char *text, size_t size) {
    size_t length = strlen(file->path);
    const char *path = file->path + (length > 120 ? length - 120 : 0);
    const char *why = rim_strerror(error);
    return snprintf(text, size, "stage %s%s: %c%s", length > 120 ? "..." : "", path, tolower((unsigned char)why[0]),
                    why + (why[0] != '\0'));
}

/* With words, if there is memory for them. */
static void fail(const struct rim__staging_file *file, int error) {
    rim_ctx *ctx = file->stage->service->ctx;
    char text[RIM_FAILURE_TEXT_MAX];
    size_t length = (size_t)explain(file, error, text, sizeof text);
    length = length < sizeof text ? length : sizeof text - 1;
    uint32_t flags = RIM_MSG_TOKEN | RIM_MSG_RESERVED;
    struct rim_msg *msg =
        rim__msg_create(file->stage->service->shard, RIM_KIND_FAILURE, flags, 0, sizeof(int32_t) + length);
    if (msg == NULL) {
        rim__request_settle(ctx, file->token, error, 0);
        return;
    }
    msg->from = file->stage->owner;
    msg->to = rim__ref_local(file->stage->owner);
    *rim__msg_token(msg) = (struct rim__msg_token){.token = file->token};
    memcpy(rim__msg_body(msg), &(int32_t){error}, sizeof(int32_t));
    memcpy((char *)rim__msg_body(msg) + sizeof(int32_t), text, length);
    ctx->stats.sent++;
    rim__request_deliver(ctx, msg);
}

static void over(struct rim__staging_file *file, int error) {
    struct rim__staging *stage = file->stage;
    struct rim__io *io = stage->service->io;
    if (file->fd >= 0) {
        io->ops->close(io, file->fd, false);
        file->fd = -1;
    }
    bool is_heard = stage->owner != RIM_NIL && !stage->service->detached;
    error = error == 0 && is_heard ? deliver(file) : error;
    if (error != 0 && is_heard) {
        fail(file, error);
    }
    if (file->staged != NULL) {
        free_staged(stage, file->staged);
        file->staged = NULL;
    }
    file->next = NULL;
    *stage->told_end = file;
    stage->told_end = &file->next;
    stage->in_flight--;
    rim__staging_pump(stage);
}

/* ---- mapping ---- */

static void mapped(struct rim__op *op, const struct rim__completion *completion);

static int submit_map(struct rim__staging_file *file, enum rim__map_what what) {
    struct rim__io *io = file->stage->service->io;
    file->op.kind = RIM_OP_MAP;
    file->op.fd = -1;
    file->op.done = mapped;
    file->op.map.what = what;
    file->op.map.mapping = &file->staged->mapping;
    file->op.map.plan = &file->plan;
    file->op.map.offset = 0;
    file->op.map.length = file->staged->mapping.size;
    return io->ops->submit(io, &file->op);
}

static void mapped(struct rim__op *op, const struct rim__completion *completion) {
    struct rim__staging_file *file = rim__container_of(op, struct rim__staging_file, op);
    int error = completion->result;
    bool is_open = error == 0 && op->map.what == RIM_MAP_OP_OPEN;
    if (is_open) {
        struct rim__staged *staged = file->staged;
        file->stage->service->io->descriptors++;
        file->stage->bytes += staged->mapping.size;
        staged->weight += staged->mapping.size;
        error = file->stage->service->detached ? -ECANCELED : submit_map(file, RIM_MAP_OP_POPULATE);
    }
    if (!is_open || error != 0) {
        over(file, error);
    }
}

static int map_instead(struct rim__staging_file *file) {
    file->staged = make_staged(file->stage, 0);
    if (file->staged == NULL) {
        return -ENOMEM;
    }
    memset(&file->staged->mapping, 0, sizeof file->staged->mapping);
    file->plan = (struct rim__map_plan){.path = file->path, .access = RIM_MAP_READ};
    return submit_map(file, RIM_MAP_OP_OPEN);
}

/* ---- reading ---- */

static void done(struct rim__op *op, const struct rim__completion *completion);

static int submit_file(struct rim__staging_file *file, enum rim__file_what what) {
    struct rim__io *io = file->stage->service->io;
    struct rim__op *op = &file->op;
    op->kind = RIM_OP_FILE;
    op->fd = file->fd;
    op->done = done;
    op->file.what = what;
    op->file.path = what == RIM_FILE_OP_READ ? NULL : file->path;
    op->file.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY; /* a pipe would keep the opener waiting */
    op->file.mode = 0;
    op->file.offset = file->moved;
    op->file.length = 0;
    op->file.fixed = 0;
    op->file.bytes = what == RIM_FILE_OP_OPEN ? NULL : file->staged->bytes + file->moved;
    op->file.size = what == RIM_FILE_OP_OPEN ? 0 : (uint32_t)(file->staged->room - file->moved);
    return io->ops->submit(io, op);
}

static int read_on(struct rim__staging_file *file) {
    bool by_helper = file->stage->service->io->ops->fetch == RIM_FETCH_BY_HELPER;
    if (by_helper) {
        file->moved = 0; /* it has closed the file */
    }
    return submit_file(file, by_helper ? RIM_FILE_OP_FETCH : RIM_FILE_OP_READ);
}

static int make_room(struct rim__staging_file *file) {
    struct rim__staging *stage = file->stage;
    struct rim__staged *before = file->staged;
    uint64_t room = span(before) * 4 - sizeof *before;
    if (room > stage->map_from || room > RIM_FILE_OP_SIZE) {
        free_staged(stage, before);
        file->staged = NULL;
        return room > stage->map_from ? map_instead(file) : -RIM_ETOOBIG;
    }
    struct rim__staged *staged = make_staged(stage, room);
    if (staged == NULL) {
        return -ENOMEM;
    }
    memcpy(staged->bytes, before->bytes, file->moved);
    free_staged(stage, before);
    file->staged = staged;
    stage->guess = room <= GUESS_MAX && room > stage->guess ? room : stage->guess;
    return read_on(file);
}

/* 0: it goes on; 1: that was all; or negative. */
static int go_on(struct rim__staging_file *file, int32_t result) {
    enum rim__fetch fetch = file->stage->service->io->ops->fetch;
    if (result == -EINTR) {
        return submit_file(file, file->op.file.what);
    }
    if (result < 0) {
        return result;
    }
    if (file->op.file.what == RIM_FILE_OP_OPEN) {
        file->fd = result;
        file->stage->service->io->descriptors++;
        return submit_file(file, RIM_FILE_OP_READ);
    }
    file->moved += (uint32_t)result;
    if (file->moved == file->staged->room) {
        return make_room(file);
    }
    return result == 0 || fetch != RIM_FETCH_IN_PIECES ? 1 : submit_file(file, RIM_FILE_OP_READ);
}

static void done(struct rim__op *op, const struct rim__completion *completion) {
    struct rim__staging_file *file = rim__container_of(op, struct rim__staging_file, op);
    bool is_cut = file->stage->service->detached;
    if (is_cut && completion->result >= 0 && op->file.what == RIM_FILE_OP_OPEN) {
        file->fd = completion->result; /* to be closed */
        file->stage->service->io->descriptors++;
    }
    int next = is_cut ? -ECANCELED : go_on(file, completion->result);
    if (next != 0) {
        over(file, next < 0 ? next : 0);
    }
}

void rim__staging_begin(struct rim__staging_file *file) {
    struct rim__staging *stage = file->stage;
    file->fd = -1;
    file->moved = 0;
    stage->in_flight++;
    file->staged = stage->service->closing ? NULL : make_staged(stage, stage->guess);
    int error = stage->service->closing ? -RIM_ESTOPPING : file->staged == NULL ? -ENOMEM : 0;
    bool by_helper = stage->service->io->ops->fetch == RIM_FETCH_BY_HELPER;
    error = error != 0 ? error : submit_file(file, by_helper ? RIM_FILE_OP_FETCH : RIM_FILE_OP_OPEN);
    if (error != 0) {
        over(file, error);
    }
}
