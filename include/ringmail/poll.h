/* SPDX-License-Identifier: MIT */
/*
 * poll.h - a descriptor of somebody else's as an actor that says when it can be read or written. For libraries that
 * have a descriptor and a function to be called when something can be done with it.
 *
 *     poll -> owner   RIM_POLL: it is ready for this
 *     owner           does what is to be done, in the handler of RIM_POLL
 *
 *     Order    the next RIM_POLL comes after the one before has been handled, or was given back (rim_take keeps it): so
 *              what was done then is seen
 *     Pressure there is one RIM_POLL at a time in a mailbox. While the owner has no room none is sent
 *     Life     the descriptor stays the caller's. The poll has a copy of it (dup(2)): it may be closed at any time, but
 *              what is behind it, such as the end of a pipe, stays open until the poll has ended, too
 *     Threads  handlers, as everything with a rim_ctx
 */
#ifndef RINGMAIL_POLL_H
#define RINGMAIL_POLL_H

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

enum rim_poll_events {
    RIM_POLL_READ = 1,     /* a read would not wait, also because it would tell of an end or an error */
    RIM_POLL_WRITE = 2,    /* a write would not wait */
    RIM_POLL_PRIORITY = 4, /* as POLLPRI of poll(2) */
    RIM_POLL_ERROR = 8,    /* told, never asked for: there is an error, or of a pipe that is written no reader */
    RIM_POLL_HANGUP = 16,  /* told, never asked for: the other side is gone */
};

typedef struct rim_poll_options {
    int fd;
    uint32_t events; /* RIM_POLL_READ, RIM_POLL_WRITE, RIM_POLL_PRIORITY, or several */
    bool once;       /* after a RIM_POLL it rests, until rim_poll_again */
} rim_poll_options;

/*
 * Waits for the descriptor, on the caller's shard and with the caller as owner. `out`, which may be NULL without
 * `once`, is for rim_stop; it ends with its owner, too, and when the system begins to stop. A file is always ready. 0,
 * or with a text: -EINVAL (no events), -EBADF, -EMFILE, -ENOMEM, -RIM_ELIMIT, -RIM_ESTOPPING.
 */
RIM_API RIM_MUST_CHECK int rim_poll_open(rim_ctx *ctx, const rim_poll_options *options, rim_ref *out);
/*
 * Waits again, for these events; 0: as before. For a poll that did not rest these count from the next RIM_POLL on. Any
 * actor that has the reference. 0, -EINVAL, or the codes of rim_send but for -RIM_EFULL.
 */
RIM_API RIM_MUST_CHECK int rim_poll_again(rim_ctx *ctx, rim_ref poll, uint32_t events);

/* RIM_POLL. Default: ignored, and it comes again. */
typedef struct rim_poll_event {
    rim_ref poll;
    int32_t fd;      /* the caller's */
    uint32_t events; /* what of it is so, of enum rim_poll_events */
    int32_t error;   /* 0; else the kernel would not wait for it, and nothing more comes */
} rim_poll_event;

#ifdef __cplusplus
}
#endif
#endif
