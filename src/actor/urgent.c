/* SPDX-License-Identifier: MIT */
/*
 * Urgent messages stand at the front of the one queue, marked, so that a turn pops them without knowing. Whoever adds
 * one walks past those that wait; there are few.
 */
#include <errno.h>

#include "actor/mailbox.h"
#include "actor/send.h"
#include "ringmail/mailbox.h"

struct rim_msg **rim__urgent_end(struct rim__actor *actor, uint32_t *count) {
    struct rim_msg **link = &actor->head;
    *count = 0;
    if (*link != NULL && (*link)->kind == RIM_KIND_SPAWN) { /* nothing goes before its birth */
        link = &(*link)->next;
    }
    while (*link != NULL && ((*link)->flags & RIM_MSG_URGENT)) {
        link = &(*link)->next;
        ++*count;
    }
    return link;
}

struct rim_msg **rim__urgent_place(struct rim__actor *actor) {
    uint32_t count;
    struct rim_msg **link = rim__urgent_end(actor, &count);
    return count < RIM_URGENT_MAX ? link : NULL;
}

void rim__urgent_insert(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg **place, struct rim_msg *msg) {
    msg->next = *place;
    if (msg->next == NULL) {
        actor->last = msg;
    }
    *place = msg;
    actor->load += RIM_LOAD_OF(msg->size);
    ctx->stats.queued++;
    if (!actor->held && actor->stage != RIM_STAGE_EMBRYO) {
        rim__actor_wake(ctx, actor);
    }
}

int rim_send_urgent(rim_ctx *ctx, rim_ref to, uint32_t tag, const void *body, size_t size) {
    if ((tag & 0xffffu) < RIM_USER) {
        return -EINVAL;
    }
    int error = size > RIM_URGENT_SIZE_MAX ? -RIM_ETOOBIG : rim__send_check(ctx, to);
    struct rim__sending sending = {
        .to = to, .kind = RIM_KIND_TELL, .flags = RIM_MSG_URGENT, .tag = tag, .body = body, .size = size};
    return error != 0 ? error : rim__send_copy(ctx, &sending);
}
