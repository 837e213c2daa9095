/* SPDX-License-Identifier: MIT */
/*
 * request.h - what goes beyond one question and one answer: pass a message on, know the deadline, ask many at once.
 * The request itself is in actor.h.
 *
 *     asker --request--> A --rim_forward--> B --reply--> asker      the token and the deadline travel along
 *
 *     Order    a message that is forwarded is a new message of the forwarder's to its new receiver: it is in order with
 *              the others from there, whatever its sender is said to be
 *     Loss     none: a forwarded request has its one outcome, a gathering has one for all its parts
 *     Threads  as in actor.h
 */
#ifndef RINGMAIL_REQUEST_H
#define RINGMAIL_REQUEST_H

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* When the asker of the request in hand stops waiting, by rim_now; 0 if there is none, or it is answered. */
RIM_API uint64_t rim_deadline(const rim_ctx *ctx);

/*
 * Passes the message that is being handled on to `to`, as it is and without a copy where it is large. Its sender stays
 * its sender (rim_from). With a request go its asker, its token and its deadline: whoever answers it answers the asker,
 * and the forwarder has nothing more to do with it. Returns 0: the message is no longer the handler's, body and msg are
 * not to be used. -RIM_EDOWN: `to` is known to be gone, and a request has failed with that. -EINVAL: not the message in
 * hand, an event, or a request that is answered. Else the codes of rim_send: the message is still in hand.
 */
RIM_API int rim_forward(rim_ctx *ctx, rim_ref to, rim_msg *msg);

/* ---- many requests with one outcome ---- */

/* What came of one of them. Borrowed: valid until the handler returns. */
typedef struct rim_answer {
    int32_t error;    /* 0; else as in rim_outcome, and -ECANCELED for one that was not waited for any more */
    const void *body; /* of the reply; NULL with an error */
    rim_msg *msg;     /* the reply: its tag, size and sender; NULL with an error */
} rim_answer;

/*
 * The one outcome of a gathering: answers[i] is what came of asks[i]. `error` is 0 if as many have replied as were
 * wanted, else the code of the first that failed.
 */
typedef rim_verdict (*rim_gathered)(rim_ctx *ctx, void *self, uint64_t cookie, int error, const rim_answer *answers,
                                    uint32_t count);

typedef struct rim_gathering {
    const rim_ask *asks; /* their timeout_ns, on_outcome and cookie are not looked at; messages in them are consumed */
    uint32_t count;      /* at least 1 */
    uint32_t quorum;     /* replies that are enough; 0: all are waited for, also when some have failed */
    uint64_t timeout_ns; /* of the whole; mandatory */
    rim_gathered on_gathered;
    uint64_t cookie; /* handed to on_gathered */
} rim_gathering;

/*
 * Asks many at once. The outcome comes when all have one, or when `quorum` have replied, or cannot any more: the rest
 * is cancelled. An ask that cannot be sent is an answer with an error. Returns 0: on_gathered will be called exactly
 * once, unless the gathering is cancelled (rim_cancel, with `out`, which may be NULL) or the asker ends. Else it will
 * not: -EINVAL, -ENOMEM, -RIM_ELIMIT, or the first code of the asks if none could be sent, or fewer than the quorum:
 * what was sent is cancelled.
 */
RIM_API RIM_MUST_CHECK int rim_gather(rim_ctx *ctx, const rim_gathering *gathering, rim_token *out);

#ifdef __cplusplus
}
#endif
#endif
