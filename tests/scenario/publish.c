/* SPDX-License-Identifier: MIT */
/* Publishing: to each member once, in order, without copies of large bodies, and a full member is nobody's business. */
#include <stdatomic.h>
#include <stdlib.h>

#include "role.h"

#define SHARDS 3u
#define EACH   4u /* members on each shard */

struct publishing {
    atomic_uint ready, heard, released, kept, small, large;
    rim_ref publisher;
    uint32_t publisher_shard;
};

static rim_ref group_of(const rim_ctx *ctx) {
    return rim_group(ctx, "paper");
}

static void add_members(struct scenario *s, const rim_behaviour *who, rim_spawn_options options,
                        struct role_cast cast) {
    options.place = RIM_ON_SHARD;
    options.group = rim_system_group(scenario_system(s), "paper");
    for (uint32_t i = 0; i < SHARDS * EACH; i++) {
        options.shard = i % SHARDS;
        cast.index = i;
        role_spawn_with(s, who, options, cast);
    }
}

/* Waits until this shard knows all members. */
static bool knows_all(rim_ctx *ctx, uint32_t members) {
    bool all = rim_group_count(ctx, group_of(ctx)) >= members;
    CHECK(all || rim_send(ctx, rim_self(ctx), GO, NULL, 0) == 0);
    return all;
}

/* ---- bodies of all sizes ---- */

static const size_t sizes[] = {0, 1, 8, 128, 129, 1000, 1024, 1025, 4096, 20000};

static char byte_of(size_t size, size_t i) {
    return (char)(size * 7 + i * 31 + 1);
}
static void fill(char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        bytes[i] = byte_of(size, i);
    }
}
static bool is_filled(const char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != byte_of(size, i)) {
            return false;
        }
    }
    return true;
}

ROLE_ON(reader_word) {
    struct role *role = self;
    struct publishing *world = role_world(self);
    CHECK(role->count < 2 * RIM_COUNT(sizes) && rim_size(msg) == sizes[role->count / 2]); /* in order, each once */
    CHECK(is_filled(body, rim_size(msg)));
    CHECK(rim_sender(ctx) == world->publisher || rim_shard_index(ctx) != world->publisher_shard);
    role->count++;
    if (atomic_fetch_add(&world->heard, 1) + 1 == SHARDS * EACH * 2 * RIM_COUNT(sizes)) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}
static const rim_handler reader_on[] = {[WORD] = reader_word};
ROLE(reader, reader_on);

ROLE_ON(editor_go) {
    struct publishing *world = role_world(self);
    char *bytes = rim_alloc(ctx, sizes[RIM_COUNT(sizes) - 1]);
    if (!knows_all(ctx, SHARDS * EACH)) {
        return RIM_DONE;
    }
    world->publisher = rim_self(ctx);
    world->publisher_shard = rim_shard_index(ctx);
    for (uint32_t i = 0; i < RIM_COUNT(sizes); i++) {
        fill(bytes, sizes[i]);
        CHECK(rim_publish(ctx, group_of(ctx), WORD, bytes, sizes[i]) == SHARDS * EACH);
        rim_msg *own = rim_msg_new(ctx, WORD, sizes[i]);
        fill(rim_body(own), sizes[i]);
        CHECK(rim_publish_msg(ctx, group_of(ctx), own) == SHARDS * EACH);
    }
    rim_free(ctx, bytes);
    return RIM_DONE;
}
static const rim_handler editor_on[] = {[GO] = editor_go};
ROLE(editor, editor_on);

void groups_publish_bodies_of_all_sizes_to_each_member_once(struct scenario *s) {
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        static struct publishing world;
        memset(&world, 0, sizeof world);
        scenario_open_lanes(s);
        scenario_system_with(s, &(rim_config){.shards = SHARDS});
        add_members(s, &reader, (rim_spawn_options){.mailbox_bytes = 1u << 22}, (struct role_cast){.world = &world});
        role_go(s, role_spawn(s, &editor, shard, (struct role_cast){.world = &world}));
        scenario_run(s, ROLE_LIMIT_NS);
    }
}

