/* SPDX-License-Identifier: MIT */
#include "io/service.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "io/datagram.h"
#include "io/file.h"
#include "io/listener.h"
#include "io/lookout.h"
#include "io/region.h"
#include "io/socket.h"
#include "io/staging.h"

static struct rim__service *of_state(void *self) {
    return *(struct rim__service **)self;
}

static rim_verdict init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)ctx;
    rim__assert(size == sizeof(struct rim__service *));
    memcpy(self, arg, size);
    return RIM_DONE;
}

static rim_verdict on_room(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)msg;
    const rim_room_event *event = body;
    rim__socket_room(of_state(self), event->who);
    rim__datagram_room(of_state(self), event->who);
    return RIM_DONE;
}

static rim_verdict on_closing(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)body;
    (void)msg;
    struct rim__service *service = of_state(self);
    service->closing = true;
    for (struct rim__listener *at = service->listeners, *next; at != NULL; at = next) {
        next = rim__listener_next(at);
        rim__listener_close(at);
    }
    rim__datagram_quiet_all(service);
    rim__lookout_quiet_all(service);
    for (uint32_t i = 0; i < RIM_SERVICE_BUCKETS; i++) {
        for (struct rim__socket *at = service->sockets[i], *next; at != NULL; at = next) {
            next = at->next;
            rim__socket_settle(at);
        }
    }
    return RIM_DONE;
}

static rim_verdict on_armed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)self;
    const struct rim__notice *notice = body;
    rim__assert(rim_size(msg) == sizeof *notice);
    rim__listener_armed(notice->listener);
    return RIM_DONE;
}

static const rim_handler rows[] = {
    [RIM_ROOM] = on_room,
    [RIM_CLOSING] = on_closing,
    [RIM_SERVICE_ARMED & 0xffff] = on_armed,
};

static const rim_behaviour behaviour = {
    .name = "rim sockets",
    .state_size = sizeof(struct rim__service *),
    .on = rows,
    .on_count = RIM_COUNT(rows),
    .protocol = RIM_SERVICE_PROTOCOL,
    .init = init,
};

int rim__service_open(rim_ctx *ctx, struct rim__io *io) {
    struct rim__shard *shard = rim__ctx_shard(ctx);
    struct rim__service *service = rim__memory_alloc(&shard->memory, sizeof *service);
    if (service == NULL) {
        return -ENOMEM;
    }
    memset(service, 0, sizeof *service);
    service->shard = shard;
    service->io = io;
    service->ctx = ctx;
    service->pushes_end = &service->pushes;
    rim__ctx_set_io(ctx, service);
    return 0;
}

int rim__service_start(rim_ctx *ctx) {
    struct rim__service *service = rim__ctx_io(ctx);
    rim__assert(service != NULL);
    if (service->clerk != RIM_NIL) {
        return rim__actor_is_alive(ctx, service->clerk) ? 0 : -RIM_ESTOPPING;
    }
    return rim__spawn_own(ctx, &behaviour, NULL, &service, sizeof service, &service->clerk);
}

void rim__service_tell(struct rim__service *service, rim_ref clerk, const struct rim__notice *notice) {
    if (!service->detached) {
        /* Whether it arrives or becomes a dead letter: there is nothing else that could be done. */
        (void)rim__send_event(service->ctx, service->clerk, clerk, RIM_SERVICE_ARMED, notice, sizeof *notice);
    }
}

static void after_turns(rim_ctx *ctx) {
    struct rim__service *service = rim__ctx_io(ctx);
    if (service != NULL) {
        rim__socket_push_all(service);
        rim__datagram_flush_all(service);
    }
}

void rim__service_run_after(struct rim__service *service) {
    rim__ctx_run_after(service->ctx, after_turns);
}

void *rim__service_enter(struct rim__service *service) {
    return rim__ctx_enter(service->ctx, service->clerk);
}

static void free_if_done(struct rim__service *service) {
    if (service->detached && service->objects == 0) {
        rim__memory_free(&service->shard->memory, service, sizeof *service);
    }
}

void rim__service_forget(struct rim__service *service) {
    rim__assert(service->objects > 0);
    service->objects--;
    free_if_done(service);
}

void rim__service_close(struct rim__service *service) {
    rim__ctx_set_io(service->ctx, NULL);
    service->closing = true;
    service->objects++; /* so that it outlives what is cut off here */
    service->detached = true;
    for (struct rim__listener *at = service->listeners, *next; at != NULL; at = next) {
        next = rim__listener_next(at);
        rim__listener_cut(at);
    }
    rim__datagram_cut_all(service);
    rim__lookout_cut_all(service);
    for (uint32_t i = 0; i < RIM_SERVICE_BUCKETS; i++) {
        for (struct rim__socket *at = service->sockets[i], *next; at != NULL; at = next) {
            next = at->next;
            rim__socket_cut(at);
        }
    }
    for (struct rim__file *at = service->files, *next; at != NULL; at = next) {
        next = at->next;
        rim__file_cut(at);
    }
    for (struct rim__region *at = service->regions, *next; at != NULL; at = next) {
        next = at->next;
        rim__region_cut(at);
    }
    for (struct rim__staging *at = service->stages, *next; at != NULL; at = next) {
        next = at->next;
        rim__staging_cut(at);
    }
    rim__service_forget(service);
}
