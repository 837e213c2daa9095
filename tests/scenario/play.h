/* SPDX-License-Identifier: MIT */
/*
 * play.h - a stage for scenarios of links and monitors: a subject, which ends as it is told, and an observer, whose
 * handlers are the scenario's own. Each play is given twice: with both on one shard, and with the subject on another.
 *
 *     static void watch(rim_ctx *ctx, struct play *play) { CHECK(rim_monitor(ctx, play->subject, 7) != RIM_NIL); ... }
 *     static void check(rim_ctx *ctx, struct play *play, const rim_down_event *down) { ... scenario_done(ctx); }
 *     void contract_06_...(struct scenario *s) { play_run(s, (struct play){.go = watch, .down = check}); }
 *
 *     Threads  everything in a play is the observer's, but for what is atomic
 */
#ifndef PLAY_H
#define PLAY_H

#include <stdatomic.h>

#include "role.h"

struct play {
    bool trap;        /* the observer traps exits from its birth on */
    bool alone;       /* no subject is spawned */
    uint32_t wanted;  /* it is over when so many subjects have ended; 0: a handler says */
    uint32_t backlog; /* bound of the mailboxes; 0: the default */
    void (*go)(rim_ctx *ctx, struct play *play);
    void (*word)(rim_ctx *ctx, struct play *play, uint64_t number);
    void (*timer)(rim_ctx *ctx, struct play *play, uint64_t cookie);
    void (*down)(rim_ctx *ctx, struct play *play, const rim_down_event *down);
    void (*exit)(rim_ctx *ctx, struct play *play, const rim_exit_event *exit);
    void (*failed)(rim_ctx *ctx, struct play *play, const rim_failed_event *failed); /* NULL: no row */
    void (*end)(rim_ctx *ctx, struct play *play, rim_exit why);                      /* the observer's exit */
    /* while it is given */
    uint32_t shard; /* the subject's */
    rim_ref subject, observer, third;
    rim_mon mon[4];
    uint64_t words, downs, exits, failures;
    atomic_uint born;         /* subjects that have begun */
    atomic_uint ended;        /* subjects that have ended */
    atomic_uint subject_code; /* how the last of them did */
};

/* What a subject does: ends as it is told by its code, after so many words to the sender; or answers a ping with a
   word: then it has handled all that the observer sent before, and what it sent has arrived. */
enum { PLAY_END = TAGS, PLAY_LINK, PLAY_NOTHING, PLAY_PING };
struct play_end {
    uint32_t code; /* RIM_EXIT_NORMAL: stops */
    uint32_t words;
};

/* The subject's behaviour, for spawns of the scenario's own; its argument is a role_cast with the play as its world. */
extern const rim_behaviour play_subject, play_stillborn;

void play_run(struct scenario *s, struct play play);
/* From the observer: the subject ends. */
void play_tell_end(rim_ctx *ctx, rim_ref subject, uint32_t code, uint32_t words);
/* From the observer: another subject, on the subject's shard. */
rim_ref play_spawn(rim_ctx *ctx, struct play *play, rim_spawn_options options, const rim_behaviour *behaviour);

#endif
