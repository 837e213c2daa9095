/* SPDX-License-Identifier: MIT */
/*
 * output.h - the outgoing half of a socket: the queue of what was written, one send in flight at most, the marks of
 * those who want to know when it is out, and the end.
 *
 *     Pressure  above the high-water mark the actor is held, so that its mailbox fills and refuses; below half of it,
 *               it is let go
 *     Threads   the shard's own
 */
#ifndef RINGMAIL_IO_OUTPUT_H
#define RINGMAIL_IO_OUTPUT_H

#include "actor/actor.h"
#include "io/op.h"
#include "io/outgoing.h"

struct rim__lending;
struct rim__socket;
struct rim__mark;

#define RIM_OUTPUT_HIGH_BYTES (256u * 1024u)
#define RIM_OUTPUT_HIGH_COUNT 256u

struct rim__output {
    struct rim__outgoing out;
    struct rim__mark *marks, *last_mark; /* first come first served */
    uint64_t sent;                       /* bytes */
    uint64_t unwritten;                  /* bytes that were written too late, or never left */
    struct rim__lending *lending;        /* sends that are not copied; NULL: there was none as yet */
    bool lends;                          /* large messages are sent so */
    bool held;                           /* the actor is */
    bool ended;                          /* nothing more is to be written: shutdown or close was asked for */
    bool shut;                           /* and the peer has been told */
    struct iovec piece;                  /* of a send that has one */
    struct iovec *pieces;                /* of one that has more, until it is through; else NULL */
    rim_address *target;                 /* of the connect, until it is through; else NULL */
    struct rim__op op;                   /* the connect, then the sends */
};

/* Whether a write would be taken now. */
bool rim__output_is_open(const struct rim__socket *socket);
/* The message that is being handled: its body is to be sent, after everything written before. */
void rim__output_write(struct rim__socket *socket, const void *body, rim_msg *msg);
/* Whether descriptors may go over this socket. */
bool rim__output_may_give(const struct rim__socket *socket);
/* Takes over a message with descriptors (passing.h). */
void rim__output_give(struct rim__socket *socket, rim_msg *msg);
/* Copies. 0 or -ENOMEM. */
int rim__output_copy(struct rim__socket *socket, const void *bytes, size_t size);
/* Takes over a message of the caller's. */
void rim__output_append(struct rim__socket *socket, rim_msg *msg);
/* Tells `asker` when everything written so far is out. 0 or -ENOMEM. */
int rim__output_mark(struct rim__socket *socket, rim_ref asker, uint64_t cookie);
/* Whether bytes wait to be sent, or are under way. */
bool rim__output_waits(const struct rim__socket *socket);
/* Whether anything has left. */
bool rim__output_has_spoken(const struct rim__socket *socket);
/* What was written, and is not in a send, is not to be sent any more; it is counted. Only where there is TLS. */
void rim__output_drop(struct rim__socket *socket);
/* Starts a send, or tells the peer of the end, if it is time. */
void rim__output_push(struct rim__socket *socket);
/* Whether a send is under way; one that is through, but whose bytes the kernel still has, is not. */
bool rim__output_is_sending(const struct rim__socket *socket);
/* Asks for the early end of it, or of the connect. */
void rim__output_cancel(struct rim__socket *socket);
/* How a send went: the count, or negative. Starts the next. */
void rim__output_sent(struct rim__socket *socket, int32_t result);
/* So many bytes have left past the queue, which is empty. */
void rim__output_passed(struct rim__socket *socket, uint64_t count);
/* The socket is open, or has other options. */
void rim__output_tune(struct rim__socket *socket);
/* Sends what the socket takes at once, without an operation: what is left is for rim__output_push, which is to follow.
   Does nothing for what is more than plain bytes of an open socket. Not where the driver has no send_now. */
void rim__output_send_now(struct rim__socket *socket);
/* Submits the connect. 0 or negative. */
int rim__output_connect(struct rim__socket *socket, uint64_t deadline_ns);
/* Frees everything; nothing is in flight. What was not sent is counted. */
void rim__output_finish(struct rim__socket *socket);

#endif
