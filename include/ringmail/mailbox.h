/* SPDX-License-Identifier: MIT */
/*
 * mailbox.h - what an actor may do about its own mailbox, and the one way to get ahead in another's.
 *
 *     urgent (at most 64) | put back by rim_unstash | ordinary messages, in the order of arrival     -> handler
 *     stash: what the handler has put by for later                                                  rim_stash
 *
 *     Order    urgent messages from one sender to one receiver arrive in the order sent, ahead of ordinary ones that
 *              wait; what is unstashed comes in the order in which it was stashed, ahead of what waits
 *     Loss     none: an urgent message that finds no room is refused to its sender, what is still in the stash when
 *              its actor ends is dead-lettered
 *     Threads  as in actor.h
 */
#ifndef RINGMAIL_MAILBOX_H
#define RINGMAIL_MAILBOX_H

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- pressure ---- */

/*
 * Says that the caller is slow for reasons of its own (a disk, a peer), or is so no longer. While it is on, sends to
 * the caller fail with -RIM_EFULL as if its mailbox were full, whatever its overflow policy: senders may ask for room,
 * and a socket of which it is the owner stops receiving, so that TCP slows the peer. What is under way from other
 * shards is still let in, as far as the mailbox really has room. Replies, timers, events and urgent messages still
 * come; what it sends to itself does not. Twice on is on. Returns 0, -ENOMEM (it is as before), -RIM_ECONTEXT.
 */
RIM_API int rim_pressure(rim_ctx *ctx, bool on);

/* ---- urgent messages ---- */

#define RIM_URGENT_MAX      64u   /* urgent messages that may wait in one mailbox */
#define RIM_URGENT_SIZE_MAX 1024u /* bytes of the body of one */

/*
 * As rim_send, but the message goes ahead of the ordinary ones that wait in the receiver's mailbox, behind the urgent
 * ones, and also into one that is full. For control: "cancel", "reload", "how far are you?". Stops and kills are ahead
 * in any case. To another shard it goes in line until it is there. -RIM_EFULL when RIM_URGENT_MAX wait already, or the
 * way is full; -RIM_ETOOBIG above RIM_URGENT_SIZE_MAX.
 */
RIM_API int rim_send_urgent(rim_ctx *ctx, rim_ref to, uint32_t tag, const void *body, size_t size);

/* ---- the stash ---- */

/*
 * Puts the message that is being handled by, for another state of the actor: it is not handled yet and counts as
 * queued, until rim_unstash puts it back. A request keeps its asker, and its deadline goes on: an expired one is not
 * run. Not for timers and outcomes: -EINVAL. -RIM_EFULL when stash_count are kept: the message is still in hand.
 * -ENOMEM. After 0 the message is no longer the handler's: body and msg are not to be used.
 */
RIM_API int rim_stash(rim_ctx *ctx, rim_msg *msg);
/*
 * Puts up to `max` of the stashed messages back, the oldest first, ahead of the ordinary ones in the mailbox and behind
 * the urgent ones; they may exceed the mailbox's bounds. Returns how many. They are handled after this handler returns.
 */
RIM_API uint32_t rim_unstash(rim_ctx *ctx, uint32_t max);
/* How many the caller has stashed. */
RIM_API uint32_t rim_stashed(const rim_ctx *ctx);

#ifdef __cplusplus
}
#endif
#endif
