/* SPDX-License-Identifier: MIT */
/*
 * Timers of actors. A timer carries the message of its event, so that firing takes no memory; it is in the mailbox at
 * most once, and periods that pass meanwhile are counted into it. Cancelled while queued, it is skipped and freed when
 * its turn comes.
 */
#include "actor/mailbox.h"

#define PERIOD_MIN_NS 1000u

struct alarm {
    struct rim__own own;
    struct rim__timer timer;
    struct rim__actor *owner;
    uint64_t handle;
    uint64_t period_ns; /* 0: once */
    bool queued;
    struct rim_msg msg; /* with its body behind it */
    rim_timer_event event;
};
_Static_assert(offsetof(struct alarm, event) == offsetof(struct alarm, msg) + sizeof(struct rim_msg),
               "the body lies behind the message");

static void free_alarm(rim_ctx *ctx, struct alarm *alarm) {
    rim__memory_free(&ctx->shard->memory, alarm, sizeof *alarm);
}

static void retire(rim_ctx *ctx, struct alarm *alarm) {
    rim__timer_disarm(&ctx->shard->timers, &alarm->timer);
    rim__table_remove(&ctx->timers, rim__ref_local(alarm->handle));
    rim__own_unlink(&alarm->own);
    ctx->stats.timers_armed--;
}

static void rearm(rim_ctx *ctx, struct alarm *alarm) {
    uint64_t next_ns = alarm->timer.deadline_ns + alarm->period_ns;
    if (next_ns <= ctx->shard->now_ns) { /* whole periods have passed: they are folded into this event */
        uint64_t passed = (ctx->shard->now_ns - alarm->timer.deadline_ns) / alarm->period_ns;
        alarm->event.missed += passed;
        next_ns = alarm->timer.deadline_ns + (passed + 1) * alarm->period_ns;
    }
    rim__timer_arm(&ctx->shard->timers, &alarm->timer, next_ns);
}

static void fire(struct rim__shard *shard, struct rim__timer *timer) {
    rim_ctx *ctx = shard->world;
    struct alarm *alarm = rim__container_of(timer, struct alarm, timer);
    ctx->stats.timers_fired++;
    if (alarm->queued) {
        alarm->event.missed++;
    } else {
        alarm->queued = true;
        ctx->stats.sent++;
        rim__mailbox_push(ctx, alarm->owner, &alarm->msg);
    }
    if (alarm->period_ns != 0) {
        rearm(ctx, alarm);
    }
}

static rim_timer arm(rim_ctx *ctx, uint64_t first_ns, uint64_t period_ns, uint64_t cookie) {
    rim__assert(ctx->actor != NULL);
    struct rim__belongings *belongings = rim__actor_belongings(ctx, ctx->actor);
    struct alarm *alarm = belongings != NULL ? rim__memory_alloc(&ctx->shard->memory, sizeof *alarm) : NULL;
    if (alarm == NULL) {
        return RIM_NIL;
    }
    *alarm = (struct alarm){.timer.fire = fire, .owner = ctx->actor, .period_ns = period_ns};
    uint64_t local;
    if (rim__table_add(&ctx->timers, alarm, &local) != 0) {
        free_alarm(ctx, alarm);
        return RIM_NIL;
    }
    alarm->handle = rim__ref_make(RIM_REF_TIMER, ctx->shard->index, local);
    alarm->msg = (struct rim_msg){.to = rim__ref_local(ctx->actor->ref),
                                  .kind = RIM_KIND_TIMER,
                                  .flags = RIM_MSG_EMBEDDED,
                                  .tag = RIM_TIMER,
                                  .size = sizeof alarm->event};
    alarm->event = (rim_timer_event){.timer = alarm->handle, .cookie = cookie};
    rim__own_link(&belongings->timers, &alarm->own);
    ctx->stats.timers_armed++;
    uint64_t now_ns = ctx->shard->now_ns;
    rim__timer_arm(&ctx->shard->timers, &alarm->timer, first_ns > UINT64_MAX / 2 ? UINT64_MAX / 2 : now_ns + first_ns);
    return alarm->handle;
}

rim_timer rim_after(rim_ctx *ctx, uint64_t delay_ns, uint64_t cookie) {
    return arm(ctx, delay_ns, 0, cookie);
}

rim_timer rim_every(rim_ctx *ctx, uint64_t first_ns, uint64_t period_ns, uint64_t cookie) {
    return arm(ctx, first_ns, period_ns < PERIOD_MIN_NS ? PERIOD_MIN_NS : period_ns, cookie);
}

void rim__timer_drop(rim_ctx *ctx, struct rim_msg *msg) {
    if (msg->flags & RIM_MSG_CANCELLED) {
        free_alarm(ctx, rim__container_of(msg, struct alarm, msg));
    }
}

rim_verdict rim__timer_event(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    struct alarm *alarm = rim__container_of(msg, struct alarm, msg);
    if (msg->flags & RIM_MSG_CANCELLED) {
        ctx->stats.handled--; /* counted as dead */
        ctx->stats.dead++;
        free_alarm(ctx, alarm);
        return RIM_DONE;
    }
    if (alarm->period_ns == 0) {
        retire(ctx, alarm); /* over: the handler cannot cancel it any more */
    }
    rim_verdict verdict = rim__call(ctx, actor, msg); /* the alarm is marked queued, so that a cancel spares it */
    alarm->queued = false;
    alarm->event.missed = 0;
    if (alarm->period_ns == 0 || (msg->flags & RIM_MSG_CANCELLED)) {
        free_alarm(ctx, alarm);
    }
    return verdict;
}

bool rim__timer_cancel(rim_ctx *ctx, uint64_t timer) {
    struct alarm *alarm = rim__table_find(&ctx->timers, rim__ref_local(timer));
    if (alarm == NULL || alarm->handle != timer || alarm->owner != ctx->actor) {
        return false;
    }
    retire(ctx, alarm);
    if (alarm->queued) {
        alarm->msg.flags |= RIM_MSG_CANCELLED;
    } else {
        free_alarm(ctx, alarm);
    }
    return true;
}

void rim__timer_cancel_all(rim_ctx *ctx, struct rim__actor *actor) {
    while (actor->belongings->timers != NULL) {
        rim__timer_cancel(ctx, rim__container_of(actor->belongings->timers, struct alarm, own)->handle);
    }
}

void rim__timer_end_all(rim_ctx *ctx, struct rim__actor *actor) {
    while (actor->belongings->timers != NULL) {
        struct alarm *alarm = rim__container_of(actor->belongings->timers, struct alarm, own);
        retire(ctx, alarm);
        free_alarm(ctx, alarm);
    }
}
