/* SPDX-License-Identifier: MIT */
/*
 * Links: a bond at both ends, each with the message of its exit event embedded, so that a signal never lacks memory;
 * and where the other end is on another shard, with the message that will tell it.
 *
 *     LIVE --unlink, here--> gone            LIVE --unlink, across--> UNLINKING --UNLINKED or ENDED--> gone
 *       '--the other end ends--> OVER: its event is queued, or its owner is doomed by it --> gone
 *
 * Across, both ends may link and unlink at the same time. What keeps the two ends alike is OTP's protocol: who unlinks
 * keeps the bond until the other shard has answered, and does not take a LINK that was sent before that answer. A new
 * link of its own meanwhile makes the bond live again, and then the answer, whose number is not awaited, is ignored.
 */
#include <errno.h>
#include <string.h>

#include "actor/mailbox.h"
#include "actor/send.h"
#include "actor/signal.h"

struct link {
    struct rim__bond bond;
    struct rim_msg *farewell; /* to another shard: that this end has ended; else NULL */
    uint32_t unlinking;       /* number of the unlink whose answer is awaited; 0: none */
    bool over;                /* the other end has ended */
    bool keeps;               /* one end keeps the other when it fails (keep.c) */
    bool queued;
    struct rim_msg msg; /* with its body behind it */
    rim_exit_event event;
};
_Static_assert(offsetof(struct link, event) == offsetof(struct link, msg) + sizeof(struct rim_msg),
               "the body lies behind the message");

static struct link *link_of(struct rim__bond *bond) {
    return rim__container_of(bond, struct link, bond);
}

static void free_link(rim_ctx *ctx, struct link *link) {
    if (link->farewell != NULL) {
        rim__msg_release(ctx->shard, link->farewell);
    }
    rim__memory_free(&ctx->shard->memory, link, sizeof *link);
}

/* Nobody is kept by this link any more. */
static void end_keeping(rim_ctx *ctx, struct link *link) {
    if (link->keeps) {
        link->keeps = false;
        rim__keep_unlinked(ctx, link->bond.owner, link->bond.key);
    }
}

static void end_link(rim_ctx *ctx, struct link *link) {
    end_keeping(ctx, link);
    rim__bond_remove(ctx, &link->bond);
    free_link(ctx, link);
}

static struct link *make_link(rim_ctx *ctx, struct rim__actor *owner, rim_ref peer) {
    struct rim__belongings *belongings = rim__actor_belongings(ctx, owner);
    struct link *link = belongings != NULL ? rim__memory_alloc(&ctx->shard->memory, sizeof *link) : NULL;
    if (link == NULL) {
        return NULL;
    }
    link->bond = (struct rim__bond){.owner = owner->ref, .key = peer};
    link->farewell = NULL;
    link->unlinking = 0;
    link->over = link->queued = link->keeps = false;
    bool here = rim__signal_is_here(ctx, peer);
    if (!here) {
        link->farewell =
            rim__msg_create(ctx->shard, RIM_KIND_SIGNAL, RIM_MSG_RESERVED, RIM_SIGNAL_ENDED, sizeof(rim_exit_event));
    }
    if ((!here && link->farewell == NULL) || rim__bond_add(ctx, owner, &link->bond) != 0) {
        free_link(ctx, link);
        return NULL;
    }
    return link;
}

/* The link that is not over, maybe one that is being undone. */
static struct link *find(const rim_ctx *ctx, rim_ref owner, rim_ref peer) {
    struct rim__bond *bond = rim__bond_find(ctx, owner, peer);
    while (bond != NULL && link_of(bond)->over) {
        bond = rim__bond_find_next(bond);
    }
    return bond != NULL ? link_of(bond) : NULL;
}

/* ---- the other end has ended ---- */

static void queue_event(rim_ctx *ctx, struct rim__actor *owner, struct link *link) {
    link->msg = (struct rim_msg){.from = link->bond.key,
                                 .to = rim__ref_local(owner->ref),
                                 .kind = RIM_KIND_EXIT,
                                 .flags = RIM_MSG_EMBEDDED | RIM_MSG_RESERVED,
                                 .tag = RIM_EXIT_SIGNAL,
                                 .size = sizeof link->event};
    link->queued = true;
    ctx->stats.sent++;
    rim__mailbox_push(ctx, owner, &link->msg);
}

static void peer_ended(rim_ctx *ctx, struct link *link, uint32_t code, const char *text) {
    struct rim__actor *owner = rim__actor_get(ctx, link->bond.owner);
    bool was_kept = rim__keep_is_by(owner, link->bond.key); /* then nobody is left who could revive it */
    link->over = true;
    link->event = (rim_exit_event){.from = link->bond.key, .code = code, .linked = true};
    rim__signal_text(link->event.text, sizeof link->event.text, text);
    if (was_kept && !owner->stop_asked) {
        link->event.code = code != RIM_EXIT_NORMAL ? code : RIM_EXIT_SHUTDOWN;
        rim__signal_doom(ctx, owner, &link->event, NULL);
        return;
    }
    end_keeping(ctx, link);
    if ((owner->marks & RIM_MARK_TRAPS) || owner->stage == RIM_STAGE_EMBRYO) {
        queue_event(ctx, owner, link);
    } else if (code == RIM_EXIT_NORMAL || owner->stop_asked) {
        end_link(ctx, link);
    } else {
        rim__signal_doom(ctx, owner, &link->event, NULL);
    }
}

