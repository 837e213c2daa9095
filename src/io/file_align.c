/* SPDX-License-Identifier: MIT */
/*
 * Direct I/O (O_DIRECT): the disk and the body of a message, without the page cache between them. The kernel then wants
 * place, length and memory to be multiples of an alignment, which a stat tells (STATX_DIOALIGN, Linux 6.1).
 *
 *     wanted            |--------|
 *     read          |skew        |   |     from multiple to multiple; the body begins behind what was not wanted
 *
 * So reads may be of any place. Writes may not: to write a part of a block its rest would have to be read before, and
 * that is not one step for who else writes there. Their memory is seen to: what is not aligned is copied.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "io/file.h"

/* Of struct statx, where the C library's does not name them yet. */
#define DIOALIGN_MASK   0x2000u
#define DIOALIGN_MEMORY 152u
#define DIOALIGN_OFFSET 156u
#define ALIGN_MAX       (1u << 16)

/* Where the kernel does not say: no disk has larger blocks. */
#define ALIGN_DEFAULT 4096u

static uint64_t down(uint64_t value, uint32_t align) {
    return value & ~(uint64_t)(align - 1);
}

static bool is_aligned(uint64_t value, uint32_t align) {
    return (value & (align - 1)) == 0;
}

/* ---- what it is ---- */

uint32_t rim__file_align_mask(void) {
    return DIOALIGN_MASK;
}

int rim__file_align_read_status(struct rim__file *file, const struct statx *status) {
    uint32_t memory, offset;
    file->align = ALIGN_DEFAULT;
    if ((status->stx_mask & DIOALIGN_MASK) == 0) {
        return 0;
    }
    memcpy(&memory, (const char *)status + DIOALIGN_MEMORY, sizeof memory);
    memcpy(&offset, (const char *)status + DIOALIGN_OFFSET, sizeof offset);
    uint32_t align = memory > offset ? memory : offset;
    if (align == 0) {
        return -EOPNOTSUPP;
    }
    bool is_sane = (align & (align - 1)) == 0 && align <= ALIGN_MAX;
    file->align = is_sane ? align : ALIGN_DEFAULT;
    return 0;
}

/* ---- reading ---- */

int rim__file_align_prepare_read(struct rim__file_call *call) {
    uint32_t align = call->file->align;
    uint64_t begin = down(call->ask.offset, align);
    uint64_t end = down(call->ask.offset + call->ask.length + align - 1, align);
    call->skew = (uint32_t)(call->ask.offset - begin);
    call->span = end - begin;
    call->msg = rim__msg_create_aligned(call->file->service->shard, RIM_FILE_CALL, call->span, align);
    return call->msg != NULL ? 0 : -ENOMEM;
}

/* A count that is no multiple is what was left of the file: to go on from there would be refused. */
bool rim__file_align_has_rest(struct rim__file_call *call, uint32_t count) {
    call->moved += count;
    return count > 0 && call->moved < call->span && is_aligned(call->moved, call->file->align);
}

int rim__file_align_finish_read(struct rim__file_call *call) {
    uint64_t got = call->moved > call->skew ? call->moved - call->skew : 0;
    struct rim__body *body = rim__msg_out(call->msg);
    call->moved = got < call->ask.length ? got : call->ask.length;
    body->data = (char *)body->data + call->skew;
    body->size = (uint32_t)call->moved;
    call->msg->size = (uint32_t)call->moved;
    call->span = 0;
    return call->ask.is_exact && call->moved < call->ask.length ? -ENODATA : 0;
}

/* ---- writing ---- */

int rim__file_align_prepare_write(struct rim__file_call *call) {
    struct rim__shard *shard = call->file->service->shard;
    uint32_t align = call->file->align;
    size_t head = sizeof call->ask;
    uint64_t size = call->ask.length;
    bool is_end = call->ask.offset == RIM_FILE_OP_END;
    if (!is_aligned(size, align) || (!is_end && !is_aligned(call->ask.offset, align))) {
        return -EINVAL;
    }
    if (is_aligned((uint64_t)(uintptr_t)rim__msg_body(call->msg) + head, align)) {
        return 0;
    }
    struct rim_msg *copy = rim__msg_create_aligned(shard, RIM_FILE_CALL, align + size, align);
    if (copy == NULL) {
        return -ENOMEM;
    }
    struct rim__body *body = rim__msg_out(copy);
    body->data = (char *)body->data + align - head;
    memcpy((char *)body->data + head, (char *)rim__msg_body(call->msg) + head, size);
    rim__msg_release(shard, call->msg);
    call->msg = copy;
    return 0;
}
