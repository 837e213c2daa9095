/* SPDX-License-Identifier: MIT */
/*
 * An actor's own memory: blocks of the shard's pools that the actor's list knows, so that they end with it.
 */
#include <string.h>

#include "actor/bundle.h"
#include "actor/ctx.h"

struct block {
    struct rim__own own;
    uint64_t size;    /* of the user's part, which follows, aligned to 16 */
    uint64_t answers; /* bytes of it that are answers, some of which hold memory (unbundle.c); 0: none are */
};
_Static_assert(sizeof(struct block) % 16 == 0, "the user's part is aligned");

void *rim_alloc(rim_ctx *ctx, size_t size) {
    struct rim__belongings *belongings = ctx->actor != NULL ? rim__actor_belongings(ctx, ctx->actor) : NULL;
    if (belongings == NULL || size > RIM_BODY_MAX || belongings->memory_used + size > belongings->memory_max) {
        return NULL;
    }
    struct block *block = rim__memory_alloc(&ctx->shard->memory, sizeof *block + size);
    if (block == NULL) {
        return NULL;
    }
    block->size = size;
    block->answers = 0;
    belongings->memory_used += size;
    rim__own_link(&belongings->blocks, &block->own);
    return block + 1;
}

static void free_block(rim_ctx *ctx, struct rim__belongings *belongings, struct block *block) {
    belongings->memory_used -= block->size;
    rim__own_unlink(&block->own);
    rim__memory_free(&ctx->shard->memory, block, sizeof *block + block->size);
}

void rim_free(rim_ctx *ctx, void *pointer) {
    if (pointer != NULL) {
        rim__assert(ctx->actor != NULL);
        rim__assert(ctx->actor->belongings != NULL);
        free_block(ctx, ctx->actor->belongings, (struct block *)pointer - 1);
    }
}

void *rim_realloc(rim_ctx *ctx, void *pointer, size_t size) {
    if (pointer == NULL) {
        return rim_alloc(ctx, size);
    }
    const struct block *block = (struct block *)pointer - 1;
    size_t old = block->size;
    if (rim__memory_good_size(sizeof(struct block) + size) == rim__memory_good_size(sizeof(struct block) + old) &&
        size <= old) {
        return pointer;
    }
    void *moved = rim_alloc(ctx, size);
    if (moved != NULL) {
        memcpy(moved, pointer, old < size ? old : size);
        ((struct block *)moved - 1)->answers = block->answers;
        rim_free(ctx, pointer);
    }
    return moved;
}

void rim__heap_note_answers(void *pointer, size_t size) {
    ((struct block *)pointer - 1)->answers = size;
}

void rim__heap_end_all(rim_ctx *ctx, struct rim__actor *actor) {
    while (actor->belongings->blocks != NULL) {
        struct block *block = rim__container_of(actor->belongings->blocks, struct block, own);
        if (block->answers != 0) {
            rim__unbundle_release((const char *)(block + 1), block->answers);
        }
        free_block(ctx, actor->belongings, block);
    }
}
