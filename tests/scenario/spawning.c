/* SPDX-License-Identifier: MIT */
/* Where actors are spawned, when their references are good, and when they no longer are. */
#include <stdatomic.h>

#include "role.h"

#define SHARDS 3u

struct spawning {
    rim_ref b, c, x;
    atomic_uint born[SHARDS], heard, exits;
    uint32_t count;
};

/* ---- places ---- */

static rim_verdict child_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    role_init(ctx, self, arg, size);
    struct spawning *world = role_world(self);
    const struct role *role = self;
    uint32_t shard = rim_shard_index(ctx), sum = 0;
    CHECK(shard == rim_shard_of(rim_self(ctx)));
    CHECK(role->cast.index == UINT64_MAX || role->cast.index == shard);
    CHECK(role->count == 0 && role->handle == 0); /* zeroed */
    CHECK((uintptr_t)self % 16 == 0);
    atomic_fetch_add(&world->born[shard], 1);
    for (uint32_t i = 0; i < SHARDS; i++) {
        sum += atomic_load(&world->born[i]);
    }
    if (sum == world->count) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}
static const rim_behaviour child = {.name = "child", .state_size = sizeof(struct role), .init = child_init};

static void add_child(rim_ctx *ctx, struct spawning *world, rim_spawn_options options, uint64_t shard) {
    struct role_cast cast = {.world = world, .index = shard};
    rim_ref ref;
    CHECK(rim_spawn(ctx, &child, &options, &cast, sizeof cast, &ref) == 0);
    CHECK(shard == UINT64_MAX || rim_shard_of(ref) == shard);
}

ROLE_ON(parent_go) {
    struct spawning *world = role_world(self);
    CHECK(rim_shard_count(ctx) == SHARDS);
    for (uint32_t i = 0; i < SHARDS; i++) {
        uint64_t hash = rim_random(ctx);
        add_child(ctx, world, (rim_spawn_options){0}, rim_shard_index(ctx));
        add_child(ctx, world, (rim_spawn_options){.place = RIM_ON_SHARD, .shard = i}, i);
        add_child(ctx, world, (rim_spawn_options){.place = RIM_BY_HASH, .hash = hash}, rim_shard_for(hash, SHARDS));
    }
    for (uint32_t i = 0; i < 30; i++) {
        add_child(ctx, world, (rim_spawn_options){.place = RIM_LEAST_LOADED}, UINT64_MAX);
    }
    return RIM_DONE;
}
static const rim_handler parent_on[] = {[GO] = parent_go};
ROLE(parent, parent_on);

void actors_are_spawned_where_asked(struct scenario *s) {
    static struct spawning world;
    world = (struct spawning){.count = 3 * SHARDS + 30};
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = SHARDS});
    role_go(s, role_spawn(s, &parent, 1, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
    for (uint32_t i = 0; i < SHARDS; i++) {
        CHECK(atomic_load(&world.born[i]) >= 8); /* the least loaded has its share */
    }
}

/* ---- a reference is good at once: also for those who are told it, wherever they are ---- */

ROLE_ON(x_word) {
    struct spawning *world = role_world(self);
    if (atomic_fetch_add(&world->heard, 1) + 1 == 2 * SHARDS) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}
static const rim_handler x_on[] = {[WORD] = x_word};
ROLE(newborn, x_on);

ROLE_ON(told_add) {
    CHECK(rim_send(ctx, role_number(body), WORD, NULL, 0) == 0);
    if (((struct role *)self)->ref != RIM_NIL) { /* and tells the next */
        role_say(ctx, ((struct role *)self)->ref, ADD, role_number(body));
    }
    return RIM_DONE;
}

ROLE_ON(told_more) {
    ((struct role *)self)->ref = role_number(body);
    return RIM_DONE;
}
static const rim_handler told_on[] = {[ADD] = told_add, [MORE] = told_more};
ROLE(told, told_on);

ROLE_ON(teller_go) {
    struct role *role = self;
    rim_ref x = role_add(ctx, &newborn, 1, role->cast);
    CHECK(rim_send(ctx, x, WORD, NULL, 0) == 0);
    role_say(ctx, role->cast.who, ADD, x);
    return RIM_DONE;
}
static const rim_handler teller_on[] = {[GO] = teller_go};
ROLE(teller, teller_on);

/* The word of x goes by shard 2 and shard 0 to shard 1, where x may not have been born yet. */
void reference_is_good_at_once_for_everybody(struct scenario *s) {
    static struct spawning world;
    world = (struct spawning){0};
    struct role_cast cast = {.world = &world};
    rim_ref path[5], next = RIM_NIL;
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = SHARDS});
    for (uint32_t i = 5; i-- > 0;) {
        static const uint32_t shards[] = {2, 0, 1, 2, 1};
        path[i] = role_spawn(s, &told, shards[i], cast);
        CHECK(rim_system_send(scenario_system(s), path[i], MORE, &next, sizeof next) == 0);
        next = path[i];
    }
    cast.who = path[0];
    role_rest(s); /* all know whom to tell */
    role_go(s, role_spawn(s, &teller, 0, cast));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- stale references ---- */

