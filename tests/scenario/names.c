/* SPDX-License-Identifier: MIT */
/* Names: who has one, who finds it, and when it is free again. */
#include <stdatomic.h>
#include <stdio.h>

#include "role.h"

#define SHARDS 3u

struct naming {
    atomic_uint outcomes, found, births, holders, order;
    rim_ref owner;
    int want; /* the outcome that the claimant is to have */
    bool wait;
};

static int claim(rim_ctx *ctx, const char *name, bool wait, uint64_t timeout_ns, rim_outcome on_outcome,
                 rim_token *out) {
    rim_claim wanted = {.name = name, .wait = wait, .timeout_ns = timeout_ns, .on_outcome = on_outcome};
    return rim_name(ctx, &wanted, out);
}

/* ---- found by everybody who is told ---- */

ROLE_ON(finder_word) {
    struct naming *world = role_world(self);
    CHECK(rim_find(ctx, "printer") == role_number(body));
    CHECK(rim_find(ctx, "printer ") == RIM_NIL);
    CHECK(rim_find(ctx, "plotter") == role_number(body));
    CHECK(rim_system_find(rim_system_of(ctx), "printer") == role_number(body));
    CHECK(rim_send_name(ctx, "printer", WORD, NULL, 0) == 0);
    CHECK(rim_send_name(ctx, "nobody", WORD, NULL, 0) == -RIM_ENOBODY);
    (void)world;
    return RIM_DONE;
}
static const rim_handler finder_on[] = {[WORD] = finder_word};
ROLE(finder, finder_on);

ROLE_OUTCOME(claimed_second) {
    CHECK(error == 0);
    for (uint32_t i = 0; i < SHARDS; i++) {
        role_say(ctx, role_add(ctx, &finder, i, ((struct role *)self)->cast), WORD, rim_self(ctx));
    }
    return RIM_DONE;
}

ROLE_OUTCOME(claimed_first) {
    CHECK(error == 0 && *(const rim_ref *)body == rim_self(ctx) && msg == NULL);
    CHECK(rim_find(ctx, "printer") == rim_self(ctx));
    CHECK(claim(ctx, "plotter", false, RIM_SECONDS(60), claimed_second, NULL) == 0);
    return RIM_DONE;
}

ROLE_ON(printer_go) {
    CHECK(claim(ctx, "printer", false, RIM_SECONDS(60), claimed_first, NULL) == 0);
    return RIM_DONE;
}

ROLE_ON(printer_word) {
    struct naming *world = role_world(self);
    if (atomic_fetch_add(&world->found, 1) + 1 == SHARDS) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}
static const rim_handler printer_on[] = {[GO] = printer_go, [WORD] = printer_word};
ROLE(printer, printer_on);

void names_are_found_on_every_shard_by_all_who_hear_of_them(struct scenario *s) {
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        static struct naming world;
        world = (struct naming){0};
        scenario_open_lanes(s);
        scenario_system_with(s, &(rim_config){.shards = SHARDS});
        CHECK(rim_system_find(scenario_system(s), "printer") == RIM_NIL);
        rim_ref ref = role_spawn(s, &printer, shard, (struct role_cast){.world = &world});
        role_go(s, ref);
        scenario_run(s, ROLE_LIMIT_NS);
        CHECK(rim_system_find(scenario_system(s), "printer") == ref);
        CHECK(rim_system_find(scenario_system(s), "") == RIM_NIL);
    }
}

/* ---- exclusive, whatever the others do ---- */

#define RIVALS 9u
#define ROUNDS 12u

ROLE_ON(rival_go);

ROLE_OUTCOME(rival_has_it) {
    struct role *role = self;
    struct naming *world = role_world(self);
    if (error == -RIM_ETAKEN) { /* not waiting: again */
        return rival_go(ctx, self, NULL, NULL);
    }
    CHECK(error == 0);
    CHECK(atomic_fetch_add(&world->holders, 1) == 0);
    CHECK(rim_find(ctx, "crown") == rim_self(ctx));
    role->count++;
    return rim_send(ctx, rim_self(ctx), MORE, NULL, 0) == 0 ? RIM_DONE : RIM_FAIL; /* keeps it for a while */
}

