/* SPDX-License-Identifier: MIT */
#include "actor/supervisor.h"

#include <stdarg.h>
#include <stdio.h>

#define SPEC_COMES_WITHIN_NS RIM_SECONDS(60)

/* ---- going on ---- */

static rim_verdict finish(rim_ctx *ctx, struct rim__supervisor *self) {
    return self->end_code == RIM_EXIT_NORMAL ? RIM_STOP : rim_fail(ctx, self->end_code, "%s", self->end_text);
}

static bool may_deal(const struct rim__supervisor *self) {
    return self->mode == RIM_SUPERVISOR_RUNNING && self->pending_first != NULL &&
           !(rim__supervisor_is_group(self) && self->busy > 0);
}

rim_verdict rim__supervisor_go_on(rim_ctx *ctx, struct rim__supervisor *self) {
    for (;;) {
        if (self->failed) {
            return rim_fail(ctx, RIM_EXIT_NOMEM, "a supervisor is out of memory");
        }
        if (rim__sweep_step(ctx, self)) {
            continue;
        }
        if (self->sweep.phase != RIM_SWEEP_NONE) {
            return RIM_DONE;
        }
        if (self->mode == RIM_SUPERVISOR_ENDING) {
            return self->drains > 0 ? RIM_DONE : finish(ctx, self);
        }
        if (may_deal(self)) {
            rim__restart_pending(ctx, self);
            continue;
        }
        if (!rim__request_wake(ctx, self)) {
            return RIM_DONE;
        }
    }
}

void rim__supervisor_end(rim_ctx *ctx, struct rim__supervisor *self, uint32_t code, const char *format, ...) {
    if (self->mode == RIM_SUPERVISOR_ENDING) {
        return;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(self->end_text, sizeof self->end_text, format, args);
    va_end(args);
    self->end_code = code;
    self->mode = RIM_SUPERVISOR_ENDING;
    rim__request_refuse_all(ctx, self);
    rim__sweep_begin(self, RIM_SWEEP_STOP, NULL, 0);
}

void rim__supervisor_give_up(rim_ctx *ctx, struct rim__supervisor *self) {
    (void)ctx;
    self->failed = true;
}

/* ---- birth ---- */

static rim_verdict init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct rim__supervisor *self = state;
    if (size != sizeof(struct rim__supervisor_birth)) {
        return rim_fail(ctx, RIM_EXIT_INIT, "a supervisor is made by rim_supervise, or as a child");
    }
    self->parent = ((const struct rim__supervisor_birth *)arg)->parent;
    self->pending_end = &self->pending_first;
    self->calls_end = &self->calls;
    self->refs.by_ref = true;
    self->spec_timer = rim_after(ctx, SPEC_COMES_WITHIN_NS, 0);
    if (self->spec_timer == RIM_NIL || rim_start_defer(ctx) != 0) {
        return rim_fail(ctx, RIM_EXIT_NOMEM, "a supervisor is out of memory");
    }
    return RIM_DONE;
}

static bool take_children(rim_ctx *ctx, struct rim__supervisor *self, const struct rim__pack *pack) {
    for (uint32_t i = 0; i < pack->child_count; i++) {
        const struct rim__pack_child *packed = &pack->children[i];
        if (rim__child_create(ctx, self, packed, (const unsigned char *)pack + packed->at) == NULL) {
            return false;
        }
    }
    return true;
}

/* The template is a child that is never started: it is taken out of the list again. */
static void take_template(struct rim__supervisor *self) {
    self->template_child = self->first;
    self->first = NULL;
    self->last = NULL;
    self->count = 0;
}

static bool take_spec(rim_ctx *ctx, struct rim__supervisor *self, const struct rim__pack *pack) {
    self->strategy = pack->strategy;
    self->auto_shutdown = pack->auto_shutdown;
    self->drain_on_closing = pack->drain_on_closing;
    self->intensity = pack->intensity;
    self->period_ns = pack->period_ns;
    self->backoff_min_ns = pack->backoff_min_ns;
    self->backoff_max_ns = pack->backoff_max_ns;
    self->backoff_quiet_ns = pack->backoff_quiet_ns;
    self->restarts = pack->intensity > 0 ? rim_alloc(ctx, pack->intensity * sizeof(uint64_t)) : NULL;
    if ((pack->intensity > 0 && self->restarts == NULL) || !take_children(ctx, self, pack)) {
        return false;
    }
    if (self->strategy == RIM_DYNAMIC) {
        take_template(self);
    }
    return true;
}

