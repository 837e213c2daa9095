/* SPDX-License-Identifier: MIT */
/*
 * bond.h - one end of a link, or the far end of a monitor from another shard or of a rim_end. It hangs in its owner's
 * belongings, and is found by owner and key in one table for the shard: an actor may have many.
 *
 *     link       key: the actor at the other end         struct in link.c
 *     monitor    key: the monitor's handle, elsewhere    struct in monitor.c
 *     closing    key: the handle of a rim_end            struct in closing.c
 *
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_ACTOR_BOND_H
#define RINGMAIL_ACTOR_BOND_H

#include <stdint.h>

struct rim__actor;
struct rim_ctx;

/* A double link in one of an actor's lists. */
struct rim__own {
    struct rim__own *next, **link;
};

struct rim__bond {
    struct rim__own own;            /* in the owner's belongings->bonds */
    struct rim__bond *next, **link; /* in its chain of the table */
    uint64_t owner;                 /* an actor of this shard */
    uint64_t key;
};

/* Zeroed memory is an empty table. */
struct rim__bonds {
    struct rim__bond **chains;
    uint32_t count, chain_count;
};

/* Owner and key are set. The owner has belongings. Several bonds may have the same owner and key. 0 or -ENOMEM. */
int rim__bond_add(struct rim_ctx *ctx, struct rim__actor *owner, struct rim__bond *bond);
void rim__bond_remove(struct rim_ctx *ctx, struct rim__bond *bond);
/* The first with this owner and key, and the next after `bond`, which has them; or NULL. */
struct rim__bond *rim__bond_find(const struct rim_ctx *ctx, uint64_t owner, uint64_t key);
struct rim__bond *rim__bond_find_next(const struct rim__bond *bond);
void rim__bonds_finish(struct rim__bonds *bonds);

#endif
