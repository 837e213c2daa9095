/* SPDX-License-Identifier: MIT */
/*
 * Views: messages whose body lies in a region. Also small ones go by pointer: to copy their bytes here would touch
 * pages that may be gone, or on a disk.
 */
#include <errno.h>

#include "base/assert.h"
#include "io/guard.h"
#include "io/region.h"
#include "io/staging.h"

struct view {
    struct rim__body body;
    struct rim__region *region;
};

/* ---- making and ending ---- */

static void release(struct rim__shard *home, struct rim__body *body) {
    struct view *view = rim__container_of(body, struct view, body);
    struct rim__region *region = view->region;
    rim__memory_free(&home->memory, view, sizeof *view);
    region->views--;
    if (region->state == RIM_REGION_CLOSED) {
        rim__region_bury(region);
    }
}

int rim__region_limit(const struct rim__region *region, uint64_t offset, uint64_t *length) {
    uint64_t size = region->mapping.size;
    if (offset > size || *length > size - offset) {
        return -ENODATA;
    }
    *length = *length != 0 ? *length : size - offset;
    return 0;
}

int rim__region_view(struct rim__region *region, uint32_t tag, uint64_t offset, uint64_t length, struct rim_msg **out) {
    int error = rim__region_limit(region, offset, &length);
    if (error != 0 || length > RIM_BODY_MAX) {
        return error != 0 ? error : -RIM_ETOOBIG;
    }
    struct rim__shard *shard = region->service->shard;
    struct view *view = rim__memory_alloc(&shard->memory, sizeof *view);
    if (view == NULL) {
        return -ENOMEM;
    }
    struct rim_msg *msg = rim__msg_create(shard, RIM_KIND_TELL, RIM_MSG_OUT, tag, (size_t)length);
    if (msg == NULL) {
        rim__memory_free(&shard->memory, view, sizeof *view);
        return -ENOMEM;
    }
    *view = (struct view){
        .body = {.data = region->mapping.bytes + offset,
                 .size = (uint32_t)length,
                 .home = shard->index,
                 .release = release},
        .region = region,
    };
    region->views++;
    msg->from = region->self;
    msg->to = 0;
    *(struct rim__body **)rim__msg_after(msg) = &view->body;
    *out = msg;
    return 0;
}

bool rim_map_is_ready(rim_ctx *ctx, rim_ref map) {
    struct rim__region *region;
    return rim__region_find(ctx, map, &region) == 0 && region->state == RIM_REGION_READY;
}

int rim_map_view(rim_ctx *ctx, rim_ref map, uint32_t tag, uint64_t offset, uint64_t length, rim_msg **out) {
    struct rim__region *region;
    int error = rim__region_find(ctx, map, &region);
    error = error == 0 && region->error != 0 ? region->error : error;
    return error != 0 ? error : rim__region_view(region, tag, offset, length, out);
}

/* ---- reading what may be gone ---- */

struct part {
    const struct rim__mapping *mapping;
    uint64_t at; /* of the view, in the mapping */
    uint64_t size;
};

/* Any thread: it reads what is constant while the view lives. */
static int find_part(const rim_msg *msg, struct part *part) {
    const struct rim__body *body = msg != NULL ? rim__msg_origin(msg) : NULL;
    if (body == NULL) {
        return -EINVAL;
    }
    bool is_view = body->release == release;
    part->mapping =
        is_view ? &rim__container_of(body, const struct view, body)->region->mapping : rim__staging_mapping(body);
    if (part->mapping == NULL) {
        return -EINVAL;
    }
    part->at = (uint64_t)((const char *)rim__msg_body(msg) - part->mapping->bytes);
    part->size = msg->size;
    return 0;
}

bool rim__region_is_view(const struct rim_msg *msg) {
    struct part part;
    return (msg->flags & RIM_MSG_OUT) != 0 && msg->size > 0 && find_part(msg, &part) == 0;
}

/* The pages may all be there, and yet what is behind the end in the last of them is zero. */
static int check_part(const struct part *part) {
    int64_t size = part->mapping->ops->file_size(part->mapping);
    if (size < 0) {
        return (int)size;
    }
    return part->mapping->offset + part->at + part->size <= (uint64_t)size ? 0 : -EFAULT;
}

static int find_within(const rim_msg *view, uint64_t offset, size_t size, struct part *part) {
    int error = find_part(view, part);
    if (error != 0 || offset > part->size || size > part->size - offset) {
        return -EINVAL;
    }
    part->at += offset;
    part->size = size;
    return 0;
}

int rim_map_check(const rim_msg *view) {
    struct part part;
    int error = find_part(view, &part);
    return error != 0 ? error : check_part(&part);
}

int rim_map_copy(const rim_msg *view, uint64_t offset, void *to, size_t size) {
    struct part part;
    int error = find_within(view, offset, size, &part);
    error = error != 0 ? error : part.mapping->ops->copy(part.mapping, part.at, to, size);
    return error != 0 ? error : check_part(&part);
}

int rim_map_store(const rim_msg *view, uint64_t offset, const void *from, size_t size) {
    struct part part;
    int error = find_within(view, offset, size, &part);
    if (error == 0 && part.mapping->access == RIM_MAP_READ) {
        return -EACCES;
    }
    error = error != 0 ? error : part.mapping->ops->store(part.mapping, part.at, from, size);
    return error != 0 ? error : check_part(&part);
}

int rim_map_guarded(const rim_msg *view, int (*read)(const void *bytes, size_t size, void *arg), void *arg) {
    struct part part;
    int result = 0;
    int error = read != NULL ? find_part(view, &part) : -EINVAL;
    error =
        error != 0 ? error : rim__guard_run(&(struct rim__guarded){rim__msg_body(view), part.size, read, arg}, &result);
    error = error != 0 ? error : check_part(&part);
    return error != 0 ? error : result;
}
