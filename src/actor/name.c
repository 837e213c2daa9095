/* SPDX-License-Identifier: MIT */
#include "actor/name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int rim__name_init(rim_ctx *ctx, uint64_t seed) {
    ctx->names = calloc(1, sizeof *ctx->names);
    if (ctx->names == NULL) {
        return -ENOMEM;
    }
    rim__map_init(&ctx->names->bindings);
    rim__map_init(&ctx->names->homes);
    rim__map_init(&ctx->names->seekers);
    ctx->names->seed = seed;
    return 0;
}

void rim__name_finish(rim_ctx *ctx) {
    if (ctx->names == NULL) {
        return;
    }
    rim__name_home_finish(ctx);
    for (struct rim__map_node *node; (node = rim__map_pop(&ctx->names->bindings)) != NULL;) {
        struct rim__binding *binding = rim__container_of(node, struct rim__binding, node);
        rim__memory_free(&ctx->shard->memory, binding, sizeof *binding + binding->word.size);
    }
    rim__map_finish(&ctx->names->bindings);
    rim__map_finish(&ctx->names->homes);
    rim__map_finish(&ctx->names->seekers);
    free(ctx->names);
    ctx->names = NULL;
}

size_t rim__name_size(const char *name) {
    size_t size = name != NULL ? strnlen(name, RIM_NAME_MAX + 1) : 0;
    return size <= RIM_NAME_MAX ? size : 0;
}

uint64_t rim__name_hash(const rim_ctx *ctx, const char *name, size_t size) {
    return rim__map_hash(ctx->names->seed, name, size);
}

uint32_t rim__name_home(const rim_ctx *ctx, uint64_t hash) {
    return rim_shard_for(hash, ctx->shard->count);
}

/* ---- the replica hears of it ---- */

static void learn(rim_ctx *ctx, const struct rim__name_word *word, const char *text) {
    struct rim__binding *binding = rim__memory_alloc(&ctx->shard->memory, sizeof *binding + word->size);
    if (binding == NULL) {
        rim__log_write(&ctx->shard->log, RIM_LOG_ERROR, "out of memory: this shard does not know the name %.*s",
                       word->size, text);
        return;
    }
    *binding = (struct rim__binding){.word = *word};
    memcpy(binding->text, text, word->size);
    rim__name_bind(ctx, binding);
}

static void free_binding(rim_ctx *ctx, struct rim__spread *spread) {
    struct rim__binding *binding = rim__container_of(spread, struct rim__binding, spread);
    rim__memory_free(&ctx->shard->memory, binding, sizeof *binding + binding->word.size);
}

static struct rim__binding *find_binding(const rim_ctx *ctx, const struct rim__name_word *word) {
    struct rim__map_node *node = rim__map_first(&ctx->names->bindings, word->hash);
    for (; node != NULL; node = rim__map_match(node->next, word->hash)) {
        struct rim__binding *binding = rim__container_of(node, struct rim__binding, node);
        if (binding->word.serial == word->serial) {
            return binding;
        }
    }
    return NULL;
}

/* The home waits for the word that all know: it lies in the binding that is gone. */
static void forget(rim_ctx *ctx, const struct rim__name_word *word) {
    uint32_t home = rim__name_home(ctx, word->hash);
    struct rim__binding *binding = find_binding(ctx, word);
    struct rim__name_word freed = *word;
    freed.op = RIM_NAME_FREED;
    if (binding != NULL) {
        rim__map_remove(&ctx->names->bindings, &binding->node);
        freed.size = binding->word.size;
        binding->word = freed;
        binding->spread.told = free_binding;
    }
    if (home == ctx->shard->index) {
        rim__name_home_free(ctx, word);
    }
    if (home == ctx->shard->index && binding != NULL) {
        free_binding(ctx, &binding->spread);
    } else if (binding != NULL) {
        rim__name_tell(ctx, home, &binding->spread, &binding->word);
    } else if (home != ctx->shard->index) { /* it never got here, for want of memory */
        rim__name_say(ctx, home, &freed);
    }
}

/* ---- words ---- */

static void hear(rim_ctx *ctx, const struct rim__name_word *word, const char *text) {
    switch ((enum rim__name_op)word->op) {
    case RIM_NAME_CLAIM:
        rim__name_home_claim(ctx, word, text);
        return;
    case RIM_NAME_GRANT:
        rim__name_granted(ctx, word);
        return;
    case RIM_NAME_REFUSE:
        rim__name_refused(ctx, word);
        return;
    case RIM_NAME_DECLINE:
        rim__name_home_decline(ctx, word);
        return;
    case RIM_NAME_WITHDRAW:
        rim__name_home_withdraw(ctx, word);
        return;
    case RIM_NAME_BIND:
        learn(ctx, word, text);
        return;
    case RIM_NAME_FREE:
        forget(ctx, word);
        return;
    case RIM_NAME_FREED:
        rim__name_home_freed(ctx, word);
        return;
    case RIM_NAME_CHECK:
        rim__name_checked(ctx, word);
        return;
    case RIM_NAME_HELD:
        rim__name_home_held(ctx, word);
        return;
    }
    rim__unreachable("a word about names that does not exist");
}

void rim__name_deliver(rim_ctx *ctx, struct rim_msg *msg) {
    const struct rim__name_word *word = rim__msg_body(msg);
    hear(ctx, word, (const char *)(word + 1));
    rim__msg_release(ctx->shard, msg);
}

bool rim__name_say(rim_ctx *ctx, uint32_t shard, const struct rim__name_word *word) {
    if (shard == ctx->shard->index) {
        struct rim__name_word copy = *word;
        hear(ctx, &copy, NULL);
        return true;
    }
    bool said = rim__spread_post(ctx, shard, RIM_KIND_NAME, word, sizeof *word);
    if (!said) {
        rim__log_write(&ctx->shard->log, RIM_LOG_ERROR, "out of memory: word of a name is lost");
    }
    return said;
}

void rim__name_tell(rim_ctx *ctx, uint32_t shard, struct rim__spread *spread, const struct rim__name_word *word) {
    if (shard == ctx->shard->index) {
        struct rim__name_word copy = *word;
        hear(ctx, &copy, NULL);
        if (spread->told != NULL) {
            spread->told(ctx, spread);
        }
        return;
    }
    spread->kind = RIM_KIND_NAME;
    spread->word = word;
    spread->size = sizeof *word;
    rim__spread_tell(ctx, spread, shard);
}
