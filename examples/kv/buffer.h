/* SPDX-License-Identifier: MIT */
/*
 * buffer.h - bytes that grow: input that is not complete yet, and replies on their way out.
 *
 * An empty buffer holds no memory. Appending never fails in the caller's face: without memory the buffer is marked
 * `failed`, and whoever owns it looks once, later.
 */
#ifndef KV_BUFFER_H
#define KV_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct buffer {
    char *bytes;
    size_t size;
    size_t room;
    bool failed;
};

/* Room for `extra` bytes more; false without memory. */
bool buffer_reserve(struct buffer *buffer, size_t extra);
/* Drops the first `size` bytes. */
void buffer_consume(struct buffer *buffer, size_t size);
/* Empties it; memory up to `keep` bytes is kept for the next use. */
void buffer_clear(struct buffer *buffer, size_t keep);

static inline void buffer_append(struct buffer *buffer, const void *bytes, size_t size) {
    if (buffer->room - buffer->size < size && !buffer_reserve(buffer, size)) {
        return;
    }
    if (size > 0) {
        memcpy(buffer->bytes + buffer->size, bytes, size);
        buffer->size += size;
    }
}

static inline void buffer_text(struct buffer *buffer, const char *text) {
    buffer_append(buffer, text, strlen(text));
}

void buffer_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
