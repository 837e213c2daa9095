/* SPDX-License-Identifier: MIT */
/*
 * epoll_message.h - RIM_OP_RECV_MSG with the epoll driver: several datagrams in one system call (recvmmsg), each into a
 * buffer of its own, laid out as message.h has it. Called by epoll_ops.c.
 *
 *     Loss     what was received and is not told is in batch.bodies: rim__epoll_message_read takes them out one by one
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_EPOLL_MESSAGE_H
#define RINGMAIL_IO_EPOLL_MESSAGE_H

#define _GNU_SOURCE
#include <sys/socket.h>

#include "io/epoll.h"

#define RIM_EPOLL_BATCH 16u

struct rim__epoll_batch {
    uint32_t count;
    bool is_short; /* fewer than were asked for: nothing is left */
    struct rim__body *bodies[RIM_EPOLL_BATCH];
    struct mmsghdr messages[RIM_EPOLL_BATCH];
    struct iovec pieces[RIM_EPOLL_BATCH];
};

/* How many came, or a negative errno; 0: no buffer is at home. */
int rim__epoll_message_receive(struct rim__epoll *epoll, struct rim__op *op, struct rim__epoll_batch *out);
/* Makes a completion of one of them. False: it is the end of a stream. */
bool rim__epoll_message_read(struct rim__epoll *epoll, const struct rim__op *op, struct rim__epoll_batch *batch,
                             uint32_t index, struct rim__completion *completion, struct rim__receipt *receipt);

#endif
