/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/watch.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/assert.h"

#define TELLS_MAX 256 /* before others get their turn */
#define TRIES_MAX 5u  /* a millisecond each, for the other half of a move */

/* ---- ids that are told of no more ---- */

void rim__watch_mute(struct rim__watching *watch, uint32_t id) {
    if (watch->muted_count < RIM_WATCH_MUTED) {
        watch->muted[watch->muted_count++] = id;
    }
}

/* `ends`: and the kernel says that this is its last. */
static bool is_muted(struct rim__watching *watch, uint32_t id, bool ends) {
    for (uint32_t i = 0; i < watch->muted_count; i++) {
        if (watch->muted[i] == id) {
            if (ends) {
                watch->muted[i] = watch->muted[--watch->muted_count];
            }
            return true;
        }
    }
    return false;
}

/* ---- what the kernel has told ---- */

static struct inotify_event *event_at(struct rim__watching *watch, uint32_t at) {
    return (struct inotify_event *)(void *)(watch->bytes + at);
}

static uint32_t span_of(const struct inotify_event *event) {
    return (uint32_t)sizeof *event + event->len;
}

/* More of it, behind what is there. Whether there was any. */
static bool read_more(struct rim__watching *watch) {
    const struct rim__disk *disk = watch->queue->disk;
    memmove(watch->bytes, watch->bytes + watch->at, watch->used - watch->at);
    watch->used -= watch->at;
    watch->at = 0;
    size_t room = sizeof watch->bytes - watch->used;
    if (room < sizeof(struct inotify_event) + NAME_MAX + 1) {
        return false;
    }
    int64_t count = disk->ops->watch_read(disk, watch->queue->handle, watch->bytes + watch->used, room);
    watch->used += count > 0 ? (uint32_t)count : 0;
    return count > 0;
}

/* Where it went; NULL: not known as yet. */
static struct inotify_event *find_other_half(struct rim__watching *watch) {
    const struct inotify_event *from = event_at(watch, watch->at);
    for (uint32_t at = watch->at + span_of(from); at < watch->used; at += span_of(event_at(watch, at))) {
        struct inotify_event *to = event_at(watch, at);
        if ((to->mask & IN_MOVED_TO) && to->cookie == from->cookie) {
            return to;
        }
    }
    return NULL;
}

/* ---- telling ---- */

static void set_names(rim_change_event *event, const struct inotify_event *now, const struct inotify_event *before) {
    snprintf(event->names, NAME_MAX + 1, "%s", now->len > 0 ? now->name : "");
    if (before != NULL) {
        event->old_at = (uint16_t)(strlen(event->names) + 1);
        snprintf(event->names + event->old_at, NAME_MAX + 1, "%s", before->len > 0 ? before->name : "");
    }
}

static uint32_t size_of(const rim_change_event *event) {
    size_t last = event->old_at;
    return (uint32_t)(offsetof(rim_change_event, names) + last + strlen(event->names + last) + 1);
}

/* 0: it is out of hand, or held by the lookout; -RIM_EFULL: and nothing more for now; -ENOMEM: not yet. */
static int tell(struct rim__watching *watch, enum rim_change what, const struct inotify_event *now,
                const struct inotify_event *before) {
    rim_change_event event = {
        .watch = watch->lookout.self,
        .id = now->wd > 0 ? (uint32_t)now->wd : 0,
        .old_id = before != NULL ? (uint32_t)before->wd : 0,
        .what = what,
        .is_folder = (now->mask & IN_ISDIR) != 0,
    };
    set_names(&event, now, before);
    int result = rim__lookout_tell_event(&watch->lookout, RIM_CHANGE, &event, size_of(&event));
    return result == -ENOMEM || result == -RIM_EFULL ? result : 0;
}

static enum rim_change change_of(uint32_t mask) {
    return (mask & IN_CREATE)        ? RIM_CHANGE_CREATED
           : (mask & IN_DELETE)      ? RIM_CHANGE_DELETED
           : (mask & IN_MODIFY)      ? RIM_CHANGE_MODIFIED
           : (mask & IN_CLOSE_WRITE) ? RIM_CHANGE_WRITTEN
           : (mask & IN_ATTRIB)      ? RIM_CHANGE_STATUS
           : (mask & IN_MOVED_TO)    ? RIM_CHANGE_MOVED_IN
           : (mask & IN_MOVED_FROM)  ? RIM_CHANGE_MOVED_OUT
                                     : RIM_CHANGE_LOST;
}

/* What was watched is not where it was: nothing more is told of it. */
static int tell_gone(struct rim__watching *watch, const struct inotify_event *event) {
    const struct rim__disk *disk = watch->queue->disk;
    struct inotify_event itself = {.wd = event->wd, .mask = event->mask};
    int result = tell(watch, RIM_CHANGE_GONE, &itself, NULL);
    if (result != -ENOMEM) {
        rim__watch_mute(watch, (uint32_t)event->wd);
    }
    if (result != -ENOMEM && (event->mask & IN_MOVE_SELF)) {
        disk->ops->watch_remove(disk, watch->queue->handle, event->wd);
    }
    return result;
}

