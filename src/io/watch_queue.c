/* SPDX-License-Identifier: MIT */
#include "io/watch_queue.h"

#include <errno.h>
#include <stdlib.h>

#include "shard/shard.h"

static struct rim__watch_queue *of_job(struct rim__offload_job *job) {
    return rim__container_of(job, struct rim__watch_queue, closing);
}

static void close_queue(struct rim__watch_queue *queue) {
    if (!queue->closed) {
        queue->disk->ops->watch_close(queue->disk, queue->handle);
        queue->closed = true;
    }
}

static void run(struct rim__offload_job *job) {
    close_queue(of_job(job));
}

static void done(struct rim__shard *home, struct rim__offload_job *job) {
    rim_ctx *ctx = rim__ctx_of(home);
    if (rim__ctx_io(ctx) != NULL) {
        rim__ctx_busy(ctx, -1);
    }
    free(of_job(job));
}

/* The system has ended; it may not have run. */
static void orphaned(struct rim__offload_job *job) {
    close_queue(of_job(job));
    free(of_job(job));
}

int rim__watch_queue_open(const struct rim__service *service, struct rim__watch_queue **out) {
    const struct rim__disk *disk = service->io->disk;
    struct rim__watch_queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL) {
        return -ENOMEM;
    }
    queue->disk = disk;
    queue->users = 1;
    queue->ctx = service->ctx;
    queue->handle = disk->ops->watch_open(disk);
    if (queue->handle < 0) {
        int error = queue->handle;
        free(queue);
        return error;
    }
    *out = queue;
    return 0;
}

/* Without a shard, or a shard without I/O, there is nobody who could be held up. */
static bool submit(struct rim__watch_queue *queue) {
    struct rim__shard *shard = rim__shard_current();
    if (shard == NULL || rim__ctx_io(queue->ctx) == NULL) {
        return false;
    }
    queue->closing =
        (struct rim__offload_job){.run = run, .done = done, .orphaned = orphaned, .name = "end a watch of folders"};
    if (rim__offload_submit(rim__ctx_shard(queue->ctx), &queue->closing) != 0) {
        return false;
    }
    rim__ctx_busy(queue->ctx, 1);
    return true;
}

void rim__watch_queue_release(struct rim__watch_queue *queue) {
    if (--queue->users == 0 && !submit(queue)) {
        close_queue(queue);
        free(queue);
    }
}
