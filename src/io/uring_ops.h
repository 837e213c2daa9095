/* SPDX-License-Identifier: MIT */
/*
 * uring_ops.h - operations of the io_uring driver: their table, their way to the kernel and back. For driver_uring.c.
 *
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_URING_OPS_H
#define RINGMAIL_IO_URING_OPS_H

#include "io/uring.h"

/* The two functions of struct rim__io_ops. */
int rim__uring_ops_submit(struct rim__io *io, struct rim__op *op);
void rim__uring_ops_cancel(struct rim__io *io, struct rim__op *op);

/* A completion of kind RIM_URING_OP: runs the op's done. */
void rim__uring_ops_complete(struct rim__uring *uring, const struct io_uring_cqe *cqe);

/* Takes waiting ops further, and cancels the connects whose deadline has passed. */
void rim__uring_ops_advance(struct rim__uring *uring);
/* Runs done of ops that ended without the kernel. */
void rim__uring_ops_finish(struct rim__uring *uring);
/* Ends every op that is not with the kernel: finish tells them. */
void rim__uring_ops_abandon(struct rim__uring *uring);

/* Whether advance or finish has something to do, or may have. */
static inline bool rim__uring_ops_are_waiting(const struct rim__uring *uring) {
    return (uring->blocked.count | uring->passed.count | uring->starved.count | uring->cancels.count |
            uring->finished.count | uring->deadlines.count) != 0;
}

/* Whether receives wait for a buffer, and there are some: advance starts no more at once than may find one. */
static inline bool rim__uring_ops_may_feed(const struct rim__uring *uring) {
    return (uring->passed.count | uring->starved.count) != 0 && rim__uring_buffers_on_offer(&uring->buffers) != 0 &&
           rim__uring_buffers_suffice(&uring->buffers);
}

/* The next deadline; RIM_DRIVER_FOREVER: none. */
uint64_t rim__uring_ops_deadline(const struct rim__uring *uring);

/* Frees the table. */
void rim__uring_ops_free(struct rim__uring *uring);

#endif
