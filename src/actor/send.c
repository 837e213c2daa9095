/* SPDX-License-Identifier: MIT */
/*
 * The sending half. A message to this shard goes straight into the receiver's mailbox; one to another shard is written
 * into the open parcel for it. Bodies that do not fit a parcel travel as a pointer to a rim__body.
 */
#include <errno.h>
#include <string.h>

#include "actor/mailbox.h"
#include "actor/record.h"
#include "actor/send.h"
#include "base/copy.h"

static rim_ref sender(const rim_ctx *ctx) {
    return ctx->actor != NULL ? ctx->actor->ref : RIM_NIL;
}

static rim__always_inline rim_ref sender_of(const rim_ctx *ctx, const struct rim__sending *sending) {
    if (sending->as == RIM_NIL) {
        return sender(ctx);
    }
    return sending->as == RIM_SEND_AS_NOBODY ? RIM_NIL : sending->as;
}

int rim__send_check_other(const rim_ctx *ctx, rim_ref to) {
    if (rim__ref_kind(to) != RIM_REF_ACTOR) {
        return -RIM_EBADREF;
    }
    if (rim__ref_node(to) != 0) {
        return -RIM_EDOWN; /* other nodes: there are none to be reached yet */
    }
    return rim__ref_shard(to) < ctx->shard->count ? 0 : -RIM_EBADREF;
}

/* An actor whose birth is under way to this shard, from a third one: it can be sent to all the same. */
static rim__cold struct rim__actor *unborn(rim_ctx *ctx, rim_ref to) {
    struct rim__actor *embryo = rim__actor_embryo(ctx, rim__ref_local(to));
    if (embryo == NULL && ctx->actor != NULL && rim__replay_is_on(ctx->actor)) {
        return rim__actor_get(ctx, ctx->actor->belongings->stand_in);
    }
    return embryo;
}

static rim__cold int send_to_nobody(rim_ctx *ctx, struct rim__sending sending) {
    ctx->stats.sent++;
    rim__dead_count(ctx, &(rim_dead_letter){.from = sender_of(ctx, &sending),
                                            .to = sending.to,
                                            .tag = sending.tag,
                                            .reason = -RIM_EDOWN,
                                            .size = sending.size});
    return -RIM_EDOWN;
}

static rim__cold int send_refused(rim_ctx *ctx) {
    ctx->stats.sent++;
    ctx->stats.refused++;
    return -RIM_EFULL;
}

static rim__cold int send_closed(rim_ctx *ctx) {
    ctx->stats.sent++;
    ctx->stats.refused++;
    return -RIM_ECLOSED;
}

/* What put_local and push_owned return for a message that the receiver's policy has dropped: the send has succeeded,
   but there is nothing to write a body into. */
enum { DROPPED = 1 };

static rim__cold int send_dropped(rim_ctx *ctx, const struct rim__sending *sending) {
    rim_ref from = sender_of(ctx, sending);
    ctx->stats.sent++;
    rim__dead_count(ctx, &(rim_dead_letter){.from = from,
                                            .to = sending->to,
                                            .tag = sending->tag,
                                            .reason = -RIM_EDROPPED,
                                            .size = sending->size});
    if (sending->kind == RIM_KIND_ASK) {
        rim__request_fail(ctx, from, sending->token, -RIM_EDROPPED);
    }
    return DROPPED;
}

/* The receiver is full: its policy decides. 0: there is room now. By value, as its callers' struct is not in memory. */
static rim__cold int send_overflow(rim_ctx *ctx, struct rim__actor *actor, struct rim__sending sending) {
    switch (rim__overflow(ctx, actor, sending.kind, (uint32_t)sending.size)) {
    case RIM_FATE_ROOM:
        return 0;
    case RIM_FATE_DROPPED:
        return send_dropped(ctx, &sending);
    case RIM_FATE_CLOSED:
        return send_closed(ctx);
    case RIM_FATE_REFUSED:
        break;
    }
    return send_refused(ctx);
}

