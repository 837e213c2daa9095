/* SPDX-License-Identifier: MIT */
/*
 * actor.h - the front door of the actor layer for src/io and ringmail.c: what an I/O actor needs beyond the public
 * functions, and the life of a shard's actors as a whole.
 *
 *     Threads  all on the shard's own thread, unless said
 */
#ifndef RINGMAIL_ACTOR_ACTOR_H
#define RINGMAIL_ACTOR_ACTOR_H

#include "ringmail/actor.h"
#include "ringmail/offload.h"
#include "shard/message.h"
#include "shard/shard.h"

/* The actors' world on a shard, also outside of handlers. */
rim_ctx *rim__ctx_of(struct rim__shard *shard);
struct rim__shard *rim__ctx_shard(rim_ctx *ctx);

/*
 * In a completion no handler runs. Between enter and leave the public functions act for the actor `who` (of this
 * shard, alive), as in its handler. enter returns what leave wants back; the two nest.
 */
void *rim__ctx_enter(rim_ctx *ctx, rim_ref who);
void rim__ctx_leave(rim_ctx *ctx, void *previous);

/* rim_spawn for the library's own tables, whose protocols (RIM_PROTOCOL_OWN) are refused to users. */
int rim__spawn_own(rim_ctx *ctx, const rim_behaviour *behaviour, const rim_spawn_options *options, const void *arg,
                   size_t size, rim_ref *out) RIM_MUST_CHECK;

/* Whether an actor of this shard is alive. */
bool rim__actor_is_alive(rim_ctx *ctx, rim_ref who);

/* The behaviour of an actor of this shard; NULL if it is not alive. */
const rim_behaviour *rim__actor_behaviour(rim_ctx *ctx, rim_ref who);

/* The state of an actor of this shard that has this behaviour; NULL if there is no such actor. Zeroes before its init.
 */
void *rim__actor_state_of(rim_ctx *ctx, rim_ref who, const rim_behaviour *behaviour);

/* An event of the runtime from `from` to an actor anywhere, whose place is reserved: it is not refused for want of
   room. -ENOMEM, -RIM_EDOWN (also counted as a dead letter). */
int rim__send_event(rim_ctx *ctx, rim_ref from, rim_ref to, uint32_t tag, const void *body, size_t size);

/* The same for an event that must not lack memory: the message is made beforehand, and posted to an actor
   anywhere, or released (rim__msg_release). Its body is rim__msg_body, for the caller to fill. NULL: out of memory. */
struct rim_msg *rim__event_reserve(rim_ctx *ctx, size_t size);
void rim__event_post(rim_ctx *ctx, rim_ref from, rim_ref to, uint32_t tag, struct rim_msg *event);

/* The body that a message was made with, also where it has been viewed since (rim_msg_view). NULL: it is inline. */
const struct rim__body *rim__msg_origin(const struct rim_msg *msg);

/* Sends a body by pointer, subject to the receiver's bounds. On 0 the body is consumed; on -RIM_EFULL it is still the
   caller's and nothing was counted; on another error it has been released. */
int rim__send_body(rim_ctx *ctx, rim_ref from, rim_ref to, uint32_t tag, struct rim__body *body);

/* While held, an actor of this shard gets no messages: they wait in its mailbox, within its bounds. A stop still
   reaches it. */
void rim__actor_hold(rim_ctx *ctx, rim_ref who, bool held);

/* Runs fn when the actor `who` of this shard ends, after its exit. Embedded in the watcher; unwatch is allowed always,
   also on a zeroed watch. -RIM_EDOWN if there is no such actor. */
struct rim__watch {
    struct rim__watch *next, **link; /* link NULL: watches nobody */
    rim_ref who;
    void (*fn)(struct rim__watch *watch, rim_ctx *ctx);
};
int rim__actor_watch(rim_ctx *ctx, rim_ref who, struct rim__watch *watch);
void rim__actor_unwatch(struct rim__watch *watch);

/* The state of an actor of this shard, if it is alive and has this behaviour, and how many messages wait for it; else
   NULL. */
void *rim__actor_own(rim_ctx *ctx, rim_ref who, const rim_behaviour *behaviour, uint32_t *backlog);

/* Runs fn once, when all turns of this tick have been taken. There is one fn for a shard: the I/O layer's. */
void rim__ctx_run_after(rim_ctx *ctx, void (*fn)(rim_ctx *ctx));

/* Work outside of mailboxes that a graceful stop has to wait for: bytes to be written. Counted up and down. */
void rim__ctx_busy(rim_ctx *ctx, int delta);

/* Keeps a text for rim_error_text and tells the log. Returns `error`. */
int rim__ctx_error(rim_ctx *ctx, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* rim_refuse with words: in the asker's on_outcome rim_error_text says `text`, of which RIM_FAILURE_TEXT_MAX bytes
   count. */
#define RIM_FAILURE_TEXT_MAX 252u
int rim__refuse_saying(rim_ctx *ctx, rim_token request, int error, const char *text);

/*
 * rim_offload for the library's own jobs, whose argument is not copied. A result of run that is not negative is the
 * size of the outcome's body, which lies at the argument's beginning. A timeout of UINT64_MAX is none, also where a
 * request is in hand.
 */
struct rim__job_words {
    const char *text; /* what rim_error_text says when run has returned an error: lies in the argument */
    const char
        *path; /* what it is about, for rim_error_text when it times out: lies there, and does not change; NULL */
};
int rim__job_submit(rim_ctx *ctx, const struct rim_job *job, const struct rim__job_words *words, rim_token *out);

/* Room for the I/O layer's own things on this shard. */
void rim__ctx_set_io(rim_ctx *ctx, void *io);
void *rim__ctx_io(const rim_ctx *ctx);

#endif
