/* SPDX-License-Identifier: MIT */
#include "actor/newborn.h"

#include <errno.h>
#include <string.h>

#include "actor/mailbox.h"
#include "actor/spawn.h"
#include "actor/upgrade.h"
#include "base/copy.h"

static const rim_spawn_options defaults;

static bool is_sound(const rim_behaviour *behaviour) {
    return behaviour != NULL && behaviour->name != NULL && behaviour->protocol < RIM_PROTOCOL_OWN &&
           (behaviour->on_count == 0 || behaviour->on != NULL) && behaviour->state_size <= RIM_STATE_MAX;
}

/* What else would have to be done, or found out. */
static bool asks_for_more(const rim_spawn_options *options) {
    return options->name != NULL || options->group != RIM_NIL || options->memory_bytes != 0 ||
           (options->stash_count | (uint32_t)options->keep | (uint32_t)options->link | (uint32_t)options->monitor |
            (uint32_t)options->acknowledge) != 0 ||
           (unsigned)options->overflow > RIM_OVERFLOW_STOP;
}

bool rim__newborn_is_plain(const rim_ctx *ctx, const rim_behaviour *behaviour, const rim_spawn_options *options,
                           size_t size) {
    if (size > RIM_SPAWN_ARG_MAX || !is_sound(behaviour)) {
        return false;
    }
    if (options == NULL) {
        return true;
    }
    bool is_here =
        options->place == RIM_HERE || (options->place == RIM_ON_SHARD && options->shard == ctx->shard->index);
    return is_here && !asks_for_more(options);
}

/* Depth first where newborns make newborns: few are there at once, and those are in the cache. */
void rim__newborn_queue(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *birth) {
    struct rim__run_queue *queue = &ctx->shard->ready;
    actor->ready = true;
    rim__mailbox_push(ctx, actor, birth);
    if (ctx->actor != NULL && ctx->actor == ctx->newborn) {
        rim__run_queue_push_young(queue, &actor->task);
    } else {
        rim__run_queue_push(queue, &actor->task);
    }
}

static struct rim_msg *write_birth(rim_ctx *ctx, rim_ref who, const void *arg, size_t size) {
    struct rim_msg *msg = rim__memory_alloc(&ctx->shard->memory, rim__msg_span(RIM_MSG_RESERVED, size));
    if (rim__likely(msg != NULL)) {
        *msg = (struct rim_msg){.from = RIM_NIL,
                                .to = rim__ref_local(who),
                                .kind = RIM_KIND_SPAWN,
                                .flags = RIM_MSG_RESERVED,
                                .tag = RIM_NEWBORN_PLAIN,
                                .size = (uint32_t)size};
        rim__copy(msg + 1, arg, size);
    }
    return msg;
}

static void unmake(rim_ctx *ctx, struct rim__actor *actor) {
    rim__table_remove(&ctx->actors, rim__ref_local(actor->ref));
    rim__memory_free(&ctx->shard->memory, actor, sizeof *actor + actor->state_size);
}

static int make(rim_ctx *ctx, const rim_behaviour *behaviour, struct rim__actor **out) {
    uint64_t local;
    size_t size = sizeof(struct rim__actor) + behaviour->state_size;
    struct rim__actor *actor = rim__memory_alloc(&ctx->shard->memory, size);
    if (actor == NULL) {
        return -ENOMEM;
    }
    int error = rim__table_add(&ctx->actors, actor, &local);
    if (error != 0) {
        rim__memory_free(&ctx->shard->memory, actor, size);
        return error;
    }
    *actor = (struct rim__actor){.state_size = (uint32_t)behaviour->state_size,
                                 .ref = ctx->here | local,
                                 .behaviour = behaviour,
                                 .stage = RIM_STAGE_ALIVE};
    memset(actor + 1, 0, behaviour->state_size);
    *out = actor;
    return 0;
}

int rim__newborn_make(rim_ctx *ctx, const rim_behaviour *behaviour, const rim_spawn_options *options, const void *arg,
                      size_t size, rim_ref *out) {
    struct rim__actor *actor;
    behaviour = rim__upgrade_newest(ctx, behaviour, behaviour->version);
    int error = make(ctx, behaviour, &actor);
    if (error != 0) {
        return error;
    }
    rim__spawn_configure(ctx, actor, options != NULL ? options : &defaults);
    if (behaviour->init != NULL) {
        struct rim_msg *birth = write_birth(ctx, actor->ref, arg, size);
        if (birth == NULL) {
            unmake(ctx, actor);
            return -ENOMEM;
        }
        actor->stage = RIM_STAGE_UNBORN;
        rim__newborn_queue(ctx, actor, birth);
    }
    rim__newborn_enlist(ctx, actor);
    *out = actor->ref;
    return 0;
}
