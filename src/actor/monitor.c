/* SPDX-License-Identifier: MIT */
/*
 * Monitors. A monitor carries the message of its event, so that firing takes no memory. On its own shard it hangs in
 * the list of the actor that it watches; on another, a bond stands for it there (struct watch), which holds the message
 * that will tell.
 *
 *     ARMED --the actor ends, or is not there--> QUEUED --its turn--> gone
 *       '------------- rim_cancel -----------------'--> gone; what waits is skipped
 */
#include <errno.h>
#include <stddef.h>

#include "actor/mailbox.h"
#include "actor/send.h"
#include "actor/signal.h"

struct monitor {
    uint64_t handle;     /* first, as in all that is in ctx->monitors */
    struct rim__own own; /* of the watcher */
    struct rim__own at;  /* of the watched actor, if `here` */
    struct rim__actor *owner;
    bool here;          /* it is on this shard, and alive */
    bool queued;        /* it has fired */
    struct rim_msg msg; /* with its body behind it */
    rim_down_event event;
};
_Static_assert(offsetof(struct monitor, event) == offsetof(struct monitor, msg) + sizeof(struct rim_msg),
               "the body lies behind the message");

struct watch {
    struct rim__bond bond; /* its key is the monitor */
    rim_ref watcher;
    struct rim_msg *farewell;
};

static void free_monitor(rim_ctx *ctx, struct monitor *monitor) {
    rim__memory_free(&ctx->shard->memory, monitor, sizeof *monitor);
}

static void unhook(struct monitor *monitor) {
    if (monitor->here) {
        rim__own_unlink(&monitor->at);
        monitor->here = false;
    }
}

static void retire(rim_ctx *ctx, struct monitor *monitor) {
    unhook(monitor);
    rim__table_remove(&ctx->monitors, rim__ref_local(monitor->handle));
    rim__own_unlink(&monitor->own);
}

static struct monitor *find(const rim_ctx *ctx, rim_mon handle) {
    struct monitor *monitor = rim__table_find(&ctx->monitors, rim__ref_local(handle));
    return monitor != NULL && monitor->handle == handle ? monitor : NULL;
}

static struct monitor *make_monitor(rim_ctx *ctx, rim_ref who, uint64_t cookie) {
    struct rim__actor *owner = ctx->actor;
    struct rim__belongings *belongings = rim__actor_belongings(ctx, owner);
    struct monitor *monitor = belongings != NULL ? rim__memory_alloc(&ctx->shard->memory, sizeof *monitor) : NULL;
    uint64_t local;
    if (monitor == NULL) {
        return NULL;
    }
    if (rim__table_add(&ctx->monitors, monitor, &local) != 0) {
        free_monitor(ctx, monitor);
        return NULL;
    }
    monitor->owner = owner;
    monitor->here = monitor->queued = false;
    monitor->handle = monitor->event.monitor = rim__ref_make(RIM_REF_MONITOR, ctx->shard->index, local);
    monitor->event.who = who;
    monitor->event.cookie = cookie;
    rim__own_link(&belongings->monitors, &monitor->own);
    return monitor;
}

/* ---- firing ---- */

static void fire(rim_ctx *ctx, struct monitor *monitor, uint32_t code, const char *text) {
    unhook(monitor);
    monitor->msg = (struct rim_msg){.from = monitor->event.who,
                                    .to = rim__ref_local(monitor->owner->ref),
                                    .kind = RIM_KIND_DOWN,
                                    .flags = RIM_MSG_EMBEDDED | RIM_MSG_RESERVED,
                                    .tag = RIM_DOWN,
                                    .size = sizeof monitor->event};
    monitor->event.code = code;
    rim__signal_text(monitor->event.text, sizeof monitor->event.text, text);
    monitor->queued = true;
    ctx->stats.sent++;
    rim__mailbox_push(ctx, monitor->owner, &monitor->msg);
}

void rim__monitor_fire(rim_ctx *ctx, rim_mon handle, uint32_t code, const char *text) {
    struct monitor *monitor = find(ctx, handle);
    if (monitor != NULL && !monitor->queued && !ctx->ending) {
        fire(ctx, monitor, code, text);
    }
}

rim_verdict rim__monitor_event(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg) {
    struct monitor *monitor = rim__container_of(msg, struct monitor, msg);
    rim_verdict verdict = RIM_DONE;
    if (msg->flags & RIM_MSG_CANCELLED) {
        ctx->stats.handled--; /* counted as dead */
        ctx->stats.dead++;
    } else {
        retire(ctx, monitor); /* over: the handler cannot cancel it any more */
        verdict = rim__call(ctx, actor, msg);
    }
    free_monitor(ctx, monitor);
    return verdict;
}

