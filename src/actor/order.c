/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "actor/name.h"
#include "actor/world.h"
#include "shard/offload.h"

static void announce_closing(rim_ctx *ctx) {
    for (struct rim__actor *actor = ctx->oldest; actor != NULL; actor = actor->newer) {
        if (actor->stage != RIM_STAGE_EMBRYO && actor->stage != RIM_STAGE_SUSPENDED) {
            rim__send_event(ctx, RIM_NIL, actor->ref, RIM_CLOSING, NULL, 0);
        }
    }
    rim__name_home_stop(ctx);
    rim__name_seek_stop(ctx);
}

/* ---- probing ---- */

static uint32_t waiting(const struct rim__actor *actor) {
    return actor->count + (actor->belongings != NULL ? actor->belongings->stash_count : 0);
}

static const char *name_of(const struct rim__actor *actor) {
    return actor->behaviour != NULL ? actor->behaviour->name : "an actor that was never born";
}

static void describe(const rim_ctx *ctx, char text[RIM_PROBE_TEXT]) {
    if (ctx->stats.jobs_open > 0 && rim__offload_describe(ctx->shard, text, RIM_PROBE_TEXT)) {
        return;
    }
    for (struct rim__actor *actor = ctx->newest; actor != NULL; actor = actor->older) {
        bool waits = actor->belongings != NULL && actor->belongings->requests != NULL;
        if (waiting(actor) > 0 || waits) {
            snprintf(text, RIM_PROBE_TEXT, "%s: %u messages%s", name_of(actor), waiting(actor),
                     waits ? ", requests open" : "");
            return;
        }
    }
    if (ctx->busy > 0) {
        snprintf(text, RIM_PROBE_TEXT, "%lld sockets, files or others with something to end", (long long)ctx->busy);
    }
}

static void probe(rim_ctx *ctx, struct rim__probe *out) {
    *out = (struct rim__probe){
        .idle = ctx->stats.queued == 0 && ctx->stats.requests_open == 0 && ctx->busy == 0 &&
                ctx->stats.jobs_open == 0 && ctx->shard->mesh.backlog == 0 && ctx->owed == NULL &&
                ctx->refusal.count == 0 && rim__run_queue_is_empty(&ctx->shard->ready),
        .posted = ctx->shard->mesh.posted,
        .drained = ctx->shard->mesh.drained,
        .lost = ctx->lost,
    };
    if (!out->idle) {
        describe(ctx, out->busy_with);
    }
}

/* ---- stopping ---- */

static void stop_actors(rim_ctx *ctx, bool own_too, rim_exit why) {
    for (struct rim__actor *actor = ctx->newest, *older; actor != NULL; actor = older) {
        older = actor->older;
        if (own_too || !rim__actor_is_own(actor)) {
            /* An exit may end no other actor at once, so `older` stays; what it spawns is newer, and seen below. */
            rim__actor_bury(ctx, actor, why);
        }
    }
}

static void stop_all(rim_ctx *ctx, bool own_too, rim_exit why) {
    uint64_t before;
    ctx->ending = true; /* all of them end: that needs no telling, and telling would take time */
    do {                /* exits may spawn */
        before = ctx->stats.spawned;
        stop_actors(ctx, own_too, why);
    } while (ctx->stats.spawned != before);
}

static void cut(rim_ctx *ctx, struct rim__probe *out) {
    probe(ctx, out);
    for (struct rim__actor *actor = ctx->oldest; actor != NULL; actor = actor->newer) {
        out->killed += waiting(actor) > 0;
    }
    ctx->cutting = true;
    for (struct rim__task *task; (task = rim__run_queue_pop(&ctx->shard->ready)) != NULL;) { /* nobody has a turn */
        rim__container_of(task, struct rim__actor, task)->ready = false;
    }
    stop_all(ctx, true, (rim_exit){.code = RIM_EXIT_KILLED, .text = "the system's stop ran into its deadline"});
    out->lost = ctx->lost;
}

void rim__order_obey(rim_ctx *ctx, struct rim_msg *msg) {
    struct rim__order order = *(struct rim__order *)rim__msg_body(msg);
    const rim_exit shutdown = {.code = RIM_EXIT_SHUTDOWN, .text = "the system stops"};
    rim__msg_release(ctx->shard, msg);
    switch (order.kind) {
    case RIM_ORDER_CLOSE:
        announce_closing(ctx);
        probe(ctx, order.probe);
        break;
    case RIM_ORDER_PROBE:
        probe(ctx, order.probe);
        break;
    case RIM_ORDER_STOP_USERS:
        stop_all(ctx, false, shutdown);
        probe(ctx, order.probe);
        break;
    case RIM_ORDER_STOP_ALL:
        stop_all(ctx, true, shutdown);
        probe(ctx, order.probe);
        break;
    case RIM_ORDER_CUT:
        cut(ctx, order.probe);
        break;
    case RIM_ORDER_QUIT:
        ctx->shard->stopping = true;
        break;
    }
    if (order.obeyed != NULL) {
        order.obeyed(order.arg);
    }
}