/* The whole header in one assignment, so that its packed word is one store. */
static rim__always_inline void fill_head(const rim_ctx *ctx, struct rim_msg *msg, const struct rim__sending *sending,
                                         uint32_t home) {
    *msg = (struct rim_msg){
        .from = sender_of(ctx, sending),
        .to = rim__ref_local(sending->to),
        .kind = sending->kind,
        .flags = (uint16_t)(sending->flags | home),
        .tag = sending->tag,
        .size = (uint32_t)sending->size,
    };
    if (sending->flags & RIM_MSG_TOKEN) {
        *rim__msg_token(msg) = (struct rim__msg_token){.token = sending->token, .deadline_ns = sending->deadline_ns};
    }
}

static rim__cold int put_urgent(rim_ctx *ctx, struct rim__actor *actor, const struct rim__sending *sending,
                                struct rim_msg **out) {
    if (actor->marks & RIM_MARK_CLOSED) {
        return send_closed(ctx);
    }
    struct rim_msg **place = rim__urgent_place(actor);
    if (place == NULL) {
        return send_refused(ctx);
    }
    struct rim_msg *msg = rim__memory_alloc(&ctx->shard->memory, rim__msg_span(sending->flags, sending->size));
    if (msg == NULL) {
        return -ENOMEM;
    }
    fill_head(ctx, msg, sending, 0);
    ctx->stats.sent++;
    rim__urgent_insert(ctx, actor, place, msg);
    *out = msg;
    return 0;
}

/* The message by value of sending's fields, without its body, into the receiver's mailbox. */
static rim__always_inline int put_local(rim_ctx *ctx, const struct rim__sending *sending, struct rim_msg **out) {
    struct rim__actor *actor = rim__actor_find(ctx, rim__ref_local(sending->to));
    if (rim__unlikely(actor == NULL) && (actor = unborn(ctx, sending->to)) == NULL) {
        return send_to_nobody(ctx, *sending);
    }
    if (rim__unlikely(sending->flags & RIM_MSG_URGENT)) {
        return put_urgent(ctx, actor, sending, out);
    }
    if (rim__unlikely(!rim__mailbox_has_room(actor, (uint32_t)sending->size)) && !(sending->flags & RIM_MSG_RESERVED)) {
        int error = send_overflow(ctx, actor, *sending);
        if (error != 0) {
            return error;
        }
    }
    struct rim_msg *msg = rim__memory_alloc(&ctx->shard->memory, rim__msg_span(sending->flags, sending->size));
    if (rim__unlikely(msg == NULL)) {
        return -ENOMEM;
    }
    fill_head(ctx, msg, sending, 0);
    ctx->stats.sent++;
    rim__mailbox_push(ctx, actor, msg);
    *out = msg;
    return 0;
}

/* The same into the parcel for another shard. */
static rim__always_inline int put_across(rim_ctx *ctx, const struct rim__sending *sending, struct rim_msg **out) {
    bool reserved = (sending->flags & RIM_MSG_RESERVED) != 0;
    if (rim__unlikely(ctx->full_count > 0) && !reserved && !(sending->flags & RIM_MSG_URGENT) &&
        rim__room_is_full(ctx, sending->to)) {
        return send_refused(ctx);
    }
    uint32_t span = (uint32_t)rim__msg_span(sending->flags, sending->size);
    struct rim_msg *msg = rim__mesh_reserve(ctx->shard, rim__ref_shard(sending->to), span, reserved);
    if (rim__unlikely(msg == NULL)) {
        return reserved ? -ENOMEM : send_refused(ctx);
    }
    if ((sending->flags & RIM_MSG_URGENT) && (msg->flags & RIM_MSG_IN_PARCEL)) {
        rim__parcel_of(msg)->urgent++;
    }
    fill_head(ctx, msg, sending, msg->flags);
    ctx->stats.sent++;
    ctx->stats.sent_across++;
    *out = msg;
    return 0;
}

static bool is_here(const rim_ctx *ctx, rim_ref to) {
    return rim__ref_shard(to) == ctx->shard->index;
}

