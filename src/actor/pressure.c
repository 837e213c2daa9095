/* SPDX-License-Identifier: MIT */
/*
 * Pressure: an actor holds its senders back. Its bound is 0 as long as that lasts, so that the sending path need not
 * know of it; what is under way across is measured by the true one.
 */
#include <errno.h>

#include "actor/mailbox.h"
#include "ringmail/mailbox.h"

uint32_t rim__pressure_count_max(const struct rim__actor *actor) {
    return (actor->mode & RIM_MODE_PRESSED) ? actor->belongings->count_max : actor->count_max;
}

bool rim__pressure_admits(const struct rim__actor *actor, uint32_t size) {
    return (actor->mode & RIM_MODE_PRESSED) && actor->count < actor->belongings->count_max &&
           (actor->bytes + (uint64_t)size <= actor->bytes_max || actor->count == 0);
}

static int begin(rim_ctx *ctx, struct rim__actor *actor) {
    struct rim__belongings *belongings = rim__actor_belongings(ctx, actor);
    if (belongings == NULL) {
        return -ENOMEM;
    }
    belongings->count_max = actor->count_max;
    actor->count_max = 0;
    actor->mode |= RIM_MODE_PRESSED;
    return 0;
}

static void end(rim_ctx *ctx, struct rim__actor *actor) {
    actor->count_max = actor->belongings->count_max;
    actor->mode &= (uint8_t)~RIM_MODE_PRESSED;
    if (actor->told) {
        rim__room_check(ctx, actor);
    }
}

void rim__pressure_end(rim_ctx *ctx, struct rim__actor *actor) {
    if (actor->mode & RIM_MODE_PRESSED) {
        end(ctx, actor);
    }
}

int rim_pressure(rim_ctx *ctx, bool on) {
    struct rim__actor *actor = ctx->actor;
    if (actor == NULL) {
        return -RIM_ECONTEXT;
    }
    if (on == ((actor->mode & RIM_MODE_PRESSED) != 0)) {
        return 0;
    }
    if (on) {
        return begin(ctx, actor);
    }
    end(ctx, actor);
    return 0;
}
