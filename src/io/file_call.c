/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "actor/shortcut.h"
#include "base/assert.h"
#include "io/disk.h"
#include "io/file.h"

#define FIX_AFTER  64u  /* reads */
#define PATH_SHOWN 120u /* bytes of a path, from its end, that a text has room for */

static void done(struct rim__op *op, const struct rim__completion *completion);

/* ---- words ---- */

static const char *const verbs[] = {
    [RIM_FILE_OP_OPEN] = "open",         [RIM_FILE_OP_READ] = "read",       [RIM_FILE_OP_WRITE] = "write",
    [RIM_FILE_OP_SYNC] = "sync",         [RIM_FILE_OP_DATASYNC] = "sync",   [RIM_FILE_OP_TRUNCATE] = "truncate",
    [RIM_FILE_OP_ALLOCATE] = "allocate", [RIM_FILE_OP_STAT] = "stat",       [RIM_FILE_OP_ADVISE] = "advise",
    [RIM_FILE_OP_LOCK] = "lock",         [RIM_FILE_OP_REPLACE] = "replace", [RIM_FILE_OP_COPY_RANGE] = "copy to",
};

void rim__file_explain(const struct rim__file *file, const struct rim__file_call *call, int error, char *text,
                       size_t size) {
    size_t length = file->path_size - 1;
    const char *dots = length > PATH_SHOWN ? "..." : "";
    const char *path = file->path + (length > PATH_SHOWN ? length - PATH_SHOWN : 0);
    if (error == 0) {
        rim__assert(size >= 2 * PATH_SHOWN);
        char *end = stpcpy(stpcpy(text, dots), path); /* at each closing: without a format to be read */
        memcpy(end, " closed", sizeof " closed");
        return;
    }
    const char *why = rim_strerror(error);
    const char *verb = file->error != 0 || call == NULL ? "open" : verbs[call->ask.what];
    int used =
        snprintf(text, size, "%s %s%s: %c%s", verb, dots, path, tolower((unsigned char)why[0]), why + (why[0] != '\0'));
    if (call != NULL && error == -EINVAL && file->align != 0 && used > 0 && (size_t)used < size) {
        used +=
            snprintf(text + used, size - (size_t)used, " (direct I/O there is in multiples of %u bytes)", file->align);
    }
    if (call != NULL && call->moved > 0 && used > 0 && (size_t)used < size) {
        snprintf(text + used, size - (size_t)used, ", after %" PRIu64 " of %" PRIu64 " bytes", call->moved,
                 call->ask.length);
    }
}

/* ---- to the driver ---- */

static char *bytes_of(const struct rim__file_call *call) {
    size_t head = rim__file_ask_brings(&call->ask) ? sizeof(struct rim__file_ask) : 0;
    return call->msg != NULL ? (char *)rim__msg_body(call->msg) + head : NULL;
}

static uint64_t size_of(const struct rim__file_call *call) {
    switch (call->ask.what) {
    case RIM_FILE_OP_READ:
    case RIM_FILE_OP_WRITE:
    case RIM_FILE_OP_REPLACE:
        return (call->span != 0 ? call->span : call->ask.length) - call->moved;
    case RIM_FILE_OP_STAT:
        return sizeof(struct statx);
    default:
        return 0;
    }
}

/* A file that is read often gets a number, if the driver has one. */
static uint32_t number_of(struct rim__file *file) {
    const struct rim__io *io = file->service->io;
    if (file->reads < FIX_AFTER && ++file->reads == FIX_AFTER && io->ops->fix != NULL) {
        file->fixed = io->ops->fix(file->service->io, file->fd);
    }
    return file->fixed;
}

