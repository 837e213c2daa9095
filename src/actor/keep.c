/* SPDX-License-Identifier: MIT */
/*
 * Actors that are kept when they fail: suspended instead of buried, with reference and mailbox, until the spawner
 * revives or ends them. That is a property of the link between the two, and ends with it.
 *
 *     at the keeper    a notice: a bond with the message of RIM_FAILED embedded
 *     at the kept      struct rim__kept: what it is to be again, and the message that tells a keeper elsewhere
 *
 * A suspended actor is held: messages wait. What belonged to the life that failed is cancelled, so that what of it is
 * queued already is skipped at its turn: timers, requests, monitors. A drain that waits goes on waiting.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "actor/become.h"
#include "actor/mailbox.h"
#include "actor/name.h"
#include "actor/record.h"
#include "actor/send.h"
#include "actor/signal.h"
#include "actor/spawn.h"
#include "actor/upgrade.h"

struct rim__kept {
    rim_ref keeper;
    const rim_behaviour *behaviour; /* as spawned; maybe overtaken since */
    uint32_t version;
    bool acknowledge, traps; /* options of its spawn */
    bool revived;
    struct rim_msg *notice; /* to a keeper on another shard, for the next failure; else NULL */
};

struct notice {
    struct rim__bond bond; /* its key is the kept actor, as RIM_REF_KEPT */
    bool queued;
    bool orphaned;      /* the kept actor has ended meanwhile: freed at its turn */
    struct rim_msg msg; /* with its body behind it */
    rim_failed_event event;
};
_Static_assert(offsetof(struct notice, event) == offsetof(struct notice, msg) + sizeof(struct rim_msg),
               "the body lies behind the message");

static uint64_t key_of(rim_ref kept) {
    return (kept & ~(15ull << RIM_KIND_SHIFT)) | (uint64_t)RIM_REF_KEPT << RIM_KIND_SHIFT;
}

/* ---- at the keeper ---- */

static struct notice *find_notice(const rim_ctx *ctx, rim_ref keeper, rim_ref kept) {
    struct rim__bond *bond = rim__bond_find(ctx, keeper, key_of(kept));
    return bond != NULL ? rim__container_of(bond, struct notice, bond) : NULL;
}

static void free_notice(rim_ctx *ctx, struct notice *notice) {
    rim__memory_free(&ctx->shard->memory, notice, sizeof *notice);
}

int rim__keep_watch(rim_ctx *ctx, struct rim__actor *keeper, rim_ref kept) {
    struct notice *notice = rim__memory_alloc(&ctx->shard->memory, sizeof *notice);
    if (notice == NULL) {
        return -ENOMEM;
    }
    notice->bond = (struct rim__bond){.owner = keeper->ref, .key = key_of(kept)};
    notice->queued = notice->orphaned = false;
    notice->event.who = kept;
    if (rim__bond_add(ctx, keeper, &notice->bond) != 0) {
        free_notice(ctx, notice);
        return -ENOMEM;
    }
    return 0;
}

static void end_notice(rim_ctx *ctx, struct notice *notice) {
    rim__bond_remove(ctx, &notice->bond);
    if (notice->queued) {
        notice->orphaned = true;
    } else {
        free_notice(ctx, notice);
    }
}

/* The keeper ends; its mailbox is empty by now. */
void rim__keep_notice_end(rim_ctx *ctx, struct rim__bond *bond) {
    rim__bond_remove(ctx, bond);
    free_notice(ctx, rim__container_of(bond, struct notice, bond));
}

/* Two failures before the keeper's turn are one event, of the last. */
void rim__keep_failed(rim_ctx *ctx, rim_ref keeper, const rim_failed_event *event) {
    struct notice *notice = find_notice(ctx, keeper, event->who);
    if (notice == NULL || ctx->ending) { /* the link has been undone: the other end hears of it */
        return;
    }
    notice->event = *event;
    if (notice->queued) {
        return;
    }
    notice->queued = true;
    notice->msg = (struct rim_msg){.from = event->who,
                                   .to = rim__ref_local(keeper),
                                   .kind = RIM_KIND_FAILED,
                                   .flags = RIM_MSG_EMBEDDED | RIM_MSG_RESERVED,
                                   .tag = RIM_FAILED,
                                   .size = sizeof notice->event};
    ctx->stats.sent++;
    rim__mailbox_push(ctx, rim__actor_get(ctx, keeper), &notice->msg);
}

/* By a copy: the handler may revive the actor, and that may fail at once. */
rim_verdict rim__keep_event(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    struct notice *notice = rim__container_of(msg, struct notice, msg);
    struct {
        struct rim_msg msg;
        rim_failed_event event;
    } copy = {.msg = *msg, .event = notice->event};
    notice->queued = false;
    if (notice->orphaned) {
        free_notice(ctx, notice);
    }
    ctx->current = &copy.msg;
    rim_verdict verdict = rim__call(ctx, actor, &copy.msg);
    ctx->current = NULL;
    return verdict;
}

