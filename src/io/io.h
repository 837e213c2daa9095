/* SPDX-License-Identifier: MIT */
/*
 * io.h - the front door of the sockets for ringmail.c: what a shard does with them at its start and at its end.
 *
 *     attach    once a shard, after its driver was opened and before its first actor
 *     RIM_CLOSING (the system stops) needs no call: an actor of the I/O layer, spawned with a shard's first socket or
 *               listener, gets it like every other, closes the listeners and stops receiving. Sockets then stay open
 *               for their owners to finish, and close when these end.
 *     detach    once a shard, when its actors are gone and before driver->ops->close. What is still open is cut off:
 *               descriptors with nothing in flight are closed here, the others when driver->ops->close has had their
 *               last completion. So the shard's memory has to be there until that has returned.
 *     busy      rim__ctx_busy counts every socket that has bytes to write or is about to close: as long as the sum is
 *               not zero, the shard has to go on, also when all actors are gone
 *
 *     Threads   the shard's own
 */
#ifndef RINGMAIL_IO_IO_H
#define RINGMAIL_IO_IO_H

#include "actor/actor.h"
#include "io/op.h"

/* 0 or -ENOMEM. */
int rim__io_attach(rim_ctx *ctx, struct rim__io *io);
/* Allowed also where attach failed or never was. */
void rim__io_detach(rim_ctx *ctx);

/* The path of an actor of this shard that is a file, a map or a folder, or works on one. NULL: it is none of these. */
const char *rim__io_path_of(rim_ctx *ctx, rim_ref who);

#endif
