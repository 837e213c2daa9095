/* SPDX-License-Identifier: MIT */
/*
 * Room: what happens around a full mailbox, and a full way.
 *
 * A mailbox that is three quarters full tells each shard that sends to it (FULL); from then on sends there fail at the
 * sender with -RIM_EFULL, while the last quarter takes what is under way. What finds no room even so is refused by the
 * receiver's shard, which tells the sending actor how many (RIM_REFUSED). When the mailbox is half empty, the shards
 * are told (ROOM), and of the actors that wait as many as there is room for, first come first served. Who asks for room
 * where none is known to be missing is told at once.
 */
#include <errno.h>
#include <stdlib.h>

#include "actor/send.h"

/* An actor of this shard that waits. For a receiver here it hangs in the receiver's queue; for one elsewhere in the
   record that this shard keeps of it; for a way in the way's list. */
struct rim__want {
    struct rim__own own; /* in the waiter's list */
    rim_ref waiter;
    rim_ref to;
    struct rim__want *next;
};

/* An actor on another shard that is full, as far as this shard knows. */
struct rim__full {
    struct rim__full *next;
    rim_ref ref;
    struct rim__want *waiters, **waiters_end;
};

static struct rim__full **bucket_of(rim_ctx *ctx, rim_ref ref) {
    return &ctx->full[rim__mix(ref) % RIM_FULL_BUCKETS];
}

static struct rim__full *find_full(const rim_ctx *ctx, rim_ref ref) {
    struct rim__full *full = *bucket_of((rim_ctx *)(uintptr_t)ctx, ref);
    while (full != NULL && full->ref != ref) {
        full = full->next;
    }
    return full;
}

bool rim__room_is_full(const rim_ctx *ctx, rim_ref to) {
    return find_full(ctx, to) != NULL;
}

/* ---- telling ---- */

static void tell_actor(rim_ctx *ctx, rim_ref waiter, rim_ref who) {
    rim_room_event event = {.who = who};
    rim__send_event(ctx, who, waiter, RIM_ROOM, &event, sizeof event);
}

/* Takes a want out of its waiter's list and frees it; the queue it was in is the caller's. */
static void end_want(rim_ctx *ctx, struct rim__want *want) {
    rim__own_unlink(&want->own);
    rim__memory_free(&ctx->shard->memory, want, sizeof *want);
}

static void tell_waiters(rim_ctx *ctx, struct rim__want *want) {
    for (struct rim__want *next; want != NULL; want = next) {
        next = want->next;
        rim_ref waiter = want->waiter, to = want->to;
        end_want(ctx, want);
        tell_actor(ctx, waiter, to);
    }
}

static void notice_shard(rim_ctx *ctx, uint32_t shard, rim_ref who, enum rim__kind kind) {
    struct rim_msg *msg = rim__mesh_reserve(ctx->shard, shard, (uint32_t)rim__msg_span(0, 0), true);
    if (msg != NULL) {
        msg->from = who;
        msg->to = 0;
        msg->kind = kind;
        msg->flags |= RIM_MSG_RESERVED;
        msg->tag = 0;
        msg->size = 0;
    }
}

void rim__room_tell_shard(rim_ctx *ctx, struct rim__actor *actor, uint32_t shard) {
    struct rim__belongings *belongings = rim__actor_belongings(ctx, actor);
    if (belongings == NULL || (belongings->told[shard / 64] & 1ull << (shard % 64))) {
        return;
    }
    belongings->told[shard / 64] |= 1ull << (shard % 64);
    actor->told = true;
    notice_shard(ctx, shard, actor->ref, RIM_KIND_FULL);
}

void rim__room_tell_shards(rim_ctx *ctx, struct rim__actor *actor) {
    uint64_t *told = actor->belongings->told;
    for (uint32_t i = 0; i < ctx->shard->count; i++) {
        if (told[i / 64] & 1ull << (i % 64)) {
            notice_shard(ctx, i, actor->ref, RIM_KIND_ROOM);
        }
    }
    __builtin_memset(told, 0, sizeof actor->belongings->told);
}

