/* SPDX-License-Identifier: MIT */
/*
 * What the end of a child means. Ends and retries that may not be dealt with yet wait in a queue, in the order in
 * which they came.
 *
 * Intensity as in OTP: the supervisor ends when more than `intensity` restarts fall within a period, that is, when the
 * one `intensity` restarts ago is not older than the period. A restart that did not succeed, and is tried again,
 * counts again.
 */
#include <string.h>

#include "actor/supervisor.h"

/* ---- the queue ---- */

void rim__restart_later(struct rim__supervisor *self, struct rim__child *child, enum rim__pending what) {
    if (child->pending == RIM_PENDING_NOT) {
        child->pending_next = NULL;
        *self->pending_end = child;
        self->pending_end = &child->pending_next;
    }
    child->pending = (uint8_t)what;
}

void rim__restart_unpend(struct rim__supervisor *self, struct rim__child *child) {
    if (child->pending == RIM_PENDING_NOT) {
        return;
    }
    child->pending = RIM_PENDING_NOT;
    for (struct rim__child **at = &self->pending_first; *at != NULL; at = &(*at)->pending_next) {
        if (*at == child) {
            *at = child->pending_next;
            if (*at == NULL) {
                self->pending_end = at;
            }
            return;
        }
    }
}

void rim__restart_pending(rim_ctx *ctx, struct rim__supervisor *self) {
    struct rim__child *child = self->pending_first;
    uint8_t what = child->pending;
    rim__restart_unpend(self, child);
    if (what == RIM_PENDING_END) {
        rim__restart_ended(ctx, self, child);
    } else {
        rim__restart_retry(ctx, self, child);
    }
}

/* ---- how often, and how soon ---- */

/* Counts a restart. False: that was one too many. */
static bool may_restart(struct rim__supervisor *self, uint64_t now_ns) {
    if (self->intensity == 0) {
        return false;
    }
    uint64_t *oldest = &self->restarts[self->restart_next];
    if (self->restart_count == self->intensity && now_ns - *oldest <= self->period_ns) {
        return false;
    }
    *oldest = now_ns;
    self->restart_next = (self->restart_next + 1) % self->intensity;
    self->restart_count += self->restart_count < self->intensity;
    return true;
}

static uint64_t backoff(rim_ctx *ctx, const struct rim__supervisor *self, struct rim__child *child) {
    bool was_quiet = child->started_ns != 0 && rim_now(ctx) - child->started_ns >= self->backoff_quiet_ns;
    child->failures = was_quiet ? 1 : child->failures + 1;
    if (self->backoff_min_ns == 0) {
        return 0;
    }
    uint32_t doublings = child->failures - 1;
    uint64_t delay_ns = self->backoff_max_ns;
    if (doublings < 63 && self->backoff_min_ns <= self->backoff_max_ns >> doublings) {
        delay_ns = self->backoff_min_ns << doublings;
    }
    return delay_ns / 2 + rim_random(ctx) % (delay_ns - delay_ns / 2 + 1);
}

/* ---- restarting ---- */

/* False: the supervisor ends. */
static bool count_restart(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child) {
    if (may_restart(self, rim_now(ctx))) {
        child->restarts++;
        return true;
    }
    rim_log(ctx, RIM_LOG_ERROR, "supervisor: child '%s' ended (%u: %s): more restarts than %u within its period",
            child->id, child->end_code, child->end_text, self->intensity);
    rim__supervisor_end(ctx, self, RIM_EXIT_SHUTDOWN, "too many restarts; the last was of '%s'", child->id);
    return false;
}

static void wait_for_retry(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child, uint64_t delay_ns) {
    child->state = RIM_CHILD_RESTARTING;
    child->started_ns = 0;
    rim__child_arm(ctx, self, child, delay_ns);
}

