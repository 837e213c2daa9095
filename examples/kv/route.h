/* SPDX-License-Identifier: MIT */
/*
 * route.h - from a request to the shards that have its keys, and from their answers to the client's reply.
 *
 * What is not promised: a command on the keys of one shard is atomic, one on several shards is not. Another client may
 * look between the parts: during a MSETNX it may see some of the keys, and two MSETNX that overlap may both succeed.
 * RENAME across shards copies, then removes: another client may see both names, and what it writes to the old one
 * meanwhile stays there. Whatever fails, memory for one, nothing is lost.
 */
#ifndef KV_ROUTE_H
#define KV_ROUTE_H

#include "command.h"
#include "connection.h"

/* Several answers that make one reply. */
struct gather {
    struct connection *c;
    const struct command *command;
    rim_pipeline_place place;
    unsigned version;
    uint32_t pending;   /* answers, and who asks for them */
    int64_t sum;        /* of the numbers with which they begin */
    rim_buffer text;    /* what follows there, of all; an error, if failed */
    rim_buffer request; /* the client's */
    bool failed;
    void (*next)(struct gather *gather); /* if not NULL another step is to come */
    uint64_t mark;                       /* for that step */
};

/* Runs the request of a connection, or has it run. */
void route(struct call *call);
/* Has another shard run it, as it is. */
void route_forward(struct call *call, uint32_t shard);
/* Sends what has been asked since. False: some of it has found no room, and there will be RIM_ROOM. */
bool route_flush(struct connection *c);
void route_finish(struct connection *c);

/* Splits keys that are on several shards: one request each, behind the head of an array; in steps. */
void spread_each(struct call *call), spread_msetnx(struct call *call), spread_rename(struct call *call);
/* Merges: the sum, OK; or the listing of keyspace.c, clients.c and admin.c. */
void merge_sum(struct gather *gather, struct reply *out), merge_ok(struct gather *gather, struct reply *out);
void merge_rename(struct gather *gather, struct reply *out);
void merge_keys(struct gather *gather, struct reply *out), merge_randomkey(struct gather *gather, struct reply *out);
void merge_client_list(struct gather *gather, struct reply *out), merge_info(struct gather *gather, struct reply *out);

#endif
