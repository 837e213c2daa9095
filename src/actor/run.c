/* SPDX-License-Identifier: MIT */
/*
 * shard->turns: an actor's turn. Up to its budget of messages and of time: pop, look the tag up, call, apply the
 * verdict.
 */
#include <stdarg.h>
#include <stdio.h>

#include "actor/become.h"
#include "actor/mailbox.h"
#include "actor/name.h"
#include "actor/newborn.h"
#include "shard/turns.h"

#define CLOCK_EVERY 16u /* messages between two looks at the clock; a power of two */
/* After so many sends a turn ends at the next look. Those who get them may handle as many in a turn: if this one made
   more, the backlog would grow until it is in no cache. */
#define SENDS_PER_TURN 256u

static rim_handler row_for(const rim_behaviour *behaviour, uint32_t tag) {
    uint32_t row = tag ^ (behaviour->protocol << 16);
    if (rim__likely(row < behaviour->on_count)) {
        return behaviour->on[row];
    }
    return tag < RIM_USER && tag < behaviour->on_count ? behaviour->on[tag] : NULL;
}

/* No row takes it. Events have a default; what somebody sent becomes a dead letter. */
static rim__cold rim_verdict handle_rowless(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    if (msg->tag < RIM_USER && msg->kind >= RIM_KIND_EVENT && msg->kind <= RIM_KIND_FAILED) {
        if (msg->tag == RIM_FAILED) { /* nobody will revive it */
            rim_kill(ctx, ((const rim_failed_event *)rim__msg_body(msg))->who);
        }
        return msg->tag == RIM_SOCKET_CLOSED || msg->tag == RIM_DRAIN ? RIM_STOP : RIM_DONE;
    }
    ctx->stats.handled--; /* work_off counts it, and it is counted once */
    rim__dead_count(ctx, &(rim_dead_letter){.from = msg->from,
                                            .to = actor->ref,
                                            .tag = msg->tag,
                                            .reason = -RIM_ENOHANDLER,
                                            .size = msg->size});
    if (ctx->asked) {
        rim_refuse(ctx, RIM_NIL, -RIM_ENOHANDLER);
    }
    return RIM_DONE;
}

static inline rim_verdict call_row(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    const rim_behaviour *behaviour = actor->behaviour;
    rim_handler handler = row_for(behaviour, msg->tag);
    if (rim__unlikely(handler == NULL)) {
        handler = behaviour->other;
        if (handler == NULL) {
            return handle_rowless(ctx, actor, msg);
        }
    }
    return handler(ctx, RIM_ACTOR_STATE(actor), rim__msg_body(msg), msg);
}

rim_verdict rim__call(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    return call_row(ctx, actor, msg);
}

static rim_verdict handle_ask(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    struct rim__msg_token token = *rim__msg_token(msg);
    rim_ref from = msg->from;
    if (token.deadline_ns <= ctx->shard->now_ns) { /* nobody waits for the answer any more */
        ctx->stats.handled--;
        rim__dead_count(ctx, &(rim_dead_letter){.from = from,
                                                .to = actor->ref,
                                                .tag = msg->tag,
                                                .reason = -RIM_EEXPIRED,
                                                .size = msg->size});
        return RIM_DONE;
    }
    ctx->asked = true;
    ctx->asker = from;
    ctx->ask = token;
    rim_verdict verdict = call_row(ctx, actor, msg);
    ctx->ask.deadline_ns = 0;
    if (rim__unlikely(ctx->asked)) {
        ctx->asked = false;
        rim__request_fail(ctx, from, token.token, -RIM_ENOREPLY);
    }
    return verdict;
}

static rim_verdict give_plain_birth(rim_ctx *ctx, struct rim__actor *actor, const struct rim_msg *msg) {
    const void *arg = msg->size > 0 ? msg + 1 : NULL;
    rim_verdict verdict = actor->behaviour->init(ctx, RIM_ACTOR_STATE(actor), arg, msg->size);
    if (verdict != RIM_DONE) {
        return verdict;
    }
    actor->stage = RIM_STAGE_ALIVE;
    return actor->belongings == NULL ? RIM_DONE : rim__start_done(ctx, actor, &(struct rim__birth){.size = msg->size});
}

