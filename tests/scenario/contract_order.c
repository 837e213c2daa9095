/* SPDX-License-Identifier: MIT */
/* Points 1 and 2 of the contract: private state, and order. */
#include <pthread.h>
#include <stdatomic.h>

#include "role.h"

/* ---- 1: private state ---- */

#define ADDERS 6u
#define ADDS   2000u

struct counting {
    rim_ref counters[4];
    atomic_uint ready;
};

/* A plain counter: were it touched by two threads, the sum would not come out. */
ROLE_ON(count_add) {
    struct role *role = self;
    struct counting *world = role_world(self);
    uint64_t thread = (uint64_t)pthread_self();
    CHECK(role->handle == 0 || role->handle == thread);
    CHECK(rim_shard_index(ctx) == rim_shard_of(rim_self(ctx)));
    role->handle = thread;
    role->count++;
    role->value += role_number(body);
    if (role->count == (uint64_t)ADDERS * ADDS) {
        CHECK(role->value == (uint64_t)ADDERS * ADDS * (ADDS - 1) / 2);
        if (atomic_fetch_add(&world->ready, 1) + 1 == RIM_COUNT(world->counters)) {
            scenario_done(ctx);
        }
    }
    return RIM_DONE;
}

/* Sends number `value` to counter `count`; goes on when a full one has room again. */
ROLE_ON(adder_go) {
    struct role *role = self;
    struct counting *world = role_world(self);
    for (; role->count < RIM_COUNT(world->counters); role->count++, role->value = 0) {
        for (; role->value < ADDS; role->value++) {
            rim_ref to = world->counters[role->count];
            if (role_tell(ctx, to, ADD, role->value) != 0) {
                CHECK(rim_want_room(ctx, to) == 0);
                return RIM_DONE;
            }
        }
    }
    return RIM_DONE;
}

static const rim_handler counter_on[] = {[ADD] = count_add};
ROLE(counter, counter_on);
static const rim_handler adder_on[] = {[GO] = adder_go, [RIM_ROOM] = adder_go};
ROLE(adder, adder_on);

void contract_01_state_is_touched_by_one_thread(struct scenario *s) {
    static struct counting world;
    world = (struct counting){0};
    rim_spawn_options options = {.place = RIM_ON_SHARD, .mailbox_count = ADDERS * ADDS};
    for (uint32_t i = 0; i < RIM_COUNT(world.counters); i++) {
        options.shard = i % 2;
        world.counters[i] = role_spawn_with(s, &counter, options, (struct role_cast){.world = &world});
    }
    for (uint32_t i = 0; i < ADDERS; i++) {
        role_go(s, role_spawn(s, &adder, i % 2, (struct role_cast){.world = &world}));
    }
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- 2: order ---- */

#define TALKERS 4u
#define WORDS   2000u

struct talk {
    rim_ref listener;
    uint64_t next[TALKERS]; /* by the listener's shard */
    atomic_ullong heard, refused;
};

static uint64_t numbered(uint64_t talker, uint64_t number) {
    return talker << 32 | number;
}

static void check_end(rim_ctx *ctx, struct talk *world) {
    if (atomic_load(&world->heard) + atomic_load(&world->refused) == (uint64_t)TALKERS * WORDS) {
        scenario_done(ctx);
    }
}

ROLE_ON(listener_word) {
    struct talk *world = role_world(self);
    uint64_t number = role_number(body), talker = number >> 32;
    CHECK(talker < TALKERS);
    CHECK((uint32_t)number >= world->next[talker]);
    world->next[talker] = (uint32_t)number + 1;
    atomic_fetch_add(&world->heard, 1);
    check_end(ctx, world);
    return RIM_DONE;
}

/* The listener's small mailbox refuses some words that are under way already: their talkers count them. */
ROLE_ON(talker_refused) {
    const rim_refused_event *event = body;
    struct talk *world = role_world(self);
    CHECK(event->error == -RIM_EFULL);
    CHECK(event->who == world->listener);
    CHECK(event->tag == WORD);
    atomic_fetch_add(&world->refused, event->count);
    check_end(ctx, world);
    return RIM_DONE;
}

/* Words of several sizes, so that they travel in several ways. */
ROLE_ON(talker_go) {
    static const size_t sizes[] = {8, 100, 1000, 1500, 8, 5000, 16};
    struct role *role = self;
    struct talk *world = role_world(self);
    uint64_t words[700] = {0};
    for (; role->count < WORDS; role->count++) {
        words[0] = numbered(role->cast.index, role->count);
        int error = rim_send(ctx, world->listener, WORD, words, sizes[role->count % RIM_COUNT(sizes)]);
        if (error != 0) {
            CHECK(error == -RIM_EFULL);
            CHECK(rim_want_room(ctx, world->listener) == 0);
            return RIM_DONE;
        }
    }
    return RIM_DONE;
}

static const rim_handler listener_on[] = {[WORD] = listener_word};
ROLE(listener, listener_on);
static const rim_handler talker_on[] = {[GO] = talker_go, [RIM_ROOM] = talker_go, [RIM_REFUSED] = talker_refused};
ROLE(talker, talker_on);

static void talk(struct scenario *s, uint32_t mailbox_count) {
    static struct talk world;
    world = (struct talk){0};
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = 1, .mailbox_count = mailbox_count};
    world.listener = role_spawn_with(s, &listener, options, (struct role_cast){.world = &world});
    for (uint32_t i = 0; i < TALKERS; i++) {
        role_go(s, role_spawn(s, &talker, i % 2, (struct role_cast){.world = &world, .index = i}));
    }
    scenario_run(s, ROLE_LIMIT_NS);
}

void contract_02_order_holds_from_one_sender_to_one_receiver(struct scenario *s) {
    talk(s, 0);
}

void contract_02_order_holds_when_the_receiver_is_full(struct scenario *s) {
    talk(s, 16);
}

/* A tells B and then C; B, at A's word, tells C. C hears both, and may hear B first. */
struct triangle {
    rim_ref b, c;
    unsigned heard;
};

ROLE_ON(triangle_a) {
    struct triangle *world = role_world(self);
    role_say(ctx, world->b, WORD, 1);
    role_say(ctx, world->c, WORD, 2);
    role_say(ctx, world->c, WORD, 3);
    return RIM_DONE;
}

ROLE_ON(triangle_b) {
    role_say(ctx, ((struct triangle *)role_world(self))->c, WORD, 4);
    return RIM_DONE;
}

ROLE_ON(triangle_c) {
    struct triangle *world = role_world(self);
    uint64_t number = role_number(body);
    CHECK(number != 3 || (world->heard & 1u << 2) != 0); /* A's own two are in order */
    world->heard |= 1u << number;
    if (world->heard == (1u << 2 | 1u << 3 | 1u << 4)) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

static const rim_handler a_on[] = {[GO] = triangle_a}, b_on[] = {[WORD] = triangle_b}, c_on[] = {[WORD] = triangle_c};
ROLE(corner_a, a_on);
ROLE(corner_b, b_on);
ROLE(corner_c, c_on);

void contract_02_order_promises_nothing_across_three_actors(struct scenario *s) {
    static struct triangle world;
    world = (struct triangle){0};
    scenario_open_lanes(s);
    rim_system *system = scenario_system_with(s, &(rim_config){.shards = 3});
    CHECK(rim_system_shards(system) == 3);
    world.b = role_spawn(s, &corner_b, 1, (struct role_cast){.world = &world});
    world.c = role_spawn(s, &corner_c, 2, (struct role_cast){.world = &world});
    role_go(s, role_spawn(s, &corner_a, 0, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
}
