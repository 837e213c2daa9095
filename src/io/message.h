/* SPDX-License-Identifier: MIT */
/*
 * message.h - what the kernel says beside a message that was received (recvmsg(2)), as a receipt; for the drivers that
 * stand on the kernel.
 *
 *     RIM_OP_RECV_MSG fills a buffer so, as the multishot receive of io_uring does:
 *
 *     | head:16 | name:112 | control | ... room | payload |
 *
 *     Threads  any
 */
#ifndef RINGMAIL_IO_MESSAGE_H
#define RINGMAIL_IO_MESSAGE_H

#include <sys/socket.h>

#include "io/op.h"

/* The receipt of a message that was received: `name` and `control` as recvmsg has left them, and `payload` bytes, which
   may be more than there was room for. `size` is the room. */
void rim__message_read(const struct msghdr *message, uint64_t payload, uint64_t size, struct rim__receipt *out);

#endif