void rim__keep_drop(rim_ctx *ctx, struct rim_msg *msg) {
    struct notice *notice = rim__container_of(msg, struct notice, msg);
    ctx->stats.dead++;
    notice->queued = false;
    if (notice->orphaned) {
        free_notice(ctx, notice);
    }
}

/* ---- at the kept ---- */

static struct rim_msg *make_word(rim_ctx *ctx) {
    return rim__msg_create(ctx->shard, RIM_KIND_SIGNAL, RIM_MSG_RESERVED, RIM_SIGNAL_FAILED, sizeof(rim_failed_event));
}

int rim__keep_begin(rim_ctx *ctx, struct rim__actor *actor, const struct rim__birth *birth) {
    struct rim__kept *kept = rim__memory_alloc(&ctx->shard->memory, sizeof *kept);
    if (kept == NULL) {
        return -ENOMEM;
    }
    *kept = (struct rim__kept){.keeper = birth->spawner,
                               .behaviour = birth->behaviour,
                               .version = birth->version,
                               .acknowledge = birth->options.acknowledge,
                               .traps = birth->options.trap_exit};
    bool here = rim__signal_is_here(ctx, birth->spawner);
    kept->notice = here ? NULL : make_word(ctx);
    if (!here && kept->notice == NULL) {
        rim__memory_free(&ctx->shard->memory, kept, sizeof *kept);
        return -ENOMEM;
    }
    actor->belongings->kept = kept;
    actor->marks |= RIM_MARK_KEPT;
    return 0;
}

static void end_kept(rim_ctx *ctx, struct rim__actor *actor) {
    struct rim__kept *kept = actor->belongings->kept;
    if (kept->notice != NULL) {
        rim__msg_release(ctx->shard, kept->notice);
    }
    rim__memory_free(&ctx->shard->memory, kept, sizeof *kept);
    actor->belongings->kept = NULL;
    actor->marks &= (uint8_t)~RIM_MARK_KEPT;
}

bool rim__keep_is_by(const struct rim__actor *actor, rim_ref keeper) {
    return (actor->marks & RIM_MARK_KEPT) && actor->belongings->kept->keeper == keeper;
}

void rim__keep_unlinked(rim_ctx *ctx, rim_ref owner, rim_ref peer) {
    struct notice *notice = find_notice(ctx, owner, peer);
    if (notice != NULL) {
        end_notice(ctx, notice);
    }
    struct rim__actor *actor = rim__actor_get(ctx, owner);
    if (actor == NULL || !rim__keep_is_by(actor, peer)) { /* NULL: it is being buried, and see rim__keep_end */
        return;
    }
    end_kept(ctx, actor);
    if (actor->stage == RIM_STAGE_SUSPENDED) { /* nobody will revive it */
        rim__signal_kill(ctx, actor);
    }
}

void rim__keep_end(rim_ctx *ctx, struct rim__actor *actor) {
    if (actor->marks & RIM_MARK_KEPT) {
        end_kept(ctx, actor);
    }
}

static void tell_keeper(rim_ctx *ctx, struct rim__actor *actor, rim_exit why) {
    struct rim__kept *kept = actor->belongings->kept;
    rim_failed_event event = {.who = actor->ref, .code = why.code};
    rim__signal_text(event.text, sizeof event.text, why.text);
    if (kept->notice == NULL) {
        rim__keep_failed(ctx, kept->keeper, &event);
        return;
    }
    *(rim_failed_event *)rim__msg_body(kept->notice) = event;
    kept->notice->from = actor->ref;
    kept->notice->to = rim__ref_local(kept->keeper);
    rim__mesh_post(ctx->shard, rim__ref_shard(kept->keeper), kept->notice);
    kept->notice = NULL;
}

/* What the life that failed had begun; the actor itself calls. */
static void end_life(rim_ctx *ctx, struct rim__actor *actor) {
    struct rim__belongings *belongings = actor->belongings;
    rim__name_seek_end_all(ctx, actor);
    rim__request_cancel_all(ctx, actor);
    rim__timer_cancel_all(ctx, actor);
    rim__monitor_cancel_all(ctx, actor);
    rim__ending_cancel_all(ctx, actor);
    rim__heap_end_all(ctx, actor);
    rim__pressure_end(ctx, actor);
    belongings->starter = RIM_NIL;
    belongings->start_deferred = false;
    belongings->change = (struct rim__change){.to = NULL};
}

