/* SPDX-License-Identifier: MIT */
/*
 * link.h - failure as a message: links, monitors, exit signals; and the three words for stopping. The first three mean
 * what they mean in Erlang/OTP: erlang:link/1, monitor/2, exit/2, process_flag(trap_exit). Called from handlers.
 *
 *     rim_mon mon = rim_monitor(ctx, worker, 0);      one RIM_DOWN when the worker ends, or if it is not there
 *     rim_link(ctx, partner);                         who of the two fails ends the other as well
 *     rim_trap_exit(ctx, true);                       ... or is a RIM_EXIT_SIGNAL event to it
 *
 * An actor that ends sends an exit signal to each actor that it is linked to, with its exit code. The receiver ends
 * with the same code and text, at its next scheduling point and ahead of its queue. If it traps exits it gets an event
 * instead. An exit as RIM_EXIT_NORMAL ends nobody, but traps see it.
 *
 *     Order    signals and RIM_DOWN come after everything that the dead actor sent to the receiver, and when its names
 *              are free
 *     Loss     none: place and memory are reserved when the link or the monitor is made. A system that stops its actors
 *              (the last step of rim_system_stop) tells them nothing of each other any more
 *     Threads  as actor.h: inside handlers only; the other actor may live on any shard
 */
#ifndef RINGMAIL_LINK_H
#define RINGMAIL_LINK_H

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* RIM_DOWN: the one event of a monitor: the actor has ended. Default: ignored. */
typedef struct rim_down_event {
    rim_mon monitor;
    rim_ref who;
    uint64_t cookie;
    uint32_t code;  /* its exit code; RIM_EXIT_NOACTOR: there was none; RIM_EXIT_NOMEM also: its shard had no memory to
                       watch it */
    char text[100]; /* ends with a zero; a longer one is cut */
} rim_down_event;

/* RIM_EXIT_SIGNAL, to an actor that traps exits: one that it is linked to has ended, or somebody called rim_exit_send.
   Default: ignored. */
typedef struct rim_exit_event {
    rim_ref from; /* who has ended, or who called */
    uint32_t code;
    bool linked;    /* it came by a link, which is gone now */
    char text[107]; /* ends with a zero; a longer one is cut */
} rim_exit_event;

/*
 * Links the caller and `who`, in both directions. Linking twice is one link; linking to oneself does nothing. If there
 * is no such actor an exit signal with RIM_EXIT_NOACTOR arrives. 0, -RIM_EBADREF, -RIM_ECONTEXT (outside of an actor),
 * -ENOMEM.
 */
RIM_API int rim_link(rim_ctx *ctx, rim_ref who);
/* Ends the link, whoever made it. Afterwards no exit signal of it arrives, also if its event was already queued. 0 also
   if there was no link; -RIM_EBADREF, -RIM_ECONTEXT, -ENOMEM (the link is as before). */
RIM_API int rim_unlink(rim_ctx *ctx, rim_ref who);
/*
 * One RIM_DOWN event with `cookie` when `who` ends, or at once if there is no such actor. Each call makes a monitor of
 * its own. One of oneself never fires. RIM_NIL: out of memory, or not an actor's reference (rim_error_text says which).
 * rim_cancel ends a monitor: afterwards its event does not arrive, also if it was already queued.
 */
RIM_API rim_mon rim_monitor(rim_ctx *ctx, rim_ref who, uint64_t cookie);
/* Whether exit signals are events from now on. Returns what it was. */
RIM_API bool rim_trap_exit(rim_ctx *ctx, bool on);
/*
 * Sends an exit signal with this code and text (copied, at most 106 bytes; NULL is empty). If the receiver traps exits
 * it gets an event, else it ends as if it had failed with that code; RIM_EXIT_NORMAL is ignored then, unless the caller
 * sends it to itself. No link is needed, and none is made. 0 (also if there is no such actor), -RIM_EBADREF, -ENOMEM.
 */
RIM_API int rim_exit_send(rim_ctx *ctx, rim_ref to, uint32_t code, const char *text);
/* Ends an actor as RIM_EXIT_KILLED, after the message that it is handling and ahead of its queue. It cannot be trapped;
   what is queued is dead-lettered. 0 (also if there is no such actor), -RIM_EBADREF, -ENOMEM. */
RIM_API int rim_kill(rim_ctx *ctx, rim_ref who);

