/* SPDX-License-Identifier: MIT */
#include "io/sim_pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "io/sim_world.h"

#define MARK ((void *)(uintptr_t)0x52494d42u) /* in bodies that are out */

struct lease {
    struct rim__body body;
    char bytes[] rim__aligned(16);
};

static void release(struct rim__shard *home, struct rim__body *body) {
    struct rim__sim_pool *pool = body->arg[0];
    rim__assert(body->arg[1] == MARK);
    rim__assert(home == pool->owner->shard);
    rim__assert(body->home == home->index);
    rim__assert(pool->out > 0);
    pool->out--;
    memset(body->data, 0xdd, body->size);
    body->arg[1] = NULL;
    free(rim__container_of(body, struct lease, body));
    rim__sim_flight_feed(&pool->owner->flights);
}

struct rim__body *rim__sim_pool_take(struct rim__sim_pool *pool, uint32_t size) {
    rim__assert(!rim__sim_pool_is_empty(pool));
    rim__assert(size > 0 && size <= pool->bytes);
    struct lease *lease = rim__sim_event_alloc(sizeof *lease + size);
    lease->body = (struct rim__body){
        .data = lease->bytes,
        .size = size,
        .home = pool->owner->shard->index,
        .release = release,
        .arg = {pool, MARK},
    };
    pool->out++;
    return &lease->body;
}
