/* SPDX-License-Identifier: MIT */
/* Point 4 of the contract: what a full mailbox does is its owner's policy, here and across. */
#include <stdatomic.h>

#include "role.h"

#define BOUND 8u
#define WORDS 200u

struct overflow {
    rim_ref sink;
    rim_overflow policy;
    bool asks;
    atomic_uint heard, dropped, left_behind, exit_code, outcomes, replies, failures;
    uint64_t first, last; /* by the sink, before it counts what it heard */
};

ROLE_ON(sink_word) {
    struct overflow *world = role_world(self);
    uint64_t number = role_number(body);
    if (atomic_load(&world->heard) == 0) {
        world->first = number;
    } else {
        CHECK(number > world->last);
    }
    world->last = number;
    atomic_fetch_add(&world->heard, 1);
    CHECK(!rim_is_request(ctx) || rim_reply(ctx, RIM_NIL, ADD, NULL, 0) == 0);
    return RIM_DONE;
}

static void sink_exit(rim_ctx *ctx, void *self, rim_exit why) {
    (void)ctx;
    atomic_store(&((struct overflow *)role_world(self))->exit_code, why.code);
}
static const rim_handler sink_on[] = {[WORD] = sink_word};
ROLE(overflow_sink, sink_on, .exit = sink_exit);

ROLE_ON(watcher_go) {
    CHECK(rim_watch_dead_letters(ctx, true) == 0);
    return RIM_DONE;
}

ROLE_ON(watcher_letter) {
    struct overflow *world = role_world(self);
    const rim_dead_letter *letter = body;
    CHECK(letter->to == world->sink);
    CHECK(letter->tag == WORD);
    CHECK(letter->size == sizeof(uint64_t));
    CHECK(letter->reason == -RIM_EDROPPED || letter->reason == -RIM_EDOWN);
    atomic_fetch_add(letter->reason == -RIM_EDROPPED ? &world->dropped : &world->left_behind, 1);
    return RIM_DONE;
}
static const rim_handler watcher_on[] = {[GO] = watcher_go, [RIM_DEAD_LETTER] = watcher_letter};
ROLE(overflow_watcher, watcher_on);

ROLE_OUTCOME(flooder_outcome) {
    struct overflow *world = role_world(self);
    CHECK(error == 0 || error == -RIM_EDROPPED || error == -RIM_EDOWN);
    atomic_fetch_add(error == 0 ? &world->replies : &world->failures, 1);
    return RIM_DONE;
}

/* All in one turn: every single one succeeds. */
ROLE_ON(flooder_go) {
    struct overflow *world = role_world(self);
    for (uint64_t i = 0; i < WORDS; i++) {
        rim_ask ask = {.to = world->sink,
                       .tag = WORD,
                       .body = &i,
                       .size = sizeof i,
                       .timeout_ns = RIM_SECONDS(60),
                       .on_outcome = flooder_outcome};
        CHECK((world->asks ? rim_request(ctx, &ask, NULL) : role_tell(ctx, world->sink, WORD, i)) == 0);
    }
    return RIM_DONE;
}

ROLE_ON(flooder_refused) {
    CHECK(!"a receiver that drops refuses nobody");
    return RIM_DONE;
}
static const rim_handler flooder_on[] = {[GO] = flooder_go, [RIM_REFUSED] = flooder_refused};
ROLE(overflow_flooder, flooder_on);

static unsigned count_ended(struct overflow *world) {
    return atomic_load(&world->heard) + atomic_load(&world->dropped) + atomic_load(&world->left_behind);
}

static struct overflow *flood_one(struct scenario *s, uint32_t shard, rim_overflow policy, bool asks) {
    static struct overflow world;
    struct role_cast cast = {.world = &world};
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = 2}); /* stops the one before: the world is ours again */
    memset(&world, 0, sizeof world);
    world.policy = policy;
    world.asks = asks;
    rim_spawn_options options = {
        .place = RIM_ON_SHARD, .shard = shard, .mailbox_count = BOUND, .overflow = policy, .budget = 1};
    world.sink = role_spawn_with(s, &overflow_sink, options, cast);
    role_go(s, role_spawn(s, &overflow_watcher, shard, cast));
    rim_ref flooder = role_spawn(s, &overflow_flooder, 0, cast);
    role_await_births(s, 3);
    role_go(s, flooder);
    ROLE_AWAIT(s, count_ended(&world) == WORDS &&
                      (!asks || atomic_load(&world.replies) + atomic_load(&world.failures) == WORDS));
    rim_stats stats;
    role_settle(s, &stats);
    unsigned ended = count_ended(&world);
    CHECK(ended == WORDS);
    CHECK(atomic_load(&world.dropped) > 0);
    CHECK(stats.refused == 0);
    CHECK(!asks || atomic_load(&world.replies) == atomic_load(&world.heard));
    CHECK(!asks || atomic_load(&world.replies) + atomic_load(&world.failures) == WORDS);
    return &world;
}

