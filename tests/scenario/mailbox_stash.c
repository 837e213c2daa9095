/* SPDX-License-Identifier: MIT */
/* The stash: messages put by come back in order and first; they are bounded, and not lost. */
#include <stdatomic.h>

#include "ringmail/mailbox.h"
#include "role.h"

#define HEARD_MAX 32u

struct stash {
    rim_ref sink;
    uint64_t heard[HEARD_MAX];
    atomic_uint count; /* of what is heard: the last that the sink writes */
    uint32_t stashed, full;
    uint32_t at_once; /* of rim_unstash */
    bool open;
};

/* While it is closed it puts everything by; at the bound it hears it after all. */
ROLE_ON(sink_word) {
    struct stash *world = role_world(self);
    uint64_t number = role_number(body);
    if (!world->open) {
        int error = rim_stash(ctx, msg);
        CHECK(error == 0 || error == -RIM_EFULL);
        CHECK(error != 0 || rim_stash(ctx, msg) == -EINVAL); /* it is not in hand any more */
        CHECK(error != 0 || rim_take(ctx, msg) == NULL);
        *(error == 0 ? &world->stashed : &world->full) += 1;
        CHECK(rim_stashed(ctx) == world->stashed);
        if (error == 0) {
            return RIM_DONE;
        }
    }
    unsigned count = atomic_load(&world->count);
    CHECK(count < HEARD_MAX);
    world->heard[count % HEARD_MAX] = number;
    atomic_store(&world->count, count + 1);
    return RIM_DONE;
}

ROLE_ON(sink_end) {
    struct stash *world = role_world(self);
    world->open = true;
    uint32_t left = rim_stashed(ctx), wanted = world->at_once < left ? world->at_once : left;
    CHECK(rim_unstash(ctx, 0) == 0);
    CHECK(rim_unstash(ctx, world->at_once) == wanted);
    CHECK(rim_stashed(ctx) == left - wanted);
    return RIM_DONE;
}
static const rim_handler sink_on[] = {[WORD] = sink_word, [END] = sink_end};
ROLE(stash_sink, sink_on);

/* Five, the word to open, and five that are in the mailbox already when it opens. */
ROLE_ON(sender_go) {
    struct stash *world = role_world(self);
    for (uint64_t i = 0; i < 10; i++) {
        if (i == 5) {
            CHECK(rim_send(ctx, world->sink, END, NULL, 0) == 0);
        }
        role_say(ctx, world->sink, WORD, i);
    }
    return RIM_DONE;
}
static const rim_handler sender_on[] = {[GO] = sender_go};
ROLE(stash_sender, sender_on);

static struct stash *play(struct scenario *s, uint32_t shard, uint32_t at_once, uint32_t bound, rim_stats *stats,
                          uint32_t heard) {
    static struct stash world;
    struct role_cast cast = {.world = &world};
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = 2}); /* stops the one before: the world is ours again */
    memset(&world, 0, sizeof world);
    world.at_once = at_once;
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = shard, .stash_count = bound};
    world.sink = role_spawn_with(s, &stash_sink, options, cast);
    rim_ref sender = role_spawn(s, &stash_sender, 0, cast);
    role_rest(s);
    role_go(s, sender);
    ROLE_AWAIT(s, atomic_load(&world.count) == heard);
    ROLE_AWAIT(s, rim_system_stats(scenario_system(s), RIM_ALL_SHARDS, stats) == 0 && rim_stats_add_up(stats) &&
                      stats->queued == 10 - heard);
    return &world;
}

void mailbox_unstashed_messages_come_first_and_in_order(struct scenario *s) {
    for (uint32_t shard = 0; shard < 2; shard++) {
        rim_stats stats;
        struct stash *world = play(s, shard, UINT32_MAX, 0, &stats, 10);
        CHECK(world->stashed == 5);
        CHECK(atomic_load(&world->count) == 10);
        for (uint32_t i = 0; i < 10; i++) {
            CHECK(world->heard[i] == i);
        }
    }
}

/* What is left in the stash is queued, and a dead letter when its actor stops. */
void contract_03_stashed_messages_count_as_queued(struct scenario *s) {
    for (uint32_t shard = 0; shard < 2; shard++) {
        rim_stats stats;
        struct stash *world = play(s, shard, 2, 0, &stats, 7);
        static const uint64_t expected[] = {0, 1, 5, 6, 7, 8, 9};
        CHECK(atomic_load(&world->count) == RIM_COUNT(expected));
        CHECK(memcmp(world->heard, expected, sizeof expected) == 0);
        CHECK(stats.queued == 3);
        CHECK(rim_stats_add_up(&stats));
        rim_stop_report report;
        scenario_expect_cut(s, RIM_MS(50));
        CHECK(scenario_stop(s, RIM_MS(50), &report) == -ETIMEDOUT);
        CHECK(report.lost == 3);
        CHECK(report.adds_up);
        CHECK(strstr(report.held_up_by, "stash_sink: 3 messages") != NULL);
    }
}

