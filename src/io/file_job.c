/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/file_job.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/random.h"
#include "io/op_job.h"
#include "shard/offload.h"
#include "shard/shard.h"

#define TRIES_MAX     100u
#define TEMPORARY_MAX (PATH_MAX + 16)

struct job {
    struct rim__offload_job offload;
    struct rim__io *io; /* by the shard only, and so is op */
    struct rim__op *op;
    enum rim__file_what what;
    int fd;
    uint32_t flags, mode, size;
    uint32_t path_size; /* with its end; it lies behind the bytes */
    uint64_t offset, length, from_offset;
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

static ssize_t copy_range(const struct job *job) {
    off_t from = (off_t)job->from_offset, to = (off_t)job->offset;
    return copy_file_range((int)job->flags, &from, job->fd, &to, job->length, 0);
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

/* ---- replacing: temporary, fsync, rename, fsync of the folder ---- */

static int write_all(int fd, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t count = write(fd, bytes, size);
        if (count < 0 && errno != EINTR) {
            return -1;
        }
        bytes += count > 0 ? count : 0;
        size -= count > 0 ? (size_t)count : 0;
    }
    return 0;
}

/* The umask is the process's, and cannot be asked for without setting it: a file is made with it instead. */
static int make_temporary(const char *path, uint32_t mode, char *temporary) {
    for (uint32_t tries = 0; tries < TRIES_MAX; tries++) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        uint64_t mark = rim__mix((uint64_t)now.tv_nsec ^ (uint64_t)gettid() << 32 ^ tries) & 0xffffff;
        snprintf(temporary, TEMPORARY_MAX, "%s.%06x", path, (unsigned)mark);
        int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
        if (fd >= 0 || errno != EEXIST) {
            return fd;
        }
    }
    return -1;
}

static int sync_folder(char *path) {
    char *slash = strrchr(path, '/');
    if (slash != NULL) {
        slash[slash == path] = '\0';
    }
    int fd = open(slash != NULL ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd >= 0 ? fsync(fd) : -1;
    int error = errno;
    if (fd >= 0) {
        close(fd);
    }
    errno = error;
    return result;
}

static int fail_and_remove(const char *temporary) {
    int error = errno;
    (void)unlink(temporary);
    errno = error;
    return -1;
}

static int replace(const struct job *job) {
    char temporary[TEMPORARY_MAX], path[PATH_MAX];
    memcpy(path, job->bytes + job->size, job->path_size);
    int fd = make_temporary(path, job->mode, temporary);
    if (fd < 0) {
        return -1;
    }
    int result = write_all(fd, job->bytes, job->size);
    result = result == 0 ? fsync(fd) : result;
    int error = errno;
    close(fd);
    errno = error;
    if (result != 0 || rename(temporary, path) != 0) {
        return fail_and_remove(temporary);
    }
    return sync_folder(path);
}

/* ---- fetching: open, read, close ---- */

static ssize_t read_all(int fd, char *bytes, size_t size) {
    size_t done = 0;
    while (done < size) {
        ssize_t count = read(fd, bytes + done, size - done);
        if (count < 0 && errno != EINTR) {
            return -1;
        }
        if (count == 0) {
            break;
        }
        done += count > 0 ? (size_t)count : 0;
    }
    return (ssize_t)done;
}

static int64_t fetch(struct job *job) {
    int fd = open(job->bytes + job->size, (int)job->flags);
    if (fd < 0) {
        return -1;
    }
    int64_t result = read_all(fd, job->bytes, job->size);
    int error = errno;
    close(fd);
    errno = error;
    return result;
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
        return statx(job->fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | job->flags, (struct statx *)(void *)job->bytes);
    case RIM_FILE_OP_ADVISE:
        errno = posix_fadvise(job->fd, (off_t)job->offset, (off_t)job->length, (int)job->flags);
        return errno == 0 ? 0 : -1;
    case RIM_FILE_OP_LOCK:
        return lock(job);
    case RIM_FILE_OP_COPY_RANGE:
        return copy_range(job);
    case RIM_FILE_OP_REPLACE:
        return replace(job);
    case RIM_FILE_OP_FETCH:
        return fetch(job);
    }
    rim__unreachable("what is done to a file");
}

static void run(struct rim__offload_job *offload) {
    struct job *job = job_of(offload);
    do {
        job->result = perform(job);
    } while (job->result < 0 && errno == EINTR && job->what != RIM_FILE_OP_REPLACE);
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
    int32_t result = (int32_t)job->result;
    bool reads = job->what == RIM_FILE_OP_READ || job->what == RIM_FILE_OP_FETCH;
    if (reads && job->result > 0) {
        memcpy(op->file.bytes, job->bytes, (size_t)job->result);
    } else if (job->what == RIM_FILE_OP_STAT && job->result == 0) {
        memcpy(op->file.bytes, job->bytes, op->file.size);
    }
    free(job);
    rim__op_job_complete(io, op, result);
}

static struct job *make(struct rim__io *io, struct rim__op *op) {
    uint32_t path_size = op->file.path != NULL ? (uint32_t)strlen(op->file.path) + 1 : 0;
    struct job *job = NULL;
    if (posix_memalign((void **)&job, 4096, sizeof *job + op->file.size + path_size) != 0) {
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
        .path_size = path_size,
        .offset = op->file.offset,
        .length = op->file.length,
        .from_offset = op->file.from_offset,
    };
    if (path_size > 0) {
        memcpy(job->bytes + job->size, op->file.path, path_size);
    }
    if ((job->what == RIM_FILE_OP_WRITE || job->what == RIM_FILE_OP_REPLACE) && job->size > 0) {
        memcpy(job->bytes, op->file.bytes, job->size);
    }
    return job;
}

int rim__file_job_submit(struct rim__io *io, struct rim__op *op) {
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

/* ---- at once ---- */

ssize_t rim__file_job_look(int fd, void *bytes, size_t size, uint64_t offset) {
    struct iovec piece = {.iov_base = bytes, .iov_len = size};
    return preadv2(fd, &piece, 1, (off_t)offset, RWF_NOWAIT);
}
