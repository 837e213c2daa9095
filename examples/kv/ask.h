/* SPDX-License-Identifier: MIT */
/*
 * ask.h - the ways in which a command (`run`, at the connection) is answered by keepers.
 *
 * What is not promised: each request to a keeper is atomic, a command that takes several is not. Another client may
 * look between the steps: during a RENAME across shards it may see neither name, during a MSETNX some of the keys, and
 * two MSETNX that overlap may both succeed. RENAME of two keys on one shard is one step.
 */
#ifndef KV_ASK_H
#define KV_ASK_H

#include <ringmail/pipeline.h>

#include "command.h"

struct connection;
struct call;

/* One request to the shard of a key, whose reply is the client's. */
bool ask_key(struct call *call);
bool ask_object(struct call *call);
bool ask_scan(struct call *call);
/* One for each key or pair: replies for each, the sum of the replies, OK, OK if none of the keys is there. */
bool ask_each(struct call *call);
bool ask_sum(struct call *call);
bool ask_pairs(struct call *call);
bool ask_pairs_if_new(struct call *call);
/* One to each shard: the sum, OK, all the keys, one key. */
bool ask_all(struct call *call);
bool ask_flush(struct call *call);
bool ask_keys(struct call *call);
bool ask_random(struct call *call);
/* In steps, where the keys are on two shards. */
bool ask_rename(struct call *call);

/* The cursor of SCAN: a partition's number, counted over all shards. False: it is none. */
bool ask_cursor(struct text text, uint64_t *cursor);

/* ---- several answers that make one reply ---- */

struct gather {
    struct connection *c;
    rim_pipeline_place place; /* 0: the reply is not to come at once */
    unsigned version;
    uint32_t pending; /* answers */
    int64_t sum;      /* of those that are numbers */
    bool failed;
    rim_buffer text; /* for the taker; an error, if failed */
    void (*take)(struct gather *gather, struct resp_out *text, struct text answer); /* NULL: they are numbers */
    void (*finish)(struct gather *gather, struct resp_out *out);
};

/* A gather for the call's reply. NULL without memory: the connection has failed. */
struct gather *gather_begin(struct call *call, void (*take)(struct gather *, struct resp_out *, struct text),
                            void (*finish)(struct gather *, struct resp_out *));
/* Asks every keeper, with the call's arguments. */
void gather_ask_shards(struct call *call, struct gather *gather, const struct command *command);
void gather_take(struct gather *gather, struct text answer);

#endif
