/* SPDX-License-Identifier: MIT */
/*
 * A name on its owner's shard, from the claim on.
 *
 *     CLAIMED --granted--> BOUND --unname, or the owner's end--> gone, when all shards are told
 *        '--refused, cancelled, the claimant's end--> gone
 *
 * All that being told of the outcome and giving the name back will need exists from the claim on.
 */
#include <errno.h>
#include <string.h>

#include "actor/name.h"
#include "actor/request.h"

struct hold {
    struct rim__own own; /* in its actor's list */
    struct rim__spread held;
    struct rim__name_word held_word;
    rim_token request; /* RIM_NIL: a newborn's claim. Stale when the outcome has been handled */
    struct rim__foreign_name *foreign;
    struct rim__binding *binding;
    bool bound;
    bool gone; /* only its answer to a check is still owed */
};

static void free_binding(rim_ctx *ctx, struct rim__spread *spread) {
    struct rim__binding *binding = rim__container_of(spread, struct rim__binding, spread);
    rim__memory_free(&ctx->shard->memory, binding, sizeof *binding + binding->word.size);
}

static void free_hold(rim_ctx *ctx, struct hold *hold) {
    rim__memory_free(&ctx->shard->memory, hold, sizeof *hold);
}

static void answer_told(rim_ctx *ctx, struct rim__spread *spread) {
    struct hold *hold = rim__container_of(spread, struct hold, held);
    if (hold->gone) {
        free_hold(ctx, hold);
    }
}

static struct hold *make_hold(rim_ctx *ctx, struct rim__actor *actor, const char *name, size_t size) {
    struct rim__memory *memory = &ctx->shard->memory;
    struct rim__belongings *belongings = rim__actor_belongings(ctx, actor);
    struct hold *hold = belongings != NULL ? rim__memory_alloc(memory, sizeof *hold) : NULL;
    struct rim__binding *binding = hold != NULL ? rim__memory_alloc(memory, sizeof *binding + size) : NULL;
    struct rim__foreign_name *foreign = binding != NULL ? rim__foreign_name_make(name, size) : NULL;
    if (foreign == NULL) {
        if (binding != NULL) {
            rim__memory_free(memory, binding, sizeof *binding + size);
        }
        if (hold != NULL) {
            free_hold(ctx, hold);
        }
        return NULL;
    }
    *hold = (struct hold){.held = {.told = answer_told}, .foreign = foreign, .binding = binding};
    *binding = (struct rim__binding){.word = {.op = RIM_NAME_CLAIM,
                                              .size = (uint8_t)size,
                                              .hash = rim__name_hash(ctx, name, size),
                                              .ticket = ++ctx->names->tickets,
                                              .who = actor->ref}};
    memcpy(binding->text, name, size);
    rim__own_link(&belongings->names, &hold->own);
    return hold;
}

/* A hold that is not bound ends, and its claim with it. */
static void drop(rim_ctx *ctx, struct hold *hold) {
    rim__own_unlink(&hold->own);
    rim__foreign_name_free(hold->foreign);
    free_binding(ctx, &hold->binding->spread);
    free_hold(ctx, hold);
}

static struct hold *hold_of(struct rim__own *own) {
    return rim__container_of(own, struct hold, own);
}

static bool send_claim(rim_ctx *ctx, struct hold *hold) {
    const struct rim__binding *binding = hold->binding;
    uint32_t home = rim__name_home(ctx, binding->word.hash);
    if (home == ctx->shard->index) {
        struct rim__name_word word = binding->word;
        char text[RIM_NAME_MAX]; /* the hold may end in the course of it */
        memcpy(text, binding->text, word.size);
        rim__name_home_claim(ctx, &word, text);
        return true;
    }
    return rim__spread_post(ctx, home, RIM_KIND_NAME, &binding->word, sizeof binding->word + binding->word.size);
}

