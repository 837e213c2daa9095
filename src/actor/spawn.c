/* SPDX-License-Identifier: MIT */
/*
 * Spawning: a slot is chosen where the spawner is, so that the reference is good at once; the actor is made where it
 * will live, by its birth message.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actor/group.h"
#include "actor/mailbox.h"
#include "actor/name.h"
#include "actor/newborn.h"
#include "actor/send.h"
#include "actor/signal.h"
#include "actor/spawn.h"
#include "actor/upgrade.h"

#define ALLOTMENT_GRAIN 1024u /* pages of slots are not shared */

void rim__allotment_range(uint32_t spawner, uint32_t shards, uint32_t *first, uint32_t *end) {
    uint32_t each = (RIM_SLOTS - RIM_SLOTS_OWN) / (shards + 1) / ALLOTMENT_GRAIN * ALLOTMENT_GRAIN;
    *first = RIM_SLOTS_OWN + spawner * each;
    *end = *first + each;
}

int rim__allotment_take(struct rim__allotment *allotment, uint64_t *local) {
    if (allotment->free_count > 0) {
        allotment->in_use++;
        *local = allotment->free[--allotment->free_count];
        return 0;
    }
    if (allotment->fresh == allotment->limit) {
        return -RIM_ELIMIT;
    }
    allotment->in_use++;
    *local = (uint64_t)allotment->fresh++ << RIM_GENERATION_BITS;
    return 0;
}

void rim__allotment_return(struct rim__allotment *allotment, uint64_t local) {
    allotment->in_use--;
    if (allotment->fresh > 0 && local == (uint64_t)(allotment->fresh - 1) << RIM_GENERATION_BITS) {
        allotment->fresh--;
    } else {
        allotment->free[allotment->free_count++] = local; /* where it was taken from */
    }
}

int rim__allotment_give(struct rim__allotment *allotment, uint64_t local) {
    allotment->in_use--;
    if (allotment->free_count == allotment->free_max) {
        uint32_t max = allotment->free_max == 0 ? 64 : allotment->free_max * 2;
        uint64_t *larger = realloc(allotment->free, max * sizeof *larger);
        if (larger == NULL) {
            return -ENOMEM;
        }
        allotment->free = larger;
        allotment->free_max = max;
    }
    allotment->free[allotment->free_count++] = local;
    if ((local & (RIM_GENERATIONS - 1)) == 0) { /* its generations start over: it waits below all others */
        uint64_t *free = allotment->free;
        uint64_t lowest = free[0];
        free[0] = local;
        free[allotment->free_count - 1] = allotment->free_count > 1 ? lowest : local;
    }
    return 0;
}

int rim__spawn_check_own(const rim_behaviour *behaviour, const rim_spawn_options *options, size_t size) {
    if (behaviour == NULL || behaviour->name == NULL || size > RIM_SPAWN_ARG_MAX || behaviour->protocol >= 32768) {
        return -EINVAL;
    }
    if (behaviour->on_count > 0 && behaviour->on == NULL) {
        return -EINVAL;
    }
    if (options != NULL && options->name != NULL && rim__name_size(options->name) == 0) {
        return -EINVAL;
    }
    if (options != NULL && options->group != RIM_NIL && rim__ref_kind(options->group) != RIM_REF_GROUP) {
        return -RIM_EBADREF;
    }
    bool place_ok = options == NULL || (options->place >= RIM_HERE && options->place <= RIM_BY_HASH);
    bool policy_ok = options == NULL || (unsigned)options->overflow <= RIM_OVERFLOW_STOP;
    return place_ok && policy_ok && behaviour->state_size <= RIM_STATE_MAX ? 0 : -EINVAL;
}

int rim__spawn_check(const rim_behaviour *behaviour, const rim_spawn_options *options, size_t size) {
    int error = rim__spawn_check_own(behaviour, options, size);
    return error == 0 && behaviour->protocol >= RIM_PROTOCOL_OWN ? -EINVAL : error;
}

int rim__spawn_place(const rim_ctx *any, const rim_spawn_options *options, uint32_t *shard) {
    if (options == NULL || options->place == RIM_HERE) {
        return 0;
    }
    uint32_t count = any->shard->count;
    switch (options->place) {
    case RIM_ON_SHARD:
        *shard = options->shard;
        return options->shard < count ? 0 : -EINVAL;
    case RIM_BY_HASH:
        *shard = rim_shard_for(options->hash, count);
        return 0;
    case RIM_LEAST_LOADED:
        *shard = rim__stats_least_loaded(any);
        return 0;
    default:
        return -EINVAL;
    }
}

