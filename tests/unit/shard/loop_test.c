/* SPDX-License-Identifier: MIT */
/*
 * The tick, by a driver whose clock the test sets and whose poll only notes how long it might have slept.
 */
#include <string.h>

#include "rig.h"
#include "shard/turns.h"
#include "unit.h"

#define START_NS 1000000000000ull

static struct rig rig;
static struct rim__shard *shard;
static struct rig_member *member;
static uint32_t runs, settles, publishes, fires;
static uint64_t run_ns; /* what a task takes */
static bool run_again;

static void run(struct rim__shard *self, struct rim__task *task) {
    runs++;
    member->clock_ns += run_ns;
    if (run_again) {
        rim__run_queue_push(&self->ready, task);
    }
}

static void take_turns(struct rim__shard *self) {
    rim__turns_take(self, run);
}

static void settle(struct rim__shard *self) {
    CU_ASSERT(self == shard);
    settles++;
}

static void publish(struct rim__shard *self) {
    CU_ASSERT(self == shard);
    publishes++;
}

static void fire(struct rim__shard *self, struct rim__timer *timer) {
    CU_ASSERT(self == shard);
    CU_ASSERT(timer->deadline_ns <= self->now_ns);
    fires++;
}

static void start(void) {
    rig_init(&rig, 2, 4);
    shard = rig.shards[0];
    member = &rig.members[0];
    member->clock_ns = rig.members[1].clock_ns = START_NS;
    shard->turns = take_turns;
    shard->settle = settle;
    shard->publish = publish;
    runs = settles = publishes = fires = 0;
    run_ns = 0;
    run_again = false;
    rim__shard_tick(shard, false); /* so that its timers know the time */
    settles = 0;
}

static void tell_shard(void) {
    struct rim_msg *msg = rim__mesh_reserve(rig.shards[1], 0, sizeof *msg, true);
    CU_ASSERT_FATAL(msg != NULL);
    uint32_t home = msg->flags;
    *msg = (struct rim_msg){.kind = RIM_KIND_TELL, .flags = (uint16_t)home};
    rim__mesh_flush(rig.shards[1]);
}

static void loop_sleeps_when_there_is_nothing_to_do(void) {
    start();
    CU_ASSERT(rim__shard_is_idle(shard));
    rim__shard_tick(shard, true);
    CU_ASSERT_EQUAL(member->wished_ns, RIM_SHARD_SAFETY_NS);
    CU_ASSERT_EQUAL(shard->parks, 1);
    CU_ASSERT_EQUAL(publishes, 1); /* before it sleeps */
    CU_ASSERT_EQUAL(settles, 1);
    tell_shard();
    CU_ASSERT_EQUAL(rig_wakes(&rig, 0), 1);
    rig_finish(&rig);
}

static void loop_does_not_sleep_when_it_must_not(void) {
    start();
    rim__shard_tick(shard, false);
    CU_ASSERT_EQUAL(member->wished_ns, 0);
    CU_ASSERT_EQUAL(shard->parks, 0);
    shard->stopping = true;
    rim__shard_tick(shard, true);
    CU_ASSERT_EQUAL(member->wished_ns, 0);
    rig_finish(&rig);
}

static void loop_does_not_sleep_over_ready_tasks(void) {
    struct rim__task task;
    start();
    run_again = true;
    rim__run_queue_push(&shard->ready, &task);
    rim__shard_tick(shard, true);
    CU_ASSERT_EQUAL(member->wished_ns, 0);
    CU_ASSERT(!rim__shard_is_idle(shard));
    CU_ASSERT(runs >= 100 && runs <= 1000); /* a turn is bounded by number ... */
    runs = 0;
    run_ns = 100000;
    rim__shard_tick(shard, true);
    CU_ASSERT(runs >= 10 && runs <= 32); /* ... and by time */
    run_again = false;
    rim__shard_tick(shard, true);
    CU_ASSERT_EQUAL(member->wished_ns, RIM_SHARD_SAFETY_NS);
    rig_finish(&rig);
}

static void loop_does_not_sleep_over_news_that_came_meanwhile(void) {
    start();
    tell_shard();
    uint64_t before = shard->mesh.drained;
    rim__shard_tick(shard, true);
    CU_ASSERT_EQUAL(shard->mesh.drained, before + 1);
    rim__shard_tick(shard, true);
    CU_ASSERT_EQUAL(member->wished_ns, RIM_SHARD_SAFETY_NS);
    rig_finish(&rig);
}

/* The bell rings after the lanes were looked at: in settle, say, as another thread might. */
static void settle_and_be_told(struct rim__shard *self) {
    settle(self);
    tell_shard();
}

static void loop_does_not_park_when_the_bell_rings_first(void) {
    start();
    shard->settle = settle_and_be_told;
    rim__shard_tick(shard, true);
    CU_ASSERT_EQUAL(member->wished_ns, 0);
    CU_ASSERT_EQUAL(shard->parks, 0);
    rig_finish(&rig);
}

static void loop_sleeps_until_the_next_timer(void) {
    struct rim__timer timer = {.fire = fire};
    start();
    rim__timer_arm(&shard->timers, &timer, START_NS + 5000000);
    CU_ASSERT(!rim__shard_is_idle(shard));
    for (uint32_t i = 0; fires == 0 && i < 10; i++) {
        rim__shard_tick(shard, true);
        if (fires == 0) {
            CU_ASSERT(member->clock_ns + member->wished_ns <= START_NS + 5000000 + (1u << RIM_WHEEL_SLOT_BITS));
            CU_ASSERT(member->wished_ns > 0);
            member->clock_ns += member->wished_ns;
        }
    }
    CU_ASSERT_EQUAL(fires, 1);
    CU_ASSERT(member->clock_ns >= START_NS + 5000000);
    rig_finish(&rig);
}

