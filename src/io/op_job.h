/* SPDX-License-Identifier: MIT */
/*
 * op_job.h - an operation whose work is a helper's (shard/offload.h): what file_job.c and map_job.c share.
 *
 *     Life     as any op: submitted by the one, completed by the other, which the job's `done` calls
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_OP_JOB_H
#define RINGMAIL_IO_OP_JOB_H

#include "io/op.h"

struct rim__offload_job;

/* 0: the op is in flight. Else the codes of rim__offload_submit, and the job is the caller's still. */
int rim__op_job_submit(struct rim__io *io, struct rim__op *op, struct rim__offload_job *job);
/* Its terminal completion; the last that the caller does with the op. */
void rim__op_job_complete(struct rim__io *io, struct rim__op *op, int32_t result);

#endif
