/* SPDX-License-Identifier: MIT */
/*
 * datagram.h - a datagram socket: receives, and hands what comes to the owner. Its halves are datagram_input.h and
 * datagram_output.h.
 *
 *     Life     from rim_datagram_open until its actor has ended and nothing is in flight
 *     Loss     in the kernel's buffer, while the owner has no room
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_DATAGRAM_H
#define RINGMAIL_IO_DATAGRAM_H

#include "actor/actor.h"
#include "io/datagram_input.h"
#include "io/datagram_output.h"
#include "io/op.h"
#include "io/service.h"

struct rim__datagram {
    struct rim__service *service;
    struct rim__datagram *next, **link; /* in its bucket of the service; link NULL: not registered */
    rim_ref self, owner;                /* owner RIM_NIL: it has ended */
    struct rim__watch self_watch, owner_watch;
    struct rim__datagram_input input;
    struct rim__datagram_output output;
    int fd;           /* -1: closed */
    bool self_gone;   /* the actor has ended */
    bool closing;     /* receives no more */
    bool busy;        /* counted by rim__ctx_busy, while it closes */
    bool tell_errors; /* there is a queue of them, to be looked into */
    rim_datagram_state state;
};

enum { RIM_DATAGRAM_PROTOCOL = 0x7f0d };
extern const rim_behaviour rim__datagram_behaviour; /* datagram_calls.c */

/* NULL if there is no such socket on this shard, or none any more. */
struct rim__datagram *rim__datagram_find(const struct rim__service *service, rim_ref self);
/* To be called last in every completion: the datagram may be gone afterwards. */
void rim__datagram_settle(struct rim__datagram *datagram);
/* Owner `who` has room again: for all sockets that wait for it. */
void rim__datagram_room(struct rim__service *service, rim_ref who);
/* The system stops: all receive no more, and can still send. */
void rim__datagram_quiet_all(struct rim__service *service);
/* The actors are gone: all are closed at once, or as soon as nothing is in flight, and freed. */
void rim__datagram_cut_all(struct rim__service *service);

#endif
