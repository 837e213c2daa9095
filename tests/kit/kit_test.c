/* SPDX-License-Identifier: MIT */
/*
 * The test kit, by its own means: what it promises to find, it must find.
 */
#include "ringmail/kit.h"

#include <errno.h>
#include <string.h>

#include "ringmail.h"
#include "unit.h"

#define UNUSED __attribute__((unused))

enum { ADD = RIM_USER, GET, TOTAL, RELAY, HELLO, TICK };

/* ---- an actor to be tested ---- */

struct counter {
    int64_t total;
    rim_ref peer;
};

static rim_verdict counter_init(rim_ctx *ctx UNUSED, void *state, const void *arg, size_t size) {
    struct counter *self = state;
    if (size == sizeof self->peer) {
        memcpy(&self->peer, arg, size);
    }
    return size == 1 ? RIM_FAIL : RIM_DONE;
}

static rim_verdict on_add(rim_ctx *ctx UNUSED, void *state, const void *body, rim_msg *msg UNUSED) {
    struct counter *self = state;
    self->total += *(const int64_t *)body;
    return RIM_DONE;
}

static rim_verdict on_get(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct counter *self = state;
    rim_reply(ctx, RIM_NIL, TOTAL, &self->total, sizeof self->total);
    return RIM_DONE;
}

static rim_verdict on_asked(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body,
                            rim_msg *msg UNUSED) {
    struct counter *self = state;
    self->total += error == 0 ? *(const int64_t *)body : -1000;
    rim_send(ctx, self->peer, HELLO, &self->total, sizeof self->total);
    return RIM_DONE;
}

static rim_verdict on_relay(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct counter *self = state;
    rim_ask ask = {.to = self->peer, .tag = GET, .timeout_ns = RIM_SECONDS(1), .on_outcome = on_asked};
    return rim_request(ctx, &ask, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_tick(rim_ctx *ctx, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    rim_every(ctx, RIM_SECONDS(1), RIM_SECONDS(1), 0);
    return RIM_DONE;
}

static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct counter *self = state;
    rim_send(ctx, self->peer, TICK, NULL, 0);
    return RIM_DONE;
}

static const rim_handler counter_on[] = {
    [ADD] = on_add, [GET] = on_get, [RELAY] = on_relay, [TICK] = on_tick, [RIM_TIMER] = on_timer};
static const rim_behaviour counter = {.name = "counter",
                                      .state_size = sizeof(struct counter),
                                      .on = counter_on,
                                      .on_count = RIM_COUNT(counter_on),
                                      .init = counter_init};

/* ---- what the kit says ---- */

static unsigned failures;
static char last_failure[256];

static void note_failure(void *arg UNUSED, const char *text) {
    failures++;
    strncpy(last_failure, text, sizeof last_failure - 1);
}

static rim_kit *open_kit(uint64_t seed, uint32_t shards, const rim_sim_options *faults) {
    rim_kit *kit = NULL;
    failures = 0;
    rim_kit_options options = {.seed = seed, .shards = shards, .faults = faults, .tell = note_failure};
    CU_ASSERT_EQUAL_FATAL(rim_kit_open(&options, &kit), 0);
    return kit;
}

static rim_ref spawn_counter(rim_kit *kit, uint32_t shard) {
    rim_ref probe = rim_kit_probe(kit);
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = shard};
    rim_ref who = rim_kit_spawn(kit, &counter, &options, &probe, sizeof probe);
    CU_ASSERT_FATAL(who != RIM_NIL);
    return who;
}

static int64_t number(const rim_kit_message *message) {
    int64_t value = -1;
    if (message != NULL && message->size == sizeof value) {
        memcpy(&value, message->body, sizeof value);
    }
    return value;
}

/* ---- expectations ---- */

static void probe_sends_asks_and_gets_the_reply(void) {
    rim_kit *kit = open_kit(1, 2, NULL);
    rim_ref who = spawn_counter(kit, 1);
    int64_t three = 3;
    CU_ASSERT_EQUAL(rim_kit_send(kit, who, ADD, &three, sizeof three), 0);
    CU_ASSERT_EQUAL(rim_kit_ask(kit, who, GET, NULL, 0, RIM_SECONDS(1)), 0);
    const rim_kit_message *reply = rim_kit_expect(kit, TOTAL, RIM_SECONDS(1));
    CU_ASSERT_EQUAL(number(reply), 3);
    CU_ASSERT(reply != NULL && reply->from == who && reply->error == 0 && !reply->is_request);
    CU_ASSERT(rim_kit_forbid(kit, RIM_KIT_ANY, RIM_SECONDS(10)));
    CU_ASSERT_EQUAL(rim_kit_close(kit), 0);
    CU_ASSERT_EQUAL(failures, 0);
}

