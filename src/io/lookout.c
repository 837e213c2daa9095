/* SPDX-License-Identifier: MIT */
#include "io/lookout.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"

#define RETRY_NS RIM_MS(1)

/* ---- events ---- */

struct event {
    struct rim__body body;
    size_t total;
    _Alignas(16) char bytes[];
};

static void release_event(struct rim__shard *home, struct rim__body *body) {
    struct event *event = rim__container_of(body, struct event, body);
    rim__memory_free(&home->memory, event, event->total);
}

static struct rim__body *make_event(struct rim__shard *shard, const void *bytes, uint32_t size) {
    size_t total = sizeof(struct event) + size;
    struct event *event = rim__memory_alloc(&shard->memory, total);
    if (event == NULL) {
        return NULL;
    }
    event->total = total;
    event->body = (struct rim__body){.data = event->bytes, .size = size, .home = shard->index};
    event->body.release = release_event;
    memcpy(event->bytes, bytes, size);
    return &event->body;
}

/* ---- the end ---- */

static void destroy(struct rim__lookout *lookout) {
    struct rim__service *service = lookout->service;
    *lookout->link = lookout->next;
    if (lookout->next != NULL) {
        lookout->next->link = lookout->link;
    }
    rim__actor_unwatch(&lookout->self_watch);
    rim__actor_unwatch(&lookout->owner_watch);
    if (lookout->kind->finish != NULL) {
        lookout->kind->finish(lookout);
    }
    rim__memory_free(&service->shard->memory, lookout, lookout->kind->size);
    rim__service_forget(service);
}

static void set_busy(struct rim__lookout *lookout, bool busy) {
    if (lookout->busy != busy && !lookout->service->detached) {
        lookout->busy = busy;
        rim__ctx_busy(lookout->service->ctx, busy ? 1 : -1);
    }
}

/* To be called last: the lookout may be gone afterwards. */
static void settle(struct rim__lookout *lookout) {
    struct rim__io *io = lookout->service->io;
    set_busy(lookout, (lookout->closing && lookout->ready.in_flight) || (lookout->goes_on && lookout->holds_stop));
    if (!lookout->closing || lookout->ready.in_flight) {
        return;
    }
    if (lookout->fd >= 0) {
        io->ops->close(io, lookout->fd, false);
        lookout->fd = -1;
    }
    if (lookout->self_gone) {
        destroy(lookout);
    }
}

static void end(struct rim__lookout *lookout) {
    struct rim__io *io = lookout->service->io;
    lookout->closing = true;
    lookout->goes_on = false;
    rim__timer_disarm(&lookout->service->shard->timers, &lookout->retry);
    if (lookout->held != NULL) {
        rim__body_release(lookout->service->shard, lookout->held);
        lookout->held = NULL;
    }
    if (lookout->ready.in_flight && !lookout->ready.cancelling) {
        io->ops->cancel(io, &lookout->ready);
    }
}

void rim__lookout_quiet_all(struct rim__service *service) {
    for (struct rim__lookout *at = service->lookouts, *next; at != NULL; at = next) {
        next = at->next;
        if (!at->kind->works_to_the_last) {
            end(at);
            settle(at);
        }
    }
}

void rim__lookout_cut_all(struct rim__service *service) {
    rim__assert(service->detached);
    for (struct rim__lookout *at = service->lookouts, *next; at != NULL; at = next) {
        next = at->next;
        rim__actor_unwatch(&at->self_watch);
        rim__actor_unwatch(&at->owner_watch);
        at->self_gone = true;
        if (at->kind->cut != NULL) {
            at->kind->cut(at);
        }
        end(at);
        settle(at);
    }
}

/* For want of an owner or an actor. */
static void end_or_go_on(struct rim__lookout *lookout) {
    if (!lookout->closing && !lookout->goes_on) {
        lookout->goes_on = lookout->kind->leave != NULL && lookout->kind->leave(lookout);
    }
    if (!lookout->goes_on) {
        end(lookout);
    }
}

static void actor_gone(struct rim__watch *watch, rim_ctx *ctx) {
    (void)ctx;
    struct rim__lookout *lookout = rim__container_of(watch, struct rim__lookout, self_watch);
    lookout->self_gone = true;
    end_or_go_on(lookout);
    settle(lookout);
}

static void stop_actor(struct rim__lookout *lookout) {
    rim_ctx *ctx = lookout->service->ctx;
    if (!lookout->self_gone && !lookout->service->detached) {
        void *previous = rim__ctx_enter(ctx, lookout->self);
        (void)rim_stop(ctx, lookout->self);
        rim__ctx_leave(ctx, previous);
    }
}

void rim__lookout_abandon(struct rim__lookout *lookout) {
    rim__actor_unwatch(&lookout->owner_watch);
    lookout->owner = RIM_NIL;
    end_or_go_on(lookout);
    stop_actor(lookout);
    settle(lookout);
}

static void owner_gone(struct rim__watch *watch, rim_ctx *ctx) {
    (void)ctx;
    rim__lookout_abandon(rim__container_of(watch, struct rim__lookout, owner_watch));
}

void rim__lookout_end(struct rim__lookout *lookout) {
    end(lookout);
    stop_actor(lookout);
}

