/* SPDX-License-Identifier: MIT */
/*
 * The home of a name: who has it, and who wants it.
 *
 *     FREE --claim--> GRANTED --FREE comes--> RELEASED --FREED from all--> FREE (and the next in line)
 *                        '--DECLINE--> FREE
 *
 * While it is granted, a claim that does not wait is refused after a check with the owner's shard: HELD is behind
 * whatever that shard said before. A claim that came after the check left needs another one.
 */
#include <errno.h>
#include <string.h>

#include "actor/name.h"

/* A claim in line. The word is the claim's, and then its answer. */
struct claim {
    struct claim *next;
    struct home *home;
    struct rim__spread spread;
    struct rim__name_word word;
    struct rim__timer deadline; /* armed if it waits */
    bool checked;               /* a check has left that will answer it */
};

struct home {
    struct rim__map_node node;
    struct claim *first, **last;
    struct rim__spread check;
    struct rim__name_word word; /* of the grant; sent as CHECK */
    uint32_t freed;             /* shards that know it to be free */
    bool granted, released, checking;
    bool busy; /* advance is at work */
    uint8_t size;
    char text[];
};

static void free_claim(rim_ctx *ctx, struct rim__spread *spread) {
    struct claim *claim = rim__container_of(spread, struct claim, spread);
    rim__memory_free(&ctx->shard->memory, claim, sizeof *claim);
}

static void free_home(rim_ctx *ctx, struct home *home) {
    rim__memory_free(&ctx->shard->memory, home, sizeof *home + home->size);
}

/* A home without owner and claims is not kept, but for a check that is owed: then it goes with that. */
static void retire(rim_ctx *ctx, struct home *home) {
    if (!home->granted && home->first == NULL && !home->check.owed) {
        rim__map_remove(&ctx->names->homes, &home->node);
        free_home(ctx, home);
    }
}

static void check_told(rim_ctx *ctx, struct rim__spread *spread) {
    struct home *home = rim__container_of(spread, struct home, check);
    if (!home->busy) {
        retire(ctx, home);
    }
}

static struct home *home_of(struct rim__map_node *node) {
    return rim__container_of(node, struct home, node);
}

static struct home *find_by_text(const rim_ctx *ctx, uint64_t hash, const char *text, size_t size) {
    struct rim__map_node *node = rim__map_first(&ctx->names->homes, hash);
    while (node != NULL && (home_of(node)->size != size || memcmp(home_of(node)->text, text, size) != 0)) {
        node = rim__map_match(node->next, hash);
    }
    return node != NULL ? home_of(node) : NULL;
}

/* The home of a grant that stands; NULL if the word is of one that is over. */
static struct home *find_granted(const rim_ctx *ctx, const struct rim__name_word *word) {
    struct rim__map_node *node = rim__map_first(&ctx->names->homes, word->hash);
    while (node != NULL && !(home_of(node)->granted && home_of(node)->word.serial == word->serial)) {
        node = rim__map_match(node->next, word->hash);
    }
    return node != NULL ? home_of(node) : NULL;
}

/* ---- the line ---- */

static struct claim *take(struct home *home, struct claim **link) {
    struct claim *claim = *link;
    *link = claim->next;
    if (home->last == &claim->next) {
        home->last = link;
    }
    return claim;
}

static void answer(rim_ctx *ctx, struct claim *claim, enum rim__name_op op, int error) {
    rim__timer_disarm(&ctx->shard->timers, &claim->deadline);
    claim->word.op = op;
    claim->word.error = error;
    rim__name_tell(ctx, rim__ref_shard(claim->word.who), &claim->spread, &claim->word);
}

static void refuse_those(rim_ctx *ctx, struct home *home, bool (*which)(const struct claim *claim), int error) {
    for (struct claim **link = &home->first; *link != NULL;) {
        if (which(*link)) {
            answer(ctx, take(home, link), RIM_NAME_REFUSE, error);
        } else {
            link = &(*link)->next;
        }
    }
}

static bool is_checked(const struct claim *claim) {
    return claim->checked && !claim->word.wait;
}
static bool waits(const struct claim *claim) {
    return claim->word.wait;
}

/* Those who do not wait are answered by a check with the owner's shard. Here we know. For those who wait it is sent as
   well, once: so that nobody waits for a grant that was declined by a shard out of memory. */
static void question(rim_ctx *ctx, struct home *home) {
    bool any = false;
    if (home->checking) {
        return;
    }
    for (struct claim *claim = home->first; claim != NULL; claim = claim->next) {
        any = any || !claim->checked;
        claim->checked = true;
    }
    if (!any) {
        return;
    }
    if (rim__ref_shard(home->word.who) == ctx->shard->index) {
        refuse_those(ctx, home, is_checked, -RIM_ETAKEN);
        return;
    }
    home->checking = true;
    home->word.op = RIM_NAME_CHECK;
    rim__name_tell(ctx, rim__ref_shard(home->word.who), &home->check, &home->word);
}

static void grant(rim_ctx *ctx, struct home *home) {
    struct claim *claim = take(home, &home->first);
    claim->word.serial = ++ctx->names->serials;
    home->word = claim->word;
    home->granted = true;
    home->released = home->checking = false;
    home->freed = 0;
    answer(ctx, claim, RIM_NAME_GRANT, 0);
}

static void advance(rim_ctx *ctx, struct home *home) {
    if (home->busy) { /* a grant to an actor of this shard was declined at once */
        return;
    }
    home->busy = true;
    while (!home->granted && home->first != NULL && !home->check.owed) {
        grant(ctx, home);
    }
    if (home->granted && !home->released) {
        question(ctx, home);
    }
    home->busy = false;
    retire(ctx, home);
}

