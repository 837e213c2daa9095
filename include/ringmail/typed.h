/* SPDX-License-Identifier: MIT */
/*
 * typed.h - typed messages: one list makes the structs, the tags and the dispatch table. Optional: everything here is
 * shorthand for the plain functions of actor.h.
 *
 *     #define COUNTER(M, A)                        one line a message: its name and its fields
 *         M(A, counter, add, { int64_t by; })
 *         M(A, counter, get, { uint32_t flags; })
 *     RIM_PROTOCOL(counter, 0x0101, COUNTER)       structs counter_add, counter_get; tags counter_add_tag, ...
 *
 *     RIM_ON(meter, counter_add, ctx, self, in) { self->total += in->by; return RIM_DONE; }
 *     RIM_ON(meter, counter_get, ctx, self, in) { return rim_answer(ctx, counter_total, .value = self->total); }
 *     RIM_BEHAVIOUR(meter, counter, COUNTER, RIM_NO_EVENTS, .init = meter_init);   a rim_behaviour, meter_behaviour
 *
 *     rim_tell(ctx, to, counter_add, .by = 3);
 *
 * A message without a handler, a wrong message name and a wrong field are compile-time errors. A message whose size is
 * not its struct's is dead-lettered before it reaches the handler.
 */
#ifndef RINGMAIL_TYPED_H
#define RINGMAIL_TYPED_H

#include "ringmail/actor.h"

#ifndef __cplusplus

#define RIM_STRUCT_(A, P, N, ...)                                                                                      \
    typedef struct P##_##N __VA_ARGS__ P##_##N;                                                                        \
    _Static_assert(sizeof(P##_##N) <= 65536, #P "_" #N ": too large, send it as a buffer (rim_msg_wrap)");             \
    _Static_assert(_Alignof(P##_##N) <= 16, #P "_" #N ": bodies are aligned to 16 bytes");
#define RIM_INDEX_(A, P, N, ...) P##_##N##_index_,
#define RIM_TAG_(A, P, N, ...)   P##_##N##_tag = (P##_protocol << 16) + RIM_USER + P##_##N##_index_,
#define RIM_ROW_(A, P, N, ...)   [RIM_USER + P##_##N##_index_] = A##_on_##P##_##N,

/* Structs and tags of a protocol. `number` is from 1 to 32,511 (0x7eff), and best unique in the program. */
#define RIM_PROTOCOL(P, number, LIST)                                                                                  \
    LIST(RIM_STRUCT_, ~)                                                                                               \
    enum { P##_protocol = (number) };                                                                                  \
    enum { LIST(RIM_INDEX_, ~) P##_count_ };                                                                           \
    enum { LIST(RIM_TAG_, ~) P##_tag_end_ };                                                                           \
    _Static_assert((number) > 0 && (number) < 0x7f00, #P ": protocol numbers are from 1 to 32511");

/* The head of a handler: A is the type of the state, T of the message. The body follows in braces. */
#define RIM_ON(A, T, ctx, self, in)                                                                                    \
    static rim_verdict A##_typed_##T(rim_ctx *ctx, A *self, const T *in);                                              \
    static rim_verdict A##_on_##T(rim_ctx *ctx_, void *self_, const void *body_, rim_msg *msg_) {                      \
        if (rim_size(msg_) != sizeof(T)) {                                                                             \
            return rim_mistyped(ctx_, msg_);                                                                           \
        }                                                                                                              \
        return A##_typed_##T(ctx_, (A *)self_, (const T *)body_);                                                      \
    }                                                                                                                  \
    static rim_verdict A##_typed_##T(rim_ctx *ctx __attribute__((unused)), A *self __attribute__((unused)),            \
                                     const T *in __attribute__((unused)))

/* Rows for events beside the protocol's: RIM_EVENTS([RIM_TIMER] = on_timer, [RIM_ROOM] = on_room). */
#define RIM_EVENTS(...) __VA_ARGS__,
#define RIM_NO_EVENTS

/* The table: A is the type of the state; what follows EVENTS are further fields of rim_behaviour. */
#define RIM_BEHAVIOUR(A, P, LIST, EVENTS, ...)                                                                         \
    static const rim_handler A##_rows_[] = {EVENTS LIST(RIM_ROW_, A)};                                                 \
    static const rim_behaviour A##_behaviour = {.name = #A,                                                            \
                                                .state_size = sizeof(A),                                               \
                                                .on = A##_rows_,                                                       \
                                                .on_count = RIM_COUNT(A##_rows_),                                      \
                                                .protocol = P##_protocol,                                              \
                                                __VA_ARGS__}

/* Send, reply, and the ask of a request, each with the fields of T. */
#define rim_tell(ctx, to, T, ...) rim_send((ctx), (to), T##_tag, &(T){__VA_ARGS__}, sizeof(T))
#define rim_answer(ctx, T, ...)   (rim_reply((ctx), RIM_NIL, T##_tag, &(T){__VA_ARGS__}, sizeof(T)), RIM_DONE)
#define RIM_ASK(T, ...)           .tag = T##_tag, .body = &(T){__VA_ARGS__}, .size = sizeof(T)
/* The body of `msg` as a T, or NULL if it is something else. */
#define rim_as(T, msg)                                                                                                 \
    ((msg) != NULL && rim_tag(msg) == T##_tag && rim_size(msg) == sizeof(T) ? (const T *)rim_body(msg) : (const T *)0)

#endif /* !__cplusplus */

#ifdef __cplusplus
extern "C" {
#endif

/* What a typed handler does with a body of the wrong size: counts it a dead letter (-EBADMSG), refuses a request. */
RIM_API rim_verdict rim_mistyped(rim_ctx *ctx, rim_msg *msg);

#ifdef __cplusplus
}
#endif
#endif
