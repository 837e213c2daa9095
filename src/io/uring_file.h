/* SPDX-License-Identifier: MIT */
/*
 * uring_file.h - operations of files as entries of the ring. For uring_ops.c.
 *
 * Truncating (Linux 6.9), locking, replacing and copying are not among what all kernels and libraries here know:
 * helpers do them.
 *
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_URING_FILE_H
#define RINGMAIL_IO_URING_FILE_H

#include <liburing.h>

#include "io/op.h"

static inline bool rim__uring_file_is_native(const struct rim__op *op) {
    return op->file.what < RIM_FILE_OP_LOCK && op->file.what != RIM_FILE_OP_TRUNCATE;
}

/* Before user_data. */
void rim__uring_file_fill(struct rim__op *op, struct io_uring_sqe *sqe);

#endif
