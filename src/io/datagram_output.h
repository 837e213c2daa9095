/* SPDX-License-Identifier: MIT */
/*
 * datagram_output.h - the sending half of a datagram socket: at once, or gathered in a box until this tick's turns have
 * been taken.
 *
 *     gather -> box --full, or after the turns: rim__datagram_flush_all--> the kernel --error--> RIM_DATAGRAM to its
 * sender
 *
 *     Order    as sent: what is sent at once goes behind what is in the box
 *     Loss     what the kernel refuses is told and counted; the event may be lost for want of memory
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_DATAGRAM_OUTPUT_H
#define RINGMAIL_IO_DATAGRAM_OUTPUT_H

#include "io/op.h"

struct rim__datagram;
struct rim__datagram_box;
struct rim__service;

struct rim__datagram_output {
    struct rim__datagram_box *box; /* made with the first that is gathered */
    struct rim__datagram *next;    /* of those with something in their box */
    struct rim__datagram **link;   /* NULL: not one of them */
    bool gathers;                  /* as an option */
    bool segments;                 /* the kernel cuts trains */
};

/* Sends now. 0, or as rim_datagram_send. */
int rim__datagram_output_send(struct rim__datagram *datagram, const rim_address *to, const void *bytes, size_t size);
/* The same of many, and counts those that are out. */
int rim__datagram_output_send_many(struct rim__datagram *datagram, const rim_datagram_letter *letters, size_t count,
                                   size_t *sent);
/* Puts a copy into the box; `sender` is told if it cannot be sent. 0 or -ENOMEM, or, of one that is too large for the
   box, as rim__datagram_output_send. */
int rim__datagram_output_gather(struct rim__datagram *datagram, rim_ref sender, const rim_datagram_letter *letter);
/* Tells an actor that what it wanted to do there could not be done, and counts it. */
void rim__datagram_output_tell(struct rim__datagram *datagram, rim_ref who, const rim_address *where, int error);
void rim__datagram_output_flush(struct rim__datagram *datagram);
/* The socket closes: what is in the box leaves, and the box is freed. */
void rim__datagram_output_finish(struct rim__datagram *datagram);
/* After the turns. */
void rim__datagram_flush_all(struct rim__service *service);

#endif