uint32_t rim_shard_for(uint64_t hash, uint32_t shards) {
    return shards == 0 ? 0 : (uint32_t)(((unsigned __int128)hash * shards) >> 64);
}

/* ---- making ---- */

static struct rim__actor *make(rim_ctx *ctx, size_t state_size) {
    struct rim__actor *actor = rim__memory_alloc(&ctx->shard->memory, sizeof *actor + state_size);
    if (actor != NULL) {
        *actor = (struct rim__actor){.state_size = (uint32_t)state_size};
        memset(RIM_ACTOR_STATE(actor), 0, state_size);
    }
    return actor;
}

void rim__spawn_configure(const rim_ctx *ctx, struct rim__actor *actor, const rim_spawn_options *options) {
    actor->count_max = options->mailbox_count != 0 ? options->mailbox_count : ctx->mailbox_count;
    actor->bytes_max = options->mailbox_bytes != 0 ? options->mailbox_bytes : ctx->mailbox_bytes;
    actor->mode = (uint8_t)((actor->mode & RIM_MODE_WATCHED) | options->overflow);
    actor->budget = options->budget != 0 ? options->budget : ctx->budget;
    actor->marks |= options->trap_exit ? RIM_MARK_TRAPS : 0;
}

/* What hangs in the belongings. */
static int set_limits(rim_ctx *ctx, struct rim__actor *actor, const rim_spawn_options *options) {
    if (options->memory_bytes == 0 && options->stash_count == 0) {
        return 0;
    }
    struct rim__belongings *belongings = rim__actor_belongings(ctx, actor);
    if (belongings == NULL) {
        return -ENOMEM;
    }
    belongings->memory_max = options->memory_bytes != 0 ? options->memory_bytes : UINT64_MAX;
    belongings->stash_max = options->stash_count;
    return 0;
}

struct rim__belongings *rim__actor_belongings(rim_ctx *ctx, struct rim__actor *actor) {
    if (actor->belongings == NULL) {
        struct rim__belongings *belongings = rim__memory_alloc(&ctx->shard->memory, sizeof *belongings);
        if (belongings != NULL) {
            *belongings = (struct rim__belongings){.memory_max = UINT64_MAX};
            belongings->waiters_end = &belongings->waiters;
            actor->belongings = belongings;
        }
    }
    return actor->belongings;
}

/* ---- ties: link and monitor by the spawner ---- */

/* The two are linked. */
static int keep(rim_ctx *ctx, const struct rim__birth *birth, rim_ref child, struct rim__actor *here) {
    if (rim__keep_watch(ctx, ctx->actor, child) != 0) {
        return -ENOMEM;
    }
    rim__link_set_keeping(ctx, birth->spawner, child);
    if (here == NULL) {
        return 0;
    }
    rim__link_set_keeping(ctx, child, birth->spawner);
    return rim__keep_begin(ctx, here, birth);
}

static int tie(rim_ctx *ctx, struct rim__birth *birth, rim_ref child, struct rim__actor *here) {
    const rim_spawn_options *options = &birth->options;
    if (options->link && rim__link_spawned(ctx, child, here) != 0) {
        return -ENOMEM;
    }
    if (options->keep && keep(ctx, birth, child, here) != 0) {
        rim__link_unspawn(ctx, child);
        return -ENOMEM;
    }
    if (options->monitor && rim__monitor_spawned(ctx, child, here, options->monitor_cookie, &birth->monitor) != 0) {
        rim__link_unspawn(ctx, child);
        return -ENOMEM;
    }
    if (options->monitor && options->monitor_out != NULL) {
        *options->monitor_out = birth->monitor;
    }
    return 0;
}

static bool is_tied(const struct rim__birth *birth) {
    return birth->options.link || birth->options.monitor;
}

static void untie(rim_ctx *ctx, const struct rim__birth *birth, rim_ref child) {
    if (birth->options.link) {
        rim__link_unspawn(ctx, child);
    }
    if (birth->options.monitor) {
        rim__monitor_unspawn(ctx, birth->monitor);
    }
}

/* ---- here ---- */

static const rim_spawn_options defaults;

