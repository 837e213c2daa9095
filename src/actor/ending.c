/* SPDX-License-Identifier: MIT */
/*
 * rim_end at the side of the one who asks: a record with the message of its outcome, as a request's.
 *
 *     OPEN --report, or a second after the deadline--> QUEUED --its turn--> gone
 *       '------------------ rim_cancel -------------------'--> gone; what waits is skipped
 *
 * The deadline itself is kept where the actor is that ends (closing.c), so that it also holds if the asker ends first.
 */
#include <errno.h>
#include <stddef.h>

#include "actor/mailbox.h"
#include "actor/send.h"
#include "actor/signal.h"

#define GRACE_NS RIM_SECONDS(1) /* after the deadline, for a handler to return */

struct ending {
    uint64_t handle;     /* first, as in all that is in ctx->monitors */
    struct rim__own own; /* of the asker */
    struct rim__actor *owner;
    struct rim__timer grace;
    rim_outcome on_outcome;
    uint64_t cookie;
    int error;
    bool queued;
    struct rim_msg msg; /* with its body behind it */
    rim_end_report report;
};
_Static_assert(offsetof(struct ending, report) == offsetof(struct ending, msg) + sizeof(struct rim_msg),
               "the body lies behind the message");

static void free_ending(rim_ctx *ctx, struct ending *ending) {
    rim__memory_free(&ctx->shard->memory, ending, sizeof *ending);
}

static void retire(rim_ctx *ctx, struct ending *ending) {
    rim__timer_disarm(&ctx->shard->timers, &ending->grace);
    rim__table_remove(&ctx->monitors, rim__ref_local(ending->handle));
    rim__own_unlink(&ending->own);
    ctx->stats.requests_open--;
}

static struct ending *find(const rim_ctx *ctx, uint64_t handle) {
    struct ending *ending = rim__table_find(&ctx->monitors, rim__ref_local(handle));
    return ending != NULL && ending->handle == handle ? ending : NULL;
}

/* ---- the outcome ---- */

static void finish(rim_ctx *ctx, struct ending *ending, int error, const rim_end_report *report) {
    rim__timer_disarm(&ctx->shard->timers, &ending->grace);
    ending->error = error;
    ending->report = *report;
    ending->queued = true;
    ending->msg = (struct rim_msg){.from = report->who,
                                   .to = rim__ref_local(ending->owner->ref),
                                   .kind = RIM_KIND_REPORT,
                                   .flags = RIM_MSG_EMBEDDED | RIM_MSG_RESERVED,
                                   .size = sizeof ending->report};
    ctx->stats.sent++;
    rim__mailbox_push(ctx, ending->owner, &ending->msg);
}

void rim__ending_finish(rim_ctx *ctx, const struct rim__end_result *result) {
    struct ending *ending = find(ctx, result->ending);
    if (ending != NULL && !ending->queued && !ctx->ending) {
        finish(ctx, ending, result->error, &result->report);
    }
}

void rim__ending_absent(rim_ctx *ctx, uint64_t handle, uint32_t code) {
    struct ending *ending = find(ctx, handle);
    if (ending != NULL && !ending->queued) {
        rim_end_report report = {.who = ending->report.who, .code = code};
        finish(ctx, ending, code == RIM_EXIT_NOACTOR ? 0 : -ENOMEM, &report);
    }
}

static void lose_patience(struct rim__shard *shard, struct rim__timer *timer) {
    struct ending *ending = rim__container_of(timer, struct ending, grace);
    rim_end_report report = {.who = ending->report.who,
                             .code = RIM_EXIT_KILLED,
                             .held_up_by = "a handler that does not return, or the way to its shard"};
    finish(shard->world, ending, -EBUSY, &report);
}

rim_verdict rim__ending_event(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    struct ending *ending = rim__container_of(msg, struct ending, msg);
    rim_verdict verdict = RIM_DONE;
    if (msg->flags & RIM_MSG_CANCELLED) {
        ctx->stats.handled--; /* counted as dead */
        ctx->stats.dead++;
    } else {
        retire(ctx, ending);
        verdict = ending->on_outcome(ctx, RIM_ACTOR_STATE(actor), ending->cookie, ending->error, &ending->report, msg);
    }
    free_ending(ctx, ending);
    return verdict;
}

void rim__ending_drop(rim_ctx *ctx, struct rim_msg *msg) {
    ctx->stats.dead++;
    if (msg->flags & RIM_MSG_CANCELLED) { /* else it is still among its owner's */
        free_ending(ctx, rim__container_of(msg, struct ending, msg));
    }
}