static void expectation_that_is_not_met_fails_after_its_time(void) {
    rim_kit *kit = open_kit(7, 1, NULL);
    rim_ref who = spawn_counter(kit, 0);
    rim_kit_ask(kit, who, GET, NULL, 0, RIM_SECONDS(1));
    rim_kit_run(kit, RIM_MS(1));
    CU_ASSERT_PTR_NULL(rim_kit_expect(kit, HELLO, RIM_SECONDS(2)));
    CU_ASSERT_EQUAL(failures, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(last_failure, "there is only 66")); /* TOTAL */
    CU_ASSERT_PTR_NOT_NULL(strstr(last_failure, "seed 7"));
    CU_ASSERT_STRING_EQUAL(rim_kit_failure(kit), last_failure);
    CU_ASSERT_EQUAL(rim_kit_close(kit), -RIM_EKIT);
}

static void forbidden_message_fails_when_it_comes(void) {
    rim_kit *kit = open_kit(1, 1, NULL);
    rim_ref who = spawn_counter(kit, 0);
    rim_kit_send(kit, who, TICK, NULL, 0);
    CU_ASSERT(rim_kit_forbid(kit, TICK, RIM_MS(900)));
    CU_ASSERT_EQUAL(failures, 0);
    CU_ASSERT(!rim_kit_forbid(kit, TICK, RIM_MS(200)));
    CU_ASSERT_EQUAL(failures, 1);
    CU_ASSERT_EQUAL(rim_kit_close(kit), -RIM_EKIT);
}

static void probe_answers_what_it_is_asked(void) {
    rim_kit *kit = open_kit(1, 2, NULL);
    rim_ref who = spawn_counter(kit, 1);
    int64_t ninety = 90;
    CU_ASSERT_EQUAL(rim_kit_reply(kit, TOTAL, NULL, 0), -RIM_EBADREF);
    rim_kit_send(kit, who, RELAY, NULL, 0);
    const rim_kit_message *asked = rim_kit_expect(kit, GET, RIM_SECONDS(1));
    CU_ASSERT_FATAL(asked != NULL && asked->is_request);
    CU_ASSERT_EQUAL(rim_kit_reply(kit, TOTAL, &ninety, sizeof ninety), 0);
    CU_ASSERT_EQUAL(number(rim_kit_expect(kit, HELLO, RIM_SECONDS(1))), 90);
    rim_kit_send(kit, who, RELAY, NULL, 0); /* and if it does not: */
    CU_ASSERT_EQUAL(number(rim_kit_expect(kit, HELLO, RIM_SECONDS(2))), 90 - 1000);
    CU_ASSERT_EQUAL(rim_kit_close(kit), 0);
}

static void request_to_nobody_has_an_outcome(void) {
    rim_kit *kit = open_kit(1, 1, NULL);
    rim_ref who = spawn_counter(kit, 0);
    CU_ASSERT_EQUAL(rim_kit_monitor(kit, who), 0);
    CU_ASSERT_EQUAL(rim_kit_stop(kit, who), 0);
    const rim_kit_message *down = rim_kit_expect(kit, RIM_DOWN, RIM_SECONDS(1));
    CU_ASSERT_FATAL(down != NULL && down->size == sizeof(rim_down_event));
    CU_ASSERT_EQUAL(((const rim_down_event *)down->body)->who, who);
    CU_ASSERT_EQUAL(((const rim_down_event *)down->body)->code, RIM_EXIT_SHUTDOWN);
    CU_ASSERT_EQUAL(rim_kit_ask(kit, who, GET, NULL, 0, RIM_SECONDS(1)), -RIM_EDOWN);
    CU_ASSERT_EQUAL(rim_kit_close(kit), 0);
}

static bool is_five(void *arg) {
    return *(const int64_t *)arg == 5;
}

static void spawn_whose_init_fails_is_a_failure(void) {
    rim_kit *kit = open_kit(1, 1, NULL);
    int64_t four = 4;
    CU_ASSERT_EQUAL(rim_kit_spawn(kit, &counter, NULL, "x", 1), RIM_NIL);
    CU_ASSERT_PTR_NOT_NULL(strstr(last_failure, "init"));
    CU_ASSERT(!rim_kit_until(kit, is_five, &four, RIM_SECONDS(1)));
    four = 5;
    CU_ASSERT(rim_kit_until(kit, is_five, &four, RIM_SECONDS(1)));
    CU_ASSERT_EQUAL(failures, 2);
    CU_ASSERT_EQUAL(rim_kit_close(kit), -RIM_EKIT);
}

/* ---- faults ---- */

static uint64_t strikes(const rim_kit *kit, const char *fault) {
    uint32_t i = 0;
    while (rim_sim_fault_name(i) != NULL && strcmp(rim_sim_fault_name(i), fault) != 0) {
        i++;
    }
    return rim_sim_fault_count(rim_kit_system(kit), i);
}