static void time_out(struct rim__shard *shard, struct rim__timer *timer) {
    rim_ctx *ctx = shard->world;
    struct claim *claim = rim__container_of(timer, struct claim, deadline);
    struct home *home = claim->home;
    struct claim **link = &home->first;
    while (*link != claim) {
        link = &(*link)->next;
    }
    answer(ctx, take(home, link), RIM_NAME_REFUSE, -ETIMEDOUT);
    advance(ctx, home);
}

/* ---- words ---- */

static struct home *make_home(rim_ctx *ctx, const struct rim__name_word *word, const char *text) {
    struct home *home = rim__memory_alloc(&ctx->shard->memory, sizeof *home + word->size);
    if (home != NULL) {
        *home = (struct home){.check = {.told = check_told}, .size = word->size};
        home->last = &home->first;
        memcpy(home->text, text, word->size);
        rim__map_put(&ctx->names->homes, &home->node, word->hash);
    }
    return home;
}

static rim__cold void refuse_at_once(rim_ctx *ctx, const struct rim__name_word *word, int error) {
    struct rim__name_word no = *word;
    no.op = RIM_NAME_REFUSE;
    no.error = error;
    rim__name_say(ctx, rim__ref_shard(word->who), &no);
}

void rim__name_home_claim(rim_ctx *ctx, const struct rim__name_word *word, const char *text) {
    struct home *home = find_by_text(ctx, word->hash, text, word->size);
    home = home != NULL ? home : make_home(ctx, word, text);
    struct claim *claim = home != NULL ? rim__memory_alloc(&ctx->shard->memory, sizeof *claim) : NULL;
    if (claim == NULL) {
        refuse_at_once(ctx, word, -ENOMEM);
        if (home != NULL) {
            retire(ctx, home);
        }
        return;
    }
    *claim =
        (struct claim){.home = home, .spread = {.told = free_claim}, .word = *word, .deadline = {.fire = time_out}};
    *home->last = claim;
    home->last = &claim->next;
    if (word->wait) {
        rim__timer_arm(&ctx->shard->timers, &claim->deadline, word->deadline_ns);
    }
    advance(ctx, home);
    home = ctx->names->stopping ? find_by_text(ctx, word->hash, text, word->size) : NULL;
    if (home != NULL) {
        refuse_those(ctx, home, waits, -RIM_ESTOPPING);
        advance(ctx, home);
    }
}

static void let_go_when_all_know(rim_ctx *ctx, struct home *home) {
    bool owner_here = rim__ref_shard(home->word.who) == ctx->shard->index;
    if (home->released && home->freed == ctx->shard->count - (owner_here ? 1 : 2)) {
        home->granted = false;
        advance(ctx, home);
    }
}

void rim__name_home_free(rim_ctx *ctx, const struct rim__name_word *word) {
    struct home *home = find_granted(ctx, word);
    if (home != NULL) {
        home->released = true;
        home->checking = false;
        let_go_when_all_know(ctx, home);
    }
}

void rim__name_home_freed(rim_ctx *ctx, const struct rim__name_word *word) {
    struct home *home = find_granted(ctx, word);
    if (home != NULL) {
        home->freed++;
        let_go_when_all_know(ctx, home);
    }
}

void rim__name_home_decline(rim_ctx *ctx, const struct rim__name_word *word) {
    struct home *home = find_granted(ctx, word);
    if (home != NULL && !home->released) {
        home->granted = home->checking = false;
        advance(ctx, home);
    }
}

void rim__name_home_withdraw(rim_ctx *ctx, const struct rim__name_word *word) {
    struct rim__map_node *node = rim__map_first(&ctx->names->homes, word->hash);
    for (; node != NULL; node = rim__map_match(node->next, word->hash)) {
        struct home *home = home_of(node);
        for (struct claim **link = &home->first; *link != NULL; link = &(*link)->next) {
            struct claim *claim = *link;
            if (claim->word.who == word->who && claim->word.ticket == word->ticket) {
                take(home, link);
                rim__timer_disarm(&ctx->shard->timers, &claim->deadline);
                free_claim(ctx, &claim->spread);
                advance(ctx, home);
                return;
            }
        }
    }
}

void rim__name_home_held(rim_ctx *ctx, const struct rim__name_word *word) {
    struct home *home = find_granted(ctx, word);
    if (home != NULL && !home->released && home->checking) {
        home->checking = false;
        refuse_those(ctx, home, is_checked, -RIM_ETAKEN);
        advance(ctx, home);
    }
}

/* ---- the end ---- */

/* Only where a name is granted anybody waits, and such a home is not retired by a refusal. */
void rim__name_home_stop(rim_ctx *ctx) {
    struct rim__map_node *node = NULL;
    ctx->names->stopping = true;
    while ((node = rim__map_next(&ctx->names->homes, node)) != NULL) {
        refuse_those(ctx, home_of(node), waits, -RIM_ESTOPPING);
    }
}

void rim__name_home_finish(rim_ctx *ctx) {
    for (struct rim__map_node *node; (node = rim__map_pop(&ctx->names->homes)) != NULL;) {
        struct home *home = home_of(node);
        for (struct claim *claim; (claim = home->first) != NULL;) {
            home->first = claim->next;
            free_claim(ctx, &claim->spread);
        }
        free_home(ctx, home);
    }
}
