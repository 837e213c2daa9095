/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "actor/group.h"

#define CREW_MIN 4u

static size_t refs_size(uint32_t max) {
    return max * sizeof(rim_ref);
}
static size_t members_size(uint32_t max) {
    return max * sizeof(struct rim__group_member *);
}

static void free_crew(rim_ctx *ctx, struct rim__crew *crew) {
    struct rim__memory *memory = &ctx->shard->memory;
    if (crew->refs != NULL) {
        rim__memory_free(memory, crew->refs, refs_size(crew->max));
    }
    if (crew->members != NULL) {
        rim__memory_free(memory, crew->members, members_size(crew->max));
    }
    rim__memory_free(memory, crew, sizeof *crew);
}

static struct rim__crew *make_crew(rim_ctx *ctx, struct rim__group *group, uint32_t shard) {
    struct rim__crew **link = &group->crews;
    while (*link != NULL && (*link)->shard < shard) {
        link = &(*link)->next;
    }
    if (*link != NULL && (*link)->shard == shard) {
        return *link;
    }
    struct rim__crew *crew = rim__memory_alloc(&ctx->shard->memory, sizeof *crew);
    if (crew != NULL) {
        *crew = (struct rim__crew){.next = *link, .shard = shard};
        *link = crew;
    }
    return crew;
}

static void retire_crew(rim_ctx *ctx, struct rim__group *group, struct rim__crew *crew) {
    if (crew->count > 0) {
        return;
    }
    struct rim__crew **link = &group->crews;
    while (*link != crew) {
        link = &(*link)->next;
    }
    *link = crew->next;
    free_crew(ctx, crew);
}

static void replace(rim_ctx *ctx, void **array, void *larger, size_t old_size) {
    if (*array != NULL) {
        memcpy(larger, *array, old_size);
        rim__memory_free(&ctx->shard->memory, *array, old_size);
    }
    *array = larger;
}

/* Both arrays, or neither. */
static int enlarge(rim_ctx *ctx, struct rim__crew *crew) {
    struct rim__memory *memory = &ctx->shard->memory;
    bool own = crew->shard == ctx->shard->index;
    uint32_t max = crew->max == 0 ? CREW_MIN : crew->max * 2;
    void *refs = rim__memory_alloc(memory, refs_size(max));
    void *members = refs != NULL && own ? rim__memory_alloc(memory, members_size(max)) : NULL;
    if (refs == NULL || (own && members == NULL)) {
        if (refs != NULL) {
            rim__memory_free(memory, refs, refs_size(max));
        }
        return -ENOMEM;
    }
    replace(ctx, (void **)&crew->refs, refs, refs_size(crew->max));
    if (own) {
        replace(ctx, (void **)&crew->members, members, members_size(crew->max));
    }
    crew->max = max;
    return 0;
}

int rim__crew_add(rim_ctx *ctx, struct rim__group *group, uint32_t shard, rim_ref who,
                  struct rim__group_member *member) {
    struct rim__crew *crew = make_crew(ctx, group, shard);
    if (crew == NULL) {
        return -ENOMEM;
    }
    if (crew->count == crew->max && enlarge(ctx, crew) != 0) {
        retire_crew(ctx, group, crew);
        return -ENOMEM;
    }
    crew->refs[crew->count] = who;
    if (member != NULL) {
        crew->members[crew->count] = member;
        member->word.at = crew->count;
    }
    crew->count++;
    group->count++;
    return 0;
}

/* At its place, unless this copy of the crew once lacked memory. */
static uint32_t place_of(const struct rim__crew *crew, rim_ref who, uint32_t at) {
    if (at < crew->count && crew->refs[at] == who) {
        return at;
    }
    for (at = 0; at < crew->count && crew->refs[at] != who; at++) {
    }
    return at;
}

bool rim__crew_remove(rim_ctx *ctx, struct rim__group *group, uint32_t shard, rim_ref who, uint32_t at) {
    struct rim__crew *crew = rim__group_crew(group, shard);
    at = crew != NULL ? place_of(crew, who, at) : 0;
    if (crew == NULL || at == crew->count) {
        return false;
    }
    uint32_t last = --crew->count;
    crew->refs[at] = crew->refs[last];
    if (crew->members != NULL) {
        crew->members[at] = crew->members[last];
        crew->members[at]->word.at = at;
    }
    group->count--;
    retire_crew(ctx, group, crew);
    return true;
}

void rim__crew_free_all(rim_ctx *ctx, struct rim__group *group) {
    for (struct rim__crew *crew; (crew = group->crews) != NULL;) {
        group->crews = crew->next;
        free_crew(ctx, crew);
    }
}
