/* SPDX-License-Identifier: MIT */
/*
 * What goes to a lane before the flush, and what is taken from one before the next drain, by bare shards on one thread.
 */
#include "rig.h"
#include "shard/mesh.h"
#include "unit.h"

#define A    0u
#define B    1u
#define C    2u
#define SPAN 80u
#define BODY (SPAN - sizeof(struct rim_msg))

static struct rig rig;
static uint32_t sent[3], taken[3];

static void deliver(struct rim__shard *shard, struct rim_msg *msg) {
    CU_ASSERT_EQUAL(msg->tag, taken[shard->index]);
    taken[shard->index]++;
    rim__msg_release(shard, msg);
}

static void start(uint32_t parcels) {
    rig_init(&rig, 3, parcels);
    for (uint32_t i = 0; i < 3; i++) {
        rig.shards[i]->deliver = deliver;
        sent[i] = taken[i] = 0;
    }
}

static bool send(uint32_t to, bool reserved) {
    struct rim_msg *msg = rim__mesh_reserve(rig.shards[A], to, SPAN, reserved);
    if (msg == NULL) {
        return false;
    }
    struct rim_msg *next = msg->next; /* the mesh's, in a backlog */
    *msg = (struct rim_msg){.next = next, .kind = RIM_KIND_TELL, .flags = msg->flags, .tag = sent[to]++, .size = BODY};
    return true;
}

static void drain(uint32_t index) {
    rim__mesh_drain(rig.shards[index]);
    rim__mesh_flush(rig.shards[index]);
}

/* What is delivered is handled at once, and takes so long that the next message comes meanwhile. */
static void deliver_slowly(struct rim__shard *shard, struct rim_msg *msg) {
    deliver(shard, msg);
    if (sent[B] < 100) {
        CU_ASSERT(send(B, false));
        rim__mesh_hasten(rig.shards[A]);
    }
}

static void mesh_parcels_go_home_in_the_middle_of_a_drain(void) {
    start(16);
    rig.shards[B]->deliver = deliver_slowly;
    CU_ASSERT(send(B, false));
    rim__mesh_flush(rig.shards[A]);
    drain(B);
    CU_ASSERT_EQUAL(taken[B], 100);
    rim__mesh_flush(rig.shards[A]);
    rig_finish(&rig);
}

static void mesh_hastens_what_was_sent_while_its_receiver_has_nothing(void) {
    start(4);
    rim__mesh_hasten(rig.shards[A]); /* nothing was sent */
    for (uint32_t round = 1; round <= 10; round++) {
        CU_ASSERT(send(B, false));
        rim__mesh_hasten(rig.shards[A]);
        drain(B);
        CU_ASSERT_EQUAL(taken[B], round);
        rim__mesh_flush(rig.shards[A]);
        CU_ASSERT_EQUAL(rig.shards[A]->mesh.parcels_sent, round); /* the flush found nothing left */
    }
    rig_finish(&rig);
}

static void mesh_gathers_what_was_sent_while_its_receiver_has_something(void) {
    start(4);
    for (uint32_t i = 0; i < 10; i++) {
        CU_ASSERT(send(B, false));
        rim__mesh_hasten(rig.shards[A]);
    }
    CU_ASSERT_EQUAL(rig.shards[A]->mesh.parcels_sent, 1);
    rim__mesh_flush(rig.shards[A]);
    CU_ASSERT_EQUAL(rig.shards[A]->mesh.parcels_sent, 2);
    drain(B);
    CU_ASSERT_EQUAL(taken[B], 10);
    rig_finish(&rig);
}

static void mesh_hastens_each_of_its_outlets_in_turn(void) {
    start(4);
    CU_ASSERT(send(B, false));
    CU_ASSERT(send(C, false));
    rim__mesh_hasten(rig.shards[A]);
    CU_ASSERT_EQUAL(rig.shards[A]->mesh.parcels_sent, 1);
    rim__mesh_hasten(rig.shards[A]);
    CU_ASSERT_EQUAL(rig.shards[A]->mesh.parcels_sent, 2);
    drain(B);
    drain(C);
    CU_ASSERT_EQUAL(taken[B], 1);
    CU_ASSERT_EQUAL(taken[C], 1);
    rim__mesh_flush(rig.shards[A]);
    rig_finish(&rig);
}

static void mesh_hastens_nothing_past_what_waits(void) {
    start(1);
    while (send(B, false)) {
        rim__mesh_hasten(rig.shards[A]);
    }
    CU_ASSERT(send(B, true)); /* into the backlog */
    for (uint32_t round = 0; round < 100 && taken[B] < sent[B]; round++) {
        rim__mesh_hasten(rig.shards[A]);
        drain(B);
        rim__mesh_hasten(rig.shards[A]);
        drain(A);
    }
    CU_ASSERT_EQUAL(taken[B], sent[B]);
    rig_finish(&rig);
}

#define TESTS(X)                                                                                                       \
    X(mesh_hastens_what_was_sent_while_its_receiver_has_nothing)                                                       \
    X(mesh_parcels_go_home_in_the_middle_of_a_drain)                                                                   \
    X(mesh_gathers_what_was_sent_while_its_receiver_has_something)                                                     \
    X(mesh_hastens_each_of_its_outlets_in_turn)                                                                        \
    X(mesh_hastens_nothing_past_what_waits)
UNIT_SUITE(mesh_early, TESTS)