static void drop_new(struct scenario *s, bool asks) {
    for (uint32_t shard = 0; shard < 2; shard++) {
        struct overflow *world = flood_one(s, shard, RIM_OVERFLOW_DROP_NEW, asks);
        CHECK(world->first == 0);
        CHECK(shard > 0 || atomic_load(&world->heard) == BOUND);
        CHECK(shard > 0 || world->last == BOUND - 1);
    }
}

void contract_04_policy_drops_the_newest(struct scenario *s) {
    drop_new(s, false);
}

void contract_05_request_that_is_dropped_as_the_newest_fails(struct scenario *s) {
    drop_new(s, true);
}

static void drop_old(struct scenario *s, bool asks) {
    for (uint32_t shard = 0; shard < 2; shard++) {
        struct overflow *world = flood_one(s, shard, RIM_OVERFLOW_DROP_OLD, asks);
        CHECK(world->last == WORDS - 1);
        CHECK(shard > 0 || atomic_load(&world->heard) == BOUND);
        CHECK(shard > 0 || world->first == WORDS - BOUND);
    }
}

void contract_04_policy_drops_the_oldest(struct scenario *s) {
    drop_old(s, false);
}

void contract_05_request_that_is_dropped_as_the_oldest_fails(struct scenario *s) {
    drop_old(s, true);
}

static void stop_it(struct scenario *s, bool asks) {
    for (uint32_t shard = 0; shard < 2; shard++) {
        struct overflow *world = flood_one(s, shard, RIM_OVERFLOW_STOP, asks);
        CHECK(atomic_load(&world->exit_code) == RIM_EXIT_MAILBOX);
        CHECK(atomic_load(&world->left_behind) >= BOUND - 1);
    }
}

void contract_04_policy_stops_the_actor(struct scenario *s) {
    stop_it(s, false);
}

void contract_05_requests_to_an_actor_that_its_mailbox_stopped_fail(struct scenario *s) {
    stop_it(s, true);
}

/* ---- what is reserved is never dropped ---- */

#define ASKED 6u

struct kept {
    rim_ref answerer, sink;
    atomic_uint outcomes, timers, words;
};

ROLE_ON(kept_ask) {
    struct kept *world = role_world(self);
    CHECK(rim_reply(ctx, RIM_NIL, ADD, NULL, 0) == 0);
    if (++((struct role *)self)->count == ASKED) { /* all replies wait over there: now a flood */
        for (uint64_t i = 0; i < 50; i++) {
            role_say(ctx, world->sink, WORD, i);
        }
    }
    return RIM_DONE;
}
static const rim_handler kept_answerer_on[] = {[ASK] = kept_ask};
ROLE(kept_answerer, kept_answerer_on);

ROLE_OUTCOME(kept_outcome) {
    CHECK(error == 0);
    atomic_fetch_add(&((struct kept *)role_world(self))->outcomes, 1);
    return RIM_DONE;
}

ROLE_ON(kept_go) {
    struct kept *world = role_world(self);
    for (unsigned i = 0; i < ASKED; i++) {
        rim_ask ask = {
            .to = world->answerer, .tag = ASK, .timeout_ns = RIM_SECONDS(60), .on_outcome = kept_outcome, .cookie = i};
        CHECK(rim_request(ctx, &ask, NULL) == 0);
    }
    CHECK(rim_after(ctx, RIM_MS(1), 0) != RIM_NIL);
    return RIM_DONE;
}

ROLE_ON(kept_timer) {
    atomic_fetch_add(&((struct kept *)role_world(self))->timers, 1);
    return RIM_DONE;
}