/* ---- order with sends ---- */

#define NUMBERS 200u

ROLE_ON(pupil_word) {
    struct role *role = self;
    struct publishing *world = role_world(self);
    CHECK(role_number(body) == role->value); /* published and sent ones take turns */
    role->value++;
    if (role->value == NUMBERS && atomic_fetch_add(&world->heard, 1) + 1 == SHARDS) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}
ROLE_ON(pupil_go) {
    CHECK(rim_join(ctx, group_of(ctx)) == 0);
    role_say(ctx, ((struct role *)self)->cast.who, ADD, rim_self(ctx));
    return RIM_DONE;
}
static const rim_handler pupil_on[] = {[GO] = pupil_go, [WORD] = pupil_word};
ROLE(pupil, pupil_on);

ROLE_ON(teacher_add) {
    static rim_ref pupils[SHARDS];
    struct role *role = self;
    pupils[role->count++] = role_number(body);
    for (uint64_t i = 0; role->count == SHARDS && i < NUMBERS; i++) {
        if (i % 2 == 0) {
            CHECK(rim_publish(ctx, group_of(ctx), WORD, &i, sizeof i) == SHARDS);
        }
        for (uint32_t k = 0; i % 2 == 1 && k < SHARDS; k++) {
            role_say(ctx, pupils[k], WORD, i);
        }
    }
    return RIM_DONE;
}
static const rim_handler teacher_on[] = {[ADD] = teacher_add};
ROLE(teacher, teacher_on);

void groups_keep_the_order_of_what_one_sender_publishes_and_sends(struct scenario *s) {
    static struct publishing world;
    memset(&world, 0, sizeof world);
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = SHARDS});
    rim_ref who = role_spawn(s, &teacher, 1, (struct role_cast){0});
    for (uint32_t i = 0; i < SHARDS; i++) {
        role_go(s, role_spawn(s, &pupil, i, (struct role_cast){.world = &world, .who = who}));
    }
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- a full member ---- */

#define EDITIONS 100u

ROLE_ON(listener_word) {
    struct publishing *world = role_world(self);
    bool narrow = ((struct role *)self)->cast.who != RIM_NIL;
    atomic_fetch_add(narrow ? &world->small : &world->large, 1);
    return RIM_DONE;
}
static const rim_handler listener_on[] = {[WORD] = listener_word};
ROLE(listener, listener_on);

ROLE_ON(press_go) {
    if (!knows_all(ctx, 2 * SHARDS * EACH)) {
        return RIM_DONE;
    }
    for (uint32_t i = 0; i < EDITIONS; i++) {
        CHECK(rim_publish(ctx, group_of(ctx), WORD, &i, sizeof i) > 0);
    }
    return RIM_DONE;
}
ROLE_ON(press_refused) {
    CHECK(!"a publisher hears of no refusal");
    return RIM_DONE;
}
static const rim_handler press_on[] = {[GO] = press_go, [RIM_REFUSED] = press_refused};
ROLE(press, press_on);

void groups_do_not_let_a_full_member_hurt_the_others(struct scenario *s) {
    static struct publishing world;
    memset(&world, 0, sizeof world);
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = SHARDS});
    add_members(s, &listener, (rim_spawn_options){0}, (struct role_cast){.world = &world});
    add_members(s, &listener, (rim_spawn_options){.mailbox_count = 2}, (struct role_cast){.world = &world, .who = 1});
    role_go(s, role_spawn(s, &press, 0, (struct role_cast){0}));
    rim_stats stats;
    for (int i = 0; i < 10000 && atomic_load(&world.large) < EDITIONS * SHARDS * EACH; i++) {
        scenario_pass_time(s, RIM_MS(1));
    }
    role_settle(s, &stats);
    CHECK(atomic_load(&world.large) == EDITIONS * SHARDS * EACH);
    /* Each copy is a message sent, and each is handled or refused. */
    CHECK(atomic_load(&world.small) + stats.refused == EDITIONS * SHARDS * EACH);
    CHECK(stats.refused >= EACH * (EDITIONS - 2)); /* those beside the publisher had no turn in between */
}

