/* SPDX-License-Identifier: MIT */
#include "io/op_job.h"

#include "shard/offload.h"

int rim__op_job_submit(struct rim__io *io, struct rim__op *op, struct rim__offload_job *job) {
    int error = rim__offload_submit(io->shard, job);
    if (error != 0) {
        return error;
    }
    op->in_flight = true;
    op->cancelling = false;
    io->operations_open++;
    return 0;
}

void rim__op_job_complete(struct rim__io *io, struct rim__op *op, int32_t result) {
    struct rim__completion completion = {.result = result};
    op->in_flight = false;
    op->cancelling = false;
    io->operations_open--;
    io->operations++;
    op->done(op, &completion);
}
