/* SPDX-License-Identifier: MIT */
/*
 * request.h - requests that the runtime itself answers: a claim or a search of a name is one to its actor, with
 * deadline, outcome, cancel and all, and without a message to anybody. The outcome lies in the request's record, and so
 * never lacks memory.
 */
#ifndef RINGMAIL_ACTOR_REQUEST_H
#define RINGMAIL_ACTOR_REQUEST_H

#include "actor/ctx.h"

/* rim__request_open, of ctx.h, makes one; without a job here. Its deadline: */
uint64_t rim__request_deadline(const rim_ctx *ctx, rim_token token);
/* Still without an outcome. */
bool rim__request_is_open(const rim_ctx *ctx, rim_token token);
/* Its outcome has not been handled. */
bool rim__request_is_there(const rim_ctx *ctx, rim_token token);
/* The outcome, unless there is one: on_outcome gets the error; where that is 0, a pointer to the word as its body, and
   no message. */
void rim__request_settle(rim_ctx *ctx, rim_token token, int error, uint64_t word);

#endif