static int tell_one(struct rim__watching *watch, const struct inotify_event *event) {
    if (event->mask == 0) { /* it was the other half of a move */
        return 0;
    }
    if ((event->mask & IN_Q_OVERFLOW)) {
        return tell(watch, RIM_CHANGE_LOST, event, NULL);
    }
    bool ends = (event->mask & IN_IGNORED) != 0;
    if (is_muted(watch, (uint32_t)event->wd, ends) || ends) {
        return 0;
    }
    if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) {
        return tell_gone(watch, event);
    }
    return tell(watch, change_of(event->mask), event, NULL);
}

/* A name that has gone from a folder. -EAGAIN: it may yet turn out where to. */
static int tell_move(struct rim__watching *watch) {
    struct inotify_event *to = find_other_half(watch);
    if (to == NULL && read_more(watch)) {
        to = find_other_half(watch);
    }
    if (to == NULL && watch->tries < TRIES_MAX) {
        watch->tries++;
        return -EAGAIN;
    }
    const struct inotify_event *from = event_at(watch, watch->at);
    int result = to != NULL ? tell(watch, RIM_CHANGE_MOVED, to, from) : tell_one(watch, from);
    if (to != NULL && result != -ENOMEM) {
        to->mask = 0;
    }
    return result;
}

/* False: there is none, or it has to wait. */
static bool tell_next(struct rim__watching *watch) {
    if (watch->at == watch->used && !read_more(watch)) {
        return false;
    }
    const struct inotify_event *event = event_at(watch, watch->at);
    int result = (event->mask & IN_MOVED_FROM) ? tell_move(watch) : tell_one(watch, event);
    if (result == -ENOMEM || result == -EAGAIN) {
        rim__lookout_wait(&watch->lookout);
        return false;
    }
    watch->tries = 0;
    watch->at += span_of(event_at(watch, watch->at));
    return result == 0;
}

static void ready(struct rim__lookout *lookout, int32_t events) {
    struct rim__watching *watch = rim__watch_of(lookout);
    if (events < 0) {
        rim__lookout_wait(lookout);
    }
    for (int i = 0; events >= 0 && watch->additions == 0 && i < TELLS_MAX && tell_next(watch); i++) {
    }
    lookout->has_more = watch->at < watch->used && watch->additions == 0;
}

static void finish(struct rim__lookout *lookout) {
    struct rim__watching *watch = rim__watch_of(lookout);
    if (watch->queue != NULL) {
        rim__watch_queue_release(watch->queue);
    }
}

/* ---- messages ---- */

void rim__watch_drop(struct rim__watching *watch, uint32_t id) {
    const struct rim__disk *disk = watch->queue->disk;
    if (disk->ops->watch_remove(disk, watch->queue->handle, (int)id) == 0) {
        rim__watch_mute(watch, id);
    }
}

static rim_verdict on_remove(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    uint32_t id;
    rim__assert(rim_size(msg) == sizeof id);
    memcpy(&id, body, sizeof id);
    rim__watch_drop(rim__watch_of(rim__lookout_of(self)), id);
    return RIM_DONE;
}

static rim_verdict on_close(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)self;
    (void)body;
    (void)msg;
    return RIM_STOP;
}

static const rim_handler rows[] = {
    [RIM_WATCH_ADD & 0xffff] = rim__watch_on_add,
    [RIM_WATCH_REMOVE & 0xffff] = on_remove,
    [RIM_WATCH_CLOSE & 0xffff] = on_close,
};

static const rim_behaviour behaviour = {
    .name = "rim watch",
    .state_size = sizeof(struct rim__lookout *),
    .on = rows,
    .on_count = RIM_COUNT(rows),
    .protocol = RIM_WATCH_PROTOCOL,
    .init = rim__lookout_init,
};

static const struct rim__lookout_kind kind = {
    .behaviour = &behaviour,
    .size = sizeof(struct rim__watching),
    .ready = ready,
    .finish = finish,
};

/* ---- the calls ---- */

static int explain(rim_ctx *ctx, int error) {
    const char *more = error == -EMFILE ? " (of the process, or fs.inotify.max_user_instances)" : "";
    return rim__ctx_error(ctx, error, "watch folders: %s%s", rim_strerror(error), more);
}

int rim_watch_open(rim_ctx *ctx, rim_ref *out) {
    struct rim__service *service = rim__ctx_io(ctx);
    struct rim__watch_queue *queue = NULL;
    int result = service != NULL ? rim__watch_queue_open(service, &queue) : -RIM_ESTOPPING;
    if (result != 0) {
        return explain(ctx, result);
    }
    int fd = service->io->ops->share(service->io, queue->handle);
    struct rim__lookout *lookout = NULL;
    result = fd >= 0 ? rim__lookout_open(ctx, &kind, fd, &lookout) : fd;
    if (result != 0) {
        rim__watch_queue_release(queue);
        return explain(ctx, result);
    }
    rim__watch_of(lookout)->queue = queue;
    lookout->events = RIM_POLL_READ;
    rim__lookout_arm(lookout);
    if (out != NULL) {
        *out = lookout->self;
    }
    return 0;
}

int rim_watch_remove(rim_ctx *ctx, rim_ref watch, uint32_t id) {
    return rim__send_event(ctx, rim_self(ctx), watch, RIM_WATCH_REMOVE, &id, sizeof id);
}

int rim_watch_close(rim_ctx *ctx, rim_ref watch) {
    return rim__send_event(ctx, rim_self(ctx), watch, RIM_WATCH_CLOSE, NULL, 0);
}

const char *rim_change_old_name(const rim_change_event *event) {
    return event->old_at != 0 ? event->names + event->old_at : "";
}
