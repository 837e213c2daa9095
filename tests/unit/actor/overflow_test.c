/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "actor/mailbox.h"
#include "rig.h"
#include "ringmail/mailbox.h"
#include "unit.h"

/* A full mailbox by itself: what its policy takes out, and where urgent and unstashed messages are put. */

static struct rig rig;
static rim_ctx *ctx;
static struct rim__actor actor;

static void start(uint8_t policy) {
    static rim_ctx world;
    rig_init(&rig, 1, 4);
    memset(&world, 0, sizeof world);
    ctx = &world;
    ctx->shard = rig.shards[0];
    actor = (struct rim__actor){.count_max = 4, .bytes_max = 100, .stage = RIM_STAGE_ALIVE, .mode = policy};
}

static void finish(void) {
    while (actor.head != NULL) {
        rim__msg_release(ctx->shard, rim__mailbox_pop(&actor));
    }
    CU_ASSERT_EQUAL(actor.count, 0);
    CU_ASSERT_EQUAL(actor.bytes, 0);
    if (actor.belongings != NULL) {
        rim__memory_free(&ctx->shard->memory, actor.belongings, sizeof *actor.belongings);
    }
    CU_ASSERT_EQUAL(rim__memory_blocks(&ctx->shard->memory), 0);
    rig_finish(&rig);
}

static struct rim_msg *message(enum rim__kind kind, uint32_t flags, uint32_t tag, size_t size) {
    struct rim_msg *msg = rim__msg_create(ctx->shard, kind, flags, tag, size);
    CU_ASSERT_FATAL(msg != NULL);
    msg->from = RIM_NIL;
    return msg;
}

static void push(enum rim__kind kind, uint32_t flags, uint32_t tag, size_t size) {
    rim__mailbox_push(ctx, &actor, message(kind, flags, tag, size));
}

/* The tags from the head on are these; the last pointer fits, as a push behind it shows. */
static void expect(const uint32_t *tags, uint32_t count) {
    push(RIM_KIND_EVENT, RIM_MSG_RESERVED, 999, 0);
    CU_ASSERT_EQUAL(actor.count, count + 1);
    const struct rim_msg *at = actor.head;
    for (uint32_t i = 0; i < count; i++, at = at->next) {
        CU_ASSERT_FATAL(at != NULL);
        CU_ASSERT_EQUAL(at->tag, tags[i]);
    }
    CU_ASSERT(at != NULL && at->tag == 999 && at == actor.last);
}
#define EXPECT(...) expect((const uint32_t[]){__VA_ARGS__}, RIM_COUNT(((const uint32_t[]){__VA_ARGS__})))

static void the_oldest_goes_past_what_is_reserved(void) {
    start(RIM_OVERFLOW_DROP_OLD);
    push(RIM_KIND_EVENT, RIM_MSG_RESERVED, 1, 10);
    push(RIM_KIND_TELL, 0, 2, 10);
    push(RIM_KIND_TELL, RIM_MSG_RESERVED, 3, 10);
    push(RIM_KIND_TELL, 0, 4, 10);
    CU_ASSERT_EQUAL(rim__overflow(ctx, &actor, RIM_KIND_TELL, 10), RIM_FATE_ROOM);
    CU_ASSERT_EQUAL(ctx->stats.dead, 1);
    CU_ASSERT_EQUAL(ctx->stats.queued, 3);
    EXPECT(1, 3, 4);
    finish();
}

static void as_many_go_as_the_bytes_want(void) {
    start(RIM_OVERFLOW_DROP_OLD);
    for (uint32_t i = 0; i < 4; i++) {
        push(RIM_KIND_TELL, 0, i, 25);
    }
    CU_ASSERT_EQUAL(rim__overflow(ctx, &actor, RIM_KIND_TELL, 60), RIM_FATE_ROOM);
    CU_ASSERT_EQUAL(ctx->stats.dead, 3);
    EXPECT(3);
    finish();
}

static void the_last_one_can_be_dropped(void) {
    start(RIM_OVERFLOW_DROP_OLD);
    push(RIM_KIND_EVENT, RIM_MSG_RESERVED, 1, 10);
    push(RIM_KIND_TELL, 0, 2, 90);
    CU_ASSERT_EQUAL(rim__overflow(ctx, &actor, RIM_KIND_TELL, 80), RIM_FATE_ROOM);
    EXPECT(1);
    finish();
}

static void where_all_is_reserved_the_new_one_goes(void) {
    start(RIM_OVERFLOW_DROP_OLD);
    for (uint32_t i = 0; i < 4; i++) {
        push(RIM_KIND_REPLY, RIM_MSG_RESERVED | RIM_MSG_TOKEN, i, 10);
    }
    CU_ASSERT_EQUAL(rim__overflow(ctx, &actor, RIM_KIND_TELL, 10), RIM_FATE_DROPPED);
    EXPECT(0, 1, 2, 3);
    finish();
}

static void what_can_wait_is_refused(void) {
    for (int policy = RIM_OVERFLOW_REFUSE; policy <= RIM_OVERFLOW_STOP; policy++) {
        start((uint8_t)policy);
        for (uint32_t i = 0; i < 4; i++) {
            push(RIM_KIND_TELL, 0, i, 10);
        }
        CU_ASSERT_EQUAL(rim__overflow(ctx, &actor, RIM_KIND_EVENT, 10), RIM_FATE_REFUSED);
        CU_ASSERT(!actor.stop_asked);
        EXPECT(0, 1, 2, 3);
        finish();
    }
}

