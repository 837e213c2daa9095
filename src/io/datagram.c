/* SPDX-License-Identifier: MIT */
#include "io/datagram.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "io/address.h"

#define SIZE_DEFAULT 2048u

/* ---- the register ---- */

static struct rim__datagram **bucket(const struct rim__service *service, rim_ref self) {
    return (struct rim__datagram **)&service->datagrams[rim__mix(self) % RIM_SERVICE_DATAGRAM_BUCKETS];
}

struct rim__datagram *rim__datagram_find(const struct rim__service *service, rim_ref self) {
    struct rim__datagram *at = *bucket(service, self);
    while (at != NULL && at->self != self) {
        at = at->next;
    }
    return at;
}

static void enroll(struct rim__datagram *datagram) {
    struct rim__datagram **list = bucket(datagram->service, datagram->self);
    datagram->next = *list;
    datagram->link = list;
    if (datagram->next != NULL) {
        datagram->next->link = &datagram->next;
    }
    *list = datagram;
}

static void strike_out(struct rim__datagram *datagram) {
    if (datagram->link != NULL) {
        *datagram->link = datagram->next;
        if (datagram->next != NULL) {
            datagram->next->link = datagram->link;
        }
        datagram->link = NULL;
    }
}

/* fn may free the one that it is given. */
static void for_all(const struct rim__service *service, void (*fn)(struct rim__datagram *datagram)) {
    for (uint32_t i = 0; i < RIM_SERVICE_DATAGRAM_BUCKETS; i++) {
        for (struct rim__datagram *at = service->datagrams[i], *next; at != NULL; at = next) {
            next = at->next;
            fn(at);
        }
    }
}

/* ---- the end ---- */

static void destroy(struct rim__datagram *datagram) {
    struct rim__service *service = datagram->service;
    strike_out(datagram);
    rim__actor_unwatch(&datagram->self_watch);
    rim__actor_unwatch(&datagram->owner_watch);
    rim__memory_free(&service->shard->memory, datagram, sizeof *datagram);
    rim__service_forget(service);
}

static void set_busy(struct rim__datagram *datagram, bool busy) {
    if (datagram->busy != busy && !datagram->service->detached) {
        datagram->busy = busy;
        rim__ctx_busy(datagram->service->ctx, busy ? 1 : -1);
    }
}

void rim__datagram_settle(struct rim__datagram *datagram) {
    struct rim__io *io = datagram->service->io;
    bool in_flight = datagram->input.op.in_flight;
    set_busy(datagram, datagram->closing && in_flight);
    if (!datagram->closing || in_flight) {
        return;
    }
    if (datagram->self_gone && datagram->fd >= 0) {
        io->ops->close(io, datagram->fd, false);
        io->ops->unname(io, &datagram->state.local, true);
        datagram->fd = -1;
    }
    if (datagram->self_gone) {
        destroy(datagram);
    }
}

static void quiet(struct rim__datagram *datagram) {
    datagram->closing = true;
    rim__datagram_input_stop(datagram);
    rim__datagram_settle(datagram);
}

void rim__datagram_quiet_all(struct rim__service *service) {
    for_all(service, quiet);
}

static void cut(struct rim__datagram *datagram) {
    rim__assert(datagram->service->detached);
    rim__actor_unwatch(&datagram->self_watch);
    rim__actor_unwatch(&datagram->owner_watch);
    datagram->self_gone = true;
    rim__datagram_output_finish(datagram);
    quiet(datagram);
}

void rim__datagram_cut_all(struct rim__service *service) {
    for_all(service, cut);
}

static void self_gone(struct rim__watch *watch, rim_ctx *ctx) {
    (void)ctx;
    struct rim__datagram *datagram = rim__container_of(watch, struct rim__datagram, self_watch);
    datagram->self_gone = true;
    rim__datagram_output_finish(datagram);
    quiet(datagram);
}

static void owner_gone(struct rim__watch *watch, rim_ctx *ctx) {
    struct rim__datagram *datagram = rim__container_of(watch, struct rim__datagram, owner_watch);
    datagram->owner = RIM_NIL;
    datagram->closing = true;
    rim__datagram_input_stop(datagram);
    if (!datagram->self_gone) {
        void *previous = rim__ctx_enter(ctx, datagram->self);
        (void)rim_stop(ctx, datagram->self);
        rim__ctx_leave(ctx, previous);
    }
    rim__datagram_settle(datagram);
}

void rim__datagram_room(struct rim__service *service, rim_ref who) {
    for (uint32_t i = 0; i < RIM_SERVICE_DATAGRAM_BUCKETS; i++) {
        for (struct rim__datagram *at = service->datagrams[i], *next; at != NULL; at = next) {
            next = at->next;
            if (at->owner == who && at->input.waits && !at->closing) {
                rim__datagram_input_resume(at);
            }
        }
    }
}

/* ---- opening ---- */