uint32_t rim__birth_size(const struct rim__birth *birth) {
    return (uint32_t)sizeof *birth + birth->size + birth->name_size;
}

void rim__birth_write(struct rim__birth *to, const struct rim__birth *birth, const void *arg) {
    *to = *birth;
    to->options.name = NULL; /* its text comes along */
    if (birth->size > 0) {
        memcpy(to + 1, arg, birth->size);
    }
    if (birth->name_size > 0) {
        memcpy((char *)(to + 1) + birth->size, birth->options.name, birth->name_size);
    }
}

/* Init's argument waits as the first message. Without init and name there is nothing to wait for. */
static int queue_birth(rim_ctx *ctx, struct rim__actor *actor, const struct rim__birth *birth, const void *arg) {
    if (birth->behaviour->init == NULL && !birth->options.acknowledge && birth->name_size == 0) {
        actor->stage = RIM_STAGE_ALIVE;
        return 0;
    }
    struct rim_msg *msg = rim__msg_create(ctx->shard, RIM_KIND_SPAWN, RIM_MSG_RESERVED, 0, rim__birth_size(birth));
    if (msg == NULL) {
        return -ENOMEM;
    }
    rim__birth_write(rim__msg_body(msg), birth, arg);
    msg->from = RIM_NIL;
    msg->to = rim__ref_local(actor->ref);
    actor->stage = RIM_STAGE_UNBORN;
    rim__newborn_queue(ctx, actor, msg);
    return 0;
}

static void unmake(rim_ctx *ctx, struct rim__actor *actor) {
    rim__table_remove(&ctx->actors, rim__ref_local(actor->ref));
    if (actor->belongings != NULL) {
        rim__memory_free(&ctx->shard->memory, actor->belongings, sizeof *actor->belongings);
    }
    rim__memory_free(&ctx->shard->memory, actor, sizeof *actor + actor->state_size);
}

/* What may fail, in an order in which the last need not be undone. */
static int equip(rim_ctx *ctx, struct rim__actor *actor, struct rim__birth *birth, const void *arg) {
    int error = set_limits(ctx, actor, &birth->options);
    error = error == 0 && is_tied(birth) ? tie(ctx, birth, actor->ref, actor) : error;
    if (error != 0) {
        return error;
    }
    if (birth->name_size > 0) {
        error = rim__name_claim_birth(ctx, actor, birth->options.name, birth->name_size);
    }
    if (error == 0 && birth->options.group != RIM_NIL) {
        error = rim__group_join(ctx, actor, birth->options.group);
    }
    error = error != 0 ? error : queue_birth(ctx, actor, birth, arg);
    if (error != 0) {
        rim__group_end_all(ctx, actor);
        rim__name_unclaim_birth(ctx, actor);
        untie(ctx, birth, actor->ref);
    }
    return error;
}

static int spawn_here(rim_ctx *ctx, struct rim__birth *birth, const void *arg, rim_ref *out) {
    struct rim__actor *actor = make(ctx, birth->behaviour->state_size);
    if (actor == NULL) {
        return -ENOMEM;
    }
    uint64_t local;
    int error = rim__table_add(&ctx->actors, actor, &local);
    if (error != 0) {
        rim__memory_free(&ctx->shard->memory, actor, sizeof *actor + actor->state_size);
        return error;
    }
    actor->ref = ctx->here | local;
    actor->behaviour = birth->behaviour;
    rim__spawn_configure(ctx, actor, &birth->options);
    error = equip(ctx, actor, birth, arg);
    if (error != 0) {
        unmake(ctx, actor);
        return error;
    }
    rim__newborn_enlist(ctx, actor);
    *out = actor->ref;
    return 0;
}

/* ---- elsewhere ---- */

static int spawn_across(rim_ctx *ctx, uint32_t shard, struct rim__birth *birth, const void *arg, rim_ref *out) {
    uint32_t size = rim__birth_size(birth);
    uint64_t local;
    int error = rim__allotment_take(&ctx->allotments[shard], &local);
    if (error != 0) {
        return error;
    }
    rim_ref child = rim__ref_make(RIM_REF_ACTOR, shard, local);
    error = is_tied(birth) ? tie(ctx, birth, child, NULL) : 0;
    if (error != 0) {
        rim__allotment_return(&ctx->allotments[shard], local);
        return error;
    }
    struct rim_msg *msg = rim__mesh_reserve(ctx->shard, shard, (uint32_t)rim__msg_span(0, size), false);
    if (msg == NULL) {
        untie(ctx, birth, child);
        rim__allotment_return(&ctx->allotments[shard], local);
        return -RIM_EFULL;
    }
    msg->from = rim_self(ctx);
    msg->to = local;
    msg->kind = RIM_KIND_SPAWN;
    msg->flags |= RIM_MSG_RESERVED;
    msg->tag = 0;
    msg->size = size;
    rim__birth_write(rim__msg_body(msg), birth, arg);
    *out = child;
    return 0;
}

