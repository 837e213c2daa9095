/* SPDX-License-Identifier: MIT */
/* A name passes from one life to the next: whoever has the RIM_DOWN can spawn the successor with the same name. */
#include <stdatomic.h>

#include "role.h"

#define SHARDS 3u
#define LIVES  8u

struct dynasty {
    atomic_uint reigns, kings; /* kings: at one time */
};

static rim_verdict king_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    role_init(ctx, self, arg, size);
    struct dynasty *world = role_world(self);
    CHECK(atomic_fetch_add(&world->kings, 1) == 0);
    atomic_fetch_add(&world->reigns, 1);
    CHECK(rim_find(ctx, "king") == rim_self(ctx));
    return rim_join(ctx, rim_group(ctx, "crowned")) == 0 ? RIM_DONE : RIM_FAIL;
}
static void king_exit(rim_ctx *ctx, void *self, rim_exit why) {
    (void)ctx, (void)why;
    CHECK(atomic_fetch_sub(&((struct dynasty *)role_world(self))->kings, 1) == 1);
}
ROLE_ON(king_end) {
    return ((struct role *)self)->cast.index % 3 == 0 ? RIM_STOP : RIM_FAIL;
}
static const rim_handler king_on[] = {[END] = king_end};
static const rim_behaviour king = {.name = "king",
                                   .state_size = sizeof(struct role),
                                   .init = king_init,
                                   .exit = king_exit,
                                   .on = king_on,
                                   .on_count = RIM_COUNT(king_on)};

/* One is told to end, one is killed, and so on. */
static void crown(rim_ctx *ctx, struct role *court) {
    uint64_t life = court->count;
    struct role_cast cast = {.world = court->cast.world, .index = life};
    rim_spawn_options options = {.place = RIM_ON_SHARD,
                                 .shard = (uint32_t)(life / 2 % SHARDS),
                                 .name = "king",
                                 .monitor = true};
    CHECK(rim_spawn(ctx, &king, &options, &cast, sizeof cast, &court->ref) == 0);
    if (life % 4 != 3) {
        CHECK(rim_send(ctx, court->ref, END, NULL, 0) == 0);
        return;
    }
    CHECK(rim_after(ctx, RIM_MS(1), 0) != RIM_NIL); /* in which it may have come to reign, or not */
}
ROLE_ON(court_timer) {
    CHECK(rim_kill(ctx, ((struct role *)self)->ref) == 0);
    return RIM_DONE;
}
ROLE_ON(court_go) {
    crown(ctx, self);
    return RIM_DONE;
}
ROLE_ON(court_down) {
    struct role *role = self;
    const rim_down_event *down = body;
    rim_ref left;
    CHECK(down->who == role->ref && down->code != RIM_EXIT_NAME);
    CHECK(rim_find(ctx, "king") == RIM_NIL);
    CHECK(rim_group_members(ctx, rim_group(ctx, "crowned"), &left, 1) == 0);
    if (++role->count == LIVES) {
        scenario_done(ctx);
    } else {
        crown(ctx, role);
    }
    return RIM_DONE;
}
static const rim_handler court_on[] = {[GO] = court_go, [RIM_DOWN] = court_down, [RIM_TIMER] = court_timer};
ROLE(court, court_on);

void contract_06_names_and_groups_are_free_when_the_monitor_fires(struct scenario *s) {
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        static struct dynasty world;
        world = (struct dynasty){0};
        scenario_open_lanes(s);
        scenario_system_with(s, &(rim_config){.shards = SHARDS});
        role_go(s, role_spawn(s, &court, shard, (struct role_cast){.world = &world}));
        scenario_run(s, ROLE_LIMIT_NS);
        CHECK(atomic_load(&world.kings) == 0);
        CHECK(atomic_load(&world.reigns) >= LIVES - LIVES / 4); /* one that is killed early never reigns */
    }
}

/* ---- taken: the spawner's monitor says so ---- */

ROLE_ON(pretender_down) {
    const rim_down_event *down = body;
    CHECK(down->code == RIM_EXIT_NAME && down->text[0] != '\0');
    CHECK(rim_find(ctx, "king") == ((struct role *)self)->ref);
    if (++((struct role *)self)->count == SHARDS) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}
ROLE_OUTCOME(pretender_knows) {
    struct role *role = self;
    CHECK(error == 0);
    role->ref = *(const rim_ref *)body;
    for (uint32_t i = 0; i < SHARDS; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i, .name = "king", .monitor = true};
        rim_ref ref;
        CHECK(rim_spawn(ctx, &king, &options, &role->cast, sizeof role->cast, &ref) == 0);
    }
    return RIM_DONE;
}
ROLE_ON(pretender_go) {
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = 2, .name = "king"};
    rim_finding finding = {.name = "king", .timeout_ns = RIM_SECONDS(5), .on_outcome = pretender_knows};
    rim_ref ref;
    CHECK(rim_spawn(ctx, &king, &options, &((struct role *)self)->cast, sizeof(struct role_cast), &ref) == 0);
    CHECK(rim_find_later(ctx, &finding, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler pretender_on[] = {[GO] = pretender_go, [RIM_DOWN] = pretender_down};
ROLE(pretender, pretender_on);

void contract_06_monitor_of_a_spawn_sees_that_its_name_is_taken(struct scenario *s) {
    static struct dynasty world;
    world = (struct dynasty){0};
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = SHARDS});
    role_go(s, role_spawn(s, &pretender, 1, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(atomic_load(&world.reigns) == 1);
}