static void free_body_block(struct rim__shard *home, struct rim__body *body) {
    rim__memory_free(&home->memory, body, sizeof *body + 8 + body->size);
}

static struct rim__body *copy_body(rim_ctx *ctx, const void *bytes, size_t size) {
    /* 8 more, so that the bytes behind the struct are aligned to 16 */
    struct rim__body *body = rim__memory_alloc(&ctx->shard->memory, sizeof *body + 8 + size);
    if (body != NULL) {
        *body = (struct rim__body){
            .data = (char *)body + sizeof *body + 8,
            .size = (uint32_t)size,
            .home = ctx->shard->index,
            .release = free_body_block,
        };
        memcpy(body->data, bytes, size);
    }
    return body;
}
_Static_assert((sizeof(struct rim__body) + 8) % 16 == 0, "a copied body is aligned to 16");

int rim__send_out(rim_ctx *ctx, const struct rim__sending *sending, struct rim__body *body) {
    struct rim__sending out = *sending;
    out.flags |= RIM_MSG_OUT;
    out.size = body->size;
    struct rim_msg *msg = NULL;
    int error = is_here(ctx, out.to) ? put_local(ctx, &out, &msg) : put_across(ctx, &out, &msg);
    if (error == 0) {
        *(struct rim__body **)rim__msg_after(msg) = body;
    } else if (error == DROPPED) {
        rim__body_release(ctx->shard, body);
        error = 0;
    }
    return error;
}

/* By value, so that the callers' struct need not be in memory for its sake. */
static rim__cold int send_large(rim_ctx *ctx, struct rim__sending sending) {
    struct rim__body *body = copy_body(ctx, sending.body, sending.size);
    if (body == NULL) {
        return -ENOMEM;
    }
    int error = rim__send_out(ctx, &sending, body);
    if (error != 0) {
        rim__body_release(ctx->shard, body);
    }
    return error;
}

/* Inlined into its callers, which know kind and flags: the hot path has neither branches nor stores for the rest. */
static rim__always_inline int send_copy(rim_ctx *ctx, const struct rim__sending *sending) {
    struct rim_msg *msg = NULL;
    int error;
    if (rim__likely(is_here(ctx, sending->to))) {
        error = put_local(ctx, sending, &msg);
    } else if (rim__likely(sending->size <= RIM_MSG_INLINE_MAX)) {
        error = put_across(ctx, sending, &msg);
    } else {
        return send_large(ctx, *sending);
    }
    if (rim__likely(error == 0)) {
        rim__copy(rim__msg_behind(msg, sending->flags), sending->body, sending->size);
        return 0;
    }
    return error == DROPPED ? 0 : error;
}

static int check_user(const rim_ctx *ctx, rim_ref to, uint32_t tag, size_t size) {
    if (rim__unlikely((tag & 0xffffu) < RIM_USER)) {
        return -EINVAL;
    }
    return rim__unlikely(size > RIM_BODY_MAX) ? -RIM_ETOOBIG : rim__send_check(ctx, to);
}

/* Where a recording is played, actors of a shard that is not there are spoken to as well. */
static rim__cold int send_wrongly(rim_ctx *ctx, rim_ref to, uint32_t tag, const void *body, size_t size, int error) {
    return error == -RIM_EBADREF && rim__replay_divert(ctx, to, tag, body, size) ? 0 : error;
}

/* All there is to sending, beyond the common case. */
static __attribute__((noinline)) int send_any(rim_ctx *ctx, rim_ref to, uint32_t tag, const void *body, size_t size) {
    int error = check_user(ctx, to, tag, size);
    if (rim__unlikely(error != 0)) {
        return send_wrongly(ctx, to, tag, body, size, error);
    }
    return send_copy(ctx,
                     &(struct rim__sending){.to = to, .kind = RIM_KIND_TELL, .tag = tag, .body = body, .size = size});
}

/*
 * The common case: a small message from one actor to another of this shard, that has room. It makes no call, so that
 * nothing has to be saved across one; which is a third of what a message costs. False: nothing has happened yet.
 */
