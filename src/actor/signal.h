/* SPDX-License-Identifier: MIT */
/*
 * signal.h - what shards tell each other about links and monitors, and what link.c, monitor.c and signal.c share.
 *
 *     a message of kind RIM_KIND_SIGNAL, its tag one of:
 *
 *     LINK       from wants to be linked with to
 *     UNLINK     from has ended its link with to; answered by UNLINKED, always
 *     UNLINKED   the answer: to may forget the link
 *     MONITOR    from watches to
 *     DEMONITOR  from watches to no longer
 *     ABSENT     the answer to LINK, MONITOR, or a birth with either: there is no such actor, or no memory
 *     DOWN       from has ended, and to watches it
 *     ENDED      from has ended, and is linked with to
 *     EXIT       rim_exit_send
 *     KILL       rim_kill
 *     END        rim_end; answered by ABSENT or, when to has ended, by
 *     REPORT     how it ended
 *     FAILED     from has failed, and to keeps it
 *     REVIVE     rim_revive
 *
 *     Order    as all messages from one shard to another; the backlog of reserved ones keeps it too
 *     Loss     none. DOWN and ENDED are blocks that are made with the link or the monitor; UNLINKED and ABSENT are
 *              written into the message that they answer
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_ACTOR_SIGNAL_H
#define RINGMAIL_ACTOR_SIGNAL_H

#include "actor/ctx.h"

enum rim__signal {
    RIM_SIGNAL_LINK = 1,
    RIM_SIGNAL_UNLINK,
    RIM_SIGNAL_UNLINKED,
    RIM_SIGNAL_MONITOR,
    RIM_SIGNAL_DEMONITOR,
    RIM_SIGNAL_ABSENT,
    RIM_SIGNAL_DOWN,  /* body: rim_down_event, without the cookie */
    RIM_SIGNAL_ENDED, /* body: rim_exit_event */
    RIM_SIGNAL_EXIT,  /* body: rim_exit_event */
    RIM_SIGNAL_KILL,
    RIM_SIGNAL_END,    /* body: struct rim__end_order */
    RIM_SIGNAL_REPORT, /* body: struct rim__end_result */
    RIM_SIGNAL_FAILED, /* body: rim_failed_event */
    RIM_SIGNAL_REVIVE, /* body: struct rim__birth, of which only the argument counts */
};

/* The body of the others. */
struct rim__tie {
    rim_mon monitor; /* or an ending; or RIM_NIL */
    uint32_t number; /* UNLINK, UNLINKED: which one; ABSENT: the exit code */
    bool link;       /* ABSENT: of a link */
};

static inline bool rim__signal_is_here(const rim_ctx *ctx, rim_ref ref) {
    return (ref >> RIM_SHARD_SHIFT) == (ctx->here >> RIM_SHARD_SHIFT);
}
/* An actor of this shard, also one that is to be born; NULL: none, or no memory for the unborn one. */
struct rim__actor *rim__signal_target(rim_ctx *ctx, rim_ref ref);
/* To another shard. 0 or -ENOMEM. */
/* A signal with a body of that size, to be written at once. NULL: out of memory. */
struct rim_msg *rim__signal_reserve(rim_ctx *ctx, enum rim__signal signal, rim_ref from, rim_ref to, size_t size);
int rim__signal_send(rim_ctx *ctx, enum rim__signal signal, rim_ref from, rim_ref to, struct rim__tie tie);
/* The message itself becomes the answer to its sender. */
void rim__signal_answer(rim_ctx *ctx, struct rim_msg *msg, enum rim__signal signal, struct rim__tie tie);
void rim__signal_text(char *to, size_t size, const char *text);
/* What stands for a code that came without a text. */
const char *rim__signal_text_of(uint32_t code);

struct rim__end_order {
    uint64_t ending; /* the handle at the asker's */
    uint64_t deadline_ns;
    enum rim_word word;
};

