/* SPDX-License-Identifier: MIT */
/*
 * pipeline.h - replies in order: for the owner of a socket whose peer sends request after request without waiting,
 * where the answers come from other actors, in any order.
 *
 *     request is parsed    place = rim_pipeline_reserve(...)        places are in the order of their requests
 *     answer is there      rim_pipeline_write(..., place, ...)      once or many times, places in any order
 *     it is whole          rim_pipeline_end(..., place)             what is at the head goes out
 *     end of each handler  rim_pipeline_flush(...)                  in as few writes as possible
 *
 * It is a part of the owner's state: rim_pipeline_init in the owner's init, rim_pipeline_free in its exit, and
 * rim_pipeline_room in its row for RIM_ROOM.
 *
 *     Order     replies leave in the order of the places, whole or, at the head, as they are written
 *     Loss      none while the connection lasts; when it is gone, what is written is dropped
 *     Pressure  rim_pipeline_takes_more says when to stop reading requests: too many are under way, or the peer does
 *               not take its replies. Who was told so keeps what is unread (stream.h); the next flush pauses the
 *               socket, and the first flush after it takes more again resumes it
 *     Threads   the handlers of the owner
 */
#ifndef RINGMAIL_PIPELINE_H
#define RINGMAIL_PIPELINE_H

#include "ringmail/buffer.h"
#include "ringmail/socket.h"

#ifdef __cplusplus
extern "C" {
#endif

/* When it takes no more. Zeroes are the defaults. */
typedef struct rim_pipeline_limits {
    uint32_t places;      /* under way; 0: 512 */
    size_t request_bytes; /* of requests under way, as told to rim_pipeline_reserve; 0: 4 MiB */
    size_t reply_bytes;   /* that wait for their turn or for the peer; 0: 256 KiB */
} rim_pipeline_limits;

/* A reply's place in the order; numbers count up from 1. */
typedef uint64_t rim_pipeline_place;

/* Private: a reply that is not out. */
struct rim__place {
    struct rim__part *parts, **last; /* what waits; `last` is meaningless while nothing does: places move */
    size_t request_bytes;
    bool ended, muted;
};

/* Private, but for its size. */
typedef struct rim_pipeline {
    rim_ref socket;
    rim_pipeline_limits limits;
    struct rim__place *places; /* NULL: there is `own` alone */
    struct rim__place own;     /* enough where no request follows before the reply to another is out */
    rim_pipeline_place first;  /* the oldest */
    uint32_t count;
    uint32_t room;        /* a power of two */
    size_t request_bytes; /* of the places */
    size_t reply_bytes;   /* that wait in the places */
    rim_buffer out;       /* whose turn has come */
    bool full;            /* the socket is: there will be room */
    bool over;            /* a limit was reached: it takes more at half of it */
    bool held;            /* by the owner */
    bool refused;         /* the owner was told that no more is taken */
    bool paused;          /* the socket is */
    bool finishing;       /* no more places: the socket closes after the last */
    bool closing;         /* it has been told to */
    bool gone;            /* the socket is */
} rim_pipeline;

/* Makes an empty pipeline for a socket. `limits` may be NULL. */
RIM_API void rim_pipeline_init(rim_pipeline *pipeline, rim_ref socket, const rim_pipeline_limits *limits);
/* Frees what it holds: to be called when the owner ends. */
RIM_API void rim_pipeline_free(rim_ctx *ctx, rim_pipeline *pipeline);

/*
 * The place of the next reply. `request_bytes` is what the request takes while it is under way; it counts until the
 * place is out. Also where rim_pipeline_takes_more says no. 0: out of memory.
 */
RIM_API rim_pipeline_place rim_pipeline_reserve(rim_ctx *ctx, rim_pipeline *pipeline, size_t request_bytes);
/* Adds a copy of the bytes to a reply. 0; -RIM_EBADREF: there is no such place, or it is out; -ENOMEM: the reply is not
   whole, and the next flush ends the connection. */
RIM_API int rim_pipeline_write(rim_ctx *ctx, rim_pipeline *pipeline, rim_pipeline_place place, const void *bytes,
                               size_t size);
/* Adds the body of a message, without a copy if it is large; consumes the message whatever it returns. */
RIM_API int rim_pipeline_write_msg(rim_ctx *ctx, rim_pipeline *pipeline, rim_pipeline_place place, rim_msg *msg);
/* Says that a reply is whole. It goes out when all before it have. 0 or -RIM_EBADREF. */
RIM_API int rim_pipeline_end(rim_ctx *ctx, rim_pipeline *pipeline, rim_pipeline_place place);
/* For a request that wants no reply: what waits in the place, or will be written to it, is dropped. 0 or
   -RIM_EBADREF. */
RIM_API int rim_pipeline_mute(rim_ctx *ctx, rim_pipeline *pipeline, rim_pipeline_place place);
/* Places that are not out. */
RIM_API uint32_t rim_pipeline_count(const rim_pipeline *pipeline);

/* Whether the owner may go on reading requests. */
RIM_API bool rim_pipeline_takes_more(rim_pipeline *pipeline);
/* While held, it takes no more: for a request during which no other may begin. */
RIM_API void rim_pipeline_hold(rim_pipeline *pipeline, bool held);
/* It takes no more, ever, and after the last reply the socket is closed. */
RIM_API void rim_pipeline_finish(rim_pipeline *pipeline);

/*
 * To be called at the end of every handler of the owner that may have used the pipeline, RIM_ROOM's too: writes what
 * can be written, unless more messages wait for the owner; pauses, resumes or closes the socket. 0; -RIM_EDOWN: the
 * socket is gone; -ENOMEM: the connection has been aborted.
 */
RIM_API int rim_pipeline_flush(rim_ctx *ctx, rim_pipeline *pipeline);
/* For the owner's row RIM_ROOM: takes the event if it is about the pipeline's socket, and says whether it was. */
RIM_API bool rim_pipeline_room(rim_ctx *ctx, rim_pipeline *pipeline, const rim_room_event *event);

#ifdef __cplusplus
}
#endif
#endif
