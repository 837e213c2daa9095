/* SPDX-License-Identifier: MIT */
/*
 * Actors that make actors, which make actors: who of them has a turn when. Those that are made at a birth are born
 * next, so that few are there at once; the others on their shard, and those that wait to be born, have their turns
 * all the same. Turns are counted, never timed.
 */
#include "role.h"

#define ROW      16u   /* births in a row, where others are ready */
#define NEST     4096u /* births from one, until the rest of its descent is put off */
#define TREE     100000u
#define CHILDREN 10u

struct births {
    uint64_t made, before, rounds;
    uint64_t there, there_max; /* actors of the tree */
    bool over;
};
static struct births births;

static void make(rim_ctx *ctx, const rim_behaviour *behaviour, struct role_cast cast) {
    rim_ref ref;
    CHECK(rim_spawn(ctx, behaviour, NULL, &cast, sizeof cast, &ref) == 0);
}

static void open_births(struct scenario *s) {
    births = (struct births){.made = 0};
    scenario_system_with(s, &(rim_config){.shards = 1, .stall_us = -1});
}

static void end_births(rim_ctx *ctx) {
    births.over = true;
    scenario_done(ctx);
}

/* ---- a line that never ends: who is born makes the next, and is not needed any more ---- */

static rim_verdict line_init(rim_ctx *ctx, void *self, const void *arg, size_t size);
static const rim_behaviour line = {.name = "line", .state_size = sizeof(struct role), .init = line_init};

static rim_verdict line_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    (void)arg;
    (void)size;
    births.made++;
    if (!births.over) {
        make(ctx, &line, (struct role_cast){.index = 0});
    }
    return RIM_STOP;
}

ROLE_ON(bystander_go) {
    make(ctx, &line, (struct role_cast){.index = 0});
    role_say(ctx, rim_self(ctx), MORE, 0);
    return RIM_DONE;
}

ROLE_ON(bystander_more) {
    CHECK(births.made - births.before <= ROW);
    births.before = births.made;
    if (births.made > 10000) {
        end_births(ctx);
        return RIM_DONE;
    }
    role_say(ctx, rim_self(ctx), MORE, 0);
    return RIM_DONE;
}
static const rim_handler bystander_on[] = {[GO] = bystander_go, [MORE] = bystander_more};
ROLE(bystander, bystander_on);

