/* SPDX-License-Identifier: MIT */
/*
 * The stash: messages that wait outside of the mailbox until the actor wants them. They are queued messages all the
 * time: a turn counts what it popped as handled, so what is stashed is taken out of that count at once.
 */
#include <errno.h>

#include "actor/mailbox.h"
#include "ringmail/mailbox.h"

static bool is_in_hand(const rim_ctx *ctx, const struct rim_msg *msg) {
    return ctx->actor != NULL && msg != NULL && msg == ctx->current && !ctx->taken;
}

static bool is_stashable(const struct rim_msg *msg) {
    return !(msg->flags & RIM_MSG_EMBEDDED) &&
           (msg->kind == RIM_KIND_TELL || msg->kind == RIM_KIND_ASK || msg->kind == RIM_KIND_EVENT);
}

static uint32_t stash_max(const struct rim__actor *actor) {
    return actor->belongings->stash_max != 0 ? actor->belongings->stash_max : rim__pressure_count_max(actor);
}

static void append(struct rim__belongings *belongings, struct rim_msg *msg) {
    msg->next = NULL;
    if (belongings->stash == NULL) {
        belongings->stash = msg;
    } else {
        belongings->stash_last->next = msg;
    }
    belongings->stash_last = msg;
    belongings->stash_count++;
}

int rim_stash(rim_ctx *ctx, rim_msg *msg) {
    if (!is_in_hand(ctx, msg) || !is_stashable(msg) || (msg->kind == RIM_KIND_ASK && !ctx->asked)) {
        return -EINVAL;
    }
    struct rim__belongings *belongings = rim__actor_belongings(ctx, ctx->actor);
    if (belongings == NULL) {
        return -ENOMEM;
    }
    if (belongings->stash_count >= stash_max(ctx->actor)) {
        return -RIM_EFULL;
    }
    rim_ref from = msg->from;
    struct rim_msg *kept = msg;
    if (msg->flags & (RIM_MSG_IN_PARCEL | RIM_MSG_FOREIGN)) { /* the parcel must go home */
        kept = rim__msg_move_out(ctx->shard, msg);
        if (kept == NULL) {
            return -ENOMEM;
        }
    }
    kept->flags &= (uint16_t) ~(RIM_MSG_URGENT | RIM_MSG_RETURNED);
    append(belongings, kept);
    rim__hand_over(ctx, from);
    rim__answer_done(ctx);
    ctx->stats.queued++;
    ctx->stats.handled--;
    return 0;
}

/* Takes the first `count` out of the stash; returns the last of them. Their bytes are counted where they go. */
static struct rim_msg *cut_off(struct rim__actor *actor, uint32_t count) {
    struct rim__belongings *belongings = actor->belongings;
    struct rim_msg *last = NULL, *at = belongings->stash;
    for (uint32_t i = 0; i < count; i++, at = at->next) {
        actor->bytes += at->size;
        at->flags |= RIM_MSG_RETURNED;
        last = at;
    }
    belongings->stash = at;
    belongings->stash_count -= count;
    actor->count += count;
    return last;
}

/* Behind the urgent ones, and behind what was put back before and has not had its turn. */
static struct rim_msg **find_place(struct rim__actor *actor) {
    uint32_t urgent;
    struct rim_msg **link = rim__urgent_end(actor, &urgent);
    while (*link != NULL && ((*link)->flags & RIM_MSG_RETURNED)) {
        link = &(*link)->next;
    }
    return link;
}

uint32_t rim__stash_return(rim_ctx *ctx, struct rim__actor *actor, uint32_t max) {
    struct rim__belongings *belongings = actor->belongings;
    uint32_t count = belongings != NULL && belongings->stash_count < max ? belongings->stash_count : max;
    if (belongings == NULL || count == 0) {
        return 0;
    }
    struct rim_msg **place = find_place(actor), *first = belongings->stash;
    struct rim_msg *last = cut_off(actor, count);
    last->next = *place;
    if (last->next == NULL) {
        actor->last = last;
    }
    *place = first;
    if (!actor->held && actor->stage != RIM_STAGE_EMBRYO) {
        rim__actor_wake(ctx, actor);
    }
    return count;
}

uint32_t rim_unstash(rim_ctx *ctx, uint32_t max) {
    return ctx->actor != NULL ? rim__stash_return(ctx, ctx->actor, max) : 0;
}

uint32_t rim_stashed(const rim_ctx *ctx) {
    return ctx->actor != NULL && ctx->actor->belongings != NULL ? ctx->actor->belongings->stash_count : 0;
}
