/* SPDX-License-Identifier: MIT */
/*
 * assert.h - assertions about the runtime itself, on in every build. A user's mistake is never one: it is a returned
 * code or a failed actor.
 */
#ifndef RINGMAIL_BASE_ASSERT_H
#define RINGMAIL_BASE_ASSERT_H

#include "base/compiler.h"

/* Prints where, and which shard, to standard error, and aborts. */
_Noreturn rim__cold void rim__assert_failed(const char *expression, const char *file, int line);

#define rim__assert(x)         (rim__likely(x) ? (void)0 : rim__assert_failed(#x, __FILE__, __LINE__))
#define rim__unreachable(what) rim__assert_failed("unreachable: " what, __FILE__, __LINE__)

/* Whole-structure checks, in debug builds only. */
#ifdef RIM_AUDIT
#define rim__audit(x) rim__assert(x)
#else
#define rim__audit(x) ((void)sizeof(x))
#endif

#endif
