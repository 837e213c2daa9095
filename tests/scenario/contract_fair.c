/* SPDX-License-Identifier: MIT */
/* Point 10 of the contract: a flood starves neither the others on its shard nor their timers. */
#include "role.h"

#define BUDGET 16u
#define FLOOD  2000u

struct flood {
    rim_ref flooder, victim;
    uint64_t handled, at_victim, at_timer, ticks;
    bool endless;
};

ROLE_ON(flood_word) {
    struct flood *world = role_world(self);
    world->handled++;
    if (world->endless) {
        CHECK(role_tell(ctx, rim_self(ctx), WORD, 0) == 0);
    }
    return RIM_DONE;
}

ROLE_ON(flood_end) {
    ((struct flood *)role_world(self))->endless = false;
    return RIM_DONE;
}
static const rim_handler flooder_on[] = {[WORD] = flood_word, [END] = flood_end};
ROLE(flooder, flooder_on);

/* All on one shard: no other actor's turn is longer than its budget. */
ROLE_ON(victim_word) {
    struct flood *world = role_world(self);
    CHECK(world->handled <= BUDGET);
    CHECK(world->handled > 0);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler victim_on[] = {[WORD] = victim_word};
ROLE(flood_victim, victim_on);

ROLE_ON(source_go) {
    struct flood *world = role_world(self);
    for (uint32_t i = 0; i < FLOOD; i++) {
        role_say(ctx, world->flooder, WORD, 0);
    }
    role_say(ctx, world->victim, WORD, 0);
    return RIM_DONE;
}
static const rim_handler source_on[] = {[GO] = source_go};
ROLE(flood_source, source_on);

void contract_10_flood_delays_another_actor_by_its_budget_at_most(struct scenario *s) {
    static struct flood world;
    world = (struct flood){0};
    struct role_cast cast = {.world = &world};
    world.flooder = role_spawn_with(s, &flooder, (rim_spawn_options){.budget = BUDGET}, cast);
    world.victim = role_spawn(s, &flood_victim, 0, cast);
    rim_ref ref = role_spawn(s, &flood_source, 0, cast);
    role_rest(s);
    role_go(s, ref);
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- timers ---- */

/* The flood never ends, and its shard never rests: the timer comes all the same. */
ROLE_ON(ticker_go) {
    struct flood *world = role_world(self);
    role_say(ctx, world->flooder, WORD, 0);
    CHECK(rim_every(ctx, RIM_US(50), RIM_US(50), 0) != RIM_NIL);
    return RIM_DONE;
}

ROLE_ON(ticker_timer) {
    struct flood *world = role_world(self);
    CHECK(world->endless);
    if (++world->ticks == 20) {
        CHECK(world->handled > 20);
        CHECK(rim_cancel(ctx, ((const rim_timer_event *)body)->timer));
        role_say(ctx, world->flooder, END, 0);
        scenario_done(ctx);
    }
    return RIM_DONE;
}
static const rim_handler ticker_on[] = {[GO] = ticker_go, [RIM_TIMER] = ticker_timer};
ROLE(ticker, ticker_on);

void contract_10_flood_does_not_starve_a_timer(struct scenario *s) {
    static struct flood world;
    world = (struct flood){.endless = true};
    struct role_cast cast = {.world = &world};
    world.flooder = role_spawn_with(s, &flooder, (rim_spawn_options){.budget = BUDGET}, cast);
    role_go(s, role_spawn(s, &ticker, 0, cast));
    scenario_run(s, ROLE_LIMIT_NS);
}
