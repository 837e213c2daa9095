/* SPDX-License-Identifier: MIT */
#include "shard/inlet.h"

#include <string.h>

#include "rig.h"
#include "ringmail/error.h"
#include "unit.h"

static struct rig rig;
static uint32_t delivered, next_tag;

static void deliver(struct rim__shard *shard, struct rim_msg *msg) {
    CU_ASSERT_EQUAL(msg->tag, next_tag);
    CU_ASSERT(msg->size == 0 || memcmp(rim__msg_body(msg), &msg->tag, sizeof msg->tag) == 0);
    next_tag = msg->tag + 1;
    delivered++;
    rim__msg_release(shard, msg);
}

static struct rim__shard *start(void) {
    rig_init(&rig, 1, 4);
    rig.shards[0]->deliver = deliver;
    delivered = next_tag = 0;
    return rig.shards[0];
}

static int push(struct rim__shard *shard, uint32_t tag, bool always) {
    struct rim_msg *msg = rim__inlet_msg(RIM_KIND_TELL, tag, &tag, sizeof tag);
    CU_ASSERT_FATAL(msg != NULL);
    int error = rim__inlet_push(shard, msg, always);
    if (error != 0) {
        rim__inlet_msg_free(msg);
    }
    return error;
}

static void drain(struct rim__shard *shard) {
    rim__mesh_drain(shard); /* looks at the bell */
    rim__inlet_drain(shard);
}

static void inlet_is_first_in_first_out(void) {
    struct rim__shard *shard = start();
    for (uint32_t tag = 0; tag < 1000; tag++) {
        CU_ASSERT_EQUAL(push(shard, tag, false), 0);
        if (tag % 7 == 0) {
            drain(shard);
            CU_ASSERT_EQUAL(delivered, tag + 1);
        }
    }
    drain(shard);
    CU_ASSERT_EQUAL(delivered, 1000);
    rig_finish(&rig);
}

static void inlet_is_looked_at_only_when_the_bell_rang(void) {
    struct rim__shard *shard = start();
    CU_ASSERT_EQUAL(push(shard, 0, false), 0);
    rim__inlet_drain(shard);
    CU_ASSERT_EQUAL(delivered, 0);
    CU_ASSERT(rim__mesh_is_quiet(shard));
    CU_ASSERT(!rim__bell_park(&shard->bell)); /* but nobody sleeps over it */
    rim__mesh_drain(shard);
    CU_ASSERT(!rim__mesh_is_quiet(shard));
    rim__inlet_drain(shard);
    CU_ASSERT_EQUAL(delivered, 1);
    CU_ASSERT(rim__mesh_is_quiet(shard));
    rig_finish(&rig);
}

static void inlet_wakes_a_parked_shard_once(void) {
    struct rim__shard *shard = start();
    CU_ASSERT_EQUAL(push(shard, 0, false), 0);
    CU_ASSERT_EQUAL(rig_wakes(&rig, 0), 0); /* it was awake */
    drain(shard);
    CU_ASSERT(rim__bell_park(&shard->bell));
    CU_ASSERT_EQUAL(push(shard, 1, false), 0);
    CU_ASSERT_EQUAL(push(shard, 2, false), 0);
    CU_ASSERT_EQUAL(rig_wakes(&rig, 0), 1);
    drain(shard);
    CU_ASSERT_EQUAL(delivered, 3);
    rig_finish(&rig);
}

static void inlet_refuses_past_its_bound_but_for_orders(void) {
    struct rim__shard *shard = start();
    for (uint32_t tag = 0; tag < RIM_INLET_MAX; tag++) {
        CU_ASSERT_FATAL(push(shard, tag, false) == 0);
    }
    CU_ASSERT_EQUAL(push(shard, RIM_INLET_MAX, false), -RIM_EFULL);
    CU_ASSERT_EQUAL(push(shard, RIM_INLET_MAX, true), 0);
    drain(shard);
    CU_ASSERT_EQUAL(delivered, RIM_INLET_MAX + 1);
    CU_ASSERT_EQUAL(push(shard, RIM_INLET_MAX + 1, false), 0);
    drain(shard);
    CU_ASSERT_EQUAL(delivered, RIM_INLET_MAX + 2);
    rig_finish(&rig);
}