void contract_10_births_do_not_starve_the_others(struct scenario *s) {
    open_births(s);
    rim_spawn_options options = {.budget = 1};
    role_go(s, role_spawn_with(s, &bystander, options, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- who waits to be born while the line of an elder goes on ---- */

static rim_verdict late_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    (void)arg;
    (void)size;
    CHECK(births.made > 0);
    CHECK(births.made <= NEST);
    end_births(ctx);
    return RIM_STOP;
}
static const rim_behaviour late = {.name = "late", .state_size = sizeof(struct role), .init = late_init};

static rim_verdict elder_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    (void)arg;
    (void)size;
    make(ctx, &line, (struct role_cast){.index = 0});
    make(ctx, &late, (struct role_cast){.index = 0});
    return RIM_STOP;
}
static const rim_behaviour elder = {.name = "elder", .state_size = sizeof(struct role), .init = elder_init};

void contract_10_births_do_not_starve_who_is_to_be_born(struct scenario *s) {
    open_births(s);
    role_spawn(s, &elder, 0, (struct role_cast){.index = 0});
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- a tree ---- */

static rim_verdict branch_init(rim_ctx *ctx, void *self, const void *arg, size_t size);

/* A branch is told its number among its siblings by `index`, and how many leaves it has by `world`. */
static void branch_end(rim_ctx *ctx, void *self, rim_exit why) {
    (void)ctx;
    (void)self;
    CHECK(why.code == RIM_EXIT_NORMAL);
    births.there--;
}

ROLE_ON(branch_word) {
    struct role *role = self;
    if (--role->count > 0) {
        return RIM_DONE;
    }
    if (role->cast.who == RIM_NIL) {
        end_births(ctx);
    } else {
        role_say(ctx, role->cast.who, WORD, 0);
    }
    return RIM_STOP;
}
static const rim_handler branch_on[] = {[WORD] = branch_word};
static const rim_behaviour branch = {.name = "branch",
                                     .state_size = sizeof(struct role),
                                     .init = branch_init,
                                     .on = branch_on,
                                     .on_count = RIM_COUNT(branch_on),
                                     .exit = branch_end};

static rim_verdict branch_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct role *role = self;
    role_init(ctx, self, arg, size);
    births.made++;
    births.there++;
    births.there_max = births.there > births.there_max ? births.there : births.there_max;
    uint64_t leaves = role->cast.index;
    if (leaves == 1) {
        role_say(ctx, rim_self(ctx), WORD, 0);
        role->count = 1;
        return RIM_DONE;
    }
    role->count = CHILDREN;
    for (uint32_t i = 0; i < CHILDREN; i++) {
        make(ctx, &branch, (struct role_cast){.index = leaves / CHILDREN, .who = rim_self(ctx)});
    }
    return RIM_DONE;
}

void spawning_goes_down_a_tree_before_it_goes_on(struct scenario *s) {
    open_births(s);
    role_spawn(s, &branch, 0, (struct role_cast){.index = TREE, .who = RIM_NIL});
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(births.made == TREE + TREE / 10 + TREE / 100 + TREE / 1000 + TREE / 10000 + 1);
    CHECK(births.there_max < TREE / 50);
}

/* ---- siblings ---- */

static rim_verdict sibling_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    const struct role_cast *cast = arg;
    (void)self;
    (void)size;
    CHECK(cast->index == births.made);
    if (++births.made == 2 * CHILDREN) {
        end_births(ctx);
    }
    return RIM_STOP;
}
static const rim_behaviour sibling = {.name = "sibling", .state_size = sizeof(struct role), .init = sibling_init};

static void make_siblings(rim_ctx *ctx, uint64_t first) {
    for (uint32_t i = 0; i < CHILDREN; i++) {
        make(ctx, &sibling, (struct role_cast){.index = first + i});
    }
}

ROLE_ON(family_go) {
    make_siblings(ctx, CHILDREN);
    return RIM_DONE;
}

static rim_verdict family_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    role_init(ctx, self, arg, size);
    make_siblings(ctx, 0);
    return RIM_DONE;
}
static const rim_handler family_on[] = {[GO] = family_go};
static const rim_behaviour family = {.name = "family",
                                     .state_size = sizeof(struct role),
                                     .init = family_init,
                                     .on = family_on,
                                     .on_count = RIM_COUNT(family_on)};

void spawning_bears_siblings_in_their_order(struct scenario *s) {
    open_births(s);
    rim_ref ref = role_spawn(s, &family, 0, (struct role_cast){.index = 0});
    role_rest(s);
    role_go(s, ref);
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- a start that nobody waits for may be put off and confirmed all the same ---- */

ROLE_ON(lazy_go) {
    CHECK(rim_start_confirm(ctx) == 0);
    end_births(ctx);
    return RIM_DONE;
}

static rim_verdict lazy_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    role_init(ctx, self, arg, size);
    CHECK(rim_start_defer(ctx) == 0);
    role_say(ctx, rim_self(ctx), GO, 0);
    return RIM_DONE;
}
static const rim_handler lazy_on[] = {[GO] = lazy_go};
static const rim_behaviour lazy = {.name = "lazy",
                                   .state_size = sizeof(struct role),
                                   .init = lazy_init,
                                   .on = lazy_on,
                                   .on_count = RIM_COUNT(lazy_on)};

ROLE_ON(lazy_maker_go) {
    make(ctx, &lazy, (struct role_cast){.index = 0});
    return RIM_DONE;
}
static const rim_handler lazy_maker_on[] = {[GO] = lazy_maker_go};
ROLE(lazy_maker, lazy_maker_on);

void spawning_may_defer_a_start_that_nobody_waits_for(struct scenario *s) {
    open_births(s);
    role_go(s, role_spawn(s, &lazy_maker, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
}