#define REUSES 300u

ROLE_ON(mortal_end) {
    return RIM_STOP;
}
static const rim_handler mortal_on[] = {[END] = mortal_end};
ROLE(mortal, mortal_on);

/* One after the other, in the same slot: the references of all before are stale, and say so. */
ROLE_ON(reuse_word) {
    struct role *role = self;
    if (role->ref != RIM_NIL) {
        CHECK(rim_send(ctx, role->ref, END, NULL, 0) == -RIM_EDOWN);
        CHECK(rim_stop(ctx, role->ref) == -RIM_EDOWN);
    }
    rim_ref next = role_add(ctx, &mortal, rim_shard_index(ctx), role->cast);
    CHECK(next != role->ref);
    role->ref = next;
    CHECK(rim_send(ctx, next, END, NULL, 0) == 0);
    if (++role->count == REUSES) {
        scenario_done(ctx);
        return RIM_DONE;
    }
    rim_after(ctx, 0, 0);
    return RIM_DONE;
}
static const rim_handler reuse_on[] = {[GO] = reuse_word, [RIM_TIMER] = reuse_word};
ROLE(reuser, reuse_on);

void stale_reference_is_detected_after_reuse_of_the_slot(struct scenario *s) {
    static struct spawning world;
    world = (struct spawning){0};
    role_go(s, role_spawn(s, &reuser, 0, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- init that fails, and become ---- */

static rim_verdict no_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    (void)arg;
    CHECK(size == 0);
    return rim_fail(ctx, RIM_EXIT_INIT, "it will not be");
}

static void no_exit(rim_ctx *ctx, void *self, rim_exit why) {
    (void)ctx;
    (void)self;
    (void)why;
    CHECK(!"exit of an actor whose init did not succeed");
}
static const rim_behaviour unborn = {.name = "unborn", .init = no_init, .exit = no_exit};

void actor_whose_init_fails_has_no_exit(struct scenario *s) {
    rim_stats stats;
    for (uint32_t i = 0; i < 2; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i};
        rim_ref ref;
        CHECK(rim_system_spawn(scenario_system(s), &unborn, &options, NULL, 0, &ref) == 0);
        CHECK(rim_system_send(scenario_system(s), ref, WORD, NULL, 0) == 0);
    }
    do {
        role_settle(s, &stats);
    } while (stats.exited < 2);
    CHECK(stats.failed == 2);
    CHECK(stats.dead == 2);
    CHECK(stats.actors == 0);
}

ROLE_ON(caterpillar_word);
ROLE_ON(butterfly_word) {
    if (rim_tag(msg) == WORD) { /* it gets the events as well */
        CHECK(++((struct role *)self)->count == 2);
        scenario_done(ctx);
    }
    return RIM_DONE;
}
static const rim_handler butterfly_on[] = {[NOBODY] = NULL};
/* Without rows: `other` takes everything. */
static const rim_behaviour butterfly = {.name = "butterfly",
                                        .state_size = 1,
                                        .on = butterfly_on,
                                        .on_count = RIM_COUNT(butterfly_on),
                                        .other = butterfly_word};
static const rim_behaviour too_large = {.name = "too large", .state_size = sizeof(struct role) + 1};

ROLE_ON(caterpillar_word) {
    CHECK(++((struct role *)self)->count == 1);
    CHECK(rim_become(ctx, NULL) == -EINVAL);
    CHECK(rim_become(ctx, &too_large) == -EINVAL);
    CHECK(rim_become(ctx, &butterfly) == 0);
    return RIM_DONE;
}
static const rim_handler caterpillar_on[] = {[WORD] = caterpillar_word};
ROLE(caterpillar, caterpillar_on);

void actor_becomes_another_for_the_next_message(struct scenario *s) {
    static struct spawning world;
    world = (struct spawning){0};
    rim_ref ref = role_spawn(s, &caterpillar, 1, (struct role_cast){.world = &world});
    for (int i = 0; i < 2; i++) {
        CHECK(rim_system_send(scenario_system(s), ref, WORD, NULL, 0) == 0);
    }
    scenario_run(s, ROLE_LIMIT_NS);
}
