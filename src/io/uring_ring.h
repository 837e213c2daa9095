/* SPDX-License-Identifier: MIT */
/*
 * uring_ring.h - io_uring bare: set-up, the two queues, and entering the kernel. For the io_uring driver alone.
 *
 * It speaks to the kernel directly, because the oldest liburing that we meet lacks half of what we need.
 *
 *     Order    entries are submitted in the order in which they were prepared
 *     Threads  the one that opened it (IORING_SETUP_SINGLE_ISSUER)
 */
#ifndef RINGMAIL_IO_URING_RING_H
#define RINGMAIL_IO_URING_RING_H

#include <linux/io_uring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "shard/driver.h"

struct rim__uring_ring {
    int fd;               /* also the address for other rings' messages; -1: not open */
    int enter_fd;         /* what enter takes: the descriptor or its registered index */
    uint32_t enter_flags; /* for every enter */
    uint32_t wait_flags;  /* for an enter that may sleep */
    uint32_t setup_flags;
    uint32_t entries; /* of the submission queue */

    uint32_t prepared_tail; /* entries up to here are filled; the kernel hears of them with the next enter */
    uint32_t sq_mask;
    uint32_t *sq_head, *sq_tail, *sq_flags;
    struct io_uring_sqe *sqes;

    uint32_t cq_mask;
    uint32_t *cq_head, *cq_tail;
    struct io_uring_cqe *cqes;

    const uint32_t *sentinel; /* 1; in a child after fork 0, where the rest is not mapped */
    void *queues, *sqes_map;
    size_t queues_size, sqes_size;
};

/* The best flags there are; give them to open to start with. */
uint32_t rim__uring_ring_flags(void);

/*
 * Opens with `entries` and `flags`, or with fewer of them: flags that the kernel does not know are dropped from the
 * newest on (-EINVAL), entries are halved down to a few where locked memory is short (-ENOMEM). 0 or the last error.
 */
int rim__uring_ring_open(struct rim__uring_ring *ring, uint32_t entries, uint32_t flags);
/* Also for a ring that is not open, with fd -1. */
void rim__uring_ring_close(struct rim__uring_ring *ring);

/* io_uring_register(2) on this ring. */
int rim__uring_ring_register(const struct rim__uring_ring *ring, unsigned opcode, void *arg, unsigned count);

/* Submits what was prepared, and runs no completions. Entries submitted, or a negative errno. */
int rim__uring_ring_flush(struct rim__uring_ring *ring);
/* The same, runs completions, and sleeps until there is one, at most wait_ns (0: not at all). */
int rim__uring_ring_enter(struct rim__uring_ring *ring, uint64_t wait_ns);

/* False in the child of a fork, where no other function may be called. */
static inline bool rim__uring_ring_is_ours(const struct rim__uring_ring *ring) {
    return *ring->sentinel != 0;
}

/* Entries that were prepared and not submitted. The kernel moves the head only while this thread enters it. */
static inline uint32_t rim__uring_ring_prepared(const struct rim__uring_ring *ring) {
    return ring->prepared_tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE);
}

/* Whether the kernel has completions to run or to hand over that only an enter brings. */
static inline bool rim__uring_ring_is_flagged(const struct rim__uring_ring *ring) {
    return (__atomic_load_n(ring->sq_flags, __ATOMIC_RELAXED) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

static inline bool rim__uring_ring_has_completions(const struct rim__uring_ring *ring) {
    return *ring->cq_head != __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE);
}

/* A zeroed entry to fill before anything else happens; NULL: the queue is full. */
static inline struct io_uring_sqe *rim__uring_ring_prepare(struct rim__uring_ring *ring) {
    if (rim__uring_ring_prepared(ring) == ring->entries) {
        return NULL;
    }
    struct io_uring_sqe *sqe = &ring->sqes[ring->prepared_tail++ & ring->sq_mask];
    memset(sqe, 0, sizeof *sqe);
    return sqe;
}

#endif