int rim_name(rim_ctx *ctx, const rim_claim *claim, rim_token *out) {
    size_t size = claim != NULL ? rim__name_size(claim->name) : 0;
    if (size == 0 || claim->timeout_ns == 0 || claim->on_outcome == NULL) {
        return -EINVAL;
    }
    if (ctx->actor == NULL) {
        return -RIM_ECONTEXT;
    }
    struct hold *hold = make_hold(ctx, ctx->actor, claim->name, size);
    if (hold == NULL) {
        return -ENOMEM;
    }
    rim_ask ask = {.timeout_ns = claim->timeout_ns, .on_outcome = claim->on_outcome, .cookie = claim->cookie};
    rim_token token;
    int error = rim__request_open(ctx, &ask, NULL, &token);
    if (error != 0) {
        drop(ctx, hold);
        return error;
    }
    hold->request = token;
    hold->binding->word.wait = claim->wait;
    hold->binding->word.deadline_ns = rim__request_deadline(ctx, token);
    if (!send_claim(ctx, hold)) {
        drop(ctx, hold);
        rim__request_undo(ctx, token);
        return -ENOMEM;
    }
    if (out != NULL) {
        *out = token;
    }
    return 0;
}

int rim__name_claim_birth(rim_ctx *ctx, struct rim__actor *actor, const char *name, size_t size) {
    struct hold *hold = make_hold(ctx, actor, name, size);
    if (hold == NULL) {
        return -ENOMEM;
    }
    hold->binding->word.from_birth = true;
    rim__actor_hold(ctx, actor->ref, true);
    if (!send_claim(ctx, hold)) {
        rim__actor_hold(ctx, actor->ref, false);
        drop(ctx, hold);
        return -ENOMEM;
    }
    return 0;
}

int rim__name_birth_error(const struct rim__actor *actor) {
    return actor->belongings != NULL ? actor->belongings->name_error : 0;
}

/* ---- the answer ---- */

static struct hold *find_claim(const rim_ctx *ctx, const struct rim__name_word *word, struct rim__actor **owner) {
    *owner = rim__actor_find(ctx, rim__ref_local(word->who));
    if (*owner == NULL || (*owner)->belongings == NULL) {
        return NULL;
    }
    for (struct rim__own *own = (*owner)->belongings->names; own != NULL; own = own->next) {
        if (hold_of(own)->binding->word.ticket == word->ticket) {
            return hold_of(own);
        }
    }
    return NULL;
}

static void decline(rim_ctx *ctx, const struct rim__name_word *word) {
    struct rim__name_word no = *word;
    no.op = RIM_NAME_DECLINE;
    rim__name_say(ctx, rim__name_home(ctx, word->hash), &no);
}

static void bind(rim_ctx *ctx, struct hold *hold, uint64_t serial) {
    struct rim__binding *binding = hold->binding;
    binding->word.op = RIM_NAME_BIND;
    binding->word.serial = serial;
    hold->bound = true;
    rim__foreign_name_bind(ctx->system, hold->foreign, binding->word.who);
    binding->spread.kind = RIM_KIND_NAME;
    binding->spread.word = &binding->word;
    binding->spread.size = (uint16_t)(sizeof binding->word + binding->word.size);
    rim__spread_tell(ctx, &binding->spread, RIM_SPREAD_ALL);
    rim__name_bind(ctx, binding);
}

void rim__name_granted(rim_ctx *ctx, const struct rim__name_word *word) {
    struct rim__actor *owner;
    struct hold *hold = find_claim(ctx, word, &owner);
    if (hold == NULL) {
        decline(ctx, word);
        return;
    }
    rim_token request = hold->request;
    if (!word->from_birth && !rim__request_is_open(ctx, request)) {
        drop(ctx, hold);
        decline(ctx, word);
        return;
    }
    bind(ctx, hold, word->serial);
    if (word->from_birth) {
        rim__actor_hold(ctx, owner->ref, false);
    } else {
        rim__request_settle(ctx, request, 0, owner->ref);
    }
}

void rim__name_refused(rim_ctx *ctx, const struct rim__name_word *word) {
    struct rim__actor *owner;
    struct hold *hold = find_claim(ctx, word, &owner);
    if (hold == NULL) {
        return;
    }
    rim_token request = hold->request;
    drop(ctx, hold);
    if (word->from_birth) {
        owner->belongings->name_error = word->error;
        rim__actor_hold(ctx, owner->ref, false);
    } else {
        rim__request_settle(ctx, request, word->error, RIM_NIL);
    }
}