/* ---- one body for all, released once, where it was made ---- */

static void count_release(void *bytes, void *arg) {
    struct publishing *world = arg;
    atomic_fetch_add(&world->released, 1);
    free(bytes);
}

ROLE_ON(hoarder_word) { /* every second one passes it on, to itself and then to a neighbour */
    struct role *role = self;
    struct publishing *world = role_world(self);
    CHECK(is_filled(body, rim_size(msg)) && rim_size(msg) == 5000);
    if (role->cast.index % 2 == 0 && role->count++ < 2) {
        rim_ref to = role->count == 1 ? rim_self(ctx) : world->publisher;
        CHECK(rim_send_msg(ctx, to, rim_take(ctx, msg)) == 0);
    }
    return RIM_DONE;
}
static const rim_handler hoarder_on[] = {[WORD] = hoarder_word};
ROLE(hoarder, hoarder_on);

ROLE_ON(author_go) {
    struct publishing *world = role_world(self);
    if (!knows_all(ctx, SHARDS * EACH)) {
        return RIM_DONE;
    }
    world->publisher = rim_self(ctx);
    char *bytes = malloc(5000);
    fill(bytes, 5000);
    rim_msg *msg_of_it = rim_msg_wrap(ctx, WORD, bytes, 5000, count_release, world);
    CHECK(rim_publish_msg(ctx, group_of(ctx), msg_of_it) == SHARDS * EACH);
    return RIM_DONE;
}
ROLE_ON(author_word) {
    struct publishing *world = role_world(self);
    CHECK(is_filled(body, rim_size(msg)) && rim_size(msg) == 5000);
    CHECK(atomic_load(&world->released) == 0); /* we have it still */
    if (atomic_fetch_add(&world->heard, 1) + 1 == SHARDS * EACH / 2) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}
static const rim_handler author_on[] = {[GO] = author_go, [WORD] = author_word};
ROLE(author, author_on);

void groups_share_one_body_and_release_it_once(struct scenario *s) {
    static struct publishing world;
    memset(&world, 0, sizeof world);
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = SHARDS});
    add_members(s, &hoarder, (rim_spawn_options){0}, (struct role_cast){.world = &world});
    role_go(s, role_spawn(s, &author, 2, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
    rim_stats stats;
    role_settle(s, &stats);
    rim_stop_report report;
    CHECK(scenario_stop(s, RIM_SECONDS(10), &report) == 0);
    CHECK(report.adds_up && !report.leaks && report.lost == 0);
    CHECK(atomic_load(&world.released) == 1);
}

/* ---- without room on the way ---- */

ROLE_ON(flooder_go) {
    static const char body_of_it[1000];
    uint64_t reached = 0;
    if (!knows_all(ctx, SHARDS * EACH)) {
        return RIM_DONE;
    }
    for (int i = 0; i < 300; i++) {
        int count = rim_publish(ctx, group_of(ctx), WORD, body_of_it, sizeof body_of_it);
        CHECK(count == -RIM_EFULL || (count > 0 && count <= (int)(SHARDS * EACH)));
        reached += count > 0 ? (uint64_t)count : 0;
    }
    CHECK(reached > 0 && reached < 300 * SHARDS * EACH);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler flooder_on[] = {[GO] = flooder_go};
ROLE(flooder, flooder_on);

void groups_count_what_finds_no_way(struct scenario *s) {
    static struct publishing world;
    memset(&world, 0, sizeof world);
    scenario_system_with(s, &(rim_config){.shards = SHARDS, .parcels = 2});
    add_members(s, &listener, (rim_spawn_options){.mailbox_count = 20}, (struct role_cast){.world = &world});
    role_go(s, role_spawn(s, &flooder, 1, (struct role_cast){0}));
    scenario_run(s, ROLE_LIMIT_NS);
    rim_stats stats;
    role_settle(s, &stats);
    CHECK(atomic_load(&world.large) + stats.refused == 300 * SHARDS * EACH);
}