static void sleep_whole(void) {
    rim__shard_tick(shard, true);
    member->clock_ns += member->wished_ns;
}

static void loop_sleeps_longer_and_longer_while_nothing_happens(void) {
    start();
    uint64_t last = 0;
    for (uint32_t i = 0; i < 12; i++) {
        sleep_whole();
        CU_ASSERT(member->wished_ns >= last && member->wished_ns <= 64 * RIM_SHARD_SAFETY_NS);
        last = member->wished_ns;
    }
    CU_ASSERT_EQUAL(last, 64 * RIM_SHARD_SAFETY_NS);
    CU_ASSERT_EQUAL(shard->suspects, 0);
    member->driver.wakes_received++; /* a wake-up that came as it should */
    tell_shard();
    rim__shard_tick(shard, true);
    rim__shard_tick(shard, true);
    CU_ASSERT_EQUAL(member->wished_ns, RIM_SHARD_SAFETY_NS); /* news: it begins again */
    CU_ASSERT_EQUAL(shard->suspects, 0);
    rig_finish(&rig);
}

static void loop_counts_news_that_only_the_safety_net_found(void) {
    start();
    sleep_whole();
    tell_shard(); /* rings, and the wake-up never arrives */
    rim__shard_tick(shard, true);
    CU_ASSERT_EQUAL(shard->suspects, 1);
    member->driver.wakes_received++; /* it was only slow */
    rim__shard_tick(shard, true);
    CU_ASSERT_EQUAL(shard->suspects, 0);
    rig_finish(&rig);
}

static void loop_looks_out_before_it_sleeps_when_that_pays(void) {
    start();
    shard->spin_ns = 20000;
    rim__shard_tick(shard, true);
    CU_ASSERT(member->wished_ns > 0); /* has not paid yet */
    member->clock_ns += 5000;
    member->driver.wakes_received++;
    tell_shard(); /* a short sleep */
    rim__shard_tick(shard, true);
    CU_ASSERT_EQUAL(member->wished_ns, 0);
    member->clock_ns += 10000;
    rim__shard_tick(shard, true);
    CU_ASSERT_EQUAL(member->wished_ns, 0);
    member->clock_ns += 20000; /* in vain, which the clock tells after the next look */
    rim__shard_tick(shard, true);
    CU_ASSERT_EQUAL(member->wished_ns, 0);
    rim__shard_tick(shard, true);
    CU_ASSERT(member->wished_ns > 0);
    rig_finish(&rig);
}

static void complete_after(uint64_t ns) {
    member->clock_ns += ns;
    member->driver.completions++;
    shard->now_is_fresh = false; /* in the poll, and not after it */
    rim__shard_tick(shard, true);
}

static void loop_looks_out_for_completions_while_that_is_cheaper_than_sleep(void) {
    start();
    shard->spin_ns = 20000;
    shard->sleep_cost_ns = 3000;
    shard->spin_credit = 1;
    complete_after(0);
    CU_ASSERT_EQUAL(member->wished_ns, 0);
    complete_after(5000); /* longer than a sleep costs, but not with the wake-up */
    complete_after(7000);
    CU_ASSERT_EQUAL(member->wished_ns, 0); /* one did not pay, but more did */
    complete_after(7000);
    CU_ASSERT(member->wished_ns > 0);
    for (uint32_t i = 0; i < 7; i++) {
        complete_after(7000);
        CU_ASSERT(member->wished_ns > 0);
    }
    complete_after(7000); /* it is tried again */
    CU_ASSERT_EQUAL(member->wished_ns, 0);
    complete_after(7000);
    for (uint32_t i = 0; i < 15; i++) { /* and then twice as seldom */
        CU_ASSERT(member->wished_ns > 0);
        complete_after(7000);
    }
    complete_after(7000);
    CU_ASSERT_EQUAL(member->wished_ns, 0);
    rig_finish(&rig);
}

static void loop_ends_after_the_tick_that_was_told_to(void) {
    start();
    rim__shard_set_current(shard);
    CU_ASSERT(rim__shard_current() == shard);
    shard->stopping = true;
    uint64_t before = shard->ticks;
    rim__shard_loop(shard);
    CU_ASSERT_EQUAL(shard->ticks, before);
    rim__shard_set_current(NULL);
    CU_ASSERT(rim__shard_current() == NULL);
    rig_finish(&rig);
}

#define TESTS(X)                                                                                                       \
    X(loop_sleeps_when_there_is_nothing_to_do)                                                                         \
    X(loop_does_not_sleep_when_it_must_not)                                                                            \
    X(loop_does_not_sleep_over_ready_tasks)                                                                            \
    X(loop_does_not_sleep_over_news_that_came_meanwhile)                                                               \
    X(loop_does_not_park_when_the_bell_rings_first)                                                                    \
    X(loop_sleeps_until_the_next_timer)                                                                                \
    X(loop_sleeps_longer_and_longer_while_nothing_happens)                                                             \
    X(loop_counts_news_that_only_the_safety_net_found)                                                                 \
    X(loop_looks_out_before_it_sleeps_when_that_pays)                                                                  \
    X(loop_looks_out_for_completions_while_that_is_cheaper_than_sleep)                                                 \
    X(loop_ends_after_the_tick_that_was_told_to)
UNIT_SUITE(loop, TESTS)
