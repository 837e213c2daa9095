/* SPDX-License-Identifier: MIT */
/*
 * buffer.h - bytes that grow, in an actor's own memory (rim_alloc): for texts that are put together piece by piece.
 *
 *     rim_buffer text = {0};                   empty; takes no memory until something is added
 *     rim_buffer_format(ctx, &text, "%u of ", 3u);
 *     rim_buffer_add(ctx, &text, bytes, size);
 *     ... text.bytes, text.size, text.failed ...
 *     rim_buffer_clear(ctx, &text);            or leave it: it ends with the actor
 *
 *     Loss      without memory nothing is added and the buffer is marked `failed`: one look, after the last addition,
 *               is enough
 *     Threads   the handlers of the actor that uses it; it cannot be handed to another actor
 */
#ifndef RINGMAIL_BUFFER_H
#define RINGMAIL_BUFFER_H

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Zeroed, it is empty. The fields may be read, and bytes[0 .. size) be written. */
typedef struct rim_buffer {
    char *bytes;
    size_t size;
    size_t room;
    bool failed; /* something was not added: out of memory. Cleared by rim_buffer_clear */
} rim_buffer;

/* Makes room for `extra` bytes behind the last, for the caller to write there and to add to `size`. 0 or -ENOMEM. */
RIM_API int rim_buffer_reserve(rim_ctx *ctx, rim_buffer *buffer, size_t extra);
/* Adds a copy of the bytes. 0 or -ENOMEM. */
RIM_API int rim_buffer_add(rim_ctx *ctx, rim_buffer *buffer, const void *bytes, size_t size);
/* Adds what printf would print, of any length. 0 or -ENOMEM. */
RIM_API int rim_buffer_format(rim_ctx *ctx, rim_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Drops the first `size` bytes; at most what there are. */
RIM_API void rim_buffer_skip(rim_buffer *buffer, size_t size);
/* Empties it, and frees its memory. */
RIM_API void rim_buffer_clear(rim_ctx *ctx, rim_buffer *buffer);

#ifdef __cplusplus
}
#endif
#endif
