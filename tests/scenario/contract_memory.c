/* SPDX-License-Identifier: MIT */
/* Point 11 of the contract: memory belongs to the actor, bodies have one owner. */
#include <pthread.h>
#include <stdatomic.h>

#include "role.h"

/* ---- wrapped bodies: released once, on the shard that made them ---- */

enum { HEARD = WORD, TAKEN = ADD, HELD = MORE, FORWARDED = CANCEL };

static const char text[] = "a body that is nobody's copy";

struct wrap {
    rim_ref receivers[2], dead[2], full[2];
    atomic_uint made, released;
    pthread_t maker; /* in the real world the shard is its thread */
    atomic_bool going;
};

static void release(void *bytes, void *arg) {
    struct wrap *world = arg;
    CHECK(bytes == text);
    CHECK(!atomic_load(&world->going) || pthread_equal(world->maker, pthread_self()));
    atomic_fetch_add(&world->released, 1);
}

static rim_msg *wrap(rim_ctx *ctx, struct wrap *world, uint32_t tag) {
    rim_msg *msg = rim_msg_wrap(ctx, tag, (void *)(uintptr_t)text, sizeof text, release, world);
    CHECK(msg != NULL);
    CHECK(rim_body(msg) == text);
    CHECK(rim_size(msg) == sizeof text);
    atomic_fetch_add(&world->made, 1);
    return msg;
}

ROLE_ON(wrap_heard) {
    CHECK(body == text);
    CHECK(rim_size(msg) == sizeof text);
    return RIM_DONE;
}

ROLE_ON(wrap_taken) {
    rim_msg *kept = rim_take(ctx, msg);
    CHECK(kept != NULL);
    CHECK(rim_body(kept) == text);
    rim_msg_free(ctx, kept);
    return RIM_DONE;
}

/* Held until the actor's end, which is the system's. */
ROLE_ON(wrap_held) {
    struct role *role = self;
    CHECK(role->handle == 0);
    role->handle = (uint64_t)(uintptr_t)rim_take(ctx, msg);
    return RIM_DONE;
}

static void wrap_exit(rim_ctx *ctx, void *self, rim_exit why) {
    (void)why;
    rim_msg_free(ctx, (rim_msg *)(uintptr_t)((struct role *)self)->handle);
}

/* To the other receiver, which hears it. */
ROLE_ON(wrap_forwarded) {
    struct role *role = self;
    struct wrap *world = role_world(self);
    rim_msg *kept = rim_take(ctx, msg);
    CHECK(kept != NULL);
    rim_msg_retag(kept, HEARD);
    CHECK(rim_send_msg(ctx, world->receivers[1 - role->cast.index], kept) == 0);
    return RIM_DONE;
}
static const rim_handler receiver_on[] = {
    [HEARD] = wrap_heard, [TAKEN] = wrap_taken, [HELD] = wrap_held, [FORWARDED] = wrap_forwarded};
ROLE(wrap_receiver, receiver_on, .exit = wrap_exit);

ROLE_ON(wrap_end) {
    return RIM_STOP;
}
static const rim_handler dead_on[] = {[END] = wrap_end};
ROLE(wrap_dead, dead_on);

static void send_wrapped(rim_ctx *ctx, struct wrap *world, uint32_t i) {
    CHECK(rim_send_msg(ctx, world->receivers[i], wrap(ctx, world, HEARD)) == 0);
    CHECK(rim_send_msg(ctx, world->receivers[i], wrap(ctx, world, TAKEN)) == 0);
    CHECK(rim_send_msg(ctx, world->receivers[i], wrap(ctx, world, HELD)) == 0);
    CHECK(rim_send_msg(ctx, world->receivers[i], wrap(ctx, world, FORWARDED)) == 0);
    CHECK(rim_send_msg(ctx, world->receivers[i], wrap(ctx, world, NOBODY)) == 0); /* no row */
    CHECK(rim_send_msg(ctx, world->dead[i], wrap(ctx, world, HEARD)) == (i == 0 ? -RIM_EDOWN : 0));
    CHECK(rim_send_msg(ctx, RIM_NIL, wrap(ctx, world, HEARD)) == -RIM_EBADREF);
    CHECK(rim_send_msg(ctx, world->receivers[i], wrap(ctx, world, 5)) == -EINVAL);
    for (int full = 0; full < 8; full++) { /* room for two */
        rim_send_msg(ctx, world->full[i], wrap(ctx, world, HEARD));
    }
    rim_msg *msg = wrap(ctx, world, HEARD);
    CHECK(rim_try_send(ctx, RIM_NIL, &msg) == -RIM_EBADREF);
    CHECK(msg != NULL);
    rim_msg_free(ctx, msg);
}

ROLE_ON(wrap_go) {
    struct wrap *world = role_world(self);
    world->maker = pthread_self();
    atomic_store(&world->going, true);
    for (uint32_t i = 0; i < 2; i++) {
        send_wrapped(ctx, world, i);
    }
    rim_after(ctx, RIM_MS(1), 0);
    return RIM_DONE;
}

