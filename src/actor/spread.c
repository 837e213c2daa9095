/* SPDX-License-Identifier: MIT */
#include "actor/spread.h"

#include <string.h>

bool rim__spread_post(rim_ctx *ctx, uint32_t shard, enum rim__kind kind, const void *word, size_t size) {
    struct rim_msg *msg = rim__mesh_reserve(ctx->shard, shard, (uint32_t)rim__msg_span(0, size), true);
    if (msg == NULL) {
        return false;
    }
    uint32_t home = msg->flags;
    *msg = (struct rim_msg){.kind = kind, .flags = (uint16_t)(home | RIM_MSG_RESERVED), .size = (uint32_t)size};
    memcpy(rim__msg_behind(msg, 0), word, size);
    return true;
}

/* True when all are told. */
static bool go_on(rim_ctx *ctx, struct rim__spread *spread) {
    for (; spread->at < spread->end; spread->at++) {
        bool self = spread->at == ctx->shard->index;
        if (!self && !rim__spread_post(ctx, spread->at, spread->kind, spread->word, spread->size)) {
            return false;
        }
    }
    return true;
}

static void finish(rim_ctx *ctx, struct rim__spread *spread) {
    if (spread->told != NULL) {
        spread->told(ctx, spread);
    }
}

void rim__spread_tell(rim_ctx *ctx, struct rim__spread *spread, uint32_t shard) {
    bool all = shard == RIM_SPREAD_ALL;
    spread->at = (uint16_t)(all ? 0 : shard);
    spread->end = (uint16_t)(all ? ctx->shard->count : shard + 1);
    if (spread->owed) {
        return; /* its turn comes */
    }
    if (go_on(ctx, spread)) {
        finish(ctx, spread);
        return;
    }
    spread->owed = true;
    spread->next = ctx->owed;
    ctx->owed = spread;
}

void rim__spread_retry(rim_ctx *ctx) {
    struct rim__spread **link = &ctx->owed;
    while (*link != NULL) {
        struct rim__spread *spread = *link;
        if (!go_on(ctx, spread)) {
            link = &spread->next;
            continue;
        }
        *link = spread->next;
        spread->owed = false;
        finish(ctx, spread);
    }
}

void rim__spread_finish(rim_ctx *ctx) {
    for (struct rim__spread *spread; (spread = ctx->owed) != NULL;) {
        ctx->owed = spread->next;
        spread->owed = false;
        finish(ctx, spread);
    }
}
