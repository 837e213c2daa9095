/* SPDX-License-Identifier: MIT */
/* Names under churn: actors that come, claim, wait, give back, and end in every way. At rest all shards agree. */
#include <stdatomic.h>
#include <stdio.h>

#include "role.h"

#define SHARDS 4u
#define NAMES  7u
#define CROWD  24u
#define STEPS  40u

struct churning {
    atomic_int holders[NAMES];
    atomic_uint over, answers, asked;
    rim_ref found[SHARDS][NAMES];
    atomic_uint looked;
};

/* What an actor of the crowd has. The index of a name is the claim's cookie. */
struct churner {
    struct role role;
    bool has[NAMES];
    uint32_t steps;
};

static const char *name_of(uint64_t index) {
    static const char *const names[NAMES] = {"a", "b", "gamma", "delta", "epsilon", "zeta of many letters", "eta"};
    return names[index];
}

static void let_go(struct churner *self, uint64_t name) {
    struct churning *world = role_world(self);
    self->has[name] = false;
    CHECK(atomic_fetch_sub(&world->holders[name], 1) == 1);
}

static void churner_exit(rim_ctx *ctx, void *state, rim_exit why) {
    struct churner *self = state;
    struct churning *world = role_world(self);
    (void)why;
    for (uint32_t i = 0; i < NAMES; i++) {
        if (self->has[i]) {
            CHECK(rim_find(ctx, name_of(i)) == rim_self(ctx));
            let_go(self, i);
        }
    }
    atomic_fetch_add(&world->over, 1);
}

ROLE_OUTCOME(churner_outcome) {
    struct churner *own = self;
    struct churning *world = role_world(self);
    atomic_fetch_add(&world->answers, 1);
    CHECK(error == 0 || error == -RIM_ETAKEN || error == -ETIMEDOUT || error == -RIM_ESTOPPING);
    if (error == 0) {
        CHECK(atomic_fetch_add(&world->holders[cookie], 1) == 0);
        CHECK(rim_find(ctx, name_of(cookie)) == rim_self(ctx));
        own->has[cookie] = true;
    }
    return RIM_DONE;
}

static void claim_some(rim_ctx *ctx, struct churner *self) {
    struct churning *world = role_world(self);
    uint64_t name = rim_random(ctx) % NAMES;
    rim_claim claim = {.name = name_of(name),
                       .wait = rim_random(ctx) % 2 == 0,
                       .timeout_ns = RIM_US(1 + rim_random(ctx) % 2000),
                       .on_outcome = churner_outcome,
                       .cookie = name};
    rim_token token;
    CHECK(rim_name(ctx, &claim, &token) == 0);
    if (rim_random(ctx) % 8 == 0) {
        CHECK(rim_cancel(ctx, token));
    } else {
        atomic_fetch_add(&world->asked, 1);
    }
}

static void give_some_back(rim_ctx *ctx, struct churner *self) {
    uint64_t name = rim_random(ctx) % NAMES;
    if (self->has[name]) {
        let_go(self, name);
        CHECK(rim_unname(ctx, name_of(name)) == 0);
    } else {
        CHECK(rim_unname(ctx, name_of(name)) == -RIM_ENOBODY);
    }
}

static rim_verdict step(rim_ctx *ctx, void *state) {
    struct churner *self = state;
    if (rim_random(ctx) % 2 == 0) {
        claim_some(ctx, self);
    } else {
        give_some_back(ctx, self);
    }
    if (++self->steps == STEPS) {
        return rim_random(ctx) % 2 == 0 ? RIM_STOP : RIM_FAIL;
    }
    CHECK(rim_after(ctx, RIM_US(rim_random(ctx) % 300), 0) != RIM_NIL);
    return RIM_DONE;
}

ROLE_ON(churner_go) {
    return step(ctx, self);
}
static const rim_handler churner_on[] = {[GO] = churner_go, [RIM_TIMER] = churner_go};
static const rim_behaviour churner = {.name = "churner",
                                      .state_size = sizeof(struct churner),
                                      .init = role_init,
                                      .exit = churner_exit,
                                      .on = churner_on,
                                      .on_count = RIM_COUNT(churner_on)};

ROLE_ON(keeper_go) { /* some names stay, so that there is something to agree on */
    struct churner *own = self;
    rim_claim claim = {.name = name_of(own->role.cast.index),
                       .wait = true,
                       .timeout_ns = RIM_SECONDS(100),
                       .on_outcome = churner_outcome,
                       .cookie = own->role.cast.index};
    CHECK(rim_name(ctx, &claim, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler keeper_on[] = {[GO] = keeper_go};
static const rim_behaviour keeper = {.name = "keeper",
                                     .state_size = sizeof(struct churner),
                                     .init = role_init,
                                     .exit = churner_exit,
                                     .on = keeper_on,
                                     .on_count = RIM_COUNT(keeper_on)};

ROLE_ON(looker_go) {
    struct churning *world = role_world(self);
    for (uint32_t i = 0; i < NAMES; i++) {
        world->found[rim_shard_index(ctx)][i] = rim_find(ctx, name_of(i));
    }
    if (atomic_fetch_add(&world->looked, 1) + 1 == SHARDS) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}
static const rim_handler looker_on[] = {[GO] = looker_go};
ROLE(looker, looker_on);

void names_agree_on_all_shards_after_churn(struct scenario *s) {
    static struct churning world;
    memset(&world, 0, sizeof world);
    scenario_system_with(s, &(rim_config){.shards = SHARDS});
    for (uint32_t i = 0; i < CROWD + 2; i++) {
        const rim_behaviour *who = i < CROWD ? &churner : &keeper;
        role_go(s, role_spawn(s, who, i % SHARDS, (struct role_cast){.world = &world, .index = i % NAMES}));
    }
    rim_stats stats;
    for (int i = 0; i < 10000 && atomic_load(&world.over) < CROWD; i++) {
        scenario_pass_time(s, RIM_MS(1));
    }
    CHECK(atomic_load(&world.over) == CROWD);
    role_settle(s, &stats);
    for (uint32_t i = 0; i < SHARDS; i++) {
        role_go(s, role_spawn(s, &looker, i, (struct role_cast){.world = &world}));
    }
    scenario_run(s, ROLE_LIMIT_NS);
    for (uint32_t i = 0; i < NAMES; i++) {
        rim_ref ref = rim_system_find(scenario_system(s), name_of(i));
        bool kept = i == CROWD % NAMES || i == (CROWD + 1) % NAMES;
        CHECK((ref != RIM_NIL) == kept);
        for (uint32_t k = 0; k < SHARDS; k++) {
            CHECK(world.found[k][i] == ref);
        }
    }
}
