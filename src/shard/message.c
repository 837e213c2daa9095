/* SPDX-License-Identifier: MIT */
#include "shard/message.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "shard/shard.h"

struct rim_msg *rim__msg_create(struct rim__shard *shard, enum rim__kind kind, uint32_t flags, uint32_t tag,
                                size_t size) {
    struct rim_msg *msg = rim__memory_alloc(&shard->memory, rim__msg_span(flags, size));
    if (rim__likely(msg != NULL)) {
        msg->next = NULL;
        msg->kind = kind;
        msg->flags = (uint16_t)flags;
        msg->tag = tag;
        msg->size = (uint32_t)size;
    }
    return msg;
}

static void free_aligned(struct rim__shard *home, struct rim__body *body) {
    rim__memory_free(&home->memory, body, (size_t)(uintptr_t)body->arg[0]);
}

struct rim_msg *rim__msg_create_aligned(struct rim__shard *shard, uint32_t tag, size_t size, size_t align) {
    size_t span = sizeof(struct rim__body) + align + size;
    struct rim_msg *msg = rim__msg_create(shard, RIM_KIND_TELL, RIM_MSG_OUT, tag, size);
    struct rim__body *body = msg != NULL ? rim__memory_alloc(&shard->memory, span) : NULL;
    if (body == NULL) {
        if (msg != NULL) {
            rim__memory_free(&shard->memory, msg, rim__msg_span(msg->flags, size));
        }
        return NULL;
    }
    uintptr_t behind = (uintptr_t)(body + 1);
    *body = (struct rim__body){
        .data = (char *)(body + 1) + ((0 - behind) & (align - 1)),
        .size = (uint32_t)size,
        .home = shard->index,
        .release = free_aligned,
        .arg = {(void *)span, NULL},
    };
    msg->from = 0;
    msg->to = 0;
    *(struct rim__body **)rim__msg_after(msg) = body;
    return msg;
}

static rim__cold void send_body_home(struct rim__shard *shard, struct rim__body *body) {
    struct rim_msg *msg = rim__mesh_reserve(shard, body->home, (uint32_t)rim__msg_span(RIM_MSG_OUT, 0), true);
    if (msg == NULL) {
        rim__log_write(&shard->log, RIM_LOG_ERROR, "out of memory: a body of %u bytes cannot go home", body->size);
        return;
    }
    uint32_t flags = msg->flags;
    *msg = (struct rim_msg){.kind = RIM_KIND_RETURN, .flags = (uint16_t)(flags | RIM_MSG_OUT | RIM_MSG_RESERVED)};
    *(struct rim__body **)rim__msg_after(msg) = body;
}

void rim__body_release(struct rim__shard *shard, struct rim__body *body) {
    if (body->home == shard->index) {
        body->release(shard, body);
    } else {
        send_body_home(shard, body);
    }
}

/* The message's own memory goes back to where it came from. */
static void free_envelope(struct rim__shard *shard, struct rim_msg *msg) {
    if (msg->flags & RIM_MSG_IN_PARCEL) {
        rim__mesh_release(shard, msg);
    } else if (msg->flags & RIM_MSG_FOREIGN) {
        free(msg);
    } else if (!(msg->flags & RIM_MSG_EMBEDDED)) {
        rim__memory_free(&shard->memory, msg, rim__msg_span(msg->flags, msg->size));
    }
}

void rim__msg_release(struct rim__shard *shard, struct rim_msg *msg) {
    if (rim__unlikely(msg->flags & RIM_MSG_OUT)) {
        rim__body_release(shard, rim__msg_out(msg));
    }
    free_envelope(shard, msg);
}

struct rim_msg *rim__msg_move_out(struct rim__shard *shard, struct rim_msg *msg) {
    size_t span = rim__msg_span(msg->flags, msg->size);
    struct rim_msg *copy = rim__memory_alloc(&shard->memory, span);
    if (copy == NULL) {
        return NULL;
    }
    memcpy(copy, msg, span);
    copy->flags &= (uint16_t) ~(RIM_MSG_IN_PARCEL | RIM_MSG_FOREIGN);
    free_envelope(shard, msg);
    return copy;
}
