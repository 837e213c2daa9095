/* SPDX-License-Identifier: MIT */
/*
 * stream.h - reading a protocol from a socket: its bytes arrive in messages of any size, and are wanted as lines and
 * blocks. A stream shows what has come and is not read yet as one piece of memory, and keeps the rest for next time.
 *
 *     on RIM_SOCKET_DATA:   rim_stream_open(ctx, &stream, body, rim_size(msg));
 *                           while (rim_stream_line(&stream, 1000, &line, &size) > 0) { ... }
 *                           rim_stream_close(ctx, &stream);
 *     on room again:        the same with rim_stream_open(ctx, &stream, NULL, 0): what was left over is shown
 *     in exit:              rim_stream_free(ctx, &stream);
 *
 * Nothing is copied while the messages end where the lines and blocks do: then it is the receive buffer that is shown,
 * and an idle stream holds no memory. What is left over at close is copied. Of a large block whose size is known
 * (rim_stream_block, rim_stream_need) all bytes are collected in one place, which rim_stream_take hands out as a
 * message without copying it again.
 *
 *     Order     that of the bytes
 *     Loss      none; out of memory, the call says -ENOMEM, and the stream is as before
 *     Pressure  a stream keeps what it is given: who leaves bytes unread has to pause the socket (see pipeline.h)
 *     Threads   the handlers of one actor
 */
#ifndef RINGMAIL_STREAM_H
#define RINGMAIL_STREAM_H

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Zeroed, it is empty. */
typedef struct rim_stream {
    const char *bytes; /* between open and close: what is not read yet, for the caller to look at, */
    size_t size;       /* and how much of it */
    size_t need;       /* fewer bytes are of no use: see rim_stream_need */
    struct rim__body *kept;
    size_t start, room; /* of what is kept */
} rim_stream;

/* Adds the bytes behind what was kept, and shows all. They are borrowed until close. 0 or -ENOMEM: not added. */
RIM_API RIM_MUST_CHECK int rim_stream_open(rim_ctx *ctx, rim_stream *stream, const void *bytes, size_t size);
/* Keeps a copy of what is unread. 0 or -ENOMEM: then what was not kept already is lost, and the connection with it. */
RIM_API RIM_MUST_CHECK int rim_stream_close(rim_ctx *ctx, rim_stream *stream);
/* Frees what is kept: to be called when the actor ends. */
RIM_API void rim_stream_free(rim_ctx *ctx, rim_stream *stream);

/* Between open and close. What is given out is borrowed, and good until close. */

/* The first `size` bytes (at most what there are) are read. */
RIM_API void rim_stream_skip(rim_stream *stream, size_t size);
/* Reads one line, that ends with "\n" or "\r\n", which are not part of it. 1: it is there; 0: not yet; -RIM_ETOOBIG: it
   is longer than `max` bytes. */
RIM_API RIM_MUST_CHECK int rim_stream_line(rim_stream *stream, size_t max, const char **line, size_t *size);
/* Reads `size` bytes. NULL: they are not all there yet; memory for them is made when they come. */
RIM_API const char *rim_stream_block(rim_stream *stream, size_t size);
/* Says that nothing can be done before `size` unread bytes are there. Holds until they are. */
RIM_API void rim_stream_need(rim_stream *stream, size_t size);
/* Reads `size` bytes, which must be there, as a message of the caller's: large ones that were kept without a copy.
   NULL: out of memory, or they are not there. */
RIM_API rim_msg *rim_stream_take(rim_ctx *ctx, rim_stream *stream, uint32_t tag, size_t size);

#ifdef __cplusplus
}
#endif
#endif
