/* SPDX-License-Identifier: MIT */
/*
 * port.h - a port: how a thread that is no shard takes part. A foreign thread's, a test's, another language's.
 *
 * A port has a reference like an actor's: others send to it, ask it, monitor it and link to it, and it sends and asks
 * them. What arrives waits until the thread receives it, in batches; a descriptor tells an event loop that something
 * waits.
 *
 *     rim_port *port;
 *     rim_port_item items[16];
 *     rim_port_open(system, NULL, &port);
 *     rim_port_send(port, counter, COUNTER_ADD, &five, sizeof five);
 *     rim_port_request(port, &(rim_port_ask){.to = counter, .tag = COUNTER_GET, .timeout_ns = RIM_SECONDS(1)}, NULL);
 *     int count = rim_port_receive(port, items, 16, RIM_SECONDS(2));
 *     ...
 *     rim_port_close(port);
 *
 *     Order    what a port sends to one receiver arrives in the order sent, and so does what one actor sends to a port
 *     Loss     as between actors on two shards: a message that finds no room is told of by RIM_REFUSED, one to nobody
 *              is a dead letter. A port that does not receive is a full mailbox: its senders get -RIM_EFULL
 *     Threads  a port is used by one thread at a time; a process may have thousands. When the thread that opened it (or
 *              adopted it last) ends without closing it, the port ends as failed, RIM_EXIT_FAILED, and is freed: its
 *              pointer is good no more
 */
#ifndef RINGMAIL_PORT_H
#define RINGMAIL_PORT_H

#include "ringmail/link.h"
#include "ringmail/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rim_port rim_port;

/* Zeroes are the defaults. */
typedef struct rim_port_options {
    uint32_t capacity; /* messages that may wait for it, about: half of them handed over, half in its mailbox; and
                          orders of its own that may be under way; 0: 1,024; at most 1,048,576 */
    uint32_t bytes;    /* of bodies that may wait, about; 0: 1 MiB */
    uint32_t shard;    /* that its actor lives on, and that works for it */
    bool trap_exit;    /* exit signals are received as RIM_EXIT_SIGNAL; else they end the port */
    const char *name;  /* NULL: none; else claimed for it (name.h). If it is taken, the port ends: -RIM_EDOWN */
} rim_port_options;

/*
 * Opens a port, for the calling thread. Before the system's start or after. 0, -EINVAL, -ENOMEM, -RIM_ESTOPPING,
 * -RIM_EFULL (the way to that shard is full), -RIM_ELIMIT, or what the kernel said: -EMFILE (each port has a
 * descriptor), -EAGAIN.
 */
RIM_API RIM_MUST_CHECK int rim_port_open(rim_system *system, const rim_port_options *options, rim_port **out);

/*
 * Ends a port and frees it; NULL is allowed. Those who monitor it hear RIM_EXIT_NORMAL. What it had not received is
 * dead-lettered, requests to it that it had not answered fail (-RIM_EDOWN), and its own have no outcome any more. Also
 * allowed when the system has been stopped or destroyed.
 */
RIM_API void rim_port_close(rim_port *port);

/* From now on the port is the calling thread's: the end of the other no longer ends it. 0, -ENOMEM. */
RIM_API int rim_port_adopt(rim_port *port);

RIM_API rim_ref rim_port_ref(const rim_port *port);

/* ---- sending: 0 means that it is under way ---- */

/*
 * Sends a copy of `size` bytes. 0, -RIM_EFULL (the port's shard has not kept up with it: try again later),
 * -RIM_EBADREF, -RIM_ETOOBIG, -EINVAL, -ENOMEM; -RIM_ESTOPPING or -RIM_EDOWN when the port has ended. Never waits.
 */
RIM_API int rim_port_send(rim_port *port, rim_ref to, uint32_t tag, const void *body, size_t size);
/*
 * The same without a copy. On 0 release(bytes, arg) will run exactly once, when the last owner is done: on a shard's
 * thread, or on that which closes the port. Else it will not run, and the bytes are still the caller's.
 */
RIM_API int rim_port_send_wrap(rim_port *port, rim_ref to, uint32_t tag, void *bytes, size_t size,
                               void (*release)(void *bytes, void *arg), void *arg);
/* One RIM_ROOM event when `to` has room again, or has ended. The codes of rim_port_send. */
RIM_API int rim_port_want_room(rim_port *port, rim_ref to);

/*
 * Spawns, as rim_system_spawn does: the reference is good at once.
 */
RIM_API RIM_MUST_CHECK int rim_port_spawn(rim_port *port, const rim_behaviour *behaviour,
                                          const rim_spawn_options *options, const void *arg, size_t size, rim_ref *out);
/* Asks an actor to stop, as rim_stop does. The codes of rim_port_send. */
RIM_API int rim_port_stop(rim_port *port, rim_ref who);

