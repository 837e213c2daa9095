/* SPDX-License-Identifier: MIT */
/* The news that an actor has started: RIM_STARTED. */
#include "role.h"

/* What the actor's init does. */
enum { AT_ONCE = 1, LATER, WITHIN_INIT, NOT_NEEDED, FAILS, HAS_NO_INIT };

struct starting {
    rim_ref refs[HAS_NO_INIT + 1];
    uint32_t shard, expected, news, ends;
    bool started[HAS_NO_INIT + 1];
};
static struct starting world;

static rim_verdict child_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct role *role = self;
    CHECK(size == sizeof role->value);
    memcpy(&role->value, arg, size);
    switch (role->value) {
    case LATER:
        CHECK(rim_start_defer(ctx) == 0);
        CHECK(rim_after(ctx, RIM_MS(1), 0) != RIM_NIL);
        return RIM_DONE;
    case WITHIN_INIT:
        CHECK(rim_start_defer(ctx) == 0);
        CHECK(rim_start_confirm(ctx) == 0);
        return RIM_DONE;
    case NOT_NEEDED:
        return RIM_STOP;
    case FAILS:
        return rim_fail(ctx, RIM_EXIT_USER + 1, "it will not start");
    default:
        return RIM_DONE;
    }
}

ROLE_ON(child_confirm) {
    CHECK(rim_start_defer(ctx) == -RIM_ECONTEXT); /* too late */
    CHECK(rim_start_confirm(ctx) == 0);
    CHECK(rim_start_confirm(ctx) == 0); /* tells nothing more */
    return RIM_DONE;
}
static const rim_handler child_on[] = {[RIM_TIMER] = child_confirm};
static const rim_behaviour child = {.name = "child",
                                    .state_size = sizeof(struct role),
                                    .init = child_init,
                                    .on = child_on,
                                    .on_count = RIM_COUNT(child_on)};
static const rim_behaviour child_without_init = {.name = "child without init"};

static void finish_if_all(rim_ctx *ctx) {
    if (++world.expected == HAS_NO_INIT) {
        scenario_done(ctx);
    }
}

static uint64_t index_of(rim_ref who) {
    uint64_t i = 1;
    while (i < HAS_NO_INIT && world.refs[i] != who) {
        i++;
    }
    CHECK(world.refs[i] == who);
    return i;
}

ROLE_ON(spawner_started) {
    uint64_t which = index_of(((const rim_started_event *)body)->who);
    CHECK(which != NOT_NEEDED && which != FAILS);
    CHECK(!world.started[which]);
    world.started[which] = true;
    finish_if_all(ctx);
    return RIM_DONE;
}

ROLE_ON(spawner_down) {
    const rim_down_event *down = body;
    uint64_t which = index_of(down->who);
    CHECK(down->code == (which == FAILS ? RIM_EXIT_INIT : RIM_EXIT_NORMAL));
    CHECK(which == NOT_NEEDED || which == FAILS);
    finish_if_all(ctx);
    return RIM_DONE;
}

ROLE_ON(spawner_go) {
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = world.shard, .acknowledge = true, .monitor = true};
    for (uint64_t i = AT_ONCE; i <= HAS_NO_INIT; i++) {
        const rim_behaviour *behaviour = i == HAS_NO_INIT ? &child_without_init : &child;
        CHECK(rim_spawn(ctx, behaviour, &options, &i, sizeof i, &world.refs[i]) == 0);
    }
    return RIM_DONE;
}
static const rim_handler spawner_on[] = {[GO] = spawner_go, [RIM_STARTED] = spawner_started, [RIM_DOWN] = spawner_down};
ROLE(spawner, spawner_on);

void actor_that_has_started_is_told_to_who_asked(struct scenario *s) {
    for (uint32_t shard = 0; shard < 2; shard++) {
        world = (struct starting){.shard = shard};
        scenario_open_lanes(s);
        scenario_system_with(s, &(rim_config){.shards = 2});
        rim_spawn_options bad = {.acknowledge = true};
        rim_ref ref;
        CHECK(rim_system_spawn(scenario_system(s), &child, &bad, NULL, 0, &ref) == -RIM_ECONTEXT);
        role_go(s, role_spawn(s, &spawner, 0, (struct role_cast){.world = &world}));
        scenario_run(s, ROLE_LIMIT_NS);
        rim_stats stats;
        role_settle(s, &stats);
        CHECK(world.expected == HAS_NO_INIT); /* and nothing after that */
    }
}
