/* SPDX-License-Identifier: MIT */
/*
 * shard->deliver: a message has arrived on this shard, from a parcel, the inlet or the mesh itself.
 */
#include "actor/group.h"
#include "actor/mailbox.h"
#include "actor/name.h"
#include "actor/spawn.h"
#include "actor/upgrade.h"
#include "shard/offload.h"

/* From this many waiting messages on, what comes in a parcel is copied out of it: a slow actor must not keep parcels
   from going home, and one that keeps up handles them where they lie. */
#define COPY_OUT_FROM 512u

static bool is_counted(const struct rim_msg *msg) {
    return msg->kind >= RIM_KIND_TELL && msg->kind <= RIM_KIND_FAILED;
}

static rim_ref whole(const rim_ctx *ctx, const struct rim_msg *msg) {
    return ctx->here | msg->to;
}

static bool is_from_elsewhere(const rim_ctx *ctx, const struct rim_msg *msg) {
    return msg->from != RIM_NIL && rim__ref_shard(msg->from) != ctx->shard->index;
}

/* The mailbox is three quarters full: time to tell senders on other shards, while there is room for what is under
   way. */
static bool is_filling(const struct rim__actor *actor) {
    return actor->count >= actor->count_max - actor->count_max / 4 ||
           actor->bytes >= actor->bytes_max - actor->bytes_max / 4;
}

static rim__cold void refuse(rim_ctx *ctx, struct rim_msg *msg) {
    ctx->stats.refused++;
    if (msg->kind == RIM_KIND_ASK) {
        rim__request_fail(ctx, msg->from, rim__msg_token(msg)->token, -RIM_EFULL);
    } else if (msg->from != RIM_NIL && !(msg->flags & RIM_MSG_PUBLISHED)) {
        rim__room_refused(ctx, msg, whole(ctx, msg));
    }
    rim__msg_release(ctx->shard, msg);
}

/* Shards hold back for a receiver that refuses. One that drops wants to see what there is to choose from. */
static void ask_to_hold_back(rim_ctx *ctx, struct rim__actor *actor, const struct rim_msg *msg) {
    bool refuses = (actor->mode & RIM_MODE_PRESSED) || (actor->mode & RIM_MODE_POLICY) == RIM_OVERFLOW_REFUSE;
    if (refuses && is_from_elsewhere(ctx, msg)) {
        rim__room_tell_shard(ctx, actor, rim__ref_shard(msg->from));
    }
}

/* The mailbox is full. False: the message has ended. */
static rim__cold bool find_room(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    if (rim__pressure_admits(actor, msg->size)) {
        return true;
    }
    switch (rim__overflow(ctx, actor, (enum rim__kind)msg->kind, msg->size)) {
    case RIM_FATE_ROOM:
        return true;
    case RIM_FATE_DROPPED:
        rim__dead_letter(ctx, msg, actor->ref, -RIM_EDROPPED);
        return false;
    case RIM_FATE_CLOSED:
        rim__dead_letter(ctx, msg, actor->ref, -RIM_ECLOSED);
        return false;
    case RIM_FATE_REFUSED:
        break;
    }
    ask_to_hold_back(ctx, actor, msg);
    refuse(ctx, msg);
    return false;
}

static rim__cold void deliver_urgent(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    if (actor->marks & RIM_MARK_CLOSED) {
        rim__dead_letter(ctx, msg, actor->ref, -RIM_ECLOSED);
        return;
    }
    struct rim_msg **place = rim__urgent_place(actor);
    if (place != NULL) {
        rim__urgent_insert(ctx, actor, place, msg);
    } else {
        refuse(ctx, msg);
    }
}

void rim__actor_accept(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    if (rim__unlikely(msg->flags & RIM_MSG_URGENT)) {
        deliver_urgent(ctx, actor, msg);
        return;
    }
    if (rim__unlikely(!rim__mailbox_has_room(actor, msg->size)) && !(msg->flags & RIM_MSG_RESERVED) &&
        !find_room(ctx, actor, msg)) {
        return;
    }
    if (rim__unlikely(actor->count >= COPY_OUT_FROM) && (msg->flags & RIM_MSG_IN_PARCEL)) {
        struct rim_msg *copy = rim__msg_move_out(ctx->shard, msg);
        msg = copy != NULL ? copy : msg; /* without memory it stays, and pins its parcel */
    }
    rim__mailbox_push(ctx, actor, msg);
    if (rim__unlikely(is_filling(actor))) {
        ask_to_hold_back(ctx, actor, msg);
    }
}

static rim__cold void deliver_to_missing(rim_ctx *ctx, struct rim_msg *msg) {
    struct rim__actor *embryo = rim__actor_embryo(ctx, msg->to);
    if (embryo != NULL) {
        rim__actor_accept(ctx, embryo, msg);
    } else {
        rim__dead_letter(ctx, msg, whole(ctx, msg), -RIM_EDOWN);
    }
}

