/* SPDX-License-Identifier: MIT */
/*
 * become.h - an actor's table and state change, now or as soon as it may. Called by upgrade.c, by run.c at the end of a
 * turn, and by bury.c.
 *
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_ACTOR_BECOME_H
#define RINGMAIL_ACTOR_BECOME_H

#include "actor/ctx.h"
#include "ringmail/upgrade.h"

/* 0, -ENOMEM, or what migrate says: then nothing has changed. */
int rim__become_change(rim_ctx *ctx, struct rim__actor *actor, const struct rim__change *change);
/* At the end of the turn in which its last request had its outcome. 0 or -ENOMEM. */
int rim__become_later(rim_ctx *ctx, struct rim__actor *actor, const struct rim__change *change);
/* The end of a turn of an actor that is marked as changed. */
void rim__become_settle(rim_ctx *ctx, struct rim__actor *actor);
/* The actor ends, and has belongings; the last that looks at its state. */
void rim__become_end(rim_ctx *ctx, struct rim__actor *actor);
/* Bytes of state in the actor's own block. */
size_t rim__become_inline_size(const struct rim__actor *actor);

#endif
