/* SPDX-License-Identifier: MIT */
/*
 * outside.h - what comes from outside other than over sockets, by plain system calls that do not wait: the same for
 * every driver that stands on the kernel. What they do and return is said in op.h.
 *
 *     Threads  the shard's own; the functions without rim__io any
 */
#ifndef RINGMAIL_IO_OUTSIDE_H
#define RINGMAIL_IO_OUTSIDE_H

#include <signal.h>

#include "io/op.h"

/* Bit N - 1 is signal N. */
sigset_t rim__outside_signal_set(uint64_t mask);
/* enum rim_poll_events, and the words of poll(2). */
short rim__outside_to_poll(uint32_t events);
uint32_t rim__outside_from_poll(short events);

/* outside_pipe.c. `blocks`: the descriptors are to wait in the kernel. */
int rim__outside_pipe(struct rim__io *io, int ends[2], bool blocks);
int rim__outside_open_pipe(struct rim__io *io, struct rim__pipe_plan *plan);
/* Before a pipe's close: `flags` are set again, unless they are -1. */
void rim__outside_leave(int fd, int flags);

/*
 * Whatever is opened gets the lowest number that is free. In a process without a standard input or output that would be
 * theirs, and what the program prints would go to a connection, or its ring be a child's input. So these numbers are
 * taken, for good, by what can be neither read nor written: it is as if they were closed.
 */
void rim__outside_plug_standard(void);
/* SIGPIPE is blocked in the calling thread, which is about to write to a pipe. */
void rim__outside_spare_thread(void);

/* outside_process.c */
int rim__outside_spawn(struct rim__io *io, struct rim__spawn *spawn);
int rim__outside_signal_child(struct rim__io *io, int fd, int32_t group, int signal);
int rim__outside_reap(struct rim__io *io, int fd, rim_process_event *event);

int rim__outside_share(struct rim__io *io, int fd);
int rim__outside_signals(struct rim__io *io, uint64_t mask);
int rim__outside_fetch_signal(struct rim__io *io, int fd, rim_signal_event *event);

#endif
