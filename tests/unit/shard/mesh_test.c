/* SPDX-License-Identifier: MIT */
/*
 * Two and more bare shards on one thread: what the test does not drain or flush does not move.
 */
#include "shard/mesh.h"

#include <string.h>

#include "rig.h"
#include "unit.h"

#define HELD_MAX 4096u
#define A        0u
#define B        1u

static struct rig rig;
static uint32_t sent[RIM_SHARDS_MAX], taken[RIM_SHARDS_MAX]; /* to and from shard A, by the other; A to B in [B] */
static uint32_t ways;
static rim_ref way_from;
static bool holding; /* what is delivered is kept, to be released by let_go */
static struct rim_msg *held[HELD_MAX];
static struct rim__shard *held_by[HELD_MAX];
static uint32_t held_count;

/* Every byte of a body says which message it is. */
static unsigned char fill_of(uint32_t number) {
    return (unsigned char)(number * 31 + 7);
}

static bool is_intact(const struct rim_msg *msg) {
    const unsigned char *body = rim__msg_body(msg);
    for (uint32_t i = 0; i < msg->size; i++) {
        if (body[i] != fill_of(msg->tag)) {
            return false;
        }
    }
    return true;
}

static void deliver(struct rim__shard *shard, struct rim_msg *msg) {
    if (msg->kind == RIM_KIND_WAY) {
        ways++;
        way_from = msg->from;
        rim__msg_release(shard, msg);
        return;
    }
    uint32_t lane = shard->index == A ? (uint32_t)msg->from : shard->index;
    CU_ASSERT_EQUAL(msg->tag, taken[lane]);
    CU_ASSERT(is_intact(msg));
    taken[lane] = msg->tag + 1;
    if (holding) {
        CU_ASSERT_FATAL(held_count < HELD_MAX);
        held_by[held_count] = shard;
        held[held_count++] = msg;
    } else {
        rim__msg_release(shard, msg);
    }
}

static void start(uint32_t shards, uint32_t parcels) {
    rig_init(&rig, shards, parcels);
    for (uint32_t i = 0; i < shards; i++) {
        rig.shards[i]->deliver = deliver;
    }
    memset(sent, 0, sizeof sent);
    memset(taken, 0, sizeof taken);
    ways = held_count = 0;
    holding = false;
}

static void let_go(void) {
    for (uint32_t i = 0; i < held_count; i++) {
        rim__msg_release(held_by[i], held[i]);
    }
    held_count = 0;
    for (uint32_t i = 0; i < rig.count; i++) {
        if (rig.shards[i]->mesh.done != NULL) {
            rim__mesh_flush(rig.shards[i]); /* parcels leave for home with the flush */
        }
    }
}

static void finish(void) {
    for (uint32_t i = 0; i < rig.count; i++) {
        rim__mesh_collect(rig.shards[i]);
        CU_ASSERT_EQUAL(rig.shards[i]->mesh.parcels_out, 0);
        CU_ASSERT_EQUAL(rig.shards[i]->mesh.backlog, 0);
        CU_ASSERT_EQUAL(rim__memory_blocks(&rig.shards[i]->memory), 0);
    }
    rig_finish(&rig);
}

static bool send(uint32_t from, uint32_t to, uint32_t size, bool reserved) {
    uint32_t lane = from == A ? to : from;
    struct rim_msg *msg = rim__mesh_reserve(rig.shards[from], to, (uint32_t)rim__msg_span(0, size), reserved);
    if (msg == NULL) {
        return false;
    }
    uint32_t home = msg->flags;
    *msg = (struct rim_msg){
        .from = from, .kind = RIM_KIND_TELL, .flags = (uint16_t)home, .tag = sent[lane]++, .size = size};
    memset(rim__msg_body(msg), fill_of(msg->tag), size);
    return true;
}

static void flush(uint32_t index) {
    rim__mesh_flush(rig.shards[index]);
}

/* As in a tick. */
static void drain(uint32_t index) {
    rim__mesh_drain(rig.shards[index]);
    rim__mesh_flush(rig.shards[index]);
}

/* A drain may leave the bell alone for a while, as long as one lane keeps it busy. */
static void drain_all(uint32_t index) {
    for (uint32_t i = 0; i < 1000 && rim__mesh_has_news(rig.shards[index], true); i++) {
        drain(index);
    }
}

static uint32_t send_until_full(uint32_t size) {
    uint32_t count = 0;
    while (send(A, B, size, false)) {
        count++;
        CU_ASSERT_FATAL(count < 100000);
    }
    return count;
}

