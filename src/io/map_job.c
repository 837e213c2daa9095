/* SPDX-License-Identifier: MIT */
#include "io/map_job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "io/mapping.h"
#include "io/op_job.h"
#include "shard/offload.h"
#include "shard/shard.h"

struct job {
    struct rim__offload_job offload;
    struct rim__io *io; /* by the shard only, and so is op */
    struct rim__op *op;
    enum rim__map_what what;
    rim_map_advice advice;
    uint64_t offset, length;
    struct rim__mapping mapping;
    struct rim__map_plan plan;
    int result;
    char path[];
};

static struct job *job_of(struct rim__offload_job *offload) {
    return rim__container_of(offload, struct job, offload);
}

/* ---- on the helper ---- */

static int perform(struct job *job) {
    switch (job->what) {
    case RIM_MAP_OP_OPEN:
        return rim__mapping_open(&job->plan, &job->mapping);
    case RIM_MAP_OP_POPULATE:
    case RIM_MAP_OP_POPULATE_WRITE:
        return rim__mapping_populate(&job->mapping, job->offset, job->length, job->what == RIM_MAP_OP_POPULATE_WRITE);
    case RIM_MAP_OP_ADVISE:
        return rim__mapping_advise(&job->mapping, job->offset, job->length, job->advice);
    case RIM_MAP_OP_SYNC:
        return rim__mapping_sync(&job->mapping, job->offset, job->length);
    case RIM_MAP_OP_UNMAP:
        job->mapping.ops->unmap(&job->mapping);
        return 0;
    }
    rim__unreachable("what is done to a mapping");
}

static void run(struct rim__offload_job *offload) {
    struct job *job = job_of(offload);
    job->result = perform(job);
}

static void orphaned(struct rim__offload_job *offload) {
    struct job *job = job_of(offload);
    bool is_new = job->what == RIM_MAP_OP_OPEN && job->result == 0;
    if (is_new || (job->what == RIM_MAP_OP_UNMAP && job->result != 0)) {
        job->mapping.ops->unmap(&job->mapping);
    }
    free(job);
}

/* ---- on the shard ---- */

static void done(struct rim__shard *home, struct rim__offload_job *offload) {
    (void)home;
    struct job *job = job_of(offload);
    struct rim__op *op = job->op;
    struct rim__io *io = job->io;
    int32_t result = job->result;
    if ((job->what == RIM_MAP_OP_OPEN && job->result == 0) || job->what == RIM_MAP_OP_UNMAP) {
        *op->map.mapping = job->mapping;
    }
    free(job);
    rim__op_job_complete(io, op, result);
}

static struct job *make(struct rim__io *io, struct rim__op *op) {
    bool opens = op->map.what == RIM_MAP_OP_OPEN;
    size_t path_size = opens ? strlen(op->map.plan->path) + 1 : 0;
    struct job *job = malloc(sizeof *job + path_size);
    if (job == NULL) {
        return NULL;
    }
    *job = (struct job){
        .offload = {.run = run, .done = done, .orphaned = orphaned, .name = "map"},
        .io = io,
        .op = op,
        .what = op->map.what,
        .advice = op->map.advice,
        .offset = op->map.offset,
        .length = op->map.length,
        .mapping = *op->map.mapping,
        .result = -ECANCELED, /* if it never runs */
    };
    if (opens) {
        job->plan = *op->map.plan;
        job->plan.path = memcpy(job->path, op->map.plan->path, path_size);
    }
    return job;
}

int rim__map_job_submit(struct rim__io *io, struct rim__op *op) {
    struct job *job = make(io, op);
    if (job == NULL) {
        return -ENOMEM;
    }
    int error = rim__op_job_submit(io, op, &job->offload);
    if (error != 0) {
        free(job);
    }
    return error;
}
