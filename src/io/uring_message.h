/* SPDX-License-Identifier: MIT */
/*
 * uring_message.h - RIM_OP_RECV_MSG on io_uring: a multishot recvmsg into provided buffers (6.0), which the kernel
 * fills as message.h has it. Called by uring_ops.c.
 *
 *     Order    as the kernel posts them. An empty datagram ends the multishot
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_URING_MESSAGE_H
#define RINGMAIL_IO_URING_MESSAGE_H

#include "io/uring.h"

void rim__uring_message_fill(const struct rim__uring *uring, const struct rim__op *op, struct io_uring_sqe *sqe);
/* The completion has a body: makes of it what op.h promises. */
void rim__uring_message_read(struct rim__uring *uring, const struct rim__op *op, struct rim__completion *completion,
                             struct rim__receipt *receipt);

#endif