static void mesh_keeps_order_through_a_full_lane(void) {
    start(2, 3);
    uint32_t refusals = 0;
    while (sent[B] < 20000 && refusals < 20000) {
        if (!send(A, B, sent[B] % 300, false)) {
            refusals++;
            flush(A);
            drain(B);
        }
    }
    flush(A);
    drain(B);
    CU_ASSERT(refusals > 50);
    CU_ASSERT_EQUAL(taken[B], sent[B]);
    CU_ASSERT_EQUAL(rig.shards[A]->mesh.posted, 20000);
    CU_ASSERT_EQUAL(rig.shards[B]->mesh.drained, 20000);
    finish();
}

static void mesh_carries_nothing_before_the_flush(void) {
    start(2, 4);
    CU_ASSERT(rim__mesh_is_quiet(rig.shards[A]));
    CU_ASSERT(send(A, B, 10, false));
    CU_ASSERT(!rim__mesh_is_quiet(rig.shards[A]));
    drain(B);
    CU_ASSERT_EQUAL(taken[B], 0);
    flush(A);
    CU_ASSERT(rim__mesh_is_quiet(rig.shards[A]));
    drain(B);
    CU_ASSERT_EQUAL(taken[B], 1);
    CU_ASSERT(rim__mesh_is_quiet(rig.shards[B]));
    finish();
}

static void mesh_never_has_more_parcels_than_allowed(void) {
    for (uint32_t parcels = 1; parcels <= 8; parcels *= 2) {
        start(2, parcels);
        holding = true;
        uint32_t count = send_until_full(32);
        CU_ASSERT_EQUAL(count, parcels * ((RIM_PARCEL_BYTES - sizeof(struct rim__parcel)) / 64));
        for (uint32_t i = 0; i < 10; i++) { /* and as long as nothing is released, that is all */
            flush(A);
            drain(B);
            CU_ASSERT(!send(A, B, 0, false));
        }
        CU_ASSERT_EQUAL(rig.shards[A]->mesh.outlets[B].made, parcels);
        CU_ASSERT_EQUAL(rig.shards[A]->mesh.parcels_out, parcels);
        CU_ASSERT_EQUAL(taken[B], count);
        let_go();
        CU_ASSERT_EQUAL(send_until_full(32), count);
        flush(A);
        drain(B);
        let_go();
        finish();
    }
}

static void mesh_parcel_goes_home_with_its_last_message(void) {
    start(2, 1);
    holding = true;
    for (uint32_t i = 0; i < 5; i++) {
        CU_ASSERT(send(A, B, 100, false));
    }
    flush(A);
    drain(B);
    CU_ASSERT_EQUAL_FATAL(held_count, 5);
    static const uint32_t order[] = {3, 0, 4, 2, 1};
    for (uint32_t i = 0; i < 5; i++) {
        rim__mesh_collect(rig.shards[A]);
        CU_ASSERT_EQUAL(rig.shards[A]->mesh.parcels_out, 1);
        rim__msg_release(rig.shards[B], held[order[i]]);
        flush(B);
    }
    held_count = 0;
    finish();
}

static void mesh_keeps_reserved_messages_in_order_behind_the_others(void) {
    start(2, 2);
    holding = true;
    uint32_t count = send_until_full(200);
    for (uint32_t i = 0; i < 500; i++) {
        CU_ASSERT(send(A, B, i % 1000, true));
        CU_ASSERT(!send(A, B, 0, false)); /* nobody passes the backlog */
    }
    CU_ASSERT_EQUAL(rig.shards[A]->mesh.backlog, 500);
    for (uint32_t round = 0; taken[B] < count + 500 && round < 500; round++) {
        flush(A);
        drain(B);
        let_go();
        drain(A); /* hears that parcels came home */
    }
    CU_ASSERT_EQUAL(taken[B], count + 500);
    let_go();
    finish();
}

static void mesh_lets_reserved_and_others_mix(void) {
    struct rim__random random;
    rim__random_init(&random, unit_seed());
    start(2, 2);
    holding = true;
    uint32_t refused = 0;
    for (uint32_t i = 0; i < 30000; i++) {
        uint64_t choice = rim__random_below(&random, 100);
        if (choice < 80) {
            bool reserved = rim__random_below(&random, 4) == 0 && rig.shards[A]->mesh.backlog < 1000;
            refused += !send(A, B, (uint32_t)rim__random_below(&random, 1024), reserved);
        } else if (choice < 88) {
            flush(A);
        } else if (choice < 95) {
            drain(B);
            drain(A);
        } else {
            let_go();
        }
    }
    for (uint32_t round = 0; taken[B] < sent[B] && round < 2000; round++) {
        flush(A);
        drain(B);
        let_go();
        drain(A);
    }
    CU_ASSERT(refused > 100);
    CU_ASSERT_EQUAL(taken[B], sent[B]);
    let_go();
    finish();
}

