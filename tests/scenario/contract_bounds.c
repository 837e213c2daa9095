/* SPDX-License-Identifier: MIT */
/* Point 4 of the contract: mailboxes are bounded. */
#include <stdatomic.h>

#include "role.h"

/* ---- by count and by bytes, on one shard ---- */

struct bound {
    rim_ref sink;
    uint32_t messages, taken; /* how many of how large ones are sent; how many are let in */
    size_t size;
    unsigned rooms;
    bool ended; /* the sink ends instead of making room */
};

ROLE_ON(sink_word) {
    return ((struct bound *)role_world(self))->ended ? RIM_STOP : RIM_DONE;
}
static const rim_handler sink_on[] = {[WORD] = sink_word};
ROLE(sink, sink_on);

ROLE_ON(filler_go) {
    struct bound *world = role_world(self);
    char bytes[5000] = {0};
    uint32_t taken = 0;
    for (uint32_t i = 0; i < world->messages; i++) {
        int error = rim_send(ctx, world->sink, WORD, bytes, world->size);
        CHECK(error == 0 || error == -RIM_EFULL);
        CHECK((error == 0) == (i < world->taken));
        taken += error == 0;
    }
    CHECK(taken == world->taken);
    CHECK(rim_want_room(ctx, world->sink) == 0);
    CHECK(rim_want_room(ctx, world->sink) == 0);
    return RIM_DONE;
}

/* Told once: a second event would come before this timer's. */
ROLE_ON(filler_room) {
    struct bound *world = role_world(self);
    CHECK(((const rim_room_event *)body)->who == world->sink);
    CHECK(++world->rooms == 1);
    CHECK(rim_send(ctx, world->sink, WORD, NULL, 0) == (world->ended ? -RIM_EDOWN : 0));
    rim_after(ctx, RIM_MS(10), 0);
    return RIM_DONE;
}

