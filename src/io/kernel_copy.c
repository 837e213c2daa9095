/* SPDX-License-Identifier: MIT */
/*
 * A copy that fails instead of raising a signal: the kernel does it, and what it cannot reach is EFAULT. Between two
 * places of the own process by process_vm_readv, which some sandboxes refuse (EPERM, ENOSYS); then through a pipe.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/mapping.h"

/* What is written in one go and fits into any pipe. */
#define PIECE ((size_t)PIPE_BUF)

static int through(int in, int out, char *to, const char *from, size_t size) {
    while (size > 0) {
        size_t piece = size < PIECE ? size : PIECE;
        ssize_t written = write(in, from, piece);
        if (written <= 0) {
            return written < 0 ? -errno : -EFAULT;
        }
        ssize_t count = read(out, to, (size_t)written);
        if (count != written) {
            return count < 0 ? -errno : -EFAULT;
        }
        from += count;
        to += count;
        size -= (size_t)count;
    }
    return 0;
}

int rim__kernel_copy_by_pipe(void *to, const void *from, size_t size) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return -errno;
    }
    int error = through(ends[1], ends[0], to, from, size);
    close(ends[0]);
    close(ends[1]);
    return error;
}

/* It writes to memory that is the caller's own and readable: either direction is a read. */
int rim__kernel_copy(void *to, const void *from, size_t size) {
    char *into = to;
    const char *at = from;
    while (size > 0) {
        struct iovec local = {.iov_base = into, .iov_len = size};
        struct iovec remote = {.iov_base = (void *)(uintptr_t)at, .iov_len = size};
        ssize_t count = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
        if (count < 0 && (errno == EPERM || errno == ENOSYS)) {
            return rim__kernel_copy_by_pipe(into, at, size);
        }
        if (count <= 0) {
            return count < 0 ? -errno : -EFAULT;
        }
        into += count;
        at += count;
        size -= (size_t)count;
    }
    return 0;
}