/* ---- waiting and telling ---- */

void rim__lookout_wait(struct rim__lookout *lookout) {
    struct rim__shard *shard = lookout->service->shard;
    if (!lookout->closing && !rim__timer_is_armed(&lookout->retry)) {
        rim__timer_arm(&shard->timers, &lookout->retry, shard->now_ns + RETRY_NS);
    }
}

int rim__lookout_tell(struct rim__lookout *lookout, uint32_t tag, struct rim__body *body) {
    rim__assert(lookout->held == NULL);
    int result = rim__send_body(lookout->service->ctx, lookout->self, lookout->owner, tag, body);
    if (result == -RIM_EFULL) {
        lookout->held = body;
        lookout->held_tag = tag;
        rim__lookout_wait(lookout);
    }
    return result;
}

int rim__lookout_tell_event(struct rim__lookout *lookout, uint32_t tag, const void *event, uint32_t size) {
    struct rim__body *body = make_event(lookout->service->shard, event, size);
    return body != NULL ? rim__lookout_tell(lookout, tag, body) : -ENOMEM;
}

static void readied(struct rim__op *op, const struct rim__completion *completion) {
    struct rim__lookout *lookout = rim__container_of(op, struct rim__lookout, ready);
    if (!lookout->closing && completion->result != -ECANCELED) {
        lookout->kind->ready(lookout, completion->result);
    }
    rim__lookout_arm(lookout);
    settle(lookout);
}

void rim__lookout_arm(struct rim__lookout *lookout) {
    struct rim__io *io = lookout->service->io;
    struct rim__op *op = &lookout->ready;
    if (lookout->closing || lookout->resting || op->in_flight || rim__timer_is_armed(&lookout->retry)) {
        return;
    }
    if (lookout->has_more) {
        rim__lookout_wait(lookout);
        return;
    }
    op->kind = RIM_OP_READY;
    op->fd = lookout->fd;
    op->done = readied;
    op->ready.events = lookout->events;
    if (io->ops->submit(io, op) != 0) {
        rim__lookout_wait(lookout);
    }
}

static void try_again(struct rim__shard *shard, struct rim__timer *timer) {
    (void)shard;
    struct rim__lookout *lookout = rim__container_of(timer, struct rim__lookout, retry);
    struct rim__body *held = lookout->held;
    lookout->held = NULL;
    if (held != NULL) {
        (void)rim__lookout_tell(lookout, lookout->held_tag, held);
    }
    bool is_next = held == NULL || (lookout->has_more && lookout->held == NULL);
    if (is_next && !lookout->ready.in_flight) {
        lookout->kind->ready(lookout, 0);
    }
    rim__lookout_arm(lookout);
}

/* ---- opening ---- */

rim_verdict rim__lookout_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)ctx;
    rim__assert(size == sizeof(struct rim__lookout *));
    memcpy(self, arg, size);
    return RIM_DONE;
}

static struct rim__lookout *create(struct rim__service *service, const struct rim__lookout_kind *kind, int fd) {
    struct rim__lookout *lookout = rim__memory_alloc(&service->shard->memory, kind->size);
    if (lookout == NULL) {
        return NULL;
    }
    memset(lookout, 0, kind->size);
    lookout->service = service;
    lookout->kind = kind;
    lookout->fd = fd;
    lookout->self_gone = true; /* until there is one */
    lookout->self_watch.fn = actor_gone;
    lookout->owner_watch.fn = owner_gone;
    lookout->retry.fire = try_again;
    lookout->next = service->lookouts;
    lookout->link = &service->lookouts;
    if (lookout->next != NULL) {
        lookout->next->link = &lookout->next;
    }
    service->lookouts = lookout;
    service->objects++;
    return lookout;
}

static int spawn(rim_ctx *ctx, struct rim__lookout *lookout) {
    int result = rim__spawn_own(ctx, lookout->kind->behaviour, NULL, &lookout, sizeof lookout, &lookout->self);
    if (result != 0) {
        return result;
    }
    lookout->owner = rim_self(ctx);
    result = rim__actor_watch(ctx, lookout->self, &lookout->self_watch);
    lookout->self_gone = result != 0;
    if (result == 0) {
        result = rim__actor_watch(ctx, lookout->owner, &lookout->owner_watch);
    }
    if (result != 0) {
        (void)rim_stop(ctx, lookout->self); /* its watch sees to the rest */
    }
    return result;
}

int rim__lookout_open(rim_ctx *ctx, const struct rim__lookout_kind *kind, int fd, struct rim__lookout **out) {
    struct rim__service *service = rim__ctx_io(ctx);
    int result = service == NULL || service->closing ? -RIM_ESTOPPING : rim__service_start(ctx);
    struct rim__lookout *lookout = result == 0 ? create(service, kind, fd) : NULL;
    if (lookout == NULL) {
        if (service != NULL && fd >= 0) {
            service->io->ops->close(service->io, fd, false);
        }
        return result != 0 ? result : -ENOMEM;
    }
    result = spawn(ctx, lookout);
    if (result != 0) {
        end(lookout);
        settle(lookout);
        return result;
    }
    *out = lookout;
    return 0;
}
