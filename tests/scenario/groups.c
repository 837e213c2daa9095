/* SPDX-License-Identifier: MIT */
/* Groups: who is a member, who hears of it, and when that ends. */
#include <stdatomic.h>

#include "role.h"

#define SHARDS 3u
#define TOPIC  "weather"

struct grouping {
    atomic_uint told, joined, left;
    rim_ref refs[SHARDS][64];
    uint32_t counts[SHARDS];
};

static rim_ref group_of(const rim_ctx *ctx) {
    return rim_group(ctx, TOPIC);
}

static bool is_among(const rim_ref *refs, uint32_t count, rim_ref who) {
    uint32_t i = 0;
    while (i < count && refs[i] != who) {
        i++;
    }
    return i < count;
}

static bool is_member(const rim_ctx *ctx, rim_ref who) {
    rim_ref refs[64];
    return is_among(refs, rim_group_members(ctx, group_of(ctx), refs, 64), who);
}

/* ---- an ended member is none any more, when its end is known ---- */

ROLE_ON(mortal_go) {
    struct role *role = self;
    CHECK(rim_join(ctx, group_of(ctx)) == 0);
    CHECK(rim_join(ctx, group_of(ctx)) == 0); /* once */
    CHECK(rim_group_count(ctx, group_of(ctx)) >= 1);
    role_say(ctx, role->cast.who, WORD, rim_self(ctx));
    return RIM_DONE;
}
ROLE_ON(mortal_end) {
    return ((struct role *)self)->cast.index % 2 == 0 ? RIM_STOP : RIM_FAIL;
}
static const rim_handler mortal_on[] = {[GO] = mortal_go, [END] = mortal_end};
ROLE(mortal, mortal_on);

/* It joined before it told us; so we know it. */
ROLE_ON(mourner_word) {
    rim_ref member = role_number(body);
    CHECK(is_member(ctx, member));
    CHECK(rim_monitor(ctx, member, 0) != RIM_NIL);
    CHECK(rim_send(ctx, member, END, NULL, 0) == 0);
    return RIM_DONE;
}
ROLE_ON(mourner_down) {
    struct role *role = self;
    const rim_down_event *down = body;
    CHECK(down->code != RIM_EXIT_NOACTOR && !is_member(ctx, down->who));
    if (++role->count == 2 * SHARDS) {
        CHECK(rim_group_count(ctx, group_of(ctx)) == 0);
        scenario_done(ctx);
    }
    return RIM_DONE;
}
ROLE_ON(mourner_go) {
    for (uint32_t i = 0; i < 2 * SHARDS; i++) {
        struct role_cast cast = {.index = i, .who = rim_self(ctx)};
        CHECK(rim_send(ctx, role_add(ctx, &mortal, i % SHARDS, cast), GO, NULL, 0) == 0);
    }
    return RIM_DONE;
}
static const rim_handler mourner_on[] = {[GO] = mourner_go, [WORD] = mourner_word, [RIM_DOWN] = mourner_down};
ROLE(mourner, mourner_on);

void groups_have_lost_a_member_when_its_end_is_known(struct scenario *s) {
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = SHARDS});
    role_go(s, role_spawn(s, &mourner, 1, (struct role_cast){0}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- members from birth on ---- */

static rim_verdict newborn_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    role_init(ctx, self, arg, size);
    CHECK(is_member(ctx, rim_self(ctx)));
    return RIM_DONE;
}
ROLE_ON(newborn_word) {
    struct grouping *world = role_world(self);
    CHECK(rim_leave(ctx, group_of(ctx)) == 0);
    CHECK(rim_leave(ctx, group_of(ctx)) == -RIM_ENOBODY);
    if (atomic_fetch_add(&world->told, 1) + 1 == 2 * SHARDS) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}
static const rim_handler newborn_on[] = {[WORD] = newborn_word};
static const rim_behaviour newborn = {.name = "newborn",
                                      .state_size = sizeof(struct role),
                                      .init = newborn_init,
                                      .on = newborn_on,
                                      .on_count = RIM_COUNT(newborn_on)};

ROLE_ON(midwife_go) {
    for (uint32_t i = 0; i < SHARDS; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i, .group = group_of(ctx)};
        rim_ref ref;
        CHECK(rim_spawn(ctx, &newborn, &options, &((struct role *)self)->cast, sizeof(struct role_cast), &ref) == 0);
    }
    rim_spawn_options wrong = {.group = rim_self(ctx)};
    rim_ref ref;
    CHECK(rim_spawn(ctx, &newborn, &wrong, NULL, 0, &ref) == -RIM_EBADREF);
    CHECK(rim_after(ctx, RIM_MS(5), 0) != RIM_NIL);
    return RIM_DONE;
}
ROLE_ON(midwife_timer) { /* until all shards have heard of all */
    if (rim_group_count(ctx, group_of(ctx)) < 2 * SHARDS) {
        CHECK(rim_after(ctx, RIM_MS(5), 0) != RIM_NIL);
        return RIM_DONE;
    }
    CHECK(rim_publish(ctx, group_of(ctx), WORD, NULL, 0) == 2 * SHARDS);
    return RIM_DONE;
}
static const rim_handler midwife_on[] = {[GO] = midwife_go, [RIM_TIMER] = midwife_timer};
ROLE(midwife, midwife_on);

