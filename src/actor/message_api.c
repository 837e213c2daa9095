/* SPDX-License-Identifier: MIT */
/*
 * Messages as the user holds them.
 */
#include <errno.h>

#include "actor/ctx.h"

uint32_t rim_tag(const rim_msg *msg) {
    return msg->tag;
}

size_t rim_size(const rim_msg *msg) {
    return msg->size;
}

rim_ref rim_from(const rim_msg *msg) {
    return msg->from;
}

void *rim_body(rim_msg *msg) {
    return rim__msg_body(msg);
}

void rim_msg_retag(rim_msg *msg, uint32_t tag) {
    msg->tag = tag;
}

rim_msg *rim_msg_new(rim_ctx *ctx, uint32_t tag, size_t size) {
    if (size > RIM_BODY_MAX) {
        return NULL;
    }
    struct rim_msg *msg = rim__msg_create(ctx->shard, RIM_KIND_TELL, 0, tag, size);
    if (msg != NULL) {
        msg->from = ctx->actor != NULL ? ctx->actor->ref : RIM_NIL;
        msg->to = 0;
    }
    return msg;
}

/* A wrapped body is the struct, and behind it the user's function: arg has room for its argument only. */
struct wrapped {
    struct rim__body body;
    void (*release)(void *bytes, void *arg);
};

static void release_wrapped(struct rim__shard *home, struct rim__body *body) {
    struct wrapped *wrapped = rim__container_of(body, struct wrapped, body);
    if (wrapped->release != NULL) {
        wrapped->release(body->data, body->arg[0]);
    }
    rim__memory_free(&home->memory, wrapped, sizeof *wrapped);
}

rim_msg *rim_msg_wrap(rim_ctx *ctx, uint32_t tag, void *bytes, size_t size, void (*release)(void *bytes, void *arg),
                      void *arg) {
    if (size > RIM_BODY_MAX) {
        return NULL;
    }
    struct wrapped *wrapped = rim__memory_alloc(&ctx->shard->memory, sizeof *wrapped);
    if (wrapped == NULL) {
        return NULL;
    }
    struct rim_msg *msg = rim__msg_create(ctx->shard, RIM_KIND_TELL, RIM_MSG_OUT, tag, size);
    if (msg == NULL) {
        rim__memory_free(&ctx->shard->memory, wrapped, sizeof *wrapped);
        return NULL;
    }
    *wrapped = (struct wrapped){
        .body = {.data = bytes,
                 .size = (uint32_t)size,
                 .home = ctx->shard->index,
                 .release = release_wrapped,
                 .arg = {arg, NULL}},
        .release = release,
    };
    msg->from = ctx->actor != NULL ? ctx->actor->ref : RIM_NIL;
    msg->to = 0;
    *(struct rim__body **)rim__msg_after(msg) = &wrapped->body;
    return msg;
}

/*
 * Once a message is viewed, its body is a counted one in front of what it was: each view is one user more. All of it is
 * of this shard, where the last user lets go.
 */
struct counted {
    struct rim__body body;
    struct rim__body *inner;
    uint32_t users;
};

struct view {
    struct rim__body body;
    struct counted *counted;
};

static void drop_counted(struct rim__shard *home, struct counted *counted) {
    if (--counted->users == 0) {
        rim__body_release(home, counted->inner);
        rim__memory_free(&home->memory, counted, sizeof *counted);
    }
}

static void release_counted(struct rim__shard *home, struct rim__body *body) {
    drop_counted(home, rim__container_of(body, struct counted, body));
}

static void release_view(struct rim__shard *home, struct rim__body *body) {
    struct view *view = rim__container_of(body, struct view, body);
    drop_counted(home, view->counted);
    rim__memory_free(&home->memory, view, sizeof *view);
}

