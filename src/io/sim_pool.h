/* SPDX-License-Identifier: MIT */
/*
 * sim_pool.h - a simulated shard's receive buffers: only their number is bounded; each is made when bytes arrive, just
 * as large as these, and freed when it comes home, so that a checker of memory sees every use too many.
 *
 *     Life     a body is taken, travels, and is released once, on its home shard; the simulation outlives it
 *     Threads  the one that steps
 */
#ifndef RINGMAIL_IO_SIM_POOL_H
#define RINGMAIL_IO_SIM_POOL_H

#include <stdbool.h>
#include <stdint.h>

struct rim__body;
struct rim__sim_shard;

struct rim__sim_pool {
    uint32_t count; /* buffers there are */
    uint32_t bytes; /* at most in each */
    uint32_t out;   /* not at home */
    struct rim__sim_shard *owner;
};

static inline bool rim__sim_pool_is_empty(const struct rim__sim_pool *pool) {
    return pool->out >= pool->count;
}

/* A body with room for `size` bytes; the pool is not empty. */
struct rim__body *rim__sim_pool_take(struct rim__sim_pool *pool, uint32_t size);

#endif
