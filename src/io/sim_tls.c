/* SPDX-License-Identifier: MIT */
#include "io/sim_tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "io/sim_stream.h"
#include "io/tls_keys.h"

#define RECORD_MAX 16384u

int rim__sim_tls_begin(struct rim__sim_socket *socket, const struct rim__tls_keys *keys) {
    if (socket->kind != RIM_SIM_STREAM || socket->conn->end[socket->side].local.family == RIM_FAMILY_UNIX) {
        return -EOPNOTSUPP;
    }
    socket->keys = malloc(sizeof *keys);
    if (socket->keys == NULL) {
        return -ENOMEM;
    }
    *socket->keys = *keys;
    return 0;
}

void rim__sim_tls_forget(struct rim__sim_socket *socket) {
    free(socket->keys);
}

size_t rim__sim_tls_room(size_t room) {
    size_t plain = room > RIM_TLS_SEAL_EXTRA ? room - RIM_TLS_SEAL_EXTRA : 0;
    return plain < RECORD_MAX ? plain : RECORD_MAX;
}

static void put_record(struct rim__sim_socket *socket, uint8_t type, const void *bytes, size_t size) {
    uint8_t record[RECORD_MAX + RIM_TLS_SEAL_EXTRA];
    struct rim__op op = {.kind = RIM_OP_SEND};
    int result = rim__tls_keys_seal(socket->keys, type, bytes, size, record);
    rim__assert(result == 0);
    struct iovec piece = {.iov_base = record, .iov_len = size + RIM_TLS_SEAL_EXTRA};
    op.send.iov = &piece;
    op.send.iov_count = 1;
    rim__sim_stream_put(socket->conn, socket->side, &op, size + RIM_TLS_SEAL_EXTRA);
}

void rim__sim_tls_put(struct rim__sim_socket *socket, const struct rim__op *op, size_t size) {
    uint8_t plain[RECORD_MAX];
    size_t filled = 0;
    rim__assert(size <= sizeof plain);
    for (uint32_t i = 0; filled < size; i++) {
        size_t part = op->send.iov[i].iov_len < size - filled ? op->send.iov[i].iov_len : size - filled;
        memcpy(plain + filled, op->send.iov[i].iov_base, part);
        filled += part;
    }
    put_record(socket, RIM_TLS_TYPE_DATA, plain, size);
}

void rim__sim_tls_end(struct rim__sim_socket *socket) {
    static const uint8_t close_notify[] = {1, 0};
    struct rim__sim_end *end = &socket->conn->end[socket->side];
    if (socket->keys != NULL && !end->broken && !end->finished) {
        put_record(socket, RIM_TLS_TYPE_ALERT, close_notify, sizeof close_notify);
    }
}
