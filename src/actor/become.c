/* SPDX-License-Identifier: MIT */
/*
 * An actor changes: another table, and where that needs it another state.
 *
 * Actor and state are one block, to which much points: the table, the run queue, its neighbours by age, timers and
 * requests. So the block stays where it is, and a state that was migrated lies elsewhere, known to the belongings;
 * a mark in the actor's first line says so. A handler may be running on the old state: that is freed at the end of the
 * turn, when nothing points to it any more.
 */
#include <errno.h>
#include <string.h>

#include "actor/become.h"
#include "actor/record.h"
#include "actor/spawn.h"

/* In front of a state that does not lie behind its actor. */
struct rim__away {
    struct rim__away *next; /* among those that are spent */
    size_t size;            /* of the state */
};
_Static_assert(sizeof(struct rim__away) == 16, "the state behind it is aligned to 16");

static void free_away(rim_ctx *ctx, struct rim__away *away) {
    rim__memory_free(&ctx->shard->memory, away, sizeof *away + away->size);
}

static struct rim__away *make_away(rim_ctx *ctx, size_t size) {
    struct rim__away *away = rim__memory_alloc(&ctx->shard->memory, sizeof *away + size);
    if (away != NULL) {
        *away = (struct rim__away){.size = size};
        memset(away + 1, 0, size);
    }
    return away;
}

size_t rim__become_inline_size(const struct rim__actor *actor) {
    return (actor->marks & RIM_MARK_MOVED) ? actor->belongings->inline_size : actor->state_size;
}

static void free_spent(rim_ctx *ctx, struct rim__belongings *belongings) {
    for (struct rim__away *away; (away = belongings->spent) != NULL;) {
        belongings->spent = away->next;
        free_away(ctx, away);
    }
}

void rim__become_end(rim_ctx *ctx, struct rim__actor *actor) {
    free_spent(ctx, actor->belongings);
    if (actor->marks & RIM_MARK_MOVED) {
        free_away(ctx, (struct rim__away *)actor->belongings->state - 1);
    }
}

/* The new state takes the old one's place. */
static void move_state(rim_ctx *ctx, struct rim__actor *actor, struct rim__away *fresh) {
    struct rim__belongings *belongings = actor->belongings;
    if (actor->marks & RIM_MARK_MOVED) {
        struct rim__away *old = (struct rim__away *)belongings->state - 1;
        old->next = belongings->spent;
        belongings->spent = old;
    } else {
        belongings->inline_size = actor->state_size;
        actor->marks |= RIM_MARK_MOVED;
    }
    belongings->state = fresh + 1;
    actor->state_size = (uint32_t)fresh->size;
    if (ctx->actor == actor) {
        actor->marks |= RIM_MARK_CHANGED; /* its handler may have the old one */
    } else {
        free_spent(ctx, belongings);
    }
}

/* What a handler's context says is put aside: the actor that changes has no message. */
static int call_migrate(rim_ctx *ctx, struct rim__actor *actor, const struct rim__change *change, void *fresh) {
    struct rim__actor *previous = ctx->actor;
    struct rim_msg *current = ctx->current;
    bool asked = ctx->asked, taken = ctx->taken;
    ctx->actor = actor;
    ctx->current = NULL;
    ctx->asked = false;
    ctx->migrating = true;
    int error = change->migrate(ctx, RIM_ACTOR_STATE(actor), fresh, change->arg);
    ctx->migrating = false;
    ctx->actor = previous;
    ctx->current = current;
    ctx->asked = asked;
    ctx->taken = taken;
    return error > 0 ? -EINVAL : error;
}

int rim__become_change(rim_ctx *ctx, struct rim__actor *actor, const struct rim__change *change) {
    bool unborn = actor->stage != RIM_STAGE_ALIVE; /* its state is empty */
    bool fits = change->to->state_size <= actor->state_size;
    if (fits && (unborn || change->migrate == NULL)) {
        rim__record_swap(actor, change->to);
        return 0;
    }
    if (!unborn && change->migrate == NULL) {
        return -EINVAL;
    }
    if (rim__actor_belongings(ctx, actor) == NULL) {
        return -ENOMEM;
    }
    struct rim__away *fresh = make_away(ctx, change->to->state_size);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    int error = unborn ? 0 : call_migrate(ctx, actor, change, fresh + 1);
    if (error != 0) {
        free_away(ctx, fresh);
        return error;
    }
    move_state(ctx, actor, fresh);
    rim__record_swap(actor, change->to);
    return 0;
}

static int check(const rim_ctx *ctx, const rim_behaviour *behaviour, rim_migrate migrate) {
    if (ctx->migrating) {
        return -RIM_ECONTEXT;
    }
    if (ctx->actor == NULL || rim__spawn_check(behaviour, NULL, 0) != 0) {
        return -EINVAL;
    }
    return migrate != NULL || behaviour->state_size <= ctx->actor->state_size ? 0 : -EINVAL;
}

int rim_become_with(rim_ctx *ctx, const rim_behaviour *behaviour, rim_migrate migrate, const void *arg) {
    int error = check(ctx, behaviour, migrate);
    if (error != 0) {
        return error;
    }
    return rim__become_change(ctx, ctx->actor, &(struct rim__change){.to = behaviour, .migrate = migrate, .arg = arg});
}

int rim_become(rim_ctx *ctx, const rim_behaviour *behaviour) {
    return rim_become_with(ctx, behaviour, NULL, NULL);
}

/* ---- later ---- */

int rim__become_later(rim_ctx *ctx, struct rim__actor *actor, const struct rim__change *change) {
    struct rim__belongings *belongings = rim__actor_belongings(ctx, actor);
    if (belongings == NULL) {
        return -ENOMEM;
    }
    belongings->change = *change;
    actor->marks |= RIM_MARK_CHANGED;
    return 0;
}

void rim__become_settle(rim_ctx *ctx, struct rim__actor *actor) {
    struct rim__belongings *belongings = actor->belongings;
    free_spent(ctx, belongings);
    struct rim__change change = belongings->change;
    actor->marks &= (uint8_t)~RIM_MARK_CHANGED;
    if (change.to == NULL) {
        return;
    }
    if (belongings->requests != NULL) {
        actor->marks |= RIM_MARK_CHANGED;
        return;
    }
    belongings->change = (struct rim__change){.to = NULL};
    if (rim__record_table(actor) != change.from) {
        return; /* it has become something else meanwhile */
    }
    int error = rim__become_change(ctx, actor, &change);
    if (error != 0) {
        rim__log_write(&ctx->shard->log, RIM_LOG_WARNING, "upgrade: actor %s %llx stays at version %u: %s",
                       change.from->name, (unsigned long long)actor->ref, change.from->version, rim_strerror(error));
    }
}
