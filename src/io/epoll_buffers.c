/* SPDX-License-Identifier: MIT */
#include "io/epoll_buffers.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "io/drivers.h"

static char *at(const struct rim__epoll_buffers *buffers, uint32_t id) {
    return buffers->memory + id * RIM_DRIVERS_STRIDE(buffers->bytes);
}

static void come_home(struct rim__shard *home, struct rim__body *body) {
    (void)home;
    rim__assert(body->size != 0); /* else it was released twice */
    body->size = 0;
    rim__epoll_buffers_put(body->arg[0], body);
}

static void unmap(struct rim__epoll_buffers *buffers) {
    if (buffers->memory != NULL) {
        munmap(buffers->memory, buffers->memory_size);
    }
    free(buffers->bodies);
    free(buffers->home);
    const struct rim__epoll_buffers_options same = {buffers->count, buffers->bytes, buffers->shard};
    rim__epoll_buffers_plan(buffers, &same);
}

/* Those that are not there yet are at home. */
void rim__epoll_buffers_plan(struct rim__epoll_buffers *buffers, const struct rim__epoll_buffers_options *options) {
    *buffers = (struct rim__epoll_buffers){
        .count = options->count,
        .home_count = options->count,
        .bytes = options->bytes,
        .shard = options->home,
        .memory_size = options->count * RIM_DRIVERS_STRIDE(options->bytes),
    };
}

static void fill(struct rim__epoll_buffers *buffers) {
    for (uint32_t id = 0; id < buffers->count; id++) {
        buffers->bodies[id] = (struct rim__body){
            .data = at(buffers, id),
            .home = buffers->shard,
            .release = come_home,
            .arg = {buffers, NULL},
        };
    }
    buffers->home_count = 0;
    for (uint32_t id = buffers->count; id-- > 0;) {
        buffers->home[buffers->home_count++] = id;
    }
}

int rim__epoll_buffers_open(struct rim__epoll_buffers *buffers) {
    if (buffers->memory != NULL) {
        return 0;
    }
    void *mapped = mmap(NULL, buffers->memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    buffers->memory = mapped != MAP_FAILED ? mapped : NULL;
    buffers->bodies = calloc(buffers->count, sizeof *buffers->bodies);
    buffers->home = calloc(buffers->count, sizeof *buffers->home);
    if (buffers->memory == NULL || buffers->bodies == NULL || buffers->home == NULL) {
        unmap(buffers);
        return -ENOMEM;
    }
    fill(buffers);
    return 0;
}

void rim__epoll_buffers_close(struct rim__epoll_buffers *buffers) {
    if (rim__epoll_buffers_out_of(buffers) == 0) {
        unmap(buffers);
    }
}

struct rim__body *rim__epoll_buffers_take(struct rim__epoll_buffers *buffers) {
    if (buffers->home_count == 0) {
        return NULL;
    }
    struct rim__body *body = &buffers->bodies[buffers->home[--buffers->home_count]];
    rim__assert(body->size == 0);
    body->data = at(buffers, (uint32_t)(body - buffers->bodies)); /* its user may have cut something off in front */
    return body;
}

void rim__epoll_buffers_put(struct rim__epoll_buffers *buffers, struct rim__body *body) {
    rim__assert(buffers->home_count < buffers->count);
    buffers->home[buffers->home_count++] = (uint32_t)(body - buffers->bodies);
}