void rim__link_peer_ended(rim_ctx *ctx, rim_ref owner, rim_ref peer, uint32_t code, const char *text) {
    struct link *link = find(ctx, owner, peer);
    if (link == NULL) {
        return;
    }
    if (link->unlinking != 0 || ctx->ending) {
        end_link(ctx, link);
    } else {
        peer_ended(ctx, link, code, text);
    }
}

rim_verdict rim__link_event(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    struct link *link = rim__container_of(msg, struct link, msg);
    if (msg->flags & RIM_MSG_CANCELLED) {
        ctx->stats.handled--; /* counted as dead */
        ctx->stats.dead++;
        free_link(ctx, link);
        return RIM_DONE;
    }
    rim__bond_remove(ctx, &link->bond); /* over: the handler may link again */
    rim_verdict verdict = rim__call(ctx, actor, msg);
    free_link(ctx, link);
    return verdict;
}

void rim__link_drop(rim_ctx *ctx, struct rim_msg *msg) {
    ctx->stats.dead++;
    if (msg->flags & RIM_MSG_CANCELLED) { /* else it is still among its owner's bonds */
        free_link(ctx, rim__container_of(msg, struct link, msg));
    }
}

static void cancel_event(rim_ctx *ctx, struct link *link) {
    rim__bond_remove(ctx, &link->bond);
    link->msg.flags |= RIM_MSG_CANCELLED;
}

void rim__link_resolve(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    struct link *link = rim__container_of(msg, struct link, msg);
    if (msg->flags & RIM_MSG_CANCELLED) {
        return;
    }
    if (link->event.code == RIM_EXIT_NORMAL) {
        cancel_event(ctx, link);
    } else {
        rim__signal_doom(ctx, actor, &link->event, NULL);
    }
}

/* ---- this end has ended ---- */

static void tell_peer(rim_ctx *ctx, struct link *link, rim_exit why) {
    rim_ref self = link->bond.owner, peer = link->bond.key;
    if (link->farewell == NULL) {
        rim__link_peer_ended(ctx, peer, self, why.code, why.text);
        return;
    }
    rim_exit_event *event = rim__msg_body(link->farewell);
    *event = (rim_exit_event){.from = self, .code = why.code, .linked = true};
    rim__signal_text(event->text, sizeof event->text, why.text);
    link->farewell->from = self;
    link->farewell->to = rim__ref_local(peer);
    rim__mesh_post(ctx->shard, rim__ref_shard(peer), link->farewell);
    link->farewell = NULL;
}

void rim__link_end(rim_ctx *ctx, struct rim__bond *bond, rim_exit why) {
    struct link *link = link_of(bond);
    if (!link->over && link->unlinking == 0 && !ctx->ending) {
        tell_peer(ctx, link, why);
    }
    end_link(ctx, link);
}

/* ---- what other shards say ---- */

int rim__link_arrive(rim_ctx *ctx, struct rim__actor *actor, rim_ref peer) {
    struct link *link = find(ctx, actor->ref, peer);
    if (link != NULL) { /* both have linked; or this end unlinks, and the other will when it hears of that */
        return 0;
    }
    return make_link(ctx, actor, peer) != NULL ? 0 : -ENOMEM;
}

static void receive_link(rim_ctx *ctx, struct rim_msg *msg, rim_ref to) {
    struct rim__actor *actor = rim__signal_target(ctx, to);
    uint32_t code = RIM_EXIT_NOACTOR;
    if (actor != NULL) {
        if (rim__link_arrive(ctx, actor, msg->from) == 0) {
            rim__msg_release(ctx->shard, msg);
            return;
        }
        code = RIM_EXIT_NOMEM;
    }
    rim__signal_answer(ctx, msg, RIM_SIGNAL_ABSENT, (struct rim__tie){.number = code, .link = true});
}

void rim__link_signal(rim_ctx *ctx, struct rim_msg *msg, rim_ref to) {
    uint32_t number = ((const struct rim__tie *)rim__msg_body(msg))->number;
    if (msg->tag == RIM_SIGNAL_LINK) {
        receive_link(ctx, msg, to);
        return;
    }
    struct link *link = find(ctx, to, msg->from);
    if (msg->tag == RIM_SIGNAL_UNLINKED) {
        if (link != NULL && link->unlinking == number) {
            end_link(ctx, link);
        }
        rim__msg_release(ctx->shard, msg);
        return;
    }
    if (link != NULL && link->unlinking == 0) {
        end_link(ctx, link);
    }
    rim__signal_answer(ctx, msg, RIM_SIGNAL_UNLINKED, (struct rim__tie){.number = number});
}

