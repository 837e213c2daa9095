/* SPDX-License-Identifier: MIT */
#include "actor/world.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "actor/group.h"
#include "actor/mailbox.h"
#include "actor/name.h"
#include "actor/send.h"
#include "actor/upgrade.h"

#define PUBLISH_EVERY 256u /* ticks */
#define TABLES        4u   /* of slots */

static void settle(struct rim__shard *shard) {
    rim_ctx *ctx = shard->world;
    if (ctx->after_turns != NULL) {
        void (*run)(rim_ctx *) = ctx->after_turns;
        ctx->after_turns = NULL;
        run(ctx);
    }
    if (rim__unlikely(ctx->refusal.count > 0)) {
        rim__room_flush(ctx);
    }
    if (rim__unlikely(ctx->owed != NULL)) {
        rim__spread_retry(ctx);
    }
    if (rim__unlikely(shard->ticks % PUBLISH_EVERY == 0)) {
        rim__stats_publish(ctx);
    }
}

static void publish(struct rim__shard *shard) {
    rim__stats_publish(shard->world);
}

static int init_allotments(rim_ctx *ctx) {
    uint32_t count = ctx->shard->count;
    ctx->allotments = calloc(count, sizeof *ctx->allotments);
    if (ctx->allotments == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        rim__allotment_range(ctx->shard->index, count, &ctx->allotments[i].fresh, &ctx->allotments[i].limit);
    }
    return 0;
}

static int init_tables(rim_ctx *ctx) {
    ctx->rows = rim__table_map(TABLES);
    if (ctx->rows == NULL) {
        return -ENOMEM;
    }
    rim__table_init(&ctx->actors, ctx->rows, RIM_SLOTS_OWN);
    rim__table_init(&ctx->requests, ctx->rows + RIM_SLOTS, RIM_SLOTS);
    rim__table_init(&ctx->timers, ctx->rows + 2 * RIM_SLOTS, RIM_SLOTS);
    rim__table_init(&ctx->monitors, ctx->rows + 3 * RIM_SLOTS, RIM_SLOTS);
    return 0;
}

int rim__world_init(rim_ctx *ctx, struct rim__shard *shard, const struct rim__world_options *options) {
    ctx->shard = shard;
    ctx->here = rim__ref_make(RIM_REF_ACTOR, shard->index, 0);
    ctx->system = options->system;
    ctx->mailbox_count = options->mailbox_count;
    ctx->mailbox_bytes = options->mailbox_bytes;
    ctx->budget = options->budget;
    ctx->turn_ns = options->turn_ns;
    ctx->io_stats = options->io_stats;
    ctx->wall_ms = options->wall_ms;
    ctx->path_of = options->path_of;
    shard->world = ctx;
    shard->deliver = rim__actor_deliver;
    shard->unpack = rim__actor_unpack;
    shard->turns = rim__actor_take_turns;
    shard->settle = settle;
    shard->publish = publish;
    rim__witness_init(&ctx->witness);
    int error = init_tables(ctx);
    error = error != 0 ? error : rim__name_init(ctx, options->hash_seed);
    error = error != 0 ? error : rim__group_init(ctx, options->hash_seed);
    return error != 0 ? error : init_allotments(ctx);
}

void rim__world_finish(rim_ctx *ctx) {
    rim__upgrade_finish(ctx);
    rim__name_finish(ctx);
    rim__group_finish(ctx);
    rim__table_unmap(ctx->rows, TABLES);
    ctx->rows = NULL;
    rim__bonds_finish(&ctx->bonds);
    rim__witness_finish(&ctx->witness);
    for (uint32_t i = 0; ctx->allotments != NULL && i < ctx->shard->count; i++) {
        free(ctx->allotments[i].free);
    }
    free(ctx->allotments);
    ctx->allotments = NULL;
}

/* ---- what a handler may ask ---- */

rim_ref rim_self(const rim_ctx *ctx) {
    return ctx->actor != NULL ? ctx->actor->ref : RIM_NIL;
}

rim_ref rim_sender(const rim_ctx *ctx) {
    if (rim__unlikely(ctx->current == NULL)) {
        return ctx->taken ? ctx->taken_from : RIM_NIL;
    }
    return ctx->current->from;
}

uint64_t rim_now(const rim_ctx *ctx) {
    return ctx->shard->now_ns;
}

uint64_t rim_wall_ms(const rim_ctx *ctx) {
    return ctx->wall_ms(ctx);
}

uint64_t rim_random(rim_ctx *ctx) {
    return rim__random_next(&ctx->shard->random);
}

uint32_t rim_shard_index(const rim_ctx *ctx) {
    return ctx->shard->index;
}

uint32_t rim_shard_count(const rim_ctx *ctx) {
    return ctx->shard->count;
}

rim_system *rim_system_of(const rim_ctx *ctx) {
    return ctx->system;
}

uint32_t rim_shard_of(rim_ref ref) {
    return rim__ref_shard(ref);
}

uint32_t rim_backlog(const rim_ctx *ctx) {
    return ctx->actor != NULL ? ctx->actor->count : 0;
}

const char *rim_error_text(const rim_ctx *ctx) {
    return ctx->error_text;
}

void rim_log(rim_ctx *ctx, int level, const char *format, ...) {
    va_list args;
    va_start(args, format);
    rim__log_writev(&ctx->shard->log, level, format, args);
    va_end(args);
}