ROLE_ON(rival_go) {
    struct role *role = self;
    bool wait = role->cast.index % 2 == 0;
    CHECK(claim(ctx, "crown", wait, RIM_SECONDS(1000), rival_has_it, NULL) == 0);
    return RIM_DONE;
}

ROLE_ON(rival_more) {
    struct role *role = self;
    struct naming *world = role_world(self);
    CHECK(rim_find(ctx, "crown") == rim_self(ctx));
    CHECK(atomic_fetch_sub(&world->holders, 1) == 1);
    if (role->count < ROUNDS) {
        CHECK(rim_unname(ctx, "crown") == 0);
        CHECK(rim_find(ctx, "crown") == RIM_NIL || role->cast.index == UINT64_MAX);
        CHECK(rim_unname(ctx, "crown") == -RIM_ENOBODY);
        return rival_go(ctx, self, NULL, NULL);
    }
    if (atomic_fetch_add(&world->outcomes, 1) + 1 == RIVALS) {
        scenario_done(ctx);
    }
    return role->cast.index % 3 == 0 ? RIM_FAIL : RIM_STOP; /* the end gives it back too */
}
static const rim_handler rival_on[] = {[GO] = rival_go, [MORE] = rival_more};
ROLE(rival, rival_on);

void names_belong_to_one_actor_at_most(struct scenario *s) {
    static struct naming world;
    world = (struct naming){0};
    scenario_system_with(s, &(rim_config){.shards = SHARDS});
    for (uint32_t i = 0; i < RIVALS; i++) {
        role_go(s, role_spawn(s, &rival, i % SHARDS, (struct role_cast){.world = &world, .index = i}));
    }
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(atomic_load(&world.holders) == 0);
}

/* ---- free before anybody can know that the owner has ended ---- */

#define LIVES 6u

ROLE_OUTCOME(heir_has_it) {
    struct role *role = self;
    CHECK(error == 0); /* nobody else wants it, and its owner is gone: so it must be free */
    CHECK(rim_unname(ctx, "estate") == 0);
    if (++role->count == LIVES) {
        scenario_done(ctx);
        return RIM_DONE;
    }
    return rim_send(ctx, rim_self(ctx), GO, NULL, 0) == 0 ? RIM_DONE : RIM_FAIL;
}

ROLE_OUTCOME(heir_hears_of_the_end) {
    CHECK(error == -RIM_EDOWN);
    CHECK(rim_find(ctx, "estate") == RIM_NIL);
    CHECK(claim(ctx, "estate", false, RIM_SECONDS(60), heir_has_it, NULL) == 0);
    return RIM_DONE;
}

static rim_verdict testator_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    CHECK(rim_find(ctx, "estate") == rim_self(ctx));
    return role_init(ctx, self, arg, size);
}
ROLE_ON(testator_ask) {
    CHECK(rim_defer(ctx) != RIM_NIL); /* failed by the end */
    return ((struct role *)self)->cast.index % 2 == 0 ? RIM_STOP : RIM_FAIL;
}
static const rim_handler testator_on[] = {[ASK] = testator_ask};
static const rim_behaviour testator = {.name = "testator",
                                       .state_size = sizeof(struct role),
                                       .init = testator_init,
                                       .on = testator_on,
                                       .on_count = RIM_COUNT(testator_on)};

