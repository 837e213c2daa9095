/* SPDX-License-Identifier: MIT */
/* The calls: each a request to the file's actor. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "actor/shortcut.h"
#include "io/file.h"

#define BUFFER_ALIGN 4096u

static rim_ask ask_of(const rim_file_ask *ask) {
    return (rim_ask){
        .to = ask->file,
        .tag = RIM_FILE_CALL,
        .timeout_ns = ask->timeout_ns,
        .on_outcome = ask->on_outcome,
        .cookie = ask->cookie,
    };
}

static int send(rim_ctx *ctx, const rim_file_ask *ask, const struct rim__file_ask *call, rim_token *out) {
    rim_ask request = ask_of(ask);
    request.body = call;
    request.size = sizeof *call;
    return rim_request(ctx, &request, out);
}

/* The kernel's offsets and lengths are signed. */
static bool is_place(uint64_t offset, uint64_t length) {
    return offset <= INT64_MAX && length <= INT64_MAX - offset;
}

static bool is_place_or_here(uint64_t offset, uint64_t length) {
    return offset == RIM_FILE_HERE ? length <= INT64_MAX : is_place(offset, length);
}

static int send_place(rim_ctx *ctx, const rim_file_ask *ask, struct rim__file_ask call, rim_token *out) {
    if (!is_place(ask->offset, call.length)) {
        return -EINVAL;
    }
    call.offset = ask->offset;
    return send(ctx, ask, &call, out);
}

/* ---- reading ---- */

static int send_read(rim_ctx *ctx, const rim_file_ask *ask, size_t size, struct rim__file_ask call, rim_token *out) {
    if (size == 0 || !is_place_or_here(ask->offset, size)) {
        return -EINVAL;
    }
    if (size > RIM_BODY_MAX) {
        return -RIM_ETOOBIG;
    }
    call.what = RIM_FILE_OP_READ;
    call.offset = ask->offset;
    call.length = size;
    int error = 0;
    if (rim__file_read_directly(ctx, ask, &call, out, &error) || error != 0) {
        return error;
    }
    return send(ctx, ask, &call, out);
}

int rim_file_read(rim_ctx *ctx, const rim_file_ask *ask, size_t size, rim_token *out) {
    return send_read(ctx, ask, size, (struct rim__file_ask){.is_exact = false}, out);
}

int rim_file_read_exact(rim_ctx *ctx, const rim_file_ask *ask, size_t size, rim_token *out) {
    return send_read(ctx, ask, size, (struct rim__file_ask){.is_exact = true}, out);
}

int rim__file_read_carried(rim_ctx *ctx, const rim_file_ask *ask, size_t size) {
    return send_read(ctx, ask, size, (struct rim__file_ask){.flags = RIM_FILE_CARRIED}, NULL);
}

/* ---- writing ---- */

rim_msg *rim_file_buffer(rim_ctx *ctx, size_t size) {
    if (size > RIM_BODY_MAX - sizeof(struct rim__file_ask)) {
        return NULL;
    }
    return rim_msg_new(ctx, RIM_FILE_CALL, sizeof(struct rim__file_ask) + size);
}

rim_msg *rim_file_buffer_aligned(rim_ctx *ctx, size_t size) {
    size_t head = sizeof(struct rim__file_ask);
    if (size > RIM_BODY_MAX - head) {
        return NULL;
    }
    rim_msg *msg = rim__msg_create_aligned(rim__ctx_shard(ctx), RIM_FILE_CALL, BUFFER_ALIGN + size, BUFFER_ALIGN);
    if (msg != NULL) {
        struct rim__body *body = rim__msg_out(msg);
        body->data = (char *)body->data + BUFFER_ALIGN - head;
        body->size = (uint32_t)(head + size);
        msg->size = body->size;
    }
    return msg;
}

void *rim_file_bytes(rim_msg *msg) {
    return (char *)rim_body(msg) + sizeof(struct rim__file_ask);
}

static int check_write(const rim_file_ask *ask, const rim_msg *msg) {
    if (rim_tag(msg) != RIM_FILE_CALL || rim_size(msg) <= sizeof(struct rim__file_ask)) {
        return -EINVAL;
    }
    size_t size = rim_size(msg) - sizeof(struct rim__file_ask);
    return ask->offset == RIM_FILE_END || is_place_or_here(ask->offset, size) ? 0 : -EINVAL;
}

static int send_write(rim_ctx *ctx, const rim_file_ask *ask, rim_msg *msg, uint32_t flags, rim_token *out) {
    int error = msg != NULL ? check_write(ask, msg) : -EINVAL;
    if (error != 0) {
        rim_msg_free(ctx, msg);
        return error;
    }
    *(struct rim__file_ask *)rim_body(msg) = (struct rim__file_ask){
        .what = RIM_FILE_OP_WRITE,
        .flags = flags,
        .offset = ask->offset,
        .length = rim_size(msg) - sizeof(struct rim__file_ask),
    };
    rim_ask request = ask_of(ask);
    request.msg = msg;
    return rim_request(ctx, &request, out);
}

int rim_file_write_buffer(rim_ctx *ctx, const rim_file_ask *ask, rim_msg *msg, rim_token *out) {
    return send_write(ctx, ask, msg, 0, out);
}

int rim__file_write_carried(rim_ctx *ctx, const rim_file_ask *ask, const void *bytes, size_t size) {
    rim_msg *msg = rim_file_buffer(ctx, size);
    if (msg == NULL) {
        return -ENOMEM;
    }
    memcpy(rim_file_bytes(msg), bytes, size);
    return send_write(ctx, ask, msg, RIM_FILE_CARRIED, NULL);
}

