/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "base/assert.h"
#include "io/driver_sim.h"
#include "io/sim_disk.h"
#include "io/sim_stream.h"

/* So much of the file, into memory of its own. The count, or negative. */
static int32_t read_part(struct rim__sim *sim, const struct rim__file_part *part, void *bytes, size_t size) {
    struct rim__op op = {.kind = RIM_OP_FILE, .fd = part->fd};
    op.file.what = RIM_FILE_OP_READ;
    op.file.offset = part->offset;
    op.file.bytes = bytes;
    op.file.size = (uint32_t)size;
    return rim__sim_disk_perform(sim, &op);
}

static size_t size_of(struct rim__sim *sim, const struct rim__sim_socket *socket, const struct rim__file_part *part) {
    size_t room = rim__sim_stream_room(socket->conn, socket->side);
    size_t size = part->size < room ? part->size : room;
    bool is_short = size > 1 && rim__sim_strikes(sim, RIM_FAULT_short_write);
    return is_short ? (size_t)rim__sim_between(sim, 1, size - 1) : size;
}

static int64_t put(const struct rim__sim_socket *socket, void *bytes, int32_t count) {
    if (count > 0) {
        struct iovec piece = {.iov_base = bytes, .iov_len = (size_t)count};
        struct rim__op op = {.kind = RIM_OP_SEND};
        op.send.iov_count = 1;
        op.send.iov = &piece;
        rim__sim_stream_put(socket->conn, socket->side, &op, (size_t)count);
    }
    return count;
}

int64_t rim__sim_send_file(struct rim__io *io, int fd, const struct rim__file_part *part) {
    struct rim__sim *sim = rim__container_of(io, struct rim__sim_shard, io)->sim;
    struct rim__sim_socket *socket = rim__sim_net_find(&sim->net, fd);
    rim__assert(socket != NULL && socket->kind == RIM_SIM_STREAM);
    struct rim__sim_end *end = &socket->conn->end[socket->side];
    if (end->broken || end->finished) {
        return rim__sim_stream_error(end, -EPIPE);
    }
    if (rim__sim_strikes(sim, RIM_FAULT_late_completion)) {
        return -ENODATA; /* it would have to be read from the disk */
    }
    if (rim__sim_strikes(sim, RIM_FAULT_reset)) {
        rim__sim_stream_break(socket->conn, socket->side);
        return rim__sim_stream_error(end, -EPIPE);
    }
    size_t size = size_of(sim, socket, part);
    if (size == 0) {
        return -EAGAIN;
    }
    void *bytes = rim__sim_event_alloc(size);
    int64_t result = put(socket, bytes, read_part(sim, part, bytes, size));
    free(bytes);
    return result;
}