ROLE_ON(kept_word) {
    atomic_fetch_add(&((struct kept *)role_world(self))->words, 1);
    return RIM_DONE;
}
static const rim_handler kept_on[] = {[GO] = kept_go, [RIM_TIMER] = kept_timer, [WORD] = kept_word};
ROLE(kept_sink, kept_on);

void contract_04_policy_drops_no_replies_and_no_events(struct scenario *s) {
    static struct kept world;
    memset(&world, 0, sizeof world);
    struct role_cast cast = {.world = &world};
    rim_spawn_options options = {.mailbox_count = 4, .overflow = RIM_OVERFLOW_DROP_OLD, .budget = 1};
    world.answerer = role_spawn(s, &kept_answerer, 0, cast);
    world.sink = role_spawn_with(s, &kept_sink, options, cast);
    role_go(s, world.sink);
    ROLE_AWAIT(s, atomic_load(&world.outcomes) == ASKED && atomic_load(&world.timers) == 1);
    rim_stats stats;
    role_settle(s, &stats);
    unsigned words = atomic_load(&world.words);
    CHECK(atomic_load(&world.outcomes) == ASKED);
    CHECK(atomic_load(&world.timers) == 1);
    CHECK(words < 4);
    CHECK(stats.dead == 50 - words);
}

/* ---- by bytes ---- */

struct sized {
    rim_ref sink;
    atomic_uint heard;
    uint64_t first; /* before the first is counted */
};

ROLE_ON(sized_word) {
    struct sized *world = role_world(self);
    uint64_t number = role_number(body);
    world->first = atomic_load(&world->heard) == 0 ? number : world->first;
    atomic_fetch_add(&world->heard, 1);
    return RIM_DONE;
}
static const rim_handler sized_on[] = {[WORD] = sized_word};
ROLE(sized_sink, sized_on);

ROLE_ON(sized_go) {
    struct sized *world = role_world(self);
    for (uint64_t i = 0; i < 20; i++) {
        rim_msg *owned = rim_msg_new(ctx, WORD, 100); /* an owned one: it goes as it is */
        CHECK(owned != NULL);
        memcpy(rim_body(owned), &i, sizeof i);
        CHECK(rim_send_msg(ctx, world->sink, owned) == 0);
    }
    char large[3000] = {0}; /* larger than the whole: nothing else is left */
    uint64_t last = 20;
    memcpy(large, &last, sizeof last);
    CHECK(((struct role *)self)->cast.index == 0 || rim_send(ctx, world->sink, WORD, large, sizeof large) == 0);
    return RIM_DONE;
}
static const rim_handler sized_flooder_on[] = {[GO] = sized_go};
ROLE(sized_flooder, sized_flooder_on);

void contract_04_policy_drops_by_bytes(struct scenario *s) {
    for (uint64_t large = 0; large < 2; large++) {
        static struct sized world;
        scenario_system_with(s, &(rim_config){.shards = 2});
        memset(&world, 0, sizeof world);
        rim_spawn_options options = {.mailbox_bytes = 1000, .overflow = RIM_OVERFLOW_DROP_OLD};
        world.sink = role_spawn_with(s, &sized_sink, options, (struct role_cast){.world = &world});
        rim_ref flooder = role_spawn(s, &sized_flooder, 0, (struct role_cast){.world = &world, .index = large});
        role_rest(s);
        role_go(s, flooder);
        ROLE_AWAIT(s, atomic_load(&world.heard) == (large ? 1 : 10));
        rim_stats stats;
        role_settle(s, &stats);
        CHECK(atomic_load(&world.heard) == (large ? 1 : 10));
        CHECK(world.first == (large ? 20 : 10));
        CHECK(stats.dead == (large ? 20 : 10));
    }
}

ROLE_ON(options_go) {
    rim_spawn_options options = {.overflow = (rim_overflow)7};
    rim_ref ref;
    CHECK(rim_spawn(ctx, &sized_sink, &options, NULL, 0, &ref) == -EINVAL);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler options_on[] = {[GO] = options_go};
ROLE(options_role, options_on);

void mailbox_policy_that_there_is_not_is_refused(struct scenario *s) {
    role_go(s, role_spawn(s, &options_role, 0, (struct role_cast){0}));
    scenario_run(s, ROLE_LIMIT_NS);
}
