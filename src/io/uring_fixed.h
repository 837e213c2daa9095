/* SPDX-License-Identifier: MIT */
/*
 * uring_fixed.h - files that the ring knows by a number of its own, so that the kernel need not look the descriptor up
 * for each operation: a tenth of what a read from the page cache costs. For files that are used a lot; it costs two
 * system calls for each.
 *
 * Only where the kernel gives a file back at once (Linux 6.13): before, it was kept open behind its closing, with its
 * locks, until whatever else the ring had in flight by then was over.
 *
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_URING_FIXED_H
#define RINGMAIL_IO_URING_FIXED_H

#include <stdint.h>

struct rim__io;

/* The functions of struct rim__io_ops. */
uint32_t rim__uring_fixed_add(struct rim__io *io, int fd);
void rim__uring_fixed_drop(struct rim__io *io, uint32_t number);

#endif
