/* SPDX-License-Identifier: MIT */
/*
 * sim_process.h - child processes of the simulated world: a child is an actor, of a table that the test gives, on the
 * shard of who started it. Its pipes are simulated ones (sim_outside.h), whose far ends the child opens as its standard
 * streams; those that it does not open are closed when it exits. Called by sim_io.c and sim_outside.c.
 *
 *     Threads  the one that steps
 */
#ifndef RINGMAIL_IO_SIM_PROCESS_H
#define RINGMAIL_IO_SIM_PROCESS_H

#include "io/op.h"
#include "io/sim_outside.h"

struct rim__sim_child;

/* Rows of the driver's table: see op.h. A program that there is not is -ENOENT. */
int rim__sim_process_spawn(struct rim__io *io, struct rim__spawn *spawn);
int rim__sim_process_signal(struct rim__io *io, int fd, int32_t group, int signal);
int rim__sim_process_reap(struct rim__io *io, int fd, rim_process_event *event);

/* The child whose actor acts now; NULL: it is none. */
struct rim__sim_child *rim__sim_process_current(struct rim__io *io);
/* One of its standard streams, once; else -EBADF. */
int rim__sim_process_stream(struct rim__sim_child *child, int which);
bool rim__sim_process_has_exited(const struct rim__sim_child *child);
void rim__sim_process_finish(struct rim__sim_outside *outside);

#endif