static rim_verdict on_spec(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct rim__supervisor *self = state;
    const struct rim__pack *pack = rim__pack_read(body, rim_size(msg));
    if (self->mode != RIM_SUPERVISOR_WAITING || rim_from(msg) != self->parent || pack == NULL) {
        return RIM_DONE;
    }
    rim_cancel(ctx, self->spec_timer);
    if (!take_spec(ctx, self, pack)) {
        return rim_fail(ctx, RIM_EXIT_NOMEM, "a supervisor is out of memory");
    }
    self->mode = RIM_SUPERVISOR_STARTING;
    rim__sweep_begin(self, RIM_SWEEP_START, NULL, 0);
    return rim__supervisor_go_on(ctx, self);
}

/* ---- what happens to its children ---- */

static rim_verdict on_started(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct rim__supervisor *self = state;
    struct rim__child *child = rim__index_find_ref(&self->refs, ((const rim_started_event *)body)->who);
    (void)msg;
    if (child != NULL) {
        rim__child_on_started(ctx, self, child);
    }
    return rim__supervisor_go_on(ctx, self);
}

static rim_verdict on_down(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)msg;
    rim__child_on_down(ctx, state, body);
    return rim__supervisor_go_on(ctx, state);
}

static rim_verdict on_failed(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)msg;
    rim__child_on_failed(ctx, state, body);
    return rim__supervisor_go_on(ctx, state);
}

static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const rim_timer_event *event = body;
    (void)msg;
    if (event->cookie == 0) {
        return rim_fail(ctx, RIM_EXIT_INIT, "its spec has not come");
    }
    /* A child's timer is cancelled before its record is freed. */
    rim__child_on_timer(ctx, state, (struct rim__child *)(uintptr_t)event->cookie);
    return rim__supervisor_go_on(ctx, state);
}

/* ---- being told to end ---- */

/* By its parent's end, or by anyone's word. That a child has ended the monitor tells. */
static rim_verdict on_exit_signal(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct rim__supervisor *self = state;
    const rim_exit_event *event = body;
    (void)msg;
    bool is_parent = self->parent != RIM_NIL && event->from == self->parent;
    bool is_word = !event->linked && event->code != RIM_EXIT_NORMAL;
    if (!is_parent && !is_word) {
        return RIM_DONE;
    }
    rim__supervisor_end(ctx, self, event->code, "%s", event->text);
    return rim__supervisor_go_on(ctx, self);
}

static rim_verdict drain(rim_ctx *ctx, struct rim__supervisor *self) {
    self->draining = true;
    rim__supervisor_end(ctx, self, RIM_EXIT_NORMAL, "drained");
    return rim__supervisor_go_on(ctx, self);
}

static rim_verdict on_drain(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    return drain(ctx, state);
}

static rim_verdict on_closing(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct rim__supervisor *self = state;
    (void)body;
    (void)msg;
    self->closing = true;
    return self->drain_on_closing ? drain(ctx, self) : RIM_DONE;
}

#define ROW(tag) [(tag)-RIM_SUPERVISOR_FIRST]

static const rim_handler rows[] = {
    [RIM_TIMER] = on_timer,
    [RIM_CLOSING] = on_closing,
    [RIM_DOWN] = on_down,
    [RIM_EXIT_SIGNAL] = on_exit_signal,
    [RIM_DRAIN] = on_drain,
    [RIM_FAILED] = on_failed,
    [RIM_STARTED] = on_started,
    ROW(RIM_SUPERVISOR_SPEC) = on_spec,
    ROW(RIM_SUPERVISOR_START) = rim__supervisor_on_request,
    ROW(RIM_SUPERVISOR_START_DYNAMIC) = rim__supervisor_on_request,
    ROW(RIM_SUPERVISOR_TERMINATE) = rim__supervisor_on_request,
    ROW(RIM_SUPERVISOR_RESTART) = rim__supervisor_on_request,
    ROW(RIM_SUPERVISOR_DELETE) = rim__supervisor_on_request,
    ROW(RIM_SUPERVISOR_GET) = rim__supervisor_on_request,
    ROW(RIM_SUPERVISOR_GET_SPEC) = rim__supervisor_on_request,
    ROW(RIM_SUPERVISOR_WHICH) = rim__supervisor_on_which,
    ROW(RIM_SUPERVISOR_COUNT) = rim__supervisor_on_count,
    ROW(RIM_SUPERVISOR_TREE) = rim__supervisor_on_tree,
};

const rim_behaviour rim__supervisor_behaviour = {
    .name = "supervisor",
    .state_size = sizeof(struct rim__supervisor),
    .on = rows,
    .on_count = RIM_COUNT(rows),
    .protocol = RIM_SUPERVISOR_PROTOCOL,
    .init = init,
};