void groups_are_joined_with_the_spawn(struct scenario *s) {
    static struct grouping world;
    memset(&world, 0, sizeof world);
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = SHARDS});
    rim_ref group = rim_system_group(scenario_system(s), TOPIC);
    for (uint32_t i = 0; i < SHARDS; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i, .group = group};
        role_spawn_with(s, &newborn, options, (struct role_cast){.world = &world});
    }
    role_go(s, role_spawn(s, &midwife, 0, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- watched ---- */

ROLE_ON(guest_go) {
    CHECK(rim_join(ctx, group_of(ctx)) == 0);
    return ((struct role *)self)->cast.index % 2 == 0 ? RIM_STOP : RIM_DONE;
}
ROLE_ON(guest_end) {
    CHECK(rim_leave(ctx, group_of(ctx)) == 0);
    return RIM_DONE;
}
static const rim_handler guest_on[] = {[GO] = guest_go, [END] = guest_end};
ROLE(guest, guest_on);

ROLE_ON(doorman_group) {
    struct role *role = self;
    const rim_group_event *event = body;
    CHECK(event->group == group_of(ctx));
    role->value += event->joined ? 1 : (uint64_t)-1;
    CHECK(event->count == role->value);
    if (++role->count == 4 * SHARDS) {
        CHECK(role->value == 0);
        CHECK(rim_group_watch(ctx, group_of(ctx), false) == 0);
        CHECK(rim_group_watch(ctx, group_of(ctx), false) == 0);
        if (atomic_fetch_add(&((struct grouping *)role_world(self))->told, 1) + 1 == SHARDS) {
            CHECK(rim_join(ctx, group_of(ctx)) == 0); /* of which nobody tells */
            scenario_done(ctx);
        }
    }
    CHECK(role->count <= 4 * SHARDS);
    return RIM_DONE;
}
ROLE_ON(doorman_go) {
    CHECK(rim_group_watch(ctx, group_of(ctx), true) == 0);
    CHECK(rim_group_watch(ctx, group_of(ctx), true) == 0); /* once */
    CHECK(rim_group_count(ctx, group_of(ctx)) == 0);
    if (atomic_fetch_add(&((struct grouping *)role_world(self))->joined, 1) + 1 == SHARDS) {
        for (uint32_t i = 0; i < 2 * SHARDS; i++) {
            rim_ref member = role_add(ctx, &guest, i / 2, (struct role_cast){.index = i});
            CHECK(rim_send(ctx, member, GO, NULL, 0) == 0);
            CHECK(rim_send(ctx, member, END, NULL, 0) == 0 || i % 2 == 0);
        }
    }
    return RIM_DONE;
}
static const rim_handler doorman_on[] = {[GO] = doorman_go, [RIM_GROUP] = doorman_group};
ROLE(doorman, doorman_on);

void groups_tell_those_who_watch_of_each_join_and_leave(struct scenario *s) {
    static struct grouping world;
    memset(&world, 0, sizeof world);
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = SHARDS});
    for (uint32_t i = 0; i < SHARDS; i++) {
        role_go(s, role_spawn(s, &doorman, i, (struct role_cast){.world = &world}));
    }
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- churn ---- */

#define CROWD 30u
#define STEPS 30u

ROLE_ON(drifter_step) {
    struct role *role = self;
    int error = rim_random(ctx) % 2 == 0 ? rim_join(ctx, group_of(ctx)) : rim_leave(ctx, group_of(ctx));
    CHECK(error == 0 || error == -RIM_ENOBODY);
    if (++role->count == STEPS) {
        atomic_fetch_add(&((struct grouping *)role_world(self))->left, 1);
        return role->cast.index % 3 == 0 ? RIM_STOP : RIM_DONE; /* some stay, as members or not */
    }
    CHECK(rim_after(ctx, RIM_US(rim_random(ctx) % 200), 0) != RIM_NIL);
    return RIM_DONE;
}
static const rim_handler drifter_on[] = {[GO] = drifter_step, [RIM_TIMER] = drifter_step};
ROLE(drifter, drifter_on);

ROLE_ON(counter_go) {
    struct grouping *world = role_world(self);
    uint32_t shard = rim_shard_index(ctx);
    rim_ref here[64];
    world->counts[shard] = rim_group_members(ctx, group_of(ctx), world->refs[shard], 64);
    CHECK(world->counts[shard] == rim_group_count(ctx, group_of(ctx)));
    uint32_t local = rim_group_members_here(ctx, group_of(ctx), here, 64);
    for (uint32_t i = 0; i < local; i++) {
        CHECK(rim_shard_of(here[i]) == shard && here[i] == world->refs[shard][i]);
    }
    if (atomic_fetch_add(&world->told, 1) + 1 == SHARDS) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}
static const rim_handler counter_on[] = {[GO] = counter_go};
ROLE(counter, counter_on);

void groups_agree_on_all_shards_after_churn(struct scenario *s) {
    static struct grouping world;
    memset(&world, 0, sizeof world);
    scenario_system_with(s, &(rim_config){.shards = SHARDS});
    for (uint32_t i = 0; i < CROWD; i++) {
        role_go(s, role_spawn(s, &drifter, i % SHARDS, (struct role_cast){.world = &world, .index = i}));
    }
    rim_stats stats;
    for (int i = 0; i < 10000 && atomic_load(&world.left) < CROWD; i++) {
        scenario_pass_time(s, RIM_MS(1));
    }
    role_settle(s, &stats);
    for (uint32_t i = 0; i < SHARDS; i++) {
        role_go(s, role_spawn(s, &counter, i, (struct role_cast){.world = &world}));
    }
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(world.counts[0] > 0); /* of twenty that stay, some are members */
    for (uint32_t i = 1; i < SHARDS; i++) {
        CHECK(world.counts[i] == world.counts[0]);
        for (uint32_t k = 0; k < world.counts[i]; k++) {
            CHECK(is_among(world.refs[0], world.counts[0], world.refs[i][k]));
        }
    }
}

/* ---- bad arguments ---- */

ROLE_ON(arguments_go) {
    rim_ref me = rim_self(ctx), group = group_of(ctx), out;
    CHECK(rim_group(ctx, NULL) == RIM_NIL && rim_group(ctx, "") == RIM_NIL);
    CHECK(rim_group(ctx, TOPIC) == group && rim_group(ctx, "other") != group);
    CHECK(rim_system_group(rim_system_of(ctx), TOPIC) == group);
    CHECK(rim_system_group(rim_system_of(ctx), NULL) == RIM_NIL);
    CHECK(rim_join(ctx, me) == -RIM_EBADREF && rim_join(ctx, RIM_NIL) == -RIM_EBADREF);
    CHECK(rim_leave(ctx, me) == -RIM_EBADREF && rim_leave(ctx, group) == -RIM_ENOBODY);
    CHECK(rim_group_watch(ctx, me, true) == -RIM_EBADREF);
    CHECK(rim_group_count(ctx, me) == 0 && rim_group_members(ctx, me, &out, 1) == 0);
    CHECK(rim_group_members_here(ctx, group, &out, 1) == 0);
    CHECK(rim_publish(ctx, me, WORD, NULL, 0) == -RIM_EBADREF);
    CHECK(rim_publish(ctx, group, RIM_USER - 1, NULL, 0) == -EINVAL);
    CHECK(rim_publish(ctx, group, WORD, NULL, 4) == -EINVAL);
    CHECK(rim_publish(ctx, group, WORD, NULL, 0) == 0); /* nobody is there */
    CHECK(rim_publish_msg(ctx, group, NULL) == -EINVAL);
    CHECK(rim_publish_msg(ctx, group, rim_msg_new(ctx, WORD, 5000)) == 0); /* and not leaked */
    CHECK(rim_publish_msg(ctx, me, rim_msg_new(ctx, WORD, 8)) == -RIM_EBADREF);
    CHECK(rim_send(ctx, group, WORD, NULL, 0) == -RIM_EBADREF);
    CHECK(rim_monitor(ctx, group, 0) == RIM_NIL);
    CHECK(rim_pool(me, RIM_POOL_ROUND) == RIM_NIL && rim_pool(group, (rim_pool_policy)4) == RIM_NIL);
    rim_ref pool = rim_pool(group, RIM_POOL_LEAST);
    CHECK(rim_pool_pick(ctx, pool, 0) == RIM_NIL && rim_pool_pick(ctx, group, 0) == RIM_NIL);
    CHECK(rim_pool_send(ctx, pool, 0, WORD, NULL, 0) == -RIM_ENOBODY);
    CHECK(rim_pool_send(ctx, me, 0, WORD, NULL, 0) == -RIM_EBADREF);
    rim_ask ask = {.msg = rim_msg_new(ctx, WORD, 8), .timeout_ns = 1};
    CHECK(rim_pool_request(ctx, pool, 0, &ask, NULL) == -RIM_ENOBODY);
    CHECK(rim_send(ctx, pool, WORD, NULL, 0) == -RIM_EBADREF);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler arguments_on[] = {[GO] = arguments_go};
ROLE(arguments, arguments_on);

void bad_arguments_of_group_h(struct scenario *s) {
    role_go(s, role_spawn(s, &arguments, 1, (struct role_cast){0}));
    scenario_run(s, ROLE_LIMIT_NS);
}