static int parse(rim_ctx *ctx, const char *host, uint16_t port, rim_address *out) {
    int result = rim_address_parse(host, port, out);
    return result == 0 ? 0 : rim__ctx_error(ctx, result, "datagram socket: %s is no numeric address or path", host);
}

/* Without a host it has any address of the peer's family; a Unix one then has no name. */
static int make_plan(rim_ctx *ctx, const rim_datagram_options *options, struct rim__datagram_plan *plan) {
    if (options == NULL || options->size_max > RIM_DATAGRAM_SIZE_MAX || options->send_buffer > INT32_MAX ||
        options->receive_buffer > INT32_MAX || options->descriptors > RIM_PASSING_MAX) {
        return rim__ctx_error(ctx, -EINVAL, "datagram socket: no options, or a size is too large");
    }
    *plan = (struct rim__datagram_plan){.options = options};
    int result = options->peer != NULL ? parse(ctx, options->peer, options->peer_port, &plan->peer) : 0;
    if (result == 0 && options->host == NULL && options->peer != NULL) {
        plan->address = (rim_address){.family = plan->peer.family, .port = options->port};
    } else if (result == 0) {
        result = parse(ctx, options->host != NULL ? options->host : "", options->port, &plan->address);
    }
    if (result == 0 && plan->peer.family != 0 && plan->peer.family != plan->address.family) {
        return rim__ctx_error(ctx, -EINVAL, "datagram socket: host and peer are of different families");
    }
    return result;
}

static int explain(rim_ctx *ctx, const struct rim__datagram_plan *plan, int error) {
    char text[RIM_ADDRESS_TEXT_MAX];
    const char *interface = plan->options->interface;
    return rim__ctx_error(ctx, error, "datagram socket on %s%s%.40s: %s", rim_address_format(&plan->address, text),
                          interface != NULL ? ", interface " : "", interface != NULL ? interface : "",
                          rim_strerror(error));
}

static struct rim__datagram *create(struct rim__service *service, int fd) {
    struct rim__datagram *datagram = rim__memory_alloc(&service->shard->memory, sizeof *datagram);
    if (datagram == NULL) {
        return NULL;
    }
    memset(datagram, 0, sizeof *datagram);
    datagram->service = service;
    datagram->fd = fd;
    datagram->self_gone = true; /* until there is one */
    datagram->self_watch.fn = self_gone;
    datagram->owner_watch.fn = owner_gone;
    service->objects++;
    return datagram;
}

static int start(rim_ctx *ctx, struct rim__datagram *datagram) {
    int result = rim__spawn_own(ctx, &rim__datagram_behaviour, NULL, &datagram, sizeof datagram, &datagram->self);
    if (result != 0) {
        return result;
    }
    enroll(datagram);
    datagram->owner = rim_self(ctx);
    result = rim__actor_watch(ctx, datagram->self, &datagram->self_watch);
    datagram->self_gone = result != 0;
    if (result == 0) {
        result = rim__actor_watch(ctx, datagram->owner, &datagram->owner_watch);
    }
    if (result == 0) {
        result = rim__datagram_input_arm(datagram);
    }
    if (result != 0) {
        (void)rim_stop(ctx, datagram->self); /* its watch sees to the rest */
    }
    return result;
}

int rim_datagram_open(rim_ctx *ctx, const rim_datagram_options *options, rim_ref *out) {
    struct rim__service *service = rim__ctx_io(ctx);
    struct rim__datagram_plan plan;
    int result = service == NULL || service->closing ? -RIM_ESTOPPING : make_plan(ctx, options, &plan);
    result = result == 0 ? rim__service_start(ctx) : result;
    if (result != 0) {
        return result;
    }
    rim_address local;
    int fd = service->io->ops->datagram(service->io, &plan, &local);
    if (fd < 0) {
        return explain(ctx, &plan, fd);
    }
    struct rim__datagram *datagram = create(service, fd);
    if (datagram == NULL) {
        service->io->ops->close(service->io, fd, false);
        service->io->ops->unname(service->io, &local, true);
        return explain(ctx, &plan, -ENOMEM);
    }
    datagram->state.local = local;
    datagram->tell_errors = options->tell_errors && local.family != RIM_FAMILY_UNIX;
    datagram->output.gathers = options->gather;
    datagram->output.segments = local.family != RIM_FAMILY_UNIX && service->io->ops->segments(service->io, fd);
    uint32_t size = options->merge ? RIM_DATAGRAM_SIZE_MAX : SIZE_DEFAULT;
    rim__datagram_input_init(datagram, options->size_max != 0 ? options->size_max : size, options->descriptors);
    result = start(ctx, datagram);
    if (result != 0) {
        if (datagram->self_gone) {
            quiet(datagram);
        }
        return explain(ctx, &plan, result);
    }
    if (out != NULL) {
        *out = datagram->self;
    }
    return 0;
}
