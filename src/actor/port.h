/* SPDX-License-Identifier: MIT */
/*
 * port.h - a port's two sides: its actor, on a shard (port.c, port_order.c), and its thread (src/port*.c).
 *
 *     thread --- orders --> out ring --> the actor's shard, which does what they say in the actor's name
 *     thread <-- items ---- in ring <--- the actor, which makes one of each message that it gets
 *
 * Four words go with the rings, all changed by exchanges only, so that for each there is one order of its changes:
 *
 *     news     1: a call is on its way to the shard. The thread pushes an order, then exchanges 1; who
 *              finds 0 puts the call into the inlet. The shard exchanges 0, then pops. So an order that a call does not
 *              find was pushed after that call's exchange, and has a call of its own.
 *     armed    1: the thread wants its eventfd written. The thread exchanges 1, then looks into the ring again, then
 *              sleeps. The shard pushes, then exchanges 0; who finds 1 writes. Whichever exchange comes first, the
 * other side sees what was done before it. stalled  1: the in ring was full, and the shard wants to hear of room. The
 * same with changed roles: the shard exchanges 1, then looks at `taken` again; the thread counts what it took, then
 * exchanges 0, and who finds 1 sends a call. state    how it ended, once; written after the last push into the in ring,
 * read before its last look.
 *
 * The end. `ended` is under the lock, which the thread holds while it pushes and sends its call: once it is set the
 * thread touches neither shard nor system again, so that these may be gone. The shard takes that lock once, at the end
 * of the actor. The port itself is freed by whoever lets go last, thread or shard.
 *
 *     Order    first in, first out, both ways
 *     Loss     the actor is held while the in ring is full: then its mailbox fills, and refuses
 *     Threads  each field says whose it is
 */
#ifndef RINGMAIL_ACTOR_PORT_H
#define RINGMAIL_ACTOR_PORT_H

#include <pthread.h>
#include <stdatomic.h>

#include "actor/actor.h"
#include "actor/ctx.h"
#include "base/spsc.h"
#include "ringmail/link.h"
#include "ringmail/port.h"

struct rim__port_hub;
struct rim__port_owner;

/* A request or a monitor of the port's own. It is in the thread's table until its outcome was received, or the shard
   says that there will be none; so is the memory of the outcome, or of the event. */
struct rim__port_record;

/* Something for the thread, from malloc. */
struct rim__port_item {
    rim_port_item item;
    struct rim__port_item *next;     /* in the thread's list of what was given to the user */
    struct rim__port_record *record; /* that it is embedded in; else NULL */
    void *block;                     /* the body of an outcome, from malloc, or NULL */
};
#define RIM_PORT_BODY(made) ((void *)((char *)(made) + ((sizeof *(made) + 15) & ~(size_t)15)))

/*
 * Cancelled, it is kept until nobody refers to it: the order to cancel, which the shard acknowledges, and the outcome,
 * which may be in the ring already.
 */
enum rim__port_ack { RIM_PORT_NO_ACK = 0, RIM_PORT_NO_OUTCOME, RIM_PORT_OUTCOME_PUSHED };

struct rim__port_record {
    struct rim__port_item outcome;
    uint64_t token;         /* the shard's: what the shard calls it */
    rim_down_event down;    /* the event of a monitor, by the shard */
    _Atomic uint32_t acked; /* by the shard: enum rim__port_ack; pairs with the thread's load */
    /* The thread's. */
    uint64_t handle; /* what the user holds */
    bool is_given;   /* the outcome was received, and is not given back yet */
    bool cancelled;
    bool ack_is_due;
    bool is_popped; /* the outcome has left the ring */
};

enum rim__port_order_kind {
    RIM_PORT_SEND,
    RIM_PORT_SEND_WRAP,
    RIM_PORT_ASK,
    RIM_PORT_CANCEL,
    RIM_PORT_REPLY,
    RIM_PORT_REFUSE,
    RIM_PORT_WANT_ROOM,
    RIM_PORT_STOP,
    RIM_PORT_MONITOR,
    RIM_PORT_LINK,
    RIM_PORT_UNLINK,
    RIM_PORT_EXIT_SEND, /* the body is the text */
    RIM_PORT_KILL,
};

