/* SPDX-License-Identifier: MIT */
/*
 * listener.h - a listening descriptor as an actor: accepts, chooses a shard, and spawns the socket's actor there with
 * the descriptor in its argument.
 *
 *     accepted descriptor -> record -> spawn on the chosen shard -> taken: the socket owns it -> gone: record freed
 *
 * A record is kept for each connection on the listener's shard. Until the socket says that it has taken the
 * descriptor over, the record owns it, so that it cannot leak in a message that never arrives. Records are also the
 * count for max_connections and for RIM_DISTRIBUTE_LEAST. What the socket says are not messages but two bodies of the
 * record that it releases: they come home whatever happens to actors, up to the very end, so that a descriptor is
 * never closed by both.
 *
 *     REUSEPORT  the first listener binds on the caller's shard; one more is spawned on every other shard. Each keeps
 *                its connections, and has an equal part of max_connections, at least one. The end of the first ends all
 *     Pressure   when the way to a shard is full the connection waits here, and nothing more is accepted meanwhile
 *     Threads    the shard's own
 */
#ifndef RINGMAIL_IO_LISTENER_H
#define RINGMAIL_IO_LISTENER_H

#include "actor/actor.h"
#include "io/op.h"
#include "io/service.h"

#define RIM_LISTENER_RETRY_NS    RIM_MS(1)      /* the way to a shard was full */
#define RIM_LISTENER_BACK_OFF_NS RIM_MS(100)    /* no descriptors left, or the like */
#define RIM_LISTENER_LOG_NS      RIM_SECONDS(1) /* at most one line about that in so long */

/* One connection, on its listener's shard. */
struct rim__record {
    struct rim__record *next, **link; /* in records or in waiting */
    struct rim__listener *listener;
    rim_ref socket; /* RIM_NIL while it waits */
    int fd;         /* -1: taken over */
    uint32_t shard;
    struct rim__body taken, gone; /* the socket's words */
};

struct rim__listener {
    struct rim__service *service;
    struct rim__listener *next, **link; /* in the service's list */
    rim_ref self;
    struct rim__watch self_watch;
    bool self_gone; /* the actor has ended */
    bool closing;   /* accepts no more */
    bool busy;      /* counted by rim__ctx_busy, while it closes */
    bool told;      /* the caller got its RIM_LISTENING */
    struct rim__op accept;
    int fd; /* -1: closed */
    struct rim__timer retry;
    uint64_t logged_ns;         /* when a failing accept was last logged; 0: never */
    rim_address address;        /* with the real port */
    rim_listen_options options; /* host and full_text are not kept here */
    rim_spawn_options owner_options;
    char *full_text;
    uint32_t full_size;
    rim_ref caller;              /* RIM_NIL for a further listener of REUSEPORT */
    struct rim__listener *first; /* of which this is a further one, to name to first_clerk */
    rim_ref first_clerk;
    uint32_t unarmed;            /* further listeners that have not said whether they listen */
    uint32_t turn;               /* for round robin */
    uint32_t total;              /* connections */
    uint32_t ended;              /* connections that are no more */
    struct rim__record *records; /* handed over */
    struct rim__record *waiting; /* accepted, but the way to their shard was full */
    bool paused;
    uint64_t rate_ns;         /* with accept_rate: what has been accepted is paid for then */
    bool swept;               /* while it drains: nobody waits in the kernel's queue */
    struct rim__drain *drain; /* NULL: it is not drained; listener_drain.c */
    uint32_t shards;
    struct rim__listener_shard {
        uint32_t connections;
        bool is_due;     /* a further listener is yet to be spawned there */
        rim_ref further; /* the listener on that shard, or RIM_NIL */
    } on[];
};

/* What a listener is made of. Copied, but for the behaviour, the owner's argument and full_text. */
struct rim__listener_plan {
    rim_listen_options options;
    rim_spawn_options owner_options;
    rim_address address; /* as asked for */
    rim_ref caller;
    struct rim__listener *first;
    rim_ref first_clerk;
};

/* Listens, without an actor as yet. 0 or negative. */
int rim__listener_create(struct rim__service *service, const struct rim__listener_plan *plan,
                         struct rim__listener **out);
/* The actor is there: watches it and starts to accept. 0 or negative. */
int rim__listener_attach(struct rim__listener *listener, rim_ref self);
/* Closes it: accepts no more, and frees the listener when nothing needs it. */
void rim__listener_close(struct rim__listener *listener);
/* The actors are gone: closes and frees, also what was not taken over. */
void rim__listener_cut(struct rim__listener *listener);
struct rim__listener *rim__listener_next(struct rim__listener *listener);

/* Accepts again, if it may. */
void rim__listener_resume(struct rim__listener *listener);
/* Cancels the accept, if one is in flight. */
void rim__listener_stop(struct rim__listener *listener);
/* One more from the kernel's queue, if somebody waits there. 0 or negative. */
int rim__listener_sweep(struct rim__listener *listener);
/* Closes the listening descriptor; nothing is in flight on it. */
void rim__listener_shut(struct rim__listener *listener);
/* A connection that has not been handed over is closed, and forgotten. */
void rim__listener_drop(struct rim__record *record);

/* listener_drain.c: whether the drain has come to its end; the listener may be gone afterwards. */
void rim__drain_look(struct rim__listener *listener);
/* The listener is closed: tells what is left, and frees the drain. */
void rim__drain_finish(struct rim__listener *listener);

/* listen.c: spawns a further listener of this one on another shard, and logs why not. 0, -RIM_EFULL or negative. */
int rim__listen_spawn(struct rim__listener *listener, uint32_t shard, rim_ref *out);

/* A further listener listens, or could not. */
void rim__listener_armed(struct rim__listener *listener);

#endif
