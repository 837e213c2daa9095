/* SPDX-License-Identifier: MIT */
/*
 * Exit signals: what they do to an actor, and the way of all signals from shard to shard.
 *
 * Whether a signal ends an actor or becomes an event is decided when it arrives. An embryo's is decided at its birth,
 * which says whether it traps exits: until then signals wait in its mailbox.
 */
#include "actor/signal.h"

#include <errno.h>
#include <string.h>

#include "actor/mailbox.h"
#include "actor/send.h"

struct rim__actor *rim__signal_target(rim_ctx *ctx, rim_ref ref) {
    struct rim__actor *actor = rim__actor_find(ctx, rim__ref_local(ref));
    return actor != NULL || ctx->ending ? actor : rim__actor_embryo(ctx, rim__ref_local(ref));
}

void rim__signal_text(char *to, size_t size, const char *text) {
    size_t length = strnlen(text, size - 1);
    memcpy(to, text, length);
    to[length] = '\0';
}

const char *rim__signal_text_of(uint32_t code) {
    return code == RIM_EXIT_NOACTOR ? "no such actor" : "out of memory";
}

/* ---- across ---- */

struct rim_msg *rim__signal_reserve(rim_ctx *ctx, enum rim__signal signal, rim_ref from, rim_ref to, size_t size) {
    struct rim_msg *msg =
        rim__mesh_reserve(ctx->shard, rim__ref_shard(to), (uint32_t)rim__msg_span(RIM_MSG_RESERVED, size), true);
    if (msg != NULL) {
        msg->from = from;
        msg->to = rim__ref_local(to);
        msg->kind = RIM_KIND_SIGNAL;
        msg->flags |= RIM_MSG_RESERVED;
        msg->tag = signal;
        msg->size = (uint32_t)size;
    }
    return msg;
}

int rim__signal_send(rim_ctx *ctx, enum rim__signal signal, rim_ref from, rim_ref to, struct rim__tie tie) {
    struct rim_msg *msg = rim__signal_reserve(ctx, signal, from, to, sizeof tie);
    if (msg == NULL) {
        return -ENOMEM;
    }
    *(struct rim__tie *)rim__msg_body(msg) = tie;
    return 0;
}

void rim__signal_answer(rim_ctx *ctx, struct rim_msg *msg, enum rim__signal signal, struct rim__tie tie) {
    rim_ref from = ctx->here | msg->to, to = msg->from;
    msg->from = from;
    msg->to = rim__ref_local(to);
    msg->kind = RIM_KIND_SIGNAL;
    msg->tag = signal;
    msg->size = sizeof tie;
    *(struct rim__tie *)rim__msg_body(msg) = tie;
    rim__mesh_post(ctx->shard, rim__ref_shard(to), msg);
}

/* ---- what a signal does ---- */

void rim__signal_doom(rim_ctx *ctx, struct rim__actor *actor, const rim_exit_event *event, struct rim_msg *msg) {
    struct rim__belongings *belongings = actor->stop_asked ? NULL : rim__actor_belongings(ctx, actor);
    if (belongings != NULL) {
        belongings->doom = event;
        belongings->doom_msg = msg;
    } else if (msg != NULL) {
        rim__msg_release(ctx->shard, msg);
    }
    if (!actor->stop_asked) {
        actor->stop_asked = true;
        actor->marks |= RIM_MARK_DOOMED;
        if (actor->stage != RIM_STAGE_EMBRYO) {
            rim__actor_wake(ctx, actor);
        }
    }
}

rim_exit_event rim__signal_reason(const struct rim__actor *actor) {
    if (actor->marks & RIM_MARK_KILLED) {
        return (rim_exit_event){.code = RIM_EXIT_KILLED, .text = "killed"};
    }
    if (actor->belongings == NULL || actor->belongings->doom == NULL) {
        return (rim_exit_event){.code = RIM_EXIT_NOMEM, .text = "out of memory"};
    }
    return *actor->belongings->doom;
}

