/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "io/address.h"
#include "io/datagram.h"

static int find(rim_ctx *ctx, rim_ref socket, struct rim__datagram **out) {
    if (socket >> 60 != rim_self(ctx) >> 60 || rim_shard_of(socket) >= rim_shard_count(ctx)) {
        return -RIM_EBADREF;
    }
    if (rim_shard_of(socket) != rim_shard_index(ctx)) {
        return rim__ctx_error(ctx, -RIM_ECONTEXT, "a datagram socket is used on its own shard only");
    }
    const struct rim__service *service = rim__ctx_io(ctx);
    struct rim__datagram *found = service != NULL ? rim__datagram_find(service, socket) : NULL;
    *out = found;
    return found == NULL || found->fd < 0 || found->self_gone ? -RIM_EDOWN : 0;
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
    if (result < 0 && datagram->tell_errors) {
        rim__datagram_input_drain_errors(datagram); /* it may be about an earlier one, whose story is there */
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
