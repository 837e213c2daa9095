/* SPDX-License-Identifier: MIT */
/*
 * One path more: to find it may take the disk, so a helper adds it. Until that job is home nothing is read from the
 * queue: then whoever asked knows the id before the first change of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/assert.h"
#include "io/path.h"
#include "io/watch.h"

#define ALWAYS (IN_DELETE_SELF | IN_MOVE_SELF | IN_MASK_CREATE)

struct addition {
    rim_watch_added added;
    char text[RIM_FAILURE_TEXT_MAX];
    struct rim__watch_queue *queue;
    uint32_t mask;
    char path[];
};

static uint32_t mask_of(const struct rim__watch_order *order) {
    static const uint32_t masks[] = {
        [RIM_CHANGE_LOST] = 0,
        [RIM_CHANGE_CREATED] = IN_CREATE,
        [RIM_CHANGE_DELETED] = IN_DELETE,
        [RIM_CHANGE_MODIFIED] = IN_MODIFY,
        [RIM_CHANGE_WRITTEN] = IN_CLOSE_WRITE,
        [RIM_CHANGE_STATUS] = IN_ATTRIB,
        [RIM_CHANGE_MOVED] = IN_MOVED_FROM | IN_MOVED_TO,
        [RIM_CHANGE_MOVED_IN] = IN_MOVED_FROM | IN_MOVED_TO,
        [RIM_CHANGE_MOVED_OUT] = IN_MOVED_FROM | IN_MOVED_TO,
        [RIM_CHANGE_GONE] = 0,
    };
    uint32_t mask = ALWAYS | (order->no_follow ? IN_DONT_FOLLOW : 0);
    for (uint32_t i = 0; i < RIM_COUNT(masks); i++) {
        mask |= (order->changes & RIM_CHANGES(i)) ? masks[i] : 0;
    }
    return mask;
}

/* ---- the job ---- */

static void explain(struct addition *addition, int error) {
    const char *words[] = {"watch", addition->path, NULL, NULL};
    rim__path_explain(addition->text, sizeof addition->text, words, error);
    if (error == -ENOSPC) {
        strncat(addition->text, " (fs.inotify.max_user_watches)", sizeof addition->text - strlen(addition->text) - 1);
    }
}

static int add(void *arg) {
    struct addition *addition = arg;
    const struct rim__disk *disk = addition->queue->disk;
    int result = disk->ops->watch_add(disk, addition->queue->handle, addition->path, addition->mask);
    if (result < 0) {
        explain(addition, result);
        return result;
    }
    addition->added.id = (uint32_t)result;
    return (int)sizeof addition->added;
}

static void clean_up(void *arg) {
    struct addition *addition = arg;
    rim__watch_queue_release(addition->queue);
    free(addition);
}

/* ---- the actor ---- */

static rim_verdict on_added(rim_ctx *ctx, void *self, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)msg;
    struct rim__lookout *lookout = rim__lookout_of(self);
    struct rim__watching *watch = rim__watch_of(lookout);
    const char *text = rim_error_text(ctx);
    if (error == 0) {
        error = rim_reply(ctx, cookie, RIM_WATCH_ADD, body, sizeof(rim_watch_added));
        text = rim_strerror(error);
        if (error != 0) { /* nobody knows its id: another try is to find the path free */
            rim__watch_drop(watch, ((const rim_watch_added *)body)->id);
        }
    }
    if (error != 0) {
        (void)rim__refuse_saying(ctx, cookie, error, text);
    }
    if (--watch->additions == 0) {
        lookout->resting = false;
        lookout->has_more = watch->at < watch->used;
        rim__lookout_arm(lookout);
    }
    return RIM_DONE;
}

static struct addition *make(struct rim__watching *watch, const struct rim__watch_order *order) {
    size_t size = strlen(order->path) + 1;
    struct addition *addition = malloc(sizeof *addition + size);
    if (addition != NULL) {
        addition->text[0] = '\0';
        addition->queue = watch->queue;
        addition->queue->users++;
        addition->mask = mask_of(order);
        memcpy(addition->path, order->path, size);
    }
    return addition;
}

static int start(rim_ctx *ctx, struct rim__watching *watch, const struct rim__watch_order *order, rim_token asked) {
    struct addition *addition = make(watch, order);
    if (addition == NULL) {
        return -ENOMEM;
    }
    rim_job job = {.run = add,
                   .arg = addition,
                   .cleanup = clean_up,
                   .timeout_ns = UINT64_MAX,
                   .on_outcome = on_added,
                   .cookie = asked,
                   .name = "watch a path"};
    int error = rim__job_submit(ctx, &job, &(struct rim__job_words){.text = addition->text}, NULL);
    if (error != 0) {
        clean_up(addition);
        return error;
    }
    watch->additions++;
    watch->lookout.resting = true;
    return 0;
}

rim_verdict rim__watch_on_add(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct rim__watching *watch = rim__watch_of(rim__lookout_of(self));
    rim_token asked = rim_defer(ctx);
    if (asked == RIM_NIL) {
        (void)rim_refuse(ctx, RIM_NIL, -ENOMEM);
        return RIM_DONE;
    }
    int error = start(ctx, watch, body, asked);
    if (error != 0) {
        (void)rim_refuse(ctx, asked, error);
    }
    return RIM_DONE;
}

/* ---- the call ---- */

static rim_msg *make_order(rim_ctx *ctx, const rim_watch_ask *ask) {
    size_t size = strlen(ask->path) + 1;
    rim_msg *msg = rim_msg_new(ctx, RIM_WATCH_ADD, sizeof(struct rim__watch_order) + size);
    if (msg != NULL) {
        struct rim__watch_order *order = rim_body(msg);
        order->changes = ask->changes != 0 ? ask->changes : RIM_CHANGES_OF_NAMES;
        order->no_follow = ask->no_follow;
        memcpy(order->path, ask->path, size);
    }
    return msg;
}

int rim_watch_add(rim_ctx *ctx, const rim_watch_ask *ask, rim_token *out) {
    int error = ask != NULL ? rim__path_check(ctx, ask->path) : -EINVAL;
    if (error == 0 && ask->changes >= RIM_CHANGES(RIM_CHANGE_GONE + 1)) {
        error = -EINVAL;
    }
    if (error != 0) {
        return error;
    }
    rim_msg *order = make_order(ctx, ask);
    rim_ask request = {.to = ask->watch,
                       .msg = order,
                       .timeout_ns = ask->timeout_ns,
                       .on_outcome = ask->on_outcome,
                       .cookie = ask->cookie};
    return order != NULL ? rim_request(ctx, &request, out) : -ENOMEM;
}
