/* SPDX-License-Identifier: MIT */
/*
 * epoll_buffers.h - the epoll driver's receive buffers, and the bodies that stand for them.
 *
 *     at home --(take: a receive is about to fill it)--> out, with an actor, as a rim__body --(release)--> at home
 *
 * The buffer that came home last is taken first: it is the one in the cache, and memory that was never needed at once
 * is never touched.
 *
 *     Threads  the shard's own thread; a body released elsewhere comes home first (shard/message.h)
 */
#ifndef RINGMAIL_IO_EPOLL_BUFFERS_H
#define RINGMAIL_IO_EPOLL_BUFFERS_H

#include <stddef.h>
#include <stdint.h>

#include "shard/message.h"

struct rim__epoll_buffers {
    char *memory;
    struct rim__body *bodies; /* one for each buffer */
    uint32_t *home;           /* a stack of those at home, by index */
    uint32_t home_count;
    uint32_t count;
    uint32_t bytes; /* of each buffer */
    uint32_t shard; /* their home */
    size_t memory_size;
};

struct rim__epoll_buffers_options {
    uint32_t count, bytes;
    uint32_t home; /* index of the shard */
};

/* How they will be. They are made when the first receive wants one: a shard without connections never has any. */
void rim__epoll_buffers_plan(struct rim__epoll_buffers *buffers, const struct rim__epoll_buffers_options *options);
/* Makes them as planned, unless they are there. 0; or -ENOMEM, after which it may be tried again. */
int rim__epoll_buffers_open(struct rim__epoll_buffers *buffers);
/* Frees, if nothing is out. Also for zeroed buffers. */
void rim__epoll_buffers_close(struct rim__epoll_buffers *buffers);

/* An empty buffer; NULL: none is at home. The taker sets its size, which is not 0, or puts it back. */
struct rim__body *rim__epoll_buffers_take(struct rim__epoll_buffers *buffers);
/* One that was taken and not filled. */
void rim__epoll_buffers_put(struct rim__epoll_buffers *buffers, struct rim__body *body);

static inline uint32_t rim__epoll_buffers_out_of(const struct rim__epoll_buffers *buffers) {
    return buffers->count - buffers->home_count;
}

#endif