static void mesh_starved_sender_is_rung_when_a_parcel_comes_home(void) {
    start(2, 1);
    holding = true;
    (void)send_until_full(200);
    flush(A);
    drain(B);
    drain(A);
    CU_ASSERT(rim__bell_park(&rig.shards[A]->bell)); /* no news: it may sleep */
    CU_ASSERT_EQUAL(rig_wakes(&rig, A), 0);
    let_go();
    CU_ASSERT_EQUAL(rig_wakes(&rig, A), 1);
    drain(A);
    CU_ASSERT(send(A, B, 1, false));
    flush(A);
    drain(B);
    let_go();
    finish();
}

static void mesh_backlog_leaves_by_itself_once_parcels_come_home(void) {
    start(2, 1);
    holding = true;
    uint32_t count = send_until_full(200);
    CU_ASSERT(send(A, B, 5, true));
    flush(A);
    drain(B);
    CU_ASSERT_EQUAL(taken[B], count);
    CU_ASSERT(rim__mesh_is_quiet(rig.shards[A])); /* nothing to do but wait */
    CU_ASSERT(rim__bell_park(&rig.shards[A]->bell));
    let_go();
    CU_ASSERT_EQUAL(rig_wakes(&rig, A), 1);
    drain(A);
    flush(A);
    drain(B);
    CU_ASSERT_EQUAL(taken[B], count + 1);
    let_go();
    finish();
}

static void mesh_says_once_that_there_is_a_way_again(void) {
    start(2, 2);
    holding = true;
    (void)send_until_full(200);
    rim__mesh_want_room(rig.shards[A], B);
    rim__mesh_want_room(rig.shards[A], B);
    flush(A);
    drain(B);
    flush(A);
    CU_ASSERT_EQUAL(ways, 0);
    let_go();
    drain(A);
    flush(A);
    CU_ASSERT_EQUAL(ways, 1);
    CU_ASSERT_EQUAL(way_from, B);
    CU_ASSERT(send(A, B, 1, false));
    flush(A);
    drain(B);
    let_go();
    drain(A);
    flush(A);
    CU_ASSERT_EQUAL(ways, 1);
    finish();
}

static void mesh_says_at_once_that_there_is_a_way_where_there_is_one(void) {
    start(2, 2);
    rim__mesh_want_room(rig.shards[A], B); /* also on a way that was never used */
    CU_ASSERT(!rim__mesh_is_quiet(rig.shards[A]));
    flush(A);
    CU_ASSERT_EQUAL(ways, 1);
    CU_ASSERT(rim__mesh_is_quiet(rig.shards[A]));
    finish();
}

static void mesh_carries_the_largest_spans(void) {
    uint32_t most = RIM_PARCEL_BYTES - (uint32_t)sizeof(struct rim__parcel) - (uint32_t)sizeof(struct rim_msg);
    start(2, 4);
    for (uint32_t i = 0; i < 3; i++) {
        CU_ASSERT(send(A, B, most, false)); /* one fills a parcel to the last byte */
    }
    CU_ASSERT(send(A, B, RIM_MSG_INLINE_MAX, false));
    CU_ASSERT(send(A, B, most, true));
    flush(A);
    for (uint32_t i = 0; i < 3; i++) {
        drain(B);
        drain(A);
        flush(A);
    }
    drain(B);
    CU_ASSERT_EQUAL(taken[B], 5);
    finish();
}

static void mesh_carries_tokens_and_rounds_spans_up(void) {
    start(2, 4);
    for (uint32_t size = 0; size < 64; size++) {
        uint32_t flags = size % 2 ? RIM_MSG_TOKEN : 0;
        struct rim_msg *msg = rim__mesh_reserve(rig.shards[A], B, (uint32_t)rim__msg_span(flags, size), false);
        CU_ASSERT_FATAL(msg != NULL);
        CU_ASSERT_EQUAL((uintptr_t)msg % 16, 0);
        uint32_t home = msg->flags;
        *msg = (struct rim_msg){
            .from = A, .kind = RIM_KIND_ASK, .flags = (uint16_t)(home | flags), .tag = size, .size = size};
        memset(rim__msg_body(msg), fill_of(size), size);
    }
    flush(A);
    drain(B);
    CU_ASSERT_EQUAL(taken[B], 64);
    finish();
}