void rim__monitor_drop(rim_ctx *ctx, struct rim_msg *msg) {
    ctx->stats.dead++;
    if (msg->flags & RIM_MSG_CANCELLED) { /* else it is still among its owner's */
        free_monitor(ctx, rim__container_of(msg, struct monitor, msg));
    }
}

/* ---- the ends ---- */

/* Nobody is to be told any more. Out of memory a watch stays over there, and tells a monitor that is gone. */
static void call_off(rim_ctx *ctx, const struct monitor *monitor) {
    rim_ref who = monitor->event.who;
    if (!monitor->queued && !ctx->ending && rim__ref_node(who) == 0 && !rim__signal_is_here(ctx, who)) {
        rim__signal_send(ctx, RIM_SIGNAL_DEMONITOR, monitor->owner->ref, who,
                         (struct rim__tie){.monitor = monitor->event.monitor});
    }
}

bool rim__monitor_cancel(rim_ctx *ctx, uint64_t handle) {
    struct monitor *monitor = find(ctx, handle);
    if (monitor == NULL || monitor->owner != ctx->actor) {
        return false;
    }
    call_off(ctx, monitor);
    retire(ctx, monitor);
    if (monitor->queued) {
        monitor->msg.flags |= RIM_MSG_CANCELLED;
    } else {
        free_monitor(ctx, monitor);
    }
    return true;
}

void rim__monitor_cancel_all(rim_ctx *ctx, struct rim__actor *actor) {
    while (actor->belongings->monitors != NULL) {
        rim__monitor_cancel(ctx, rim__container_of(actor->belongings->monitors, struct monitor, own)->handle);
    }
}

void rim__monitor_end_own(rim_ctx *ctx, struct rim__actor *actor) {
    while (actor->belongings->monitors != NULL) {
        struct monitor *monitor = rim__container_of(actor->belongings->monitors, struct monitor, own);
        call_off(ctx, monitor);
        retire(ctx, monitor);
        free_monitor(ctx, monitor);
    }
}

void rim__monitor_end_watchers(rim_ctx *ctx, struct rim__actor *actor, rim_exit why) {
    while (actor->belongings->watchers != NULL) {
        struct monitor *monitor = rim__container_of(actor->belongings->watchers, struct monitor, at);
        if (ctx->ending) {
            unhook(monitor);
        } else {
            fire(ctx, monitor, why.code, why.text);
        }
    }
}

static void end_watch(rim_ctx *ctx, struct watch *watch) {
    rim__bond_remove(ctx, &watch->bond);
    if (watch->farewell != NULL) {
        rim__msg_release(ctx->shard, watch->farewell);
    }
    rim__memory_free(&ctx->shard->memory, watch, sizeof *watch);
}

void rim__monitor_watch_end(rim_ctx *ctx, struct rim__bond *bond, rim_exit why) {
    struct watch *watch = rim__container_of(bond, struct watch, bond);
    if (!ctx->ending) {
        rim_down_event *event = rim__msg_body(watch->farewell);
        *event = (rim_down_event){.monitor = bond->key, .who = bond->owner, .code = why.code};
        rim__signal_text(event->text, sizeof event->text, why.text);
        watch->farewell->from = bond->owner;
        watch->farewell->to = rim__ref_local(watch->watcher);
        rim__mesh_post(ctx->shard, rim__ref_shard(watch->watcher), watch->farewell);
        watch->farewell = NULL;
    }
    end_watch(ctx, watch);
}

/* ---- what other shards say ---- */

int rim__monitor_arrive(rim_ctx *ctx, struct rim__actor *actor, rim_ref watcher, rim_mon handle) {
    struct rim__belongings *belongings = rim__actor_belongings(ctx, actor);
    struct watch *watch = belongings != NULL ? rim__memory_alloc(&ctx->shard->memory, sizeof *watch) : NULL;
    if (watch == NULL) {
        return -ENOMEM;
    }
    *watch = (struct watch){.bond = {.owner = actor->ref, .key = handle}, .watcher = watcher};
    watch->farewell =
        rim__msg_create(ctx->shard, RIM_KIND_SIGNAL, RIM_MSG_RESERVED, RIM_SIGNAL_DOWN, sizeof(rim_down_event));
    if (watch->farewell == NULL || rim__bond_add(ctx, actor, &watch->bond) != 0) {
        if (watch->farewell != NULL) {
            rim__msg_release(ctx->shard, watch->farewell);
        }
        rim__memory_free(&ctx->shard->memory, watch, sizeof *watch);
        return -ENOMEM;
    }
    return 0;
}