/* Also for the rest, after a short read or write. */
static int submit(struct rim__file_call *call) {
    const struct rim__file_ask *ask = &call->ask;
    struct rim__io *io = call->file->service->io;
    struct rim__op *op = &call->op;
    uint64_t size = size_of(call);
    bool is_end = ask->what == RIM_FILE_OP_WRITE && ask->offset == RIM_FILE_OP_END;
    op->kind = RIM_OP_FILE;
    op->fd = call->file->fd;
    op->done = done;
    op->file.what = ask->what;
    op->file.flags = ask->flags;
    op->file.mode = ask->flags; /* of a replacement */
    op->file.size = size < RIM_FILE_OP_SIZE ? (uint32_t)size : RIM_FILE_OP_SIZE;
    op->file.offset = is_end ? RIM_FILE_OP_END : ask->offset - (call->span != 0 ? call->skew : 0) + call->moved;
    op->file.length = ask->length;
    op->file.path = ask->what == RIM_FILE_OP_REPLACE ? call->file->path : NULL;
    op->file.bytes = size > 0 ? bytes_of(call) + call->moved : NULL;
    op->file.from_offset = ask->is_exact;
    op->file.fixed = ask->what == RIM_FILE_OP_READ ? number_of(call->file) : 0;
    return io->ops->submit(io, op);
}

static int make_room(struct rim__file_call *call) {
    uint64_t size = size_of(call);
    if (call->is_direct) {
        return 0; /* it has it */
    }
    if (call->file->align != 0 && call->ask.what == RIM_FILE_OP_READ) {
        return rim__file_align_prepare_read(call);
    }
    if (call->file->align != 0 && call->ask.what == RIM_FILE_OP_WRITE) {
        return rim__file_align_prepare_write(call);
    }
    if (call->ask.what == RIM_FILE_OP_READ || call->ask.what == RIM_FILE_OP_STAT) {
        call->msg = rim__msg_create(call->file->service->shard, RIM_KIND_TELL, 0, RIM_FILE_CALL, size);
        return call->msg != NULL ? 0 : -ENOMEM;
    }
    return 0;
}

static bool is_in_memory(struct rim__file_call *call) {
    struct rim__file *file = call->file;
    if (!rim__file_look(file, &call->ask, bytes_of(call), file->in_flight + file->waiting_count - 1)) {
        return false;
    }
    call->moved = call->ask.length;
    file->position = call->is_here ? call->ask.offset + call->moved : file->position;
    return true;
}

int rim__file_call_start(struct rim__file_call *call) {
    if (call->is_here) {
        call->ask.offset = call->file->position;
    }
    int error = make_room(call);
    if (error == 0 && call->ask.what == RIM_FILE_OP_READ && !call->is_direct && is_in_memory(call)) {
        return 1;
    }
    return error != 0 ? error : submit(call);
}

/* ---- back ---- */

static void over(struct rim__file_call *call, int error) {
    struct rim__file *file = call->file;
    if (call->is_here) {
        file->position = call->ask.offset + call->moved;
    }
    struct rim__file *source = call->source;
    file->in_flight--;
    rim__file_call_end(call, error);
    rim__file_settle(file);
    if (source != NULL) {
        rim__file_unpin(source);
    }
}

/* Whether there is a rest to be done; else `error` is how it ends. */
static bool has_rest(struct rim__file_call *call, int32_t result, int *error) {
    bool writes = call->ask.what == RIM_FILE_OP_WRITE;
    if ((!writes && call->ask.what != RIM_FILE_OP_READ) || result < 0) {
        if (call->source != NULL && result > 0) {
            call->moved = (uint64_t)result;
        }
        *error = result < 0 ? result : 0;
        return false;
    }
    if (call->span != 0) {
        bool any = rim__file_align_has_rest(call, (uint32_t)result);
        *error = any ? 0 : rim__file_align_finish_read(call);
        return any;
    }
    call->moved += (uint32_t)result;
    if (call->moved == call->ask.length) {
        *error = 0;
        return false;
    }
    /* A short read need not be the end of the file: only the next, of nothing, says so. And a write that moves nothing
       will move nothing the next time. */
    *error = writes ? -EIO : call->ask.is_exact ? -ENODATA : 0;
    return result > 0;
}

