/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "actor/supervisor.h"

#define AGAIN_NS RIM_MS(1) /* until a spawn or a signal is tried again that found no way or no memory */

/* ---- making and forgetting ---- */

static void enlist(struct rim__supervisor *self, struct rim__child *child) {
    child->before = self->last;
    *(self->last != NULL ? &self->last->after : &self->first) = child;
    self->last = child;
    self->count++;
}

static int copy_arg(rim_ctx *ctx, struct rim__child *child, const void *arg, uint32_t size) {
    child->size = size;
    child->arg = size > 0 ? rim_alloc(ctx, size) : NULL;
    if (size > 0 && child->arg == NULL) {
        return -ENOMEM;
    }
    if (size > 0) {
        memcpy(child->arg, arg, size);
    }
    return 0;
}

static struct rim__child *make(rim_ctx *ctx, const struct rim__pack_child *packed, const void *arg) {
    struct rim__child *child = rim_alloc(ctx, sizeof *child);
    if (child == NULL) {
        return NULL;
    }
    *child = (struct rim__child){
        .restart = packed->restart,
        .stop = packed->stop,
        .significant = packed->significant,
        .is_supervisor = packed->behaviour == NULL,
        .behaviour = packed->behaviour != NULL ? packed->behaviour : &rim__supervisor_behaviour,
        .options = packed->options,
        .stop_ns = packed->stop_ns,
    };
    child->version = child->behaviour->version;
    memcpy(child->id, packed->id, sizeof child->id);
    memcpy(child->name, packed->name, sizeof child->name);
    child->options.name = child->name[0] != '\0' ? child->name : NULL;
    if (copy_arg(ctx, child, arg, packed->size) != 0) {
        rim_free(ctx, child);
        return NULL;
    }
    return child;
}

struct rim__child *rim__child_create(rim_ctx *ctx, struct rim__supervisor *self, const struct rim__pack_child *packed,
                                     const void *arg) {
    if (rim__index_reserve(ctx, &self->refs, self->count + 1) != 0 ||
        rim__index_reserve(ctx, &self->ids, self->count + 1) != 0) {
        return NULL;
    }
    struct rim__child *child = make(ctx, packed, arg);
    if (child != NULL) {
        enlist(self, child);
        if (child->id[0] != '\0') {
            rim__index_add(&self->ids, child);
        }
    }
    return child;
}

void rim__child_destroy(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child) {
    rim__child_disarm(ctx, child);
    rim__restart_unpend(self, child);
    if (self->sweep.cause == child) {
        self->sweep.cause = NULL;
    }
    *(child->before != NULL ? &child->before->after : &self->first) = child->after;
    *(child->after != NULL ? &child->after->before : &self->last) = child->before;
    self->count--;
    if (child->id[0] != '\0') {
        rim__index_remove(&self->ids, child);
    }
    rim_free(ctx, child->arg);
    rim_free(ctx, child);
}

void rim__child_refresh(const rim_ctx *ctx, struct rim__child *child) {
    child->behaviour = rim_upgrade_newest(ctx, child->behaviour, child->version);
    child->version = child->behaviour->version;
}

void rim__child_describe(rim_ctx *ctx, struct rim__child *child, rim_child_info *out) {
    rim__child_refresh(ctx, child);
    *out = (rim_child_info){
        .ref = child->ref,
        .state = child->state,
        .restart = child->restart,
        .is_supervisor = child->is_supervisor,
        .significant = child->significant,
        .restarts = child->restarts,
        .behaviour = child->behaviour->name,
    };
    memcpy(out->id, child->id, sizeof out->id);
}

bool rim__child_end_is_normal(const struct rim__child *child) {
    return child->end_code == RIM_EXIT_NORMAL || child->end_code == RIM_EXIT_SHUTDOWN;
}

/* ---- its timer ---- */

void rim__child_disarm(rim_ctx *ctx, struct rim__child *child) {
    if (child->timer != RIM_NIL) {
        rim_cancel(ctx, child->timer);
        child->timer = RIM_NIL;
    }
}

void rim__child_arm(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child, uint64_t delay_ns) {
    rim__child_disarm(ctx, child);
    child->timer = rim_after(ctx, delay_ns, (uint64_t)(uintptr_t)child);
    if (child->timer == RIM_NIL) {
        rim__supervisor_give_up(ctx, self);
    }
}

/* ---- starting ---- */