static rim_verdict give_birth(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    const struct rim__birth *birth = rim__msg_body(msg);
    rim_verdict verdict = RIM_DONE;
    int name_error = rim__name_birth_error(actor);
    if (name_error != 0) {
        return rim_fail(ctx, name_error == -RIM_ETAKEN ? RIM_EXIT_NAME : RIM_EXIT_NOMEM, "its name: %s",
                        rim_strerror(name_error));
    }
    if (actor->behaviour->init != NULL) {
        const void *arg = birth->size > 0 ? birth + 1 : NULL;
        verdict = actor->behaviour->init(ctx, RIM_ACTOR_STATE(actor), arg, birth->size);
    }
    if (verdict == RIM_DONE) {
        actor->stage = RIM_STAGE_ALIVE;
        verdict = rim__start_done(ctx, actor, birth);
    }
    return verdict;
}

static rim__cold rim_verdict handle_rare(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    rim_verdict verdict = RIM_DONE;
    switch ((enum rim__kind)msg->kind) {
    case RIM_KIND_SPAWN:
        ctx->stats.handled--; /* nobody sent it */
        ctx->newborn = actor;
        return msg->tag == RIM_NEWBORN_PLAIN ? give_plain_birth(ctx, actor, msg) : give_birth(ctx, actor, msg);
    case RIM_KIND_DRAIN:
        return call_row(ctx, actor, msg);
    case RIM_KIND_TIMER:
        return rim__timer_event(ctx, actor, msg);
    case RIM_KIND_DOWN:
        return rim__monitor_event(ctx, actor, msg);
    case RIM_KIND_EXIT:
        return rim__link_event(ctx, actor, msg);
    case RIM_KIND_REPORT:
        return rim__ending_event(ctx, actor, msg);
    case RIM_KIND_FAILED:
        return rim__keep_event(ctx, actor, msg);
    case RIM_KIND_FAILURE:
    case RIM_KIND_REPLY:
        rim__request_outcome(ctx, actor, msg, &verdict);
        return verdict;
    default:
        rim__unreachable("a kind of message that is not for actors");
    }
}

static rim_verdict handle(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    rim_verdict verdict;
    ctx->current = msg;
    bool embedded = (msg->flags & RIM_MSG_EMBEDDED) != 0; /* such a message may be gone after the call */
    if (rim__likely(msg->kind == RIM_KIND_TELL)) {
        verdict = call_row(ctx, actor, msg);
    } else if (msg->kind == RIM_KIND_EVENT) {
        verdict = call_row(ctx, actor, msg);
    } else if (msg->kind == RIM_KIND_ASK) {
        verdict = handle_ask(ctx, actor, msg);
    } else {
        verdict = handle_rare(ctx, actor, msg);
    }
    if (rim__unlikely(ctx->taken)) {
        ctx->taken = false;
    } else if (!embedded) {
        rim__mailbox_release(ctx, msg);
    }
    return verdict;
}

/* From where a turn is bounded. */
struct bound {
    uint64_t begin_ns;
    uint64_t sent; /* messages that the shard had sent when the turn began */
};

static rim__always_inline struct bound bound_turn(const struct rim__shard *shard, const rim_ctx *ctx) {
    return (struct bound){.begin_ns = shard->now_ns, .sent = ctx->stats.sent};
}

static void look_at_clock(rim_ctx *ctx) {
    ctx->shard->now_ns = ctx->shard->driver->ops->now(ctx->shard->driver);
}

static bool is_time_up(rim_ctx *ctx, struct bound bound) {
    look_at_clock(ctx);
    return ctx->shard->now_ns >= bound.begin_ns + ctx->turn_ns;
}

static bool has_sent_enough(const rim_ctx *ctx, struct bound bound) {
    return ctx->stats.sent - bound.sent >= SENDS_PER_TURN;
}

static void count_done(rim_ctx *ctx, uint32_t done) {
    ctx->stats.queued -= done;
    ctx->stats.handled += done; /* what was not handled after all has been subtracted */
}

/* Looking at the clock costs more than a short handler: so it is looked at now and then. An actor that has used up its
   turn by the first look is slow. */
static rim__cold bool look_up(rim_ctx *ctx, struct rim__actor *actor, struct bound bound, uint32_t done) {
    bool is_up = is_time_up(ctx, bound) || has_sent_enough(ctx, bound);
    actor->slow = is_up && done == CLOCK_EVERY;
    return is_up;
}

