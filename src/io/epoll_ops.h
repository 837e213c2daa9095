/* SPDX-License-Identifier: MIT */
/*
 * epoll_ops.h - operations of the epoll driver: tried, put off until an edge, ended. For driver_epoll.c.
 *
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_EPOLL_OPS_H
#define RINGMAIL_IO_EPOLL_OPS_H

#include "io/epoll.h"

/* The two functions of struct rim__io_ops. */
int rim__epoll_ops_submit(struct rim__io *io, struct rim__op *op);
void rim__epoll_ops_cancel(struct rim__io *io, struct rim__op *op);

/* Epoll's word on a descriptor: `events` as epoll_wait gave them. */
void rim__epoll_ops_react(struct rim__epoll *epoll, uint64_t name, uint32_t events);

/* Tries what is due now, once each, and receives not beyond a number of bytes; runs done. */
void rim__epoll_ops_run(struct rim__epoll *epoll);
/* Runs done of what was cancelled. */
void rim__epoll_ops_finish(struct rim__epoll *epoll);
/* Receives for which there are buffers again become due; connects whose deadline has passed end. */
void rim__epoll_ops_advance(struct rim__epoll *epoll);
/* Cancels everything. */
void rim__epoll_ops_abandon(struct rim__epoll *epoll);

/* The next deadline; RIM_DRIVER_FOREVER: none. */
static inline uint64_t rim__epoll_ops_deadline(const struct rim__epoll *epoll) {
    const struct rim__epoll_side *side = epoll->deadlines.first;
    return side != NULL ? side->op->connect.deadline_ns : RIM_DRIVER_FOREVER;
}

#endif
