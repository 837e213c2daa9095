/* SPDX-License-Identifier: MIT */
/*
 * input.h - the incoming half of a socket: a multishot receive, what came while the owner had no room, and the
 * peer's end.
 *
 *     Pressure  an owner without room stops the receive, and TCP's window does the rest; what arrives before the
 *               cancel is held, in order, and nothing is armed again before it is delivered
 *     Loss      what was received is delivered, unless the owner has ended or asked to close, or the system stops: what
 *               comes once it does is read and dropped, because nobody wants it, and a writer in the same system would
 *               hold up the stop until its deadline
 *     Threads   the shard's own
 */
#ifndef RINGMAIL_IO_INPUT_H
#define RINGMAIL_IO_INPUT_H

#include "actor/actor.h"
#include "io/op.h"

struct rim__socket;
struct rim__service;
struct rim__arrival;

struct rim__input {
    struct rim__arrival *held, *last;                 /* bodies that wait for room at the owner */
    struct rim__socket *next_waiting, **waiting_link; /* in the service's list; link NULL: does not wait */
    uint64_t received;                                /* bytes */
    bool paused;                                      /* by the owner */
    bool waits_first;  /* a FIFO has had no writer as yet: a read would say that it ends */
    bool ended;        /* the peer has sent all it will */
    bool end_told;     /* and the owner knows, or will when its turn comes */
    bool deaf;         /* what comes is dropped: nobody wants it any more */
    bool drains;       /* the system stops: the same, so that a peer that must get rid of it does not wait */
    bool dropped;      /* something was */
    struct rim__op op; /* last: see output.h */
};

/* Arms or cancels the receive, as the socket's state wants it. */
void rim__input_update(struct rim__socket *socket);
/* Cancels it, for good. */
void rim__input_cancel(struct rim__socket *socket);
/* Hands over what is held, and the end, as far as the owner has room. */
void rim__input_deliver(struct rim__socket *socket);
/* For TLS: bytes for the owner. Takes the body; what there is no room for is held. */
void rim__input_pass(struct rim__socket *socket, struct rim__body *body);
/* Whether something waits for the owner's room. */
static inline bool rim__input_waits(const struct rim__input *input) {
    return input->waiting_link != 0;
}
/* From now on nobody wants what comes. */
void rim__input_deafen(struct rim__socket *socket);
/* The owner has room: no longer in the list of those who wait. */
void rim__input_resume(struct rim__socket *socket);

#endif
