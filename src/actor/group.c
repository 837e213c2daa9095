/* SPDX-License-Identifier: MIT */
#include "actor/group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* An actor of this shard that hears of joins and leaves. */
struct watcher {
    struct rim__own in_group, in_actor;
    struct rim__group *group;
    rim_ref who;
};

int rim__group_init(rim_ctx *ctx, uint64_t seed) {
    ctx->groups = calloc(1, sizeof *ctx->groups);
    if (ctx->groups == NULL) {
        return -ENOMEM;
    }
    rim__map_init(&ctx->groups->map);
    ctx->groups->seed = seed;
    return 0;
}

static void free_group(rim_ctx *ctx, struct rim__group *group) {
    rim__crew_free_all(ctx, group);
    rim__memory_free(&ctx->shard->memory, group, sizeof *group);
}

void rim__group_finish(rim_ctx *ctx) {
    if (ctx->groups == NULL) {
        return;
    }
    for (struct rim__map_node *node; (node = rim__map_pop(&ctx->groups->map)) != NULL;) {
        free_group(ctx, rim__container_of(node, struct rim__group, node));
    }
    rim__map_finish(&ctx->groups->map);
    free(ctx->groups);
    ctx->groups = NULL;
}

uint64_t rim__group_hash(uint64_t seed, const char *topic) {
    if (topic == NULL || topic[0] == '\0') {
        return 0;
    }
    uint64_t id = rim__group_id(rim__map_hash(seed, topic, strlen(topic)));
    return id != 0 ? id : 1;
}

static rim_ref ref_of(uint64_t id) {
    return id != 0 ? (uint64_t)RIM_REF_GROUP << RIM_KIND_SHIFT | id : RIM_NIL;
}

rim_ref rim_group(const rim_ctx *ctx, const char *topic) {
    return ref_of(rim__group_hash(ctx->groups->seed, topic));
}

/* ---- the records ---- */

static struct rim__group *make_group(rim_ctx *ctx, uint64_t id) {
    struct rim__group *group = rim__group_find(ctx, id);
    if (group == NULL) {
        group = rim__memory_alloc(&ctx->shard->memory, sizeof *group);
        if (group != NULL) {
            *group = (struct rim__group){0};
            rim__map_put(&ctx->groups->map, &group->node, id);
        }
    }
    return group;
}

static void retire_group(rim_ctx *ctx, struct rim__group *group) {
    if (group->count == 0 && group->watchers == NULL) {
        rim__map_remove(&ctx->groups->map, &group->node);
        free_group(ctx, group);
    }
}

static void tell_watchers(rim_ctx *ctx, const struct rim__group *group, rim_ref who, bool joined) {
    rim_group_event event = {.group = ref_of(group->node.hash), .who = who, .joined = joined, .count = group->count};
    for (struct rim__own *own = group->watchers; own != NULL; own = own->next) {
        const struct watcher *watcher = rim__container_of(own, struct watcher, in_group);
        if (rim__send_event(ctx, RIM_NIL, watcher->who, RIM_GROUP, &event, sizeof event) == -ENOMEM) {
            rim__log_write(&ctx->shard->log, RIM_LOG_ERROR, "out of memory: word of a group's change is lost");
        }
    }
}

/* ---- of other shards ---- */

static void learn(rim_ctx *ctx, const struct rim__group_word *word) {
    struct rim__group *group = make_group(ctx, word->id);
    if (group == NULL || rim__crew_add(ctx, group, rim__ref_shard(word->who), word->who, NULL) != 0) {
        rim__log_write(&ctx->shard->log, RIM_LOG_ERROR, "out of memory: this shard does not know a group's member");
        if (group != NULL) {
            retire_group(ctx, group);
        }
        return;
    }
    tell_watchers(ctx, group, word->who, true);
}

static void forget(rim_ctx *ctx, const struct rim__group_word *word) {
    struct rim__group *group = rim__group_find(ctx, word->id);
    if (group != NULL && rim__crew_remove(ctx, group, rim__ref_shard(word->who), word->who, word->at)) {
        tell_watchers(ctx, group, word->who, false);
        retire_group(ctx, group);
    }
}

