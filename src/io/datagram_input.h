/* SPDX-License-Identifier: MIT */
/*
 * datagram_input.h - the receiving half of a datagram socket, by one of two ways:
 *
 *     RIM_OP_RECV_MSG  where a datagram fits into one of the shard's receive buffers, which is then the event's body
 *     RIM_OP_READY     else, and where the kernel has no such operation: receive_from, into memory of the shard's
 *
 *     Pressure  an owner without room stops the receive, and the kernel's buffer fills; what arrives before the cancel
 *               is held, in order, and nothing is armed again before it is delivered
 *     Loss      in the kernel's buffer; and what cannot even be held, for want of memory: both are counted
 *     Threads   the shard's own
 */
#ifndef RINGMAIL_IO_DATAGRAM_INPUT_H
#define RINGMAIL_IO_DATAGRAM_INPUT_H

#include "io/op.h"
#include "shard/timer.h"

struct rim__datagram;
struct rim__datagram_arrival; /* a body that waits */
struct rim__datagram_block;   /* memory that a datagram is received into, with READY */

struct rim__datagram_input {
    struct rim__op op;
    struct rim__timer retry;                   /* something was short for the moment */
    struct rim__datagram_arrival *held, *last; /* bodies that wait for room at the owner */
    struct rim__datagram_block *spare;         /* not used by the last receive_from */
    uint32_t size_max;
    uint32_t descriptors; /* at most so many may come with one; the others are closed */
    uint32_t control_size;
    uint32_t missed; /* what could not be held */
    bool waits;      /* for the owner's room */
};

void rim__datagram_input_init(struct rim__datagram *datagram, uint32_t size_max, uint32_t descriptors);
/* Arms the receive, unless it waits or closes. 0, or why it cannot. */
int rim__datagram_input_arm(struct rim__datagram *datagram);
/* Receives no more, and drops what is held. */
void rim__datagram_input_stop(struct rim__datagram *datagram);
/* Hands over what is held, as far as the owner has room, and goes on. */
void rim__datagram_input_resume(struct rim__datagram *datagram);
/* Tells the owner what the network has said about what was sent. */
void rim__datagram_input_drain_errors(struct rim__datagram *datagram);

#endif