static void mesh_wakes_only_who_sleeps(void) {
    start(2, 64);
    CU_ASSERT(send(A, B, 1, false));
    flush(A);
    CU_ASSERT_EQUAL(rig_wakes(&rig, B), 0);
    CU_ASSERT_EQUAL(rig.shards[A]->mesh.wakes_saved, 1);
    drain(B);
    CU_ASSERT(rim__bell_park(&rig.shards[B]->bell));
    for (uint32_t i = 0; i < 3000; i++) { /* many parcels: several rings */
        CU_ASSERT(send(A, B, 30, false));
    }
    CU_ASSERT_EQUAL(rig_wakes(&rig, B), 1); /* without waiting for the flush */
    flush(A);
    CU_ASSERT_EQUAL(rig_wakes(&rig, B), 1);
    CU_ASSERT_EQUAL(rig.shards[A]->mesh.wakes_sent, 1);
    for (uint32_t i = 0; i < 10; i++) {
        drain(B);
    }
    CU_ASSERT_EQUAL(taken[B], 3001);
    finish();
}

static void mesh_drains_a_bounded_number_at_a_time_and_comes_back(void) {
    start(2, 64);
    uint32_t count = send_until_full(32), rounds = 0;
    flush(A);
    while (taken[B] < count) {
        uint32_t before = taken[B];
        drain(B);
        CU_ASSERT_FATAL(taken[B] > before);
        CU_ASSERT(taken[B] - before < 600);
        CU_ASSERT(taken[B] == count || !rim__mesh_is_quiet(rig.shards[B])); /* nobody rings again for the rest */
        rounds++;
    }
    CU_ASSERT(rounds >= 5);
    drain(B);
    CU_ASSERT(rim__mesh_is_quiet(rig.shards[B]));
    finish();
}

static bool yes(void *arg) {
    return *(bool *)arg;
}

static void mesh_pretends_to_be_full_when_told_to(void) {
    bool full = true;
    start(2, 4);
    rig.shards[A]->mesh.lane_full = yes;
    rig.shards[A]->mesh.lane_full_arg = &full;
    CU_ASSERT(!send(A, B, 1, false));
    CU_ASSERT(send(A, B, 1, true));
    CU_ASSERT(send(A, B, 2, true));
    full = false;
    CU_ASSERT(!send(A, B, 1, false)); /* behind the backlog */
    flush(A);
    CU_ASSERT(send(A, B, 1, false));
    flush(A);
    drain(B);
    CU_ASSERT_EQUAL(taken[B], 3);
    finish();
}

static void mesh_refuses_without_memory_for_the_backlog(void) {
    start(2, 1);
    holding = true;
    uint32_t count = send_until_full(200);
    rim__memory_fail(&rig.shards[A]->memory, 1, false);
    CU_ASSERT(!send(A, B, 1, true));
    CU_ASSERT(send(A, B, 1, true));
    rim__memory_fail(&rig.shards[A]->memory, 0, false);
    for (uint32_t i = 0; i < 4; i++) {
        flush(A);
        drain(B);
        let_go();
        drain(A);
    }
    CU_ASSERT_EQUAL(taken[B], count + 1);
    finish();
}

static struct rim_msg *make_one(uint32_t size) {
    struct rim_msg *msg = rim__msg_create(rig.shards[A], RIM_KIND_TELL, RIM_MSG_RESERVED, 0, size);
    CU_ASSERT_FATAL(msg != NULL);
    msg->from = A;
    return msg;
}

static void post(struct rim_msg *msg) {
    msg->tag = sent[B]++;
    memset(rim__msg_body(msg), fill_of(msg->tag), msg->size);
    rim__mesh_post(rig.shards[A], B, msg);
}

static void mesh_takes_over_messages_in_order_and_without_memory(void) {
    struct rim_msg *made[20];
    start(2, 1);
    holding = true;
    for (uint32_t i = 0; i < 20; i++) {
        made[i] = make_one(i * 10);
    }
    CU_ASSERT(send(A, B, 10, false));
    post(made[0]); /* there is room */
    uint32_t count = send_until_full(200);
    rim__memory_fail(&rig.shards[A]->memory, 1, true);
    for (uint32_t i = 1; i < 20; i++) {
        post(made[i]);
    }
    CU_ASSERT(!send(A, B, 1, true) && rig.shards[A]->mesh.backlog == 19); /* nothing else gets in */
    for (uint32_t round = 0; taken[B] < count + 21 && round < 100; round++) {
        flush(A);
        drain(B);
        let_go();
        drain(A);
    }
    CU_ASSERT_EQUAL(taken[B], count + 21);
    rim__memory_fail(&rig.shards[A]->memory, 0, false);
    let_go();
    finish();
}