static void receive_monitor(rim_ctx *ctx, struct rim_msg *msg, rim_ref to, rim_mon handle) {
    struct rim__actor *actor = rim__signal_target(ctx, to);
    uint32_t code = RIM_EXIT_NOACTOR;
    if (actor != NULL) {
        if (rim__monitor_arrive(ctx, actor, msg->from, handle) == 0) {
            rim__msg_release(ctx->shard, msg);
            return;
        }
        code = RIM_EXIT_NOMEM;
    }
    rim__signal_answer(ctx, msg, RIM_SIGNAL_ABSENT, (struct rim__tie){.monitor = handle, .number = code});
}

void rim__monitor_signal(rim_ctx *ctx, struct rim_msg *msg, rim_ref to) {
    rim_mon handle = ((const struct rim__tie *)rim__msg_body(msg))->monitor;
    if (msg->tag == RIM_SIGNAL_MONITOR) {
        receive_monitor(ctx, msg, to, handle);
        return;
    }
    struct rim__bond *bond = rim__bond_find(ctx, to, handle);
    if (bond != NULL) {
        end_watch(ctx, rim__container_of(bond, struct watch, bond));
    }
    rim__msg_release(ctx->shard, msg);
}

/* ---- monitoring ---- */

static int watch_here(rim_ctx *ctx, struct monitor *monitor, struct rim__actor *target) {
    struct rim__belongings *belongings = rim__actor_belongings(ctx, target);
    if (belongings == NULL) {
        return -ENOMEM;
    }
    rim__own_link(&belongings->watchers, &monitor->at);
    monitor->here = true;
    return 0;
}

/* The far end, wherever it is. */
static int watch(rim_ctx *ctx, struct monitor *monitor, rim_ref who, bool exists) {
    bool here = rim__signal_is_here(ctx, who);
    if (exists && !here) {
        struct rim__tie tie = {.monitor = monitor->event.monitor};
        return rim__signal_send(ctx, RIM_SIGNAL_MONITOR, ctx->actor->ref, who, tie);
    }
    struct rim__actor *target = exists ? rim__signal_target(ctx, who) : NULL;
    if (target != NULL) {
        return watch_here(ctx, monitor, target);
    }
    fire(ctx, monitor, RIM_EXIT_NOACTOR, rim__signal_text_of(RIM_EXIT_NOACTOR));
    return 0;
}

rim_mon rim_monitor(rim_ctx *ctx, rim_ref who, uint64_t cookie) {
    int error = ctx->actor == NULL ? -RIM_ECONTEXT : rim__send_check(ctx, who);
    if (error != 0 && error != -RIM_EDOWN) { /* EDOWN: of another node, and there are none */
        rim__ctx_error(ctx, error, "monitor %llx: %s", (unsigned long long)who, rim_strerror(error));
        return RIM_NIL;
    }
    struct monitor *monitor = make_monitor(ctx, who, cookie);
    if (monitor != NULL && watch(ctx, monitor, who, error == 0) != 0) {
        retire(ctx, monitor);
        free_monitor(ctx, monitor);
        monitor = NULL;
    }
    if (monitor == NULL) {
        rim__ctx_error(ctx, -ENOMEM, "monitor %llx: %s", (unsigned long long)who, rim_strerror(-ENOMEM));
        return RIM_NIL;
    }
    return monitor->event.monitor;
}

/* ---- a spawner and its child ---- */

int rim__monitor_spawned(rim_ctx *ctx, rim_ref child, struct rim__actor *here, uint64_t cookie, rim_mon *out) {
    struct monitor *monitor = make_monitor(ctx, child, cookie);
    if (monitor == NULL || (here != NULL && watch_here(ctx, monitor, here) != 0)) {
        if (monitor != NULL) {
            retire(ctx, monitor);
            free_monitor(ctx, monitor);
        }
        return -ENOMEM;
    }
    *out = monitor->event.monitor;
    return 0;
}

void rim__monitor_unspawn(rim_ctx *ctx, rim_mon handle) {
    struct monitor *monitor = find(ctx, handle);
    if (monitor != NULL) {
        retire(ctx, monitor);
        free_monitor(ctx, monitor);
    }
}