static void note_end(struct rim__child *child, uint32_t code, const char *text) {
    child->end_code = code;
    snprintf(child->end_text, sizeof child->end_text, "%.*s", (int)sizeof child->end_text - 1, text);
}

static void set_ref(struct rim__supervisor *self, struct rim__child *child, rim_ref ref) {
    if (child->ref != RIM_NIL) {
        rim__index_remove(&self->refs, child);
        self->up--;
    }
    child->ref = ref;
    if (ref != RIM_NIL) {
        rim__index_add(&self->refs, child);
        self->up++;
    }
}

/* A supervisor's spec follows it as its first message. Without it there is nothing to wait for. */
static int send_pack(rim_ctx *ctx, struct rim__child *child) {
    int error = rim_send(ctx, child->ref, RIM_SUPERVISOR_SPEC, child->arg, child->size);
    if (error != 0) {
        rim_cancel(ctx, child->monitor);
        rim_unlink(ctx, child->ref);
        rim_kill(ctx, child->ref);
    }
    return error;
}

static int spawn(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child) {
    struct rim__supervisor_birth birth = {.parent = rim_self(ctx)};
    rim_spawn_options options = child->options;
    rim_ref ref;
    options.link = true;
    options.monitor = true;
    options.monitor_out = &child->monitor;
    options.acknowledge = true;
    options.trap_exit = options.trap_exit || child->is_supervisor;
    const void *arg = child->is_supervisor ? &birth : child->arg;
    size_t size = child->is_supervisor ? sizeof birth : child->size;
    rim__child_refresh(ctx, child);
    int error = rim_spawn(ctx, child->behaviour, &options, arg, size, &ref);
    if (error != 0) {
        return error;
    }
    set_ref(self, child, ref);
    error = child->is_supervisor ? send_pack(ctx, child) : 0;
    if (error != 0) {
        set_ref(self, child, RIM_NIL);
    }
    return error;
}

/* What was suspended goes on with its reference and its mailbox. */
static int revive(rim_ctx *ctx, struct rim__child *child) {
    int error = rim_revive(ctx, child->ref, child->arg, child->size);
    if (error == 0) {
        child->suspended = false;
    }
    return error;
}

void rim__child_start(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child) {
    rim__child_disarm(ctx, child);
    rim__restart_unpend(self, child);
    child->tried = true;
    child->refused_way = false;
    child->state = RIM_CHILD_STARTING;
    int error = child->suspended ? revive(ctx, child) : spawn(ctx, self, child);
    if (error == -RIM_EFULL) {
        child->refused_way = true;
        rim__child_arm(ctx, self, child, AGAIN_NS);
    } else if (error != 0) {
        note_end(child, error == -ENOMEM ? RIM_EXIT_NOMEM : RIM_EXIT_FAILED, rim_strerror(error));
        child->state = RIM_CHILD_DOWN;
        rim__restart_not_started(ctx, self, child);
    }
}

void rim__child_on_started(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child) {
    if (child->state == RIM_CHILD_STARTING) {
        child->state = RIM_CHILD_RUNNING;
        child->forget = false;
        child->started_ns = rim_now(ctx);
        rim__request_answer(ctx, self, child, 0);
    }
}

/* ---- stopping ---- */

static void force(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child) {
    int error = rim_kill(ctx, child->ref);
    if (error != 0 && error != -RIM_EDOWN) { /* the monitor tells of one that is down */
        rim__child_arm(ctx, self, child, AGAIN_NS);
    }
}

/* With a report, which adds to the supervisor's own. */
static rim_verdict on_report(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct rim__supervisor *self = state;
    struct rim__child *child = rim__index_find_ref(&self->refs, cookie);
    const rim_end_report *report = body;
    (void)msg;
    self->drains--;
    if (report != NULL) {
        rim_end_note(ctx, report->lost, report->held_up_by);
    }
    if (error == -ENOMEM && child != NULL && child->state == RIM_CHILD_STOPPING) { /* nothing was done */
        force(ctx, self, child);
    }
    return rim__supervisor_go_on(ctx, self);
}

static void end_with_report(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child, enum rim_word word) {
    rim_ending ending = {
        .who = child->ref, .word = word, .timeout_ns = child->stop_ns, .on_outcome = on_report, .cookie = child->ref};
    if (rim_end(ctx, &ending, NULL) == 0) {
        self->drains++;
    } else {
        force(ctx, self, child);
    }
}

