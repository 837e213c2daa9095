/* SPDX-License-Identifier: MIT */
/*
 * epoll.h - the epoll driver's insides, shared by driver_epoll.c (poll, wake, life), epoll_files.c (descriptors and
 * what they are watched for) and epoll_ops.c (operations).
 *
 * Each descriptor has two sides, in (accept, receive) and out (connect, send), with one op in flight on each at most. A
 * side is tried first and asked about later: a system call that would block marks it blocked, and only then is the
 * descriptor given to epoll, once, edge-triggered. An edge takes the mark away, whether an op is there or not.
 *
 *     submit -> blocked? no  -> due ---- poll tries ----> done, also several times (accept, receive)
 *                  |          sends         |     |
 *                  |             ^          |     |
 *                  yes           |edge      |     '-- no buffer --> starved --buffers come home--> due
 *                  v             |          v
 *               in no list, or deadlines (connects that have one)
 *
 *     cancel: from wherever it is -> finished -> done with -ECANCELED, by poll
 *
 * A poll tries all sends and then receives until so many bytes have come; the others are for the next polls, and epoll
 * is not asked again before. So what was received is sent again while the cache has it, and the same few buffers serve.
 *
 * A side is in one list at most. What epoll is given with a descriptor is its number and a generation that changes with
 * each close, so that an event that comes too late finds nobody.
 *
 *     Threads  the shard's own, but for `event_fd`, which wake reads and which never changes
 */
#ifndef RINGMAIL_IO_EPOLL_H
#define RINGMAIL_IO_EPOLL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/epoll_buffers.h"
#include "io/op.h"
#include "shard/driver.h"

struct rim__epoll_list;

struct rim__epoll_side {
    struct rim__op *op; /* in flight; NULL: none */
    struct rim__epoll_list *list;
    struct rim__epoll_side *next, *previous;
    bool blocked; /* a call would block, and epoll will tell when that has changed */
};

struct rim__epoll_list {
    struct rim__epoll_side *first, *last;
    uint32_t count;
};

struct rim__epoll_file {
    struct rim__epoll_side in, out;
    uint32_t watched;    /* the events that epoll was asked for; 0: it does not know the descriptor */
    uint32_t generation; /* changes with each close */
    bool over; /* an end, an error or urgent data was seen: a short receive no longer means that it is empty */
};

struct rim__epoll {
    struct rim__driver driver; /* the head: what the shard knows */
    struct rim__io io;         /* what sockets know */
    const struct rim__log *log;
    struct rim__clock clock;
    struct rim__epoll_buffers buffers;

    const uint32_t *sentinel; /* 0 in the child of a fork */
    int epoll_fd;
    int event_fd;      /* for wake; watched for ever, never read */
    bool is_closing;   /* nothing is submitted any more */
    bool is_coarse;    /* the kernel or a filter has no epoll_pwait2: sleeps are in milliseconds, rounded up */
    bool found;        /* the last look at epoll was worth while */
    uint64_t looked;   /* when that was, in cycles */
    uint64_t look_gap; /* how long a busy shard goes without a look, in cycles */
    uint32_t watches;  /* descriptors that epoll knows, without event_fd */

    struct rim__epoll_file **chunks; /* by the descriptor's number; a chunk never moves */
    uint32_t chunk_count;
    struct rim__epoll_list due, starved, finished;
    struct rim__epoll_list sends;     /* due as well: sends and connects */
    uint32_t due_left;                /* so many of `due` are to be tried before epoll is asked again */
    struct rim__epoll_list deadlines; /* the earliest first */
};

static inline struct rim__epoll *rim__epoll_of_io(struct rim__io *io) {
    return rim__container_of(io, struct rim__epoll, io);
}

/* The child of a fork has the parent's epoll, and would take the parent's events: it is stopped by force. */
static inline bool rim__epoll_is_ours(const struct rim__epoll *epoll) {
    return *epoll->sentinel != 0;
}
void rim__epoll_refuse_child(const struct rim__epoll *epoll) rim__cold;

#endif
