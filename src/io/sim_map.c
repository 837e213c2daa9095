/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/sim_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "io/mapping.h"
#include "io/sim_disk.h"
#include "io/sim_tree.h"

static struct rim__sim_inode *inode_of(const struct rim__mapping *mapping) {
    const struct rim__sim *sim = mapping->world;
    struct rim__sim_opening *opening = rim__sim_tree_opening(&sim->files, mapping->fd);
    rim__assert(opening != NULL);
    return opening->inode;
}

/* ---- what a view asks for ---- */

static int64_t file_size(const struct rim__mapping *mapping) {
    return (int64_t)inode_of(mapping)->size;
}

static bool is_there(const struct rim__mapping *mapping, uint64_t at, size_t size) {
    return mapping->offset + at + size <= inode_of(mapping)->size;
}

static int copy(const struct rim__mapping *mapping, uint64_t at, void *to, size_t size) {
    if (!is_there(mapping, at, size)) {
        return -EFAULT;
    }
    if (size > 0) {
        memcpy(to, mapping->bytes + at, size);
    }
    return 0;
}

static int store(const struct rim__mapping *mapping, uint64_t at, const void *from, size_t size) {
    if (!is_there(mapping, at, size)) {
        return -EFAULT;
    }
    if (size > 0) {
        memcpy(mapping->bytes + at, from, size);
    }
    return 0;
}

static void unmap(struct rim__mapping *mapping) {
    struct rim__sim *sim = mapping->world;
    free(mapping->base); /* of a private one */
    rim__sim_file_close(&sim->files, mapping->fd);
    mapping->ops = NULL;
}

static const struct rim__mapping_ops ops = {.file_size = file_size, .copy = copy, .store = store, .unmap = unmap};

/* ---- mapping ---- */

static int32_t on_disk(struct rim__sim *sim, struct rim__op op, enum rim__file_what what) {
    op.kind = RIM_OP_FILE;
    op.file.what = what;
    return rim__sim_disk_perform(sim, &op);
}

static int32_t open_file(struct rim__sim *sim, const struct rim__map_plan *plan) {
    struct rim__op op = {.fd = -1};
    op.file.path = plan->path;
    op.file.flags = (plan->access == RIM_MAP_WRITE ? O_RDWR : O_RDONLY) | (plan->extend ? O_CREAT : 0);
    op.file.mode = plan->mode != 0 ? plan->mode : 0666;
    return on_disk(sim, op, RIM_FILE_OP_OPEN);
}

static int32_t extend(struct rim__sim *sim, int fd, const struct rim__map_plan *plan) {
    struct rim__op op = {.fd = fd};
    op.file.offset = plan->offset;
    op.file.length = plan->length;
    return rim__sim_strikes(sim, RIM_FAULT_file_full) ? -ENOSPC : on_disk(sim, op, RIM_FILE_OP_ALLOCATE);
}

/* From now on the bytes lie where they are, however long the file becomes. */
static char *pin(struct rim__sim_inode *inode) {
    if (!inode->is_pinned) {
        int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        void *bytes = mmap(NULL, RIM_SIM_FILE_SIZE_MAX, PROT_READ | PROT_WRITE, flags, -1, 0);
        rim__assert(bytes != MAP_FAILED);
        if (inode->size > 0) {
            memcpy(bytes, inode->bytes, inode->size);
        }
        free(inode->bytes);
        inode->bytes = bytes;
        inode->room = RIM_SIM_FILE_SIZE_MAX;
        inode->is_pinned = true;
    }
    return inode->bytes;
}

static int32_t fill(struct rim__sim *sim, const struct rim__map_plan *plan, struct rim__mapping *out) {
    struct rim__sim_inode *inode = inode_of(out);
    int32_t error = rim__sim_inode_is(inode, S_IFDIR) ? -EISDIR : plan->extend ? extend(sim, out->fd, plan) : 0;
    error = error != 0 ? error : rim__mapping_measure(plan, inode->size, &out->size);
    if (error != 0 || rim__sim_strikes(sim, RIM_FAULT_map_limit)) {
        return error != 0 ? error : -ENOMEM;
    }
    out->bytes = pin(inode) + plan->offset;
    if (plan->access == RIM_MAP_PRIVATE && out->size > 0) {
        out->base = rim__sim_event_alloc(out->size);
        out->bytes = memcpy(out->base, out->bytes, out->size);
    }
    return 0;
}

static int32_t open_mapping(struct rim__sim *sim, const struct rim__map_plan *plan, struct rim__mapping *out) {
    *out = (struct rim__mapping){.ops = &ops, .access = plan->access, .offset = plan->offset, .world = sim};
    out->fd = open_file(sim, plan);
    int32_t error = out->fd < 0 ? out->fd : fill(sim, plan, out);
    if (error != 0 && out->fd >= 0) {
        rim__sim_file_close(&sim->files, out->fd);
    }
    if (error != 0) {
        out->ops = NULL;
    }
    return error;
}

static int32_t populate(struct rim__sim *sim, const struct rim__op *op) {
    bool fails = !is_there(op->map.mapping, op->map.offset, op->map.length);
    return fails || rim__sim_strikes(sim, RIM_FAULT_file_error) ? -EFAULT : 0;
}

int32_t rim__sim_map_perform(struct rim__sim *sim, struct rim__op *op) {
    switch (op->map.what) {
    case RIM_MAP_OP_OPEN:
        return open_mapping(sim, op->map.plan, op->map.mapping);
    case RIM_MAP_OP_POPULATE:
    case RIM_MAP_OP_POPULATE_WRITE:
        return populate(sim, op);
    case RIM_MAP_OP_ADVISE:
        return op->map.advice == RIM_MAP_POPULATE ? populate(sim, op) : 0;
    case RIM_MAP_OP_SYNC:
        return rim__sim_strikes(sim, RIM_FAULT_file_error) ? -EIO : 0;
    case RIM_MAP_OP_UNMAP:
        op->map.mapping->ops->unmap(op->map.mapping);
        return 0;
    }
    rim__unreachable("what is done to a mapping");
}
