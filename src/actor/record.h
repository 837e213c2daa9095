/* SPDX-License-Identifier: MIT */
/*
 * record.h - recordings of an actor's inbox, and the other way round: an actor that is played one. Within src/actor,
 * and for src/kit.c.
 *
 * A recorded actor has a table without rows whose `other` writes each message down and passes it on to the real table,
 * so that nothing is in the way of actors that are not recorded.
 *
 * An actor that is played a recording has a stand-in: an actor that gets what it sends to actors that are not there,
 * which in a world of their own are all of its former life. Its requests are not sent, but wait for the outcomes that
 * were recorded.
 *
 *     Threads  the actor's shard
 */
#ifndef RINGMAIL_ACTOR_RECORD_H
#define RINGMAIL_ACTOR_RECORD_H

#include "actor/ctx.h"
#include "ringmail/record.h"

/* The outcome of a request is about to be handled; `from` in the record: the how manieth request of the actor it was.
 */
void rim__record_outcome(rim_ctx *ctx, const struct rim__actor *actor, rim_record *record, const void *body);
/* The actor's table without regard to a recording. */
const rim_behaviour *rim__record_table(const struct rim__actor *actor);
/* Gives it another; a recording goes on with that. */
void rim__record_swap(struct rim__actor *actor, const rim_behaviour *behaviour);
void rim__record_end(rim_ctx *ctx, struct rim__actor *actor);

/* The kind of a message to the stand-in: its token is whom it was for. */
#define RIM_REPLAY_FLAGS (RIM_MSG_TOKEN | RIM_MSG_RESERVED)

/* 0, -RIM_EDOWN or -ENOMEM. `stand_in` is an actor of the same shard; RIM_NIL ends the play. */
int rim__replay_begin(rim_ctx *ctx, rim_ref who, rim_ref stand_in);
/* Puts one record into the actor's mailbox. 0, 1 if there is nothing to put in, -RIM_EDOWN, -ENOMEM. */
int rim__replay_put(rim_ctx *ctx, rim_ref who, const rim_record *record, const void *body);
/* Sends to the stand-in of the actor whose handler runs what nobody else can get. False: it has none. */
bool rim__replay_divert(rim_ctx *ctx, rim_ref to, uint32_t tag, const void *body, size_t size);
/* Whether requests of the actor wait for a recording. */
static inline bool rim__replay_is_on(const struct rim__actor *actor) {
    return actor->belongings != NULL && actor->belongings->stand_in != RIM_NIL;
}

/* request.c: the actor's request with this number gets its outcome. False: it has none such open. */
bool rim__request_replay(rim_ctx *ctx, struct rim__actor *actor, uint64_t number, struct rim_msg *msg);

#endif
