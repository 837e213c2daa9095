/* SPDX-License-Identifier: MIT */
/* Point 4 of the contract: an actor that is slow for reasons of its own holds its senders back. */
#include <stdatomic.h>

#include "ringmail/mailbox.h"
#include "role.h"

struct pressure {
    rim_ref sink, sender;
    rim_overflow policy;
    atomic_bool pressed;
    atomic_uint heard, sent, full, refused, rooms, urgent;
};

ROLE_ON(sink_go) {
    struct pressure *world = role_world(self);
    CHECK(rim_pressure(ctx, false) == 0); /* it is off: nothing happens */
    CHECK(rim_pressure(ctx, true) == 0);
    CHECK(rim_pressure(ctx, true) == 0);
    atomic_store(&world->pressed, true);
    CHECK(rim_send(ctx, rim_self(ctx), WORD, NULL, 0) == -RIM_EFULL);
    CHECK(rim_send(ctx, world->sender, GO, NULL, 0) == 0);
    return RIM_DONE;
}

ROLE_ON(sink_word) {
    atomic_fetch_add(&((struct pressure *)role_world(self))->heard, 1);
    return RIM_DONE;
}

/* The sender has met the pressure, and asks for room: after a while there is some. */
ROLE_ON(sink_more) {
    struct pressure *world = role_world(self);
    CHECK(atomic_load(&world->pressed));
    atomic_fetch_add(&world->urgent, 1);
    CHECK(rim_after(ctx, RIM_MS(20), 0) != RIM_NIL);
    return RIM_DONE;
}

ROLE_ON(sink_timer) {
    struct pressure *world = role_world(self);
    CHECK(atomic_load(&world->rooms) == 0);
    atomic_store(&world->pressed, false);
    CHECK(rim_pressure(ctx, false) == 0);
    return RIM_DONE;
}
static const rim_handler sink_on[] = {[GO] = sink_go, [WORD] = sink_word, [MORE] = sink_more, [RIM_TIMER] = sink_timer};
ROLE(pressed_sink, sink_on);

/* Here the first send fails; across, what goes before the word of pressure is let in. */
ROLE_ON(sender_go) {
    struct pressure *world = role_world(self);
    int error = rim_send(ctx, world->sink, WORD, NULL, 0);
    CHECK(error == 0 || error == -RIM_EFULL);
    if (error == 0) {
        atomic_fetch_add(&world->sent, 1);
        CHECK(rim_after(ctx, RIM_MS(1), 0) != RIM_NIL);
        return RIM_DONE;
    }
    atomic_fetch_add(&world->full, 1);
    CHECK(rim_want_room(ctx, world->sink) == 0);
    CHECK(rim_send_urgent(ctx, world->sink, MORE, NULL, 0) == 0);
    return RIM_DONE;
}

ROLE_ON(sender_room) {
    struct pressure *world = role_world(self);
    CHECK(!atomic_load(&world->pressed));
    CHECK(atomic_fetch_add(&world->rooms, 1) == 0);
    CHECK(rim_send(ctx, world->sink, WORD, NULL, 0) == 0);
    atomic_fetch_add(&world->sent, 1);
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_ON(sender_refused) {
    CHECK(!"what is under way is let in");
    return RIM_DONE;
}
static const rim_handler sender_on[] = {
    [GO] = sender_go, [RIM_TIMER] = sender_go, [RIM_ROOM] = sender_room, [RIM_REFUSED] = sender_refused};
ROLE(pressing_sender, sender_on);

static void press(struct scenario *s, uint32_t shard, rim_overflow policy) {
    static struct pressure world;
    memset(&world, 0, sizeof world);
    struct role_cast cast = {.world = &world};
    scenario_open_lanes(s);
    scenario_system_with(
        s, &(rim_config){.shards = 2, .parcels = 1024, .mailbox_count = 1000000, .mailbox_bytes = 64u << 20});
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = shard, .overflow = policy};
    world.sink = role_spawn_with(s, &pressed_sink, options, cast);
    world.sender = role_spawn(s, &pressing_sender, 0, cast);
    role_rest(s);
    role_go(s, world.sink);
    scenario_run(s, ROLE_LIMIT_NS);
    ROLE_AWAIT(s, atomic_load(&world.heard) == atomic_load(&world.sent));
    rim_stats stats;
    role_settle(s, &stats);
    CHECK(atomic_load(&world.heard) == atomic_load(&world.sent));
    CHECK(shard > 0 || atomic_load(&world.sent) == 1);
    CHECK(atomic_load(&world.full) == 1);
    CHECK(atomic_load(&world.urgent) == 1);
    CHECK(stats.dead == 0);
}

void contract_04_pressure_holds_senders_back_here(struct scenario *s) {
    press(s, 0, RIM_OVERFLOW_REFUSE);
}

void contract_04_pressure_holds_senders_back_across(struct scenario *s) {
    press(s, 1, RIM_OVERFLOW_REFUSE);
}

/* Pressure is not an overflow. */
void contract_04_pressure_refuses_whatever_the_policy(struct scenario *s) {
    for (uint32_t shard = 0; shard < 2; shard++) {
        press(s, shard, RIM_OVERFLOW_STOP);
        press(s, shard, RIM_OVERFLOW_DROP_OLD);
    }
}

/* ---- requests, and the end of one under pressure ---- */

struct brief {
    rim_ref sink;
    unsigned outcomes, rooms;
};

ROLE_ON(brief_go) {
    CHECK(rim_pressure(ctx, true) == 0);
    return RIM_DONE;
}

ROLE_ON(brief_end) {
    return RIM_STOP;
}
static const rim_handler brief_on[] = {[GO] = brief_go, [END] = brief_end};
ROLE(brief_sink, brief_on);

ROLE_OUTCOME(brief_outcome) {
    CHECK(!"a request that was not sent has no outcome");
    return RIM_DONE;
}

ROLE_ON(brief_asker_go) {
    struct brief *world = role_world(self);
    rim_ask ask = {.to = world->sink, .tag = ASK, .timeout_ns = RIM_SECONDS(1), .on_outcome = brief_outcome};
    CHECK(rim_request(ctx, &ask, NULL) == -RIM_EFULL);
    CHECK(rim_want_room(ctx, world->sink) == 0);
    CHECK(rim_send_urgent(ctx, world->sink, END, NULL, 0) == 0);
    return RIM_DONE;
}

ROLE_ON(brief_room) {
    struct brief *world = role_world(self);
    CHECK(rim_send(ctx, world->sink, WORD, NULL, 0) == -RIM_EDOWN);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler brief_asker_on[] = {[GO] = brief_asker_go, [RIM_ROOM] = brief_room};
ROLE(brief_asker, brief_asker_on);

void contract_04_pressure_ends_with_its_actor(struct scenario *s) {
    static struct brief world;
    world = (struct brief){0};
    world.sink = role_spawn(s, &brief_sink, 0, (struct role_cast){.world = &world});
    rim_ref asker = role_spawn(s, &brief_asker, 0, (struct role_cast){.world = &world});
    role_go(s, world.sink);
    role_rest(s);
    role_go(s, asker);
    scenario_run(s, ROLE_LIMIT_NS);
}
