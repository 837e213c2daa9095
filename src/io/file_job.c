/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/file_job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/assert.h"
#include "shard/offload.h"
#include "shard/shard.h"

struct job {
    struct rim__offload_job offload;
    struct rim__io *io; /* by the shard only, and so is op */
    struct rim__op *op;
    enum rim__file_what what;
    int fd;
    uint32_t flags, mode, size;
    uint64_t offset, length;
    int64_t result;
    _Alignas(4096) char bytes[]; /* aligned for O_DIRECT */
};

static struct job *job_of(struct rim__offload_job *offload) {
    return rim__container_of(offload, struct job, offload);
}

/* ---- on the helper ---- */

/* Some devices know no append, and have no end either. */
static ssize_t append_bytes(const struct job *job, const struct iovec *piece) {
    ssize_t count = pwritev2(job->fd, piece, 1, 0, RWF_APPEND);
    return count < 0 && errno == EOPNOTSUPP ? pwritev(job->fd, piece, 1, 0) : count;
}

static ssize_t write_bytes(const struct job *job) {
    struct iovec piece = {.iov_base = (void *)(uintptr_t)job->bytes, .iov_len = job->size};
    if (job->offset == RIM_FILE_OP_END) {
        return append_bytes(job, &piece);
    }
    return pwritev(job->fd, &piece, 1, (off_t)job->offset);
}

static int lock(const struct job *job) {
    struct flock wanted = {
        .l_type = (short)job->flags,
        .l_whence = SEEK_SET,
        .l_start = (off_t)job->offset,
        .l_len = (off_t)job->length,
    };
    return fcntl(job->fd, F_OFD_SETLK, &wanted);
}

static int64_t perform(struct job *job) {
    switch (job->what) {
    case RIM_FILE_OP_OPEN:
        return open(job->bytes, (int)job->flags, (mode_t)job->mode);
    case RIM_FILE_OP_READ:
        return pread(job->fd, job->bytes, job->size, (off_t)job->offset);
    case RIM_FILE_OP_WRITE:
        return write_bytes(job);
    case RIM_FILE_OP_SYNC:
        return fsync(job->fd);
    case RIM_FILE_OP_DATASYNC:
        return fdatasync(job->fd);
    case RIM_FILE_OP_TRUNCATE:
        return ftruncate(job->fd, (off_t)job->length);
    case RIM_FILE_OP_ALLOCATE:
        return fallocate(job->fd, (int)job->flags, (off_t)job->offset, (off_t)job->length);
    case RIM_FILE_OP_STAT:
        return statx(job->fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, (struct statx *)(void *)job->bytes);
    case RIM_FILE_OP_ADVISE:
        errno = posix_fadvise(job->fd, (off_t)job->offset, (off_t)job->length, (int)job->flags);
        return errno == 0 ? 0 : -1;
    case RIM_FILE_OP_LOCK:
        return lock(job);
    }
    rim__unreachable("what is done to a file");
}

static void run(struct rim__offload_job *offload) {
    struct job *job = job_of(offload);
    do {
        job->result = perform(job);
    } while (job->result < 0 && errno == EINTR);
    if (job->result < 0) {
        job->result = errno == EACCES && job->what == RIM_FILE_OP_LOCK ? -EAGAIN : -errno;
    }
}

static void orphaned(struct rim__offload_job *offload) {
    free(job_of(offload));
}

/* ---- on the shard ---- */

static void done(struct rim__shard *home, struct rim__offload_job *offload) {
    (void)home;
    struct job *job = job_of(offload);
    struct rim__op *op = job->op;
    struct rim__io *io = job->io;
    struct rim__completion completion = {.result = (int32_t)job->result};
    if (job->what == RIM_FILE_OP_READ && job->result > 0) {
        memcpy(op->file.bytes, job->bytes, (size_t)job->result);
    } else if (job->what == RIM_FILE_OP_STAT && job->result == 0) {
        memcpy(op->file.bytes, job->bytes, op->file.size);
    }
    free(job);
    op->in_flight = false;
    op->cancelling = false;
    io->operations_open--;
    io->operations++;
    op->done(op, &completion);
}

static size_t bytes_of(const struct rim__op *op) {
    return op->file.what == RIM_FILE_OP_OPEN ? strlen(op->file.path) + 1 : op->file.size;
}

static struct job *make(struct rim__io *io, struct rim__op *op) {
    size_t size = bytes_of(op);
    struct job *job = NULL;
    if (posix_memalign((void **)&job, 4096, sizeof *job + size) != 0) {
        return NULL;
    }
    *job = (struct job){
        .offload = {.run = run, .done = done, .orphaned = orphaned, .name = "file"},
        .io = io,
        .op = op,
        .what = op->file.what,
        .fd = op->fd,
        .flags = op->file.flags,
        .mode = op->file.mode,
        .size = op->file.size,
        .offset = op->file.offset,
        .length = op->file.length,
    };
    if (job->what == RIM_FILE_OP_OPEN || job->what == RIM_FILE_OP_WRITE) {
        memcpy(job->bytes, job->what == RIM_FILE_OP_OPEN ? op->file.path : op->file.bytes, size);
    }
    return job;
}

int rim__file_job_submit(struct rim__io *io, struct rim__op *op) {
    struct job *job = make(io, op);
    if (job == NULL) {
        return -ENOMEM;
    }
    int error = rim__offload_submit(io->shard, &job->offload);
    if (error != 0) {
        free(job);
        return error;
    }
    op->in_flight = true;
    op->cancelling = false;
    io->operations_open++;
    return 0;
}
