/* SPDX-License-Identifier: MIT */
/*
 * fio.h - the same reads by fio, where it is installed: what others get from a disk, by an engine of theirs.
 *
 *     Threads  the main thread
 */
#ifndef RIMBENCH_FIO_H
#define RIMBENCH_FIO_H

#include "measure.h"

struct fio_job {
    const char *engine; /* psync, io_uring, mmap */
    const char *path;   /* a file that is there, of `bytes` */
    uint64_t bytes;
    uint32_t depth;
    int is_direct;
};

/* 4 KiB at random places: the value is microseconds of CPU a read. -ENOTSUP: there is no fio, or it cannot. */
int fio_read(const struct fio_job *job, double seconds, struct sample *out);

#endif