/* ---- the ends ---- */

bool rim__ending_cancel(rim_ctx *ctx, uint64_t token) {
    struct ending *ending = find(ctx, token);
    if (ending == NULL || ending->owner != ctx->actor) {
        return false;
    }
    retire(ctx, ending);
    if (ending->queued) {
        ending->msg.flags |= RIM_MSG_CANCELLED;
    } else {
        free_ending(ctx, ending);
    }
    return true;
}

void rim__ending_cancel_all(rim_ctx *ctx, struct rim__actor *actor) {
    while (actor->belongings->endings != NULL) {
        rim__ending_cancel(ctx, rim__container_of(actor->belongings->endings, struct ending, own)->handle);
    }
}

void rim__ending_end_own(rim_ctx *ctx, struct rim__actor *actor) {
    while (actor->belongings->endings != NULL) {
        struct ending *ending = rim__container_of(actor->belongings->endings, struct ending, own);
        retire(ctx, ending);
        free_ending(ctx, ending);
    }
}

/* ---- asking ---- */

static struct ending *make_ending(rim_ctx *ctx, const rim_ending *asked, uint64_t deadline_ns) {
    struct rim__belongings *belongings = rim__actor_belongings(ctx, ctx->actor);
    struct ending *ending = belongings != NULL ? rim__memory_alloc(&ctx->shard->memory, sizeof *ending) : NULL;
    uint64_t local;
    if (ending == NULL) {
        return NULL;
    }
    if (rim__table_add(&ctx->monitors, ending, &local) != 0) {
        free_ending(ctx, ending);
        return NULL;
    }
    ending->handle = rim__ref_make(RIM_REF_ENDING, ctx->shard->index, local);
    ending->owner = ctx->actor;
    ending->grace = (struct rim__timer){.fire = lose_patience};
    ending->on_outcome = asked->on_outcome;
    ending->cookie = asked->cookie;
    ending->queued = false;
    ending->report.who = asked->who;
    rim__own_link(&belongings->endings, &ending->own);
    ctx->stats.requests_open++;
    rim__timer_arm(&ctx->shard->timers, &ending->grace, deadline_ns + GRACE_NS);
    return ending;
}

static int order_across(rim_ctx *ctx, rim_ref who, const struct rim__end_order *order) {
    struct rim_msg *msg = rim__signal_reserve(ctx, RIM_SIGNAL_END, ctx->actor->ref, who, sizeof *order);
    if (msg == NULL) {
        return -ENOMEM;
    }
    *(struct rim__end_order *)rim__msg_body(msg) = *order;
    return 0;
}

static int order_end(rim_ctx *ctx, rim_ref who, const struct rim__end_order *order, bool exists) {
    if (exists && !rim__signal_is_here(ctx, who)) {
        return order_across(ctx, who, order);
    }
    struct rim__actor *actor = exists ? rim__signal_target(ctx, who) : NULL;
    if (actor != NULL) {
        return rim__closing_begin(ctx, actor, ctx->actor->ref, order);
    }
    rim__ending_absent(ctx, order->ending, RIM_EXIT_NOACTOR);
    return 0;
}

static int check(const rim_ctx *ctx, const rim_ending *asked) {
    if (asked->timeout_ns == 0 || asked->on_outcome == NULL || asked->word < RIM_WORD_DRAIN ||
        asked->word > RIM_WORD_KILL) {
        return -EINVAL;
    }
    return ctx->actor == NULL ? -RIM_ECONTEXT : rim__send_check(ctx, asked->who);
}

int rim_end(rim_ctx *ctx, const rim_ending *asked, rim_token *out) {
    int error = check(ctx, asked);
    if (error != 0 && error != -RIM_EDOWN) { /* EDOWN: of another node, and there are none */
        return error;
    }
    uint64_t now_ns = ctx->shard->now_ns;
    struct rim__end_order order = {
        .deadline_ns = asked->timeout_ns > UINT64_MAX / 4 ? UINT64_MAX / 4 : now_ns + asked->timeout_ns,
        .word = asked->word,
    };
    struct ending *ending = make_ending(ctx, asked, order.deadline_ns);
    if (ending == NULL) {
        return -ENOMEM;
    }
    order.ending = ending->handle;
    if (order_end(ctx, asked->who, &order, error == 0) != 0) {
        retire(ctx, ending);
        free_ending(ctx, ending);
        return -ENOMEM;
    }
    ctx->stats.requests++;
    if (out != NULL) {
        *out = order.ending;
    }
    return 0;
}
