/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"

#ifndef MADV_POPULATE_READ /* Linux 5.14 */
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

#define STEP    (4u << 20) /* of one call: an advice to populate may be about much */
#define SCRATCH (64u << 10)

static uint64_t page_size(void) {
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

int rim__mapping_measure(const struct rim__map_plan *plan, uint64_t file_size, uint64_t *length) {
    if (plan->offset > file_size || plan->length > file_size - plan->offset) {
        return -ENODATA;
    }
    *length = plan->length != 0 ? plan->length : file_size - plan->offset;
    return 0;
}

/* ---- what a view asks for ---- */

static int64_t file_size(const struct rim__mapping *mapping) {
    struct stat status;
    return fstat(mapping->fd, &status) == 0 ? (int64_t)status.st_size : -errno;
}

/* The file has what the map shows; but not what was written to a private one. */
static int read_file(const struct rim__mapping *mapping, uint64_t at, char *to, size_t size) {
    while (size > 0) {
        ssize_t count = pread(mapping->fd, to, size, (off_t)(mapping->offset + at));
        if (count == 0 || (count < 0 && errno != EINTR)) {
            return count == 0 ? -EFAULT : -errno;
        }
        count = count > 0 ? count : 0;
        to += count;
        at += (uint64_t)count;
        size -= (size_t)count;
    }
    return 0;
}

static int copy(const struct rim__mapping *mapping, uint64_t at, void *to, size_t size) {
    if (mapping->access != RIM_MAP_PRIVATE) {
        return read_file(mapping, at, to, size);
    }
    return rim__kernel_copy(to, mapping->bytes + at, size);
}

/* Not by pwrite: that would make a file longer again that has become shorter. */
static int store(const struct rim__mapping *mapping, uint64_t at, const void *from, size_t size) {
    return rim__kernel_copy(mapping->bytes + at, from, size);
}

static void unmap(struct rim__mapping *mapping) {
    if (mapping->span > 0) {
        munmap(mapping->base, mapping->span);
    }
    close(mapping->fd);
    mapping->ops = NULL;
}

static const struct rim__mapping_ops ops = {.file_size = file_size, .copy = copy, .store = store, .unmap = unmap};

/* ---- mapping ---- */

/* A pipe would keep the opener waiting, a device may do anything. */
static int open_file(const struct rim__map_plan *plan) {
    int flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (plan->access == RIM_MAP_WRITE ? O_RDWR : O_RDONLY);
    int fd = open(plan->path, flags | (plan->extend ? O_CREAT : 0), (mode_t)(plan->mode != 0 ? plan->mode : 0666));
    return fd >= 0 ? fd : -errno;
}

static int check_kind(int fd, struct stat *status) {
    if (fstat(fd, status) != 0) {
        return -errno;
    }
    return S_ISDIR(status->st_mode) ? -EISDIR : S_ISREG(status->st_mode) ? 0 : -ENODEV;
}

/* Room on the disk: to write to a page for which there is none is SIGBUS. */
static int extend(int fd, const struct rim__map_plan *plan, struct stat *status) {
    int error;
    do {
        error = fallocate(fd, 0, (off_t)plan->offset, (off_t)plan->length) == 0 ? 0 : -errno;
    } while (error == -EINTR);
    off_t end = (off_t)(plan->offset + plan->length);
    if (error == -EOPNOTSUPP) {
        error = status->st_size >= end || ftruncate(fd, end) == 0 ? 0 : -errno;
    }
    return error == 0 && fstat(fd, status) != 0 ? -errno : error;
}

static int measure(int fd, const struct rim__map_plan *plan, uint64_t *length) {
    struct stat status;
    int error = check_kind(fd, &status);
    error = error == 0 && plan->extend ? extend(fd, plan, &status) : error;
    return error != 0 ? error : rim__mapping_measure(plan, (uint64_t)status.st_size, length);
}

static int map(struct rim__mapping *mapping) {
    static char nothing[1];
    if (mapping->size == 0) {
        mapping->bytes = nothing;
        return 0;
    }
    uint64_t lead = mapping->offset % page_size();
    int protection = PROT_READ | (mapping->access != RIM_MAP_READ ? PROT_WRITE : 0);
    int flags = mapping->access == RIM_MAP_PRIVATE ? MAP_PRIVATE : MAP_SHARED;
    void *base = mmap(NULL, mapping->size + lead, protection, flags, mapping->fd, (off_t)(mapping->offset - lead));
    if (base == MAP_FAILED) {
        return -errno;
    }
    mapping->base = base;
    mapping->span = mapping->size + lead;
    mapping->bytes = (char *)base + lead;
    return 0;
}

int rim__mapping_open(const struct rim__map_plan *plan, struct rim__mapping *out) {
    *out = (struct rim__mapping){.ops = &ops, .access = plan->access, .offset = plan->offset};
    out->fd = open_file(plan);
    int error = out->fd >= 0 ? measure(out->fd, plan, &out->size) : out->fd;
    error = error != 0 ? error : map(out);
    if (error != 0) {
        if (out->fd >= 0) {
            close(out->fd);
        }
        out->ops = NULL;
        return error;
    }
    if (plan->advice != RIM_MAP_NORMAL) {
        (void)rim__mapping_advise(out, 0, out->size, plan->advice);
    }
    return 0;
}

/* ---- pages ---- */

struct range {
    char *at;
    uint64_t size;
};

/* Whole pages; the last may be one in part. */
static struct range pages_of(const struct rim__mapping *mapping, uint64_t offset, uint64_t length) {
    uint64_t begin = (uint64_t)(mapping->bytes - (char *)mapping->base) + offset;
    uint64_t lead = begin % page_size();
    return (struct range){.at = (char *)mapping->base + begin - lead, .size = length + lead};
}

static int advise(struct range range, int advice) {
    int error;
    do {
        error = range.size == 0 || madvise(range.at, range.size, advice) == 0 ? 0 : -errno;
    } while (error == -EINTR);
    return error;
}

/* Into the page cache at least, where the kernel does not know better. */
static int read_through(const struct rim__mapping *mapping, uint64_t offset, uint64_t length) {
    char scratch[SCRATCH];
    int error = 0;
    for (uint64_t done = 0; done < length && error == 0; done += SCRATCH) {
        uint64_t left = length - done;
        error = read_file(mapping, offset + done, scratch, left < SCRATCH ? (size_t)left : SCRATCH);
    }
    return error;
}

int rim__mapping_populate(const struct rim__mapping *mapping, uint64_t offset, uint64_t length, bool to_write) {
    int error = 0;
    for (uint64_t done = 0; done < length && error == 0; done += STEP) {
        uint64_t step = length - done < STEP ? length - done : STEP;
        error = advise(pages_of(mapping, offset + done, step), to_write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
        error = error == -EINVAL ? read_through(mapping, offset + done, step) : error;
    }
    return error;
}

int rim__mapping_advise(const struct rim__mapping *mapping, uint64_t offset, uint64_t length, rim_map_advice advice) {
    static const int kernels[] = {
        [RIM_MAP_NORMAL] = MADV_NORMAL,     [RIM_MAP_RANDOM] = MADV_RANDOM,     [RIM_MAP_SEQUENTIAL] = MADV_SEQUENTIAL,
        [RIM_MAP_WILLNEED] = MADV_WILLNEED, [RIM_MAP_DONTNEED] = MADV_DONTNEED, [RIM_MAP_HUGEPAGE] = MADV_HUGEPAGE,
    };
    if (advice == RIM_MAP_POPULATE) {
        return rim__mapping_populate(mapping, offset, length, false);
    }
    return length == 0 ? 0 : advise(pages_of(mapping, offset, length), kernels[advice]);
}

int rim__mapping_sync(const struct rim__mapping *mapping, uint64_t offset, uint64_t length) {
    if (length == 0) {
        return 0;
    }
    struct range range = pages_of(mapping, offset, length);
    return msync(range.at, range.size, MS_SYNC) == 0 ? 0 : -errno;
}