ROLE_ON(wrap_timer) {
    struct wrap *world = role_world(self);
    if (atomic_load(&world->made) - atomic_load(&world->released) == 2) { /* the two that are held */
        atomic_store(&world->going, false);
        scenario_done(ctx);
    } else {
        rim_after(ctx, RIM_MS(1), 0);
    }
    return RIM_DONE;
}
static const rim_handler maker_on[] = {[GO] = wrap_go, [RIM_TIMER] = wrap_timer};
ROLE(wrap_maker, maker_on);

void contract_11_wrapped_body_is_released_once_by_its_maker(struct scenario *s) {
    static struct wrap world;
    world = (struct wrap){0};
    struct role_cast cast = {.world = &world};
    rim_stop_report report;
    scenario_open_lanes(s);
    for (uint32_t i = 0; i < 2; i++) {
        rim_spawn_options tiny = {.place = RIM_ON_SHARD, .shard = i, .mailbox_count = 2};
        cast.index = i;
        world.receivers[i] = role_spawn(s, &wrap_receiver, i, cast);
        world.full[i] = role_spawn_with(s, &wrap_receiver, tiny, cast);
        world.dead[i] = role_spawn(s, &wrap_dead, i, cast);
        CHECK(rim_system_send(scenario_system(s), world.dead[i], END, NULL, 0) == 0);
    }
    role_rest(s);
    role_go(s, role_spawn(s, &wrap_maker, 0, cast));
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(scenario_stop(s, RIM_SECONDS(5), &report) == 0);
    CHECK(report.adds_up);
    CHECK(!report.leaks);
    CHECK(atomic_load(&world.made) == atomic_load(&world.released));
}

/* ---- a body that is queued when the stop is cut off ---- */

ROLE_ON(cut_word) {
    CHECK(rim_send(ctx, rim_self(ctx), WORD, NULL, 0) == 0);
    return RIM_DONE;
}
static const rim_handler cut_on[] = {[WORD] = cut_word};
ROLE(cut_receiver, cut_on);

ROLE_ON(cut_go) {
    struct role *role = self;
    struct wrap *world = role_world(self);
    world->maker = pthread_self();
    for (int i = 0; i < 20; i++) { /* those that come behind the endless one's own are queued for long */
        CHECK(rim_send_msg(ctx, role->cast.who, wrap(ctx, world, WORD)) == 0);
    }
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler cut_maker_on[] = {[GO] = cut_go};
ROLE(cut_maker, cut_maker_on);

void contract_11_wrapped_body_is_released_when_the_stop_is_cut_off(struct scenario *s) {
    for (uint32_t shard = 0; shard < 2; shard++) {
        static struct wrap world;
        world = (struct wrap){0};
        struct role_cast cast = {.world = &world};
        rim_stop_report report;
        scenario_open_lanes(s);
        scenario_system_with(s, &(rim_config){.shards = 2});
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = shard, .budget = 1};
        cast.who = role_spawn_with(s, &cut_receiver, options, cast);
        role_go(s, role_spawn(s, &cut_maker, 0, cast));
        scenario_run(s, ROLE_LIMIT_NS);
        CHECK(scenario_stop(s, RIM_US(100), &report) == -ETIMEDOUT);
        CHECK(report.adds_up);
        CHECK(!report.leaks);
        CHECK(atomic_load(&world.made) == 20);
        CHECK(atomic_load(&world.released) == 20);
    }
}

/* ---- the actor's own memory ---- */

ROLE_ON(hoard_go) {
    unsigned char *block = rim_alloc(ctx, 6000);
    CHECK(block != NULL);
    CHECK((uintptr_t)block % 16 == 0);
    memset(block, 7, 6000);
    CHECK(rim_alloc(ctx, 4001) == NULL);
    CHECK(rim_alloc(ctx, SIZE_MAX) == NULL);
    CHECK(rim_realloc(ctx, block, 20000) == NULL);
    void *second = rim_alloc(ctx, 4000);
    CHECK(second != NULL);
    rim_free(ctx, second);
    rim_free(ctx, NULL);
    block = rim_realloc(ctx, block, 100);
    CHECK(block != NULL);
    CHECK(block[0] == 7 && block[99] == 7);
    block = rim_realloc(ctx, block, 5000);
    CHECK(block != NULL);
    CHECK(block[0] == 7 && block[99] == 7);
    CHECK(rim_realloc(ctx, NULL, 10) != NULL);
    scenario_done(ctx);
    return RIM_STOP; /* with what it holds */
}
static const rim_handler hoard_on[] = {[GO] = hoard_go};
ROLE(hoarder, hoard_on);

void contract_11_own_memory_is_bounded_and_freed_at_the_end(struct scenario *s) {
    static struct wrap world;
    world = (struct wrap){0};
    rim_stats before, after;
    role_settle(s, &before);
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = 1, .memory_bytes = 10000};
    role_go(s, role_spawn_with(s, &hoarder, options, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
    role_settle(s, &after);
    CHECK(after.actors == before.actors);
    CHECK(after.blocks == before.blocks);
    CHECK(after.memory_bytes <= before.memory_bytes);
}
