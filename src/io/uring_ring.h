/* SPDX-License-Identifier: MIT */
/*
 * uring_ring.h - a ring of liburing's, opened as the kernel allows, and entered. For the io_uring driver alone.
 *
 * Nothing here asks for more than liburing 2.3. What it has no means for is in uring_ring.c, with the reason.
 *
 *     Order    entries are submitted in the order in which they were prepared
 *     Threads  the one that opened it (IORING_SETUP_SINGLE_ISSUER); `queues.ring_fd` is read by who wakes it
 */
#ifndef RINGMAIL_IO_URING_RING_H
#define RINGMAIL_IO_URING_RING_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "shard/driver.h"

/* Zeroed: not open. */
struct rim__uring_ring {
    struct io_uring queues;
    const uint32_t *sentinel; /* 1; in a child after fork 0, where the queues are not mapped; NULL: not open */
    uint32_t setup_flags;     /* those of ours that the kernel took */
    uint32_t enter_fd_flag;   /* IORING_ENTER_REGISTERED_RING where queues.enter_ring_fd is a registered index */
    uint32_t wait_flags;      /* for an enter that may sleep */
};

/*
 * How the kernel is entered. liburing's calls are inline, and so no library can stand between: this is where tests put
 * faults. To be changed before a system is made, and by nobody but tests.
 */
struct rim__uring_ring_calls {
    void (*before)(struct io_uring *queues); /* what was prepared is about to be submitted; NULL: nothing */
    int (*submit)(struct io_uring *queues);
    int (*submit_and_get_events)(struct io_uring *queues);
    int (*enter)(unsigned fd, unsigned count, unsigned least, unsigned flags, void *arg, size_t size);
};
extern struct rim__uring_ring_calls rim__uring_ring_calls;

/* The best flags there are; give them to open to start with. */
uint32_t rim__uring_ring_flags(void);

/*
 * Opens with `entries` and `flags`, or with fewer of them: flags that the kernel does not know are dropped from the
 * newest on (-EINVAL), entries are halved down to a few where locked memory is short (-ENOMEM). 0 or the last error,
 * after which the ring is zeroed.
 */
int rim__uring_ring_open(struct rim__uring_ring *ring, uint32_t entries, uint32_t flags);
void rim__uring_ring_close(struct rim__uring_ring *ring);

/*
 * Submits what was prepared, and waits for nothing; where completions are flagged liburing has them run on the way.
 * Entries submitted, or a negative errno.
 */
int rim__uring_ring_flush(struct rim__uring_ring *ring);
/* The same, runs completions in any case, and sleeps until there is one, at most wait_ns (0: not at all). */
int rim__uring_ring_enter(struct rim__uring_ring *ring, uint64_t wait_ns);

/* False in the child of a fork, where no other function may be called. */
static inline bool rim__uring_ring_is_ours(const struct rim__uring_ring *ring) {
    return *ring->sentinel != 0;
}

static inline uint32_t rim__uring_ring_entries(const struct rim__uring_ring *ring) {
    return ring->queues.sq.ring_entries;
}

/* Entries that were prepared and not submitted. */
static inline uint32_t rim__uring_ring_prepared(const struct rim__uring_ring *ring) {
    return io_uring_sq_ready(&ring->queues);
}

/*
 * Whether the kernel has completions to run or to hand over that only an enter brings. liburing asks about the second
 * alone (io_uring_cq_has_overflow), and with IORING_SETUP_DEFER_TASKRUN it is the first that counts.
 */
static inline bool rim__uring_ring_is_flagged(const struct rim__uring_ring *ring) {
    return (IO_URING_READ_ONCE(*ring->queues.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

static inline bool rim__uring_ring_has_completions(const struct rim__uring_ring *ring) {
    return io_uring_cq_ready(&ring->queues) != 0;
}

#endif