int rim_spawn(rim_ctx *ctx, const rim_behaviour *behaviour, const rim_spawn_options *options, const void *arg,
              size_t size, rim_ref *out) {
    if (rim__likely(rim__newborn_is_plain(ctx, behaviour, options, size)) && out != NULL &&
        (arg != NULL || size == 0)) {
        return rim__newborn_make(ctx, behaviour, options, arg, size, out);
    }
    int error = rim__spawn_check(behaviour, options, size);
    return error != 0 ? error : rim__spawn_own(ctx, behaviour, options, arg, size, out);
}

int rim__spawn_own(rim_ctx *ctx, const rim_behaviour *behaviour, const rim_spawn_options *options, const void *arg,
                   size_t size, rim_ref *out) {
    uint32_t shard = ctx->shard->index;
    int error = out == NULL || (arg == NULL && size > 0) ? -EINVAL : rim__spawn_check_own(behaviour, options, size);
    error = error != 0 ? error : rim__spawn_place(ctx, options, &shard);
    if (error != 0) {
        return error;
    }
    behaviour = rim__upgrade_newest(ctx, behaviour, behaviour->version);
    struct rim__birth birth = {.behaviour = behaviour,
                               .version = behaviour->version,
                               .options = options != NULL ? *options : defaults,
                               .size = (uint32_t)size,
                               .name_size = options != NULL ? (uint32_t)rim__name_size(options->name) : 0};
    birth.options.link |= birth.options.keep;
    if (ctx->actor != NULL) {
        birth.spawner = ctx->actor->ref;
    } else if (is_tied(&birth) || birth.options.acknowledge) {
        return -RIM_ECONTEXT;
    }
    return shard == ctx->shard->index ? spawn_here(ctx, &birth, arg, out) : spawn_across(ctx, shard, &birth, arg, out);
}

/* ---- arriving ---- */

/* Whether a slot of another spawner's may still get its actor: the generation is the one that comes next. */
struct rim__actor *rim__actor_embryo(rim_ctx *ctx, uint64_t local) {
    if (ctx->cutting || local >> RIM_GENERATION_BITS < RIM_SLOTS_OWN) {
        return NULL;
    }
    struct rim__slot *slot = rim__table_slot(&ctx->actors, local);
    if (slot == NULL || slot->object != NULL || slot->generation != (local & (RIM_GENERATIONS - 1))) {
        return NULL;
    }
    struct rim__actor *embryo = make(ctx, 0);
    if (embryo != NULL) {
        embryo->stage = RIM_STAGE_EMBRYO;
        embryo->ref = ctx->here | local;
        rim__spawn_configure(ctx, embryo, &defaults);
        slot->object = embryo;
        ctx->actors.count++;
        rim__newborn_enlist(ctx, embryo);
    }
    return embryo;
}

/* The embryo's place, in the table and among its siblings, and its mailbox go over to the actor proper. */
static struct rim__actor *grow(rim_ctx *ctx, struct rim__actor *embryo, size_t state_size, struct rim__slot *slot) {
    struct rim__actor *actor = make(ctx, state_size);
    if (actor == NULL) {
        return NULL;
    }
    *actor = *embryo;
    actor->state_size = (uint32_t)state_size;
    *(actor->older != NULL ? &actor->older->newer : &ctx->oldest) = actor;
    *(actor->newer != NULL ? &actor->newer->older : &ctx->newest) = actor;
    slot->object = actor;
    rim__memory_free(&ctx->shard->memory, embryo, sizeof *embryo);
    return actor;
}

static struct rim__actor *make_at(rim_ctx *ctx, uint64_t local, size_t state_size) {
    struct rim__slot *slot = rim__table_slot(&ctx->actors, local);
    if (slot == NULL) {
        return NULL;
    }
    if (slot->object != NULL) {
        return grow(ctx, slot->object, state_size, slot);
    }
    struct rim__actor *actor = make(ctx, state_size);
    if (actor != NULL) {
        rim__assert(slot->generation == (local & (RIM_GENERATIONS - 1)));
        actor->ref = ctx->here | local;
        slot->object = actor;
        ctx->actors.count++;
        rim__newborn_enlist(ctx, actor);
    }
    return actor;
}