void mailbox_stash_is_bounded(struct scenario *s) {
    rim_stats stats;
    struct stash *world = play(s, 0, UINT32_MAX, 3, &stats, 10);
    static const uint64_t expected[] = {3, 4, 0, 1, 2, 5, 6, 7, 8, 9};
    CHECK(world->stashed == 3);
    CHECK(world->full == 2);
    CHECK(atomic_load(&world->count) == RIM_COUNT(expected));
    CHECK(memcmp(world->heard, expected, sizeof expected) == 0);
}

/* ---- requests ---- */

struct waiting {
    rim_ref sink;
    uint64_t open_after_ns, timeout_ns;
    bool stops; /* instead of opening */
    atomic_uint outcomes, run;
    atomic_int error;
};

ROLE_ON(waiting_ask) {
    struct waiting *world = role_world(self);
    struct role *role = self;
    if (role->count++ == 0) {
        CHECK(rim_stash(ctx, msg) == 0);
        CHECK(!rim_is_request(ctx));
        CHECK(rim_reply(ctx, RIM_NIL, ADD, NULL, 0) == -RIM_EBADREF);
        CHECK(rim_after(ctx, world->open_after_ns, 0) != RIM_NIL);
        return RIM_DONE;
    }
    atomic_fetch_add(&world->run, 1);
    CHECK(rim_is_request(ctx));
    CHECK(rim_reply(ctx, RIM_NIL, ADD, body, rim_size(msg)) == 0);
    return RIM_DONE;
}

ROLE_ON(waiting_timer) {
    CHECK(rim_stash(ctx, msg) == -EINVAL);
    CHECK(rim_stashed(ctx) == 1);
    if (((struct waiting *)role_world(self))->stops) {
        return RIM_STOP;
    }
    CHECK(rim_unstash(ctx, UINT32_MAX) == 1);
    return RIM_DONE;
}
static const rim_handler waiting_on[] = {[ASK] = waiting_ask, [RIM_TIMER] = waiting_timer};
ROLE(waiting_sink, waiting_on);

ROLE_OUTCOME(waiting_outcome) {
    struct waiting *world = role_world(self);
    CHECK(error != 0 || role_number(body) == 77);
    CHECK(error != 0 || rim_stash(ctx, msg) == -EINVAL);
    atomic_store(&world->error, error);
    atomic_fetch_add(&world->outcomes, 1);
    return RIM_DONE;
}

ROLE_ON(waiting_go) {
    struct waiting *world = role_world(self);
    uint64_t number = 77;
    rim_ask ask = {.to = world->sink,
                   .tag = ASK,
                   .body = &number,
                   .size = sizeof number,
                   .timeout_ns = world->timeout_ns,
                   .on_outcome = waiting_outcome};
    CHECK(rim_request(ctx, &ask, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler waiting_asker_on[] = {[GO] = waiting_go};
ROLE(waiting_asker, waiting_asker_on);

static struct waiting *wait_for(struct scenario *s, uint32_t shard, struct waiting plan) {
    static struct waiting world;
    struct role_cast cast = {.world = &world};
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = 2});
    memset(&world, 0, sizeof world);
    world.open_after_ns = plan.open_after_ns;
    world.timeout_ns = plan.timeout_ns;
    world.stops = plan.stops;
    world.sink = role_spawn(s, &waiting_sink, shard, cast);
    role_go(s, role_spawn(s, &waiting_asker, 0, cast));
    ROLE_AWAIT(s, atomic_load(&world.outcomes) == 1);
    rim_stats stats;
    role_settle(s, &stats);
    CHECK(atomic_load(&world.outcomes) == 1);
    return &world;
}

void contract_05_stashed_request_is_answered_later(struct scenario *s) {
    for (uint32_t shard = 0; shard < 2; shard++) {
        struct waiting *world =
            wait_for(s, shard, (struct waiting){.open_after_ns = RIM_MS(5), .timeout_ns = RIM_SECONDS(60)});
        CHECK(atomic_load(&world->error) == 0);
        CHECK(atomic_load(&world->run) == 1);
    }
}

void contract_05_stashed_request_expires(struct scenario *s) {
    for (uint32_t shard = 0; shard < 2; shard++) {
        struct waiting *world =
            wait_for(s, shard, (struct waiting){.open_after_ns = RIM_MS(200), .timeout_ns = RIM_MS(100)});
        CHECK(atomic_load(&world->error) == -ETIMEDOUT);
        CHECK(atomic_load(&world->run) == 0);
    }
}

void contract_05_stashed_request_fails_when_its_actor_ends(struct scenario *s) {
    for (uint32_t shard = 0; shard < 2; shard++) {
        struct waiting *world =
            wait_for(s, shard,
                     (struct waiting){.open_after_ns = RIM_MS(5), .timeout_ns = RIM_SECONDS(60), .stops = true});
        CHECK(atomic_load(&world->error) == -RIM_EDOWN);
        CHECK(atomic_load(&world->run) == 0);
    }
}