static void overflow_stops_its_actor(void) {
    start(RIM_OVERFLOW_STOP);
    CU_ASSERT_EQUAL(rim__overflow(ctx, &actor, RIM_KIND_ASK, 10), RIM_FATE_DROPPED);
    CU_ASSERT(actor.stop_asked);
    CU_ASSERT(actor.ready);
    CU_ASSERT(actor.mode & RIM_MODE_OVERFLOWN);
    finish();
}

static void urge(uint32_t tag) {
    struct rim_msg **place = rim__urgent_place(&actor);
    CU_ASSERT_FATAL(place != NULL);
    rim__urgent_insert(ctx, &actor, place, message(RIM_KIND_TELL, RIM_MSG_URGENT, tag, 5));
}

static void urgent_ones_stand_behind_one_another(void) {
    start(0);
    urge(1); /* into an empty one */
    push(RIM_KIND_TELL, 0, 3, 10);
    urge(2);
    EXPECT(1, 2, 3);
    finish();
}

static void urgent_ones_stand_behind_a_birth(void) {
    start(0);
    push(RIM_KIND_SPAWN, RIM_MSG_RESERVED, 1, 10);
    urge(2);
    push(RIM_KIND_TELL, 0, 4, 10);
    urge(3);
    EXPECT(1, 2, 3, 4);
    finish();
}

static void urgent_ones_are_counted(void) {
    start(0);
    for (uint32_t i = 0; i < RIM_URGENT_MAX; i++) {
        urge(i);
    }
    CU_ASSERT(rim__urgent_place(&actor) == NULL);
    rim__msg_release(ctx->shard, rim__mailbox_pop(&actor));
    CU_ASSERT(rim__urgent_place(&actor) != NULL);
    finish();
}

/* As a turn does: pop, stash, and go on. */
static void stash_first(void) {
    struct rim_msg *msg = rim__mailbox_pop(&actor);
    ctx->actor = &actor;
    ctx->current = msg;
    ctx->taken = false;
    CU_ASSERT_EQUAL(rim_stash(ctx, msg), 0);
    CU_ASSERT(ctx->taken);
    ctx->actor = NULL;
}

static void unstashed_ones_stand_between(void) {
    start(0);
    for (uint32_t i = 0; i < 4; i++) {
        push(RIM_KIND_TELL, 0, i, 10);
    }
    stash_first();
    stash_first();
    stash_first();
    urge(10);
    CU_ASSERT_EQUAL(rim__stash_return(ctx, &actor, 2), 2);
    CU_ASSERT_EQUAL(rim__stash_return(ctx, &actor, 0), 0);
    CU_ASSERT_EQUAL(actor.bytes, 35);
    CU_ASSERT_EQUAL(rim__stash_return(ctx, &actor, UINT32_MAX), 1); /* behind the first two */
    EXPECT(10, 0, 1, 2, 3);
    finish();
}

static void unstashed_ones_can_be_the_last(void) {
    start(0);
    push(RIM_KIND_TELL, 0, 1, 10);
    stash_first();
    CU_ASSERT(actor.head == NULL);
    CU_ASSERT_EQUAL(rim__stash_return(ctx, &actor, 7), 1);
    CU_ASSERT(actor.ready);
    EXPECT(1);
    finish();
}

static void pressure_keeps_the_true_bound(void) {
    start(RIM_OVERFLOW_STOP);
    ctx->actor = &actor;
    CU_ASSERT_EQUAL(rim_pressure(ctx, true), 0);
    CU_ASSERT(!rim__mailbox_has_room(&actor, 0));
    CU_ASSERT_EQUAL(rim__overflow(ctx, &actor, RIM_KIND_TELL, 0), RIM_FATE_REFUSED);
    CU_ASSERT(rim__pressure_admits(&actor, 1000)); /* into an empty one */
    CU_ASSERT_EQUAL(rim__pressure_count_max(&actor), 4);
    for (uint32_t i = 0; i < 4; i++) {
        CU_ASSERT(rim__pressure_admits(&actor, 10));
        push(RIM_KIND_TELL, 0, i, 10);
    }
    CU_ASSERT(!rim__pressure_admits(&actor, 10));
    CU_ASSERT_EQUAL(rim_pressure(ctx, false), 0);
    CU_ASSERT_EQUAL(actor.count_max, 4);
    CU_ASSERT_EQUAL(actor.mode, RIM_OVERFLOW_STOP);
    CU_ASSERT(!rim__pressure_admits(&actor, 10));
    ctx->actor = NULL;
    CU_ASSERT_EQUAL(rim_pressure(ctx, true), -RIM_ECONTEXT);
    finish();
}

#define TESTS(X)                                                                                                       \
    X(the_oldest_goes_past_what_is_reserved)                                                                           \
    X(as_many_go_as_the_bytes_want)                                                                                    \
    X(the_last_one_can_be_dropped)                                                                                     \
    X(where_all_is_reserved_the_new_one_goes)                                                                          \
    X(what_can_wait_is_refused)                                                                                        \
    X(overflow_stops_its_actor)                                                                                        \
    X(urgent_ones_stand_behind_one_another)                                                                            \
    X(urgent_ones_stand_behind_a_birth)                                                                                \
    X(urgent_ones_are_counted)                                                                                         \
    X(unstashed_ones_stand_between)                                                                                    \
    X(unstashed_ones_can_be_the_last)                                                                                  \
    X(pressure_keeps_the_true_bound)
UNIT_SUITE(overflow, TESTS)