struct rim__end_result {
    uint64_t ending;
    int32_t error;
    rim_end_report report;
};

/* rim_kill has reached its receiver. */
void rim__signal_kill(rim_ctx *ctx, struct rim__actor *actor);

/* keep.c: the two ends of an actor that is kept; 0 or -ENOMEM. Its link says when that is over. */
int rim__keep_watch(rim_ctx *ctx, struct rim__actor *keeper, rim_ref kept);
int rim__keep_begin(rim_ctx *ctx, struct rim__actor *actor, const struct rim__birth *birth);
void rim__keep_unlinked(rim_ctx *ctx, rim_ref owner, rim_ref peer);
bool rim__keep_is_by(const struct rim__actor *actor, rim_ref keeper);
void rim__keep_notice_end(rim_ctx *ctx, struct rim__bond *bond);
void rim__keep_end(rim_ctx *ctx, struct rim__actor *actor);
void rim__keep_failed(rim_ctx *ctx, rim_ref keeper, const rim_failed_event *event);
void rim__keep_revive(rim_ctx *ctx, struct rim_msg *msg);

/* ending.c: the asker's side */
void rim__ending_finish(rim_ctx *ctx, const struct rim__end_result *result);
/* There is no such actor, or its shard has no memory. */
void rim__ending_absent(rim_ctx *ctx, uint64_t handle, uint32_t code);
void rim__ending_end_own(rim_ctx *ctx, struct rim__actor *actor);

/* closing.c: the other */
int rim__closing_begin(rim_ctx *ctx, struct rim__actor *actor, rim_ref asker, const struct rim__end_order *order);
void rim__closing_arrive(rim_ctx *ctx, struct rim_msg *msg, rim_ref to);
void rim__closing_end(rim_ctx *ctx, struct rim__actor *actor, struct rim__bond *bond, rim_exit why);

/* link.c */
/* A spawner and its child, which is `here` or still on its way. 0 or -ENOMEM: nothing is left then. */
int rim__link_spawned(rim_ctx *ctx, rim_ref child, struct rim__actor *here);
void rim__link_unspawn(rim_ctx *ctx, rim_ref child);
/* The link is one of a keeper and its kept. */
void rim__link_set_keeping(rim_ctx *ctx, rim_ref owner, rim_ref peer);
/* The end of a link whose other end is on another shard. 0 or -ENOMEM. */
int rim__link_arrive(rim_ctx *ctx, struct rim__actor *actor, rim_ref peer);
void rim__link_signal(rim_ctx *ctx, struct rim_msg *msg, rim_ref to);
void rim__link_peer_ended(rim_ctx *ctx, rim_ref owner, rim_ref peer, uint32_t code, const char *text);
void rim__link_end(rim_ctx *ctx, struct rim__bond *bond, rim_exit why);
/* The event of a link that takes effect now, at the birth of its owner. */
void rim__link_resolve(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg);

/* monitor.c */
int rim__monitor_spawned(rim_ctx *ctx, rim_ref child, struct rim__actor *here, uint64_t cookie, rim_mon *out);
void rim__monitor_unspawn(rim_ctx *ctx, rim_mon monitor);
int rim__monitor_arrive(rim_ctx *ctx, struct rim__actor *actor, rim_ref watcher, rim_mon monitor);
void rim__monitor_signal(rim_ctx *ctx, struct rim_msg *msg, rim_ref to);
void rim__monitor_fire(rim_ctx *ctx, rim_mon monitor, uint32_t code, const char *text);
void rim__monitor_watch_end(rim_ctx *ctx, struct rim__bond *bond, rim_exit why);
/* The actor's own monitors end; and those of it by actors of this shard fire. */
void rim__monitor_end_own(rim_ctx *ctx, struct rim__actor *actor);
void rim__monitor_end_watchers(rim_ctx *ctx, struct rim__actor *actor, rim_exit why);

#endif