/* Nobody will be born here: what is sent to this reference must not make an embryo that waits for ever. */
static void pass_over(rim_ctx *ctx, uint64_t local) {
    struct rim__slot *slot = rim__table_slot(&ctx->actors, local);
    if (slot != NULL) {
        slot->generation = (slot->generation + 1) & (RIM_GENERATIONS - 1);
        rim__bury_return_slot(ctx, (local & ~(uint64_t)(RIM_GENERATIONS - 1)) | slot->generation);
    }
}

static rim__cold void miscarry(rim_ctx *ctx, struct rim_msg *msg) {
    rim__log_write(&ctx->shard->log, RIM_LOG_ERROR, "out of memory: an actor spawned from elsewhere cannot be made");
    uint64_t local = msg->to;
    struct rim__actor *embryo = rim__actor_find(ctx, local);
    const struct rim__birth *birth = rim__msg_body(msg);
    if (is_tied(birth)) {
        rim__signal_answer(ctx, msg, RIM_SIGNAL_ABSENT,
                           (struct rim__tie){.monitor = birth->monitor,
                                             .number = RIM_EXIT_NOMEM,
                                             .link = birth->options.link});
    } else {
        rim__msg_release(ctx->shard, msg);
    }
    if (embryo != NULL) {
        rim__actor_bury(ctx, embryo, (rim_exit){.code = RIM_EXIT_NOMEM, .text = "out of memory"});
    } else {
        pass_over(ctx, local);
    }
}

/* The far ends of the spawner's link and monitor. 0 or -ENOMEM. */
static int tie_back(rim_ctx *ctx, struct rim__actor *actor, const struct rim__birth *birth) {
    if (birth->options.link && rim__link_arrive(ctx, actor, birth->spawner) != 0) {
        return -ENOMEM;
    }
    if (birth->options.keep) {
        rim__link_set_keeping(ctx, actor->ref, birth->spawner);
        if (rim__keep_begin(ctx, actor, birth) != 0) {
            return -ENOMEM;
        }
    }
    return birth->options.monitor ? rim__monitor_arrive(ctx, actor, birth->spawner, birth->monitor) : 0;
}

void rim__actor_conceive(rim_ctx *ctx, struct rim_msg *msg) {
    if (ctx->cutting) { /* the deadline was faster: its embryo, if there was one, is buried, and nobody comes after */
        rim__msg_release(ctx->shard, msg);
        return;
    }
    const struct rim__birth *birth = rim__msg_body(msg);
    const rim_behaviour *behaviour = rim__upgrade_newest(ctx, birth->behaviour, birth->version);
    struct rim__actor *actor = make_at(ctx, msg->to, behaviour->state_size);
    if (actor == NULL || (is_tied(birth) && tie_back(ctx, actor, birth) != 0)) {
        miscarry(ctx, msg);
        return;
    }
    actor->behaviour = behaviour;
    rim__spawn_configure(ctx, actor, &birth->options);
    if (actor->marks & RIM_MARK_CLOSED) {
        rim__closing_shut(actor);
    }
    if (actor->head != NULL && !birth->options.trap_exit) {
        rim__signal_resolve(ctx, actor);
    }
    if (set_limits(ctx, actor, &birth->options) != 0) {
        actor->stop_asked = true;
    }
    if (actor->told && birth->options.overflow != RIM_OVERFLOW_REFUSE) { /* it was an embryo, which refuses */
        rim__room_tell_shards(ctx, actor);
    }
    actor->stage = RIM_STAGE_UNBORN;
    msg->from = RIM_NIL;
    rim__mailbox_push_front(ctx, actor, msg);
    if (birth->options.group != RIM_NIL && rim__group_join(ctx, actor, birth->options.group) != 0) {
        actor->stop_asked = true;
    }
    if (birth->name_size > 0) {
        const char *name = (const char *)(birth + 1) + birth->size;
        actor->stop_asked = actor->stop_asked || rim__name_claim_birth(ctx, actor, name, birth->name_size) != 0;
    }
    rim__actor_wake(ctx, actor);
}