static void ask_to_end(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child) {
    int error = rim_exit_send(ctx, child->ref, RIM_EXIT_SHUTDOWN, "its supervisor stops it");
    if (error != 0) {
        force(ctx, self, child);
    } else if (child->stop_ns != RIM_FOREVER) {
        rim__child_arm(ctx, self, child, child->stop_ns);
    }
}

void rim__child_stop(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child, bool at_once) {
    rim__child_disarm(ctx, child);
    rim__restart_unpend(self, child);
    if (!rim__child_has_actor(child)) {
        child->refused_way = false;
        child->state = RIM_CHILD_DOWN;
        return;
    }
    child->state = RIM_CHILD_STOPPING;
    bool is_forced = at_once || child->suspended || child->stop == RIM_CHILD_KILL;
    if (self->draining || (!is_forced && child->stop == RIM_CHILD_DRAIN)) {
        end_with_report(ctx, self, child, is_forced ? RIM_WORD_KILL : RIM_WORD_DRAIN);
    } else if (is_forced) {
        force(ctx, self, child);
    } else {
        ask_to_end(ctx, self, child);
    }
}

void rim__child_on_timer(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child) {
    child->timer = RIM_NIL;
    if (child->state == RIM_CHILD_STOPPING) {
        force(ctx, self, child);
    } else if (child->state == RIM_CHILD_STARTING && child->refused_way) {
        rim__child_start(ctx, self, child);
    } else if (child->state == RIM_CHILD_RESTARTING) {
        rim__restart_later(self, child, RIM_PENDING_RETRY);
    }
}

/* ---- ended ---- */

/* Stopped by the supervisor. In a sweep the record stays until the sweep is through. */
static void on_stopped(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child) {
    child->state = RIM_CHILD_DOWN;
    rim__request_answer(ctx, self, child, 0);
    bool is_fleeting = child->forget || child->restart == RIM_TEMPORARY || self->strategy == RIM_DYNAMIC;
    if (is_fleeting && self->sweep.phase == RIM_SWEEP_NONE) {
        rim__child_destroy(ctx, self, child);
    }
}

/* Its init said that it is not needed. */
static void on_ignored(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child) {
    bool is_fleeting = child->restart == RIM_TEMPORARY || self->strategy == RIM_DYNAMIC;
    child->state = RIM_CHILD_DOWN;
    child->forget = is_fleeting; /* at the sweep's end, if there is one */
    rim__request_answer(ctx, self, child, 0);
    if (is_fleeting && self->sweep.phase == RIM_SWEEP_NONE) {
        rim__child_destroy(ctx, self, child);
    }
}

static void on_end(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child) {
    uint8_t was = child->state;
    if (was == RIM_CHILD_RESTARTING) { /* while suspended: it will be spawned anew */
        return;
    }
    child->state = RIM_CHILD_DOWN;
    if (was == RIM_CHILD_STOPPING) {
        on_stopped(ctx, self, child);
    } else if (was == RIM_CHILD_STARTING && child->end_code == RIM_EXIT_NORMAL) {
        on_ignored(ctx, self, child);
    } else if (was == RIM_CHILD_STARTING) {
        rim__restart_not_started(ctx, self, child);
    } else if (was == RIM_CHILD_RUNNING && !(self->sweep.phase == RIM_SWEEP_STOP && child->swept)) {
        rim__restart_later(self, child, RIM_PENDING_END);
    }
}

void rim__child_on_down(rim_ctx *ctx, struct rim__supervisor *self, const rim_down_event *down) {
    struct rim__child *child = rim__index_find_ref(&self->refs, down->who);
    if (child == NULL || child->monitor != down->monitor) {
        return;
    }
    if (child->state != RIM_CHILD_RESTARTING) {
        rim__child_disarm(ctx, child);
    }
    if (!child->suspended) { /* else it is known why */
        note_end(child, down->code, down->text);
    }
    child->suspended = false;
    child->monitor = RIM_NIL;
    set_ref(self, child, RIM_NIL);
    on_end(ctx, self, child);
}

/* It failed, and was spawned to be kept: its actor waits. */
void rim__child_on_failed(rim_ctx *ctx, struct rim__supervisor *self, const rim_failed_event *failed) {
    struct rim__child *child = rim__index_find_ref(&self->refs, failed->who);
    if (child == NULL) {
        return;
    }
    note_end(child, failed->code, failed->text);
    child->suspended = true;
    if (child->state == RIM_CHILD_STOPPING) {
        force(ctx, self, child);
    } else {
        on_end(ctx, self, child);
    }
}
