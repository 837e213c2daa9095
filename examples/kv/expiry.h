/* SPDX-License-Identifier: MIT */
/*
 * expiry.h - times of expiry as clients give them: in seconds or milliseconds, from now or since 1970.
 */
#ifndef KV_EXPIRY_H
#define KV_EXPIRY_H

#include <stdint.h>

#include "number.h"
#include "operation.h"
#include "resp.h"

enum expiry_unit { EXPIRY_EX = 0, EXPIRY_PX, EXPIRY_EXAT, EXPIRY_PXAT };

/* Milliseconds since 1970. False: it is beyond what can be counted. */
static inline bool expiry_scale(int64_t when, enum expiry_unit unit, int64_t now_ms, int64_t *out) {
    bool seconds = unit == EXPIRY_EX || unit == EXPIRY_EXAT;
    bool from_now = unit == EXPIRY_EX || unit == EXPIRY_PX;
    return !__builtin_mul_overflow(when, seconds ? 1000 : 1, out) &&
           !__builtin_add_overflow(*out, from_now ? now_ms : 0, out);
}

/* As SET and GETEX take it: above 0, else an enum bad_expiry. */
static inline int64_t expiry_read(const struct resp_arg *arg, enum expiry_unit unit, int64_t now_ms) {
    int64_t when;
    if (!number_parse(arg->at, arg->size, &when)) {
        return EXPIRY_NO_NUMBER;
    }
    return when > 0 && expiry_scale(when, unit, now_ms, &when) ? when : EXPIRY_INVALID;
}

#endif
