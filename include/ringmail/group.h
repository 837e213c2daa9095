/* SPDX-License-Identifier: MIT */
/*
 * group.h - groups: a topic with members, to all of whom one publishes; and pools: one member of a group, chosen in the
 * sender.
 *
 *     rim_ref news = rim_group(ctx, "news");
 *     rim_join(ctx, news);                                           now this actor is a member
 *     rim_publish(ctx, news, HEADLINE, &headline, sizeof headline);  each member gets it
 *
 *     rim_ref pool = rim_pool(rim_group(ctx, "workers"), RIM_POOL_ROUND);
 *     rim_pool_send(ctx, pool, 0, JOB, &job, sizeof job);            one of them gets it
 *
 * A group is there when somebody speaks of it, and costs nothing without members. Every shard knows all members: what
 * is asked here takes no message. A member leaves by rim_leave, and when it ends: before anybody gets its RIM_DOWN or
 * exit signal.
 *
 * Publishing crosses once to each shard that has members. Small bodies are copied there for each member, larger ones
 * are shared. Each member's copy is a message sent, from the publisher, and subject to that member's mailbox: one that
 * is full is none of the others' business, and nobody waits for it. Its refusal is counted; the publisher gets no
 * RIM_REFUSED.
 *
 *     Order    to one member, what one sender publishes and sends comes in the order of the calls. A join or leave is
 *              known on other shards before whatever the member sends there afterwards
 *     Loss     as rim_send: a copy is handled, refused, dead, or queued. Who is a member is decided on the members'
 *              shards when the message arrives there
 *     Threads  as actor.h: inside handlers only, but for rim_pool and rim_system_group
 */
#ifndef RINGMAIL_GROUP_H
#define RINGMAIL_GROUP_H

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The group with this topic, any text but the empty one, which is RIM_NIL. The reference is good on all shards of this
 * system and for its whole life. It is for the functions of this header; rim_send to it is -RIM_EBADREF, since a send
 * has one receiver and one fate. (It is 60 bits of a keyed hash of the topic: among a million topics the chance that
 * two are the same group is one in two million.)
 */
RIM_API rim_ref rim_group(const rim_ctx *ctx, const char *topic);
/* The same for threads that are no shard, for rim_spawn_options. Any thread. */
RIM_API rim_ref rim_system_group(const rim_system *system, const char *topic);

/* The calling actor becomes a member; joining twice is once. 0, -RIM_EBADREF, -ENOMEM, -RIM_ECONTEXT. */
RIM_API int rim_join(rim_ctx *ctx, rim_ref group);
/* 0, -RIM_ENOBODY if the caller is no member, -RIM_EBADREF, -RIM_ECONTEXT. */
RIM_API int rim_leave(rim_ctx *ctx, rim_ref group);

/*
 * Sends a copy of `size` bytes at `body` to each member, the caller too if it is one. Returns to how many it is under
 * way (0: there are none), or -RIM_EFULL (there are some, and all are full, or the ways to them), -RIM_EBADREF,
 * -RIM_ETOOBIG, -EINVAL (tag below RIM_USER), -ENOMEM. The body that a handler gets is shared: it must not be written,
 * also not after rim_take.
 */
RIM_API int rim_publish(rim_ctx *ctx, rim_ref group, uint32_t tag, const void *body, size_t size);
/* The same for a message of the caller's, which it consumes whatever it returns. Its body is not copied for shards and
   members if it is large, and is released once, where it was made, when the last member is done. */
RIM_API int rim_publish_msg(rim_ctx *ctx, rim_ref group, rim_msg *msg);

/* ---- who is a member ---- */

/* How many members there are, as far as this shard knows; 0 also for what is no group. */
RIM_API uint32_t rim_group_count(const rim_ctx *ctx, rim_ref group);
/* Writes up to `max` members, those of this shard first, and returns how many were written. */
RIM_API uint32_t rim_group_members(const rim_ctx *ctx, rim_ref group, rim_ref *out, uint32_t max);
/* The same for the members on this shard only. */
RIM_API uint32_t rim_group_members_here(const rim_ctx *ctx, rim_ref group, rim_ref *out, uint32_t max);

/* RIM_GROUP: somebody has joined or left. Default: ignored. */
typedef struct rim_group_event {
    rim_ref group;
    rim_ref who;
    bool joined;    /* else it has left, or ended */
    uint32_t count; /* members since then, as far as this shard knows */
} rim_group_event;

/* From now on, or no more, the caller gets an event for each join and leave that this shard learns of. Who asks for the
   members in the same handler misses none and gets none twice. 0, -RIM_EBADREF, -ENOMEM, -RIM_ECONTEXT. */
RIM_API int rim_group_watch(rim_ctx *ctx, rim_ref group, bool on);

/* ---- pools ---- */

typedef enum rim_pool_policy {
    RIM_POOL_ROUND = 0, /* one after the other, for each sending shard */
    RIM_POOL_LEAST,     /* the shortest mailbox, as far as known; see rim_pool_pick */
    RIM_POOL_KEY,       /* the same member for the same key, while the members are the same */
    RIM_POOL_LOCAL,     /* one after the other on this shard; the others if there is none, or all are full */
} rim_pool_policy;

/* The members of a group as a pool, by this policy. RIM_NIL if it is no group or no policy. It takes no memory and has
   no end. Any thread. */
RIM_API rim_ref rim_pool(rim_ref group, rim_pool_policy policy);

/*
 * One member; RIM_NIL if there is none or it is no pool. `key` counts for RIM_POOL_KEY only: each member has a weight
 * for each key and the heaviest is chosen (rendezvous hashing), so that a member that comes or goes moves only its own
 * share of keys, 1/n; the time is proportional to the members. The other policies pass over members that are known to
 * be full while there are others. For RIM_POOL_LEAST a member of this shard counts with the length of its mailbox; one
 * elsewhere with what its shard last published as queued (stats.h), and what was picked there since, shared out among
 * the members there.
 */
RIM_API rim_ref rim_pool_pick(rim_ctx *ctx, rim_ref pool, uint64_t key);
/* Sends to the one that is picked. As rim_send; -RIM_ENOBODY if there is none. */
RIM_API int rim_pool_send(rim_ctx *ctx, rim_ref pool, uint64_t key, uint32_t tag, const void *body, size_t size);
/* Asks the one that is picked: `ask` without its `to`. As rim_request; -RIM_ENOBODY if there is none. */
RIM_API RIM_MUST_CHECK int rim_pool_request(rim_ctx *ctx, rim_ref pool, uint64_t key, const rim_ask *ask,
                                            rim_token *out);

#ifdef __cplusplus
}
#endif
#endif