bool rim__keep_suspend(rim_ctx *ctx, struct rim__actor *actor, rim_exit why) {
    bool first = actor->stage == RIM_STAGE_UNBORN && !actor->belongings->kept->revived;
    if (first || actor->stop_asked || ctx->ending || (actor->marks & RIM_MARK_CLOSED)) {
        return false;
    }
    rim__actor_note_failure(ctx, actor, why);
    rim__actor_say_goodbye(ctx, actor, why);
    if (actor->stop_asked) {                /* by its exit */
        actor->stage = RIM_STAGE_SUSPENDED; /* which does not run again */
        return false;
    }
    end_life(ctx, actor);
    actor->stage = RIM_STAGE_SUSPENDED;
    actor->held = true;
    ctx->held++;
    rim__stash_return(ctx, actor, UINT32_MAX);
    if (actor->marks & RIM_MARK_CHANGED) {
        rim__become_settle(ctx, actor);
    }
    actor->ready = false;
    tell_keeper(ctx, actor, why);
    return true;
}

/* ---- again ---- */

static int renew_state(rim_ctx *ctx, struct rim__actor *actor) {
    struct rim__kept *kept = actor->belongings->kept;
    const rim_behaviour *newest = rim__upgrade_newest(ctx, kept->behaviour, kept->version);
    if (newest->state_size > actor->state_size) {
        return rim__become_change(ctx, actor, &(struct rim__change){.to = newest}); /* a state of its own, zeroed */
    }
    rim__record_swap(actor, newest);
    memset(RIM_ACTOR_STATE(actor), 0, actor->state_size);
    return 0;
}

/* `msg` is of this shard's own or in a parcel; its body is a struct rim__birth of which only the argument counts. It
   becomes the birth, and is taken over on 0. */
static int revive(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    struct rim__kept *kept = actor->belongings->kept;
    if (!rim__signal_is_here(ctx, kept->keeper) && kept->notice == NULL && (kept->notice = make_word(ctx)) == NULL) {
        return -ENOMEM;
    }
    if (renew_state(ctx, actor) != 0) {
        return -ENOMEM;
    }
    struct rim__birth *birth = rim__msg_body(msg);
    *birth = (struct rim__birth){.behaviour = rim__record_table(actor),
                                 .version = rim__record_table(actor)->version,
                                 .options.acknowledge = kept->acknowledge,
                                 .spawner = kept->keeper,
                                 .size = birth->size};
    msg->kind = RIM_KIND_SPAWN;
    msg->tag = 0;
    msg->from = RIM_NIL;
    actor->marks = (uint8_t)(kept->traps ? actor->marks | RIM_MARK_TRAPS : actor->marks & ~RIM_MARK_TRAPS);
    actor->stage = RIM_STAGE_UNBORN;
    actor->held = false;
    ctx->held--;
    kept->revived = true;
    rim__mailbox_push_front(ctx, actor, msg);
    rim__actor_wake(ctx, actor);
    return 0;
}

static bool can_be_revived(const struct rim__actor *actor) {
    return actor != NULL && actor->stage == RIM_STAGE_SUSPENDED && !actor->stop_asked;
}

void rim__keep_revive(rim_ctx *ctx, struct rim_msg *msg) {
    struct rim__actor *actor = rim__actor_find(ctx, msg->to);
    if (can_be_revived(actor)) {
        if (revive(ctx, actor, msg) == 0) {
            return;
        }
        actor->marks |= RIM_MARK_DOOMED; /* without a reason: out of memory */
        actor->stop_asked = true;
        rim__actor_wake(ctx, actor);
    }
    rim__msg_release(ctx->shard, msg);
}

static int revive_here(rim_ctx *ctx, rim_ref who, const void *arg, uint32_t size) {
    struct rim__actor *actor = rim__actor_get(ctx, who);
    if (!can_be_revived(actor)) {
        return actor == NULL ? -RIM_EDOWN : -RIM_ECONTEXT;
    }
    struct rim_msg *msg =
        rim__msg_create(ctx->shard, RIM_KIND_SPAWN, RIM_MSG_RESERVED, 0, sizeof(struct rim__birth) + size);
    if (msg == NULL) {
        return -ENOMEM;
    }
    msg->to = rim__ref_local(who);
    rim__birth_write(rim__msg_body(msg), &(struct rim__birth){.size = size}, arg);
    if (revive(ctx, actor, msg) != 0) {
        rim__msg_release(ctx->shard, msg);
        return -ENOMEM;
    }
    return 0;
}

int rim_revive(rim_ctx *ctx, rim_ref who, const void *arg, size_t size) {
    int error = (arg == NULL && size > 0) || size > RIM_SPAWN_ARG_MAX ? -EINVAL : rim__send_check(ctx, who);
    if (error != 0) {
        return error;
    }
    if (rim__signal_is_here(ctx, who)) {
        return revive_here(ctx, who, arg, (uint32_t)size);
    }
    struct rim_msg *msg =
        rim__signal_reserve(ctx, RIM_SIGNAL_REVIVE, rim_self(ctx), who, sizeof(struct rim__birth) + size);
    if (msg == NULL) {
        return -ENOMEM;
    }
    rim__birth_write(rim__msg_body(msg), &(struct rim__birth){.size = (uint32_t)size}, arg);
    return 0;
}
