/* SPDX-License-Identifier: MIT */
/* How a region begins, and how its memory ends. */
#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "io/region.h"

#define STEP_BYTES   (4u << 20)
#define INLINE_BYTES (4u << 20) /* so much is unmapped on the shard: beyond, a helper is quicker for all others */

static size_t span(uint32_t path_size) {
    return sizeof(struct rim__region) + path_size;
}

static void link_region(struct rim__region *region) {
    struct rim__service *service = region->service;
    region->next = service->regions;
    region->link = &service->regions;
    if (region->next != NULL) {
        region->next->link = &region->next;
    }
    service->regions = region;
    service->objects++;
}

static void release_events(struct rim__region *region) {
    struct rim__shard *shard = region->service->shard;
    if (region->news != NULL) {
        rim__msg_release(shard, region->news);
    }
    if (region->farewell != NULL) {
        rim__msg_release(shard, region->farewell);
    }
}

static void fill(struct rim__region *region, const rim_map_options *options) {
    region->load = options->load;
    region->step = options->step_bytes != 0 ? options->step_bytes : STEP_BYTES;
    region->tells_progress = options->progress;
    region->plan = (struct rim__map_plan){
        .path = region->path,
        .access = options->access,
        .advice = options->advice,
        .offset = options->offset,
        .length = options->length,
        .extend = options->extend,
        .mode = options->mode,
    };
}

struct rim__region *rim__region_create(struct rim__service *service, const rim_map_options *options) {
    uint32_t path_size = (uint32_t)strlen(options->path) + 1;
    struct rim__region *region = rim__memory_alloc(&service->shard->memory, span(path_size));
    if (region == NULL) {
        return NULL;
    }
    memset(region, 0, sizeof *region);
    region->service = service;
    region->self_gone = true; /* until there is one */
    region->path_size = path_size;
    memcpy(region->path, options->path, path_size);
    fill(region, options);
    link_region(region);
    region->news = rim__event_reserve(service->ctx, sizeof(rim_map_event));
    region->farewell = rim__event_reserve(service->ctx, sizeof(rim_map_closed_event));
    if (region->news == NULL || region->farewell == NULL) {
        rim__region_discard(region);
        return NULL;
    }
    return region;
}

void rim__region_discard(struct rim__region *region) {
    struct rim__service *service = region->service;
    rim__assert(!rim__region_is_mapped(region));
    *region->link = region->next;
    if (region->next != NULL) {
        region->next->link = region->link;
    }
    rim__actor_unwatch(&region->self_watch);
    rim__actor_unwatch(&region->owner_watch);
    release_events(region);
    rim__memory_free(&service->shard->memory, region, span(region->path_size));
    rim__service_forget(service);
}

/* ---- unmapping ---- */

static void note_unmapped(struct rim__region *region) {
    if (!region->service->detached) {
        region->service->io->descriptors--;
    }
}

static void unmap_here(struct rim__region *region) {
    region->mapping.ops->unmap(&region->mapping);
    note_unmapped(region);
}

static void unmapped(struct rim__op *op, const struct rim__completion *completion) {
    (void)completion;
    struct rim__region *region = rim__container_of(op, struct rim__region, op);
    struct rim__service *service = region->service;
    if (!service->detached) {
        rim__ctx_busy(service->ctx, -1);
    }
    if (rim__region_is_mapped(region)) { /* it was called off */
        unmap_here(region);
    } else {
        note_unmapped(region);
    }
    rim__region_discard(region);
}

/* False: it must be done here. */
static bool unmap_elsewhere(struct rim__region *region) {
    struct rim__service *service = region->service;
    if (region->mapping.span <= INLINE_BYTES || service->detached) {
        return false;
    }
    region->op.done = unmapped;
    region->op.map.what = RIM_MAP_OP_UNMAP;
    if (service->io->ops->submit(service->io, &region->op) != 0) {
        return false;
    }
    rim__ctx_busy(service->ctx, 1);
    return true;
}

void rim__region_bury(struct rim__region *region) {
    bool is_used = region->views > 0 || region->op.in_flight || region->work.in_flight;
    if (is_used || !rim__region_is_cut(region)) {
        return;
    }
    if (rim__region_is_mapped(region)) {
        if (unmap_elsewhere(region)) {
            return;
        }
        unmap_here(region);
    }
    rim__region_discard(region);
}
