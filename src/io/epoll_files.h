/* SPDX-License-Identifier: MIT */
/*
 * epoll_files.h - the descriptors that the epoll driver has to do with, by number, and what epoll is asked to tell
 * about each. For driver_epoll.c and epoll_ops.c.
 *
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_EPOLL_FILES_H
#define RINGMAIL_IO_EPOLL_FILES_H

#include "io/epoll.h"

#define RIM_EPOLL_CHUNK 64u /* descriptors */

/* Makes sure that there is an entry. 0 or -ENOMEM. */
int rim__epoll_files_ensure(struct rim__epoll *epoll, int fd);
/* NULL: nothing was ever submitted on it. */
static inline struct rim__epoll_file *rim__epoll_files_find(const struct rim__epoll *epoll, int fd) {
    uint32_t chunk = (uint32_t)fd / RIM_EPOLL_CHUNK;
    if (chunk >= epoll->chunk_count || epoll->chunks[chunk] == NULL) {
        return NULL;
    }
    return &epoll->chunks[chunk][(uint32_t)fd % RIM_EPOLL_CHUNK];
}

/* Whom an event is about; NULL: the descriptor was closed meanwhile. */
struct rim__epoll_file *rim__epoll_files_named(const struct rim__epoll *epoll, uint64_t name);

/* From now on there is an edge whenever one of these events comes up, and one now if it already has. 0 or negative. */
int rim__epoll_files_watch(struct rim__epoll *epoll, int fd, uint32_t events);
/* The descriptor is about to be closed. Nothing is in flight on it. */
void rim__epoll_files_forget(struct rim__epoll *epoll, int fd);

/* Calls fn for each side that has an op. fn may end the op, and submit nothing. */
void rim__epoll_files_each(struct rim__epoll *epoll, void (*fn)(struct rim__epoll *, struct rim__epoll_side *));

/* Frees the table. */
void rim__epoll_files_free(struct rim__epoll *epoll);

#endif