static void planned_crash_strikes_the_message_that_it_was_planned_for(void) {
    rim_kit *kit = open_kit(1, 2, NULL);
    rim_ref who = spawn_counter(kit, 1);
    int64_t one = 1;
    rim_kit_monitor(kit, who);
    rim_kit_run(kit, RIM_MS(1));
    CU_ASSERT_EQUAL(rim_kit_crash(kit, who, 2), 0);
    for (int i = 0; i < 2; i++) {
        rim_kit_send(kit, who, ADD, &one, sizeof one);
    }
    rim_kit_ask(kit, who, GET, NULL, 0, RIM_SECONDS(1));
    const rim_kit_message *outcome = rim_kit_expect(kit, RIM_KIT_OUTCOME, RIM_SECONDS(1));
    CU_ASSERT(outcome != NULL && outcome->error == -RIM_EDOWN);
    const rim_kit_message *down = rim_kit_expect(kit, RIM_DOWN, RIM_SECONDS(1));
    CU_ASSERT_FATAL(down != NULL);
    CU_ASSERT_EQUAL(((const rim_down_event *)down->body)->code, RIM_EXIT_FAILED);
    CU_ASSERT_EQUAL(rim_kit_crash(kit, who, 0), -RIM_EDOWN);
    CU_ASSERT_EQUAL(strikes(kit, "crash"), 1);
    CU_ASSERT_EQUAL(rim_kit_close(kit), 0);
}

static void shard_that_is_held_answers_late(void) {
    rim_kit *kit = open_kit(1, 2, NULL);
    rim_ref who = spawn_counter(kit, 1);
    CU_ASSERT_EQUAL(rim_kit_hold_shard(kit, 2, 1), -EINVAL);
    CU_ASSERT_EQUAL(rim_kit_hold_shard(kit, 1, RIM_MS(500)), 0);
    rim_kit_ask(kit, who, GET, NULL, 0, RIM_SECONDS(1));
    CU_ASSERT(rim_kit_forbid(kit, TOTAL, RIM_MS(490)));
    CU_ASSERT_PTR_NOT_NULL(rim_kit_expect(kit, TOTAL, RIM_MS(20)));
    CU_ASSERT_EQUAL(rim_kit_close(kit), 0);
}

static void failed_allocation_is_told_and_leaks_nothing(void) {
    unsigned told = 0;
    for (uint64_t after = 0; after < 8; after++) {
        rim_kit *kit = open_kit(1, 1, NULL);
        rim_ref who = spawn_counter(kit, 0);
        int64_t one = 1;
        CU_ASSERT_EQUAL(rim_kit_fail_memory(kit, 1, 0), -EINVAL);
        CU_ASSERT_EQUAL(rim_kit_fail_memory(kit, 0, after), 0);
        for (int i = 0; i < 8; i++) {
            told += rim_kit_send(kit, who, ADD, &one, sizeof one) == -ENOMEM;
        }
        CU_ASSERT_EQUAL(rim_kit_close(kit), 0);
    }
    CU_ASSERT(told > 0 && told <= 8);
}

/* ---- by seeds ---- */

static const rim_sim_options wild = {.skip_turn = 50, .late_wake = 100, .lane_full = 20, .crash = 20, .no_memory = 20};

/* Whatever the seed does, the account must add up and nothing may leak. */
static uint64_t play_wildly(uint64_t seed, uint64_t *struck) {
    rim_kit *kit = open_kit(seed, 3, &wild);
    rim_ref probe = rim_kit_probe(kit);
    int64_t one = 1;
    for (int i = 0; i < 40; i++) {
        rim_ref who;
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = (uint32_t)i % 3};
        if (rim_system_spawn(rim_kit_system(kit), &counter, &options, &probe, sizeof probe, &who) == 0) {
            rim_kit_monitor(kit, who);
            rim_kit_send(kit, who, ADD, &one, sizeof one);
            rim_kit_ask(kit, who, GET, NULL, 0, RIM_MS(1 + (uint64_t)i));
            rim_kit_send(kit, who, RELAY, NULL, 0);
        }
    }
    rim_kit_run(kit, RIM_SECONDS(1));
    uint64_t trace = rim_sim_trace(rim_kit_system(kit));
    *struck += strikes(kit, "crash") + strikes(kit, "no_memory");
    CU_ASSERT_EQUAL(rim_kit_close(kit), 0);
    return trace;
}

static void wild_seeds_lose_and_leak_nothing_and_replay(void) {
    uint64_t struck = 0, last = 0;
    for (uint64_t seed = unit_seed(); seed < unit_seed() + 60; seed++) {
        uint64_t trace = play_wildly(seed, &struck);
        CU_ASSERT_EQUAL(play_wildly(seed, &struck), trace);
        CU_ASSERT(trace != last);
        last = trace;
    }
    CU_ASSERT(struck > 100);
}

#define TESTS(X)                                                                                                       \
    X(probe_sends_asks_and_gets_the_reply)                                                                             \
    X(expectation_that_is_not_met_fails_after_its_time)                                                                \
    X(forbidden_message_fails_when_it_comes)                                                                           \
    X(probe_answers_what_it_is_asked)                                                                                  \
    X(request_to_nobody_has_an_outcome)                                                                                \
    X(spawn_whose_init_fails_is_a_failure)                                                                             \
    X(planned_crash_strikes_the_message_that_it_was_planned_for)                                                       \
    X(shard_that_is_held_answers_late)                                                                                 \
    X(failed_allocation_is_told_and_leaks_nothing)                                                                     \
    X(wild_seeds_lose_and_leak_nothing_and_replay)
UNIT_SUITE(kit, TESTS)
