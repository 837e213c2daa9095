/* SPDX-License-Identifier: MIT */
/*
 * shortcut.h - a request to an actor of the I/O layer without a message to it: where that actor is of the asker's
 * shard, and has nothing in its mailbox, it is begun within the asker's call. For the asker all is as with a request to
 * the actor: it has a token, a deadline, one outcome, and can be cancelled.
 *
 *     Order    the caller sees to it that nothing is overtaken: find says no while anything waits in the mailbox
 *     Loss     an open request has exactly one of: its asker's cancel or end, its deadline, a reply, a failure. Whoever
 *              comes late finds nothing, and a message then is a dead letter, as with any request
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_ACTOR_SHORTCUT_H
#define RINGMAIL_ACTOR_SHORTCUT_H

#include "actor/actor.h"
#include "ringmail/request.h"

/* The state of an actor of this shard with this behaviour that is alive, handles messages, and has none waiting. NULL:
   there is no such, or the actor whose handler runs may not be answered without a message: then it is to be sent to. */
void *rim__shortcut_find(const rim_ctx *ctx, rim_ref who, const rim_behaviour *behaviour);

/* Requests of this shard's actors whose outcome has not been handled. */
uint64_t rim__shortcut_open_count(const rim_ctx *ctx);
/* Of `ask` only timeouts, callback and cookie count. 0, or the codes of rim_request. */
int rim__shortcut_open(rim_ctx *ctx, const rim_ask *ask, rim_token *out) RIM_MUST_CHECK;
/* As if it had never been opened. */
void rim__shortcut_undo(rim_ctx *ctx, rim_token token);

/* Room for a reply of up to `size` bytes, at rim__msg_body: inline where it is small, else by pointer. NULL: out of
   memory. It is posted, or released as any message. */
struct rim_msg *rim__shortcut_reserve(rim_ctx *ctx, uint32_t tag, size_t size);
/* The outcome: the first `size` bytes of it. Fewer than were reserved may need memory: -ENOMEM, and it is still the
   caller's. */
int rim__shortcut_reply(rim_ctx *ctx, rim_ref from, rim_token token, struct rim_msg *msg, size_t size) RIM_MUST_CHECK;
/* The outcome is an error; without memory it has no text. */
void rim__shortcut_fail(rim_ctx *ctx, rim_ref from, rim_token token, int error, const char *text);

#endif
