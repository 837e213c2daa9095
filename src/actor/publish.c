/* SPDX-License-Identifier: MIT */
/*
 * Publishing: one message to each shard with members, and there a copy for each member.
 *
 *     publisher's shard                                 a shard with members
 *     shared body <---- message with the pointer ------ shared body, with the first as its origin
 *       refs: members here, shards on the way             refs: members here; at the end the origin goes home, once
 *
 * A body up to SHARE_FROM bytes is copied for each member: that is cheaper than to count. One up to RIM_MSG_INLINE_MAX
 * crosses within the message, and is shared on the other side. A larger one stays where it is.
 */
#include <errno.h>
#include <string.h>

#include "actor/group.h"
#include "actor/mailbox.h"
#include "actor/send.h"

#define SHARE_FROM 128u

/* A body with several users on its shard. */
struct shared {
    struct rim__body body;
    uint64_t refs;
    struct rim__body *origin; /* whose bytes it lends; NULL: they follow */
    uint64_t unused;
};
_Static_assert(sizeof(struct shared) % 16 == 0, "the bytes behind it are aligned to 16");

/* What is published, on its way to the members of this shard. Either bytes, or a shared body. */
struct issue {
    rim_ref from;
    uint32_t tag;
    uint32_t size;
    const void *bytes;
    struct shared *shared;
};

static void unref(struct rim__shard *home, struct rim__body *body) {
    struct shared *shared = rim__container_of(body, struct shared, body);
    if (--shared->refs > 0) {
        return;
    }
    struct rim__body *origin = shared->origin;
    rim__memory_free(&home->memory, shared, sizeof *shared + (origin == NULL ? body->size : 0));
    if (origin != NULL) {
        rim__body_release(home, origin);
    }
}

/* With one reference, the caller's. With an origin its bytes, else a copy of these. NULL: out of memory. */
static struct shared *share(rim_ctx *ctx, const void *bytes, size_t size, struct rim__body *origin) {
    struct shared *shared = rim__memory_alloc(&ctx->shard->memory, sizeof *shared + (origin == NULL ? size : 0));
    if (shared == NULL) {
        return NULL;
    }
    *shared = (struct shared){.refs = 1, .origin = origin};
    shared->body = (struct rim__body){.data = origin != NULL ? origin->data : shared + 1,
                                      .size = (uint32_t)size,
                                      .home = ctx->shard->index,
                                      .release = unref};
    if (origin == NULL) {
        memcpy(shared->body.data, bytes, size);
    }
    return shared;
}

/* ---- to the members of this shard ---- */

static struct rim_msg *make_copy(rim_ctx *ctx, const struct issue *issue) {
    uint32_t flags = RIM_MSG_PUBLISHED | (issue->shared != NULL ? (uint32_t)RIM_MSG_OUT : 0);
    struct rim_msg *msg = rim__msg_create(ctx->shard, RIM_KIND_TELL, flags, issue->tag, issue->size);
    if (msg == NULL) {
        return NULL;
    }
    if (issue->shared != NULL) {
        issue->shared->refs++;
        *(struct rim__body **)rim__msg_behind(msg, flags) = &issue->shared->body;
    } else if (issue->size > 0) {
        memcpy(rim__msg_behind(msg, flags), issue->bytes, issue->size);
    }
    msg->from = issue->from;
    return msg;
}

/* Returns how many got it. Nobody ends in the course of it: the crew stays as it is. */
static uint32_t hand_out(rim_ctx *ctx, const struct rim__crew *crew, const struct issue *issue) {
    uint64_t lost = 0, refused = ctx->stats.refused;
    for (uint32_t i = 0; i < crew->count; i++) {
        struct rim__actor *actor = crew->members[i]->actor;
        struct rim_msg *msg = make_copy(ctx, issue);
        ctx->stats.sent++;
        if (rim__likely(msg != NULL)) {
            msg->to = rim__ref_local(actor->ref);
            rim__actor_accept(ctx, actor, msg);
        } else {
            lost++;
            rim__dead_count(ctx, &(rim_dead_letter){.from = issue->from,
                                                    .to = actor->ref,
                                                    .tag = issue->tag,
                                                    .reason = -ENOMEM,
                                                    .size = issue->size});
        }
    }
    lost += ctx->stats.refused - refused; /* one that the policy drops has been sent, as with rim_send */
    return crew->count > lost ? crew->count - (uint32_t)lost : 0;
}

/* ---- to other shards ---- */

static bool is_out(const struct issue *issue) {
    return issue->size > RIM_MSG_INLINE_MAX;
}

/* Returns how many it is under way to. */
static uint32_t cross(rim_ctx *ctx, const struct rim__crew *crew, uint64_t id, const struct issue *issue) {
    uint32_t flags = RIM_MSG_TOKEN | (is_out(issue) ? (uint32_t)RIM_MSG_OUT : 0);
    struct rim_msg *msg =
        rim__mesh_reserve(ctx->shard, crew->shard, (uint32_t)rim__msg_span(flags, issue->size), false);
    if (msg == NULL) { /* the way is full: as many refusals as there are members */
        ctx->stats.sent += crew->count;
        ctx->stats.refused += crew->count;
        return 0;
    }
    uint32_t home = msg->flags;
    *msg = (struct rim_msg){.from = issue->from,
                            .kind = RIM_KIND_PUBLISH,
                            .flags = (uint16_t)(flags | home),
                            .tag = issue->tag,
                            .size = issue->size};
    *rim__msg_token(msg) = (struct rim__msg_token){.token = id};
    if (is_out(issue)) {
        issue->shared->refs++;
        *(struct rim__body **)rim__msg_after(msg) = &issue->shared->body;
    } else if (issue->size > 0) {
        memcpy(rim__msg_after(msg), issue->bytes, issue->size);
    }
    return crew->count;
}

