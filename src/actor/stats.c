/* SPDX-License-Identifier: MIT */
/*
 * Counters. A shard counts in plain words and shows them, now and then, in words that any thread may read: one writer,
 * relaxed stores, nobody draws conclusions from their order.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "actor/spawn.h"

#define NAME(name, text) #name,
#define TEXT(name, text) text,
static const char *const names[] = {RIM_STATS(NAME)};
static const char *const texts[] = {RIM_STATS(TEXT)};
#define COUNTERS RIM_COUNT(names)
_Static_assert(sizeof(rim_stats) == COUNTERS * sizeof(uint64_t), "counters are words");
_Static_assert(COUNTERS <= RIM_COUNT(((rim_ctx *)0)->published), "room for all");

const char *rim_stats_name(uint32_t index) {
    return index < COUNTERS ? names[index] : NULL;
}

const char *rim_stats_text(uint32_t index) {
    return index < COUNTERS ? texts[index] : NULL;
}

uint64_t rim_stats_value(const rim_stats *stats, uint32_t index) {
    uint64_t value = 0;
    if (index < COUNTERS) {
        memcpy(&value, (const char *)stats + index * sizeof value, sizeof value);
    }
    return value;
}

bool rim_stats_add_up(const rim_stats *stats) {
    return stats->sent == stats->handled + stats->refused + stats->dead + stats->queued;
}

static void gather(rim_ctx *ctx) {
    const struct rim__shard *shard = ctx->shard;
    rim_stats *stats = &ctx->stats;
    stats->parcels_sent = shard->mesh.parcels_sent;
    stats->parcels_in_use = shard->mesh.parcels_out;
    stats->wakes_sent = shard->mesh.wakes_sent;
    stats->wakes_saved = shard->mesh.wakes_saved;
    stats->parks = shard->parks;
    stats->slept_ns = shard->slept_ns;
    stats->rescued_wakeups = shard->suspects;
    stats->ticks = shard->ticks;
    rim__memory_count(&shard->memory, &stats->blocks, &stats->memory_bytes);
    if (shard->driver != NULL) {
        stats->enters = shard->driver->enters;
    }
    if (ctx->io_stats != NULL) {
        ctx->io_stats(ctx, stats);
    }
}

void rim__stats_publish(rim_ctx *ctx) {
    gather(ctx);
    uint64_t words[COUNTERS]; /* each sleep comes by here */
    memcpy(words, &ctx->stats, sizeof words);
    for (uint32_t i = 0; i < COUNTERS; i++) {
        atomic_store_explicit(&ctx->published[i], words[i], memory_order_relaxed);
    }
}

void rim__stats_read(const rim_ctx *ctx, rim_stats *out) {
    for (uint32_t i = 0; i < COUNTERS; i++) {
        uint64_t value = atomic_load_explicit(&ctx->published[i], memory_order_relaxed);
        memcpy((char *)out + i * sizeof value, &value, sizeof value);
    }
}

static uint64_t actors_of(const rim_ctx *ctx) {
    return atomic_load_explicit(&ctx->published[offsetof(rim_stats, actors) / sizeof(uint64_t)], memory_order_relaxed);
}

static uint64_t published(const rim_ctx *ctx, size_t offset) {
    return atomic_load_explicit(&ctx->published[offset / sizeof(uint64_t)], memory_order_relaxed);
}

uint64_t rim__stats_queued(const rim_ctx *any, uint64_t *ticks) {
    *ticks = published(any, offsetof(rim_stats, ticks));
    return published(any, offsetof(rim_stats, queued));
}

uint32_t rim__stats_least_loaded(const rim_ctx *any) {
    uint32_t best = any->shard->index;
    uint64_t least = any->stats.actors;
    for (uint32_t i = 0; i < any->shard->count; i++) {
        if (i == any->shard->index) {
            continue;
        }
        /* What we spawned there lately may not be published yet, but we know of it. */
        uint64_t published = actors_of(any->shard->peers[i]->world), ours = any->allotments[i].in_use;
        uint64_t actors = published > ours ? published : ours;
        if (actors < least) {
            least = actors;
            best = i;
        }
    }
    return best;
}