/* Something for the shard to do, from malloc. */
struct rim__port_order {
    enum rim__port_order_kind kind;
    uint32_t tag;
    int32_t error; /* REFUSE; the exit code of EXIT_SEND */
    uint64_t to;   /* a reference, or the token to be answered */
    uint64_t deadline_ns;
    struct rim__port_record *record;
    void *bytes; /* SEND_WRAP */
    void (*release)(void *bytes, void *arg);
    void *arg;
    size_t size;
    _Alignas(16) char body[];
};

enum rim__port_state { RIM_PORT_OPEN, RIM_PORT_DOWN, RIM_PORT_STOPPED };

struct rim_port {
    /* Constant from open on. */
    struct rim__shard *shard; /* not after `ended` */
    rim_system *system;       /* not after `ended` */
    rim_ref ref;
    uint32_t shards; /* of the system */
    bool is_simulated;
    int event_fd;
    uint32_t ring_max;  /* items in the in ring at most */
    uint64_t bytes_max; /* of their bodies */

    /* The thread's. */
    struct rim__port_item *given;
    struct rim__port_record **records; /* by index; NULL: free, and `generations` says what comes next */
    uint32_t *generations;
    uint32_t record_count, record_max, record_hint;
    uint32_t cancelled; /* records whose end is awaited */
    bool watched;       /* the descriptor was asked for */
    uint64_t popped, popped_bytes;
    struct rim__port_hub *hub;
    struct rim_port *next, **link; /* in the hub, under its lock */
    struct rim__port_owner *owner; /* the thread that it ends with; under the hub's lock */

    /* The shard's. */
    struct rim__watch watch;
    uint64_t pushed, pushed_bytes;
    struct rim__port_item *late, **late_end; /* items that wait for room */
    bool is_held;                            /* for want of room in the ring */
    bool is_detached;                        /* its actor has ended, or never came to be */

    /* Shared. */
    struct rim__spsc out; /* orders: the thread pushes */
    struct rim__spsc in;  /* items: the shard pushes */
    _Atomic uint32_t news, armed, stalled, state;
    _Atomic uint64_t taken, taken_bytes; /* by the thread, read by the shard; ordered by `stalled` */
    _Atomic uint32_t closing;            /* by the thread, before a call: enum rim__port_closing */
    _Atomic uint32_t holders;            /* who will let go of it: thread and shard */
    pthread_mutex_t lock;
    bool ended;                /* under the lock */
    struct rim__errand errand; /* by whoever found news 0, until the shard exchanges it */
};

enum rim__port_closing { RIM_PORT_STAYS = 0, RIM_PORT_CLOSED, RIM_PORT_ABANDONED };

#define RIM_PORT_PROTOCOL 0x7f10u

extern const rim_behaviour rim__port_behaviour; /* its argument is a pointer to the port */

/* Sends a call, unless one is under way. The shard, or the thread under the lock of a port that has not ended. */
void rim__port_call(struct rim_port *port);
/* One order, as the port's actor; then it is freed. port_order.c */
void rim__port_do(rim_ctx *ctx, struct rim_port *port, struct rim__port_order *order);
/* Frees an order that will not be done. port_order.c */
void rim__port_order_drop(struct rim__port_order *order);
/* The event of a monitor, whose cookie is its record. port_order.c */
void rim__port_down(rim_ctx *ctx, struct rim_port *port, const rim_down_event *event);
/* An item for the thread; afterwards the actor may be held. */
void rim__port_push(rim_ctx *ctx, struct rim_port *port, struct rim__port_item *item);
/* The same where there may be no room: then it goes ahead of what the actor gets next. */
void rim__port_push_late(rim_ctx *ctx, struct rim_port *port, struct rim__port_item *item);
/* Makes the descriptor readable. Any thread. */
void rim__port_signal(struct rim_port *port);
/* Lets go; the last one frees. Any thread. */
void rim__port_release(struct rim_port *port);

#endif
