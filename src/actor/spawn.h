/* SPDX-License-Identifier: MIT */
/*
 * spawn.h - what spawning from an actor and from a foreign thread (system.c) share.
 */
#ifndef RINGMAIL_ACTOR_SPAWN_H
#define RINGMAIL_ACTOR_SPAWN_H

#include "actor/ctx.h"

#define RIM_SPAWN_ARG_MAX 1024u /* bytes of init's argument: it travels in a parcel */
#define RIM_STATE_MAX     (1u << 30)

/* A birth as it travels: with its argument and its name behind it. */
uint32_t rim__birth_size(const struct rim__birth *birth);
void rim__birth_write(struct rim__birth *to, const struct rim__birth *birth, const void *arg);
/* What a user may spawn, and what the library may: its own tables too. 0 or -EINVAL. */
int rim__spawn_check_own(const rim_behaviour *behaviour, const rim_spawn_options *options, size_t size);
int rim__spawn_check(const rim_behaviour *behaviour, const rim_spawn_options *options, size_t size);
void rim__spawn_configure(const rim_ctx *ctx, struct rim__actor *actor, const rim_spawn_options *options);
/* Sets *shard, unless it is to be RIM_HERE. 0 or -EINVAL. */
int rim__spawn_place(const rim_ctx *any, const rim_spawn_options *options, uint32_t *shard);
/* A slot of another shard's table. 0 or -RIM_ELIMIT. */
int rim__allotment_take(struct rim__allotment *allotment, uint64_t *local);
/* Undoes the last take. */
void rim__allotment_return(struct rim__allotment *allotment, uint64_t local);
/* The slot's actor has ended: `local` has the next generation. 0 or -ENOMEM: the slot is lost; there are many. */
int rim__allotment_give(struct rim__allotment *allotment, uint64_t local);
/* The shard with the fewest actors, by published counts; the asker's own where they are equal. Any thread. */
uint32_t rim__stats_least_loaded(const rim_ctx *any);

#endif