void rim__group_deliver(rim_ctx *ctx, struct rim_msg *msg) {
    const struct rim__group_word *word = rim__msg_body(msg);
    if (word->joined) {
        learn(ctx, word);
    } else {
        forget(ctx, word);
    }
    rim__msg_release(ctx->shard, msg);
}

/* ---- of this one ---- */

static struct rim__group_member *member_of(struct rim__own *own) {
    return rim__container_of(own, struct rim__group_member, own);
}

static struct rim__group_member *find_member(const struct rim__actor *actor, uint64_t id) {
    struct rim__own *own = actor->belongings != NULL ? actor->belongings->groups : NULL;
    while (own != NULL && member_of(own)->word.id != id) {
        own = own->next;
    }
    return own != NULL ? member_of(own) : NULL;
}

static void free_member(rim_ctx *ctx, struct rim__spread *spread) {
    struct rim__group_member *member = rim__container_of(spread, struct rim__group_member, spread);
    rim__memory_free(&ctx->shard->memory, member, sizeof *member);
}

/* On the heap, with all that its leave will need; in its group, and nobody told. */
static struct rim__group_member *make_member(rim_ctx *ctx, struct rim__actor *actor, uint64_t id) {
    struct rim__belongings *belongings = rim__actor_belongings(ctx, actor);
    struct rim__group *group = belongings != NULL ? make_group(ctx, id) : NULL;
    struct rim__group_member *member = group != NULL ? rim__memory_alloc(&ctx->shard->memory, sizeof *member) : NULL;
    if (member != NULL) {
        *member = (struct rim__group_member){.actor = actor,
                                             .group = group,
                                             .word = {.id = id, .who = actor->ref, .joined = true}};
        member->spread =
            (struct rim__spread){.word = &member->word, .size = sizeof member->word, .kind = RIM_KIND_GROUP};
        if (rim__crew_add(ctx, group, ctx->shard->index, actor->ref, member) != 0) {
            free_member(ctx, &member->spread);
            member = NULL;
        }
    }
    if (member == NULL && group != NULL) {
        retire_group(ctx, group);
    } else if (member != NULL) {
        rim__own_link(&belongings->groups, &member->own);
    }
    return member;
}

int rim__group_join(rim_ctx *ctx, struct rim__actor *actor, rim_ref group) {
    if (rim__ref_kind(group) != RIM_REF_GROUP) {
        return -RIM_EBADREF;
    }
    if (find_member(actor, rim__group_id(group)) != NULL) {
        return 0;
    }
    struct rim__group_member *member = make_member(ctx, actor, rim__group_id(group));
    if (member == NULL) {
        return -ENOMEM;
    }
    rim__spread_tell(ctx, &member->spread, RIM_SPREAD_ALL);
    tell_watchers(ctx, member->group, actor->ref, true);
    return 0;
}

static void leave(rim_ctx *ctx, struct rim__group_member *member) {
    struct rim__group *group = member->group;
    rim_ref who = member->word.who;
    rim__own_unlink(&member->own);
    rim__crew_remove(ctx, group, ctx->shard->index, who, member->word.at);
    member->word.joined = false;
    member->spread.told = free_member;
    rim__spread_tell(ctx, &member->spread, RIM_SPREAD_ALL);
    tell_watchers(ctx, group, who, false);
    retire_group(ctx, group);
}

static void unwatch(rim_ctx *ctx, struct watcher *watcher) {
    struct rim__group *group = watcher->group;
    rim__own_unlink(&watcher->in_group);
    rim__own_unlink(&watcher->in_actor);
    rim__memory_free(&ctx->shard->memory, watcher, sizeof *watcher);
    retire_group(ctx, group);
}

void rim__group_end_all(rim_ctx *ctx, struct rim__actor *actor) {
    struct rim__belongings *belongings = actor->belongings;
    while (belongings != NULL && belongings->group_watches != NULL) { /* first: not its own leave */
        unwatch(ctx, rim__container_of(belongings->group_watches, struct watcher, in_actor));
    }
    while (belongings != NULL && belongings->groups != NULL) {
        leave(ctx, member_of(belongings->groups));
    }
}