int rim_file_writev(rim_ctx *ctx, const rim_file_ask *ask, const struct iovec *pieces, size_t count, rim_token *out) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].iov_len > RIM_BODY_MAX - size) {
            return -RIM_ETOOBIG;
        }
        size += pieces[i].iov_len;
    }
    if (size == 0) {
        return -EINVAL;
    }
    if (size > RIM_BODY_MAX - sizeof(struct rim__file_ask)) {
        return -RIM_ETOOBIG;
    }
    rim_msg *msg = rim_file_buffer(ctx, size);
    if (msg == NULL) {
        return -ENOMEM;
    }
    char *to = rim_file_bytes(msg);
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].iov_len > 0) {
            memcpy(to, pieces[i].iov_base, pieces[i].iov_len);
            to += pieces[i].iov_len;
        }
    }
    return rim_file_write_buffer(ctx, ask, msg, out);
}

int rim_file_write(rim_ctx *ctx, const rim_file_ask *ask, const void *bytes, size_t size, rim_token *out) {
    struct iovec piece = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    return rim_file_writev(ctx, ask, &piece, 1, out);
}

/* ---- the rest ---- */

int rim_file_sync(rim_ctx *ctx, const rim_file_ask *ask, bool data_only, rim_token *out) {
    struct rim__file_ask call = {.what = data_only ? RIM_FILE_OP_DATASYNC : RIM_FILE_OP_SYNC};
    return send(ctx, ask, &call, out);
}

int rim_file_truncate(rim_ctx *ctx, const rim_file_ask *ask, rim_token *out) {
    if (!is_place(ask->offset, 0)) {
        return -EINVAL;
    }
    struct rim__file_ask call = {.what = RIM_FILE_OP_TRUNCATE, .length = ask->offset};
    return send(ctx, ask, &call, out);
}

int rim_file_allocate(rim_ctx *ctx, const rim_file_ask *ask, uint64_t length, int mode, rim_token *out) {
    struct rim__file_ask call = {.what = RIM_FILE_OP_ALLOCATE, .length = length, .flags = (uint32_t)mode};
    return send_place(ctx, ask, call, out);
}

int rim_file_advise(rim_ctx *ctx, const rim_file_ask *ask, uint64_t length, int advice, rim_token *out) {
    struct rim__file_ask call = {.what = RIM_FILE_OP_ADVISE, .length = length, .flags = (uint32_t)advice};
    return send_place(ctx, ask, call, out);
}

int rim_file_lock(rim_ctx *ctx, const rim_file_ask *ask, uint64_t length, enum rim_file_lock lock, rim_token *out) {
    static const uint32_t kinds[] = {F_UNLCK, F_RDLCK, F_WRLCK};
    if ((unsigned)lock >= RIM_COUNT(kinds)) {
        return -EINVAL;
    }
    struct rim__file_ask call = {.what = RIM_FILE_OP_LOCK, .length = length, .flags = kinds[lock]};
    return send_place(ctx, ask, call, out);
}

int rim_file_stat(rim_ctx *ctx, const rim_file_ask *ask, rim_token *out) {
    struct rim__file_ask call = {.what = RIM_FILE_OP_STAT};
    return send(ctx, ask, &call, out);
}

int rim__file_ask_hold(rim_ctx *ctx, rim_ref file, rim_ref carrier) {
    struct rim__file *const *state = rim__shortcut_find(ctx, file, &rim__file_behaviour);
    if (state != NULL) { /* nothing waits before it: now */
        rim__file_hold(*state, carrier);
        return 0;
    }
    int error = rim__send_event(ctx, rim_self(ctx), file, RIM_FILE_HOLD, &carrier, sizeof carrier);
    return error == -ENOMEM ? error : 0; /* what else is wrong with the file is found by its first call */
}

int rim_file_close(rim_ctx *ctx, rim_ref file) {
    return rim__send_event(ctx, rim_self(ctx), file, RIM_FILE_CLOSE, NULL, 0);
}

int rim_file_replace(rim_ctx *ctx, const rim_file_replacement *replacement, const void *bytes, size_t size,
                     rim_token *out) {
    if (replacement == NULL || (bytes == NULL && size > 0)) {
        return -EINVAL;
    }
    rim_msg *msg = size <= RIM_FILE_OP_SIZE ? rim_file_buffer(ctx, size) : NULL;
    if (msg == NULL) {
        return size <= RIM_FILE_OP_SIZE ? -ENOMEM : -RIM_ETOOBIG;
    }
    *(struct rim__file_ask *)rim_body(msg) = (struct rim__file_ask){
        .what = RIM_FILE_OP_REPLACE,
        .flags = replacement->mode != 0 ? replacement->mode : 0666,
        .length = size,
    };
    if (size > 0) {
        memcpy(rim_file_bytes(msg), bytes, size);
    }
    rim_ask request = {
        .msg = msg,
        .timeout_ns = replacement->timeout_ns,
        .on_outcome = replacement->on_outcome,
        .cookie = replacement->cookie,
    };
    int error = rim__file_stand_in(ctx, replacement->path, &request.to);
    if (error != 0) {
        rim_msg_free(ctx, msg);
        return error;
    }
    error = rim_request(ctx, &request, out);
    if (error != 0) {
        (void)rim_stop(ctx, request.to);
    } else if (rim_file_close(ctx, request.to) != 0) {
        rim_log(ctx, RIM_LOG_WARNING, "replace %s: its actor stays until its owner ends", replacement->path);
    }
    return error;
}