static rim_verdict work_off(rim_ctx *ctx, struct rim__actor *actor) {
    struct bound bound = bound_turn(ctx->shard, ctx);
    rim_verdict verdict = RIM_DONE;
    uint32_t done = 0;
    while (actor->head != NULL && !actor->stop_asked && !actor->held) {
        verdict = handle(ctx, actor, rim__mailbox_pop(actor));
        done++;
        if (rim__unlikely(verdict != RIM_DONE) || done >= actor->budget ||
            (done % CLOCK_EVERY == 0 && look_up(ctx, actor, bound, done))) {
            break;
        }
    }
    count_done(ctx, done);
    return verdict;
}

/* The same for a slow actor: the clock is looked at after each message, until it is quick again. At the start, too:
   what the others before it took is not its own. */
static rim__cold rim_verdict work_off_slowly(rim_ctx *ctx, struct rim__actor *actor) {
    look_at_clock(ctx);
    struct bound bound = bound_turn(ctx->shard, ctx);
    rim_verdict verdict = RIM_DONE;
    uint32_t done = 0;
    while (actor->head != NULL && !actor->stop_asked && !actor->held) {
        verdict = handle(ctx, actor, rim__mailbox_pop(actor));
        done++;
        if (verdict != RIM_DONE || done >= actor->budget || is_time_up(ctx, bound) || has_sent_enough(ctx, bound)) {
            break;
        }
    }
    actor->slow = done <= CLOCK_EVERY;
    count_done(ctx, done);
    return verdict;
}

static rim_exit why_failed(const rim_ctx *ctx, const struct rim__actor *actor, rim_verdict verdict) {
    bool told = ctx->fail_code != 0 && verdict == RIM_FAIL;
    if (actor->stage == RIM_STAGE_UNBORN && rim__name_birth_error(actor) == 0) {
        return (rim_exit){.code = RIM_EXIT_INIT, .text = told ? ctx->fail_text : "its init did not succeed"};
    }
    return told ? (rim_exit){.code = ctx->fail_code, .text = ctx->fail_text}
                : (rim_exit){.code = RIM_EXIT_FAILED, .text = "failed"};
}

/* A test wants this turn to fail: what would have been handled is gone. */
static rim__cold rim_verdict crash(rim_ctx *ctx, struct rim__actor *actor) {
    const struct rim_msg *msg = actor->head;
    if (msg != NULL && !(msg->flags & RIM_MSG_EMBEDDED) && msg->kind != RIM_KIND_SPAWN) {
        ctx->stats.queued--;
        rim__dead_letter(ctx, rim__mailbox_pop(actor), actor->ref, -RIM_EDOWN);
    }
    return rim_fail(ctx, RIM_EXIT_FAILED, "crashed by the simulation");
}

static rim__cold void end(rim_ctx *ctx, struct rim__actor *actor, rim_verdict verdict) {
    rim_exit_event reason; /* outlives what it was sent in */
    rim_exit why = {.code = RIM_EXIT_NORMAL, .text = "stopped"};
    bool is_not_needed = verdict == RIM_STOP && actor->stage == RIM_STAGE_UNBORN;
    if (verdict == RIM_FAIL || (actor->stage == RIM_STAGE_UNBORN && !actor->stop_asked && !is_not_needed)) {
        why = why_failed(ctx, actor, verdict);
        if ((actor->marks & RIM_MARK_KEPT) && rim__keep_suspend(ctx, actor, why)) {
            ctx->fail_code = 0;
            return;
        }
    } else if (actor->mode & RIM_MODE_OVERFLOWN) {
        why = (rim_exit){.code = RIM_EXIT_MAILBOX, .text = "its mailbox overflowed"};
    } else if (actor->marks & (RIM_MARK_DOOMED | RIM_MARK_KILLED)) {
        reason = rim__signal_reason(actor);
        why = (rim_exit){.code = reason.code, .text = reason.text};
    } else if (actor->stop_asked) {
        why = (rim_exit){.code = RIM_EXIT_SHUTDOWN, .text = "asked to stop"};
    }
    rim__actor_bury(ctx, actor, why);
    ctx->fail_code = 0;
}

/* ---- the ordinary turn: messages of the user's to an actor about whom there is nothing else to be done ---- */

/* A tell with its body behind it, in this shard's memory or in a parcel. */
static inline bool is_plain(const struct rim_msg *msg) {
    return msg->kind == RIM_KIND_TELL && (msg->flags & ~RIM_MSG_IN_PARCEL) == 0;
}

static inline rim_verdict handle_plain(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    rim_handler handler = row_for(actor->behaviour, msg->tag);
    if (rim__unlikely(handler == NULL)) {
        return handle(ctx, actor, msg);
    }
    ctx->current = msg;
    rim_verdict verdict = handler(ctx, actor + 1, msg + 1, msg);
    if (rim__likely(!ctx->taken)) {
        rim__mailbox_release(ctx, msg);
    } else {
        ctx->taken = false;
    }
    return verdict;
}

