/* SPDX-License-Identifier: MIT */
/*
 * rim_path_remove_all: an actor for one request, which has the tree removed by jobs of bounded length, one after the
 * other, until it is gone or its time is over. So helpers are there for others in between.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "io/service.h"
#include "io/tree.h"
#include "ringmail/request.h"

#define STEP_MOST 1000u /* names in one job */

enum { REMOVER_PROTOCOL = 0x7f41, REMOVE = (REMOVER_PROTOCOL << 16) + RIM_USER };

/* The request. */
struct order {
    const struct rim__disk *disk;
    char path[];
};

struct step {
    rim_folder_removed removed; /* so far */
    uint32_t goes_on;
    char text[RIM_FAILURE_TEXT_MAX];
    struct rim__tree *tree;
};

struct remover {
    struct rim__tree *tree;
    rim_token asked;
};

/* ---- the job ---- */

static int remove_some(void *arg) {
    struct step *step = arg;
    int result = rim__tree_remove(step->tree, STEP_MOST);
    if (result < 0) {
        memcpy(step->text, step->tree->text, sizeof step->text);
        return result;
    }
    step->removed = step->tree->removed;
    step->goes_on = result > 0;
    return (int)(offsetof(struct step, goes_on) + sizeof step->goes_on);
}

static void clean_up(void *arg) {
    struct step *step = arg;
    rim__tree_release(step->tree);
    free(step);
}

/* ---- the actor ---- */

static rim_verdict fail(rim_ctx *ctx, struct remover *self, int error, const char *text) {
    (void)rim__refuse_saying(ctx, self->asked, error, text);
    return RIM_STOP;
}

static rim_verdict go_on(rim_ctx *ctx, struct remover *self);

static rim_verdict on_step(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)cookie;
    (void)msg;
    struct remover *self = state;
    const struct step *step = body;
    if (error != 0) {
        return fail(ctx, self, error, rim_error_text(ctx));
    }
    if (step->goes_on) {
        return go_on(ctx, self);
    }
    error = rim_reply(ctx, self->asked, REMOVE, &step->removed, sizeof step->removed);
    return error == 0 ? RIM_STOP : fail(ctx, self, error, rim_strerror(error));
}

static rim_verdict go_on(rim_ctx *ctx, struct remover *self) {
    struct step *step = calloc(1, sizeof *step);
    if (step == NULL) {
        return fail(ctx, self, -ENOMEM, rim_strerror(-ENOMEM));
    }
    step->tree = self->tree;
    self->tree->users++;
    rim_job job = {.run = remove_some,
                   .arg = step,
                   .cleanup = clean_up,
                   .timeout_ns = UINT64_MAX,
                   .on_outcome = on_step,
                   .name = "remove a tree"};
    int error = rim__job_submit(ctx, &job, &(struct rim__job_words){.text = step->text}, NULL);
    if (error != 0) {
        clean_up(step);
        return fail(ctx, self, error, rim_strerror(error));
    }
    return RIM_DONE;
}

static rim_verdict on_remove(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)msg;
    struct remover *self = state;
    const struct order *order = body;
    uint64_t deadline_ns = rim_deadline(ctx), now_ns = rim_now(ctx);
    self->tree = rim__tree_create(order->disk, order->path);
    self->asked = self->tree != NULL ? rim_defer(ctx) : RIM_NIL;
    if (self->asked == RIM_NIL || rim_after(ctx, deadline_ns > now_ns ? deadline_ns - now_ns : 1, 0) == RIM_NIL) {
        return fail(ctx, self, -ENOMEM, rim_strerror(-ENOMEM));
    }
    return go_on(ctx, self);
}

/* The asker has had its timeout. The job that runs has the tree as well. */
static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    return fail(ctx, state, -ETIMEDOUT, rim_strerror(-ETIMEDOUT));
}

static void end(rim_ctx *ctx, void *state, rim_exit why) {
    (void)ctx;
    (void)why;
    struct remover *self = state;
    rim__tree_release(self->tree);
}

static const rim_handler rows[] = {[RIM_TIMER] = on_timer, [REMOVE & 0xffff] = on_remove};

static const rim_behaviour behaviour = {
    .name = "rim remover",
    .state_size = sizeof(struct remover),
    .on = rows,
    .on_count = RIM_COUNT(rows),
    .protocol = REMOVER_PROTOCOL,
    .exit = end,
};

/* ---- the call ---- */

static rim_msg *make_order(rim_ctx *ctx, const char *path) {
    const struct rim__service *service = rim__ctx_io(ctx);
    size_t path_size = strlen(path) + 1;
    rim_msg *msg = rim_msg_new(ctx, REMOVE, sizeof(struct order) + path_size);
    if (msg != NULL) {
        struct order *order = rim_body(msg);
        order->disk = service->io->disk;
        memcpy(order->path, path, path_size);
    }
    return msg;
}

int rim_path_remove_all(rim_ctx *ctx, const rim_path_ask *ask, rim_token *out) {
    rim_ref remover;
    if (rim__ctx_io(ctx) == NULL) {
        return -RIM_ESTOPPING;
    }
    int error = ask != NULL ? rim__path_check(ctx, ask->path) : -EINVAL;
    error = error == 0 ? rim__spawn_own(ctx, &behaviour, NULL, NULL, 0, &remover) : error;
    if (error != 0) {
        return error;
    }
    rim_msg *order = make_order(ctx, ask->path);
    rim_ask request = {.to = remover,
                       .msg = order,
                       .timeout_ns = ask->timeout_ns,
                       .on_outcome = ask->on_outcome,
                       .cookie = ask->cookie};
    error = order != NULL ? rim_request(ctx, &request, out) : -ENOMEM;
    if (error != 0) {
        (void)rim_stop(ctx, remover);
    }
    return error;
}

const char *rim__remover_path_of(rim_ctx *ctx, rim_ref who) {
    uint32_t backlog;
    const struct remover *self = rim__actor_own(ctx, who, &behaviour, &backlog);
    return self != NULL && self->tree != NULL ? self->tree->root : NULL;
}
