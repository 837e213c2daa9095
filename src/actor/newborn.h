/* SPDX-License-Identifier: MIT */
/*
 * newborn.h - an actor that is made where it will live, and needs nothing beside its state: no name, no group, no link,
 * nobody who waits for its start. Most are of this kind, and there may be millions of them: a spawn writes the actor,
 * its slot, and a message with init's argument, and takes nothing else into its hands. Called by spawn.c and run.c.
 *
 *     Order    a newborn stands in the run queue from its spawn on; where, says run_queue.h
 *     Loss     none
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_ACTOR_NEWBORN_H
#define RINGMAIL_ACTOR_NEWBORN_H

#include "actor/ctx.h"

/* The tag of a birth message (RIM_KIND_SPAWN) whose body is the argument alone. Else it is a struct rim__birth. */
#define RIM_NEWBORN_PLAIN 1u

/* Whether such an actor is asked for, here, and may be made. `options` may be NULL. */
bool rim__newborn_is_plain(const rim_ctx *ctx, const rim_behaviour *behaviour, const rim_spawn_options *options,
                           size_t size);
/* 0, -ENOMEM or -RIM_ELIMIT. */
int rim__newborn_make(rim_ctx *ctx, const rim_behaviour *behaviour, const rim_spawn_options *options, const void *arg,
                      size_t size, rim_ref *out);
/* Its birth message is the first of its mailbox, and it is ready. Of actors of any kind that are spawned here. */
void rim__newborn_queue(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *birth);
/* Among its siblings, as the newest. Of actors of any kind. */
static inline void rim__newborn_enlist(rim_ctx *ctx, struct rim__actor *actor) {
    actor->older = ctx->newest;
    *(ctx->newest != NULL ? &ctx->newest->newer : &ctx->oldest) = actor;
    ctx->newest = actor;
    ctx->stats.actors++;
    ctx->stats.spawned++;
}

#endif