static rim__always_inline rim_verdict work_off_plainly(struct rim__shard *shard, rim_ctx *ctx,
                                                       struct rim__actor *actor) {
    struct bound bound = bound_turn(shard, ctx);
    rim_verdict verdict = RIM_DONE;
    uint32_t done = 0;
    do {
        struct rim_msg *msg = rim__mailbox_pop(actor);
        verdict = rim__likely(is_plain(msg)) ? handle_plain(ctx, actor, msg) : handle(ctx, actor, msg);
        done++;
        if (rim__unlikely(verdict != RIM_DONE || (actor->quirks.any & RIM_QUIRKS) != 0)) {
            break;
        }
    } while (actor->head != NULL && done < actor->budget &&
             (done % CLOCK_EVERY != 0 || !look_up(ctx, actor, bound, done)));
    count_done(ctx, done);
    return verdict;
}

/* ---- all others ---- */

static rim__cold rim_verdict work_off_oddly(rim_ctx *ctx, struct rim__actor *actor) {
    if (ctx->crashes != NULL && !rim__actor_is_own(actor) && ctx->crashes(ctx, actor->ref)) {
        return crash(ctx, actor);
    }
    return actor->slow ? work_off_slowly(ctx, actor) : work_off(ctx, actor);
}

/* False: there is no such actor any more. */
static rim__cold bool finish_oddly(rim_ctx *ctx, struct rim__actor *actor, rim_verdict verdict) {
    if (verdict != RIM_DONE || actor->stop_asked) {
        end(ctx, actor, verdict);
        ctx->actor = NULL;
        return false;
    }
    ctx->actor = NULL;
    if (actor->told) {
        rim__room_check(ctx, actor);
    }
    if (actor->marks & RIM_MARK_CHANGED) {
        rim__become_settle(ctx, actor);
    }
    return true;
}

static rim__always_inline bool is_odd(const struct rim__actor *actor) {
    return (actor->quirks.any & RIM_QUIRKS) != 0;
}

/* The turn is over, but for what is odd about it. */
static rim__always_inline void leave(struct rim__shard *shard, rim_ctx *ctx, struct rim__actor *actor) {
    ctx->actor = NULL;
    if (actor->head != NULL && !actor->held) {
        rim__run_queue_push(&shard->ready, &actor->task); /* behind the others */
    } else {
        actor->ready = false;
    }
}

static rim__always_inline void enter(rim_ctx *ctx, struct rim__actor *actor) {
    rim__assert(actor->ready);
    ctx->actor = actor;
    ctx->fail_code = 0; /* of a rim_fail whose verdict was not returned */
}

static rim__cold void take_odd_turn(struct rim__shard *shard, struct rim__task *task) {
    rim_ctx *ctx = shard->world;
    struct rim__actor *actor = rim__container_of(task, struct rim__actor, task);
    enter(ctx, actor);
    rim_verdict verdict = work_off_oddly(ctx, actor);
    ctx->current = NULL;
    if (finish_oddly(ctx, actor, verdict)) {
        leave(shard, ctx, actor);
    }
}

static rim__always_inline void take_turn(struct rim__shard *shard, struct rim__task *task) {
    rim_ctx *ctx = shard->world;
    struct rim__actor *actor = rim__container_of(task, struct rim__actor, task);
    if (rim__unlikely(is_odd(actor) || actor->head == NULL)) {
        take_odd_turn(shard, task);
        return;
    }
    enter(ctx, actor);
    rim_verdict verdict = work_off_plainly(shard, ctx, actor);
    ctx->current = NULL;
    if (rim__unlikely(verdict != RIM_DONE || is_odd(actor) || actor->told) && !finish_oddly(ctx, actor, verdict)) {
        return;
    }
    leave(shard, ctx, actor);
}

/* A test decides which turns fail: it is asked at each. */
static rim__cold void take_odd_turns(struct rim__shard *shard) {
    rim__turns_take(shard, take_odd_turn);
}

rim__hot void rim__actor_take_turns(struct rim__shard *shard) {
    const rim_ctx *ctx = shard->world;
    if (rim__unlikely(ctx->crashes != NULL)) {
        take_odd_turns(shard);
    } else {
        rim__turns_take(shard, take_turn);
    }
}

/* ---- messages of another shard, handled where they lie ---- */