static rim__always_inline bool send_near(rim_ctx *ctx, rim_ref to, uint32_t tag, const void *body, size_t size) {
    uint64_t local = to ^ ctx->here; /* if it is this shard's: the rest is 0 then */
    struct rim__memory *memory = &ctx->shard->memory;
    if (rim__unlikely(local >> RIM_LOCAL_BITS != 0 || size >= memory->body_end || (tag & 0xffffu) < RIM_USER)) {
        return false;
    }
    struct rim__actor *actor = rim__actor_find(ctx, local);
    if (rim__unlikely(actor == NULL || ctx->actor == NULL || actor->count >= actor->count_max ||
                      actor->bytes + (uint64_t)size > actor->bytes_max)) {
        return false;
    }
    struct rim_msg *msg = rim__memory_take(memory, RIM_MSG_SMALL_CLASS(size));
    if (rim__unlikely(msg == NULL)) {
        return false;
    }
    msg->from = ctx->actor->ref;
    msg->word = RIM_MSG_WORD(local, RIM_KIND_TELL, 0);
    msg->tag = tag;
    msg->size = (uint32_t)size;
    rim__copy_small(rim__msg_behind(msg, 0), body, size);
    ctx->stats.sent++;
    __asm__("" ::: "memory"); /* what was read above is read again, and not kept in registers that have to be saved */
    rim__mailbox_push_sized(ctx, actor, msg, (uint32_t)size);
    return true;
}

/* The same to another shard: into the open parcel. */
static rim__always_inline bool send_far(rim_ctx *ctx, rim_ref to, uint32_t tag, const void *body, size_t size) {
    struct rim__shard *shard = ctx->shard;
    uint64_t other = (to ^ ctx->here) >> RIM_LOCAL_BITS; /* of the two shards only, if it is an actor of this node */
    uint32_t there = rim__ref_shard(to);
    if (rim__unlikely(other == 0 || other > RIM_SHARD_MASK || there >= shard->count || size > RIM_COPY_SMALL ||
                      (tag & 0xffffu) < RIM_USER || ctx->actor == NULL || ctx->full_count > 0)) {
        return false;
    }
    struct rim_msg *msg = rim__mesh_reserve_quick(&shard->mesh, there, (uint32_t)rim__msg_span(0, size));
    if (rim__unlikely(msg == NULL)) {
        return false;
    }
    msg->from = ctx->actor->ref;
    msg->word = RIM_MSG_WORD(rim__ref_local(to), RIM_KIND_TELL, RIM_MSG_IN_PARCEL);
    msg->tag = tag;
    msg->size = (uint32_t)size;
    ctx->stats.sent++;
    ctx->stats.sent_across++;
    rim__copy_small(rim__msg_behind(msg, 0), body, size);
    return true;
}

static __attribute__((noinline)) int send_on(rim_ctx *ctx, rim_ref to, uint32_t tag, const void *body, size_t size) {
    return rim__likely(send_far(ctx, to, tag, body, size)) ? 0 : send_any(ctx, to, tag, body, size);
}

rim__hot int rim_send(rim_ctx *ctx, rim_ref to, uint32_t tag, const void *body, size_t size) {
    return rim__likely(send_near(ctx, to, tag, body, size)) ? 0 : send_on(ctx, to, tag, body, size);
}

int rim__send_copy(rim_ctx *ctx, const struct rim__sending *sending) {
    return send_copy(ctx, sending);
}

static void free_wrapped(struct rim__shard *home, struct rim__body *body) {
    rim__msg_release(home, body->arg[0]);
    rim__memory_free(&home->memory, body, sizeof *body);
}

