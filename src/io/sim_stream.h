/* SPDX-License-Identifier: MIT */
/*
 * sim_stream.h - a simulated TCP connection: two ends, and for each the bytes that are on their way to it or wait there
 * to be read. Called by sim_net.c (connecting, closing) and sim_io.c (send, receive).
 *
 *     end[0] (connected)  --- segments: each arrives at its time, in order --->  end[1] (accepted)
 *
 *     Order   bytes arrive in the order sent, the end of the stream and a reset behind them
 *     Window  what is unread at one end is at most RIM_SIM_WINDOW; a send takes what fits, and waits where nothing does
 *     Close   an end that closes with unread bytes, or that gets bytes afterwards, resets its peer; else it ends the
 *             stream. A reset gives one -ECONNRESET, then ends the stream for receives and breaks the pipe for sends;
 *             bytes that had arrived can still be read
 *     Life    a connection is gone when both ends are closed and nothing is on its way
 *     Threads the one that steps
 */
#ifndef RINGMAIL_IO_SIM_STREAM_H
#define RINGMAIL_IO_SIM_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/op.h"
#include "io/sim_event.h"

struct rim__sim;
struct rim__sim_socket;
struct rim__sim_segment;
struct rim__passing;

#define RIM_SIM_WINDOW 65536u

struct rim__sim_end {
    struct rim__sim_socket *socket; /* NULL: not accepted as yet, or closed */
    rim_address local;
    struct rim__sim_segment *first, *last; /* towards this end */
    size_t unread;                         /* bytes in them */
    uint64_t last_due_ns;                  /* nothing later arrives before */
    bool closed;
    bool finished; /* sends nothing any more */
    bool deaf;     /* shut down for reading */
    bool broken;   /* by a reset */
    int error;     /* of the reset, until somebody has been told */
};

struct rim__sim_conn {
    struct rim__sim_conn *next, **link; /* among all */
    struct rim__sim_conn *next_pending; /* in a listener's backlog */
    struct rim__sim *sim;
    struct rim__sim_end end[2];
    uint32_t events;   /* on their way */
    bool is_connected; /* the connect has its result */
    int connect_result;
};

/* A connection whose end 0 is about to connect. */
struct rim__sim_conn *rim__sim_stream_create(struct rim__sim *sim, const rim_address *from, const rim_address *to);
/* Frees it, whatever is on its way: for the end of the world. */
void rim__sim_stream_destroy(struct rim__sim_conn *conn);
/* fire(subject = conn, side, arg) at that time; fire calls land first. */
void rim__sim_stream_later(struct rim__sim_conn *conn, uint64_t due_ns, struct rim__sim_event event);
/* The event has come. False: there is no connection any more. */
bool rim__sim_stream_land(struct rim__sim_conn *conn);

/* Bytes that can be read at this end now. */
size_t rim__sim_stream_arrived(const struct rim__sim_conn *conn, int side);
/* Takes so many of them. Descriptors that came with them are closed. */
void rim__sim_stream_take(struct rim__sim_conn *conn, int side, char *to, size_t size);
/* Bytes that can be read at once: up to the end of the first segment that brings descriptors, as the kernel has it. */
size_t rim__sim_stream_batch(const struct rim__sim_conn *conn, int side);
/* The descriptors that come with one of the first `size` bytes, which are the caller's; returns how many, at most
   RIM_PASSING_MAX. */
uint32_t rim__sim_stream_unpack(struct rim__sim_conn *conn, int side, size_t size, int *descriptors);
/* Nothing can be read, and nothing will be. */
bool rim__sim_stream_is_over(const struct rim__sim_conn *conn, int side);
/* Bytes that this end may send now. */
size_t rim__sim_stream_room(const struct rim__sim_conn *conn, int side);
/* Sends the first `size` bytes of an operation. */
void rim__sim_stream_put(struct rim__sim_conn *conn, int side, const struct rim__op *op, size_t size);
/* The error that a reset left, once; `after` from then on. */
int rim__sim_stream_error(struct rim__sim_end *end, int after);

/* Half-close. */
void rim__sim_stream_end(struct rim__sim_conn *conn, int side);
/* A reset out of nowhere: this end sees it now, the other one later. */
void rim__sim_stream_break(struct rim__sim_conn *conn, int side);
void rim__sim_stream_close(struct rim__sim_conn *conn, int side, bool reset);

#endif