static void deliver_stop(rim_ctx *ctx, struct rim_msg *msg) {
    struct rim__actor *actor = rim__actor_find(ctx, msg->to);
    actor = actor != NULL ? actor : rim__actor_embryo(ctx, msg->to);
    if (actor != NULL) {
        actor->stop_asked = true;
        if (actor->stage != RIM_STAGE_EMBRYO) {
            rim__actor_wake(ctx, actor);
        }
    }
    rim__msg_release(ctx->shard, msg);
}

/* A slot that we chose in another shard's table is free again, with its next generation. */
static void deliver_slot(rim_ctx *ctx, struct rim_msg *msg) {
    rim__allotment_give(&ctx->allotments[rim__ref_shard(msg->from)], rim__ref_local(msg->from));
    rim__msg_release(ctx->shard, msg);
}

static void deliver_home(rim_ctx *ctx, struct rim_msg *msg) {
    struct rim__body *body = rim__msg_out(msg);
    msg->flags &= (uint16_t)~RIM_MSG_OUT;
    msg->size = sizeof(void *);
    rim__msg_release(ctx->shard, msg);
    body->release(ctx->shard, body);
}

static void deliver_other(rim_ctx *ctx, struct rim_msg *msg) {
    switch ((enum rim__kind)msg->kind) {
    case RIM_KIND_RETURN:
        deliver_home(ctx, msg);
        return;
    case RIM_KIND_SPAWN:
        rim__actor_conceive(ctx, msg);
        return;
    case RIM_KIND_STOP:
        deliver_stop(ctx, msg);
        return;
    case RIM_KIND_SLOT:
        deliver_slot(ctx, msg);
        return;
    case RIM_KIND_WAY:
    case RIM_KIND_FULL:
    case RIM_KIND_ROOM:
        rim__room_notice(ctx, msg);
        return;
    case RIM_KIND_ORDER:
        rim__order_obey(ctx, msg);
        return;
    case RIM_KIND_UPGRADE:
        rim__upgrade_notice(ctx, msg);
        return;
    case RIM_KIND_ERRAND: {
        struct rim__errand *errand = rim__container_of(msg, struct rim__errand, msg);
        errand->run(ctx->shard, errand);
        return;
    }
    case RIM_KIND_HELPED:
        rim__offload_deliver(ctx->shard, msg);
        return;
    case RIM_KIND_SIGNAL:
        rim__signal_deliver(ctx, msg);
        return;
    case RIM_KIND_NAME:
        rim__name_deliver(ctx, msg);
        return;
    case RIM_KIND_GROUP:
        rim__group_deliver(ctx, msg);
        return;
    case RIM_KIND_PUBLISH:
        rim__publish_deliver(ctx, msg);
        return;
    case RIM_KIND_TELL:
    case RIM_KIND_ASK:
    case RIM_KIND_REPLY:
    case RIM_KIND_FAILURE:
    case RIM_KIND_EVENT:
    case RIM_KIND_TIMER:
    case RIM_KIND_DOWN:
    case RIM_KIND_EXIT:
    case RIM_KIND_DRAIN:
    case RIM_KIND_REPORT:
    case RIM_KIND_FAILED:
        break;
    }
    rim__unreachable("a kind of message that is not delivered");
}

/* A tell for one that has much room: there is nothing to do but to link it in. Asked before it is, so by one more. */
static inline bool has_much_room(const struct rim__actor *actor, uint32_t size) {
    return actor->count < COPY_OUT_FROM && actor->count + 1 < actor->count_max - actor->count_max / 4 &&
           actor->bytes + (uint64_t)size < actor->bytes_max - actor->bytes_max / 4;
}

static inline bool deliver_plain(rim_ctx *ctx, struct rim_msg *msg) {
    if (rim__unlikely(msg->kind != RIM_KIND_TELL || msg->flags != RIM_MSG_IN_PARCEL)) {
        return false;
    }
    struct rim__actor *actor = rim__actor_find(ctx, msg->to);
    if (rim__unlikely(actor == NULL || !has_much_room(actor, msg->size))) {
        return false;
    }
    ctx->stats.arrived_across++;
    rim__mailbox_push(ctx, actor, msg);
    return true;
}

void rim__actor_deliver(struct rim__shard *shard, struct rim_msg *msg) {
    rim_ctx *ctx = shard->world;
    if (rim__likely(deliver_plain(ctx, msg))) {
        return;
    }
    if (rim__unlikely(!is_counted(msg))) {
        deliver_other(ctx, msg);
        return;
    }
    ctx->stats.arrived_across += (msg->flags & RIM_MSG_IN_PARCEL) != 0;
    ctx->stats.sent += (msg->flags & RIM_MSG_FOREIGN) != 0; /* nobody else counted it */
    if (msg->kind == RIM_KIND_REPLY || msg->kind == RIM_KIND_FAILURE) {
        rim__request_deliver(ctx, msg);
        return;
    }
    struct rim__actor *actor = rim__actor_find(ctx, msg->to);
    if (rim__likely(actor != NULL)) {
        rim__actor_accept(ctx, actor, msg);
    } else {
        deliver_to_missing(ctx, msg);
    }
}
