/* SPDX-License-Identifier: MIT */
/*
 * bundle.h - many small requests that travel together, and so do their answers: for who serves a client from what is
 * spread over several actors, one a shard for instance. A request of its own costs more than a look into a table; in a
 * bundle it costs its bytes and a head.
 *
 *     asker                                                       answerer, in the row of the bundle's tag
 *       rim_bundle_add(..., to, cookie, size)    many times         rim_unbundle_open(...)
 *       rim_bundle_flush(...)   at the end of      ---request-->    while ((ask = rim_unbundle_next(...)) != NULL)
 *                               each handler                            rim_unbundle_answer(...)
 *     on_outcome:                                  <---reply---     rim_unbundle_reply(...)
 *       rim_bundle_open(...)
 *       while (rim_bundle_next(..., &answer)) { ... answer.cookie, answer.error, answer.bytes ... }
 *
 * Both are parts of their actors' states. What one handler adds for one receiver is one request, or several if it is
 * much. Several asks may have the same cookie: who asks many shards for one result counts down there.
 *
 *     Order     what is for one receiver arrives in the order in which it was added; answers of one request come in
 *               that order too
 *     Loss      none: each ask has exactly one answer, if need be an error, unless the asker ends
 *     Pressure  a receiver without room: rim_bundle_flush says so, the rest stays in the bundle, and RIM_ROOM comes
 *     Threads   the handlers of the actor whose it is
 */
#ifndef RINGMAIL_BUNDLE_H
#define RINGMAIL_BUNDLE_H

#include "ringmail/buffer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the asker's side ---- */

typedef struct rim_bundle_options {
    uint32_t tag;           /* of the requests */
    uint32_t bytes;         /* a request with so many takes no more asks; 0: 16 KiB. A larger ask travels alone */
    uint64_t timeout_ns;    /* of each request; mandatory */
    rim_outcome on_outcome; /* calls rim_bundle_open; mandatory */
} rim_bundle_options;

/* Private, but for its size. */
typedef struct rim_bundle {
    const rim_bundle_options *options;
    struct rim__load *filled; /* to be sent */
    struct rim__load *failed; /* could not be */
    struct rim__load *open;   /* whose answers are read, */
    size_t at;                /* from this ask on, */
    const char *answers;      /* and these bytes, */
    size_t left;              /* so many */
    rim_msg *kept;            /* that hold memory of the answerer's */
    const char *shown;        /* the last answer */
    uint32_t shown_size;
    uint32_t count; /* of asks without an answer */
    uint32_t usual; /* bytes of a request, lately */
    bool full;      /* RIM_ROOM is to come */
} rim_bundle;

/* What came of an ask. Borrowed: good until the next call of rim_bundle_next. */
typedef struct rim_bundle_answer {
    uint64_t cookie;
    int error;         /* 0; as in rim_outcome; or what the answerer said, -RIM_EREFUSED if it said nothing */
    bool held;         /* the bytes are the answerer's own memory: rim_bundle_view keeps them without a copy */
    const void *bytes; /* 8-byte aligned, if not held; NULL with an error */
    size_t size;
} rim_bundle_answer;

/* Makes an empty bundle. `options` must stay where they are: a constant. */
RIM_API void rim_bundle_init(rim_bundle *bundle, const rim_bundle_options *options);
/*
 * Adds an ask of `size` bytes, at the place returned (8-byte aligned), which the caller fills before the next call.
 * NULL: out of memory, or too large (2 GiB); then there is no ask.
 */
RIM_API void *rim_bundle_add(rim_ctx *ctx, rim_bundle *bundle, rim_ref to, uint64_t cookie, size_t size);
/*
 * To be called at the end of each handler that may have added something, RIM_ROOM's too: sends it. 0; -RIM_EFULL: not
 * all of it, and RIM_ROOM will come. Else the codes of rim_request: some asks could not be sent, and rim_bundle_next
 * has their answers, which are errors.
 */
RIM_API int rim_bundle_flush(rim_ctx *ctx, rim_bundle *bundle);
/* For the row RIM_ROOM: takes the event if it is about a receiver that the bundle waits for, and says whether it was.
 */
RIM_API bool rim_bundle_room(rim_bundle *bundle, const rim_room_event *event);
/* Whether nothing waits for room: who adds more meanwhile lets it pile up here. */
RIM_API bool rim_bundle_takes_more(const rim_bundle *bundle);
/* Asks that have no answer yet. */
RIM_API uint32_t rim_bundle_count(const rim_bundle *bundle);

/* In on_outcome, with its own arguments: the answers of one request are there, to be read to the last. */
RIM_API void rim_bundle_open(rim_ctx *ctx, rim_bundle *bundle, uint64_t cookie, int error, const void *body,
                             rim_msg *msg);
/* The next answer. False: there is none for now. */
RIM_API bool rim_bundle_next(rim_ctx *ctx, rim_bundle *bundle, rim_bundle_answer *answer);
/* The last answer's bytes as a message of the caller's, without a copy if they are held and many. NULL: out of memory,
   or the answer was an error. */
RIM_API rim_msg *rim_bundle_view(rim_ctx *ctx, rim_bundle *bundle, uint32_t tag);
/* Lets go of answers that were not read to the last: to be called when the asker ends. */
RIM_API void rim_bundle_free(rim_ctx *ctx, rim_bundle *bundle);

/* ---- the answerer's side ---- */

/* Zeroed, it is ready. Keeps some memory for the next time. Private, but for its size. */
typedef struct rim_unbundle {
    const char *at; /* what is left of the asks */
    size_t left;
    rim_buffer answers;
    bool holds; /* some of them are memory of others */
} rim_unbundle;

/* Begins with the asks of the message that is being handled. They are borrowed until the handler returns, before which
   rim_unbundle_reply is to be called: it is what lets go of what is held. */
RIM_API void rim_unbundle_open(rim_unbundle *unbundle, const void *body, const rim_msg *msg);
/* The next ask, 8-byte aligned. NULL: that was the last. A copy of the struct can be read ahead of it. */
RIM_API const void *rim_unbundle_next(rim_unbundle *unbundle, size_t *size);
/* Answers an ask: they are answered in order, and one that is left out at the end is refused. Out of memory all asks of
   the request are answered with -ENOMEM. */
RIM_API void rim_unbundle_answer(rim_ctx *ctx, rim_unbundle *unbundle, const void *bytes, size_t size);
/* The same with memory that nobody writes until release(bytes, arg) has run: on this shard and exactly once, when the
   asker has done with the answer, or it could not be sent, or this actor has ended before. It may run after the actor's
   exit. */
RIM_API void rim_unbundle_hold(rim_ctx *ctx, rim_unbundle *unbundle, const void *bytes, size_t size,
                               void (*release)(void *bytes, void *arg), void *arg);
/* The same with a failure, a negative code. */
RIM_API void rim_unbundle_refuse(rim_ctx *ctx, rim_unbundle *unbundle, int error);
/* Sends the answers, as the reply to the request in hand. As rim_reply: whatever it returns, the asks have theirs. */
RIM_API int rim_unbundle_reply(rim_ctx *ctx, rim_unbundle *unbundle);

#ifdef __cplusplus
}
#endif
#endif
