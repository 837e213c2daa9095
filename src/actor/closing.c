/* SPDX-License-Identifier: MIT */
/*
 * rim_end at the side of the one who ends: a bond with all that the end will need. A drain closes admission and puts
 * its marker behind the backlog in one step. Whoever fails to end by the deadline is killed, and named.
 */
#include <errno.h>
#include <stdio.h>

#include "actor/mailbox.h"
#include "actor/send.h"
#include "actor/signal.h"

struct closing {
    struct rim__bond bond; /* its key is the asker's ending */
    rim_ref asker;
    struct rim_msg *farewell; /* the report to another shard; else NULL */
    struct rim__timer deadline;
    bool late;
    char held_up_by[sizeof((rim_end_report *)0)->held_up_by];
    struct rim_msg marker; /* of a drain; without a body */
};

static struct closing *closing_of(struct rim__bond *bond) {
    return rim__container_of(bond, struct closing, bond);
}

/* ---- the deadline ---- */

static void describe(const struct rim__actor *actor, char *text, size_t size) {
    const char *name = actor->behaviour != NULL ? actor->behaviour->name : "an actor that was never born";
    bool waits = actor->belongings->requests != NULL || actor->belongings->endings != NULL;
    if (actor->count > 0) {
        snprintf(text, size, "%.40s: %u messages%s", name, actor->count, waits ? ", requests open" : "");
    } else {
        snprintf(text, size, "%.40s: has not finished%s", name, waits ? ", requests open" : "");
    }
}

static void expire(struct rim__shard *shard, struct rim__timer *timer) {
    struct closing *closing = rim__container_of(timer, struct closing, deadline);
    struct rim__actor *actor = rim__actor_get(shard->world, closing->bond.owner);
    closing->late = true;
    if (closing->held_up_by[0] == '\0') {
        describe(actor, closing->held_up_by, sizeof closing->held_up_by);
    }
    rim__signal_kill(shard->world, actor);
}

/* ---- the words ---- */

void rim__closing_shut(struct rim__actor *actor) {
    actor->marks |= RIM_MARK_CLOSED;
    actor->count_max = 0;
    if (actor->belongings != NULL) {
        actor->belongings->count_max = 0; /* what it gets back when it ends its pressure */
    }
}

static void drain(rim_ctx *ctx, struct rim__actor *actor, struct closing *closing) {
    if (actor->marks & RIM_MARK_CLOSED) { /* another's marker is there */
        return;
    }
    rim__closing_shut(actor);
    closing->marker = (struct rim_msg){.from = closing->asker,
                                       .to = rim__ref_local(actor->ref),
                                       .kind = RIM_KIND_DRAIN,
                                       .flags = RIM_MSG_EMBEDDED | RIM_MSG_RESERVED,
                                       .tag = RIM_DRAIN};
    ctx->stats.sent++;
    rim__mailbox_push(ctx, actor, &closing->marker);
}

static void obey(rim_ctx *ctx, struct rim__actor *actor, struct closing *closing, enum rim_word word) {
    switch (word) {
    case RIM_WORD_DRAIN:
        drain(ctx, actor, closing);
        break;
    case RIM_WORD_STOP:
        actor->stop_asked = true;
        if (actor->stage != RIM_STAGE_EMBRYO) { /* else it ends at its birth */
            rim__actor_wake(ctx, actor);
        }
        break;
    case RIM_WORD_KILL:
        rim__signal_kill(ctx, actor);
        break;
    }
}

static struct closing *make_closing(rim_ctx *ctx, struct rim__actor *actor, rim_ref asker, uint64_t ending) {
    struct rim__belongings *belongings = rim__actor_belongings(ctx, actor);
    struct closing *closing = belongings != NULL ? rim__memory_alloc(&ctx->shard->memory, sizeof *closing) : NULL;
    if (closing == NULL) {
        return NULL;
    }
    *closing = (struct closing){.bond = {.owner = actor->ref, .key = ending}, .asker = asker, .deadline.fire = expire};
    bool here = rim__signal_is_here(ctx, asker);
    if (!here) {
        closing->farewell = rim__msg_create(ctx->shard, RIM_KIND_SIGNAL, RIM_MSG_RESERVED, RIM_SIGNAL_REPORT,
                                            sizeof(struct rim__end_result));
    }
    if ((!here && closing->farewell == NULL) || rim__bond_add(ctx, actor, &closing->bond) != 0) {
        if (closing->farewell != NULL) {
            rim__msg_release(ctx->shard, closing->farewell);
        }
        rim__memory_free(&ctx->shard->memory, closing, sizeof *closing);
        return NULL;
    }
    return closing;
}

