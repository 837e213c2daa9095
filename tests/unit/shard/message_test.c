/* SPDX-License-Identifier: MIT */
#include "shard/message.h"

#include <string.h>

#include "rig.h"
#include "unit.h"

static struct rig rig;
static uint32_t released, released_on;
static struct rim_msg *arrived;

static void count_release(struct rim__shard *home, struct rim__body *body) {
    released++;
    released_on = home->index;
    CU_ASSERT(body->arg[0] == &released);
}

/* What the layer above does with bodies that come home. */
static void deliver(struct rim__shard *shard, struct rim_msg *msg) {
    if (msg->kind != RIM_KIND_RETURN) {
        arrived = msg;
        return;
    }
    struct rim__body *body = rim__msg_out(msg);
    rim__mesh_release(shard, msg);
    body->release(shard, body);
}

static void start(void) {
    rig_init(&rig, 2, 2);
    rig.shards[0]->deliver = rig.shards[1]->deliver = deliver;
    released = 0;
    arrived = NULL;
}

static void finish(void) {
    CU_ASSERT_EQUAL(rim__memory_blocks(&rig.shards[0]->memory), 0);
    CU_ASSERT_EQUAL(rim__memory_blocks(&rig.shards[1]->memory), 0);
    rig_finish(&rig);
}

static struct rim__body body_of(uint32_t home, void *data) {
    return (
        struct rim__body){.data = data, .size = 5, .home = home, .release = count_release, .arg = {&released, NULL}};
}

static void message_span_is_rounded_up_to_16(void) {
    CU_ASSERT_EQUAL(rim__msg_span(0, 0), 32);
    CU_ASSERT_EQUAL(rim__msg_span(0, 1), 48);
    CU_ASSERT_EQUAL(rim__msg_span(0, 16), 48);
    CU_ASSERT_EQUAL(rim__msg_span(0, 17), 64);
    CU_ASSERT_EQUAL(rim__msg_span(RIM_MSG_TOKEN, 0), 48);
    CU_ASSERT_EQUAL(rim__msg_span(RIM_MSG_TOKEN, 32), 80);
    CU_ASSERT_EQUAL(rim__msg_span(RIM_MSG_OUT, 1000000), 48); /* only the pointer is in it */
    CU_ASSERT_EQUAL(rim__msg_span(RIM_MSG_OUT | RIM_MSG_TOKEN, 7), 64);
}

static void message_word_is_its_parts(void) {
    const uint64_t to = 0xabcdef1234ull;
    struct rim_msg parts = {.to = to, .kind = RIM_KIND_TELL, .flags = 5},
                   whole = {.word = RIM_MSG_WORD(to, RIM_KIND_TELL, 5)};
    CU_ASSERT_EQUAL(whole.word, parts.word);
    CU_ASSERT_EQUAL(whole.to, to);
    CU_ASSERT_EQUAL(whole.kind, RIM_KIND_TELL);
    CU_ASSERT_EQUAL(whole.flags, 5);
}

static void message_has_what_it_was_made_with(void) {
    start();
    for (uint32_t size = 0; size < 2000; size += 1 + size / 3) {
        struct rim_msg *msg = rim__msg_create(rig.shards[0], RIM_KIND_ASK, RIM_MSG_TOKEN, 77, size);
        CU_ASSERT_FATAL(msg != NULL);
        *rim__msg_token(msg) = (struct rim__msg_token){.token = 1, .deadline_ns = 2};
        memset(rim__msg_body(msg), 0x5a, size);
        CU_ASSERT_EQUAL((uintptr_t)rim__msg_body(msg) % 16, 0);
        CU_ASSERT(msg->next == NULL);
        CU_ASSERT(msg->kind == RIM_KIND_ASK && msg->tag == 77 && msg->size == size && msg->flags == RIM_MSG_TOKEN);
        CU_ASSERT(rim__msg_token(msg)->token == 1 && rim__msg_token(msg)->deadline_ns == 2);
        rim__msg_release(rig.shards[0], msg);
    }
    rim__memory_fail(&rig.shards[0]->memory, 1, false);
    CU_ASSERT(rim__msg_create(rig.shards[0], RIM_KIND_TELL, 0, 1, 8) == NULL);
    finish();
}

static struct rim_msg *with_body(struct rim__shard *shard, struct rim__body *body) {
    struct rim_msg *msg = rim__msg_create(shard, RIM_KIND_TELL, RIM_MSG_OUT, 1, body->size);
    CU_ASSERT_FATAL(msg != NULL);
    *(struct rim__body **)rim__msg_after(msg) = body;
    return msg;
}

static void message_body_is_released_once_at_home(void) {
    char data[] = "12345";
    struct rim__body body = body_of(0, data);
    start();
    struct rim_msg *msg = with_body(rig.shards[0], &body);
    CU_ASSERT(rim__msg_body(msg) == data);
    CU_ASSERT(rim__msg_out(msg) == &body);
    rim__msg_release(rig.shards[0], msg);
    CU_ASSERT_EQUAL(released, 1);
    CU_ASSERT_EQUAL(released_on, 0);
    finish();
}

