/* SPDX-License-Identifier: MIT */
/*
 * Finding names: in this shard's replica, now or when one is bound.
 */
#include <errno.h>
#include <string.h>

#include "actor/name.h"
#include "actor/request.h"

/* A search that waits; beside it the deadline of its own, so that it does not outlive the request. */
struct seeker {
    struct rim__map_node node;
    struct rim__own own; /* in its actor's list */
    struct rim__timer deadline;
    rim_token request;
    uint8_t size;
    char text[RIM_NAME_MAX];
};

static rim_ref look_up(const rim_ctx *ctx, const char *name, size_t size, uint64_t hash) {
    struct rim__map_node *node = rim__map_first(&ctx->names->bindings, hash);
    for (; node != NULL; node = rim__map_match(node->next, hash)) {
        const struct rim__binding *binding = rim__container_of(node, struct rim__binding, node);
        if (binding->word.size == size && memcmp(binding->text, name, size) == 0) {
            return binding->word.who;
        }
    }
    return RIM_NIL;
}

rim_ref rim_find(const rim_ctx *ctx, const char *name) {
    size_t size = rim__name_size(name);
    return size > 0 ? look_up(ctx, name, size, rim__name_hash(ctx, name, size)) : RIM_NIL;
}

int rim_send_name(rim_ctx *ctx, const char *name, uint32_t tag, const void *body, size_t size) {
    rim_ref who = rim_find(ctx, name);
    if (who == RIM_NIL) {
        return rim__name_size(name) == 0 ? -EINVAL : -RIM_ENOBODY;
    }
    return rim_send(ctx, who, tag, body, size);
}

/* ---- later ---- */

static void end_seeker(rim_ctx *ctx, struct seeker *seeker) {
    rim__timer_disarm(&ctx->shard->timers, &seeker->deadline);
    rim__map_remove(&ctx->names->seekers, &seeker->node);
    rim__own_unlink(&seeker->own);
    rim__memory_free(&ctx->shard->memory, seeker, sizeof *seeker);
}

static void give_up(struct rim__shard *shard, struct rim__timer *timer) {
    rim_ctx *ctx = shard->world;
    struct seeker *seeker = rim__container_of(timer, struct seeker, deadline);
    rim_token request = seeker->request;
    end_seeker(ctx, seeker);
    rim__request_settle(ctx, request, -ETIMEDOUT, RIM_NIL);
}

static struct seeker *make_seeker(rim_ctx *ctx, const char *name, size_t size) {
    struct rim__belongings *belongings = rim__actor_belongings(ctx, ctx->actor);
    struct seeker *seeker = belongings != NULL ? rim__memory_alloc(&ctx->shard->memory, sizeof *seeker) : NULL;
    if (seeker != NULL) {
        *seeker = (struct seeker){.deadline = {.fire = give_up}, .size = (uint8_t)size};
        memcpy(seeker->text, name, size);
        rim__own_link(&belongings->seekers, &seeker->own);
        rim__map_put(&ctx->names->seekers, &seeker->node, rim__name_hash(ctx, name, size));
    }
    return seeker;
}

int rim_find_later(rim_ctx *ctx, const rim_finding *finding, rim_token *out) {
    size_t size = finding != NULL ? rim__name_size(finding->name) : 0;
    if (size == 0 || finding->timeout_ns == 0 || finding->on_outcome == NULL) {
        return -EINVAL;
    }
    if (ctx->actor == NULL) {
        return -RIM_ECONTEXT;
    }
    struct seeker *seeker = make_seeker(ctx, finding->name, size);
    if (seeker == NULL) {
        return -ENOMEM;
    }
    rim_ask ask = {.timeout_ns = finding->timeout_ns, .on_outcome = finding->on_outcome, .cookie = finding->cookie};
    rim_token token;
    int error = rim__request_open(ctx, &ask, NULL, &token);
    if (error != 0) {
        end_seeker(ctx, seeker);
        return error;
    }
    seeker->request = token;
    rim_ref who = look_up(ctx, finding->name, size, seeker->node.hash);
    if (who != RIM_NIL || ctx->names->stopping) {
        end_seeker(ctx, seeker);
        rim__request_settle(ctx, token, who != RIM_NIL ? 0 : -RIM_ESTOPPING, who);
    } else {
        rim__timer_arm(&ctx->shard->timers, &seeker->deadline, rim__request_deadline(ctx, token));
    }
    if (out != NULL) {
        *out = token;
    }
    return 0;
}

void rim__name_bind(rim_ctx *ctx, struct rim__binding *binding) {
    const struct rim__name_word *word = &binding->word;
    rim__map_put(&ctx->names->bindings, &binding->node, word->hash);
    struct rim__map_node *node = rim__map_first(&ctx->names->seekers, word->hash), *next;
    for (; node != NULL; node = next) {
        struct seeker *seeker = rim__container_of(node, struct seeker, node);
        next = rim__map_match(node->next, word->hash);
        if (seeker->size == word->size && memcmp(seeker->text, binding->text, word->size) == 0) {
            rim_token request = seeker->request;
            end_seeker(ctx, seeker);
            rim__request_settle(ctx, request, 0, word->who);
        }
    }
}

void rim__name_seek_stop(rim_ctx *ctx) {
    for (struct rim__map_node *node; (node = rim__map_next(&ctx->names->seekers, NULL)) != NULL;) {
        struct seeker *seeker = rim__container_of(node, struct seeker, node);
        rim_token request = seeker->request;
        end_seeker(ctx, seeker);
        rim__request_settle(ctx, request, -RIM_ESTOPPING, RIM_NIL);
    }
}

void rim__name_seek_end_all(rim_ctx *ctx, struct rim__actor *actor) {
    while (actor->belongings->seekers != NULL) {
        end_seeker(ctx, rim__container_of(actor->belongings->seekers, struct seeker, own));
    }
}

void rim__name_seek_cancelled(rim_ctx *ctx, rim_token token) {
    struct rim__own *own = ctx->actor->belongings->seekers;
    while (own != NULL && rim__container_of(own, struct seeker, own)->request != token) {
        own = own->next;
    }
    if (own != NULL) {
        end_seeker(ctx, rim__container_of(own, struct seeker, own));
    }
}
