/* SPDX-License-Identifier: MIT */
#include "actor/witness.h"

#include <stdlib.h>

#include "actor/ctx.h"
#include "base/random.h"
#include "ringmail/error.h"

void rim__witness_init(struct rim__witness *witness) {
    *witness = (struct rim__witness){.buckets = witness->few, .mask = RIM_WITNESS_FEW - 1};
}

void rim__witness_finish(struct rim__witness *witness) {
    if (witness->buckets != witness->few) {
        free(witness->buckets);
    }
    rim__witness_init(witness);
}

static struct rim__watch **bucket_of(struct rim__witness *witness, rim_ref who) {
    return &witness->buckets[rim__mix(who) & witness->mask];
}

static void link_watch(struct rim__witness *witness, struct rim__watch *watch) {
    struct rim__watch **list = bucket_of(witness, watch->who);
    watch->next = *list;
    watch->link = list;
    if (watch->next != NULL) {
        watch->next->link = &watch->next;
    }
    *list = watch;
}

/* The last of each list first, so that those of one actor stay in their order. */
static void move_list(struct rim__witness *witness, struct rim__watch *watch) {
    struct rim__watch *turned = NULL;
    for (struct rim__watch *next; watch != NULL; watch = next) {
        next = watch->next;
        watch->next = turned;
        turned = watch;
    }
    for (struct rim__watch *next; turned != NULL; turned = next) {
        next = turned->next;
        link_watch(witness, turned);
    }
}

static void grow(struct rim__witness *witness) {
    uint64_t old_count = witness->mask + 1;
    struct rim__watch **old = witness->buckets;
    struct rim__watch **larger = calloc(old_count * 4, sizeof(struct rim__watch *));
    if (larger == NULL) {
        return;
    }
    witness->buckets = larger;
    witness->mask = old_count * 4 - 1;
    for (uint64_t i = 0; i < old_count; i++) {
        move_list(witness, old[i]);
    }
    if (old != witness->few) {
        free(old);
    }
}

int rim__actor_watch(rim_ctx *ctx, rim_ref who, struct rim__watch *watch) {
    struct rim__actor *actor = rim__actor_get(ctx, who);
    if (actor == NULL) {
        return -RIM_EDOWN;
    }
    if (ctx->actors.count > 2 * (ctx->witness.mask + 1)) { /* few are watched twice, and many not at all */
        grow(&ctx->witness);
    }
    actor->mode |= RIM_MODE_WATCHED;
    watch->who = actor->ref;
    link_watch(&ctx->witness, watch);
    return 0;
}

void rim__actor_unwatch(struct rim__watch *watch) {
    if (watch->link != NULL) {
        *watch->link = watch->next;
        if (watch->next != NULL) {
            watch->next->link = watch->link;
        }
        watch->link = NULL;
    }
}

static struct rim__watch *find(struct rim__witness *witness, rim_ref who) {
    struct rim__watch *watch = *bucket_of(witness, who);
    while (watch != NULL && watch->who != who) {
        watch = watch->next;
    }
    return watch;
}

void rim__witness_fire(rim_ctx *ctx, rim_ref who) {
    struct rim__watch *watch;
    while ((watch = find(&ctx->witness, who)) != NULL) {
        rim__actor_unwatch(watch);
        watch->fn(watch, ctx);
    }
}