/* ---- links and monitors (link.h) ---- */

/*
 * One RIM_DOWN event with `cookie` when `who` has ended, RIM_EXIT_NOACTOR if it had before, RIM_EXIT_NOMEM also if its
 * shard had no memory to watch it. `out`, which may be NULL, is for rim_port_cancel. Its memory is reserved. The codes
 * of rim_port_send.
 */
RIM_API int rim_port_monitor(rim_port *port, rim_ref who, uint64_t cookie, rim_mon *out);
/* As rim_link and rim_unlink; but an exit signal that waits already is received all the same. A link that cannot be
   made for want of memory is an exit signal RIM_EXIT_NOMEM. The codes of rim_port_send. */
RIM_API int rim_port_link(rim_port *port, rim_ref who);
RIM_API int rim_port_unlink(rim_port *port, rim_ref who);
/* As rim_exit_send and rim_kill. The codes of rim_port_send; the first 127 bytes of the text. */
RIM_API int rim_port_exit_send(rim_port *port, rim_ref to, uint32_t code, const char *text);
RIM_API int rim_port_kill(rim_port *port, rim_ref who);

/* ---- requests ---- */

typedef struct rim_port_ask {
    rim_ref to;
    uint32_t tag;
    const void *body; /* copied */
    size_t size;
    uint64_t timeout_ns; /* mandatory: 0 is -EINVAL */
    uint64_t cookie;     /* comes back with the outcome */
} rim_port_ask;

/*
 * Asks. 0: there will be one item RIM_PORT_OUTCOME, with the cookie, unless the request is cancelled or the port ends.
 * Else (the codes of rim_port_send) there will be none. Its memory is reserved: it is not lost for want of any. `out`,
 * which may be NULL, is for rim_port_cancel.
 */
RIM_API RIM_MUST_CHECK int rim_port_request(rim_port *port, const rim_port_ask *ask, rim_token *out);
/* A request, or a monitor. True if it was pending: nothing of it is received afterwards, also if its outcome or event
   waits already. */
RIM_API bool rim_port_cancel(rim_port *port, uint64_t request_or_monitor);

/* Answers a request that was received (rim_port_item.request). The codes of rim_port_send; a token that is none, or
   was answered before, is ignored. */
RIM_API int rim_port_reply(rim_port *port, rim_token request, uint32_t tag, const void *body, size_t size);
/* The same with a failure: a negative code. */
RIM_API int rim_port_refuse(rim_port *port, rim_token request, int error);

/* ---- receiving ---- */

enum rim_port_kind {
    RIM_PORT_MESSAGE = 1, /* somebody sent it */
    RIM_PORT_REQUEST,     /* somebody asked: to be answered by rim_port_reply or rim_port_refuse */
    RIM_PORT_OUTCOME,     /* of a request of the port's own */
    RIM_PORT_EVENT,       /* of the runtime, by its tag: RIM_DOWN, RIM_CLOSING, RIM_REFUSED, RIM_ROOM, ... */
};

typedef struct rim_port_item {
    uint32_t kind;     /* enum rim_port_kind */
    uint32_t tag;      /* of the message, the request, the reply or the event */
    rim_ref from;      /* RIM_NIL: from no actor */
    rim_token request; /* RIM_PORT_REQUEST: to answer. RIM_PORT_OUTCOME: that it is the outcome of */
    uint64_t cookie;   /* RIM_PORT_OUTCOME: that of the request; RIM_DOWN: that of the monitor */
    const void *body;  /* 16-byte aligned; valid until the next receive of this port; NULL with an error */
    size_t size;       /* bytes of it */
    int32_t error;     /* RIM_PORT_OUTCOME: 0, or what on_outcome of rim_request would get */
    uint32_t unused;
} rim_port_item;

#define RIM_FOREVER UINT64_MAX

/*
 * Receives up to `count` items, and gives back those of the receive before. Waits for the first until `timeout_ns` has
 * passed (0: not at all, RIM_FOREVER: as long as it takes), and for no more. Under simulation it steps the world
 * meanwhile. Returns how many there are: 0 if the time is up; -RIM_ESTOPPING when all has been received and the system
 * has stopped, -RIM_EDOWN when it was the port alone that was ended; -EINVAL, -RIM_ECONTEXT (waiting within a handler).
 */
RIM_API int rim_port_receive(rim_port *port, rim_port_item *items, uint32_t count, uint64_t timeout_ns);

/*
 * A descriptor that is readable, level-triggered, while rim_port_receive would not return 0: for poll, select, epoll
 * or any event loop. The port's: it is not to be read, written or closed.
 */
RIM_API int rim_port_fd(rim_port *port);

#ifdef __cplusplus
}
#endif
#endif
