/* SPDX-License-Identifier: MIT */
/*
 * group.h - groups between the shards. Called by the public functions in group.c, publish.c and pool.c, by spawn.c and
 * bury.c.
 *
 *     group --> crew of shard 0: refs      every shard has all members, ordered by their shards
 *               crew of shard 2: refs
 *
 * A member's own shard decides. It tells the others of each join and leave, in order, with the place in the crew: each
 * of them does to its copy of the crew what was done to the original, and so has it in the same order. A copy that
 * lacked memory once finds members by looking through it.
 *
 *     Order    word of a join or leave takes the lanes that the member's messages take: before what it sends
 *              afterwards, and before its RIM_DOWN
 *     Loss     a leave is not lost (spread.h). A shard out of memory at a join does not know that member, and logs that
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_ACTOR_GROUP_H
#define RINGMAIL_ACTOR_GROUP_H

#include "actor/ctx.h"
#include "actor/spread.h"
#include "base/map.h"
#include "ringmail/group.h"

#define RIM_REF_GROUP 8u  /* kind of a group's reference; the rest of it is the topic's hash */
#define RIM_REF_POOL  12u /* and of its pools: this and the policy */

struct rim__group_word {
    uint64_t id; /* the reference without its kind */
    rim_ref who;
    uint32_t at; /* place in the crew */
    bool joined;
};

/* A member, on its own shard. */
struct rim__group_member {
    struct rim__own own; /* in its actor's list */
    struct rim__actor *actor;
    struct rim__group *group;
    struct rim__spread spread;
    struct rim__group_word word;
};

/* The members on one shard. */
struct rim__crew {
    struct rim__crew *next; /* by shard, upwards */
    uint32_t shard;
    uint32_t count, max;
    rim_ref *refs;
    struct rim__group_member **members; /* of this shard's own crew */
    uint32_t turn;                      /* pools: whose turn it is here */
    uint64_t picked, seen;              /* pools: how many went there since its shard's counters were seen to change */
};

struct rim__group {
    struct rim__map_node node; /* the hash is the id */
    struct rim__crew *crews;
    struct rim__own *watchers;
    uint32_t count; /* in all crews */
    uint32_t turn;  /* pools: whose turn it is */
};

/* group.c */
struct rim__groups {
    struct rim__map map;
    uint64_t seed;
};
int rim__group_init(rim_ctx *ctx, uint64_t seed);
void rim__group_finish(rim_ctx *ctx);
void rim__group_deliver(rim_ctx *ctx, struct rim_msg *msg);
int rim__group_join(rim_ctx *ctx, struct rim__actor *actor, rim_ref group);
void rim__group_end_all(rim_ctx *ctx, struct rim__actor *actor);
uint64_t rim__group_hash(uint64_t seed, const char *topic);

static inline uint64_t rim__group_id(rim_ref group) {
    return group & ((1ull << RIM_KIND_SHIFT) - 1);
}
/* NULL: nobody is in it, or looks at it. */
static inline struct rim__group *rim__group_find(const rim_ctx *ctx, uint64_t id) {
    struct rim__map_node *node = rim__map_first(&ctx->groups->map, id);
    return node != NULL ? rim__container_of(node, struct rim__group, node) : NULL;
}
/* The crew of a shard; NULL: nobody there. */
static inline struct rim__crew *rim__group_crew(const struct rim__group *group, uint32_t shard) {
    struct rim__crew *crew = group->crews;
    while (crew != NULL && crew->shard != shard) {
        crew = crew->next;
    }
    return crew;
}

/* group_crew.c: the member's place is the crew's end. 0 or -ENOMEM */
int rim__crew_add(rim_ctx *ctx, struct rim__group *group, uint32_t shard, rim_ref who,
                  struct rim__group_member *member);
/* The last moves into its place. False: it is not there. */
bool rim__crew_remove(rim_ctx *ctx, struct rim__group *group, uint32_t shard, rim_ref who, uint32_t at);
void rim__crew_free_all(rim_ctx *ctx, struct rim__group *group);

/* publish.c */
void rim__publish_deliver(rim_ctx *ctx, struct rim_msg *msg);

#endif