const struct rim__body *rim__msg_origin(const struct rim_msg *msg) {
    const struct rim__body *body = (msg->flags & RIM_MSG_OUT) ? rim__msg_out(msg) : NULL;
    while (body != NULL && (body->release == release_view || body->release == release_counted)) {
        bool is_view = body->release == release_view;
        const struct counted *counted = is_view ? rim__container_of(body, const struct view, body)->counted
                                                : rim__container_of(body, const struct counted, body);
        body = counted->inner;
    }
    return body;
}

/* The counted body of a message, made if need be. */
static struct counted *count_users(rim_ctx *ctx, struct rim_msg *msg) {
    struct rim__body **body = rim__msg_after(msg);
    if ((*body)->release == release_counted && (*body)->home == ctx->shard->index) {
        return rim__container_of(*body, struct counted, body);
    }
    struct counted *counted = rim__memory_alloc(&ctx->shard->memory, sizeof *counted);
    if (counted != NULL) {
        *counted = (struct counted){.body = **body, .inner = *body, .users = 1};
        counted->body.home = ctx->shard->index;
        counted->body.release = release_counted;
        *body = &counted->body;
    }
    return counted;
}

/* What is inline can hold nothing but its own bytes: those are copied. */
rim_msg *rim_msg_view(rim_ctx *ctx, uint32_t tag, const void *bytes, size_t size, rim_msg *of) {
    bool is_out = (of->flags & RIM_MSG_OUT) != 0;
    if (!is_out || size <= RIM_MSG_INLINE_MAX) {
        rim_msg *copy = rim_msg_new(ctx, tag, size);
        if (copy != NULL) {
            __builtin_memcpy(rim__msg_body(copy), bytes, size);
        }
        return copy;
    }
    struct counted *counted = size <= RIM_BODY_MAX ? count_users(ctx, of) : NULL;
    struct view *view = counted != NULL ? rim__memory_alloc(&ctx->shard->memory, sizeof *view) : NULL;
    struct rim_msg *msg = view != NULL ? rim__msg_create(ctx->shard, RIM_KIND_TELL, RIM_MSG_OUT, tag, size) : NULL;
    if (msg == NULL) {
        if (view != NULL) {
            rim__memory_free(&ctx->shard->memory, view, sizeof *view);
        }
        return NULL;
    }
    *view = (struct view){.body = counted->body, .counted = counted};
    view->body.data = (void *)(uintptr_t)bytes;
    view->body.size = (uint32_t)size;
    view->body.release = release_view;
    counted->users++;
    msg->from = ctx->actor != NULL ? ctx->actor->ref : RIM_NIL;
    msg->to = 0;
    *(struct rim__body **)rim__msg_after(msg) = &view->body;
    return msg;
}

/* Keeps a message whose home is an object of the runtime (a timer, a request): as a copy. */
static struct rim_msg *copy_embedded(rim_ctx *ctx, const struct rim_msg *msg) {
    struct rim_msg *copy = rim_msg_new(ctx, msg->tag, msg->size);
    if (copy != NULL) {
        copy->from = msg->from;
        __builtin_memcpy(rim__msg_body(copy), rim__msg_body(msg), msg->size);
    }
    return copy;
}

rim_msg *rim_take(rim_ctx *ctx, rim_msg *msg) {
    if (msg == NULL || msg != ctx->current || ctx->taken) {
        return NULL;
    }
    if (msg->flags & RIM_MSG_EMBEDDED) {
        return copy_embedded(ctx, msg);
    }
    rim_ref from = msg->from;
    struct rim_msg *kept = msg;
    if (msg->flags & (RIM_MSG_IN_PARCEL | RIM_MSG_FOREIGN)) {
        kept = rim__msg_move_out(ctx->shard, msg);
        if (kept == NULL) {
            return NULL;
        }
    }
    rim__hand_over(ctx, from); /* a request can still be answered */
    kept->flags &= (uint16_t) ~(RIM_MSG_RESERVED | RIM_MSG_URGENT | RIM_MSG_RETURNED | RIM_MSG_PUBLISHED);
    return kept;
}

void rim_msg_free(rim_ctx *ctx, rim_msg *msg) {
    if (msg != NULL) {
        rim__msg_release(ctx->shard, msg);
    }
}
