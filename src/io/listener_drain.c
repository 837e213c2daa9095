/* SPDX-License-Identifier: MIT */
/*
 * What a user does to a listener that accepts: pauses it, shares its descriptor, drains it.
 *
 *     drain -> accept cancelled -> what waits in the kernel's queue is taken -> descriptor closed -> no connection is
 *     left, which at the deadline are aborted -> told, ended
 *
 * The queue is swept because of those who share the descriptor. Of several that wait for a connection the kernel wakes
 * one; if that is an accept which is just being cancelled, nobody takes the connection before the next one comes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "io/listener.h"

struct rim__drain {
    struct rim__timer deadline;
    struct rim__listener *listener;
    rim_ref caller;
    uint32_t ended_before; /* connections, when it began */
    uint32_t aborted;
    struct rim_msg *event; /* RIM_DRAINED, made beforehand */
};

static int find(rim_ctx *ctx, rim_ref ref, struct rim__listener **out) {
    struct rim__service *service = rim__ctx_io(ctx);
    if (ref >> 60 != rim_self(ctx) >> 60 || rim_shard_of(ref) >= rim_shard_count(ctx)) {
        return -RIM_EBADREF;
    }
    if (rim_shard_of(ref) != rim_shard_index(ctx)) {
        return rim__ctx_error(ctx, -RIM_ECONTEXT, "a listener is steered on its own shard only");
    }
    struct rim__listener *at = service != NULL ? service->listeners : NULL;
    while (at != NULL && at->self != ref) {
        at = rim__listener_next(at);
    }
    if (at == NULL || at->closing || at->drain != NULL || at->fd < 0) {
        return -RIM_EDOWN;
    }
    if (at->options.distribute == RIM_DISTRIBUTE_REUSEPORT) {
        return rim__ctx_error(ctx, -EOPNOTSUPP, "a listener of RIM_DISTRIBUTE_REUSEPORT is several: it only ends");
    }
    *out = at;
    return 0;
}

int rim_listener_pause(rim_ctx *ctx, rim_ref listener, bool paused) {
    struct rim__listener *found = NULL;
    int error = find(ctx, listener, &found);
    if (error != 0) {
        return error;
    }
    found->paused = paused;
    if (paused) {
        rim__listener_stop(found);
    } else {
        rim__listener_resume(found);
    }
    return 0;
}

int rim_listener_share(rim_ctx *ctx, rim_ref listener, int *out) {
    struct rim__listener *found = NULL;
    int error = find(ctx, listener, &found);
    if (error != 0) {
        return error;
    }
    struct rim__io *io = found->service->io;
    int fd = io->ops->duplicate(io, found->fd);
    if (fd < 0) {
        return rim__ctx_error(ctx, fd, "share a listener: %s", rim_strerror(fd));
    }
    *out = fd;
    return 0;
}

/* ---- the drain ---- */

static void free_drain(struct rim__listener *listener) {
    struct rim__drain *drain = listener->drain;
    struct rim__shard *shard = listener->service->shard;
    listener->drain = NULL;
    rim__timer_disarm(&shard->timers, &drain->deadline);
    if (drain->event != NULL) {
        rim__msg_release(shard, drain->event);
    }
    rim__memory_free(&shard->memory, drain, sizeof *drain);
}

void rim__drain_finish(struct rim__listener *listener) {
    struct rim__drain *drain = listener->drain;
    if (drain == NULL) {
        return;
    }
    if (!listener->service->detached) {
        uint32_t ended = listener->ended - drain->ended_before;
        rim_drained_event *event = rim__msg_body(drain->event);
        *event = (rim_drained_event){
            .listener = listener->self,
            .ended = ended > drain->aborted ? ended - drain->aborted : 0,
            .aborted = drain->aborted,
            .left = listener->total,
        };
        rim__event_post(listener->service->ctx, listener->self, drain->caller, RIM_DRAINED, drain->event);
        drain->event = NULL;
    }
    free_drain(listener);
}

void rim__drain_look(struct rim__listener *listener) {
    struct rim__drain *drain = listener->drain;
    struct rim__service *service = listener->service;
    if (listener->accept.in_flight) {
        return;
    }
    if (!listener->swept && listener->fd >= 0) {
        listener->swept = rim__listener_sweep(listener) != 0;
        if (!listener->swept) {
            return;
        }
    }
    rim__listener_shut(listener);
    if (listener->total > 0) {
        return;
    }
    rim__assert(drain != NULL);
    rim__drain_finish(listener);
    if (listener->self_gone) {
        return;
    }
    void *previous = rim__service_enter(service);
    (void)rim_stop(service->ctx, listener->self); /* what is left of it goes with its actor */
    rim__ctx_leave(service->ctx, previous);
}

/* False: one could not be told, for want of room or memory. */
static bool abort_all(struct rim__drain *drain) {
    struct rim__listener *listener = drain->listener;
    struct rim__service *service = listener->service;
    bool all = true;
    void *previous = rim__service_enter(service);
    for (struct rim__record *at = listener->records; at != NULL; at = at->next) {
        int error = at->socket != RIM_NIL ? rim_socket_abort(service->ctx, at->socket) : -RIM_EDOWN;
        if (error == -RIM_EFULL || error == -ENOMEM) {
            all = false;
            continue;
        }
        drain->aborted += error == 0;
        at->socket = RIM_NIL;
    }
    rim__ctx_leave(service->ctx, previous);
    return all;
}

static void too_late(struct rim__shard *shard, struct rim__timer *timer) {
    struct rim__drain *drain = rim__container_of(timer, struct rim__drain, deadline);
    struct rim__listener *listener = drain->listener;
    if (!abort_all(drain)) {
        rim__timer_arm(&shard->timers, timer, shard->now_ns + RIM_LISTENER_RETRY_NS);
    }
    while (listener->waiting != NULL) {
        drain->aborted++;
        rim__listener_drop(listener->waiting);
    }
    rim__drain_look(listener);
}

static struct rim__drain *make_drain(rim_ctx *ctx, struct rim__listener *listener) {
    struct rim__shard *shard = listener->service->shard;
    struct rim__drain *drain = rim__memory_alloc(&shard->memory, sizeof *drain);
    if (drain == NULL) {
        return NULL;
    }
    *drain = (struct rim__drain){.listener = listener, .caller = rim_self(ctx), .ended_before = listener->ended};
    drain->deadline.fire = too_late;
    drain->event = rim__event_reserve(ctx, sizeof(rim_drained_event));
    if (drain->event == NULL) {
        rim__memory_free(&shard->memory, drain, sizeof *drain);
        return NULL;
    }
    return drain;
}

int rim_listener_drain(rim_ctx *ctx, rim_ref listener, uint64_t timeout_ns) {
    struct rim__listener *found = NULL;
    int error = find(ctx, listener, &found);
    if (error != 0) {
        return error;
    }
    found->drain = make_drain(ctx, found);
    if (found->drain == NULL) {
        return -ENOMEM;
    }
    struct rim__shard *shard = found->service->shard;
    uint64_t now_ns = shard->now_ns;
    rim__timer_arm(&shard->timers, &found->drain->deadline,
                   timeout_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + timeout_ns);
    rim__listener_stop(found);
    rim__drain_look(found);
    return 0;
}