static void restart(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child) {
    if (!count_restart(ctx, self, child)) {
        return;
    }
    uint64_t delay_ns = backoff(ctx, self, child);
    if (rim__supervisor_is_group(self)) {
        child->started_ns = 0;
        rim__sweep_begin(self, RIM_SWEEP_STOP, child, delay_ns);
    } else if (delay_ns == 0) {
        rim__child_start(ctx, self, child);
    } else {
        wait_for_retry(ctx, self, child, delay_ns);
    }
}

void rim__restart_retry(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child) {
    if (child->state != RIM_CHILD_RESTARTING) {
        return;
    }
    if (rim__supervisor_is_group(self)) {
        rim__sweep_begin(self, RIM_SWEEP_STOP, child, 0);
    } else {
        rim__child_start(ctx, self, child);
    }
}

/* ---- not restarting ---- */

static bool is_to_restart(const struct rim__supervisor *self, const struct rim__child *child) {
    bool is_stop = child->end_code == RIM_EXIT_KILLED || rim__child_end_is_normal(child);
    if (self->closing && is_stop) { /* the system's stop ends actors in its own order */
        return false;
    }
    return child->restart == RIM_PERMANENT || (child->restart == RIM_TRANSIENT && !rim__child_end_is_normal(child));
}

static bool any_other_significant(const struct rim__supervisor *self, const struct rim__child *than) {
    RIM_EACH_CHILD(self, child) {
        if (child != than && child->significant && child->state != RIM_CHILD_DOWN) {
            return true;
        }
    }
    return false;
}

/* Its record, and the actor if it is suspended. */
static void drop(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child, bool and_forget) {
    if (child->suspended) {
        child->forget = and_forget;
        rim__child_stop(ctx, self, child, true);
    } else if (and_forget) {
        rim__child_destroy(ctx, self, child);
    } else {
        child->state = RIM_CHILD_DOWN;
    }
}

static void retire(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child) {
    bool was_significant = child->significant, was_last = !any_other_significant(self, child);
    char id[RIM_CHILD_ID_MAX];
    memcpy(id, child->id, sizeof id);
    drop(ctx, self, child, child->restart == RIM_TEMPORARY || self->strategy == RIM_DYNAMIC);
    if (!was_significant || self->closing || self->auto_shutdown == RIM_AUTO_NEVER) {
        return;
    }
    if (self->auto_shutdown == RIM_AUTO_ANY || was_last) {
        rim__supervisor_end(ctx, self, RIM_EXIT_SHUTDOWN, "its significant child '%s' ended", id);
    }
}

void rim__restart_ended(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child) {
    if (is_to_restart(self, child)) {
        restart(ctx, self, child);
    } else {
        retire(ctx, self, child);
    }
}

/* ---- a start that did not succeed ---- */

static void fail_request(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child) {
    rim__request_answer(ctx, self, child, -RIM_ESTART);
    drop(ctx, self, child, child->forget);
}

/* In a sweep: the one on whose account it was, if it is suspended still, ends. It would have to wait for another. */
static void fail_restart(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child) {
    struct rim__child *cause = self->sweep.phase != RIM_SWEEP_NONE ? self->sweep.cause : NULL;
    self->sweep.phase = RIM_SWEEP_NONE;
    if (cause != NULL && cause != child && cause->suspended) {
        rim__child_stop(ctx, self, cause, true);
    }
    if (count_restart(ctx, self, child)) {
        wait_for_retry(ctx, self, child, backoff(ctx, self, child));
    }
}

void rim__restart_not_started(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child) {
    if (child->answer_to != RIM_NIL) {
        fail_request(ctx, self, child);
    } else if (self->mode == RIM_SUPERVISOR_STARTING) {
        rim__supervisor_end(ctx, self, RIM_EXIT_INIT, "child '%.40s' did not start: %s", child->id, child->end_text);
    } else if (self->mode == RIM_SUPERVISOR_RUNNING) {
        fail_restart(ctx, self, child);
    }
}
