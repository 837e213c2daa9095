/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/uring_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/assert.h"

static void fill_write(struct rim__op *op, struct io_uring_sqe *sqe) {
    bool append = op->file.offset == RIM_FILE_OP_END;
    io_uring_prep_write(sqe, op->fd, op->file.bytes, op->file.size, append ? 0 : op->file.offset);
    sqe->rw_flags = append ? RWF_APPEND : 0;
}

/* The entry's length has 32 bits, and 0 is all: what does not fit is advised about up to the end. */
static void fill_advise(struct rim__op *op, struct io_uring_sqe *sqe) {
    uint64_t length = op->file.length <= INT32_MAX ? op->file.length : 0;
    io_uring_prep_fadvise(sqe, op->fd, op->file.offset, (off_t)length, (int)op->file.flags);
}

void rim__uring_file_fill(struct rim__op *op, struct io_uring_sqe *sqe) {
    switch (op->file.what) {
    case RIM_FILE_OP_OPEN:
        io_uring_prep_openat(sqe, AT_FDCWD, op->file.path, (int)op->file.flags, (mode_t)op->file.mode);
        return;
    case RIM_FILE_OP_READ:
        io_uring_prep_read(sqe, op->fd, op->file.bytes, op->file.size, op->file.offset);
        if (op->file.fixed != 0) {
            sqe->fd = (int)op->file.fixed - 1;
            io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
        }
        return;
    case RIM_FILE_OP_WRITE:
        fill_write(op, sqe);
        return;
    case RIM_FILE_OP_SYNC:
    case RIM_FILE_OP_DATASYNC:
        io_uring_prep_fsync(sqe, op->fd, op->file.what == RIM_FILE_OP_SYNC ? 0 : IORING_FSYNC_DATASYNC);
        return;
    case RIM_FILE_OP_ALLOCATE:
        io_uring_prep_fallocate(sqe, op->fd, (int)op->file.flags, (off_t)op->file.offset, (off_t)op->file.length);
        return;
    case RIM_FILE_OP_STAT:
        io_uring_prep_statx(sqe, op->fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | op->file.flags, op->file.bytes);
        return;
    case RIM_FILE_OP_ADVISE:
        fill_advise(op, sqe);
        return;
    case RIM_FILE_OP_TRUNCATE:
    case RIM_FILE_OP_LOCK:
    case RIM_FILE_OP_REPLACE:
    case RIM_FILE_OP_FETCH:
    case RIM_FILE_OP_COPY_RANGE:
        break;
    }
    rim__unreachable("what is done to a file");
}
