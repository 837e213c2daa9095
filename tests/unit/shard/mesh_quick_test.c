/* SPDX-License-Identifier: MIT */
/*
 * Messages that are written into the open parcel without further questions, by two bare shards on one thread.
 */
#include "rig.h"
#include "shard/mesh.h"
#include "unit.h"

#define A        0u
#define B        1u
#define ONE      80u /* bytes of a message's span */
#define BODY     (ONE - sizeof(struct rim_msg))
#define WHOLE    ((RIM_PARCEL_BYTES - sizeof(struct rim__parcel)) / ONE) /* messages in a parcel */
#define HELD_MAX 256u

static struct rig rig;
static uint32_t sent, taken;
static struct rim_msg *held[HELD_MAX];
static uint32_t held_count;

static void deliver(struct rim__shard *shard, struct rim_msg *msg) {
    CU_ASSERT_EQUAL(shard->index, B);
    CU_ASSERT_EQUAL(msg->tag, taken);
    CU_ASSERT_EQUAL(msg->size, BODY);
    taken++;
    CU_ASSERT_FATAL(held_count < HELD_MAX);
    held[held_count++] = msg;
}

static void start(uint32_t parcels) {
    rig_init(&rig, 2, parcels);
    rig.shards[A]->deliver = rig.shards[B]->deliver = deliver;
    sent = taken = held_count = 0;
}

static bool fill(struct rim_msg *msg) {
    if (msg == NULL) {
        return false;
    }
    *msg = (struct rim_msg){.kind = RIM_KIND_TELL, .flags = msg->flags, .tag = sent++, .size = BODY};
    return true;
}

static bool send(bool reserved) {
    return fill(rim__mesh_reserve(rig.shards[A], B, ONE, reserved));
}

static bool send_quickly(void) {
    struct rim_msg *msg = rim__mesh_reserve_quick(&rig.shards[A]->mesh, B, ONE);
    if (msg != NULL) {
        msg->flags = RIM_MSG_IN_PARCEL;
    }
    return fill(msg);
}

static void drain(uint32_t index) {
    rim__mesh_drain(rig.shards[index]);
    rim__mesh_flush(rig.shards[index]);
}

/* What has arrived is released, and the parcels go home. */
static void let_go(void) {
    while (held_count > 0) {
        rim__msg_release(rig.shards[B], held[--held_count]);
    }
    rim__mesh_flush(rig.shards[B]);
}

static void mesh_is_quick_within_an_open_parcel_and_no_further(void) {
    start(2);
    CU_ASSERT(!send_quickly()); /* there is no lane */
    CU_ASSERT(send(false));
    for (uint32_t round = 1, first = 0; round <= 5; round++, first = sent) {
        while (send_quickly()) {
        }
        CU_ASSERT_EQUAL(sent - first, WHOLE);
        CU_ASSERT(!rim__mesh_is_quiet(rig.shards[A])); /* the flush knows of it */
        rim__mesh_flush(rig.shards[A]);                /* and makes the next one ready */
        drain(B);
        CU_ASSERT_EQUAL(taken, sent);
        let_go();
    }
    rig_finish(&rig);
}

static void mesh_is_not_quick_past_what_waits(void) {
    start(1);
    while (send(false)) {
    }
    CU_ASSERT(!send_quickly());
    CU_ASSERT(send(true)); /* into the backlog */
    for (uint32_t round = 0; round < 100 && taken < sent; round++) {
        CU_ASSERT(!send_quickly());
        drain(A);
        drain(B);
        let_go();
    }
    CU_ASSERT_EQUAL(taken, sent);
    rig_finish(&rig);
}

#define TESTS(X)                                                                                                       \
    X(mesh_is_quick_within_an_open_parcel_and_no_further)                                                              \
    X(mesh_is_not_quick_past_what_waits)
UNIT_SUITE(mesh_quick, TESTS)