static void mesh_sends_back_what_lies_in_anothers_parcel(void) {
    start(2, 1);
    holding = true;
    for (uint32_t i = 0; i < 3; i++) {
        CU_ASSERT(send(A, B, 50, false));
    }
    flush(A);
    drain(B);
    for (uint32_t i = 0; i < 3; i++) { /* as they are: the parcel goes home with the last */
        held[i]->from = B;
        held[i]->tag = i;
        memset(rim__msg_body(held[i]), fill_of(i), held[i]->size);
        rim__mesh_post(rig.shards[B], A, held[i]);
    }
    held_count = 0;
    taken[B] = 0; /* from shard B, now */
    flush(B);
    drain(A);
    CU_ASSERT_EQUAL(taken[B], 3);
    let_go();
    drain_all(B);
    finish();
}

static void flood_shard_a(uint32_t shards) {
    start(shards, 2);
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 1; i < shards; i++) {
            for (uint32_t k = 0; k < 5; k++) {
                CU_ASSERT(send(i, A, i % 100, false));
            }
            flush(i);
        }
        drain_all(A);
    }
    for (uint32_t i = 1; i < shards; i++) {
        CU_ASSERT_EQUAL(taken[i], 100);
        drain(i);
    }
    finish();
}

static void mesh_hears_every_one_of_many_shards(void) {
    flood_shard_a(62);
    flood_shard_a(70); /* with groups of lanes */
    flood_shard_a(256);
}

static void mesh_reaches_every_one_of_many_shards(void) {
    start(256, 2);
    for (uint32_t i = 1; i < 256; i++) {
        CU_ASSERT(rim__bell_park(&rig.shards[i]->bell));
        CU_ASSERT(send(A, i, 16, false));
    }
    flush(A);
    for (uint32_t i = 1; i < 256; i++) {
        CU_ASSERT_EQUAL(rig_wakes(&rig, i), 1);
        drain(i);
        CU_ASSERT_EQUAL(taken[i], 1);
    }
    finish();
}

static void mesh_may_end_with_parcels_under_way(void) {
    start(2, 4);
    holding = true;
    (void)send_until_full(100);
    flush(A);
    drain(B);
    for (uint32_t i = 0; i < 40; i++) { /* of the first parcel, all: it is at home */
        rim__msg_release(rig.shards[B], held[i]);
    }
    flush(B);
    rim__mesh_collect(rig.shards[A]);
    (void)send_until_full(100);
    flush(A);
    for (uint32_t i = 40; i < held_count; i++) {
        rim__msg_release(rig.shards[B], held[i]);
    }
    CU_ASSERT(rig.shards[A]->mesh.parcels_out > 0);
    rig_finish(&rig); /* frees them all: the checker of leaks would say so */
}

#define TESTS(X)                                                                                                       \
    X(mesh_keeps_order_through_a_full_lane)                                                                            \
    X(mesh_carries_nothing_before_the_flush)                                                                           \
    X(mesh_never_has_more_parcels_than_allowed)                                                                        \
    X(mesh_parcel_goes_home_with_its_last_message)                                                                     \
    X(mesh_keeps_reserved_messages_in_order_behind_the_others)                                                         \
    X(mesh_lets_reserved_and_others_mix)                                                                               \
    X(mesh_starved_sender_is_rung_when_a_parcel_comes_home)                                                            \
    X(mesh_backlog_leaves_by_itself_once_parcels_come_home)                                                            \
    X(mesh_says_once_that_there_is_a_way_again)                                                                        \
    X(mesh_says_at_once_that_there_is_a_way_where_there_is_one)                                                        \
    X(mesh_carries_the_largest_spans)                                                                                  \
    X(mesh_carries_tokens_and_rounds_spans_up)                                                                         \
    X(mesh_wakes_only_who_sleeps)                                                                                      \
    X(mesh_drains_a_bounded_number_at_a_time_and_comes_back)                                                           \
    X(mesh_pretends_to_be_full_when_told_to)                                                                           \
    X(mesh_refuses_without_memory_for_the_backlog)                                                                     \
    X(mesh_takes_over_messages_in_order_and_without_memory)                                                            \
    X(mesh_sends_back_what_lies_in_anothers_parcel)                                                                    \
    X(mesh_hears_every_one_of_many_shards)                                                                             \
    X(mesh_reaches_every_one_of_many_shards)                                                                           \
    X(mesh_may_end_with_parcels_under_way)
UNIT_SUITE(mesh, TESTS)
