/* SPDX-License-Identifier: MIT */
/*
 * uring.h - the io_uring driver's insides, shared by driver_uring.c (poll, wake, life) and uring_ops.c (operations).
 *
 * What the kernel is given as user_data is never a pointer:
 *
 *     | kind:8 | generation:24 | slot:32 |        RIM_URING_OP
 *     | kind:8 |               | eventfd:32 |     RIM_URING_SENT: a message to another ring that failed
 *     | kind:8 |                            |     the others
 *
 * An op holds a slot of the table from submit to its terminal completion. A slot is in one list at most:
 *
 *     submit -> blocked (no room in the queue) ----.
 *            -> starved (too few buffers) ---------+-> with the kernel -> [deadlines] -> [cancels] -> terminal
 *            -> passed (starved before, and in vain)'
 *                     '-- cancelled there --> finished --> terminal
 *
 * deadlines and cancels hold slots that are with the kernel: connects that have a deadline, and ops whose cancellation
 * found no room in the queue.
 *
 *     Threads  the shard's own, but for `event_fd` and the ring's descriptor, which wake reads and which never change
 */
#ifndef RINGMAIL_IO_URING_H
#define RINGMAIL_IO_URING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "io/address.h"
#include "io/drivers.h"
#include "io/op.h"
#include "io/uring_buffers.h"
#include "io/uring_ring.h"
#include "shard/driver.h"

enum rim__uring_kind {
    RIM_URING_OP = 1,
    RIM_URING_EVENT,  /* the eventfd was written */
    RIM_URING_WOKEN,  /* another ring's message */
    RIM_URING_SENT,   /* our message to another ring; seen only when it failed */
    RIM_URING_CANCEL, /* seen only when there was nothing to cancel */
    RIM_URING_NOP,
};

struct rim__uring_list;

struct rim__uring_slot {
    struct rim__op *op; /* NULL while free */
    uint32_t index;
    uint32_t generation;          /* 24 bits; changes whenever the slot is freed */
    struct rim__uring_list *list; /* that it is in; NULL: in none */
    struct rim__uring_slot *next, *previous;
    bool timed_out;
};

/* What an entry of the queue points to, and the kernel reads when the entry is submitted (IORING_FEAT_SUBMIT_STABLE):
   one for each entry of the queue, and not of each op, of which there may be many more. */
union rim__uring_frame {
    struct msghdr message;
    union rim__sockaddr address;
};

struct rim__uring_list {
    struct rim__uring_slot *first, *last;
    uint32_t count;
};

#define RIM_URING_FIXED_MAX 64u
enum rim__uring_fixed_state { RIM_URING_FIXED_UNTRIED, RIM_URING_FIXED_THERE, RIM_URING_FIXED_NONE };

#define RIM_URING_CHUNK 128u /* slots, which never move */

struct rim__uring {
    struct rim__driver driver; /* the head: what the shard knows */
    struct rim__io io;         /* what sockets know */
    const struct rim__log *log;
    struct rim__uring_traits traits;
    struct rim__uring_ring ring;
    struct rim__uring_buffers buffers;
    union rim__uring_frame *frames; /* by the entry's place in the queue */

    int event_fd; /* for those who have no ring; polled for ever, never read */
    bool event_is_armed;
    bool is_embedded; /* registered with the ring instead, and read before each rest */
    bool is_closing;  /* nothing is submitted any more */

    enum rim__uring_fixed_state fixed_state;
    uint64_t fixed; /* numbers of files that are taken (uring_fixed.h) */

    struct rim__clock clock;

    struct rim__uring_slot **chunks;
    uint32_t chunk_count;
    struct rim__uring_list free, blocked, passed, starved, cancels, finished;
    struct rim__uring_list deadlines; /* the earliest first */
};

static inline struct rim__uring *rim__uring_of_io(struct rim__io *io) {
    return rim__container_of(io, struct rim__uring, io);
}

static inline uint64_t rim__uring_user_data(enum rim__uring_kind kind, uint64_t rest) {
    return (uint64_t)kind << 56 | rest;
}

static inline enum rim__uring_kind rim__uring_kind_of(uint64_t user_data) {
    return (enum rim__uring_kind)(user_data >> 56);
}

/*
 * An entry to give to an io_uring_prep function and then a user_data, before anything else happens; a full queue is
 * submitted first. NULL: the kernel takes none now. driver_uring.c
 */
struct io_uring_sqe *rim__uring_prepare(struct rim__uring *uring);

static inline union rim__uring_frame *rim__uring_frame(const struct rim__uring *uring, const struct io_uring_sqe *sqe) {
    return &uring->frames[sqe - uring->ring.queues.sq.sqes];
}

#define RIM_URING_ENTRIES_DEFAULT 256u

static inline uint32_t rim__uring_entries(const rim_config *config) {
    return config->ring_entries != 0 ? config->ring_entries : RIM_URING_ENTRIES_DEFAULT;
}

#endif