/* ---- linking ---- */

static int link_here(rim_ctx *ctx, struct rim__actor *actor, rim_ref who, struct rim__actor *target) {
    struct link *link = make_link(ctx, actor, who);
    if (link == NULL) {
        return -ENOMEM;
    }
    if (target == NULL) {
        peer_ended(ctx, link, RIM_EXIT_NOACTOR, rim__signal_text_of(RIM_EXIT_NOACTOR));
    } else if (make_link(ctx, target, actor->ref) == NULL) {
        end_link(ctx, link);
        return -ENOMEM;
    }
    return 0;
}

static int link_across(rim_ctx *ctx, struct rim__actor *actor, rim_ref who, struct link *link) {
    struct link *made = link == NULL ? make_link(ctx, actor, who) : NULL;
    if (link == NULL && made == NULL) {
        return -ENOMEM;
    }
    if (rim__signal_send(ctx, RIM_SIGNAL_LINK, actor->ref, who, (struct rim__tie){0}) != 0) {
        if (made != NULL) {
            end_link(ctx, made);
        }
        return -ENOMEM;
    }
    if (link != NULL) {
        link->unlinking = 0;
    }
    return 0;
}

int rim_link(rim_ctx *ctx, rim_ref who) {
    struct rim__actor *actor = ctx->actor;
    int error = actor == NULL ? -RIM_ECONTEXT : rim__send_check(ctx, who);
    if (error == -RIM_EDOWN) { /* of another node, and there are none */
        return link_here(ctx, actor, who, NULL);
    }
    if (error != 0 || who == actor->ref) {
        return error;
    }
    struct link *link = find(ctx, actor->ref, who);
    if (link != NULL && link->unlinking == 0) {
        return 0;
    }
    return rim__signal_is_here(ctx, who) ? link_here(ctx, actor, who, rim__signal_target(ctx, who))
                                         : link_across(ctx, actor, who, link);
}

static int unlink_across(rim_ctx *ctx, struct link *link) {
    uint32_t number = ctx->unlinks + 1 != 0 ? ctx->unlinks + 1 : 1;
    struct rim__tie tie = {.number = number};
    int error = rim__signal_send(ctx, RIM_SIGNAL_UNLINK, link->bond.owner, link->bond.key, tie);
    if (error == 0) {
        ctx->unlinks = link->unlinking = number;
        end_keeping(ctx, link);
    }
    return error;
}

static int undo(rim_ctx *ctx, struct link *link) {
    if (link->unlinking != 0) {
        return 0;
    }
    if (link->farewell != NULL) {
        return unlink_across(ctx, link);
    }
    struct link *other = find(ctx, link->bond.key, link->bond.owner);
    if (other != NULL) {
        end_link(ctx, other);
    }
    end_link(ctx, link);
    return 0;
}

/* Exit events of that link, maybe of several one after the other, that wait in the mailbox. */
static void cancel_events(rim_ctx *ctx, rim_ref owner, rim_ref peer) {
    for (struct rim__bond *bond = rim__bond_find(ctx, owner, peer), *next; bond != NULL; bond = next) {
        next = rim__bond_find_next(bond);
        if (link_of(bond)->queued) {
            cancel_event(ctx, link_of(bond));
        }
    }
}

int rim_unlink(rim_ctx *ctx, rim_ref who) {
    struct rim__actor *actor = ctx->actor;
    int error = actor == NULL ? -RIM_ECONTEXT : rim__send_check(ctx, who);
    if (error != 0 && error != -RIM_EDOWN) {
        return error;
    }
    struct link *link = find(ctx, actor->ref, who);
    error = link != NULL ? undo(ctx, link) : 0;
    if (error == 0) {
        cancel_events(ctx, actor->ref, who);
    }
    return error;
}

/* ---- a spawner and its child ---- */

int rim__link_spawned(rim_ctx *ctx, rim_ref child, struct rim__actor *here) {
    if (here != NULL) {
        return link_here(ctx, ctx->actor, child, here);
    }
    return make_link(ctx, ctx->actor, child) != NULL ? 0 : -ENOMEM;
}

void rim__link_unspawn(rim_ctx *ctx, rim_ref child) {
    struct link *near = find(ctx, ctx->actor->ref, child), *far = find(ctx, child, ctx->actor->ref);
    if (near != NULL) {
        end_link(ctx, near);
    }
    if (far != NULL) {
        end_link(ctx, far);
    }
}

void rim__link_set_keeping(rim_ctx *ctx, rim_ref owner, rim_ref peer) {
    struct link *link = find(ctx, owner, peer);
    if (link != NULL) {
        link->keeps = true;
    }
}
