/* SPDX-License-Identifier: MIT */
#include "ringmail/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"

/* With what rim_alloc puts in front of it, a size class of the pools. */
#define ROOM_MIN   224u
#define GROWS_FAST 4096u

int rim_buffer_reserve(rim_ctx *ctx, rim_buffer *buffer, size_t extra) {
    if (rim__likely(extra <= buffer->room - buffer->size)) {
        return 0;
    }
    size_t need = buffer->size + extra;
    size_t room = buffer->room == 0 ? ROOM_MIN : buffer->room * (buffer->room < GROWS_FAST ? 4 : 2);
    char *bytes = need < extra ? NULL : rim_realloc(ctx, buffer->bytes, room < need ? need : room);
    if (bytes == NULL) {
        buffer->failed = true;
        return -ENOMEM;
    }
    buffer->bytes = bytes;
    buffer->room = room < need ? need : room;
    return 0;
}

int rim_buffer_add(rim_ctx *ctx, rim_buffer *buffer, const void *bytes, size_t size) {
    int error = rim_buffer_reserve(ctx, buffer, size);
    if (error == 0 && size > 0) {
        memcpy(buffer->bytes + buffer->size, bytes, size);
        buffer->size += size;
    }
    return error;
}

int rim_buffer_format(rim_ctx *ctx, rim_buffer *buffer, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0 || rim_buffer_reserve(ctx, buffer, (size_t)size + 1) != 0) {
        return -ENOMEM;
    }
    va_start(args, format);
    vsnprintf(buffer->bytes + buffer->size, (size_t)size + 1, format, args);
    va_end(args);
    buffer->size += (size_t)size;
    return 0;
}

void rim_buffer_skip(rim_buffer *buffer, size_t size) {
    size = size < buffer->size ? size : buffer->size;
    if (size > 0) {
        memmove(buffer->bytes, buffer->bytes + size, buffer->size - size);
        buffer->size -= size;
    }
}

void rim_buffer_clear(rim_ctx *ctx, rim_buffer *buffer) {
    rim_free(ctx, buffer->bytes);
    *buffer = (rim_buffer){0};
}