int rim_join(rim_ctx *ctx, rim_ref group) {
    return ctx->actor != NULL ? rim__group_join(ctx, ctx->actor, group) : -RIM_ECONTEXT;
}

int rim_leave(rim_ctx *ctx, rim_ref group) {
    if (rim__ref_kind(group) != RIM_REF_GROUP || ctx->actor == NULL) {
        return ctx->actor == NULL ? -RIM_ECONTEXT : -RIM_EBADREF;
    }
    struct rim__group_member *member = find_member(ctx->actor, rim__group_id(group));
    if (member == NULL) {
        return -RIM_ENOBODY;
    }
    leave(ctx, member);
    return 0;
}

/* ---- asking ---- */

static const struct rim__group *find_by_ref(const rim_ctx *ctx, rim_ref group) {
    return rim__ref_kind(group) == RIM_REF_GROUP ? rim__group_find(ctx, rim__group_id(group)) : NULL;
}

uint32_t rim_group_count(const rim_ctx *ctx, rim_ref group) {
    const struct rim__group *found = find_by_ref(ctx, group);
    return found != NULL ? found->count : 0;
}

static uint32_t write_crew(const struct rim__crew *crew, rim_ref *out, uint32_t max) {
    uint32_t count = crew->count < max ? crew->count : max;
    if (count > 0) {
        memcpy(out, crew->refs, count * sizeof *out);
    }
    return count;
}

uint32_t rim_group_members_here(const rim_ctx *ctx, rim_ref group, rim_ref *out, uint32_t max) {
    const struct rim__group *found = find_by_ref(ctx, group);
    const struct rim__crew *crew = found != NULL ? rim__group_crew(found, ctx->shard->index) : NULL;
    return crew != NULL ? write_crew(crew, out, max) : 0;
}

uint32_t rim_group_members(const rim_ctx *ctx, rim_ref group, rim_ref *out, uint32_t max) {
    const struct rim__group *found = find_by_ref(ctx, group);
    uint32_t written = rim_group_members_here(ctx, group, out, max);
    for (const struct rim__crew *crew = found != NULL ? found->crews : NULL; crew != NULL; crew = crew->next) {
        if (crew->shard != ctx->shard->index) {
            written += write_crew(crew, out + written, max - written);
        }
    }
    return written;
}

/* ---- watching ---- */

static struct watcher *find_watcher(const struct rim__belongings *belongings, const struct rim__group *group) {
    for (struct rim__own *own = belongings->group_watches; own != NULL; own = own->next) {
        struct watcher *watcher = rim__container_of(own, struct watcher, in_actor);
        if (watcher->group == group) {
            return watcher;
        }
    }
    return NULL;
}

int rim_group_watch(rim_ctx *ctx, rim_ref group, bool on) {
    if (rim__ref_kind(group) != RIM_REF_GROUP || ctx->actor == NULL) {
        return ctx->actor == NULL ? -RIM_ECONTEXT : -RIM_EBADREF;
    }
    struct rim__belongings *belongings = rim__actor_belongings(ctx, ctx->actor);
    struct rim__group *found = belongings != NULL ? make_group(ctx, rim__group_id(group)) : NULL;
    if (found == NULL) {
        return -ENOMEM;
    }
    struct watcher *watcher = find_watcher(belongings, found);
    if (watcher != NULL && !on) {
        unwatch(ctx, watcher);
        return 0;
    }
    if (watcher == NULL && on) {
        watcher = rim__memory_alloc(&ctx->shard->memory, sizeof *watcher);
        if (watcher != NULL) {
            *watcher = (struct watcher){.group = found, .who = ctx->actor->ref};
            rim__own_link(&found->watchers, &watcher->in_group);
            rim__own_link(&belongings->group_watches, &watcher->in_actor);
        }
    }
    retire_group(ctx, found);
    return on && watcher == NULL ? -ENOMEM : 0;
}
