/* SPDX-License-Identifier: MIT */
/*
 * dial.h - the way to a peer that is given by its name: a look-up on a helper thread, then connects to the addresses
 * that it found, which race as in RFC 8305 (Happy Eyeballs). Part of a connecting struct rim__socket.
 *
 *     the socket's actor is there -> look up -> attempt --250 ms, or it failed--> attempt ... -> one is connected:
 *         |                            |          |                                             its descriptor becomes
 *         '-- the socket closes -------+----------+--> cancel --> nothing in flight             the socket's, the
 *                                                                                               others are cancelled
 *
 * The addresses are tried in the order of the resolver (RFC 6724), but so that families take turns.
 *
 *     Life     from rim__dial_create until the socket is freed; what is large in it, until nothing is in flight
 *     Loss     the socket is told of the first error that is worth telling, when no address is left
 *     Threads  the shard's own; a look-up runs on a helper, and has memory of its own
 */
#ifndef RINGMAIL_IO_DIAL_H
#define RINGMAIL_IO_DIAL_H

#include "actor/actor.h"
#include "io/op.h"

struct rim__socket;
struct rim__dial;

/* For a socket in CONNECTING without a descriptor. `host` is copied. NULL: out of memory. */
struct rim__dial *rim__dial_create(struct rim__socket *socket, const rim_connect_options *options);
/* Begins. The socket is registered, and there is a clerk. 0 or negative. */
int rim__dial_look_up(struct rim__dial *dial);
/* No further attempt begins, and those in flight are cancelled. */
void rim__dial_cancel(struct rim__dial *dial);
/* Whether an attempt is in flight: the socket has to wait. It is settled when that changes. */
bool rim__dial_is_busy(const struct rim__dial *dial);
/* "example.org:80" */
const char *rim__dial_name(const struct rim__dial *dial);
/* Nothing is in flight. NULL is allowed. */
void rim__dial_free(struct rim__dial *dial);

#endif
