/* SPDX-License-Identifier: MIT */
/*
 * file_job.h - an operation of a file, done by a helper (shard/offload.h): all of them for the epoll driver, and for
 * io_uring what kernels have no operation for.
 *
 * The helper works on a copy that is the job's own: the path, the bytes to write, room for the bytes to read. So it
 * never touches memory of the shard, and what a deadline cuts off may end whenever it likes. The descriptor stays open
 * then, because nobody can say when it is done with.
 *
 *     Life     as any op: its terminal completion comes when the job comes home. Nothing is cancelled. A job that comes
 *              home no more, because the system was cut off, leaves its op in flight for ever, and is counted as a leak
 *     Threads  submit: the shard's own
 */
#ifndef RINGMAIL_IO_FILE_JOB_H
#define RINGMAIL_IO_FILE_JOB_H

#include "io/op.h"

/* 0, -ENOMEM, or the codes of rim__offload_submit. */
int rim__file_job_submit(struct rim__io *io, struct rim__op *op);

/* The function of struct rim__io_ops. Here, without a helper. */
ssize_t rim__file_job_look(int fd, void *bytes, size_t size, uint64_t offset);

#endif