/* What of a parcel is still to be unpacked. */
struct rest {
    char *at, *end;
    uint32_t ended; /* of the messages before, that are done with */
};

/* A turn at once overtakes nobody; and had all of the parcel waited, no bound would have been met. */
static inline bool may_go_first(const struct rim__shard *shard, const rim_ctx *ctx, const struct rim__actor *actor,
                                const struct rim__parcel *parcel) {
    return rim__run_queue_is_empty(&shard->ready) && actor->head == NULL && !actor->ready && !is_odd(actor) &&
           actor->stage == RIM_STAGE_ALIVE && actor->count_max / 2 >= parcel->count &&
           actor->bytes_max / 2 >= parcel->used && ctx->crashes == NULL && shard->now_ns < shard->unpack_until_ns;
}

static inline rim_verdict handle_in_place(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg,
                                          struct rest *rest) {
    rim_handler handler = row_for(actor->behaviour, msg->tag);
    rest->at += rim__msg_span(0, msg->size);
    /* Not for the pointer: a line that the receiver has only read is slow to write again for the sender. */
    msg->next = NULL;
    if (rim__unlikely(handler == NULL)) {
        return handle(ctx, actor, msg);
    }
    ctx->current = msg;
    rim_verdict verdict = handler(ctx, actor + 1, msg + 1, msg);
    rest->ended += !ctx->taken;
    ctx->taken = false;
    return verdict;
}

/* A turn that has the messages which come in a row for this actor, until one is in its mailbox: that is next. */
static rim__always_inline rim_verdict work_off_in_place(struct rim__shard *shard, rim_ctx *ctx,
                                                        struct rim__actor *actor, struct rest *rest) {
    struct bound bound = bound_turn(shard, ctx);
    struct rim_msg *msg = (struct rim_msg *)rest->at;
    uint64_t word = msg->word; /* kind and flags as well */
    rim_verdict verdict;
    uint32_t done = 0;
    do {
        verdict = handle_in_place(ctx, actor, msg, rest);
        done++;
        msg = (struct rim_msg *)rest->at;
    } while (rest->at < rest->end && rim__likely(verdict == RIM_DONE && !is_odd(actor) && actor->head == NULL) &&
             msg->word == word && done < actor->budget &&
             (done % CLOCK_EVERY != 0 || !look_up(ctx, actor, bound, done)));
    ctx->stats.handled += done;
    ctx->stats.arrived_across += done;
    return verdict;
}

static rim__always_inline void take_turn_in_place(struct rim__shard *shard, rim_ctx *ctx, struct rim__actor *actor,
                                                  struct rest *rest) {
    rim__pulse_turn(&shard->pulse, &actor->task);
    actor->ready = true;
    enter(ctx, actor);
    rim_verdict verdict = work_off_in_place(shard, ctx, actor, rest);
    ctx->current = NULL;
    if (rim__likely(verdict == RIM_DONE && !is_odd(actor) && !actor->told) || finish_oddly(ctx, actor, verdict)) {
        leave(shard, ctx, actor);
    }
    if (++ctx->turns_in_place % RIM_TURNS_EARLY_EVERY == 0) {
        rim__mesh_hasten(shard);
        if (ctx->turns_in_place % RIM_TURNS_CLOCK_EVERY == 0) {
            look_at_clock(ctx);
        }
    }
}

uint32_t rim__actor_unpack(struct rim__shard *shard, struct rim__parcel *parcel) {
    rim_ctx *ctx = shard->world;
    struct rest rest = {.at = (char *)(parcel + 1), .end = (char *)parcel + parcel->used};
    while (rest.at < rest.end) {
        struct rim_msg *msg = (struct rim_msg *)rest.at;
        struct rim__actor *actor = rim__likely(is_plain(msg)) ? rim__actor_find(ctx, msg->to) : NULL;
        if (actor != NULL && may_go_first(shard, ctx, actor, parcel)) {
            take_turn_in_place(shard, ctx, actor, &rest);
        } else {
            rest.at += rim__msg_span(msg->flags, msg->size);
            rim__actor_deliver(shard, msg);
        }
    }
    rim__pulse_turn(&shard->pulse, NULL);
    return rest.ended;
}

rim_verdict rim_fail(rim_ctx *ctx, uint32_t code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(ctx->fail_text, sizeof ctx->fail_text, format, args);
    va_end(args);
    ctx->fail_code = code != 0 ? code : RIM_EXIT_FAILED;
    return RIM_FAIL;
}
