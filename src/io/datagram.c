/* SPDX-License-Identifier: MIT */
#include "io/datagram.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "io/address.h"

#define SIZE_DEFAULT 2048u
#define RECEIVES_MAX 16 /* of one socket before others get their turn */
#define RETRY_NS     RIM_MS(1)

enum { DATAGRAM_PROTOCOL = 0x7f0d };

/* What came, in memory of the shard's. */
struct arrival {
    struct rim__body body;
    size_t total;
    rim_datagram_event event;
    char bytes[];
};
_Static_assert(offsetof(struct arrival, bytes) == offsetof(struct arrival, event) + sizeof(rim_datagram_event),
               "the bytes follow the event");

static void release_arrival(struct rim__shard *home, struct rim__body *body) {
    struct arrival *arrival = rim__container_of(body, struct arrival, body);
    rim__memory_free(&home->memory, arrival, arrival->total);
}

/* ---- the end ---- */

static void destroy(struct rim__datagram *datagram) {
    struct rim__service *service = datagram->service;
    *datagram->link = datagram->next;
    if (datagram->next != NULL) {
        datagram->next->link = datagram->link;
    }
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

/* To be called last: the datagram may be gone afterwards. */
static void settle(struct rim__datagram *datagram) {
    struct rim__io *io = datagram->service->io;
    set_busy(datagram, datagram->closing && datagram->ready.in_flight);
    if (!datagram->closing || datagram->ready.in_flight) {
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

static void stop_receiving(struct rim__datagram *datagram) {
    struct rim__io *io = datagram->service->io;
    datagram->closing = true;
    rim__timer_disarm(&datagram->service->shard->timers, &datagram->retry);
    if (datagram->held != NULL) {
        rim__body_release(datagram->service->shard, datagram->held);
        datagram->held = NULL;
    }
    if (datagram->ready.in_flight && !datagram->ready.cancelling) {
        io->ops->cancel(io, &datagram->ready);
    }
}

void rim__datagram_quiet(struct rim__datagram *datagram) {
    stop_receiving(datagram);
    settle(datagram);
}

void rim__datagram_cut(struct rim__datagram *datagram) {
    rim__assert(datagram->service->detached);
    rim__actor_unwatch(&datagram->self_watch);
    rim__actor_unwatch(&datagram->owner_watch);
    datagram->self_gone = true;
    rim__datagram_quiet(datagram);
}

static void self_gone(struct rim__watch *watch, rim_ctx *ctx) {
    (void)ctx;
    struct rim__datagram *datagram = rim__container_of(watch, struct rim__datagram, self_watch);
    datagram->self_gone = true;
    rim__datagram_quiet(datagram);
}

static void owner_gone(struct rim__watch *watch, rim_ctx *ctx) {
    struct rim__datagram *datagram = rim__container_of(watch, struct rim__datagram, owner_watch);
    datagram->owner = RIM_NIL;
    stop_receiving(datagram);
    if (!datagram->self_gone) {
        void *previous = rim__ctx_enter(ctx, datagram->self);
        (void)rim_stop(ctx, datagram->self);
        rim__ctx_leave(ctx, previous);
    }
    settle(datagram);
}

/* ---- receiving ---- */

static void readied(struct rim__op *op, const struct rim__completion *completion);

static void wait(struct rim__datagram *datagram) {
    struct rim__shard *shard = datagram->service->shard;
    if (!rim__timer_is_armed(&datagram->retry)) {
        rim__timer_arm(&shard->timers, &datagram->retry, shard->now_ns + RETRY_NS);
    }
}

static int arm(struct rim__datagram *datagram) {
    struct rim__io *io = datagram->service->io;
    if (datagram->closing || datagram->ready.in_flight) {
        return 0;
    }
    datagram->ready.kind = RIM_OP_READY;
    datagram->ready.fd = datagram->fd;
    datagram->ready.done = readied;
    return io->ops->submit(io, &datagram->ready);
}

/* False: the owner has no room, and the body is held. */
static bool hand_over(struct rim__datagram *datagram, struct rim__body *body) {
    if (rim__send_body(datagram->service->ctx, datagram->self, datagram->owner, RIM_DATAGRAM, body) == -RIM_EFULL) {
        datagram->held = body;
        return false;
    }
    return true;
}

static void fill(struct rim__datagram *datagram, struct arrival *arrival, const struct rim__receipt *receipt) {
    rim_datagram_state *state = &datagram->state;
    uint32_t size = receipt->result > 0 ? (uint32_t)receipt->result : 0;
    state->received += receipt->result >= 0;
    state->lost = receipt->lost > state->lost ? receipt->lost : state->lost;
    datagram->service->io->bytes_in += size;
    arrival->event = (rim_datagram_event){
        .socket = datagram->self,
        .from = receipt->from,
        .error = receipt->result < 0 ? receipt->result : 0,
        .size = size,
        .lost = state->lost,
        .is_truncated = receipt->is_truncated,
    };
    arrival->body.size = (uint32_t)sizeof arrival->event + size;
}

/* One datagram. False: there is none, or it has to wait. */
static bool receive(struct rim__datagram *datagram) {
    struct rim__shard *shard = datagram->service->shard;
    struct rim__io *io = datagram->service->io;
    size_t total = sizeof(struct arrival) + datagram->size_max;
    struct arrival *arrival = rim__memory_alloc(&shard->memory, total);
    if (arrival == NULL) {
        wait(datagram);
        return false;
    }
    arrival->total = total;
    arrival->body =
        (struct rim__body){.data = &arrival->event, .size = 1, .home = shard->index, .release = release_arrival};
    struct rim__receipt receipt = {.bytes = arrival->bytes, .size = datagram->size_max};
    io->ops->receive_from(io, datagram->fd, &receipt);
    if (receipt.result == -EAGAIN || receipt.result == -EINTR) {
        rim__memory_free(&shard->memory, arrival, total);
        return false;
    }
    fill(datagram, arrival, &receipt);
    if (!hand_over(datagram, &arrival->body)) {
        wait(datagram);
        return false;
    }
    return true;
}

static void receive_some(struct rim__datagram *datagram) {
    for (int i = 0; i < RECEIVES_MAX && !datagram->closing && receive(datagram); i++) {
    }
    if (!rim__timer_is_armed(&datagram->retry) && arm(datagram) != 0) {
        wait(datagram);
    }
}

static void retry(struct rim__shard *shard, struct rim__timer *timer) {
    (void)shard;
    struct rim__datagram *datagram = rim__container_of(timer, struct rim__datagram, retry);
    struct rim__body *held = datagram->held;
    datagram->held = NULL;
    if (held != NULL && !hand_over(datagram, held)) {
        wait(datagram);
        return;
    }
    receive_some(datagram);
}

static void readied(struct rim__op *op, const struct rim__completion *completion) {
    struct rim__datagram *datagram = rim__container_of(op, struct rim__datagram, ready);
    if (!datagram->closing && completion->result == 0) {
        receive_some(datagram);
    } else if (!datagram->closing) {
        wait(datagram);
    }
    settle(datagram);
}

/* ---- opening ---- */

static int parse(rim_ctx *ctx, const char *host, uint16_t port, rim_address *out) {
    int result = rim_address_parse(host, port, out);
    return result == 0 ? 0 : rim__ctx_error(ctx, result, "datagram socket: %s is no numeric address or path", host);
}

/* Without a host it has any address of the peer's family; a Unix one then has no name. */
static int make_plan(rim_ctx *ctx, const rim_datagram_options *options, struct rim__datagram_plan *plan) {
    if (options == NULL || options->size_max > RIM_DATAGRAM_SIZE_MAX || options->send_buffer > INT32_MAX ||
        options->receive_buffer > INT32_MAX) {
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
    return rim__ctx_error(ctx, error, "datagram socket on %s: %s", rim_address_format(&plan->address, text),
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
    datagram->retry.fire = retry;
    datagram->next = service->datagrams;
    datagram->link = &service->datagrams;
    if (datagram->next != NULL) {
        datagram->next->link = &datagram->next;
    }
    service->datagrams = datagram;
    service->objects++;
    return datagram;
}

static const rim_behaviour behaviour = {.name = "rim datagrams", .protocol = DATAGRAM_PROTOCOL};

static int start(rim_ctx *ctx, struct rim__datagram *datagram) {
    int result = rim__spawn_own(ctx, &behaviour, NULL, NULL, 0, &datagram->self);
    if (result != 0) {
        return result;
    }
    datagram->owner = rim_self(ctx);
    result = rim__actor_watch(ctx, datagram->self, &datagram->self_watch);
    datagram->self_gone = result != 0;
    if (result == 0) {
        result = rim__actor_watch(ctx, datagram->owner, &datagram->owner_watch);
    }
    if (result == 0) {
        result = arm(datagram);
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
    datagram->size_max = options->size_max != 0 ? options->size_max : SIZE_DEFAULT;
    result = start(ctx, datagram);
    if (result != 0) {
        if (datagram->self_gone) {
            rim__datagram_quiet(datagram);
        }
        return explain(ctx, &plan, result);
    }
    if (out != NULL) {
        *out = datagram->self;
    }
    return 0;
}

/* ---- calls ---- */

static int find(rim_ctx *ctx, rim_ref socket, struct rim__datagram **out) {
    if (socket >> 60 != rim_self(ctx) >> 60 || rim_shard_of(socket) >= rim_shard_count(ctx)) {
        return -RIM_EBADREF;
    }
    if (rim_shard_of(socket) != rim_shard_index(ctx)) {
        return rim__ctx_error(ctx, -RIM_ECONTEXT, "a datagram socket is used on its own shard only");
    }
    const struct rim__service *service = rim__ctx_io(ctx);
    struct rim__datagram *at = service != NULL ? service->datagrams : NULL;
    while (at != NULL && at->self != socket) {
        at = at->next;
    }
    *out = at;
    return at == NULL || at->fd < 0 || at->self_gone ? -RIM_EDOWN : 0;
}

int rim_datagram_send(rim_ctx *ctx, rim_ref socket, const rim_address *to, const void *bytes, size_t size) {
    struct rim__datagram *datagram;
    int result = find(ctx, socket, &datagram);
    if (result != 0 || (bytes == NULL && size > 0) || (to != NULL && !rim__address_is_valid(to))) {
        return result != 0 ? result : -EINVAL;
    }
    struct rim__io *io = datagram->service->io;
    result = io->ops->send_to(io, datagram->fd, to, (struct iovec){(void *)(uintptr_t)bytes, size});
    if (result == -EAGAIN || result == -ENOBUFS) {
        return -RIM_EFULL;
    }
    if (result >= 0) {
        datagram->state.sent++;
        io->bytes_out += size;
    }
    return result < 0 ? result : 0;
}

static int change(rim_ctx *ctx, rim_ref socket, const struct rim__membership *membership) {
    struct rim__datagram *datagram;
    int result = find(ctx, socket, &datagram);
    if (result != 0) {
        return result;
    }
    const rim_address *group = membership->group;
    if (group == NULL || (group->family != 4 && group->family != 6)) {
        return rim__ctx_error(ctx, -EINVAL, "multicast: a group is an IPv4 or IPv6 address");
    }
    struct rim__io *io = datagram->service->io;
    result = io->ops->member(io, datagram->fd, membership);
    char text[RIM_ADDRESS_TEXT_MAX];
    return result == 0 ? 0
                       : rim__ctx_error(ctx, result, "multicast group %s: %s", rim_address_format(group, text),
                                        rim_strerror(result));
}

int rim_datagram_join(rim_ctx *ctx, rim_ref socket, const rim_address *group, const char *interface) {
    return change(ctx, socket, &(struct rim__membership){.group = group, .interface = interface, .join = true});
}

int rim_datagram_leave(rim_ctx *ctx, rim_ref socket, const rim_address *group, const char *interface) {
    return change(ctx, socket, &(struct rim__membership){.group = group, .interface = interface});
}

int rim_datagram_ask(rim_ctx *ctx, rim_ref socket, rim_datagram_state *out) {
    struct rim__datagram *datagram;
    int result = find(ctx, socket, &datagram);
    if (result == 0) {
        *out = datagram->state;
    }
    return result;
}