void rim__room_check(rim_ctx *ctx, struct rim__actor *actor) {
    bool is_pressed = (actor->mode & RIM_MODE_PRESSED) != 0;
    if (is_pressed || actor->count > actor->count_max / 2 || actor->bytes > actor->bytes_max / 2) {
        return;
    }
    struct rim__belongings *belongings = actor->belongings;
    rim__room_tell_shards(ctx, actor);
    uint32_t room = actor->count_max - actor->count;
    while (belongings->waiters != NULL && room-- > 0) {
        struct rim__want *want = belongings->waiters;
        belongings->waiters = want->next;
        rim_ref waiter = want->waiter;
        end_want(ctx, want);
        tell_actor(ctx, waiter, actor->ref);
    }
    if (belongings->waiters == NULL) {
        belongings->waiters_end = &belongings->waiters;
        actor->told = false;
    }
}

/* ---- wanting ---- */

static struct rim__want *find_want(const struct rim__belongings *belongings, rim_ref to) {
    for (struct rim__own *own = belongings->wants; own != NULL; own = own->next) {
        struct rim__want *want = rim__container_of(own, struct rim__want, own);
        if (want->to == to) {
            return want;
        }
    }
    return NULL;
}

static struct rim__want *make_want(rim_ctx *ctx, struct rim__belongings *belongings, rim_ref to) {
    struct rim__want *want = rim__memory_alloc(&ctx->shard->memory, sizeof *want);
    if (want != NULL) {
        *want = (struct rim__want){.waiter = ctx->actor->ref, .to = to};
        rim__own_link(&belongings->wants, &want->own);
    }
    return want;
}

static int wait_here(rim_ctx *ctx, struct rim__belongings *own, rim_ref to) {
    struct rim__actor *actor = rim__actor_get(ctx, to);
    /* It may be full by bytes for one message and not for another: whoever asks waits for the receiver's next turn. */
    if (actor == NULL || (actor->count == 0 && !(actor->mode & RIM_MODE_PRESSED))) {
        tell_actor(ctx, ctx->actor->ref, to);
        return 0;
    }
    struct rim__belongings *belongings = rim__actor_belongings(ctx, actor);
    struct rim__want *want = belongings != NULL ? make_want(ctx, own, to) : NULL;
    if (want == NULL) {
        return -ENOMEM;
    }
    *belongings->waiters_end = want;
    belongings->waiters_end = &want->next;
    actor->told = true;
    return 0;
}

static int wait_across(rim_ctx *ctx, struct rim__belongings *own, rim_ref to) {
    struct rim__want *want = make_want(ctx, own, to);
    if (want == NULL) {
        return -ENOMEM;
    }
    struct rim__full *full = find_full(ctx, to);
    if (full != NULL) {
        *full->waiters_end = want;
        full->waiters_end = &want->next;
        return 0;
    }
    uint32_t shard = rim__ref_shard(to); /* no word of the mailbox: then it is the way */
    want->next = ctx->way_waiters[shard];
    ctx->way_waiters[shard] = want;
    rim__mesh_want_room(ctx->shard, shard);
    return 0;
}

int rim_want_room(rim_ctx *ctx, rim_ref to) {
    int error = rim__send_check(ctx, to);
    if (ctx->actor == NULL) {
        return -RIM_ECONTEXT;
    }
    if (error == -RIM_EDOWN) { /* nobody there: nothing to wait for */
        tell_actor(ctx, ctx->actor->ref, to);
        return 0;
    }
    if (error != 0) {
        return error;
    }
    struct rim__belongings *belongings = rim__actor_belongings(ctx, ctx->actor);
    if (belongings == NULL) {
        return -ENOMEM;
    }
    if (find_want(belongings, to) != NULL) {
        return 0;
    }
    bool here = rim__ref_shard(to) == ctx->shard->index;
    return here ? wait_here(ctx, belongings, to) : wait_across(ctx, belongings, to);
}

/* ---- refusals, gathered by sender and receiver ---- */

void rim__room_flush(rim_ctx *ctx) {
    if (ctx->refusal.count == 0) {
        return;
    }
    rim_refused_event event = ctx->refusal;
    ctx->refusal.count = 0;
    rim__send_event(ctx, event.who, ctx->refusal_to, RIM_REFUSED, &event, sizeof event);
}

