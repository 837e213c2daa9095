/* SPDX-License-Identifier: MIT */
/*
 * Gathering: requests that share a deadline and an outcome. Each part is a request of its own, whose cookie is the
 * part; replies are kept until the whole is over. A part's outcome comes before the gathering is freed or not at all,
 * for whoever frees it cancels the parts that are open.
 */
#include <errno.h>

#include "actor/mailbox.h"
#include "actor/pending.h"
#include "ringmail/request.h"

#define COUNT_MAX 65536u

struct gather;

struct part {
    struct gather *gather;
    rim_token token; /* RIM_NIL: it has its outcome */
};

struct gather {
    struct rim__pending pending;
    rim_gathered on_gathered;
    uint64_t cookie;
    uint32_t count, wanted, settled, replies;
    bool waits_for_all; /* also when too many have failed */
    int32_t error;      /* of the first that failed */
    rim_answer *answers;
    struct part parts[]; /* and the answers behind them */
};

static size_t size_of(uint32_t count) {
    return sizeof(struct gather) + count * (sizeof(struct part) + sizeof(rim_answer));
}

static struct gather *find(const rim_ctx *ctx, uint64_t token) {
    struct rim__pending *pending = rim__pending_find(ctx, token);
    return pending != NULL ? rim__container_of(pending, struct gather, pending) : NULL;
}

static struct gather *make(rim_ctx *ctx, const rim_gathering *gathering, int *error) {
    struct rim__belongings *belongings = rim__actor_belongings(ctx, ctx->actor);
    size_t size = size_of(gathering->count);
    struct gather *gather = belongings != NULL ? rim__memory_alloc(&ctx->shard->memory, size) : NULL;
    if (gather == NULL) {
        *error = -ENOMEM;
        return NULL;
    }
    __builtin_memset(gather, 0, size);
    gather->on_gathered = gathering->on_gathered;
    gather->cookie = gathering->cookie;
    gather->count = gathering->count;
    gather->waits_for_all = gathering->quorum == 0;
    gather->wanted = gather->waits_for_all ? gathering->count : gathering->quorum;
    gather->answers = (rim_answer *)(gather->parts + gathering->count);
    *error = rim__pending_add(ctx, &gather->pending, RIM_REF_GATHER, &belongings->gathers);
    if (*error != 0) {
        rim__memory_free(&ctx->shard->memory, gather, size);
        return NULL;
    }
    return gather;
}

static void free_gather(rim_ctx *ctx, struct gather *gather) {
    for (uint32_t i = 0; i < gather->count; i++) {
        rim_msg_free(ctx, gather->answers[i].msg);
    }
    rim__memory_free(&ctx->shard->memory, gather, size_of(gather->count));
}

/* What is still open is not waited for any more. */
static void cancel_parts(rim_ctx *ctx, struct gather *gather) {
    for (uint32_t i = 0; i < gather->count; i++) {
        if (gather->parts[i].token != RIM_NIL) {
            rim__request_cancel(ctx, gather->parts[i].token);
            gather->parts[i].token = RIM_NIL;
            gather->answers[i].error = -ECANCELED;
        }
    }
}

static void settle(struct gather *gather, uint32_t index, int error) {
    gather->parts[index].token = RIM_NIL;
    gather->answers[index].error = error;
    gather->settled++;
    if (error == 0) {
        gather->replies++;
    } else if (gather->error == 0) {
        gather->error = error;
    }
}

static bool is_hopeless(const struct gather *gather) {
    uint32_t failed = gather->settled - gather->replies;
    return !gather->waits_for_all && gather->count - failed < gather->wanted;
}

static bool is_over(const struct gather *gather) {
    return gather->replies == gather->wanted || gather->settled == gather->count || is_hopeless(gather);
}

static rim_verdict finish(rim_ctx *ctx, void *self, struct gather *gather) {
    cancel_parts(ctx, gather);
    rim__pending_retire(ctx, &gather->pending);
    int error = gather->replies == gather->wanted ? 0 : gather->error;
    rim_verdict verdict = gather->on_gathered(ctx, self, gather->cookie, error, gather->answers, gather->count);
    free_gather(ctx, gather);
    return verdict;
}

static rim_verdict on_part(rim_ctx *ctx, void *self, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)body;
    struct part *part = (struct part *)(uintptr_t)cookie;
    struct gather *gather = part->gather;
    uint32_t index = (uint32_t)(part - gather->parts);
    if (error == 0) {
        rim_msg *kept = rim_take(ctx, msg);
        gather->answers[index].msg = kept;
        gather->answers[index].body = kept != NULL ? rim_body(kept) : NULL;
        error = kept != NULL ? 0 : -ENOMEM;
    }
    settle(gather, index, error);
    return is_over(gather) ? finish(ctx, self, gather) : RIM_DONE;
}

static uint32_t ask_all(rim_ctx *ctx, const rim_gathering *gathering, struct gather *gather) {
    uint32_t sent = 0;
    for (uint32_t i = 0; i < gather->count; i++) {
        struct part *part = &gather->parts[i];
        rim_ask ask = gathering->asks[i];
        part->gather = gather;
        ask.timeout_ns = gathering->timeout_ns;
        ask.on_outcome = on_part;
        ask.cookie = (uint64_t)(uintptr_t)part;
        int error = rim_request(ctx, &ask, &part->token);
        if (error != 0) {
            settle(gather, i, error);
        }
        sent += error == 0;
    }
    return sent;
}

static int check(const rim_ctx *ctx, const rim_gathering *gathering) {
    bool ok = ctx->actor != NULL && gathering->count > 0 && gathering->count <= COUNT_MAX &&
              gathering->quorum <= gathering->count && gathering->timeout_ns > 0 && gathering->on_gathered != NULL;
    return ok ? 0 : -EINVAL;
}

static void free_messages(rim_ctx *ctx, const rim_gathering *gathering) {
    for (uint32_t i = 0; i < gathering->count; i++) {
        rim_msg_free(ctx, gathering->asks[i].msg);
    }
}

int rim_gather(rim_ctx *ctx, const rim_gathering *gathering, rim_token *out) {
    if (gathering == NULL || gathering->asks == NULL) {
        return -EINVAL;
    }
    int error = check(ctx, gathering);
    struct gather *gather = error == 0 ? make(ctx, gathering, &error) : NULL;
    if (gather == NULL) {
        free_messages(ctx, gathering);
        return error;
    }
    uint32_t sent = ask_all(ctx, gathering, gather);
    if (sent == 0 || is_hopeless(gather)) {
        error = gather->error;
        rim__gather_cancel(ctx, gather->pending.handle);
        return error;
    }
    if (out != NULL) {
        *out = gather->pending.handle;
    }
    return 0;
}

bool rim__gather_cancel(rim_ctx *ctx, uint64_t token) {
    struct gather *gather = find(ctx, token);
    if (gather == NULL || gather->pending.owner != ctx->actor) {
        return false;
    }
    cancel_parts(ctx, gather);
    rim__pending_retire(ctx, &gather->pending);
    free_gather(ctx, gather);
    return true;
}

/* Before the requests end: their records know the parts. */
void rim__gather_end_all(rim_ctx *ctx, struct rim__actor *actor) {
    while (actor->belongings->gathers != NULL) {
        struct gather *gather = rim__container_of(actor->belongings->gathers, struct gather, pending.own);
        rim__pending_retire(ctx, &gather->pending);
        free_gather(ctx, gather);
    }
}
