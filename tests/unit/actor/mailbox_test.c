/* SPDX-License-Identifier: MIT */
#include "actor/mailbox.h"

#include <string.h>

#include "rig.h"
#include "unit.h"

#define MESSAGES 10u

static struct rig rig;
static rim_ctx *ctx;
static struct rim__actor actor;
static struct rim_msg messages[MESSAGES];

static void start(void) {
    static rim_ctx world;
    rig_init(&rig, 1, 4);
    memset(&world, 0, sizeof world);
    ctx = &world;
    ctx->shard = rig.shards[0];
    actor = (struct rim__actor){.count_max = 4, .bytes_max = 100, .stage = RIM_STAGE_ALIVE};
    for (uint32_t i = 0; i < MESSAGES; i++) {
        messages[i] = (struct rim_msg){.tag = i, .size = i};
    }
}

static struct rim__task *next_task(void) {
    return rim__run_queue_pop(&ctx->shard->ready);
}

static void mailbox_is_first_in_first_out(void) {
    start();
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < MESSAGES; i++) {
            rim__mailbox_push(ctx, &actor, &messages[i]);
        }
        CU_ASSERT_EQUAL(actor.count, MESSAGES);
        CU_ASSERT_EQUAL(actor.bytes, 45);
        for (uint32_t i = 0; i < MESSAGES; i++) {
            CU_ASSERT(rim__mailbox_pop(&actor) == &messages[i]);
        }
        CU_ASSERT(actor.head == NULL && actor.count == 0 && actor.bytes == 0);
    }
    CU_ASSERT_EQUAL(ctx->stats.queued, 3 * MESSAGES);
    rig_finish(&rig);
}

static void mailbox_front_goes_before_all(void) {
    start();
    rim__mailbox_push_front(ctx, &actor, &messages[1]); /* into an empty one */
    rim__mailbox_push(ctx, &actor, &messages[2]);
    rim__mailbox_push_front(ctx, &actor, &messages[0]);
    for (uint32_t i = 0; i < 3; i++) {
        CU_ASSERT(rim__mailbox_pop(&actor) == &messages[i]);
    }
    CU_ASSERT(actor.head == NULL);
    CU_ASSERT_EQUAL(actor.bytes, 0);
    rig_finish(&rig);
}

static void mailbox_is_bounded_by_number_and_by_bytes(void) {
    start();
    CU_ASSERT(rim__mailbox_has_room(&actor, 100));
    CU_ASSERT(rim__mailbox_has_room(&actor, UINT32_MAX)); /* one message is always let into an empty one */
    messages[0].size = 60;
    rim__mailbox_push(ctx, &actor, &messages[0]);
    CU_ASSERT(rim__mailbox_has_room(&actor, 40));
    CU_ASSERT(!rim__mailbox_has_room(&actor, 41));
    CU_ASSERT(!rim__mailbox_has_room(&actor, UINT32_MAX)); /* no sum wraps around */
    for (uint32_t i = 1; i < 4; i++) {
        CU_ASSERT(rim__mailbox_has_room(&actor, 0));
        messages[i].size = 0;
        rim__mailbox_push(ctx, &actor, &messages[i]);
    }
    CU_ASSERT(!rim__mailbox_has_room(&actor, 0));
    rig_finish(&rig);
}

static void mailbox_makes_its_actor_ready_once(void) {
    start();
    CU_ASSERT(next_task() == NULL);
    rim__mailbox_push(ctx, &actor, &messages[0]);
    rim__mailbox_push(ctx, &actor, &messages[1]);
    CU_ASSERT(next_task() == &actor.task);
    CU_ASSERT(next_task() == NULL);
    rim__mailbox_push(ctx, &actor, &messages[2]); /* it runs: it is not queued again */
    CU_ASSERT(next_task() == NULL);
    rig_finish(&rig);
}

static void mailbox_of_one_held_or_unborn_does_not_make_it_ready(void) {
    start();
    actor.held = true;
    rim__mailbox_push(ctx, &actor, &messages[0]);
    CU_ASSERT(next_task() == NULL);
    actor.held = false;
    actor.stage = RIM_STAGE_EMBRYO;
    rim__mailbox_push(ctx, &actor, &messages[1]);
    CU_ASSERT(next_task() == NULL);
    actor.stage = RIM_STAGE_UNBORN;
    rim__actor_wake(ctx, &actor); /* as whoever lets it go does */
    CU_ASSERT(next_task() == &actor.task);
    rim__mailbox_push(ctx, &actor, &messages[2]);
    CU_ASSERT(next_task() == NULL); /* it is ready */
    rig_finish(&rig);
}

static void mailbox_releases_a_message_to_its_pool(void) {
    start();
    struct rim_msg *msg = rim__msg_create(ctx->shard, RIM_KIND_TELL, 0, 1, 100);
    CU_ASSERT_FATAL(msg != NULL);
    CU_ASSERT_EQUAL(rim__memory_blocks(&ctx->shard->memory), 1);
    rim__mailbox_release(ctx, msg);
    CU_ASSERT_EQUAL(rim__memory_blocks(&ctx->shard->memory), 0);
    rig_finish(&rig);
}

#define TESTS(X)                                                                                                       \
    X(mailbox_is_first_in_first_out)                                                                                   \
    X(mailbox_front_goes_before_all)                                                                                   \
    X(mailbox_is_bounded_by_number_and_by_bytes)                                                                       \
    X(mailbox_makes_its_actor_ready_once)                                                                              \
    X(mailbox_of_one_held_or_unborn_does_not_make_it_ready)                                                            \
    X(mailbox_releases_a_message_to_its_pool)
UNIT_SUITE(mailbox, TESTS)
