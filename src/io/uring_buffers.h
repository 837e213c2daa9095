/* SPDX-License-Identifier: MIT */
/*
 * uring_buffers.h - the ring of provided buffers that receives are filled from, and the bodies that stand for them.
 *
 *     in the ring --(a receive)--> out, with an actor, as a rim__body --(release)--> at home --(publish)--> in the ring
 *
 * The ring gives out in turn, so what goes round in it should be little: few buffers stay in the cache, and memory that
 * was never needed at once is never touched. The ring is kept at as many as were needed lately, from those that came
 * home last. A receive that finds none although some are at home makes it twice as many, while as many, filled as they
 * were lately, stay in the cache; half that were not needed for long, or do not stay there, stay at home.
 *
 *     Threads  the shard's own thread; a body released elsewhere comes home first (shard/message.h)
 */
#ifndef RINGMAIL_IO_URING_BUFFERS_H
#define RINGMAIL_IO_URING_BUFFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/uring_ring.h"
#include "shard/message.h"

#define RIM_URING_BUFFER_GROUP 0

/* What is received at once and stays in the cache until it has been handled and sent on: half of a common L2. */
#define RIM_URING_HOT_BYTES (512u * 1024u)

struct rim__uring_buffers {
    struct io_uring_buf_ring *ring; /* shared with the kernel */
    char *memory;
    struct rim__body *bodies; /* one for each buffer */
    size_t mapped_size;       /* of both */
    uint32_t count;           /* a power of two */
    uint32_t bytes;           /* of each buffer */
    uint32_t shard;           /* their home */
    uint32_t out;
    uint32_t *home; /* a stack of those that are neither out nor in the ring, by index */
    uint32_t home_count;
    uint32_t in_ring; /* also those that the kernel has picked, until that is known */
    uint32_t wanted;  /* in the ring */
    uint32_t least;   /* that were there lately, when more were published */
    uint32_t publishes;
    uint32_t fill;   /* bytes in a buffer, lately */
    bool has_lacked; /* since the last publish */
};

struct rim__uring_buffers_options {
    uint32_t count, bytes;
    uint32_t home; /* index of the shard */
};

/* How they will be. They are made when the first receive wants one: a shard without connections never has any. */
void rim__uring_buffers_plan(struct rim__uring_buffers *buffers, const struct rim__uring_buffers_options *options);
/* Makes them as planned. 0 or a negative errno, after which it may be tried again; -EINVAL also where the kernel knows
   no such rings. */
int rim__uring_buffers_open(struct rim__uring_buffers *buffers, struct rim__uring_ring *ring);
/* Unregisters, and frees if nothing is out. Also for zeroed buffers. */
void rim__uring_buffers_close(struct rim__uring_buffers *buffers, struct rim__uring_ring *ring);

/* The body with `size` bytes that the kernel has put into this buffer. It goes back by its release function. */
struct rim__body *rim__uring_buffers_take(struct rim__uring_buffers *buffers, uint32_t id, uint32_t size);
/* A buffer that the kernel picked and did not fill. */
void rim__uring_buffers_put(struct rim__uring_buffers *buffers, uint32_t id);
/* A receive has found none. */
void rim__uring_buffers_lack(struct rim__uring_buffers *buffers);
/* Hands to the kernel as many as it is to have. */
void rim__uring_buffers_publish(struct rim__uring_buffers *buffers);

static inline bool rim__uring_buffers_are_open(const struct rim__uring_buffers *buffers) {
    return buffers->ring != NULL;
}

/* Whether that would do something. */
static inline bool rim__uring_buffers_are_due(const struct rim__uring_buffers *buffers) {
    return buffers->in_ring < buffers->wanted && buffers->home_count != 0;
}

static inline uint32_t rim__uring_buffers_free(const struct rim__uring_buffers *buffers) {
    return buffers->count - buffers->out;
}

/* What receives may find, once what is due is published. */
static inline uint32_t rim__uring_buffers_on_offer(const struct rim__uring_buffers *buffers) {
    uint32_t due = buffers->in_ring < buffers->wanted ? buffers->wanted - buffers->in_ring : 0;
    return buffers->in_ring + (due < buffers->home_count ? due : buffers->home_count);
}

/* Whether it is worth arming a receive: with next to none free it would only fail at once. */
static inline bool rim__uring_buffers_suffice(const struct rim__uring_buffers *buffers) {
    uint32_t free = rim__uring_buffers_free(buffers);
    return free > 0 && free >= buffers->count / 8;
}

#endif
