/* SPDX-License-Identifier: MIT */
/*
 * lookout.h - an actor that waits for a descriptor and tells its owner: what signals.c, poll.c and process.c
 * have in common.
 *
 *     RIM_OP_READY --done--> kind->ready --rim__lookout_tell--> the owner
 *          ^                     |               '-- full: held; a timer tries again
 *          '---------------------'  unless it rests, waits or has ended
 *
 *     Life     from rim__lookout_open until its actor has ended and nothing is in flight
 *     Loss     none here: what the owner has no room for is held, and before it is told nothing more is fetched
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_LOOKOUT_H
#define RINGMAIL_IO_LOOKOUT_H

#include "actor/actor.h"
#include "io/op.h"
#include "io/service.h"
#include "ringmail/poll.h"

struct rim__lookout;

struct rim__lookout_kind {
    const rim_behaviour *behaviour; /* its state is a struct rim__lookout *, which init (below) takes */
    size_t size;                    /* of the struct that begins with the lookout */
    bool works_to_the_last;         /* also while the system stops */
    /* The descriptor is ready for `events`, of enum rim_poll_events; or could not be waited for, a negative errno; or
       0: it is time to try again, after rim__lookout_wait. Fetches and tells some of what there is. */
    void (*ready)(struct rim__lookout *lookout, int32_t events);
    /* Owner or actor have ended: true if it goes on all the same, without them, until rim__lookout_end. NULL: it does
     * not.
     */
    bool (*leave)(struct rim__lookout *lookout);
    /* The actors are gone, and it is about to end. NULL: nothing to do. */
    void (*cut)(struct rim__lookout *lookout);
    /* Its memory is about to be freed. NULL: nothing to do. */
    void (*finish)(struct rim__lookout *lookout);
};

struct rim__lookout {
    struct rim__service *service;
    struct rim__lookout *next, **link; /* in the service's list */
    const struct rim__lookout_kind *kind;
    rim_ref self, owner;
    struct rim__watch self_watch, owner_watch;
    struct rim__op ready;
    struct rim__timer retry;
    struct rim__body *held; /* what the owner had no room for */
    uint32_t held_tag;
    uint32_t events; /* to wait for, of enum rim_poll_events */
    int fd;          /* -1: closed */
    bool has_more;   /* the kind's: ready is called again soon, whatever the descriptor says */
    bool resting;    /* the kind's: nothing is waited for */
    bool holds_stop; /* the kind's: while it goes on without its owner, a stop of the system waits */
    bool goes_on;    /* without its owner */
    bool self_gone, closing, busy;
};

/*
 * A lookout that owns `fd` (-1: it is given one before it is armed), which it closes also on failure, with the caller
 * as owner. What stands behind the lookout in its struct is zero. 0, or why not: then there is none, and no text. It is
 * not armed as yet.
 */
int rim__lookout_open(rim_ctx *ctx, const struct rim__lookout_kind *kind, int fd, struct rim__lookout **out);
/* Waits for the events, unless it does, rests, has to try again or ends. */
void rim__lookout_arm(struct rim__lookout *lookout);
/* Sends it to the owner. 0; -RIM_EFULL: there is no room, the body is held, and sent later; else it was released. */
int rim__lookout_tell(struct rim__lookout *lookout, uint32_t tag, struct rim__body *body);
/* The same with a copy of the event. */
int rim__lookout_tell_event(struct rim__lookout *lookout, uint32_t tag, const void *event, uint32_t size);
/* Something is missing, memory perhaps: all again a little later. */
void rim__lookout_wait(struct rim__lookout *lookout);
/* As if its owner had ended. */
void rim__lookout_abandon(struct rim__lookout *lookout);
/* For `ready`: it ends, and its actor stops. */
void rim__lookout_end(struct rim__lookout *lookout);
/* The init of all kinds. */
rim_verdict rim__lookout_init(rim_ctx *ctx, void *self, const void *arg, size_t size);
/* For service.c: the system stops; the actors are gone. */
void rim__lookout_quiet_all(struct rim__service *service);
void rim__lookout_cut_all(struct rim__service *service);

static inline struct rim__lookout *rim__lookout_of(void *self) {
    return *(struct rim__lookout **)self;
}

#endif
