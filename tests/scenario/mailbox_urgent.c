/* SPDX-License-Identifier: MIT */
/* Urgent messages go ahead of ordinary ones, in order among themselves, and are bounded. */
#include <stdatomic.h>

#include "ringmail/mailbox.h"
#include "role.h"

#define HEARD_MAX 128u
#define FIRST     1000u /* urgent numbers begin here */

struct urgent {
    rim_ref sink;
    uint32_t ordinary, urgent; /* how many of each are sent, the ordinary ones first */
    uint64_t heard[HEARD_MAX];
    atomic_uint count, refused; /* count: of what is heard, and after it */
    bool across;
};

ROLE_ON(sink_word) {
    struct urgent *world = role_world(self);
    unsigned at = atomic_load(&world->count);
    CHECK(at < HEARD_MAX);
    world->heard[at % HEARD_MAX] = role_number(body);
    atomic_store(&world->count, at + 1);
    return RIM_DONE;
}
static const rim_handler sink_on[] = {[WORD] = sink_word};
ROLE(urgent_sink, sink_on);

static uint32_t at_most(uint32_t count, uint32_t max) {
    return count < max ? count : max;
}

ROLE_ON(sender_go) {
    struct urgent *world = role_world(self);
    for (uint64_t i = 0; i < world->ordinary; i++) {
        role_say(ctx, world->sink, WORD, i);
    }
    for (uint64_t i = FIRST; i < FIRST + world->urgent; i++) {
        int error = rim_send_urgent(ctx, world->sink, WORD, &i, sizeof i);
        CHECK(error == (world->across || i < FIRST + RIM_URGENT_MAX ? 0 : -RIM_EFULL));
        atomic_fetch_add(&world->refused, error != 0);
    }
    return RIM_DONE;
}

ROLE_ON(sender_refused) {
    const rim_refused_event *event = body;
    atomic_fetch_add(&((struct urgent *)role_world(self))->refused, (unsigned)event->count);
    return RIM_DONE;
}
static const rim_handler sender_on[] = {[GO] = sender_go, [RIM_REFUSED] = sender_refused};
ROLE(urgent_sender, sender_on);

static void send_both(struct scenario *s, uint32_t shard, uint32_t ordinary, uint32_t urgent) {
    static struct urgent world;
    struct role_cast cast = {.world = &world};
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = 2}); /* stops the one before: the world is ours again */
    memset(&world, 0, sizeof world);
    world.ordinary = ordinary;
    world.urgent = urgent;
    world.across = shard > 0;
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = shard, .mailbox_count = 4, .budget = 1};
    world.sink = role_spawn_with(s, &urgent_sink, options, cast);
    rim_ref sender = role_spawn(s, &urgent_sender, 0, cast);
    role_await_births(s, 2);
    role_go(s, sender);
    ROLE_AWAIT(s, atomic_load(&world.count) + atomic_load(&world.refused) == ordinary + urgent);
    rim_stats stats;
    role_settle(s, &stats);
    uint32_t taken = at_most(urgent, RIM_URGENT_MAX), count = atomic_load(&world.count);
    CHECK(count == ordinary + taken);
    CHECK(atomic_load(&world.refused) == urgent - taken);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(world.heard[i] == (i < taken ? FIRST + i : i - taken));
    }
}

void mailbox_urgent_messages_go_ahead_in_order(struct scenario *s) {
    for (uint32_t shard = 0; shard < 2; shard++) {
        send_both(s, shard, 3, 5);
    }
}

void mailbox_urgent_messages_enter_a_full_mailbox(struct scenario *s) {
    for (uint32_t shard = 0; shard < 2; shard++) {
        send_both(s, shard, 4, 7);
    }
}

/* All of them are in one parcel: what is too many is so before the first is handled. */
void mailbox_urgent_messages_are_bounded(struct scenario *s) {
    for (uint32_t shard = 0; shard < 2; shard++) {
        send_both(s, shard, 4, RIM_URGENT_MAX + 6);
    }
}

ROLE_ON(wrong_go) {
    char bytes[RIM_URGENT_SIZE_MAX + 1] = {0};
    rim_ref self_ref = rim_self(ctx);
    CHECK(rim_send_urgent(ctx, self_ref, WORD, bytes, sizeof bytes) == -RIM_ETOOBIG);
    CHECK(rim_send_urgent(ctx, self_ref, RIM_TIMER, NULL, 0) == -EINVAL);
    CHECK(rim_send_urgent(ctx, 17, WORD, NULL, 0) == -RIM_EBADREF);
    CHECK(rim_send_urgent(ctx, ((struct role *)self)->cast.who, WORD, NULL, 0) == -RIM_EDOWN);
    CHECK(rim_send(ctx, self_ref, MORE, NULL, 0) == 0);
    CHECK(rim_send_urgent(ctx, self_ref, WORD, bytes, RIM_URGENT_SIZE_MAX) == 0);
    return RIM_DONE;
}

/* What was urgent is an ordinary message once it is taken. */
ROLE_ON(wrong_word) {
    CHECK(rim_size(msg) == RIM_URGENT_SIZE_MAX);
    rim_msg *kept = rim_take(ctx, msg);
    CHECK(kept != NULL);
    rim_msg_retag(kept, END);
    CHECK(rim_send_msg(ctx, rim_self(ctx), kept) == 0);
    return RIM_DONE;
}

ROLE_ON(wrong_more) {
    ((struct role *)self)->count++;
    return RIM_DONE;
}

ROLE_ON(wrong_end) {
    CHECK(((struct role *)self)->count == 1);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler wrong_on[] = {[GO] = wrong_go, [WORD] = wrong_word, [MORE] = wrong_more, [END] = wrong_end};
ROLE(wrong_role, wrong_on);

ROLE_ON(gone_go) {
    return RIM_STOP;
}
static const rim_handler gone_on[] = {[GO] = gone_go};
ROLE(gone_role, gone_on);

void mailbox_urgent_send_refuses_what_is_wrong(struct scenario *s) {
    rim_ref gone = role_spawn(s, &gone_role, 0, (struct role_cast){0});
    role_go(s, gone);
    rim_ref ref = role_spawn(s, &wrong_role, 0, (struct role_cast){.who = gone});
    role_rest(s);
    role_go(s, ref);
    scenario_run(s, ROLE_LIMIT_NS);
}
