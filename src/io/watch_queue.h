/* SPDX-License-Identifier: MIT */
/*
 * watch_queue.h - a queue of changes, as the kernel fills it (disk.h), shared by a watch and by the jobs that add paths
 * to it. For watch.c and watch_add.c.
 *
 * Closing one takes the kernel some 20 ms, in which it waits for all its readers. So the last one to let go has it
 * closed by a helper; and the watch waits for news on a copy of the descriptor, whose closing is nothing.
 *
 *     Threads  the shard's own; where the system has ended, whoever is left
 */
#ifndef RINGMAIL_IO_WATCH_QUEUE_H
#define RINGMAIL_IO_WATCH_QUEUE_H

#include "io/disk.h"
#include "io/service.h"
#include "shard/offload.h"

struct rim__watch_queue {
    const struct rim__disk *disk;
    int handle;
    uint32_t users;
    rim_ctx *ctx;
    struct rim__offload_job closing;
    bool closed;
};

/* With one user. 0 or negative. */
int rim__watch_queue_open(const struct rim__service *service, struct rim__watch_queue **out);
void rim__watch_queue_release(struct rim__watch_queue *queue);

#endif
