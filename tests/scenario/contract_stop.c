/* SPDX-License-Identifier: MIT */
/* Point 9 of the contract: stopping, of an actor and of a system. */
#include <stdatomic.h>

#include "role.h"

#define BACKLOG 10u

struct stopping {
    rim_ref victim;
    atomic_uint handled, exits, letters, closings;
    uint32_t code;
    uint64_t order; /* of exits: by one shard */
};

/* ---- an actor ---- */

static void note_exit(rim_ctx *ctx, void *self, rim_exit why) {
    struct stopping *world = role_world(self);
    CHECK(why.text != NULL);
    world->code = why.code;
    CHECK(atomic_fetch_add(&world->exits, 1) == 0);
    CHECK(rim_self(ctx) == world->victim);
}

ROLE_ON(victim_end) {
    atomic_fetch_add(&((struct stopping *)role_world(self))->handled, 1);
    return RIM_STOP;
}

ROLE_ON(victim_ask) { /* to be stopped by the runtime */
    atomic_fetch_add(&((struct stopping *)role_world(self))->handled, 1);
    CHECK(rim_stop(ctx, rim_self(ctx)) == 0);
    return RIM_DONE;
}

ROLE_ON(victim_fail) {
    atomic_fetch_add(&((struct stopping *)role_world(self))->handled, 1);
    return rim_fail(ctx, RIM_EXIT_USER + 5, "number %d", 5);
}
static const rim_handler victim_on[] = {[END] = victim_end, [ASK] = victim_ask, [MORE] = victim_fail};
ROLE(victim, victim_on, .exit = note_exit);

ROLE_ON(killer_letter) {
    struct stopping *world = role_world(self);
    const rim_dead_letter *letter = body;
    CHECK(letter->reason == -RIM_EDOWN);
    CHECK(letter->to == world->victim);
    CHECK(letter->from == rim_self(ctx));
    if (atomic_fetch_add(&world->letters, 1) + 1 == BACKLOG - 1) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

ROLE_ON(killer_go) {
    struct role *role = self;
    struct stopping *world = role_world(self);
    CHECK(rim_watch_dead_letters(ctx, true) == 0);
    for (uint32_t i = 0; i < BACKLOG; i++) {
        role_say(ctx, world->victim, (uint32_t)role->cast.index, 0);
    }
    return RIM_DONE;
}
static const rim_handler killer_on[] = {[GO] = killer_go, [RIM_DEAD_LETTER] = killer_letter};
ROLE(killer, killer_on);

static void stop_one(struct scenario *s, uint32_t tag, uint32_t code) {
    static struct stopping world;
    world = (struct stopping){0};
    world.victim = role_spawn(s, &victim, 0, (struct role_cast){.world = &world});
    role_rest(s);
    role_go(s, role_spawn(s, &killer, 0, (struct role_cast){.world = &world, .index = tag}));
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(atomic_load(&world.handled) == 1);
    CHECK(atomic_load(&world.exits) == 1);
    CHECK(world.code == code);
}

void contract_09_stopped_actor_leaves_its_backlog_as_dead_letters(struct scenario *s) {
    stop_one(s, END, RIM_EXIT_NORMAL);
}

void contract_09_asked_to_stop_it_ends_after_the_current_message(struct scenario *s) {
    stop_one(s, ASK, RIM_EXIT_SHUTDOWN);
}

void contract_09_failed_actor_says_why(struct scenario *s) {
    stop_one(s, MORE, RIM_EXIT_USER + 5);
}

/* ---- a system: drained ---- */

#define CHAIN 400u

ROLE_ON(chain_word) {
    struct role *role = self;
    struct stopping *world = role_world(self);
    uint64_t left = role_number(body);
    atomic_fetch_add(&world->handled, 1);
    if (left > 0) {
        CHECK(role_tell(ctx, rim_self(ctx), WORD, left - 1) == 0);
    }
    role->count++;
    return RIM_DONE;
}

ROLE_ON(chain_closing) {
    atomic_fetch_add(&((struct stopping *)role_world(self))->closings, 1);
    return RIM_DONE;
}

static void chain_exit(rim_ctx *ctx, void *self, rim_exit why) {
    struct role *role = self;
    struct stopping *world = role_world(self);
    CHECK(why.code == RIM_EXIT_SHUTDOWN);
    if (rim_shard_index(ctx) == 0) { /* the last spawned first */
        CHECK(world->order == 0 || role->cast.index < world->order);
        world->order = role->cast.index;
    }
    atomic_fetch_add(&world->exits, 1);
}
static const rim_handler chain_on[] = {[WORD] = chain_word, [RIM_CLOSING] = chain_closing};
ROLE(chain, chain_on, .exit = chain_exit);

void contract_09_system_stops_when_its_backlog_is_worked_off(struct scenario *s) {
    static struct stopping world;
    world = (struct stopping){0};
    uint64_t left = CHAIN - 1;
    rim_stop_report report;
    for (uint32_t i = 0; i < 6; i++) {
        rim_ref ref = role_spawn(s, &chain, i % 2, (struct role_cast){.world = &world, .index = i + 1});
        CHECK(rim_system_send(scenario_system(s), ref, WORD, &left, sizeof left) == 0);
    }
    CHECK(scenario_stop(s, RIM_SECONDS(10), &report) == 0);
    CHECK(atomic_load(&world.handled) == 6 * CHAIN);
    CHECK(atomic_load(&world.closings) == 6);
    CHECK(atomic_load(&world.exits) == 6);
    CHECK(report.lost == 0);
    CHECK(report.killed == 0);
    CHECK(report.adds_up);
    CHECK(!report.leaks);
    CHECK(report.held_up_by[0] == '\0');
    CHECK(rim_system_stop(scenario_system(s), 0, NULL) == -RIM_ECONTEXT);
    CHECK(rim_system_send(scenario_system(s), RIM_NIL, WORD, NULL, 0) == -RIM_EBADREF);
}

/* ---- held up ---- */

ROLE_ON(busy_go) {
    CHECK(rim_send(ctx, rim_self(ctx), GO, NULL, 0) == 0);
    return RIM_DONE;
}
static const rim_handler busy_on[] = {[GO] = busy_go};
ROLE(busybody, busy_on);

static void hold_up(struct scenario *s, const char *culprit) {
    rim_stop_report report;
    CHECK(scenario_stop(s, scenario_is_sim(s) ? RIM_US(500) : RIM_MS(20), &report) == -ETIMEDOUT);
    CHECK(strstr(report.held_up_by, culprit) != NULL);
    CHECK(report.adds_up);
    CHECK(!report.leaks);
}

void contract_09_stop_is_cut_off_and_names_who_held_it_up(struct scenario *s) {
    static struct stopping world;
    world = (struct stopping){0};
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = 1, .budget = 1};
    role_go(s, role_spawn_with(s, &busybody, options, (struct role_cast){.world = &world}));
    hold_up(s, "busybody");
}

