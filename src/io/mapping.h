/* SPDX-License-Identifier: MIT */
/*
 * mapping.h - bytes of a file in memory, as the drivers give them: mapped by a helper (map_job.c, both real drivers),
 * or pointing into the disk of the simulated world (sim_map.c). Used by region.c, which owns them.
 *
 *     base              bytes                       bytes + size
 *      | page's start .. | what was asked for ........ |      .. page's end |      span = all of it
 *
 *     Life      RIM_MAP_OP_OPEN fills it, ops->unmap ends it, nothing may be in flight on it then
 *     Threads   its fields are constant between the two, so ops but for unmap may be called by any thread that keeps
 *               it from being unmapped
 */
#ifndef RINGMAIL_IO_MAPPING_H
#define RINGMAIL_IO_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringmail/map.h"

struct rim__mapping;

struct rim__mapping_ops {
    /* Bytes that the file has now, or negative. */
    int64_t (*file_size)(const struct rim__mapping *mapping);
    /* By the kernel: what is not there is -EFAULT, and not a signal. Within `size`. 0 or negative. */
    int (*copy)(const struct rim__mapping *mapping, uint64_t at, void *to, size_t size);
    int (*store)(const struct rim__mapping *mapping, uint64_t at, const void *from, size_t size);
    /* Also closes the descriptor. */
    void (*unmap)(struct rim__mapping *mapping);
};

struct rim__mapping {
    const struct rim__mapping_ops *ops; /* NULL: nothing is mapped */
    int fd;
    rim_map_access access;
    void *base;
    uint64_t span; /* 0: no bytes, and nothing to unmap but the descriptor */
    char *bytes;
    uint64_t size;
    uint64_t offset; /* of `bytes` in the file */
    void *world;     /* the simulated one's, or NULL */
};

/* What is to be mapped. */
struct rim__map_plan {
    const char *path;
    rim_map_access access;
    rim_map_advice advice;
    uint64_t offset, length; /* 0: to the end */
    bool extend;
    uint32_t mode;
};

/* Finds out how long the region is to be, of a file of so many bytes. 0 or -ENODATA. */
int rim__mapping_measure(const struct rim__map_plan *plan, uint64_t file_size, uint64_t *length);

/* ---- mapping.c: real ones; may block ---- */

int rim__mapping_open(const struct rim__map_plan *plan, struct rim__mapping *out);
/* Of the mapping's bytes from `offset` on, `length` of them. 0 or negative. */
int rim__mapping_populate(const struct rim__mapping *mapping, uint64_t offset, uint64_t length, bool to_write);
int rim__mapping_advise(const struct rim__mapping *mapping, uint64_t offset, uint64_t length, rim_map_advice advice);
int rim__mapping_sync(const struct rim__mapping *mapping, uint64_t offset, uint64_t length);

/* ---- kernel_copy.c ---- */

/* Between memory of this process; -EFAULT where there is none. */
int rim__kernel_copy(void *to, const void *from, size_t size);
/* The same through a pipe, for who is refused the other way. */
int rim__kernel_copy_by_pipe(void *to, const void *from, size_t size);

#endif