static void message_body_that_ends_elsewhere_travels_home(void) {
    char data[] = "12345";
    struct rim__body body = body_of(0, data);
    start();
    rim__msg_release(rig.shards[1], with_body(rig.shards[1], &body));
    CU_ASSERT_EQUAL(released, 0);
    rim__mesh_flush(rig.shards[1]);
    CU_ASSERT_EQUAL(released, 0);
    rim__mesh_drain(rig.shards[0]);
    CU_ASSERT_EQUAL(released, 1);
    CU_ASSERT_EQUAL(released_on, 0);
    finish();
}

static void message_embedded_is_not_freed(void) {
    struct rim_msg msg = {.kind = RIM_KIND_TIMER, .flags = RIM_MSG_EMBEDDED, .tag = 9};
    start();
    rim__msg_release(rig.shards[0], &msg);
    CU_ASSERT_EQUAL(msg.tag, 9);
    finish();
}

static void send_across(uint32_t flags, uint32_t size) {
    struct rim_msg *msg = rim__mesh_reserve(rig.shards[0], 1, (uint32_t)rim__msg_span(flags, size), false);
    CU_ASSERT_FATAL(msg != NULL);
    uint32_t home = msg->flags;
    *msg = (struct rim_msg){
        .from = 3, .to = 4, .kind = RIM_KIND_ASK, .flags = (uint16_t)(home | flags), .tag = 5, .size = size};
    memset(rim__msg_body(msg), 0x11, size);
    rim__mesh_flush(rig.shards[0]);
    rim__mesh_drain(rig.shards[1]);
    CU_ASSERT_FATAL(arrived != NULL);
}

static void message_moves_out_of_a_parcel_which_goes_home(void) {
    start();
    send_across(RIM_MSG_TOKEN, 300);
    rim__mesh_collect(rig.shards[0]);
    CU_ASSERT_EQUAL(rig.shards[0]->mesh.parcels_out, 1);
    struct rim_msg *copy = rim__msg_move_out(rig.shards[1], arrived);
    CU_ASSERT_FATAL(copy != NULL && copy != arrived);
    rim__mesh_flush(rig.shards[1]);
    rim__mesh_collect(rig.shards[0]);
    CU_ASSERT_EQUAL(rig.shards[0]->mesh.parcels_out, 0);
    CU_ASSERT(copy->from == 3 && copy->to == 4 && copy->kind == RIM_KIND_ASK && copy->tag == 5 && copy->size == 300);
    CU_ASSERT_EQUAL(copy->flags, RIM_MSG_TOKEN);
    CU_ASSERT(((unsigned char *)rim__msg_body(copy))[299] == 0x11);
    rim__msg_release(rig.shards[1], copy);
    finish();
}

static void message_stays_in_its_parcel_without_memory(void) {
    start();
    send_across(0, 10);
    rim__memory_fail(&rig.shards[1]->memory, 1, false);
    CU_ASSERT(rim__msg_move_out(rig.shards[1], arrived) == NULL);
    CU_ASSERT(arrived->flags & RIM_MSG_IN_PARCEL);
    rim__msg_release(rig.shards[1], arrived);
    rim__mesh_flush(rig.shards[1]);
    rim__mesh_collect(rig.shards[0]);
    CU_ASSERT_EQUAL(rig.shards[0]->mesh.parcels_out, 0);
    finish();
}

static void message_that_is_aligned_begins_at_a_multiple(void) {
    start();
    struct rim__shard *shard = rig.shards[0];
    for (size_t align = 16; align <= 65536; align *= 2) {
        for (size_t size = 1; size < 20000; size = size * 3 + 1) {
            struct rim_msg *msg = rim__msg_create_aligned(shard, 7, size, align);
            CU_ASSERT_FATAL(msg != NULL);
            char *bytes = rim__msg_body(msg);
            CU_ASSERT_EQUAL((uintptr_t)bytes & (align - 1), 0);
            memset(bytes, 1, size);
            rim__msg_out(msg)->data = bytes + size - 1; /* moved on and shortened: it is freed all the same */
            rim__msg_out(msg)->size = 1;
            msg->size = 1;
            rim__msg_release(shard, msg);
        }
    }
    for (uint64_t at = 1; at <= 2; at++) {
        rim__memory_fail(&shard->memory, at, false);
        CU_ASSERT(rim__msg_create_aligned(shard, 7, 5000, 4096) == NULL);
    }
    rim__memory_fail(&shard->memory, 0, false);
    finish();
}

#define TESTS(X)                                                                                                       \
    X(message_that_is_aligned_begins_at_a_multiple)                                                                    \
    X(message_span_is_rounded_up_to_16)                                                                                \
    X(message_word_is_its_parts)                                                                                       \
    X(message_has_what_it_was_made_with)                                                                               \
    X(message_body_is_released_once_at_home)                                                                           \
    X(message_body_that_ends_elsewhere_travels_home)                                                                   \
    X(message_embedded_is_not_freed)                                                                                   \
    X(message_moves_out_of_a_parcel_which_goes_home)                                                                   \
    X(message_stays_in_its_parcel_without_memory)
UNIT_SUITE(message, TESTS)
