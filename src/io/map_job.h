/* SPDX-License-Identifier: MIT */
/*
 * map_job.h - an operation of a mapping, done by a helper (shard/offload.h), for both real drivers: each of them may
 * wait for the disk, and io_uring has none but madvise, which it gives to a worker of the kernel, too.
 *
 *     Life      as any op. The helper works on copies of plan and mapping, so what a deadline cuts off touches no
 *               memory of the shard; a mapping that nobody gets any more is unmapped
 *     Threads   submit: the shard's own
 */
#ifndef RINGMAIL_IO_MAP_JOB_H
#define RINGMAIL_IO_MAP_JOB_H

#include "io/op.h"

/* 0, -ENOMEM, or the codes of rim__offload_submit. */
int rim__map_job_submit(struct rim__io *io, struct rim__op *op);

#endif