ROLE_ON(filler_timer) {
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler filler_on[] = {[GO] = filler_go, [RIM_ROOM] = filler_room, [RIM_TIMER] = filler_timer};
ROLE(filler, filler_on);

static void fill(struct scenario *s, struct bound plan, rim_spawn_options options) {
    static struct bound world;
    world = plan;
    world.sink = role_spawn_with(s, &sink, options, (struct role_cast){.world = &world});
    rim_ref ref = role_spawn(s, &filler, 0, (struct role_cast){.world = &world});
    role_rest(s); /* the sink's birth is in its mailbox before */
    role_go(s, ref);
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(world.rooms == 1);
}

void contract_04_mailbox_is_bounded_by_count(struct scenario *s) {
    fill(s, (struct bound){.messages = 20, .taken = 8, .size = 1}, (rim_spawn_options){.mailbox_count = 8});
}

void contract_04_mailbox_is_bounded_by_bytes(struct scenario *s) {
    fill(s, (struct bound){.messages = 20, .taken = 10, .size = 100}, (rim_spawn_options){.mailbox_bytes = 1000});
}

void contract_04_one_message_enters_an_empty_mailbox(struct scenario *s) {
    fill(s, (struct bound){.messages = 3, .taken = 1, .size = 5000}, (rim_spawn_options){.mailbox_bytes = 1000});
}

void contract_04_default_is_4096_messages(struct scenario *s) {
    fill(s, (struct bound){.messages = 5000, .taken = 4096, .size = 1}, (rim_spawn_options){0});
}

void contract_04_default_is_a_mebibyte(struct scenario *s) {
    fill(s, (struct bound){.messages = 300, .taken = 256, .size = 4096}, (rim_spawn_options){0});
}

void contract_04_room_is_told_when_the_receiver_ends(struct scenario *s) {
    fill(s, (struct bound){.messages = 9, .taken = 8, .size = 1, .ended = true},
         (rim_spawn_options){.mailbox_count = 8});
}

/* ---- under way already, between shards ---- */

#define BURST 1000u

struct burst {
    rim_ref sink;
    atomic_uint heard, refused, full;
};

static void check_burst(rim_ctx *ctx, struct burst *world) {
    if (atomic_load(&world->heard) + atomic_load(&world->refused) + atomic_load(&world->full) == BURST) {
        CHECK(atomic_load(&world->heard) >= 4);
        CHECK(atomic_load(&world->refused) > 0);
        scenario_done(ctx);
    }
}

ROLE_ON(burst_word) {
    struct burst *world = role_world(self);
    atomic_fetch_add(&world->heard, 1);
    check_burst(ctx, world);
    return RIM_DONE;
}

ROLE_ON(burst_go) {
    struct burst *world = role_world(self);
    for (uint64_t i = 0; i < BURST; i++) {
        atomic_fetch_add(&world->full, role_tell(ctx, world->sink, WORD, i) != 0);
    }
    check_burst(ctx, world);
    return RIM_DONE;
}

ROLE_ON(burst_refused) {
    struct burst *world = role_world(self);
    const rim_refused_event *event = body;
    CHECK(event->who == world->sink);
    CHECK(event->tag == WORD);
    CHECK(event->error == -RIM_EFULL);
    CHECK(event->count > 0);
    atomic_fetch_add(&world->refused, (unsigned)event->count);
    check_burst(ctx, world);
    return RIM_DONE;
}
static const rim_handler burst_sink_on[] = {[WORD] = burst_word};
ROLE(burst_sink, burst_sink_on);
static const rim_handler burster_on[] = {[GO] = burst_go, [RIM_REFUSED] = burst_refused};
ROLE(burster, burster_on);

void contract_04_what_is_refused_under_way_is_told(struct scenario *s) {
    static struct burst world;
    world = (struct burst){0};
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = 1, .mailbox_count = 4};
    world.sink = role_spawn_with(s, &burst_sink, options, (struct role_cast){.world = &world});
    role_go(s, role_spawn(s, &burster, 0, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- ten thousand senders and one slow receiver ---- */

#define CROWD   10000u
#define EACH    5u
#define PARCELS 16u

struct crowd {
    rim_ref sink;
    uint64_t most_bytes, most_parcels; /* by the sink's shard */
    atomic_uint heard, refused;
};

static void check_crowd(rim_ctx *ctx, struct crowd *world) {
    if (atomic_load(&world->heard) + atomic_load(&world->refused) == CROWD * EACH) {
        scenario_done(ctx);
    }
}

ROLE_ON(slow_word) {
    struct crowd *world = role_world(self);
    rim_stats stats;
    if (atomic_fetch_add(&world->heard, 1) % 512 == 0 &&
        rim_system_stats(rim_system_of(ctx), RIM_ALL_SHARDS, &stats) == 0) {
        world->most_bytes = stats.memory_bytes > world->most_bytes ? stats.memory_bytes : world->most_bytes;
        world->most_parcels = stats.parcels_in_use > world->most_parcels ? stats.parcels_in_use : world->most_parcels;
    }
    check_crowd(ctx, world);
    return RIM_DONE;
}

ROLE_ON(crowd_go) {
    struct role *role = self;
    struct crowd *world = role_world(self);
    char bytes[200] = {0};
    for (; role->count < EACH; role->count++) {
        if (rim_send(ctx, world->sink, WORD, bytes, sizeof bytes) != 0) {
            CHECK(rim_want_room(ctx, world->sink) == 0);
            break;
        }
    }
    return RIM_DONE;
}

ROLE_ON(crowd_refused) {
    struct crowd *world = role_world(self);
    atomic_fetch_add(&world->refused, (unsigned)((const rim_refused_event *)body)->count);
    check_crowd(ctx, world);
    return RIM_DONE;
}
static const rim_handler slow_on[] = {[WORD] = slow_word};
ROLE(slow, slow_on);
static const rim_handler crowd_on[] = {[GO] = crowd_go, [RIM_ROOM] = crowd_go, [RIM_REFUSED] = crowd_refused};
ROLE(one_of_many, crowd_on);

/* Spawned and set going by one of each shard, as the inlet from outside is bounded. */
ROLE_ON(gatherer_go) {
    struct role_cast cast = {.world = role_world(self)};
    for (uint32_t i = 0; i < CROWD / 2; i++) {
        rim_ref ref = role_add(ctx, &one_of_many, rim_shard_index(ctx), cast);
        CHECK(rim_send(ctx, ref, GO, NULL, 0) == 0);
    }
    return RIM_DONE;
}
static const rim_handler gatherer_on[] = {[GO] = gatherer_go};
ROLE(gatherer, gatherer_on);

void contract_04_memory_is_flat_at_ten_thousand_senders(struct scenario *s) {
    static struct crowd world;
    world = (struct crowd){0};
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = 1, .mailbox_count = 256, .budget = 8};
    scenario_system_with(s, &(rim_config){.shards = 2, .parcels = PARCELS});
    world.sink = role_spawn_with(s, &slow, options, (struct role_cast){.world = &world});
    for (uint32_t i = 0; i < 2; i++) {
        role_go(s, role_spawn(s, &gatherer, i, (struct role_cast){.world = &world}));
    }
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(world.most_parcels <= 3 * PARCELS); /* of two ways; answers and notices may take a few beyond */
    CHECK(world.most_bytes <= CROWD * 1024u + (1u << 20));
}
