/* SPDX-License-Identifier: MIT */
/*
 * From a file to a socket within the kernel (sendfile(2)). It would wait for the disk: so before, the file is asked
 * whether these bytes are in memory (cachestat(2) of Linux 6.5, and reads of single bytes that do not wait, which also
 * find pages that are only just being read). What is thrown out of memory in between is waited for, which is rare.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "io/net.h"

#ifndef SYS_cachestat
#define SYS_cachestat 451 /* the same on every machine but alpha; newer than some headers */
#endif

#define STEP  (64u << 10) /* from one byte that is read to the next, where all pages cannot be counted */
#define LEAST (64u << 10) /* of less it is not worth it */

struct span {
    uint64_t offset, length;
};

struct counted {
    uint64_t in_cache, dirty, written_back, evicted, recently_evicted;
};

static bool is_readable(int fd, uint64_t at) {
    char byte;
    struct iovec piece = {.iov_base = &byte, .iov_len = 1};
    return preadv2(fd, &piece, 1, (off_t)at, RWF_NOWAIT) == 1;
}

/* Whether single bytes are, one in each step. */
static bool seems_cached(int fd, const struct span *span) {
    for (uint64_t done = 0; done < span->length; done += STEP) {
        if (!is_readable(fd, span->offset + done)) {
            return false;
        }
    }
    return true;
}

static bool is_cached(int fd, const struct span *span) {
    struct counted counted;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t pages = (span->offset + span->length - 1) / page - span->offset / page + 1;
    if (!is_readable(fd, span->offset + span->length - 1)) {
        return false;
    }
    if (syscall(SYS_cachestat, fd, span, &counted, 0) == 0) {
        return counted.in_cache >= pages;
    }
    return seems_cached(fd, span);
}

/* How much of what is there is in memory. 0: the file ends before; negative errno. */
static int64_t find_cached(int fd, uint64_t offset, size_t size) {
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return -errno;
    }
    if (!S_ISREG(status.st_mode)) {
        return -EINVAL;
    }
    uint64_t end = (uint64_t)status.st_size;
    uint64_t there = offset < end ? end - offset : 0;
    struct span span = {.offset = offset, .length = there < size ? there : size};
    if (span.length == 0) {
        return 0;
    }
    while (!is_cached(fd, &span)) {
        if (span.length < 2 * LEAST) {
            return -ENODATA;
        }
        span.length /= 2;
    }
    return (int64_t)span.length;
}

/* A peer that has gone is an error and not a signal, which sendfile(2) has no flag for. */
static int64_t send_quietly(int to, int from, uint64_t offset, size_t size) {
    sigset_t pipe, before, pending;
    const struct timespec none = {0};
    off_t at = (off_t)offset;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    if (pthread_sigmask(SIG_BLOCK, &pipe, &before) != 0) {
        return -EINVAL;
    }
    ssize_t count = sendfile(to, from, &at, size);
    int64_t result = count < 0 ? -errno : count;
    if (result == -EPIPE && sigismember(&before, SIGPIPE) == 0 && sigpending(&pending) == 0 &&
        sigismember(&pending, SIGPIPE) == 1) {
        (void)sigtimedwait(&pipe, NULL, &none);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

int64_t rim__net_send_file(struct rim__io *io, int fd, const struct rim__file_part *part) {
    (void)io;
    int64_t cached = find_cached(part->fd, part->offset, part->size);
    if (cached <= 0) {
        return cached;
    }
    return send_quietly(fd, part->fd, part->offset, (size_t)cached);
}
