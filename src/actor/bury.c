/* SPDX-License-Identifier: MIT */
/*
 * The end of an actor: its exit runs, what it had is taken back, those who wait for it are told, its slot is freed.
 */
#include <errno.h>

#include "actor/become.h"
#include "actor/group.h"
#include "actor/mailbox.h"
#include "actor/name.h"
#include "actor/record.h"
#include "actor/send.h"

/* One by one: a request to itself that ends here puts its failure behind the others. */
static void empty_mailbox(rim_ctx *ctx, struct rim__actor *actor) {
    rim__stash_return(ctx, actor, UINT32_MAX);
    for (struct rim_msg *msg; (msg = actor->head) != NULL;) {
        actor->head = msg->next;
        actor->load -= RIM_LOAD_OF(msg->size);
        ctx->stats.queued--;
        if (msg->kind == RIM_KIND_SPAWN) {
            rim__msg_release(ctx->shard, msg);
        } else if (msg->kind == RIM_KIND_TIMER) {
            ctx->stats.dead++;
            rim__timer_drop(ctx, msg);
        } else if (msg->kind == RIM_KIND_DOWN) {
            rim__monitor_drop(ctx, msg);
        } else if (msg->kind == RIM_KIND_EXIT) {
            rim__link_drop(ctx, msg);
        } else if (msg->kind == RIM_KIND_REPORT) {
            rim__ending_drop(ctx, msg);
        } else if (msg->kind == RIM_KIND_FAILED) {
            rim__keep_drop(ctx, msg);
        } else if (msg->kind == RIM_KIND_FAILURE && (msg->flags & RIM_MSG_EMBEDDED)) {
            rim__request_drop(ctx, msg);
        } else {
            rim__dead_letter(ctx, msg, actor->ref, -RIM_EDOWN);
        }
    }
}

static void delist(rim_ctx *ctx, struct rim__actor *actor) {
    *(actor->older != NULL ? &actor->older->newer : &ctx->oldest) = actor->newer;
    *(actor->newer != NULL ? &actor->newer->older : &ctx->newest) = actor->older;
    ctx->stats.actors--;
    ctx->stats.exited++;
}

/* A slot that another shard or a foreign thread chose: its chooser hears that it is free. */
void rim__bury_return_slot(rim_ctx *ctx, uint64_t local) {
    uint32_t number = (uint32_t)(local >> RIM_GENERATION_BITS);
    if (number < RIM_SLOTS_OWN) {
        return;
    }
    uint32_t first, end;
    rim__allotment_range(0, ctx->shard->count, &first, &end);
    uint32_t spawner = (number - first) / (end - first);
    if (spawner >= ctx->shard->count) {
        rim__foreign_slot_free(ctx->system, ctx->shard->index, local);
        return;
    }
    struct rim_msg *msg = rim__mesh_reserve(ctx->shard, spawner, (uint32_t)rim__msg_span(0, 0), true);
    if (msg != NULL) {
        msg->from = ctx->here | local;
        msg->to = 0;
        msg->kind = RIM_KIND_SLOT;
        msg->flags |= RIM_MSG_RESERVED;
        msg->tag = 0;
        msg->size = 0;
    }
}

static void end_belongings(rim_ctx *ctx, struct rim__actor *actor) {
    rim__request_end_all(ctx, actor);
    rim__timer_end_all(ctx, actor);
    rim__room_end_all(ctx, actor);
    rim__heap_end_all(ctx, actor);
    rim__record_end(ctx, actor);
}

void rim__actor_say_goodbye(rim_ctx *ctx, struct rim__actor *actor, rim_exit why) {
    struct rim__actor *previous = ctx->actor;
    ctx->actor = actor;
    if (actor->stage == RIM_STAGE_ALIVE && actor->behaviour->exit != NULL) {
        actor->behaviour->exit(ctx, RIM_ACTOR_STATE(actor), why);
    }
    ctx->actor = previous;
}

static bool is_failure(rim_exit why) {
    return why.code > RIM_EXIT_SHUTDOWN && why.code != RIM_EXIT_KILLED;
}

void rim__actor_note_failure(rim_ctx *ctx, const struct rim__actor *actor, rim_exit why) {
    ctx->stats.failed++;
    rim__log_write(&ctx->shard->log, RIM_LOG_WARNING, "actor %s %llx failed (%u): %s",
                   actor->behaviour != NULL ? actor->behaviour->name : "?", (unsigned long long)actor->ref, why.code,
                   why.text);
}

void rim__actor_bury(rim_ctx *ctx, struct rim__actor *actor, rim_exit why) {
    if (is_failure(why)) {
        rim__actor_note_failure(ctx, actor, why);
    }
    rim__actor_say_goodbye(ctx, actor, why);
    if (actor->belongings != NULL) {
        rim__group_end_all(ctx, actor);
        rim__name_end_all(ctx, actor); /* before anybody hears of the end: what follows uses the same lanes */
    }
    uint64_t local = rim__ref_local(actor->ref);
    if (actor->ready && ctx->actor != actor) { /* the running actor is in no queue */
        rim__run_queue_remove(&ctx->shard->ready, &actor->task);
    }
    actor->ready = true; /* nothing queues it again */
    ctx->held -= actor->held;
    if (actor->marks & RIM_MARK_REPORT) {
        rim__closing_count(actor);
    }
    if (actor->head != NULL || actor->belongings != NULL) {
        empty_mailbox(ctx, actor);
    }
    local = rim__table_remove(&ctx->actors, local); /* from here on it is not found */
    delist(ctx, actor);
    rim__bury_return_slot(ctx, local);
    size_t inline_size = rim__become_inline_size(actor);
    if (actor->belongings != NULL) {
        end_belongings(ctx, actor);
        rim__signal_end_all(ctx, actor, why);
    }
    if (actor->mode & RIM_MODE_WATCHED) {
        rim__witness_fire(ctx, actor->ref);
    }
    if (actor->belongings != NULL) {
        rim__become_end(ctx, actor);
        rim__memory_free(&ctx->shard->memory, actor->belongings, sizeof *actor->belongings);
    }
    rim__memory_free(&ctx->shard->memory, actor, sizeof *actor + inline_size);
}

int rim_stop(rim_ctx *ctx, rim_ref who) {
    int error = rim__send_check(ctx, who);
    if (error != 0) {
        return error;
    }
    uint32_t shard = rim__ref_shard(who);
    if (shard == ctx->shard->index) {
        struct rim__actor *actor = rim__actor_get(ctx, who);
        actor = actor != NULL ? actor : rim__actor_embryo(ctx, rim__ref_local(who));
        if (actor == NULL) {
            return -RIM_EDOWN;
        }
        actor->stop_asked = true;
        if (actor->stage != RIM_STAGE_EMBRYO) { /* else it ends at its birth */
            rim__actor_wake(ctx, actor);
        }
        return 0;
    }
    struct rim_msg *msg = rim__mesh_reserve(ctx->shard, shard, (uint32_t)rim__msg_span(0, 0), true);
    if (msg == NULL) {
        return -ENOMEM;
    }
    msg->from = rim_self(ctx);
    msg->to = rim__ref_local(who);
    msg->kind = RIM_KIND_STOP;
    msg->flags |= RIM_MSG_RESERVED;
    msg->tag = 0;
    msg->size = 0;
    return 0;
}