void rim__name_checked(rim_ctx *ctx, const struct rim__name_word *word) {
    struct rim__actor *owner;
    struct hold *hold = find_claim(ctx, word, &owner);
    if (hold == NULL || !hold->bound) { /* FREE or DECLINE is on its way already; to say it twice does no harm */
        struct rim__name_word no = *word;
        no.error = -ENOMEM; /* the check has overtaken a grant that found no memory: the claim must not outlive it */
        rim__name_refused(ctx, &no);
        decline(ctx, word);
        return;
    }
    hold->held_word = *word;
    hold->held_word.op = RIM_NAME_HELD;
    rim__name_tell(ctx, rim__name_home(ctx, word->hash), &hold->held, &hold->held_word);
}

/* ---- the end ---- */

static void give_back(rim_ctx *ctx, struct hold *hold) {
    struct rim__binding *binding = hold->binding;
    uint32_t home = rim__name_home(ctx, binding->word.hash);
    rim__own_unlink(&hold->own);
    rim__map_remove(&ctx->names->bindings, &binding->node);
    rim__foreign_name_unbind(ctx->system, hold->foreign);
    hold->gone = true;
    if (!hold->held.owed) {
        free_hold(ctx, hold);
    }
    binding->word.op = RIM_NAME_FREE;
    binding->spread.size = sizeof binding->word;
    binding->spread.told = free_binding;
    struct rim__name_word word = binding->word;
    rim__spread_tell(ctx, &binding->spread, RIM_SPREAD_ALL);
    if (home == ctx->shard->index) {
        rim__name_home_free(ctx, &word);
    }
}

static void withdraw(rim_ctx *ctx, struct hold *hold) {
    struct rim__name_word word = hold->binding->word;
    word.op = RIM_NAME_WITHDRAW;
    drop(ctx, hold);
    rim__name_say(ctx, rim__name_home(ctx, word.hash), &word);
}

static void end_hold(rim_ctx *ctx, struct hold *hold) {
    if (hold->bound) {
        give_back(ctx, hold);
    } else {
        withdraw(ctx, hold);
    }
}

void rim__name_end_all(rim_ctx *ctx, struct rim__actor *actor) {
    if (actor->belongings == NULL) {
        return;
    }
    while (actor->belongings->names != NULL) {
        end_hold(ctx, hold_of(actor->belongings->names));
    }
    rim__name_seek_end_all(ctx, actor);
}

void rim__name_cancelled(rim_ctx *ctx, rim_token token) {
    struct rim__own *own = ctx->actor->belongings->names;
    while (own != NULL && hold_of(own)->request != token) {
        own = own->next;
    }
    if (own != NULL) { /* bound, if the outcome was queued */
        end_hold(ctx, hold_of(own));
        return;
    }
    rim__name_seek_cancelled(ctx, token);
}

/* Whose outcome is still queued is not the actor's to give back as yet. */
static bool is_known_by(const rim_ctx *ctx, const struct hold *hold, const char *name, size_t size) {
    return hold->bound && hold->binding->word.size == size && memcmp(hold->binding->text, name, size) == 0 &&
           !rim__request_is_there(ctx, hold->request);
}

int rim_unname(rim_ctx *ctx, const char *name) {
    size_t size = rim__name_size(name);
    if (size == 0) {
        return -EINVAL;
    }
    struct rim__belongings *belongings = ctx->actor != NULL ? ctx->actor->belongings : NULL;
    for (struct rim__own *own = belongings != NULL ? belongings->names : NULL; own != NULL; own = own->next) {
        struct hold *hold = hold_of(own);
        if (is_known_by(ctx, hold, name, size)) {
            give_back(ctx, hold);
            return 0;
        }
    }
    return -RIM_ENOBODY;
}

void rim__name_unclaim_birth(rim_ctx *ctx, struct rim__actor *actor) {
    rim__actor_hold(ctx, actor->ref, false);
    rim__name_end_all(ctx, actor);
}
