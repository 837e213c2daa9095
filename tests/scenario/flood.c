/* SPDX-License-Identifier: MIT */
/* Shards flood each other, two and many: neither deadlock, nor loss, nor growth. */
#include <stdatomic.h>

#include "role.h"

#define WORDS 30000u

struct floods {
    rim_ref sides[8];
    uint32_t count; /* of sides; each floods the next */
    bool heedless;  /* sends on in spite of -RIM_EFULL */
    atomic_ullong heard, refused, full, over;
};

static void check_over(rim_ctx *ctx, struct floods *world) {
    uint64_t ended =
        atomic_load(&world->heard) + atomic_load(&world->refused) + (world->heedless ? atomic_load(&world->full) : 0);
    CHECK(ended <= (uint64_t)world->count * WORDS);
    if (ended == (uint64_t)world->count * WORDS) {
        scenario_done(ctx);
    }
}

/* Some at a time, so that it hears in between. */
ROLE_ON(side_go) {
    struct role *role = self;
    struct floods *world = role_world(self);
    rim_ref to = world->sides[(role->cast.index + 1) % world->count];
    for (uint32_t i = 0; i < 1000 && role->count < WORDS; i++) {
        if (role_tell(ctx, to, WORD, role->count) != 0) {
            atomic_fetch_add(&world->full, 1);
            if (!world->heedless) {
                CHECK(rim_want_room(ctx, to) == 0);
                return RIM_DONE;
            }
        }
        role->count++;
    }
    if (role->count < WORDS) {
        rim_after(ctx, RIM_US(10), 0);
    }
    check_over(ctx, world);
    return RIM_DONE;
}

ROLE_ON(side_word) {
    struct floods *world = role_world(self);
    atomic_fetch_add(&world->heard, 1);
    check_over(ctx, world);
    return RIM_DONE;
}

ROLE_ON(side_refused) {
    struct floods *world = role_world(self);
    atomic_fetch_add(&world->refused, ((const rim_refused_event *)body)->count);
    check_over(ctx, world);
    return RIM_DONE;
}
/* Starts by a timer: a message to set it going might find its mailbox full. */
static rim_verdict side_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    CHECK(rim_after(ctx, RIM_MS(1), 0) != RIM_NIL);
    return role_init(ctx, self, arg, size);
}

static const rim_handler side_on[] = {
    [WORD] = side_word, [RIM_ROOM] = side_go, [RIM_TIMER] = side_go, [RIM_REFUSED] = side_refused};
static const rim_behaviour side = {.name = "side",
                                   .state_size = sizeof(struct role),
                                   .init = side_init,
                                   .on = side_on,
                                   .on_count = RIM_COUNT(side_on)};

static void flood(struct scenario *s, struct floods *world, rim_config config) {
    rim_stats stats;
    scenario_system_with(s, &config);
    world->count = config.shards;
    for (uint32_t i = 0; i < world->count; i++) {
        world->sides[i] = role_spawn(s, &side, i, (struct role_cast){.world = world, .index = i});
    }
    scenario_run(s, ROLE_LIMIT_NS);
    role_settle(s, &stats);
    CHECK(stats.parcels_in_use <= (uint64_t)config.shards * config.shards * config.parcels);
    CHECK(stats.memory_bytes <= (8u << 20) * (uint64_t)config.shards);
}

void shards_that_flood_each_other_with_respect_lose_nothing(struct scenario *s) {
    static struct floods world;
    world = (struct floods){0};
    flood(s, &world, (rim_config){.shards = 2, .parcels = 8, .mailbox_count = 64});
}

void shards_that_flood_each_other_heedlessly_are_refused(struct scenario *s) {
    static struct floods world;
    world = (struct floods){.heedless = true};
    flood(s, &world, (rim_config){.shards = 2, .parcels = 8, .mailbox_count = 64});
    CHECK(atomic_load(&world.heard) > 0);
}

void eight_shards_on_two_processors_flood_in_a_ring(struct scenario *s) {
    static struct floods world;
    world = (struct floods){0};
    flood(s, &world, (rim_config){.shards = 8, .parcels = 8, .mailbox_count = 256});
}

/* ---- everybody with everybody, on more shards than a word of a bell has bits ---- */

#define CROWD  70u
#define ROUNDS 2u

struct crowd {
    rim_ref members[CROWD];
    atomic_uint finished;
};

ROLE_OUTCOME(member_answer);

/* Asks all the others, from role->handle on; where there is no room it goes on when there is. */
ROLE_ON(member_go) {
    struct role *role = self;
    struct crowd *world = role_world(self);
    for (; role->handle < CROWD; role->handle++) {
        rim_ask ask = {.to = world->members[role->handle],
                       .tag = ASK,
                       .body = &role->value,
                       .size = sizeof role->value,
                       .timeout_ns = RIM_SECONDS(50),
                       .on_outcome = member_answer};
        if (role->handle != role->cast.index && rim_request(ctx, &ask, NULL) != 0) {
            CHECK(rim_want_room(ctx, ask.to) == 0);
            return RIM_DONE;
        }
    }
    return RIM_DONE;
}

ROLE_ON(member_ask) {
    CHECK(rim_reply(ctx, RIM_NIL, ASK, body, rim_size(msg)) == 0);
    return RIM_DONE;
}

/* The next round begins with the last answer of this one. */
ROLE_OUTCOME(member_answer) {
    struct role *role = self;
    struct crowd *world = role_world(self);
    CHECK(error == 0 && role_number(body) == role->value);
    if (++role->count < CROWD - 1) {
        return RIM_DONE;
    }
    role->count = role->handle = 0;
    if (++role->value < ROUNDS) {
        return member_go(ctx, self, NULL, NULL);
    }
    if (atomic_fetch_add(&world->finished, 1) + 1 == CROWD) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

static const rim_handler member_on[] = {[ASK] = member_ask, [RIM_TIMER] = member_go, [RIM_ROOM] = member_go};
static const rim_behaviour member = {.name = "member",
                                     .state_size = sizeof(struct role),
                                     .init = side_init,
                                     .on = member_on,
                                     .on_count = RIM_COUNT(member_on)};

void seventy_shards_all_talk_to_all(struct scenario *s) {
    static struct crowd world;
    rim_stats stats;
    world = (struct crowd){.finished = 0};
    scenario_system_with(s, &(rim_config){.shards = CROWD});
    for (uint32_t i = 0; i < CROWD; i++) {
        world.members[i] = role_spawn(s, &member, i, (struct role_cast){.world = &world, .index = i});
    }
    scenario_run(s, ROLE_LIMIT_NS);
    role_settle(s, &stats);
    CHECK(stats.rescued_wakeups == 0);
    CHECK(stats.sent_across >= 2ull * ROUNDS * CROWD * (CROWD - 1));
}
