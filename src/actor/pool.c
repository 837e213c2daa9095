/* SPDX-License-Identifier: MIT */
/*
 * Pools: a member of a group is chosen where the message is sent, by what this shard knows.
 */
#include <errno.h>

#include "actor/group.h"
#include "actor/mailbox.h"
#include "actor/spawn.h"
#include "base/random.h"

rim_ref rim_pool(rim_ref group, rim_pool_policy policy) {
    bool ok = rim__ref_kind(group) == RIM_REF_GROUP && (unsigned)policy <= RIM_POOL_LOCAL;
    return ok ? (uint64_t)(RIM_REF_POOL + (unsigned)policy) << RIM_KIND_SHIFT | rim__group_id(group) : RIM_NIL;
}

/* As far as known here: a mailbox of this shard we see, of others they have told us. */
static bool is_full(const rim_ctx *ctx, const struct rim__crew *crew, uint32_t at) {
    if (crew->members != NULL) {
        return !rim__mailbox_has_room(crew->members[at]->actor, 0);
    }
    return ctx->full_count > 0 && rim__room_is_full(ctx, crew->refs[at]);
}

/* ---- one after the other ---- */

/* The next of the crew that is not full. False: all are, and *at is the next all the same. */
static bool next_in(const rim_ctx *ctx, struct rim__crew *crew, uint32_t *at) {
    for (uint32_t i = 0; i < crew->count; i++) {
        *at = crew->turn++ % crew->count;
        if (!is_full(ctx, crew, *at)) {
            return true;
        }
    }
    return false;
}

static rim_ref pick_round(const rim_ctx *ctx, struct rim__group *group) {
    rim_ref first = RIM_NIL;
    for (uint32_t i = 0; i < group->count; i++) {
        uint32_t at = group->turn++ % group->count;
        const struct rim__crew *crew = group->crews;
        while (at >= crew->count) {
            at -= crew->count;
            crew = crew->next;
        }
        if (!is_full(ctx, crew, at)) {
            return crew->refs[at];
        }
        first = first != RIM_NIL ? first : crew->refs[at];
    }
    return first;
}

static rim_ref pick_local(const rim_ctx *ctx, struct rim__group *group) {
    struct rim__crew *crew = rim__group_crew(group, ctx->shard->index);
    uint32_t at;
    return crew != NULL && next_in(ctx, crew, &at) ? crew->refs[at] : pick_round(ctx, group);
}

/* ---- the least loaded ---- */

struct choice {
    struct rim__crew *crew; /* NULL: none yet */
    uint32_t at;
    uint64_t load;
};

static void offer(struct choice *best, struct rim__crew *crew, uint32_t at, uint64_t load) {
    if (best->crew == NULL || load < best->load) {
        *best = (struct choice){.crew = crew, .at = at, .load = load};
    }
}

static void offer_ours(const rim_ctx *ctx, struct rim__crew *crew, struct choice *best) {
    for (uint32_t i = 0, start = crew->turn++; i < crew->count; i++) {
        uint32_t at = (start + i) % crew->count;
        if (!is_full(ctx, crew, at)) {
            offer(best, crew, at, crew->members[at]->actor->count);
        }
    }
}

/* What a shard has published is old news: what we picked there since comes on top, or all would go where it was least
   a while ago. */
static void offer_theirs(const rim_ctx *ctx, struct rim__crew *crew, struct choice *best) {
    uint64_t ticks, queued = rim__stats_queued(ctx->shard->peers[crew->shard]->world, &ticks);
    uint32_t at;
    if (ticks != crew->seen) {
        crew->seen = ticks;
        crew->picked = 0;
    }
    if (next_in(ctx, crew, &at)) {
        offer(best, crew, at, (queued + crew->picked + crew->count - 1) / crew->count);
    }
}

static rim_ref pick_least(const rim_ctx *ctx, struct rim__group *group) {
    struct choice best = {0};
    struct rim__crew *ours = rim__group_crew(group, ctx->shard->index);
    if (ours != NULL) {
        offer_ours(ctx, ours, &best);
    }
    for (struct rim__crew *crew = group->crews; crew != NULL; crew = crew->next) {
        if (crew != ours) {
            offer_theirs(ctx, crew, &best);
        }
    }
    if (best.crew == NULL) { /* all are full */
        return pick_round(ctx, group);
    }
    best.crew->picked++;
    return best.crew->refs[best.at];
}

/* ---- by key ---- */

/* The reference is mixed before it meets the key: neighbours' references differ in few bits. */
static rim_ref pick_by_key(const struct rim__group *group, uint64_t key) {
    rim_ref best = RIM_NIL;
    uint64_t heaviest = 0;
    for (const struct rim__crew *crew = group->crews; crew != NULL; crew = crew->next) {
        for (uint32_t i = 0; i < crew->count; i++) {
            uint64_t weight = rim__mix(rim__mix(crew->refs[i]) ^ key);
            if (best == RIM_NIL || weight > heaviest || (weight == heaviest && crew->refs[i] > best)) {
                best = crew->refs[i];
                heaviest = weight;
            }
        }
    }
    return best;
}

rim_ref rim_pool_pick(rim_ctx *ctx, rim_ref pool, uint64_t key) {
    unsigned kind = rim__ref_kind(pool);
    struct rim__group *group = kind >= RIM_REF_POOL ? rim__group_find(ctx, rim__group_id(pool)) : NULL;
    if (group == NULL || group->count == 0) {
        return RIM_NIL;
    }
    switch ((rim_pool_policy)(kind - RIM_REF_POOL)) {
    case RIM_POOL_ROUND:
        return pick_round(ctx, group);
    case RIM_POOL_LEAST:
        return pick_least(ctx, group);
    case RIM_POOL_KEY:
        return pick_by_key(group, key);
    case RIM_POOL_LOCAL:
        return pick_local(ctx, group);
    }
    return RIM_NIL;
}

static int nobody(rim_ref pool) {
    return rim__ref_kind(pool) >= RIM_REF_POOL ? -RIM_ENOBODY : -RIM_EBADREF;
}

int rim_pool_send(rim_ctx *ctx, rim_ref pool, uint64_t key, uint32_t tag, const void *body, size_t size) {
    rim_ref who = rim_pool_pick(ctx, pool, key);
    return who != RIM_NIL ? rim_send(ctx, who, tag, body, size) : nobody(pool);
}

int rim_pool_request(rim_ctx *ctx, rim_ref pool, uint64_t key, const rim_ask *ask, rim_token *out) {
    rim_ask asked = *ask;
    asked.to = rim_pool_pick(ctx, pool, key);
    if (asked.to == RIM_NIL) {
        rim_msg_free(ctx, ask->msg);
        return nobody(pool);
    }
    return rim_request(ctx, &asked, out);
}
