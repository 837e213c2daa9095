/* SPDX-License-Identifier: MIT */
/* Points 2 and 10 of the contract where messages of another shard are handled as soon as their parcel is opened. */
#include "role.h"

#define ROW    200u
#define BUDGET 16u

struct rows {
    rim_ref receiver, local;
    uint64_t next, at_local, in_a_row, longest;
};

/* What comes in many rows, and is answered to itself in between, keeps its order. */
ROLE_ON(order_word) {
    struct rows *world = role_world(self);
    CHECK(role_number(body) == world->next);
    world->next++;
    if (world->next % 7 == 0) {
        role_say(ctx, rim_self(ctx), MORE, world->next);
    }
    return RIM_DONE;
}

ROLE_ON(order_more) {
    struct role *role = self;
    CHECK(role_number(body) > role->value);
    role->value = role_number(body);
    return RIM_DONE;
}

ROLE_ON(order_end) {
    CHECK(((struct rows *)role_world(self))->next == 3 * ROW);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler order_on[] = {[WORD] = order_word, [MORE] = order_more, [END] = order_end};
ROLE(parcel_order, order_on);

/* Sends the numbers up to `end`, then END, and waits for room where it must. True: END has been sent. */
static bool send_up_to(rim_ctx *ctx, struct role *role, uint64_t end) {
    struct rows *world = role->cast.world;
    int error = 0;
    while (role->count < end && error == 0) {
        error = role_tell(ctx, world->receiver, WORD, role->count);
        role->count += error == 0;
    }
    if (error == 0 && end == role->value) {
        error = role_tell(ctx, world->receiver, END, 0);
    }
    if (error != 0) {
        CHECK(error == -RIM_EFULL);
        CHECK(rim_want_room(ctx, world->receiver) == 0);
    }
    return error == 0;
}

ROLE_ON(rows_go) {
    struct role *role = self;
    role->value = 3 * ROW;
    if (send_up_to(ctx, role, (role->count / ROW + 1) * ROW) && role->count < 3 * ROW) {
        role_say(ctx, rim_self(ctx), GO, 0);
    }
    return RIM_DONE;
}
static const rim_handler rows_on[] = {[GO] = rows_go, [RIM_ROOM] = rows_go};
ROLE(parcel_rows, rows_on);

void contract_02_order_holds_for_what_is_handled_in_its_parcel(struct scenario *s) {
    static struct rows world;
    world = (struct rows){0};
    struct role_cast cast = {.world = &world};
    world.receiver = role_spawn(s, &parcel_order, 1, cast);
    rim_ref ref = role_spawn(s, &parcel_rows, 0, cast);
    role_rest(s);
    role_go(s, ref);
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- the budget holds, and who became ready meanwhile is not overtaken ---- */

ROLE_ON(greedy_word) {
    struct rows *world = role_world(self);
    if (world->in_a_row++ == 0) {
        role_say(ctx, world->local, WORD, 0); /* it is ready now, and has its turn after this one */
    }
    CHECK(world->in_a_row <= BUDGET);
    world->longest = world->in_a_row > world->longest ? world->in_a_row : world->longest;
    return RIM_DONE;
}

ROLE_ON(greedy_end) {
    struct rows *world = role_world(self);
    CHECK(world->at_local >= ROW / BUDGET);
    CHECK(world->longest > 1);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler greedy_on[] = {[WORD] = greedy_word, [END] = greedy_end};
ROLE(parcel_greedy, greedy_on);

ROLE_ON(local_word) {
    struct rows *world = role_world(self);
    world->at_local++;
    world->in_a_row = 0;
    return RIM_DONE;
}
static const rim_handler local_on[] = {[WORD] = local_word};
ROLE(parcel_local, local_on);

ROLE_ON(one_row_go) {
    struct role *role = self;
    role->value = ROW;
    send_up_to(ctx, role, ROW);
    return RIM_DONE;
}
static const rim_handler one_row_on[] = {[GO] = one_row_go, [RIM_ROOM] = one_row_go};
ROLE(parcel_one_row, one_row_on);

void contract_10_row_in_a_parcel_is_no_longer_than_the_budget(struct scenario *s) {
    static struct rows world;
    world = (struct rows){0};
    struct role_cast cast = {.world = &world};
    world.local = role_spawn(s, &parcel_local, 1, cast);
    world.receiver = role_spawn_with(s, &parcel_greedy,
                                     (rim_spawn_options){.place = RIM_ON_SHARD, .shard = 1, .budget = BUDGET}, cast);
    rim_ref ref = role_spawn(s, &parcel_one_row, 0, cast);
    role_rest(s);
    role_go(s, ref);
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- what comes for one that has ended in the middle of its parcel ---- */

ROLE_ON(brief_word) {
    return role_number(body) == ROW / 2 ? RIM_STOP : RIM_DONE;
}
static const rim_handler brief_on[] = {[WORD] = brief_word, [END] = brief_word};
ROLE(parcel_brief, brief_on);

void contract_03_rest_of_a_parcel_for_one_that_has_ended_is_dead(struct scenario *s) {
    static struct rows world;
    world = (struct rows){0};
    struct role_cast cast = {.world = &world};
    rim_stats stats;
    world.receiver = role_spawn(s, &parcel_brief, 1, cast);
    rim_ref ref = role_spawn(s, &parcel_one_row, 0, cast);
    role_rest(s);
    role_go(s, ref);
    role_settle(s, &stats);
    SCENARIO_CHECK(s, stats.dead == ROW - ROW / 2);
    SCENARIO_CHECK(s, rim_stats_add_up(&stats));
}
