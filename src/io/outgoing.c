/* SPDX-License-Identifier: MIT */
#include "io/outgoing.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "io/passing.h"

static void push(struct rim__outgoing *out, struct rim_msg *item) {
    item->next = NULL;
    if (out->head == NULL) {
        out->head = item;
    } else {
        out->last->next = item;
    }
    out->last = item;
    out->count++;
}

void rim__outgoing_append(struct rim__outgoing *out, struct rim_msg *msg) {
    rim__assert(msg->size > 0);
    msg->tag = msg->size;
    push(out, msg);
    out->open = NULL;
    out->bytes += msg->size;
}

void rim__outgoing_append_gift(struct rim__outgoing *out, struct rim_msg *msg) {
    rim__assert(rim__passing_to_send(msg) != NULL);
    rim__outgoing_append(out, msg);
    out->gifts++;
}

static bool is_gift(const struct rim__outgoing *out, const struct rim_msg *item) {
    return rim__unlikely(out->gifts > 0) && rim__passing_to_send(item) != NULL;
}

struct rim__passing *rim__outgoing_gift(const struct rim__outgoing *out) {
    return out->gifts > 0 && out->offset == 0 ? rim__passing_to_send(out->head) : NULL;
}

static void fill(struct rim__outgoing *out, struct rim_msg *item, const void *bytes, uint32_t size) {
    rim__assert(size <= item->size - item->tag);
    memcpy((char *)rim__msg_body(item) + item->tag, bytes, size);
    item->tag += size;
    out->bytes += size;
}

int rim__outgoing_copy(struct rim__outgoing *out, struct rim__shard *shard, const void *bytes, uint32_t size) {
    uint32_t room = out->open != NULL ? out->open->size - out->open->tag : 0;
    uint32_t first = size < room ? size : room;
    struct rim_msg *item = NULL;
    if (first < size) { /* before anything is copied, so that it is all or nothing */
        uint32_t rest = size - first;
        item = rim__msg_create(shard, RIM_KIND_TELL, 0, 0, rest < RIM_OUTGOING_BLOCK ? RIM_OUTGOING_BLOCK : rest);
        if (item == NULL) {
            return -ENOMEM;
        }
    }
    if (first > 0) {
        fill(out, out->open, bytes, first);
    }
    if (item != NULL) {
        push(out, item);
        fill(out, item, (const char *)bytes + first, size - first);
        out->open = item;
    }
    if (out->open != NULL && out->open->tag == out->open->size) {
        out->open = NULL;
    }
    return 0;
}

uint32_t rim__outgoing_gather(const struct rim__outgoing *out, struct iovec *iov, uint32_t max) {
    uint32_t count = 0;
    uint32_t offset = out->offset;
    for (struct rim_msg *at = out->head; at != NULL && count < max; at = at->next) {
        if (count > 0 && is_gift(out, at)) {
            break;
        }
        iov[count].iov_base = (char *)rim__msg_body(at) + offset;
        iov[count].iov_len = at->tag - offset;
        count++;
        offset = 0;
    }
    return count;
}

uint32_t rim__outgoing_gather_alike(const struct rim__outgoing *out, struct iovec *iov, uint32_t max, uint32_t large,
                                    bool *is_large) {
    uint32_t offset = out->offset, count = 0;
    *is_large = out->head->tag >= large;
    for (struct rim_msg *at = out->head; at != NULL && count < max && (at->tag >= large) == *is_large; at = at->next) {
        iov[count].iov_base = (char *)rim__msg_body(at) + offset;
        iov[count].iov_len = at->tag - offset;
        count++;
        offset = 0;
    }
    return count;
}

static struct rim_msg *take(struct rim__outgoing *out) {
    struct rim_msg *item = out->head;
    out->head = item->next;
    out->count--;
    out->gifts -= is_gift(out, item);
    if (out->open == item) {
        out->open = NULL;
    }
    return item;
}

static void pop(struct rim__outgoing *out, struct rim__shard *shard) {
    rim__msg_release(shard, take(out));
}

void rim__outgoing_consume(struct rim__outgoing *out, struct rim__shard *shard, uint64_t bytes) {
    rim__assert(bytes <= out->bytes);
    out->bytes -= bytes;
    while (bytes > 0) {
        uint32_t left = out->head->tag - out->offset;
        if (bytes < left) {
            out->offset += (uint32_t)bytes;
            return;
        }
        bytes -= left;
        out->offset = 0;
        pop(out, shard);
    }
}

struct rim_msg *rim__outgoing_consume_to(struct rim__outgoing *out, struct rim_msg *kept, uint64_t bytes) {
    rim__assert(bytes <= out->bytes);
    out->bytes -= bytes;
    while (bytes > 0) {
        uint32_t left = out->head->tag - out->offset;
        if (bytes < left) {
            out->offset += (uint32_t)bytes;
            break;
        }
        bytes -= left;
        out->offset = 0;
        struct rim_msg *item = take(out);
        item->next = kept;
        kept = item;
    }
    return kept;
}

struct rim_msg *rim__outgoing_take_begun(struct rim__outgoing *out) {
    if (out->offset == 0) {
        return NULL;
    }
    struct rim_msg *item = take(out);
    out->bytes -= item->tag - out->offset;
    out->offset = 0;
    item->next = NULL;
    return item;
}

void rim__outgoing_drop(struct rim__outgoing *out, struct rim__shard *shard) {
    while (out->head != NULL) {
        pop(out, shard);
    }
    out->bytes = 0;
    out->offset = 0;
}