static void inlet_closed_lets_only_orders_in(void) {
    struct rim__shard *shard = start();
    CU_ASSERT_EQUAL(push(shard, 0, false), 0);
    rim__inlet_close(&shard->inlet);
    CU_ASSERT_EQUAL(push(shard, 1, false), -RIM_ESTOPPING);
    CU_ASSERT_EQUAL(push(shard, 1, true), 0);
    drain(shard);
    CU_ASSERT_EQUAL(delivered, 2); /* what was in stays in */
    rig_finish(&rig);
}

static void inlet_ends_with_messages_in_it(void) {
    struct rim__shard *shard = start();
    CU_ASSERT_EQUAL(push(shard, 0, false), 0);
    CU_ASSERT_EQUAL(push(shard, 1, false), 0);
    rig_finish(&rig); /* frees them: the checker of leaks would say so */
    CU_ASSERT_EQUAL(delivered, 0);
}

static void inlet_works_without_a_driver(void) {
    struct rim__shard *shard = start();
    struct rim__driver *driver = shard->driver;
    shard->driver = NULL; /* a system that was not started yet */
    CU_ASSERT(rim__bell_park(&shard->bell));
    CU_ASSERT_EQUAL(push(shard, 0, false), 0);
    shard->driver = driver;
    drain(shard);
    CU_ASSERT_EQUAL(delivered, 1);
    rig_finish(&rig);
}

static void gate_opens_after_as_many_knocks_as_asked(void) {
    struct rim__gate gate;
    rim__gate_init(&gate);
    CU_ASSERT(rim__gate_wait(&gate, 0, 0));
    CU_ASSERT(!rim__gate_wait(&gate, 1, 0));
    CU_ASSERT(!rim__gate_is_open(&gate, 1));
    for (uint32_t i = 0; i < 3; i++) {
        rim__gate_knock(&gate);
    }
    CU_ASSERT(rim__gate_is_open(&gate, 3));
    CU_ASSERT(!rim__gate_is_open(&gate, 4));
    CU_ASSERT(!rim__gate_wait(&gate, 4, 1000000)); /* and leaves them where they are */
    CU_ASSERT(rim__gate_wait(&gate, 2, 0));
    CU_ASSERT(rim__gate_is_open(&gate, 1));
    CU_ASSERT(!rim__gate_is_open(&gate, 2));
    rim__gate_finish(&gate);
}

static void gate_waits_as_long_as_it_was_told(void) {
    struct rim__gate gate;
    rim__gate_init(&gate);
    uint64_t start_ns = rig_now();
    CU_ASSERT(!rim__gate_wait(&gate, 1, 1999999));
    CU_ASSERT(rig_now() - start_ns >= 1999999);
    rim__gate_finish(&gate);
}

static struct rim__gate meeting;

static void *come(void *arg) {
    (void)arg;
    rim__gate_meet(&meeting, 1, 3);
    return NULL;
}

static void gate_lets_go_when_the_last_has_come(void) {
    pthread_t others[2];
    rim__gate_init(&meeting);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL_FATAL(pthread_create(&others[i], NULL, come, NULL), 0);
    }
    rim__gate_meet(&meeting, 1, 3);
    CU_ASSERT(rim__gate_is_open(&meeting, 3));
    for (int i = 0; i < 2; i++) {
        pthread_join(others[i], NULL);
    }
    rim__gate_finish(&meeting);
    rim__gate_init(&meeting);
    rim__gate_meet(&meeting, 3, 3); /* also for those who cannot come */
    rim__gate_finish(&meeting);
}

#define TESTS(X)                                                                                                       \
    X(inlet_is_first_in_first_out)                                                                                     \
    X(inlet_is_looked_at_only_when_the_bell_rang)                                                                      \
    X(inlet_wakes_a_parked_shard_once)                                                                                 \
    X(inlet_refuses_past_its_bound_but_for_orders)                                                                     \
    X(inlet_closed_lets_only_orders_in)                                                                                \
    X(inlet_ends_with_messages_in_it)                                                                                  \
    X(inlet_works_without_a_driver)                                                                                    \
    X(gate_lets_go_when_the_last_has_come)                                                                             \
    X(gate_opens_after_as_many_knocks_as_asked)                                                                        \
    X(gate_waits_as_long_as_it_was_told)
UNIT_SUITE(inlet, TESTS)
