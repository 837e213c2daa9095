/* SPDX-License-Identifier: MIT */
/*
 * name.h - names: an actor claims one, others find it by it.
 *
 * A name is text of 1 to 63 bytes, any bytes but NUL. It belongs to one actor at most in the whole system; an actor may
 * have several. It is free again by rim_unname, and when its owner ends. To claim one takes a few messages between
 * shards; to find one takes none: every shard has the whole list.
 *
 *     Order    when a claim's outcome is there, the caller's own shard finds the name, and so does everybody who hears
 *              from the owner afterwards; other shards within a message's time. When an actor has ended its names are
 *              free before anybody gets its RIM_DOWN or exit signal: who has that does not find the name, and can claim
 *              it
 *     Loss     a claim has one outcome, as a request has: see rim_name
 *     Threads  every function here takes a rim_ctx, which is valid only inside a handler, on the handler's thread; but
 *              for rim_system_find
 */
#ifndef RINGMAIL_NAME_H
#define RINGMAIL_NAME_H

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RIM_NAME_MAX 63u /* bytes of a name, at most */

typedef struct rim_claim {
    const char *name;    /* copied */
    bool wait;           /* where it is taken, until it is free; who asks first is served first */
    uint64_t timeout_ns; /* mandatory: 0 is -EINVAL */
    rim_outcome on_outcome;
    uint64_t cookie;
} rim_claim;

/*
 * Claims a name for the calling actor. 0: on_outcome will be called exactly once, unless the claim is cancelled
 * (rim_cancel with `out`, which may be NULL) or the actor ends. Its error is 0 (the name is the actor's, until it calls
 * rim_unname or ends), -RIM_ETAKEN (an actor has it, maybe the caller itself), -ETIMEDOUT, -ENOMEM, or -RIM_ESTOPPING
 * (it would have to wait, and the system stops). With 0 the body is the caller's rim_ref, and the message NULL. A name
 * that is granted after the deadline or a cancel is given back at once. Else (-EINVAL for a name, timeout or callback
 * that is none, -ENOMEM, -RIM_ELIMIT, -RIM_ECONTEXT outside of a handler) it will not be called.
 */
RIM_API RIM_MUST_CHECK int rim_name(rim_ctx *ctx, const rim_claim *claim, rim_token *out);

/* Gives a name of the calling actor's back. 0, -RIM_ENOBODY if it does not have that name, -EINVAL. */
RIM_API int rim_unname(rim_ctx *ctx, const char *name);

/* Who has the name, as far as this shard knows; RIM_NIL if nobody. Takes no message and no lock. */
RIM_API rim_ref rim_find(const rim_ctx *ctx, const char *name);

typedef struct rim_finding {
    const char *name;    /* copied */
    uint64_t timeout_ns; /* mandatory: 0 is -EINVAL */
    rim_outcome on_outcome;
    uint64_t cookie;
} rim_finding;

/*
 * Waits until somebody has the name, also if that is so already. 0: on_outcome will be called exactly once, as for
 * rim_name. Its error is 0 (the body is the rim_ref of who has the name, the message NULL), -ETIMEDOUT, or
 * -RIM_ESTOPPING (the system stops). Else the codes of rim_name.
 */
RIM_API RIM_MUST_CHECK int rim_find_later(rim_ctx *ctx, const rim_finding *finding, rim_token *out);

/*
 * Sends a copy to whoever has the name now: rim_find and rim_send in one. -RIM_ENOBODY if nobody has it (no message was
 * sent), else as rim_send.
 */
RIM_API int rim_send_name(rim_ctx *ctx, const char *name, uint32_t tag, const void *body, size_t size);

/*
 * Who has the name; RIM_NIL if nobody. For threads that are no shard: takes a lock, and asks no shard. From the moment
 * of the claim's outcome until the name is free. Any thread.
 */
RIM_API rim_ref rim_system_find(rim_system *system, const char *name);

#ifdef __cplusplus
}
#endif
#endif