/* The body of an owned message as one that can travel; the message's own memory goes with it, or is freed. */
struct rim__body *rim__send_detach(rim_ctx *ctx, struct rim_msg *msg) {
    struct rim__body *body;
    if (msg->flags & RIM_MSG_OUT) {
        body = rim__msg_out(msg);
        msg->flags &= (uint16_t)~RIM_MSG_OUT; /* the same span: both are one pointer long */
        msg->size = sizeof(void *);
        rim__msg_release(ctx->shard, msg);
        return body;
    }
    body = rim__memory_alloc(&ctx->shard->memory, sizeof *body);
    if (body != NULL) {
        *body = (struct rim__body){.data = rim__msg_after(msg),
                                   .size = msg->size,
                                   .home = ctx->shard->index,
                                   .release = free_wrapped,
                                   .arg = {msg, NULL}};
    }
    return body;
}

/* An owned message that can go as it is: into a mailbox of this shard. */
static int push_owned(rim_ctx *ctx, const struct rim__sending *sending, struct rim_msg *msg) {
    struct rim__actor *actor = rim__actor_find(ctx, rim__ref_local(sending->to));
    if (actor == NULL && (actor = unborn(ctx, sending->to)) == NULL) {
        return send_to_nobody(ctx, *sending);
    }
    if (!rim__mailbox_has_room(actor, msg->size)) {
        int error = send_overflow(ctx, actor, *sending);
        if (error != 0) {
            if (error == DROPPED) {
                rim__msg_release(ctx->shard, msg);
            }
            return error == DROPPED ? 0 : error;
        }
    }
    msg->from = sender(ctx);
    msg->to = rim__ref_local(sending->to);
    msg->kind = sending->kind;
    msg->tag = sending->tag;
    ctx->stats.sent++;
    rim__mailbox_push(ctx, actor, msg);
    return 0;
}

int rim__send_owned(rim_ctx *ctx, const struct rim__sending *sending, struct rim_msg *msg) {
    bool needs_token = (sending->flags & RIM_MSG_TOKEN) != 0;
    if (is_here(ctx, sending->to) && !needs_token) {
        return push_owned(ctx, sending, msg);
    }
    if (!(msg->flags & RIM_MSG_OUT) && msg->size <= RIM_MSG_INLINE_MAX) {
        struct rim__sending copy = *sending;
        copy.body = rim__msg_body(msg);
        copy.size = msg->size;
        int error = send_copy(ctx, &copy);
        if (error == 0) {
            rim__msg_release(ctx->shard, msg);
        }
        return error;
    }
    uint32_t tag = msg->tag;
    struct rim__body *body = rim__send_detach(ctx, msg);
    if (body == NULL) {
        return -ENOMEM;
    }
    int error = rim__send_out(ctx, sending, body);
    if (error != 0) {
        /* Back into a message, so that the caller still has one: only the failing send pays. */
        struct rim_msg *again = rim__msg_create(ctx->shard, RIM_KIND_TELL, RIM_MSG_OUT, tag, body->size);
        if (again == NULL) {
            rim__body_release(ctx->shard, body);
            return -ENOTRECOVERABLE;
        }
        *(struct rim__body **)rim__msg_after(again) = body;
        *sending->returned = again;
    }
    return error;
}

int rim_try_send(rim_ctx *ctx, rim_ref to, rim_msg **msg) {
    struct rim_msg *owned = *msg;
    if (owned == NULL) {
        return -EINVAL;
    }
    int error = check_user(ctx, to, owned->tag, owned->size);
    if (error != 0) {
        error = send_wrongly(ctx, to, owned->tag, rim__msg_body(owned), owned->size, error);
        if (error == 0) {
            rim__msg_release(ctx->shard, owned);
            *msg = NULL;
        }
        return error;
    }
    struct rim__sending sending = {
        .to = to, .kind = RIM_KIND_TELL, .tag = owned->tag, .size = owned->size, .returned = msg};
    error = rim__send_owned(ctx, &sending, owned);
    if (error == 0 || error == -ENOTRECOVERABLE) {
        *msg = NULL;
    }
    return error == -ENOTRECOVERABLE ? -ENOMEM : error;
}

int rim_send_msg(rim_ctx *ctx, rim_ref to, rim_msg *msg) {
    if (msg == NULL) {
        return -EINVAL;
    }
    int error = rim_try_send(ctx, to, &msg);
    rim_msg_free(ctx, msg);
    return error;
}