/* rim_exit_send has come to its receiver's shard; `msg` is of this shard's own or in a parcel, and is taken over. */
static void receive_exit(rim_ctx *ctx, rim_ref to, struct rim_msg *msg) {
    const rim_exit_event *event = rim__msg_body(msg);
    struct rim__actor *actor = rim__signal_target(ctx, to);
    bool embryo = actor != NULL && actor->stage == RIM_STAGE_EMBRYO;
    bool trapped = actor != NULL && (actor->marks & RIM_MARK_TRAPS) != 0;
    bool ignored = event->code == RIM_EXIT_NORMAL && event->from != to;
    if (actor == NULL || (ignored && !trapped)) {
        rim__msg_release(ctx->shard, msg);
    } else if (trapped || embryo) {
        msg->kind = RIM_KIND_EVENT;
        msg->tag = RIM_EXIT_SIGNAL;
        ctx->stats.sent++;
        rim__actor_accept(ctx, actor, msg);
    } else {
        rim__signal_doom(ctx, actor, event, msg);
    }
}

void rim__signal_kill(rim_ctx *ctx, struct rim__actor *actor) {
    if (!actor->stop_asked) {
        actor->stop_asked = true;
        actor->marks |= RIM_MARK_KILLED;
        if (actor->stage != RIM_STAGE_EMBRYO) {
            rim__actor_wake(ctx, actor);
        }
    }
}

static void receive_kill(rim_ctx *ctx, rim_ref to) {
    struct rim__actor *actor = rim__signal_target(ctx, to);
    if (actor != NULL) {
        rim__signal_kill(ctx, actor);
    }
}

void rim__signal_resolve(rim_ctx *ctx, struct rim__actor *actor) {
    for (struct rim_msg *msg = actor->head; msg != NULL; msg = msg->next) {
        if (msg->kind == RIM_KIND_EXIT) {
            rim__link_resolve(ctx, actor, msg);
        } else if (msg->kind == RIM_KIND_EVENT && msg->tag == RIM_EXIT_SIGNAL) {
            rim__signal_doom(ctx, actor, rim__msg_body(msg), NULL);
        }
    }
}

/* ---- arriving ---- */

static void receive_absent(rim_ctx *ctx, struct rim_msg *msg, rim_ref to) {
    const struct rim__tie *tie = rim__msg_body(msg);
    const char *text = rim__signal_text_of(tie->number);
    if (rim__ref_kind(tie->monitor) == RIM_REF_ENDING) {
        rim__ending_absent(ctx, tie->monitor, tie->number);
    } else if (tie->monitor != RIM_NIL) {
        rim__monitor_fire(ctx, tie->monitor, tie->number, text);
    }
    if (tie->link) {
        rim__link_peer_ended(ctx, to, msg->from, tie->number, text);
    }
    rim__msg_release(ctx->shard, msg);
}

static void receive_down(rim_ctx *ctx, struct rim_msg *msg) {
    const rim_down_event *event = rim__msg_body(msg);
    rim__monitor_fire(ctx, event->monitor, event->code, event->text);
    rim__msg_release(ctx->shard, msg);
}

static void receive_ended(rim_ctx *ctx, struct rim_msg *msg, rim_ref to) {
    const rim_exit_event *event = rim__msg_body(msg);
    rim__link_peer_ended(ctx, to, event->from, event->code, event->text);
    rim__msg_release(ctx->shard, msg);
}

