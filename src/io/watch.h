/* SPDX-License-Identifier: MIT */
/*
 * watch.h - a watch of folders: reads changes from the kernel's queue, makes one of the two halves of a move, and tells
 * the owner. For watch.c and watch_add.c.
 *
 *     queue --read--> [changes not yet told] --> RIM_CHANGE
 *                       '-- half of a move is the last: some moments for the other half to come
 *
 *     Life     as a lookout; the queue as long as a job has it
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_WATCH_H
#define RINGMAIL_IO_WATCH_H

#include "io/lookout.h"
#include "io/watch_queue.h"
#include "ringmail/path.h"
#include "ringmail/watch.h"

#define RIM_WATCH_MUTED 32u

enum {
    RIM_WATCH_PROTOCOL = 0x7f42,
    RIM_WATCH_ADD = (RIM_WATCH_PROTOCOL << 16) + RIM_USER, /* struct rim__watch_order */
    RIM_WATCH_REMOVE,                                      /* uint32_t id */
    RIM_WATCH_CLOSE,
};

struct rim__watch_order {
    uint32_t changes;
    uint32_t no_follow;
    char path[];
};

struct rim__watching {
    struct rim__lookout lookout;
    struct rim__watch_queue *queue; /* NULL: it has none yet */
    uint32_t additions;             /* under way: nothing is told meanwhile */
    uint32_t tries;                 /* to see the other half of a move */
    uint32_t muted_count;
    uint32_t muted[RIM_WATCH_MUTED]; /* ids whose end has been told, or was asked for */
    uint32_t at, used;               /* of `bytes` */
    _Alignas(8) char bytes[16384];   /* struct inotify_event, each with its name */
};

static inline struct rim__watching *rim__watch_of(struct rim__lookout *lookout) {
    return rim__container_of(lookout, struct rim__watching, lookout);
}

void rim__watch_mute(struct rim__watching *watch, uint32_t id);
/* Takes it out of the queue; nothing more is told of it. */
void rim__watch_drop(struct rim__watching *watch, uint32_t id);
/* watch_add.c */
rim_verdict rim__watch_on_add(rim_ctx *ctx, void *self, const void *body, rim_msg *msg);

#endif