int rim__closing_begin(rim_ctx *ctx, struct rim__actor *actor, rim_ref asker, const struct rim__end_order *order) {
    struct closing *closing = make_closing(ctx, actor, asker, order->ending);
    if (closing == NULL) {
        return -ENOMEM;
    }
    actor->marks |= RIM_MARK_REPORT;
    rim__timer_arm(&ctx->shard->timers, &closing->deadline, order->deadline_ns);
    obey(ctx, actor, closing, order->word);
    return 0;
}

void rim__closing_arrive(rim_ctx *ctx, struct rim_msg *msg, rim_ref to) {
    struct rim__end_order order = *(const struct rim__end_order *)rim__msg_body(msg);
    struct rim__actor *actor = rim__signal_target(ctx, to);
    uint32_t code = RIM_EXIT_NOACTOR;
    if (actor != NULL) {
        if (rim__closing_begin(ctx, actor, msg->from, &order) == 0) {
            rim__msg_release(ctx->shard, msg);
            return;
        }
        code = RIM_EXIT_NOMEM;
    }
    rim__signal_answer(ctx, msg, RIM_SIGNAL_ABSENT, (struct rim__tie){.monitor = order.ending, .number = code});
}

/* ---- the report ---- */

static uint64_t count_sent(const struct rim_msg *msg) {
    uint64_t count = 0;
    for (; msg != NULL; msg = msg->next) { /* what the runtime told it itself is nobody's loss */
        count += msg->kind == RIM_KIND_TELL || msg->kind == RIM_KIND_ASK;
    }
    return count;
}

void rim__closing_count(struct rim__actor *actor) {
    actor->belongings->lost += count_sent(actor->head) + count_sent(actor->belongings->stash);
}

void rim__closing_end(rim_ctx *ctx, struct rim__actor *actor, struct rim__bond *bond, rim_exit why) {
    struct closing *closing = closing_of(bond);
    struct rim__end_result result = {
        .ending = bond->key,
        .error = closing->late ? -ETIMEDOUT : 0,
        .report = {.who = bond->owner, .code = why.code, .lost = actor->belongings->lost},
    };
    rim__signal_text(result.report.held_up_by, sizeof result.report.held_up_by, closing->held_up_by);
    if (closing->farewell == NULL) {
        rim__ending_finish(ctx, &result);
    } else if (!ctx->ending) {
        *(struct rim__end_result *)rim__msg_body(closing->farewell) = result;
        closing->farewell->from = bond->owner;
        closing->farewell->to = rim__ref_local(closing->asker);
        rim__mesh_post(ctx->shard, rim__ref_shard(closing->asker), closing->farewell);
        closing->farewell = NULL;
    }
    if (closing->farewell != NULL) {
        rim__msg_release(ctx->shard, closing->farewell);
    }
    rim__timer_disarm(&ctx->shard->timers, &closing->deadline);
    rim__bond_remove(ctx, bond);
    rim__memory_free(&ctx->shard->memory, closing, sizeof *closing);
}

void rim_end_note(rim_ctx *ctx, uint64_t lost, const char *held_up_by) {
    struct rim__actor *actor = ctx->actor;
    if (actor == NULL || !(actor->marks & RIM_MARK_REPORT)) {
        return;
    }
    actor->belongings->lost += lost;
    for (struct rim__own *own = actor->belongings->bonds; own != NULL; own = own->next) {
        struct rim__bond *bond = rim__container_of(own, struct rim__bond, own);
        bool closes = rim__ref_kind(bond->key) == RIM_REF_ENDING;
        if (closes && held_up_by != NULL && closing_of(bond)->held_up_by[0] == '\0') {
            rim__signal_text(closing_of(bond)->held_up_by, sizeof closing_of(bond)->held_up_by, held_up_by);
        }
    }
}
