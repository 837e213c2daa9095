/* SPDX-License-Identifier: MIT */
/*
 * witness.h - who is to hear, within the library, that an actor of this shard has ended: sockets of their owners and of
 * their own actors, for the most. Called by bury.c; rim__actor_watch and rim__actor_unwatch are in actor.h.
 *
 * The watches of all actors hang in one hash by reference, and a watched actor has but a bit (RIM_MODE_WATCHED): an
 * idle connection has two watches, and they are no reason for either of its actors to have belongings.
 *
 *     Order    the last watch of an actor fires first
 *     Loss     none: growing needs memory, and is done without if there is none
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_ACTOR_WITNESS_H
#define RINGMAIL_ACTOR_WITNESS_H

#include <stdint.h>

#include "actor/actor.h"

#define RIM_WITNESS_FEW 16u

struct rim__witness {
    struct rim__watch **buckets; /* mask + 1 of them; `few` until it has grown */
    uint64_t mask;
    struct rim__watch *few[RIM_WITNESS_FEW];
};

/* Not to be moved afterwards. */
void rim__witness_init(struct rim__witness *witness);
void rim__witness_finish(struct rim__witness *witness);
/* `who` has ended: takes its watches off, one by one, and runs them. They may watch and unwatch. */
void rim__witness_fire(rim_ctx *ctx, rim_ref who);

#endif
