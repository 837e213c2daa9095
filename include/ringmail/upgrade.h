/* SPDX-License-Identifier: MIT */
/*
 * upgrade.h - new code for actors that live: another table with a state of another size, for one actor or for all of a
 * behaviour, on all shards, between two messages. Reference, mailbox, timers, links, and own memory are kept.
 *
 *     Order    an actor's messages are handled as sent, some by the old table and the later ones by the new one
 *     Loss     none
 *     Threads  a handler; migrate runs on each actor's own shard
 */
#ifndef RINGMAIL_UPGRADE_H
#define RINGMAIL_UPGRADE_H

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Fills `fresh`, which is zeroed and has the new table's state_size, from `old`, which it leaves as it is. `ctx` acts
 * for the actor that changes: rim_self, rim_alloc, timers and sends are its own. 0, or a negative code: then nothing
 * has changed. What it has done through ctx is not undone. It may not change a behaviour itself.
 */
typedef int (*rim_migrate)(rim_ctx *ctx, const void *old, void *fresh, const void *arg);

/*
 * Swaps table and state of the calling actor, from the next message on. The running handler still has the old state:
 * what it writes there after this call is lost. Outcomes of requests that are open come to the functions that they were
 * made with, with the new state. `migrate` NULL: as rim_become. 0, -EINVAL (the table is none, or its state is larger
 * and there is no migrate), -RIM_ECONTEXT (within migrate), -ENOMEM, or what migrate returned: nothing has changed
 * then.
 */
RIM_API RIM_MUST_CHECK int rim_become_with(rim_ctx *ctx, const rim_behaviour *behaviour, rim_migrate migrate,
                                           const void *arg);

typedef struct rim_upgrading {
    const rim_behaviour *from, *to; /* the same name and protocol, and to->version above from->version */
    rim_migrate migrate;            /* may be NULL if the states have one size: then they stay as they are */
    const void *arg;                /* for migrate: shared by all shards, unchanged until nothing waits any more */
    uint64_t timeout_ns;            /* mandatory */
    rim_outcome on_outcome;         /* body: rim_upgrade_report */
    uint64_t cookie;
} rim_upgrading;

/* How it went. As long as `failed`, `waiting` or `unreached` is not 0, `from` is still in use. */
typedef struct rim_upgrade_report {
    uint64_t upgraded; /* actors that have the new table now */
    uint64_t failed;   /* whose migrate failed: they go on with the old one */
    uint64_t waiting;  /* that have requests open, whose outcomes belong to the old code: each changes after its last */
    uint64_t unreached; /* shards that could not be told for want of memory */
    int64_t error;      /* of the first that failed */
    rim_ref who;        /* the first that failed */
} rim_upgrade_report;

/*
 * Upgrades every actor of a behaviour, on all shards. From then on who spawns `from` gets `to`, births under way too.
 * 0: one outcome follows, with a report; at the deadline -ETIMEDOUT, and the upgrade goes on all the same. It may be
 * asked again, to see whether the actors that waited are through. Else nothing happens: -EINVAL where the versions do
 * not fit (rim_error_text says why) or the timeout or callback is missing, -RIM_ECONTEXT (within migrate), -ENOMEM,
 * -RIM_ELIMIT.
 */
RIM_API RIM_MUST_CHECK int rim_upgrade(rim_ctx *ctx, const rim_upgrading *upgrading, rim_token *out);

/*
 * The table that a spawn of `behaviour` would use now: itself, or what it was upgraded to on this shard. For those who
 * keep a table for later, and cannot know whether its object is still loaded: it is not looked into, but compared by
 * address and by the `version` that it had.
 */
RIM_API const rim_behaviour *rim_upgrade_newest(const rim_ctx *ctx, const rim_behaviour *behaviour, uint32_t version);

#ifdef __cplusplus
}
#endif
#endif