ROLE_ON(forgetful_ask) {
    CHECK(rim_defer(ctx) != RIM_NIL);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler forgetful_on[] = {[ASK] = forgetful_ask};
ROLE(forgetful, forgetful_on);

ROLE_OUTCOME(no_outcome) {
    return RIM_DONE;
}

ROLE_ON(patient_go) {
    rim_ask ask = {.to = ((struct stopping *)role_world(self))->victim,
                   .tag = ASK,
                   .timeout_ns = RIM_SECONDS(3600),
                   .on_outcome = no_outcome};
    CHECK(rim_request(ctx, &ask, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler patient_on[] = {[GO] = patient_go};
ROLE(patient, patient_on);

void contract_09_open_request_holds_a_stop_up(struct scenario *s) {
    static struct stopping world;
    world = (struct stopping){0};
    scenario_open_lanes(s);
    world.victim = role_spawn(s, &forgetful, 1, (struct role_cast){.world = &world});
    role_go(s, role_spawn(s, &patient, 0, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
    hold_up(s, "patient");
}

void contract_09_system_that_never_started_can_be_destroyed(struct scenario *s) {
    static struct stopping world;
    world = (struct stopping){0};
    rim_config config = {.shards = 3, .driver = scenario_driver(s)};
    rim_system *system = scenario_create(&config);
    rim_ref ref;
    struct role_cast cast = {.world = &world};
    CHECK(rim_system_spawn(system, &busybody, NULL, &cast, sizeof cast, &ref) == 0);
    CHECK(rim_system_send(system, ref, GO, NULL, 0) == 0);
    CHECK(rim_system_stop(system, 0, NULL) == -RIM_ECONTEXT);
    rim_system_destroy(system);
    rim_system_destroy(NULL);
}
