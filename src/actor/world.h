/* SPDX-License-Identifier: MIT */
/*
 * world.h - making and ending a shard's rim_ctx, and the orders by which a system is stopped. For ringmail.c.
 */
#ifndef RINGMAIL_ACTOR_WORLD_H
#define RINGMAIL_ACTOR_WORLD_H

#include "actor/ctx.h"

struct rim__world_options {
    rim_system *system;
    uint32_t mailbox_count, mailbox_bytes, budget;
    uint64_t turn_ns;
    uint64_t hash_seed; /* the same for all shards of a system */
    void (*io_stats)(rim_ctx *ctx, rim_stats *stats);
    uint64_t (*wall_ms)(const rim_ctx *ctx);
    const char *(*path_of)(rim_ctx *ctx, rim_ref who);
};

/* Sets the shard's hooks. 0 or -ENOMEM: finish is allowed. */
int rim__world_init(rim_ctx *ctx, struct rim__shard *shard, const struct rim__world_options *options);
/* After the shard's thread has ended. */
void rim__world_finish(rim_ctx *ctx);

/* ---- orders: from the thread that steers the system, through the inlet ---- */

enum rim__order_kind {
    RIM_ORDER_CLOSE,      /* every actor gets RIM_CLOSING */
    RIM_ORDER_PROBE,      /* say how things stand */
    RIM_ORDER_STOP_USERS, /* every actor but the library's own stops, the last spawned first */
    RIM_ORDER_STOP_ALL,   /* every actor stops */
    RIM_ORDER_CUT,        /* the deadline has come: the same, and what is unhandled is lost */
    RIM_ORDER_QUIT,       /* the loop ends */
};

#define RIM_PROBE_TEXT 96

/* How a shard stands: by the shard before it says that it has obeyed, read by who steers after. */
struct rim__probe {
    bool idle;       /* nothing queued, no request open, nothing to be written */
    uint64_t posted; /* messages to other shards, since the start */
    uint64_t drained;
    uint64_t lost;
    uint32_t killed;
    char busy_with[RIM_PROBE_TEXT]; /* what is not idle, by name */
};

struct rim__order {
    enum rim__order_kind kind;
    struct rim__probe *probe;  /* how the shard stands when it has obeyed; CUT: before that; QUIT leaves it as it is */
    void (*obeyed)(void *arg); /* called when obeyed, on the shard's thread; NULL: no */
    void *arg;
};

#endif
