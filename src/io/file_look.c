/* SPDX-License-Identifier: MIT */
/*
 * Reads of what is in the page cache, by a plain system call that does not wait. It costs a copy, and no helper, no
 * entry of a ring, no turn of a loop: a third less than the same by io_uring, for one read. But many reads together
 * share one enter of a ring, and are cheaper there.
 *
 * A look in vain costs half a microsecond. So after each there are twice as many reads without one, until one is not.
 */
#include "io/file.h"
#include "shard/shard.h"

#define SIZE_MAX_LOOKED (128u << 10) /* of one read: a larger one takes longer than all else about it */
#define TICK_BYTES_MAX  (1u << 20)   /* of all reads between two polls */
#define CROWD_MAX       2u           /* as many beside it, and batches are cheaper */
#define MISSES_MAX      10u

/* The shard must come to its poll: a reader that never waits holds up the others for as long as this takes. */
static bool is_in_budget(struct rim__service *service, uint64_t size) {
    if (service->looked_tick != service->shard->ticks) {
        service->looked_tick = service->shard->ticks;
        service->looked_bytes = 0;
    }
    return service->looked_bytes + size <= TICK_BYTES_MAX;
}

static bool is_worth_it(struct rim__file *file, uint64_t size, uint64_t crowd) {
    const struct rim__io *io = file->service->io;
    if (!file->may_look || size > SIZE_MAX_LOOKED || (io->reads_in_batches && crowd >= CROWD_MAX)) {
        return false;
    }
    if (file->blind > 0) {
        file->blind--;
        return false;
    }
    return is_in_budget(file->service, size);
}

bool rim__file_look(struct rim__file *file, const struct rim__file_ask *ask, void *bytes, uint64_t crowd) {
    struct rim__service *service = file->service;
    if (!is_worth_it(file, ask->length, crowd)) {
        return false;
    }
    ssize_t count = service->io->ops->look(file->fd, bytes, ask->length, ask->offset);
    if (count < 0) {
        file->misses += file->misses < MISSES_MAX;
        file->blind = 1u << file->misses;
        return false;
    }
    file->misses = 0;
    service->looked_bytes += (uint64_t)count;
    service->io->operations += (uint64_t)count == ask->length;
    return (uint64_t)count == ask->length;
}
