/* SPDX-License-Identifier: MIT */
/*
 * spread.h - word of one shard to another or to all, of names and groups: sent by name.c, name_home.c, group.c.
 *
 * The word lies in the record that it is about, with a spread beside it. Mostly telling is done at once. Where even a
 * reserved message finds no memory, the spread is owed, and the shard tries again at each turn: word of a name that is
 * free again, or of a member that has left, is not lost. The record stays until all are told.
 *
 *     Order    as of reserved messages: what is told first arrives first, and before what the shard sends afterwards
 *              (but for what is owed, which is late)
 *     Loss     none
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_ACTOR_SPREAD_H
#define RINGMAIL_ACTOR_SPREAD_H

#include "actor/ctx.h"

struct rim__spread {
    struct rim__spread *next; /* of those owed */
    const void *word;
    void (*told)(rim_ctx *ctx, struct rim__spread *spread); /* all know: may free the record; or NULL */
    uint16_t at, end;                                       /* shards still to be told */
    uint16_t size;
    uint8_t kind; /* enum rim__kind */
    bool owed;
};

/* A message without a place in the books of messages. False: out of memory. */
bool rim__spread_post(rim_ctx *ctx, uint32_t shard, enum rim__kind kind, const void *word, size_t size);
/* Tells every other shard; with `shard` below the count only that one. The spread may be owed already: it starts over
   with the new word. told may have run on return. */
void rim__spread_tell(rim_ctx *ctx, struct rim__spread *spread, uint32_t shard);
#define RIM_SPREAD_ALL UINT32_MAX
/* Tries again what is owed. */
void rim__spread_retry(rim_ctx *ctx);
/* The end of the shard: nobody is told any more, told runs all the same. */
void rim__spread_finish(rim_ctx *ctx);

#endif
