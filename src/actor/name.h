/* SPDX-License-Identifier: MIT */
/*
 * name.h - names, between the shards. Called by the public functions in name.c and find.c, by spawn.c and bury.c.
 *
 * Each name has a home, the shard that its hash falls on: it knows who has the name and who wants it. Each shard has a
 * replica of all names, which rim_find looks into. The owner's shard tells the replicas.
 *
 *     claimant's shard          home                     owner's shard             every other shard
 *          | --- CLAIM ---------> | free:                     |                           |
 *          | <-- GRANT ---------- |                           |                           |
 *          | --- BIND -----------------------------------------------------------------> | replica
 *          |                      |                           |                           |
 *          | --- CLAIM ---------> | taken: --- CHECK -------> |                           |
 *          | <-- REFUSE --------- | <--------- HELD --------- | still                     |
 *          |                      |                           | unname, or the end        |
 *          |                      | <--------- FREE --------- | --- FREE ---------------> | replica
 *          |                      | <--------------------------------------- FREED ------ |
 *          | <-- GRANT ---------- | the next in line          |                           |
 *
 * A grant that finds its claim over is given back by DECLINE; nobody else has heard of it then. A claimant that ends or
 * cancels while it waits sends WITHDRAW.
 *
 *     Exclusive  the home grants a name again only when all shards have said that they know it to be free. So there is
 *                at most one binding of a name anywhere, and words of two bindings never meet, whatever way they take
 *     Free       before an actor's RIM_DOWN and exit signals leave its shard, FREE has left on the same lanes. A claim
 *                by whoever has such a signal may reach the home before FREE does: so the home does not refuse a claim
 *                before it has checked with the owner's shard, whose answer comes behind FREE
 *     Ends       a claim is granted, refused, or times out at its home, which answers every one of them. CHECK is
 *                answered, or overtaken by FREE or DECLINE; FREED comes from every shard. These need only that shards
 *                go on draining their lanes
 *     Loss       none: a word lies in the record that it is about until it is told (spread.h). A shard out of memory at
 *                BIND does not know the name, and logs that
 */
#ifndef RINGMAIL_ACTOR_NAME_H
#define RINGMAIL_ACTOR_NAME_H

#include "actor/ctx.h"
#include "actor/spread.h"
#include "base/map.h"
#include "ringmail/name.h"

enum rim__name_op {
    RIM_NAME_CLAIM,    /* text; who wants it */
    RIM_NAME_GRANT,    /* to the claim */
    RIM_NAME_REFUSE,   /* to the claim, with its error */
    RIM_NAME_DECLINE,  /* to the home: the grant came too late */
    RIM_NAME_WITHDRAW, /* to the home: the claim is over */
    RIM_NAME_BIND,     /* text; who has it now */
    RIM_NAME_FREE,     /* it is free */
    RIM_NAME_FREED,    /* to the home: FREE has come */
    RIM_NAME_CHECK,    /* to the owner's shard: is it still so? */
    RIM_NAME_HELD,     /* to the home: yes */
};

/* A word about a name. With CLAIM and BIND the text follows; the others find it by hash and serial, or by ticket. */
struct rim__name_word {
    uint8_t op;   /* enum rim__name_op */
    uint8_t size; /* of the name's text */
    bool wait;
    bool from_birth;
    int32_t error;
    uint64_t hash;
    uint64_t serial; /* of the grant, by its home */
    uint64_t ticket; /* of the claim, by its shard */
    rim_ref who;     /* claimant or owner */
    uint64_t deadline_ns;
};
_Static_assert(sizeof(struct rim__name_word) == 48, "the text follows it at once");

struct rim__names {
    struct rim__map bindings; /* the replica: struct rim__binding */
    struct rim__map homes;    /* of names whose home is here: struct home */
    struct rim__map seekers;  /* rim_find_later: struct seeker */
    uint64_t seed, serials, tickets;
    bool stopping; /* nothing waits any more */
};

/* A name that somebody has, as this shard knows it. The word is that of BIND, and then of what is told last. */
struct rim__binding {
    struct rim__map_node node;
    struct rim__spread spread;
    struct rim__name_word word;
    char text[];
};

/* name.c */
int rim__name_init(rim_ctx *ctx, uint64_t seed);
void rim__name_finish(rim_ctx *ctx);
void rim__name_deliver(rim_ctx *ctx, struct rim_msg *msg);
/* The bytes of a name; 0 if it is none. */
size_t rim__name_size(const char *name);
uint64_t rim__name_hash(const rim_ctx *ctx, const char *name, size_t size);
/* The word goes to a shard; done at once if it is this one. */
bool rim__name_say(rim_ctx *ctx, uint32_t shard, const struct rim__name_word *word);
/* The same for one that lies beside its spread, and is not lost. */
void rim__name_tell(rim_ctx *ctx, uint32_t shard, struct rim__spread *spread, const struct rim__name_word *word);
uint32_t rim__name_home(const rim_ctx *ctx, uint64_t hash);

/* name_claim.c: the claimant's and owner's side */
/* A newborn's claim, before its init: held until the answer comes. 0 or -ENOMEM. */
int rim__name_claim_birth(rim_ctx *ctx, struct rim__actor *actor, const char *name, size_t size);
/* The spawn fails all the same. */
void rim__name_unclaim_birth(rim_ctx *ctx, struct rim__actor *actor);
/* Its outcome, when its turn has come: 0 or a negative code. */
int rim__name_birth_error(const struct rim__actor *actor);
void rim__name_end_all(rim_ctx *ctx, struct rim__actor *actor);
/* A request was cancelled: a claim or a search that it stood for is over too. */
void rim__name_cancelled(rim_ctx *ctx, rim_token token);
void rim__name_granted(rim_ctx *ctx, const struct rim__name_word *word);
void rim__name_refused(rim_ctx *ctx, const struct rim__name_word *word);
void rim__name_checked(rim_ctx *ctx, const struct rim__name_word *word);

/* name_home.c: the truth */
void rim__name_home_claim(rim_ctx *ctx, const struct rim__name_word *word, const char *text);
void rim__name_home_free(rim_ctx *ctx, const struct rim__name_word *word);
void rim__name_home_freed(rim_ctx *ctx, const struct rim__name_word *word);
void rim__name_home_decline(rim_ctx *ctx, const struct rim__name_word *word);
void rim__name_home_withdraw(rim_ctx *ctx, const struct rim__name_word *word);
void rim__name_home_held(rim_ctx *ctx, const struct rim__name_word *word);
void rim__name_home_stop(rim_ctx *ctx);
void rim__name_home_finish(rim_ctx *ctx);

/* name_find.c: the replica */
void rim__name_bind(rim_ctx *ctx, struct rim__binding *binding);
void rim__name_seek_stop(rim_ctx *ctx);
void rim__name_seek_end_all(rim_ctx *ctx, struct rim__actor *actor);
void rim__name_seek_cancelled(rim_ctx *ctx, rim_token token);

/* src/foreign.c, any thread: what rim_system_find looks into */
struct rim__foreign_name;
struct rim__foreign_name *rim__foreign_name_make(const char *name, size_t size); /* NULL: out of memory */
void rim__foreign_name_free(struct rim__foreign_name *name);                     /* not bound; NULL is allowed */
void rim__foreign_name_bind(rim_system *system, struct rim__foreign_name *name, rim_ref owner);
void rim__foreign_name_unbind(rim_system *system, struct rim__foreign_name *name); /* and frees it */

#endif