void rim__signal_deliver(rim_ctx *ctx, struct rim_msg *msg) {
    rim_ref to = ctx->here | msg->to;
    switch ((enum rim__signal)msg->tag) {
    case RIM_SIGNAL_LINK:
    case RIM_SIGNAL_UNLINK:
    case RIM_SIGNAL_UNLINKED:
        rim__link_signal(ctx, msg, to);
        return;
    case RIM_SIGNAL_MONITOR:
    case RIM_SIGNAL_DEMONITOR:
        rim__monitor_signal(ctx, msg, to);
        return;
    case RIM_SIGNAL_ABSENT:
        receive_absent(ctx, msg, to);
        return;
    case RIM_SIGNAL_DOWN:
        receive_down(ctx, msg);
        return;
    case RIM_SIGNAL_ENDED:
        receive_ended(ctx, msg, to);
        return;
    case RIM_SIGNAL_EXIT:
        receive_exit(ctx, to, msg);
        return;
    case RIM_SIGNAL_KILL:
        receive_kill(ctx, to);
        rim__msg_release(ctx->shard, msg);
        return;
    case RIM_SIGNAL_END:
        rim__closing_arrive(ctx, msg, to);
        return;
    case RIM_SIGNAL_REPORT:
        rim__ending_finish(ctx, rim__msg_body(msg));
        rim__msg_release(ctx->shard, msg);
        return;
    case RIM_SIGNAL_FAILED:
        rim__keep_failed(ctx, to, rim__msg_body(msg));
        rim__msg_release(ctx->shard, msg);
        return;
    case RIM_SIGNAL_REVIVE:
        rim__keep_revive(ctx, msg);
        return;
    }
    rim__unreachable("a signal that there is not");
}

/* ---- the end of an actor ---- */

void rim__signal_end_all(rim_ctx *ctx, struct rim__actor *actor, rim_exit why) {
    struct rim__belongings *belongings = actor->belongings;
    rim__monitor_end_own(ctx, actor);
    rim__ending_end_own(ctx, actor);
    rim__keep_end(ctx, actor);
    while (belongings->bonds != NULL) {
        struct rim__bond *bond = rim__container_of(belongings->bonds, struct rim__bond, own);
        switch (rim__ref_kind(bond->key)) {
        case RIM_REF_MONITOR:
            rim__monitor_watch_end(ctx, bond, why);
            break;
        case RIM_REF_ENDING:
            rim__closing_end(ctx, actor, bond, why);
            break;
        case RIM_REF_KEPT:
            rim__keep_notice_end(ctx, bond);
            break;
        default:
            rim__link_end(ctx, bond, why);
        }
    }
    rim__monitor_end_watchers(ctx, actor, why);
    if (belongings->doom_msg != NULL) {
        rim__msg_release(ctx->shard, belongings->doom_msg);
    }
}

/* ---- what a handler may ask ---- */

bool rim_trap_exit(rim_ctx *ctx, bool on) {
    if (ctx->actor == NULL) {
        return false;
    }
    bool before = (ctx->actor->marks & RIM_MARK_TRAPS) != 0;
    ctx->actor->marks = (uint8_t)(on ? ctx->actor->marks | RIM_MARK_TRAPS : ctx->actor->marks & ~RIM_MARK_TRAPS);
    return before;
}

int rim_exit_send(rim_ctx *ctx, rim_ref to, uint32_t code, const char *text) {
    int error = rim__send_check(ctx, to);
    if (error != 0) {
        return error == -RIM_EDOWN ? 0 : error;
    }
    bool here = rim__signal_is_here(ctx, to);
    struct rim_msg *msg =
        here ? rim__msg_create(ctx->shard, RIM_KIND_EVENT, RIM_MSG_RESERVED, RIM_EXIT_SIGNAL, sizeof(rim_exit_event))
             : rim__signal_reserve(ctx, RIM_SIGNAL_EXIT, rim_self(ctx), to, sizeof(rim_exit_event));
    if (msg == NULL) {
        return -ENOMEM;
    }
    rim_exit_event *event = rim__msg_body(msg);
    *event = (rim_exit_event){.from = rim_self(ctx), .code = code};
    rim__signal_text(event->text, sizeof event->text, text != NULL ? text : "");
    if (here) {
        msg->from = rim_self(ctx);
        msg->to = rim__ref_local(to);
        receive_exit(ctx, to, msg);
    }
    return 0;
}

int rim_kill(rim_ctx *ctx, rim_ref who) {
    int error = rim__send_check(ctx, who);
    if (error != 0) {
        return error == -RIM_EDOWN ? 0 : error;
    }
    if (!rim__signal_is_here(ctx, who)) {
        return rim__signal_send(ctx, RIM_SIGNAL_KILL, rim_self(ctx), who, (struct rim__tie){0});
    }
    receive_kill(ctx, who);
    return 0;
}
