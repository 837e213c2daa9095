/* SPDX-License-Identifier: MIT */
/*
 * patience.h - the time-outs of a connection: how long it may be silent, nothing come, or nothing leave. A block of
 * those struct rim__socket that have any; the options are in socket->options.
 *
 * Whatever comes or leaves only notes the time, and only where there is a time-out at all. One timer looks at these
 * notes when the earliest of the time-outs could be over, and sleeps again for what is left.
 *
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_PATIENCE_H
#define RINGMAIL_IO_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/timer.h"

struct rim__socket;

struct rim__patience {
    uint64_t heard_ns; /* when something came last, or receiving began */
    uint64_t left_ns;  /* when something left last, or the queue was empty */
    struct rim__timer timer;
    struct rim__socket *socket;
};

/* The connection is open, or its options have changed: all time begins anew. 0; or -ENOMEM: it has no time-outs. */
int rim__patience_start(struct rim__socket *socket);
/* It is closed. Also where it was never started. */
void rim__patience_stop(struct rim__socket *socket);
/* Gives back what there is. Also where it was never started. */
void rim__patience_finish(struct rim__socket *socket);
/* For a socket that has time-outs. */
void rim__patience_note_heard(struct rim__socket *socket);
void rim__patience_note_left(struct rim__socket *socket);

#endif
