/* SPDX-License-Identifier: MIT */
/*
 * cost.h - what the works of rimcost have in common: how much is to be done, and how much has been.
 *
 * The simulated world is one thread, so they are plain variables.
 */
#ifndef RIMCOST_COST_H
#define RIMCOST_COST_H

#include <ringmail.h>

struct cost {
    uint32_t shards, size;
    uint32_t under_way; /* at once */
    uint64_t count, done;
    int error; /* the first */
};
extern struct cost cost;

/* Ends the run with an error; a verdict. */
rim_verdict cost_give_up(int error);
/* The same if it is one. */
rim_verdict cost_check(int error);
/* One more is done; true if another one is to be begun. */
bool cost_lap(void);
/* Where the way in is full, the shards get to run. */
bool cost_may_try_again(rim_system *system, int error);
/* Spawns; waits for room. */
int cost_spawn(rim_system *system, const rim_behaviour *behaviour, uint32_t shard, rim_ref *out);

/* Each begins its work on a system that runs. 0 or negative. */
int cost_message(rim_system *system); /* actors.c */
int cost_request(rim_system *system);
int cost_echo(rim_system *system); /* net.c */
int cost_datagram(rim_system *system);
int cost_read(rim_system *system); /* file.c */
int cost_tree(rim_system *system); /* tree.c */

#endif