ROLE_ON(heir_go) {
    struct role *role = self;
    struct role_cast cast = {.index = role->count};
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = (uint32_t)role->count % SHARDS, .name = "estate"};
    rim_ref ref;
    CHECK(rim_spawn(ctx, &testator, &options, &cast, sizeof cast, &ref) == 0);
    rim_ask ask = {.to = ref, .tag = ASK, .timeout_ns = RIM_SECONDS(60), .on_outcome = heir_hears_of_the_end};
    CHECK(rim_request(ctx, &ask, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler heir_on[] = {[GO] = heir_go};
ROLE(heir, heir_on);

void names_are_free_when_the_end_of_their_owner_is_known(struct scenario *s) {
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        scenario_open_lanes(s);
        scenario_system_with(s, &(rim_config){.shards = SHARDS});
        role_go(s, role_spawn(s, &heir, shard, (struct role_cast){0}));
        scenario_run(s, ROLE_LIMIT_NS);
    }
}

/* ---- refused, waited for, cancelled ---- */

static const struct {
    bool wait;
    int error;
} waits_for[] = {{false, -RIM_ETAKEN}, {true, -ETIMEDOUT}};

ROLE_OUTCOME(loser_is_told) {
    struct naming *world = role_world(self);
    struct role *role = self;
    CHECK(error == waits_for[role->cast.index].error && body == NULL && msg == NULL);
    CHECK(rim_find(ctx, "seat") == role->cast.who);
    if (atomic_fetch_add(&world->outcomes, 1) + 1 == 2 * SHARDS) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}
ROLE_OUTCOME(never_told) {
    CHECK(!"a cancelled claim has no outcome");
    return RIM_DONE;
}
ROLE_ON(loser_go) {
    struct role *role = self;
    bool wait = waits_for[role->cast.index].wait;
    rim_token token;
    CHECK(claim(ctx, "seat", wait, RIM_SECONDS(60), never_told, &token) == 0);
    CHECK(rim_cancel(ctx, token));
    CHECK(!rim_cancel(ctx, token));
    CHECK(claim(ctx, "seat", wait, wait ? RIM_MS(20) : RIM_SECONDS(60), loser_is_told, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler loser_on[] = {[GO] = loser_go};
ROLE(loser, loser_on);

ROLE_OUTCOME(sitter_again) {
    CHECK(error == -RIM_ETAKEN); /* by itself, and it still has it */
    CHECK(rim_find(ctx, "seat") == rim_self(ctx));
    for (uint32_t i = 0; i < 2 * SHARDS; i++) {
        struct role_cast cast = {.world = role_world(self), .index = i % 2, .who = rim_self(ctx)};
        CHECK(rim_send(ctx, role_add(ctx, &loser, i / 2, cast), GO, NULL, 0) == 0);
    }
    return RIM_DONE;
}
ROLE_OUTCOME(sitter_has_it) {
    CHECK(error == 0);
    CHECK(claim(ctx, "seat", false, RIM_SECONDS(60), sitter_again, NULL) == 0);
    return RIM_DONE;
}
ROLE_ON(sitter_go) {
    CHECK(claim(ctx, "seat", false, RIM_SECONDS(60), sitter_has_it, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler sitter_on[] = {[GO] = sitter_go};
ROLE(sitter, sitter_on);

void names_that_are_taken_are_refused_or_waited_for(struct scenario *s) {
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        static struct naming world;
        world = (struct naming){0};
        scenario_open_lanes(s);
        scenario_system_with(s, &(rim_config){.shards = SHARDS});
        role_go(s, role_spawn(s, &sitter, shard, (struct role_cast){.world = &world}));
        scenario_run(s, ROLE_LIMIT_NS);
    }
}

/* ---- a search that waits ---- */

ROLE_OUTCOME(seeker_found) {
    struct naming *world = role_world(self);
    CHECK(error == 0 && msg == NULL && *(const rim_ref *)body != RIM_NIL);
    CHECK(cookie == 77);
    CHECK(rim_find(ctx, "late") == *(const rim_ref *)body);
    if (atomic_fetch_add(&world->found, 1) + 1 == 2 * SHARDS) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}
ROLE_OUTCOME(seeker_not_found) {
    struct role *role = self;
    CHECK(error == -ETIMEDOUT);
    rim_finding finding = {.name = "late", .timeout_ns = RIM_SECONDS(60), .on_outcome = seeker_found, .cookie = 77};
    CHECK(rim_find_later(ctx, &finding, NULL) == 0);
    struct naming *world = role_world(self);
    if (atomic_fetch_add(&world->outcomes, 1) + 1 == SHARDS) { /* the last one sets the owner going */
        CHECK(rim_send(ctx, role->cast.who, GO, NULL, 0) == 0);
    }
    CHECK(rim_find_later(ctx, &finding, NULL) == 0);
    return RIM_DONE;
}
ROLE_ON(seeker_go) {
    rim_finding finding = {.name = "late", .timeout_ns = RIM_MS(3), .on_outcome = seeker_not_found};
    rim_token token;
    CHECK(rim_find_later(ctx, &finding, NULL) == 0);
    finding.on_outcome = never_told;
    CHECK(rim_find_later(ctx, &finding, &token) == 0);
    CHECK(rim_cancel(ctx, token));
    return RIM_DONE;
}
static const rim_handler seeker_on[] = {[GO] = seeker_go};
ROLE(seeker, seeker_on);

ROLE_OUTCOME(latecomer_has_it) {
    CHECK(error == 0);
    return RIM_DONE;
}
ROLE_ON(latecomer_go) {
    CHECK(claim(ctx, "late", true, RIM_SECONDS(60), latecomer_has_it, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler latecomer_on[] = {[GO] = latecomer_go};
ROLE(latecomer, latecomer_on);

void names_can_be_waited_for_until_somebody_has_them(struct scenario *s) {
    static struct naming world;
    world = (struct naming){0};
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = SHARDS});
    rim_ref who = role_spawn(s, &latecomer, 1, (struct role_cast){0});
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct role_cast cast = {.world = &world, .who = who};
        role_go(s, role_spawn(s, &seeker, i, cast));
    }
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- spawned with a name ---- */

static rim_verdict named_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    role_init(ctx, self, arg, size);
    struct naming *world = role_world(self);
    atomic_fetch_add(&world->births, 1);
    CHECK(rim_find(ctx, "only one") == rim_self(ctx));
    CHECK(atomic_fetch_add(&world->holders, 1) == 0);
    return RIM_DONE;
}
ROLE_ON(named_word) {
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler named_on[] = {[WORD] = named_word};
static const rim_behaviour named = {.name = "named",
                                    .state_size = sizeof(struct role),
                                    .init = named_init,
                                    .on = named_on,
                                    .on_count = RIM_COUNT(named_on)};

ROLE_OUTCOME(second_is_gone) {
    struct role *role = self;
    CHECK(error == -RIM_EDOWN);
    if (++role->count == SHARDS) {
        CHECK(rim_send_name(ctx, "only one", WORD, NULL, 0) == 0);
    }
    return RIM_DONE;
}

static rim_ref add_named(rim_ctx *ctx, void *self, uint32_t shard) {
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = shard, .name = "only one"};
    rim_ref ref = RIM_NIL;
    CHECK(rim_spawn(ctx, &named, &options, &((struct role *)self)->cast, sizeof(struct role_cast), &ref) == 0);
    return ref;
}

static void add_seconds(rim_ctx *ctx, void *self) {
    for (uint32_t i = 0; i < SHARDS; i++) {
        rim_ask ask = {.to = add_named(ctx, self, i),
                       .tag = WORD,
                       .timeout_ns = RIM_SECONDS(60),
                       .on_outcome = second_is_gone};
        CHECK(rim_request(ctx, &ask, NULL) == 0);
    }
}

ROLE_OUTCOME(first_is_there) {
    CHECK(error == 0);
    add_seconds(ctx, self);
    return RIM_DONE;
}

ROLE_ON(namer_go) {
    add_named(ctx, self, (uint32_t)((struct role *)self)->cast.index);
    rim_finding finding = {.name = "only one", .timeout_ns = RIM_SECONDS(60), .on_outcome = first_is_there};
    CHECK(rim_find_later(ctx, &finding, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler namer_on[] = {[GO] = namer_go};
ROLE(namer, namer_on);

void names_are_claimed_with_the_spawn(struct scenario *s) {
    for (uint32_t i = 0; i < SHARDS; i++) {
        static struct naming world;
        world = (struct naming){0};
        scenario_open_lanes(s);
        scenario_system_with(s, &(rim_config){.shards = SHARDS});
        role_go(s, role_spawn(s, &namer, 1, (struct role_cast){.world = &world, .index = i}));
        scenario_run(s, ROLE_LIMIT_NS);
        CHECK(atomic_load(&world.births) == 1); /* the others' init did not run */
        rim_stats stats;
        role_settle(s, &stats);
        CHECK(stats.failed == SHARDS);
    }
}

void names_are_claimed_with_a_spawn_from_outside(struct scenario *s) {
    static struct naming world;
    world = (struct naming){0};
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = SHARDS});
    rim_spawn_options options = {.place = RIM_ON_SHARD, .name = "only one"};
    for (options.shard = 0; options.shard < SHARDS; options.shard++) {
        role_spawn_with(s, &named, options, (struct role_cast){.world = &world});
    }
    rim_stats stats;
    role_settle(s, &stats);
    CHECK(atomic_load(&world.births) == 1);
    CHECK(stats.failed == SHARDS - 1);
    rim_ref ref = rim_system_find(scenario_system(s), "only one");
    CHECK(rim_system_send(scenario_system(s), ref, WORD, NULL, 0) == 0);
    scenario_run(s, ROLE_LIMIT_NS);
    options.name = "a name that is longer than the sixty-three bytes that a name may be";
    CHECK(rim_system_spawn(scenario_system(s), &named, &options, NULL, 0, &ref) == -EINVAL);
}

/* ---- a stop ---- */

ROLE_OUTCOME(waiter_is_told) {
    CHECK(error == -RIM_ESTOPPING);
    atomic_fetch_add(&((struct naming *)role_world(self))->outcomes, 1);
    return RIM_DONE;
}
ROLE_ON(waiter_go) {
    rim_finding finding = {.name = "never", .timeout_ns = RIM_SECONDS(3600), .on_outcome = waiter_is_told};
    CHECK(rim_find_later(ctx, &finding, NULL) == 0);
    CHECK(claim(ctx, "mine", true, RIM_SECONDS(3600), waiter_is_told, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler waiter_on[] = {[GO] = waiter_go};
ROLE(waiter, waiter_on);

void names_that_are_waited_for_do_not_hold_up_a_stop(struct scenario *s) {
    static struct naming world;
    world = (struct naming){0};
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = SHARDS});
    static const rim_behaviour owner = {.name = "owner"};
    role_spawn_with(s, &owner, (rim_spawn_options){.name = "mine"}, (struct role_cast){0});
    role_rest(s); /* it has it */
    for (uint32_t i = 0; i < SHARDS; i++) {
        role_go(s, role_spawn(s, &waiter, i, (struct role_cast){.world = &world}));
    }
    rim_stop_report report;
    CHECK(scenario_stop(s, RIM_SECONDS(10), &report) == 0);
    CHECK(report.lost == 0 && report.adds_up && !report.leaks);
    CHECK(atomic_load(&world.outcomes) == 2 * SHARDS);
}

/* ---- bad arguments ---- */

static rim_verdict arguments_go(rim_ctx *ctx, void *self, const void *body ROLE_UNUSED, rim_msg *msg ROLE_UNUSED) {
    static const char longest[] = "012345678901234567890123456789012345678901234567890123456789012";
    static const char too_long[] = "0123456789012345678901234567890123456789012345678901234567890123";
    rim_finding finding = {.name = "", .timeout_ns = 1, .on_outcome = never_told};
    CHECK(claim(ctx, "", false, 1, never_told, NULL) == -EINVAL);
    CHECK(claim(ctx, NULL, false, 1, never_told, NULL) == -EINVAL);
    CHECK(claim(ctx, too_long, false, 1, never_told, NULL) == -EINVAL);
    CHECK(claim(ctx, "x", false, 0, never_told, NULL) == -EINVAL);
    CHECK(claim(ctx, "x", false, 1, NULL, NULL) == -EINVAL);
    CHECK(rim_find_later(ctx, &finding, NULL) == -EINVAL);
    finding = (rim_finding){.name = "x", .on_outcome = never_told};
    CHECK(rim_find_later(ctx, &finding, NULL) == -EINVAL);
    CHECK(rim_unname(ctx, NULL) == -EINVAL && rim_unname(ctx, "x") == -RIM_ENOBODY);
    CHECK(rim_find(ctx, NULL) == RIM_NIL && rim_find(ctx, too_long) == RIM_NIL);
    CHECK(rim_send_name(ctx, "", WORD, NULL, 0) == -EINVAL);
    CHECK(claim(ctx, longest, false, RIM_SECONDS(60), latecomer_has_it, NULL) == 0);
    (void)self;
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler arguments_on[] = {[GO] = arguments_go};
ROLE(arguments, arguments_on);

void bad_arguments_of_name_h(struct scenario *s) {
    role_go(s, role_spawn(s, &arguments, 1, (struct role_cast){0}));
    scenario_run(s, ROLE_LIMIT_NS);
}
