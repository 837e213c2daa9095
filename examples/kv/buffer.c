/* SPDX-License-Identifier: MIT */
#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ROOM_MIN 256u

bool buffer_reserve(struct buffer *buffer, size_t extra) {
    size_t need = buffer->size + extra;
    if (need <= buffer->room) {
        return true;
    }
    size_t room = buffer->room < ROOM_MIN ? ROOM_MIN : buffer->room * 2;
    if (room < need) {
        room = need;
    }
    char *bytes = realloc(buffer->bytes, room);
    if (bytes == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->bytes = bytes;
    buffer->room = room;
    return true;
}

void buffer_consume(struct buffer *buffer, size_t size) {
    if (size > 0) {
        memmove(buffer->bytes, buffer->bytes + size, buffer->size - size);
        buffer->size -= size;
    }
}

void buffer_clear(struct buffer *buffer, size_t keep) {
    buffer->size = 0;
    if (buffer->room > keep) {
        free(buffer->bytes);
        buffer->bytes = NULL;
        buffer->room = 0;
    }
}

void buffer_format(struct buffer *buffer, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (size > 0) {
        buffer_append(buffer, text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1);
    }
}