void rim__publish_deliver(rim_ctx *ctx, struct rim_msg *msg) {
    const struct rim__group *group = rim__group_find(ctx, rim__msg_token(msg)->token);
    const struct rim__crew *crew = group != NULL ? rim__group_crew(group, ctx->shard->index) : NULL;
    if (crew == NULL) {
        rim__msg_release(ctx->shard, msg);
        return;
    }
    bool out = (msg->flags & RIM_MSG_OUT) != 0;
    struct issue issue = {.from = msg->from, .tag = msg->tag, .size = msg->size, .bytes = rim__msg_body(msg)};
    if (issue.size > SHARE_FROM) {
        issue.shared = share(ctx, issue.bytes, issue.size, out ? rim__msg_out(msg) : NULL);
    }
    if (out && issue.shared != NULL) { /* the body is the share's now; the same span: both are one pointer long */
        msg->flags &= (uint16_t)~RIM_MSG_OUT;
        msg->size = sizeof(void *);
    }
    hand_out(ctx, crew, &issue); /* out of memory for a share: a copy each, as far as that goes */
    if (issue.shared != NULL) {
        unref(ctx->shard, &issue.shared->body);
    }
    rim__msg_release(ctx->shard, msg);
}

/* ---- the calls ---- */

static int check(rim_ref group, uint32_t tag, size_t size) {
    if ((tag & 0xffffu) < RIM_USER) {
        return -EINVAL;
    }
    if (size > RIM_BODY_MAX) {
        return -RIM_ETOOBIG;
    }
    return rim__ref_kind(group) == RIM_REF_GROUP ? 0 : -RIM_EBADREF;
}

static int issue_to(rim_ctx *ctx, const struct rim__group *group, struct issue *issue) {
    uint64_t reached = 0;
    issue->from = rim_self(ctx);
    for (const struct rim__crew *crew = group->crews; crew != NULL; crew = crew->next) {
        bool here = crew->shard == ctx->shard->index;
        reached += here ? hand_out(ctx, crew, issue) : cross(ctx, crew, group->node.hash, issue);
    }
    return reached > 0 ? (int)(reached < INT32_MAX ? reached : INT32_MAX) : -RIM_EFULL;
}

int rim_publish(rim_ctx *ctx, rim_ref group, uint32_t tag, const void *body, size_t size) {
    int error = body == NULL && size > 0 ? -EINVAL : check(group, tag, size);
    const struct rim__group *found = error == 0 ? rim__group_find(ctx, rim__group_id(group)) : NULL;
    if (found == NULL || found->count == 0) {
        return error;
    }
    struct issue issue = {.tag = tag, .size = (uint32_t)size, .bytes = body};
    bool members_here = rim__group_crew(found, ctx->shard->index) != NULL;
    if (is_out(&issue) || (members_here && size > SHARE_FROM)) {
        issue.shared = share(ctx, body, size, NULL);
        if (issue.shared == NULL) {
            return -ENOMEM;
        }
    }
    int reached = issue_to(ctx, found, &issue);
    if (issue.shared != NULL) {
        unref(ctx->shard, &issue.shared->body);
    }
    return reached;
}

/* A large body is not copied. Consumes the message, unless it is out of memory. */
static int publish_large(rim_ctx *ctx, const struct rim__group *group, struct rim_msg *msg) {
    struct issue issue = {.tag = msg->tag, .size = msg->size};
    struct shared *shared = share(ctx, NULL, issue.size, &(struct rim__body){0});
    struct rim__body *origin = shared != NULL ? rim__send_detach(ctx, msg) : NULL;
    if (origin == NULL) {
        if (shared != NULL) {
            rim__memory_free(&ctx->shard->memory, shared, sizeof *shared);
        }
        return -ENOMEM;
    }
    shared->origin = origin;
    shared->body.data = origin->data;
    issue.shared = shared;
    issue.bytes = origin->data;
    int reached = issue_to(ctx, group, &issue);
    unref(ctx->shard, &shared->body);
    return reached;
}

int rim_publish_msg(rim_ctx *ctx, rim_ref group, rim_msg *msg) {
    if (msg == NULL) {
        return -EINVAL;
    }
    int result = check(group, msg->tag, msg->size);
    const struct rim__group *found = result == 0 ? rim__group_find(ctx, rim__group_id(group)) : NULL;
    bool any = found != NULL && found->count > 0;
    if (any && msg->size > SHARE_FROM) {
        result = publish_large(ctx, found, msg);
        msg = result == -ENOMEM ? msg : NULL;
    } else if (any) {
        result = rim_publish(ctx, group, msg->tag, rim__msg_body(msg), msg->size);
    }
    rim_msg_free(ctx, msg);
    return result;
}
