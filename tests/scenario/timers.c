/* SPDX-License-Identifier: MIT */
/* Timers of actors. */
#include <time.h>

#include "role.h"

#define GRAIN_NS 16384u /* deadlines this near to each other may fire in any order */

struct clockwork {
    uint64_t armed_ns, last_ns, fired;
    rim_timer timer;
};

static void take_time(uint64_t ns) {
    struct timespec rest = {.tv_nsec = (long)ns};
    nanosleep(&rest, NULL);
}

/* ---- once ---- */

ROLE_ON(once_go) {
    struct clockwork *world = role_world(self);
    world->armed_ns = rim_now(ctx);
    world->timer = rim_after(ctx, RIM_MS(2), 77);
    rim_after(ctx, RIM_MS(30), 78);
    return RIM_DONE;
}

ROLE_ON(once_timer) {
    struct clockwork *world = role_world(self);
    const rim_timer_event *event = body;
    CHECK(rim_size(msg) == sizeof *event);
    if (event->cookie == 78) {
        CHECK(world->fired == 1);
        scenario_done(ctx);
        return RIM_DONE;
    }
    CHECK(event->cookie == 77);
    CHECK(event->timer == world->timer);
    CHECK(event->missed == 0);
    CHECK(rim_now(ctx) >= world->armed_ns + RIM_MS(2));
    CHECK(++world->fired == 1);
    return RIM_DONE;
}
static const rim_handler once_on[] = {[GO] = once_go, [RIM_TIMER] = once_timer};
ROLE(once, once_on);

void timer_fires_once_and_never_early(struct scenario *s) {
    static struct clockwork world;
    world = (struct clockwork){0};
    role_go(s, role_spawn(s, &once, 0, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- periodic: every period is an event, or counted in one ---- */

ROLE_ON(period_go) {
    struct clockwork *world = role_world(self);
    world->armed_ns = rim_now(ctx);
    world->timer = rim_every(ctx, RIM_MS(1), RIM_MS(1), 5);
    return RIM_DONE;
}

ROLE_ON(period_timer) {
    struct role *role = self;
    struct clockwork *world = role_world(self);
    const rim_timer_event *event = body;
    world->fired += 1 + event->missed;
    CHECK(rim_now(ctx) >= world->armed_ns + world->fired * RIM_MS(1));
    CHECK(rim_now(ctx) < world->armed_ns + RIM_SECONDS(15));
    if (role->count++ == 3 && !scenario_is_sim(scenario_current())) {
        take_time(RIM_MS(5)); /* the next event says that periods passed */
    }
    role->value += event->missed;
    if (role->count == 10) {
        CHECK(role->value > 0 || scenario_is_sim(scenario_current()));
        CHECK(rim_cancel(ctx, world->timer)); /* from its own handler */
        CHECK(!rim_cancel(ctx, world->timer));
        rim_after(ctx, RIM_MS(10), 6);
    }
    if (event->cookie == 6) {
        scenario_done(ctx);
    } else {
        CHECK(role->count <= 10);
    }
    return RIM_DONE;
}
static const rim_handler period_on[] = {[GO] = period_go, [RIM_TIMER] = period_timer};
ROLE(periodic, period_on);

void periodic_timer_counts_what_it_missed_and_ends_when_cancelled(struct scenario *s) {
    static struct clockwork world;
    world = (struct clockwork){0};
    role_go(s, role_spawn(s, &periodic, 1, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- ten thousand ---- */

#define MANY 10000u

ROLE_ON(many_go) {
    struct clockwork *world = role_world(self);
    world->armed_ns = rim_now(ctx);
    for (uint32_t i = 0; i < MANY; i++) {
        uint64_t delay_ns = rim_random(ctx) % RIM_MS(50);
        CHECK(rim_after(ctx, delay_ns, delay_ns) != RIM_NIL);
    }
    return RIM_DONE;
}

ROLE_ON(many_timer) {
    struct clockwork *world = role_world(self);
    uint64_t delay_ns = ((const rim_timer_event *)body)->cookie;
    CHECK(delay_ns + GRAIN_NS >= world->last_ns);
    CHECK(rim_now(ctx) >= world->armed_ns + delay_ns);
    world->last_ns = delay_ns > world->last_ns ? delay_ns : world->last_ns;
    if (++world->fired == MANY) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}
static const rim_handler many_on[] = {[GO] = many_go, [RIM_TIMER] = many_timer};
ROLE(many_timers, many_on);

void ten_thousand_timers_fire_in_order(struct scenario *s) {
    static struct clockwork world;
    world = (struct clockwork){0};
    rim_spawn_options options = {.mailbox_count = 2}; /* events have their place */
    role_go(s, role_spawn_with(s, &many_timers, options, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- nothing to do: no wake-ups ---- */

ROLE_ON(idle_word) {
    return RIM_DONE;
}
static const rim_handler idle_on[] = {[WORD] = idle_word};
ROLE(idler, idle_on);

void idle_system_does_not_wake_up(struct scenario *s) {
    static struct clockwork world;
    world = (struct clockwork){0};
    rim_stats before, after;
    for (uint32_t i = 0; i < 10; i++) {
        role_spawn(s, &idler, i % 2, (struct role_cast){.world = &world});
    }
    role_settle(s, &before);
    scenario_pass_time(s, RIM_SECONDS(1));
    CHECK(rim_system_stats(scenario_system(s), RIM_ALL_SHARDS, &after) == 0);
    CHECK(after.handled == before.handled);
    CHECK(after.parks - before.parks <= 32);  /* a second may last longer */
    CHECK(after.ticks - before.ticks <= 600); /* as they were published: at most one publishing behind */
    CHECK(!scenario_is_sim(s) || after.ticks - before.ticks <= 32);
}