/* ---- restart in place ---- */

/*
 * RIM_FAILED, to the spawner of an actor with the option keep: a handler of it has failed, and instead of ending it is
 * suspended: its exit has run, its mailbox goes on filling and nothing is handled. It waits for rim_revive, or for its
 * end. Default: it is killed.
 */
typedef struct rim_failed_event {
    rim_ref who;
    uint32_t code;
    char text[108]; /* ends with a zero; a longer one is cut */
} rim_failed_event;

/*
 * Restarts a suspended actor in place: its reference, its names, links and sockets, who monitors it, and its mailbox
 * stay; the message that failed it is gone. Its state is zeroed, and its table is that of its spawn again (or what an
 * upgrade has put in its place). Own memory, timers, requests and monitors of the life before are gone already, and
 * what it had stashed is back in front of the mailbox. `arg` is handed to init, which runs first, as at a spawn; if it
 * fails, that is RIM_FAILED again, with RIM_EXIT_INIT. An init that fails at the first start ends the actor.
 *
 * The spawner and its actor are linked, and that link is what keeps it: if the spawner ends, so does the actor, also
 * when it traps exits or the spawner stops normally; if one of them undoes the link, a failure is an end, and a
 * suspended actor is killed. Kill, stop and exit signals end a suspended actor as any other.
 *
 * 0 (to another shard: under way; what is not suspended there is left alone, and what cannot be revived for want of
 * memory ends as RIM_EXIT_NOMEM), -RIM_EDOWN, -RIM_ECONTEXT (it is not suspended), -RIM_EBADREF, -EINVAL (as
 * rim_spawn), -ENOMEM (it is still suspended).
 */
RIM_API RIM_MUST_CHECK int rim_revive(rim_ctx *ctx, rim_ref who, const void *arg, size_t size);

/* ---- ending an actor, with a report ---- */

/*
 * RIM_DRAIN, no body: the last message, behind the backlog; admission is closed: what is sent from now on is refused or
 * dead-lettered with -RIM_ECLOSED, but for replies, events and the like, whose places are reserved. Default: the actor
 * stops normally. With a row it may go on until it has finished what it had begun, and then returns RIM_STOP.
 */
enum rim_word {
    RIM_WORD_DRAIN, /* the backlog is worked off, then RIM_DRAIN; at the deadline the actor is killed */
    RIM_WORD_STOP,  /* after the current message; the backlog is dead-lettered (as rim_stop) */
    RIM_WORD_KILL,  /* the same ahead of everything, as RIM_EXIT_KILLED (as rim_kill) */
};

typedef struct rim_ending {
    rim_ref who;
    enum rim_word word;
    uint64_t timeout_ns; /* mandatory: 0 is -EINVAL */
    rim_outcome on_outcome;
    uint64_t cookie; /* handed to on_outcome */
} rim_ending;

/* The body of the outcome, whatever its error. */
typedef struct rim_end_report {
    rim_ref who;
    uint32_t code;       /* its exit code; RIM_EXIT_NOACTOR: it was gone before */
    uint64_t lost;       /* messages and requests that were dead-lettered in its mailbox, and what rim_end_note added */
    char held_up_by[96]; /* what was not done at the deadline, by name; empty if it ended in time */
} rim_end_report;

/*
 * Ends an actor. on_outcome is called exactly once, unless it is cancelled or the caller ends: with error 0 (it has
 * ended, in time), -ETIMEDOUT (it was killed at the deadline), -ENOMEM (nothing was done: its shard had no memory for
 * it), or -EBUSY (a second after the deadline its handler still has not returned: it ends when that does). Several
 * actors may end the same one; each gets a report. `out`, which may be NULL, is for rim_cancel: that calls off the
 * outcome, not the end. 0, -EINVAL, -RIM_EBADREF, -RIM_ECONTEXT, -ENOMEM.
 */
RIM_API RIM_MUST_CHECK int rim_end(rim_ctx *ctx, const rim_ending *ending, rim_token *out);
/* For an actor that is being ended and ends others with it: adds to its own report what they lost, and what held them
   up (NULL or empty: nothing; the first text stays). */
RIM_API void rim_end_note(rim_ctx *ctx, uint64_t lost, const char *held_up_by);

#ifdef __cplusplus
}
#endif
#endif