static void done(struct rim__op *op, const struct rim__completion *completion) {
    struct rim__file_call *call = rim__container_of(op, struct rim__file_call, op);
    int error = 0;
    bool again = completion->result == -EINTR || has_rest(call, completion->result, &error);
    if (again && call->file->service->detached) {
        again = false;
        error = -ECANCELED;
    }
    if (again) {
        error = submit(call);
    }
    if (!again || error != 0) {
        over(call, error);
    }
}

/* ---- the outcome ---- */

static int reply_status(rim_ctx *ctx, const struct rim__file_call *call) {
    struct statx found;
    rim_file_status status;
    memcpy(&found, rim__msg_body(call->msg), sizeof found);
    rim__disk_status(&found, &status);
    status.direct_align = call->file->align;
    return rim_reply(ctx, call->token, RIM_FILE_CALL, &status, sizeof status);
}

/* The message that was read into; a part of it, where there was less to read. */
static int reply_bytes(rim_ctx *ctx, struct rim__file_call *call) {
    if (call->moved == 0) {
        return rim_reply(ctx, call->token, RIM_FILE_CALL, NULL, 0);
    }
    struct rim_msg *msg = call->msg;
    if (call->moved < call->ask.length) {
        msg = rim_msg_view(ctx, RIM_FILE_CALL, rim__msg_body(msg), call->moved, msg);
        if (msg == NULL) {
            return -ENOMEM;
        }
    } else {
        call->msg = NULL;
    }
    return rim_reply_msg(ctx, call->token, msg);
}

static int reply(rim_ctx *ctx, struct rim__file_call *call) {
    if (call->ask.what == RIM_FILE_OP_READ) {
        return reply_bytes(ctx, call);
    }
    if (call->ask.what == RIM_FILE_OP_STAT) {
        return reply_status(ctx, call);
    }
    bool is_whole = call->ask.what == RIM_FILE_OP_REPLACE;
    rim_file_result result = {.offset = call->ask.offset, .bytes = is_whole ? call->ask.length : call->moved};
    return rim_reply(ctx, call->token, RIM_FILE_CALL, &result, sizeof result);
}

static void answer(struct rim__file_call *call, int error) {
    rim_ctx *ctx = call->file->service->ctx;
    void *previous = rim__ctx_enter(ctx, call->file->self);
    if (error == 0) {
        error = reply(ctx, call);
    }
    if (error != 0) {
        char text[RIM_FAILURE_TEXT_MAX];
        rim__file_explain(call->file, call, error, text, sizeof text);
        (void)rim__refuse_saying(ctx, call->token, error, text);
    }
    rim__ctx_leave(ctx, previous);
}

/* Its request is not the actor's, and so did not go with it. */
static void answer_directly(struct rim__file_call *call, int error) {
    struct rim__file *file = call->file;
    rim_ctx *ctx = file->service->ctx;
    if (file->self_gone) {
        error = -RIM_EDOWN;
    }
    if (error == 0) {
        size_t size = call->source != NULL ? sizeof(rim_file_result) : call->moved;
        if (call->source != NULL) {
            *(rim_file_result *)rim__msg_body(call->msg) =
                (rim_file_result){.offset = call->ask.offset, .bytes = call->moved};
        }
        error = rim__shortcut_reply(ctx, file->self, call->token, call->msg, size);
        call->msg = error == 0 ? NULL : call->msg;
    }
    if (error != 0) {
        char text[RIM_FAILURE_TEXT_MAX];
        rim__file_explain(file, call, error, text, sizeof text);
        rim__shortcut_fail(ctx, file->self, call->token, error, text);
    }
}

void rim__file_call_end(struct rim__file_call *call, int error) {
    struct rim__shard *shard = call->file->service->shard;
    if (call->is_direct && !call->file->service->detached) {
        answer_directly(call, error);
    } else if (!rim__file_is_cut(call->file)) { /* else its deferred request went with the actor */
        answer(call, error);
    }
    if (call->msg != NULL) {
        rim__msg_release(shard, call->msg);
    }
    rim__memory_free(&shard->memory, call, RIM_FILE_CALL_SPAN);
}
