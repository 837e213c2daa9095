/* SPDX-License-Identifier: MIT */
/*
 * socket.h - one connection: the state machine behind a socket actor. Written once, above io/op.h.
 *
 * It lives in a block of its own, because an operation's memory must outlive an actor that ends. It is freed when the
 * actor has ended, no operation is in flight and the descriptor is closed.
 *
 *     CONNECTING --connected--> OPEN --close asked, owner gone, --> FLUSHING --all written--> LINGERING
 *         |                      |     peer's end by default,        |   |                     |
 *         |                      |     TLS broken                    |   '-- nothing unread --.|-- peer's end, time
 *         '-- failed, closed -.  '-- error, abort, both ends -.      '-- error, abort --.     ||
 *                             v                               v                         v     vv
 *                             '-------------------------->  CLOSING  <------------------------'
 *                                                             | nothing in flight: the descriptor is closed
 *                                   DELIVERING <--------------+
 *                                       |  the owner had no   |
 *                                       |  room as yet        v
 *                                       '----------------> CLOSED: the owner is told, the actor stops
 *
 * With TLS there is one more before OPEN: CONNECTING --connected--> SHAKING --handshake over--> OPEN, and from SHAKING
 * to FLUSHING where the handshake fails with a word to the peer, else to CLOSING. An accepted connection has no owner
 * before OPEN then.
 *
 * All transitions are made by settle() and by the functions of socket.c that it calls, through enter(). The two
 * directions end independently of each other, in any order, within OPEN: these are facts about each direction
 * (output.ended, input.ended), not states, because everything else in OPEN is the same for all four cases.
 *
 *     CLOSING     follows the only safe order: issue nothing more; where something is in flight, shutdown, cancel, and
 *                 wait until nothing is; close. Before that the number could be reused under an operation.
 *     LINGERING   the peer was sending to the last: close would answer what is unread with a reset, which can
 *                 overtake our last bytes. So the end is sent, and what comes is dropped, for a short time.
 *     Threads     the shard's own
 */
#ifndef RINGMAIL_IO_SOCKET_H
#define RINGMAIL_IO_SOCKET_H

#include "io/dial.h"
#include "io/input.h"
#include "io/output.h"
#include "io/patience.h"
#include "io/place.h"
#include "io/service.h"
#include "io/tls.h"

enum rim__socket_state {
    RIM_SOCKET_IS_CONNECTING,
    RIM_SOCKET_IS_SHAKING,
    RIM_SOCKET_IS_OPEN,
    RIM_SOCKET_IS_FLUSHING,
    RIM_SOCKET_IS_LINGERING,
    RIM_SOCKET_IS_CLOSING,
    RIM_SOCKET_IS_DELIVERING,
    RIM_SOCKET_IS_CLOSED,
};

#define RIM_SOCKET_LINGER_NS RIM_MS(500) /* unless its options say otherwise */

/* In the order of use: with hundreds of connections, what costs are the cache lines that a message touches. */
struct rim__socket {
    struct rim__service *service;
    struct rim__socket *next, **link; /* in its bucket of the service; link NULL: not registered */
    rim_ref self, owner;              /* owner RIM_NIL: there is none, or it has ended */
    struct rim__tls *tls; /* NULL: plain. Here, because each send and receive looks at it, and at the state */
    enum rim__socket_state state;
    int fd;          /* -1: closed */
    int error;       /* why it closes; 0: because it was asked to */
    bool self_gone;  /* the actor has ended */
    bool settling;   /* settle runs: a nested one has nothing to do */
    bool busy;       /* counted by rim__ctx_busy */
    bool reset;      /* close so that the peer sees a reset */
    bool connecting; /* the error, if one comes, is one of connect */
    bool lingers_on; /* its timer has not fired for the first time */
    bool quiet;      /* the owner is not told: it never heard of the socket, or is cut off as well */
    struct rim__socket *next_push, **push_link; /* in the service's list; link NULL: is not to be pushed */
    struct rim__patience *patience;             /* NULL: no time-outs */
    struct rim__output output;
    struct rim__watch self_watch, owner_watch;
    struct rim__place local, peer;
    struct rim__timer linger;
    const rim_socket_options *options; /* a block of its own, or rim__socket_plain */
    struct rim__dial *dial;            /* for a peer that was given by name; else NULL */
    struct rim__socket_birth *birth;   /* accepted with TLS: of the owner to be spawned; NULL: it was, or is no such */
    struct rim_msg *farewell;          /* RIM_SOCKET_CLOSED, made beforehand; NULL: sent */
    struct rim__body *gone;            /* to be released when it is closed; NULL for an outgoing connection */
    const char *label;                 /* of a pipe (pipe.c), "standard output"; NULL: a connection */
    int flags;                         /* of a pipe: to be set again before the close (F_SETFL); -1: none */
    struct rim__input input; /* last, and no more of its operation than RIM_OP_RECEIVE_SPAN: what is behind it is for
                                those that send, half a KiB for each connection */
};
#define RIM_SOCKET_BYTES (offsetof(struct rim__socket, input.op) + RIM_OP_RECEIVE_SPAN)