bool rim_cancel(rim_ctx *ctx, uint64_t handle) {
    if (rim__ref_shard(handle) != ctx->shard->index) {
        return false;
    }
    switch (rim__ref_kind(handle)) {
    case RIM_REF_TIMER:
        return rim__timer_cancel(ctx, handle);
    case RIM_REF_REQUEST:
        return rim__request_cancel(ctx, handle);
    case RIM_REF_MONITOR:
        return rim__monitor_cancel(ctx, handle);
    case RIM_REF_ENDING:
        return rim__ending_cancel(ctx, handle);
    case RIM_REF_GATHER:
        return rim__gather_cancel(ctx, handle);
    case RIM_REF_SEQUENCE:
        return rim__sequence_cancel(ctx, handle);
    default:
        return false;
    }
}

/* ---- for the I/O layer (actor.h) ---- */

struct rim__actor *rim__actor_get(const rim_ctx *ctx, rim_ref ref) {
    bool here = (ref >> RIM_SHARD_SHIFT) == (ctx->here >> RIM_SHARD_SHIFT);
    return here ? rim__actor_find(ctx, rim__ref_local(ref)) : NULL;
}

rim_ctx *rim__ctx_of(struct rim__shard *shard) {
    return shard->world;
}

struct rim__shard *rim__ctx_shard(rim_ctx *ctx) {
    return ctx->shard;
}

void *rim__ctx_enter(rim_ctx *ctx, rim_ref who) {
    struct rim__actor *previous = ctx->actor;
    ctx->actor = rim__actor_get(ctx, who);
    return previous;
}

void rim__ctx_leave(rim_ctx *ctx, void *previous) {
    ctx->actor = previous;
}

bool rim__actor_is_alive(rim_ctx *ctx, rim_ref who) {
    return rim__actor_get(ctx, who) != NULL;
}

const rim_behaviour *rim__actor_behaviour(rim_ctx *ctx, rim_ref who) {
    struct rim__actor *actor = rim__actor_get(ctx, who);
    return actor != NULL ? actor->behaviour : NULL;
}

void *rim__actor_state_of(rim_ctx *ctx, rim_ref who, const rim_behaviour *behaviour) {
    struct rim__actor *actor = rim__actor_get(ctx, who);
    return actor != NULL && actor->behaviour == behaviour ? RIM_ACTOR_STATE(actor) : NULL;
}

int rim__send_event(rim_ctx *ctx, rim_ref from, rim_ref to, uint32_t tag, const void *body, size_t size) {
    struct rim__sending sending = {.to = to,
                                   .as = from,
                                   .kind = RIM_KIND_EVENT,
                                   .flags = RIM_MSG_RESERVED,
                                   .tag = tag,
                                   .body = body,
                                   .size = size};
    int error = rim__send_check(ctx, to);
    return error != 0 ? error : rim__send_copy(ctx, &sending);
}

struct rim_msg *rim__event_reserve(rim_ctx *ctx, size_t size) {
    return rim__msg_create(ctx->shard, RIM_KIND_EVENT, RIM_MSG_RESERVED, 0, size);
}

void rim__event_post(rim_ctx *ctx, rim_ref from, rim_ref to, uint32_t tag, struct rim_msg *event) {
    event->from = from;
    event->to = rim__ref_local(to);
    event->tag = tag;
    ctx->stats.sent++;
    if (rim__ref_shard(to) == ctx->shard->index) {
        rim__actor_deliver(ctx->shard, event);
    } else {
        rim__mesh_post(ctx->shard, rim__ref_shard(to), event);
    }
}

int rim__send_body(rim_ctx *ctx, rim_ref from, rim_ref to, uint32_t tag, struct rim__body *body) {
    struct rim__sending sending = {.to = to, .as = from, .kind = RIM_KIND_EVENT, .tag = tag, .size = body->size};
    int error = rim__send_check(ctx, to);
    error = error != 0 ? error : rim__send_out(ctx, &sending, body);
    if (error == -RIM_EFULL) { /* it will be sent again: not an outcome */
        ctx->stats.sent--;
        ctx->stats.refused--;
    } else if (error != 0) {
        rim__body_release(ctx->shard, body);
    }
    return error;
}

void rim__actor_hold(rim_ctx *ctx, rim_ref who, bool held) {
    struct rim__actor *actor = rim__actor_get(ctx, who);
    if (actor == NULL || actor->held == held) {
        return;
    }
    actor->held = held;
    if (held) {
        ctx->held++;
        return;
    }
    ctx->held--;
    if (actor->head != NULL) {
        rim__actor_wake(ctx, actor);
    }
}

void *rim__actor_own(rim_ctx *ctx, rim_ref who, const rim_behaviour *behaviour, uint32_t *backlog) {
    struct rim__actor *actor = rim__actor_get(ctx, who);
    if (actor == NULL || actor->behaviour != behaviour || actor->stage != RIM_STAGE_ALIVE) {
        return NULL;
    }
    *backlog = actor->count;
    return RIM_ACTOR_STATE(actor);
}

void rim__ctx_run_after(rim_ctx *ctx, void (*fn)(rim_ctx *ctx)) {
    ctx->after_turns = fn;
}

void rim__ctx_busy(rim_ctx *ctx, int delta) {
    ctx->busy += delta;
    rim__assert(ctx->busy >= 0);
}

int rim__ctx_error(rim_ctx *ctx, int error, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(ctx->error_text, sizeof ctx->error_text, format, args);
    va_end(args);
    rim__log_write(&ctx->shard->log, RIM_LOG_WARNING, "%s", ctx->error_text);
    return error;
}

void rim__ctx_set_io(rim_ctx *ctx, void *io) {
    ctx->io = io;
}

void *rim__ctx_io(const rim_ctx *ctx) {
    return ctx->io;
}
