/* SPDX-License-Identifier: MIT */
/*
 * A sweep: the children in its range are stopped, the last first, and then started, the first first; one at a time,
 * each waited for. All of them at the supervisor's start (starting only), at its end (stopping only), and for
 * one_for_all; those from the cause on for rest_for_one. Dynamic children are stopped all at once.
 */
#include "actor/supervisor.h"

static void mark_range(struct rim__supervisor *self, struct rim__child *cause) {
    bool inside = cause == NULL || self->strategy != RIM_REST_FOR_ONE;
    RIM_EACH_CHILD(self, child) {
        inside = inside || child == cause;
        child->swept = inside;
        child->tried = false;
    }
}

void rim__sweep_begin(struct rim__supervisor *self, enum rim__sweep_phase phase, struct rim__child *cause,
                      uint64_t delay_ns) {
    mark_range(self, cause);
    self->sweep = (struct rim__sweep){.phase = (uint8_t)phase, .cause = cause, .delay_ns = delay_ns};
    self->sweep.cursor = phase == RIM_SWEEP_STOP ? self->last : self->first;
}

/* Those that were stopped and are not to come again are forgotten. */
static void forget_fleeting(rim_ctx *ctx, struct rim__supervisor *self) {
    for (struct rim__child *child = self->first, *after; child != NULL; child = after) {
        after = child->after;
        bool is_fleeting = child->forget || (child->restart == RIM_TEMPORARY && self->sweep.phase == RIM_SWEEP_STOP);
        if (child->swept && is_fleeting && child->state == RIM_CHILD_DOWN) {
            rim__child_destroy(ctx, self, child);
        }
    }
}

/* All are down: they are started now, or later, or the supervisor ends. */
static void turn_round(rim_ctx *ctx, struct rim__supervisor *self) {
    struct rim__child *cause = self->sweep.cause;
    if (self->mode == RIM_SUPERVISOR_ENDING) {
        self->sweep.phase = RIM_SWEEP_NONE;
        return;
    }
    forget_fleeting(ctx, self);
    if (cause != NULL && self->sweep.delay_ns > 0) {
        self->sweep.phase = RIM_SWEEP_NONE;
        cause->state = RIM_CHILD_RESTARTING;
        rim__child_arm(ctx, self, cause, self->sweep.delay_ns);
        return;
    }
    self->sweep.phase = RIM_SWEEP_START;
    self->sweep.cursor = self->first;
}

/* The child that failed and was kept is not stopped in order to be started: it keeps its reference. */
static bool is_to_revive(const struct rim__supervisor *self, const struct rim__child *child) {
    return child->suspended && child == self->sweep.cause && self->mode != RIM_SUPERVISOR_ENDING;
}

static bool has_to_stop(const struct rim__supervisor *self, const struct rim__child *child) {
    return child->swept && child->state != RIM_CHILD_STOPPING && rim__child_has_actor(child) &&
           !is_to_revive(self, child);
}

/* One that waits for its restart, or for a way to its shard, has nothing to be stopped. */
static void give_up_waiting(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child) {
    if (child->swept && !rim__child_has_actor(child)) {
        rim__child_stop(ctx, self, child, false);
    } else if (child->swept && is_to_revive(self, child)) {
        rim__child_disarm(ctx, child);
        rim__restart_unpend(self, child);
        child->state = RIM_CHILD_DOWN;
    }
}

static bool step_stop_all_at_once(rim_ctx *ctx, struct rim__supervisor *self) {
    for (; self->sweep.cursor != NULL; self->sweep.cursor = self->sweep.cursor->before) {
        struct rim__child *child = self->sweep.cursor;
        if (has_to_stop(self, child)) {
            rim__child_stop(ctx, self, child, false);
        } else {
            give_up_waiting(ctx, self, child);
        }
    }
    if (self->up > 0) {
        return false;
    }
    turn_round(ctx, self);
    return true;
}

static bool step_stop(rim_ctx *ctx, struct rim__supervisor *self) {
    struct rim__child *child = self->sweep.cursor;
    if (child == NULL) {
        turn_round(ctx, self);
        return true;
    }
    if (has_to_stop(self, child)) {
        rim__child_stop(ctx, self, child, false);
    } else {
        give_up_waiting(ctx, self, child);
    }
    if (child->swept && child->state == RIM_CHILD_STOPPING) {
        return false;
    }
    self->sweep.cursor = child->before;
    return true;
}

static void finish_start(rim_ctx *ctx, struct rim__supervisor *self) {
    forget_fleeting(ctx, self);
    self->sweep.phase = RIM_SWEEP_NONE;
    self->sweep.cause = NULL;
    if (self->mode == RIM_SUPERVISOR_STARTING) {
        self->mode = RIM_SUPERVISOR_RUNNING;
        if (rim_start_confirm(ctx) != 0) {
            rim__supervisor_give_up(ctx, self);
        }
    }
}

static bool step_start(rim_ctx *ctx, struct rim__supervisor *self) {
    struct rim__child *child = self->sweep.cursor;
    if (child == NULL) {
        finish_start(ctx, self);
        return true;
    }
    if (child->swept && !child->tried && child->state == RIM_CHILD_DOWN) {
        rim__child_start(ctx, self, child);
        return true;
    }
    if (child->swept && child->state == RIM_CHILD_STARTING) {
        return false;
    }
    self->sweep.cursor = child->after;
    return true;
}

bool rim__sweep_step(rim_ctx *ctx, struct rim__supervisor *self) {
    if (self->sweep.phase == RIM_SWEEP_STOP) {
        return self->strategy == RIM_DYNAMIC ? step_stop_all_at_once(ctx, self) : step_stop(ctx, self);
    }
    return self->sweep.phase == RIM_SWEEP_START && step_start(ctx, self);
}
