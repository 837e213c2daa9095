/* SPDX-License-Identifier: MIT */
#include "io/uring_buffers.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/drivers.h"

#define WANTED_MIN   8u
#define SHRINK_EVERY 256u /* publishes */
#define PAGE         ((size_t)sysconf(_SC_PAGESIZE))
#define FILL_PART    8 /* a receive counts for so much of the average */

static char *at(const struct rim__uring_buffers *buffers, uint32_t id) {
    return buffers->memory + id * RIM_DRIVERS_STRIDE(buffers->bytes);
}

static void push_home(struct rim__uring_buffers *buffers, uint32_t id) {
    rim__assert(id < buffers->count);
    rim__assert(buffers->home_count < buffers->count);
    buffers->home[buffers->home_count++] = id;
}

static void come_home(struct rim__shard *home, struct rim__body *body) {
    (void)home;
    struct rim__uring_buffers *buffers = body->arg[0];
    rim__assert(body->size != 0); /* else it was released twice */
    rim__assert(buffers->out > 0);
    body->size = 0;
    buffers->out--;
    push_home(buffers, (uint32_t)(uintptr_t)body->arg[1]);
}

/* The ring's own memory, and behind it that of the buffers: io_uring_setup_buf_ring, which would map it, came with
 * liburing 2.4. */
static void *map(size_t size) {
    void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) {
        return NULL;
    }
    /* The kernel writes here by itself: what a fork would copy is of no use to the child. */
    (void)madvise(mapped, size, MADV_DONTFORK);
    return mapped;
}

static size_t whole_pages(size_t size) {
    return (size + PAGE - 1) / PAGE * PAGE;
}

static void unmap(struct rim__uring_buffers *buffers) {
    if (buffers->ring != NULL) {
        munmap(buffers->ring, buffers->mapped_size);
    }
    free(buffers->bodies);
    free(buffers->home);
    const struct rim__uring_buffers_options same = {buffers->count, buffers->bytes, buffers->shard};
    rim__uring_buffers_plan(buffers, &same);
}

void rim__uring_buffers_plan(struct rim__uring_buffers *buffers, const struct rim__uring_buffers_options *options) {
    *buffers = (struct rim__uring_buffers){
        .count = options->count,
        .bytes = options->bytes,
        .shard = options->home,
    };
}

static void fill(struct rim__uring_buffers *buffers) {
    for (uint32_t id = 0; id < buffers->count; id++) {
        buffers->bodies[id] = (struct rim__body){
            .data = at(buffers, id),
            .home = buffers->shard,
            .release = come_home,
            .arg = {buffers, (void *)(uintptr_t)id},
        };
    }
    for (uint32_t id = buffers->count; id-- > 0;) {
        push_home(buffers, id);
    }
    buffers->wanted = buffers->count < WANTED_MIN ? buffers->count : WANTED_MIN;
    buffers->least = buffers->wanted;
    rim__uring_buffers_publish(buffers);
}

int rim__uring_buffers_open(struct rim__uring_buffers *buffers, struct rim__uring_ring *ring) {
    const size_t ring_size = whole_pages(buffers->count * sizeof(struct io_uring_buf));
    buffers->mapped_size = ring_size + buffers->count * RIM_DRIVERS_STRIDE(buffers->bytes);
    buffers->ring = map(buffers->mapped_size);
    buffers->memory = buffers->ring != NULL ? (char *)buffers->ring + ring_size : NULL;
    buffers->bodies = calloc(buffers->count, sizeof *buffers->bodies);
    buffers->home = calloc(buffers->count, sizeof *buffers->home);
    if (buffers->ring == NULL || buffers->bodies == NULL || buffers->home == NULL) {
        unmap(buffers);
        return -ENOMEM;
    }
    struct io_uring_buf_reg request = {
        .ring_addr = (uint64_t)(uintptr_t)buffers->ring,
        .ring_entries = buffers->count,
        .bgid = RIM_URING_BUFFER_GROUP,
    };
    int error = io_uring_register_buf_ring(&ring->queues, &request, 0);
    if (error != 0) {
        unmap(buffers);
        return error;
    }
    io_uring_buf_ring_init(buffers->ring);
    fill(buffers);
    return 0;
}

void rim__uring_buffers_close(struct rim__uring_buffers *buffers, struct rim__uring_ring *ring) {
    if (buffers->ring == NULL) {
        return;
    }
    (void)io_uring_unregister_buf_ring(&ring->queues, RIM_URING_BUFFER_GROUP);
    if (buffers->out == 0) {
        unmap(buffers);
    }
}

struct rim__body *rim__uring_buffers_take(struct rim__uring_buffers *buffers, uint32_t id, uint32_t size) {
    rim__assert(id < buffers->count);
    rim__assert(size <= buffers->bytes);
    struct rim__body *body = &buffers->bodies[id];
    rim__assert(body->size == 0);
    rim__assert(buffers->in_ring > 0);
    buffers->in_ring--;
    body->data = at(buffers, id); /* its user may have cut something off in front */
    body->size = size;
    buffers->out++;
    buffers->fill += (uint32_t)((int32_t)(size - buffers->fill) / FILL_PART);
    return body;
}

void rim__uring_buffers_put(struct rim__uring_buffers *buffers, uint32_t id) {
    rim__assert(buffers->in_ring > 0);
    buffers->in_ring--;
    push_home(buffers, id);
}

/* With which the bytes in the ring stay in the cache. */
static uint32_t most(const struct rim__uring_buffers *buffers) {
    return RIM_URING_HOT_BYTES / (buffers->fill + 1);
}

/* Once for each publish: those that it makes more by are for all that lack one now. */
void rim__uring_buffers_lack(struct rim__uring_buffers *buffers) {
    uint32_t more = buffers->wanted * 2;
    if (!buffers->has_lacked && more <= buffers->count && more <= most(buffers)) {
        buffers->wanted = more;
    }
    buffers->has_lacked = true;
}

static void shrink(struct rim__uring_buffers *buffers) {
    buffers->least = buffers->in_ring < buffers->least ? buffers->in_ring : buffers->least;
    if (buffers->wanted > WANTED_MIN && buffers->wanted > most(buffers)) {
        buffers->wanted /= 2;
        buffers->least = buffers->wanted;
    }
    if (++buffers->publishes % SHRINK_EVERY != 0) {
        return;
    }
    if (buffers->least > buffers->wanted / 2 && buffers->wanted > WANTED_MIN) {
        buffers->wanted /= 2;
    }
    buffers->least = buffers->wanted;
}

void rim__uring_buffers_publish(struct rim__uring_buffers *buffers) {
    const int mask = io_uring_buf_ring_mask(buffers->count);
    int count = 0;
    shrink(buffers);
    buffers->has_lacked = false;
    while (rim__uring_buffers_are_due(buffers)) {
        uint32_t id = buffers->home[--buffers->home_count];
        io_uring_buf_ring_add(buffers->ring, at(buffers, id), buffers->bytes, (uint16_t)id, mask, count++);
        buffers->in_ring++;
    }
    io_uring_buf_ring_advance(buffers->ring, count);
}
