/* SPDX-License-Identifier: MIT */
/*
 * A part of a file to a socket, now and within the kernel: where both are of this shard and nothing waits before it,
 * neither at the file nor at the socket. So it has its place in the order of both.
 *
 * What the kernel has then is not a copy: what is changed in the file before the peer has acknowledged it arrives
 * changed. A file that can be written has its calls take effect one after the other, and so is sent by pieces.
 */
#include <errno.h>

#include "actor/shortcut.h"
#include "io/file.h"
#include "io/socket.h"

static struct rim__file *find_file(const rim_ctx *ctx, rim_ref ref) {
    struct rim__file *const *state = rim__shortcut_find(ctx, ref, &rim__file_behaviour);
    return state != NULL && rim__file_admits(*state, true) ? *state : NULL;
}

int64_t rim__file_send_now(rim_ctx *ctx, rim_ref from, rim_ref to, uint64_t offset, uint64_t size) {
    struct rim__service *service = rim__ctx_io(ctx);
    if (service == NULL || service->io->ops->send_file == NULL || rim_shard_of(from) != rim_shard_index(ctx) ||
        rim_shard_of(to) != rim_shard_index(ctx)) {
        return -EOPNOTSUPP;
    }
    struct rim__socket *socket = rim__socket_find(service, to);
    if (socket != NULL && (socket->tls != NULL || socket->label != NULL)) {
        return -EOPNOTSUPP; /* it is to be sealed, or is a pipe, which may wait */
    }
    const struct rim__file *file = find_file(ctx, from);
    if (file == NULL || !rim__socket_is_idle(ctx, to)) {
        return -EBUSY;
    }
    if (file->align != 0 || !file->is_read_only) {
        return -EOPNOTSUPP;
    }
    const struct rim__file_part part = {.fd = file->fd, .offset = offset, .size = (size_t)size};
    int64_t result = service->io->ops->send_file(service->io, socket->fd, &part);
    if (result > 0) {
        service->io->bytes_out += (uint64_t)result;
        service->io->bytes_from_files += (uint64_t)result;
        rim__output_passed(socket, (uint64_t)result);
    }
    return result;
}
