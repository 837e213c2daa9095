/* SPDX-License-Identifier: MIT */
/*
 * signal.h - the signals of the process, as messages.
 *
 * The library installs no handlers. A program blocks the signals that it wants as messages before it makes threads,
 * and an actor then watches for them: the kernel keeps each until the watch fetches it.
 *
 *     main   rim_signals_block, then rim_system_start: the shards' threads inherit what is blocked
 *     actor  rim_signal_watch; then RIM_SIGNAL for each that comes
 *
 *     Order    real-time signals: the lowest number first, those of one number as they were sent; others: none
 *     Loss     the kernel's: of a signal below SIGRTMIN that has come and was not fetched, one is kept. An owner
 *              whose mailbox is full is not sent more: the kernel keeps them. What the mailbox of an owner that ends
 *              still has is lost with it
 *     Threads  rim_signals_block: any. rim_signal_watch: a handler. A signal goes to one of those who watch for it,
 *              whichever shard or system fetches it first: have one watch, that tells the others
 *
 * With a thread in the process that does not block such a signal the kernel may give it to that one, where it does
 * what it always did: for SIGTERM, that is the end.
 */
#ifndef RINGMAIL_SIGNAL_H
#define RINGMAIL_SIGNAL_H

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Blocks these signals in the calling thread, and so in all that it makes from then on. For main, before anything else.
 * Children (process.h) find nothing blocked. 0, or -EINVAL: one is no signal, or SIGKILL or SIGSTOP; then none is
 * blocked.
 */
RIM_API RIM_MUST_CHECK int rim_signals_block(const int *signals, size_t count);

/*
 * Watches for these signals. The caller is the owner and gets a RIM_SIGNAL for each that comes. `out`, which may be
 * NULL, is for rim_stop; a watch ends with its owner, too. What comes while the system stops is told until then. 0, or
 * with a text in rim_error_text: -EINVAL (none, no signal, SIGKILL, SIGSTOP), -RIM_ECONTEXT (one is not blocked in this
 * shard's thread: rim_signals_block), -EMFILE, -ENOMEM, -RIM_ELIMIT, -RIM_ESTOPPING.
 */
RIM_API RIM_MUST_CHECK int rim_signal_watch(rim_ctx *ctx, const int *signals, size_t count, rim_ref *out);

/* RIM_SIGNAL. Default: ignored. */
typedef struct rim_signal_event {
    rim_ref watch;
    int32_t signal;
    int32_t code;   /* how it came: SI_USER, SI_QUEUE, CLD_EXITED, ... as in sigaction(2) */
    int32_t pid;    /* who sent it, where it was a process */
    uint32_t uid;   /* and whose that is */
    int32_t status; /* SIGCHLD: the exit status or the signal */
    int32_t value;  /* what sigqueue(3) brought */
} rim_signal_event;

#ifdef __cplusplus
}
#endif
#endif
