/* SPDX-License-Identifier: MIT */
/*
 * Overflow: a message has found no room, and the receiver's policy decides. Only what actors sent is dropped: what has
 * a reserved place never comes here, and what a socket brings is refused, for it can wait.
 */
#include "actor/mailbox.h"

static bool is_droppable(const struct rim_msg *msg) {
    return (msg->kind == RIM_KIND_TELL || msg->kind == RIM_KIND_ASK) &&
           !(msg->flags & (RIM_MSG_RESERVED | RIM_MSG_URGENT));
}

/* `link` is where the message hangs, and `before` the message before it, or NULL. */
static struct rim_msg *unlink_at(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg **link,
                                 struct rim_msg *before) {
    struct rim_msg *msg = *link;
    *link = msg->next;
    if (actor->last == msg) {
        actor->last = before;
    }
    actor->load -= RIM_LOAD_OF(msg->size);
    ctx->stats.queued--;
    return msg;
}

/* What becomes of a dropped request may come in behind, at the other end. */
static bool drop_old(rim_ctx *ctx, struct rim__actor *actor, uint32_t size) {
    struct rim_msg **link = &actor->head, *before = NULL;
    while (*link != NULL && !rim__mailbox_has_room(actor, size)) {
        if (is_droppable(*link)) {
            rim__dead_letter(ctx, unlink_at(ctx, actor, link, before), actor->ref, -RIM_EDROPPED);
        } else {
            before = *link;
            link = &before->next;
        }
    }
    return rim__mailbox_has_room(actor, size);
}

enum rim__fate rim__overflow(rim_ctx *ctx, struct rim__actor *actor, enum rim__kind kind, uint32_t size) {
    if ((actor->marks & RIM_MARK_CLOSED) && (kind == RIM_KIND_TELL || kind == RIM_KIND_ASK)) {
        return RIM_FATE_CLOSED;
    }
    if ((actor->mode & RIM_MODE_PRESSED) || (kind != RIM_KIND_TELL && kind != RIM_KIND_ASK)) {
        return RIM_FATE_REFUSED;
    }
    switch ((enum rim_overflow)(actor->mode & RIM_MODE_POLICY)) {
    case RIM_OVERFLOW_REFUSE:
        break;
    case RIM_OVERFLOW_DROP_NEW:
        return RIM_FATE_DROPPED;
    case RIM_OVERFLOW_DROP_OLD:
        return drop_old(ctx, actor, size) ? RIM_FATE_ROOM : RIM_FATE_DROPPED;
    case RIM_OVERFLOW_STOP:
        actor->mode |= RIM_MODE_OVERFLOWN;
        actor->stop_asked = true;
        rim__actor_wake(ctx, actor);
        return RIM_FATE_DROPPED;
    }
    return RIM_FATE_REFUSED;
}
