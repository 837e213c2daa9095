/* SPDX-License-Identifier: MIT */
/*
 * datagram.h - a datagram socket: waits until something can be read, reads some of it, and sends it to the owner.
 *
 *     RIM_OP_READY --done--> receive_from, some times --empty--> RIM_OP_READY
 *                                   '-- owner full, no memory --> one is held; a timer tries again
 *
 *     Life     from rim_datagram_open until its actor has ended and nothing is in flight
 *     Loss     in the kernel's buffer, while the owner has no room
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_DATAGRAM_H
#define RINGMAIL_IO_DATAGRAM_H

#include "actor/actor.h"
#include "io/op.h"
#include "io/service.h"

struct rim__datagram {
    struct rim__service *service;
    struct rim__datagram *next, **link; /* in the service's list */
    rim_ref self, owner;
    struct rim__watch self_watch, owner_watch;
    struct rim__op ready;
    struct rim__timer retry;
    struct rim__body *held; /* one that the owner had no room for */
    uint32_t size_max;
    int fd;         /* -1: closed */
    bool self_gone; /* the actor has ended */
    bool closing;   /* receives no more */
    bool busy;      /* counted by rim__ctx_busy, while it closes */
    rim_datagram_state state;
};

/* The system stops: it receives no more, and can still send. */
void rim__datagram_quiet(struct rim__datagram *datagram);
/* The actors are gone: closes at once, or as soon as nothing is in flight, and frees. */
void rim__datagram_cut(struct rim__datagram *datagram);

#endif