void rim__room_refused(rim_ctx *ctx, const struct rim_msg *msg, rim_ref to) {
    if (ctx->refusal.count > 0 && ctx->refusal.who == to && ctx->refusal_to == msg->from) {
        ctx->refusal.count++;
        return;
    }
    rim__room_flush(ctx);
    ctx->refusal_to = msg->from;
    ctx->refusal = (rim_refused_event){.who = to, .tag = msg->tag, .error = -RIM_EFULL, .count = 1};
}

/* ---- what other shards and the mesh say ---- */

static void learn_full(rim_ctx *ctx, rim_ref who) {
    if (find_full(ctx, who) != NULL) {
        return;
    }
    struct rim__full *full = rim__memory_alloc(&ctx->shard->memory, sizeof *full);
    if (full == NULL) {
        return; /* then the receiver refuses what comes */
    }
    struct rim__full **bucket = bucket_of(ctx, who);
    *full = (struct rim__full){.next = *bucket, .ref = who};
    full->waiters_end = &full->waiters;
    *bucket = full;
    ctx->full_count++;
}

static void learn_room(rim_ctx *ctx, rim_ref who) {
    struct rim__full **link = bucket_of(ctx, who);
    while (*link != NULL && (*link)->ref != who) {
        link = &(*link)->next;
    }
    struct rim__full *full = *link;
    if (full == NULL) {
        return;
    }
    *link = full->next;
    ctx->full_count--;
    struct rim__want *waiters = full->waiters;
    rim__memory_free(&ctx->shard->memory, full, sizeof *full);
    tell_waiters(ctx, waiters);
}

void rim__room_notice(rim_ctx *ctx, struct rim_msg *msg) {
    switch ((enum rim__kind)msg->kind) {
    case RIM_KIND_FULL:
        learn_full(ctx, msg->from);
        break;
    case RIM_KIND_ROOM:
        learn_room(ctx, msg->from);
        break;
    case RIM_KIND_WAY: {
        struct rim__want *waiters = ctx->way_waiters[msg->from];
        ctx->way_waiters[msg->from] = NULL;
        tell_waiters(ctx, waiters);
        return; /* the notice is embedded in the mesh, and may be in use again */
    }
    default:
        rim__unreachable("a notice of another kind");
    }
    rim__msg_release(ctx->shard, msg);
}

/* ---- the end of an actor, and of the shard ---- */

static void unlink_from(struct rim__want **head, struct rim__want ***end, struct rim__want *want) {
    for (struct rim__want **link = head; *link != NULL; link = &(*link)->next) {
        if (*link == want) {
            *link = want->next;
            if (end != NULL && *end == &want->next) {
                *end = link;
            }
            return;
        }
    }
}

/* A waiter ends: it must not stand in anybody's queue. */
static void withdraw(rim_ctx *ctx, struct rim__want *want) {
    if (rim__ref_shard(want->to) == ctx->shard->index) {
        struct rim__actor *actor = rim__actor_get(ctx, want->to);
        rim__assert(actor != NULL); /* a receiver that ends tells its waiters */
        unlink_from(&actor->belongings->waiters, &actor->belongings->waiters_end, want);
    } else {
        struct rim__full *full = find_full(ctx, want->to);
        if (full != NULL) {
            unlink_from(&full->waiters, &full->waiters_end, want);
        }
        unlink_from(&ctx->way_waiters[rim__ref_shard(want->to)], NULL, want);
    }
    end_want(ctx, want);
}

void rim__room_end_all(rim_ctx *ctx, struct rim__actor *actor) {
    struct rim__belongings *belongings = actor->belongings;
    rim__room_tell_shards(ctx, actor);
    struct rim__want *waiters = belongings->waiters;
    belongings->waiters = NULL;
    tell_waiters(ctx, waiters);
    while (belongings->wants != NULL) {
        withdraw(ctx, rim__container_of(belongings->wants, struct rim__want, own));
    }
}

void rim__room_finish(rim_ctx *ctx) {
    for (uint32_t i = 0; i < RIM_FULL_BUCKETS; i++) {
        for (struct rim__full *full = ctx->full[i], *next; full != NULL; full = next) {
            next = full->next;
            rim__memory_free(&ctx->shard->memory, full, sizeof *full);
        }
        ctx->full[i] = NULL;
    }
}