/* The init argument of the actor. */
struct rim__socket_birth {
    struct rim__socket *made; /* by rim_connect, or NULL: then the rest is there */
    int fd;
    rim_ref listener;
    struct rim__body *taken, *gone; /* of the record; to be released in this order, see listener.h */
    rim_socket_options options;
    const rim_behaviour *owner;
    rim_spawn_options owner_options;
    const void *arg;
    rim_tls *tls;            /* kept by the listener, which outlives this */
    struct rim__place local; /* what it is sure to be called, without a path; family 0: the kernel knows */
};
extern const rim_behaviour rim__socket_behaviour; /* socket_actor.c */

/* Tags to the actor. Close and shutdown go as events, whose place is reserved, but in turn with what was written. */
enum {
    RIM_SOCKET_PROTOCOL = 0x7f01,
    RIM_SOCKET_WRITE = (RIM_SOCKET_PROTOCOL << 16) + RIM_USER, /* the body is the bytes */
    RIM_SOCKET_FLUSH,                                          /* uint64_t cookie */
    RIM_SOCKET_SHUTDOWN,
    RIM_SOCKET_CLOSE,
};

/* A socket that owns `fd` (-1: there is none yet) and is in CONNECTING, without an actor. NULL when out of memory. */
struct rim__socket *rim__socket_create(struct rim__service *service, int fd);
/* The actor is there: registers the socket by its reference and watches it. 0 or negative. */
int rim__socket_attach(struct rim__socket *socket, rim_ref self);
/* The owner is there, and is watched too. 0 or negative. */
int rim__socket_own(struct rim__socket *socket, rim_ref owner);
/* An accepted connection gets its owner. 0 or negative, which has been logged. socket_actor.c */
int rim__socket_raise(struct rim__socket *socket, const struct rim__socket_birth *birth);
/* Frees a socket without a word; its descriptor, if it is still open, is the caller's. */
void rim__socket_discard(struct rim__socket *socket);
/* The socket of a living actor of this shard, and how many messages wait for that; else NULL. socket_actor.c */
struct rim__socket *rim__socket_of_actor(rim_ctx *ctx, rim_ref self, uint32_t *backlog);
/* Whether it is open, on this shard, and nothing waits to be sent or is being sent. socket_calls.c */
bool rim__socket_is_idle(rim_ctx *ctx, rim_ref self);
/* NULL if there is no such socket on this shard, or none any more. */
struct rim__socket *rim__socket_find(const struct rim__service *service, rim_ref self);

/* What the user gave: 0, or -EINVAL with a text. socket_options.c */
int rim__socket_check(rim_ctx *ctx, const rim_socket_options *options);
/* What most have: the defaults. socket_options.c */
extern const rim_socket_options rim__socket_plain;
/* Gives it options before it is open; the kernel is not told. 0 or -ENOMEM. socket_options.c */
int rim__socket_set_options(struct rim__socket *socket, const rim_socket_options *options);
/* Gives back what it has of its own for names, options and time-outs. socket_options.c */
void rim__socket_strip(struct rim__socket *socket);
/* The names of both ends become the socket's; `local`, which has no path, where that is known. 0 or negative.
   socket_options.c */
int rim__socket_learn_names(struct rim__socket *socket, const struct rim__place *local);
/* Makes these the socket's. 0 or negative errno. socket_options.c */
int rim__socket_tune(struct rim__socket *socket, const rim_socket_options *options);

/* Does whatever is to be done next. To be called last in every event; the socket may be gone afterwards. */
void rim__socket_settle(struct rim__socket *socket);
/* The same where nothing has happened but that bytes were written to the socket, or have left: less to look at. */
void rim__socket_push(struct rim__socket *socket);
/* rim__socket_push, when the turns of this tick have been taken: one send for all that they write. */
void rim__socket_push_later(struct rim__socket *socket);
/* After the turns: starts them all. */
void rim__socket_push_all(struct rim__service *service);

/* Changes of state; the caller settles. Each is allowed in every state, and does nothing where it comes too late. */
void rim__socket_opened(struct rim__socket *socket);
void rim__socket_shaken(struct rim__socket *socket);
void rim__socket_lose(struct rim__socket *socket, int error);
/* The peer does not keep to TLS: what was written is dropped, but the last word to it may still leave. */
void rim__socket_refuse(struct rim__socket *socket, int error);
void rim__socket_close(struct rim__socket *socket);
void rim__socket_abort(struct rim__socket *socket);

/* It is closed: the owner is told, or where there never was one, the log. socket_report.c */
void rim__socket_report(struct rim__socket *socket);
/* Owner `who` has room again: for all sockets that wait for it. */
void rim__socket_room(struct rim__service *service, rim_ref who);
/* The actors are gone: closes at once, or as soon as nothing is in flight, and frees. */
void rim__socket_cut(struct rim__socket *socket);

/* What shutdown(2) is to a connection. A pipe has no such thing. */
int rim__socket_shut(struct rim__socket *socket, int how);

static inline struct rim__shard *rim__socket_shard(const struct rim__socket *socket) {
    return socket->service->shard;
}

#endif
