/* SPDX-License-Identifier: MIT */
/*
 * Links, monitors, kept actors and endings when memory runs out. Once each allocation fails on each shard in turn, and
 * what was promised before must come. Then there is no memory at all from the moment when actors begin to die, and
 * the lanes are full: what tells of their deaths was made beforehand.
 */
#include <errno.h>
#include <string.h>

#include "ringmail.h"
#include "system.h"
#include "unit.h"

#define SHARDS     2u
#define FAIL_UNTIL 600u
#define WORDS      200u

enum { END = RIM_USER, WORD };

static rim_system *tested;
static uint32_t monitors, downs, links, exits, asked, outcomes, words, early;

static struct rim__memory *memory_of(uint32_t shard) {
    return &tested->shards[shard]->memory;
}

/* ---- those who end ---- */

static rim_verdict on_end(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)state, (void)body, (void)msg;
    return rim_fail(ctx, RIM_EXIT_USER, "told to");
}
static const rim_handler mortal_on[] = {[END] = on_end};
static rim_verdict no_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    (void)ctx, (void)state, (void)arg, (void)size;
    return RIM_DONE;
}
static const rim_behaviour mortal = {
    .name = "mortal", .state_size = 40, .init = no_init, .on = mortal_on, .on_count = RIM_COUNT(mortal_on)};

/* ---- the one who is told ---- */

static rim_verdict on_ended(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)ctx, (void)state, (void)cookie, (void)msg;
    CU_ASSERT(error == 0 || error == -ENOMEM);
    CU_ASSERT(body != NULL);
    outcomes++;
    return RIM_DONE;
}

static void end_it(rim_ctx *ctx, rim_ref who, enum rim_word word) {
    rim_ending ending = {.who = who, .word = word, .timeout_ns = RIM_MS(5), .on_outcome = on_ended};
    int error = rim_end(ctx, &ending, NULL);
    CU_ASSERT(error == 0 || error == -ENOMEM);
    asked += error == 0;
}

static void tie_to(rim_ctx *ctx, rim_ref who) {
    monitors += rim_monitor(ctx, who, 0) != RIM_NIL;
    int error = rim_link(ctx, who);
    CU_ASSERT(error == 0 || error == -ENOMEM);
    links += error == 0;
}

static void work_on(rim_ctx *ctx, uint32_t shard) {
    rim_ref who;
    rim_spawn_options plain = {.place = RIM_ON_SHARD, .shard = shard};
    rim_spawn_options tied = {.place = RIM_ON_SHARD, .shard = shard, .link = true, .monitor = true};
    rim_spawn_options kept = {.place = RIM_ON_SHARD, .shard = shard, .keep = true, .monitor = true};
    if (rim_spawn(ctx, &mortal, &plain, NULL, 0, &who) == 0) {
        tie_to(ctx, who);
        monitors += rim_monitor(ctx, who, 1) != RIM_NIL;
        (void)rim_kill(ctx, who);
        end_it(ctx, who, RIM_WORD_KILL); /* if the kill found no memory */
    }
    if (rim_spawn(ctx, &mortal, &tied, NULL, 0, &who) == 0) {
        monitors++;
        links++;
        (void)rim_exit_send(ctx, who, RIM_EXIT_USER, "go");
        end_it(ctx, who, RIM_WORD_DRAIN);
    }
    if (rim_spawn(ctx, &mortal, &kept, NULL, 0, &who) == 0) {
        monitors++;
        links++;
        (void)rim_send(ctx, who, END, NULL, 0);
        if (rim_after(ctx, RIM_MS(1), who) == RIM_NIL) {
            end_it(ctx, who, RIM_WORD_STOP);
        }
    }
}

static rim_verdict watcher_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    (void)state, (void)arg, (void)size;
    for (uint32_t i = 0; i < SHARDS; i++) {
        work_on(ctx, i);
    }
    return RIM_DONE;
}

static rim_verdict on_failed(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const rim_failed_event *failed = body;
    (void)state, (void)msg;
    CU_ASSERT(failed->code == RIM_EXIT_USER);
    if (rim_revive(ctx, failed->who, NULL, 0) != 0) {
        (void)rim_kill(ctx, failed->who);
    }
    return RIM_DONE;
}

static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    rim_ref who = ((const rim_timer_event *)body)->cookie;
    (void)state, (void)msg;
    end_it(ctx, who, RIM_WORD_STOP);
    end_it(ctx, who, RIM_WORD_STOP); /* one of them finds memory */
    return RIM_DONE;
}

static rim_verdict on_down(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx, (void)state, (void)body, (void)msg;
    downs++;
    return RIM_DONE;
}

static rim_verdict on_exit_signal(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx, (void)state, (void)body, (void)msg;
    exits++;
    return RIM_DONE;
}

static const rim_handler watcher_on[] = {
    [RIM_TIMER] = on_timer, [RIM_DOWN] = on_down, [RIM_EXIT_SIGNAL] = on_exit_signal, [RIM_FAILED] = on_failed};
static const rim_behaviour watcher = {.name = "watcher",
                                      .init = watcher_init,
                                      .on = watcher_on,
                                      .on_count = RIM_COUNT(watcher_on)};

/* ---- each allocation fails once ---- */

static void create(uint32_t parcels) {
    rim_config config = {.shards = SHARDS, .driver = RIM_DRIVER_SIM, .seed = unit_seed(), .parcels = parcels};
    monitors = downs = links = exits = asked = outcomes = words = early = 0;
    CU_ASSERT_EQUAL_FATAL(rim_system_create(&config, &tested), 0);
}

static void stop(void) {
    rim_stop_report report;
    for (uint32_t i = 0; i < SHARDS; i++) {
        rim__memory_fail(memory_of(i), 0, false);
    }
    CU_ASSERT_EQUAL(rim_system_stop(tested, RIM_SECONDS(1), &report), 0);
    CU_ASSERT(report.adds_up);
    CU_ASSERT(!report.leaks);
    rim_system_destroy(tested);
}

static bool run_failing(uint32_t shard, uint64_t fail_at) {
    rim_spawn_options traps = {.trap_exit = true};
    rim_ref ref;
    create(4);
    CU_ASSERT_EQUAL_FATAL(rim_system_spawn(tested, &watcher, &traps, NULL, 0, &ref), 0);
    CU_ASSERT_EQUAL_FATAL(rim_system_start(tested), 0);
    rim__memory_fail(memory_of(shard), fail_at, false);
    (void)rim_sim_run(tested, RIM_SECONDS(3));
    bool reached = memory_of(shard)->allocations >= fail_at;
    CU_ASSERT_EQUAL(downs, monitors);
    CU_ASSERT_EQUAL(exits, links);
    CU_ASSERT_EQUAL(outcomes, asked);
    stop();
    return reached;
}

static void fail_each_on(uint32_t shard) {
    uint64_t fail_at = 1;
    while (fail_at < FAIL_UNTIL && run_failing(shard, fail_at)) {
        fail_at++;
    }
    CU_ASSERT(fail_at > 20 && fail_at < FAIL_UNTIL); /* and the last run had none */
}

static void what_was_promised_comes_when_memory_fails_here(void) {
    fail_each_on(0);
}

static void what_was_promised_comes_when_memory_fails_elsewhere(void) {
    fail_each_on(1);
}

/* ---- no memory at all, and no way ---- */

static rim_ref listener;

static rim_verdict on_last_words(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)state, (void)body, (void)msg;
    char word[900] = {0};
    while (rim_send(ctx, listener, WORD, word, sizeof word) == 0) { /* until the way is full */
        words++;
    }
    for (uint32_t i = 0; i < SHARDS; i++) {
        rim__memory_fail(memory_of(i), 1, true);
    }
    return rim_fail(ctx, RIM_EXIT_USER, "no memory is left");
}
static const rim_handler speaker_on[] = {[END] = on_last_words};
static const rim_behaviour speaker = {.name = "speaker",
                                      .init = no_init,
                                      .on = speaker_on,
                                      .on_count = RIM_COUNT(speaker_on)};

static rim_verdict on_word(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx, (void)state, (void)body, (void)msg;
    CU_ASSERT(downs == 0 && exits == 0 && outcomes == 0);
    early++;
    return RIM_DONE;
}

static rim_verdict listener_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    rim_ref who;
    rim_spawn_options there = {.place = RIM_ON_SHARD, .shard = 1, .link = true, .monitor = true};
    (void)state, (void)arg, (void)size;
    listener = rim_self(ctx);
    CU_ASSERT_EQUAL_FATAL(rim_spawn(ctx, &speaker, &there, NULL, 0, &who), 0);
    CU_ASSERT_EQUAL(rim_send(ctx, who, END, NULL, 0), 0);
    end_it(ctx, who, RIM_WORD_DRAIN);
    monitors = 1 + (rim_monitor(ctx, who, 0) != RIM_NIL);
    links = 1;
    return RIM_DONE;
}
static const rim_handler listener_on[] = {[RIM_DOWN] = on_down, [RIM_EXIT_SIGNAL] = on_exit_signal, [WORD] = on_word};
static const rim_behaviour listens = {.name = "listener",
                                      .init = listener_init,
                                      .on = listener_on,
                                      .on_count = RIM_COUNT(listener_on)};

static void deaths_are_told_without_memory_over_full_lanes(void) {
    rim_spawn_options traps = {.trap_exit = true};
    rim_ref ref;
    create(2);
    CU_ASSERT_EQUAL_FATAL(rim_system_spawn(tested, &listens, &traps, NULL, 0, &ref), 0);
    CU_ASSERT_EQUAL_FATAL(rim_system_start(tested), 0);
    (void)rim_sim_run(tested, RIM_MS(100));
    CU_ASSERT(words > 0 && early == words);
    CU_ASSERT(memory_of(1)->fail_on);
    CU_ASSERT_EQUAL(downs, monitors);
    CU_ASSERT_EQUAL(monitors, 2);
    CU_ASSERT_EQUAL(exits, links);
    CU_ASSERT_EQUAL(outcomes, 1);
    stop();
}

#define TESTS(X)                                                                                                       \
    X(what_was_promised_comes_when_memory_fails_here)                                                                  \
    X(what_was_promised_comes_when_memory_fails_elsewhere)                                                             \
    X(deaths_are_told_without_memory_over_full_lanes)
UNIT_SUITE(link_memory, TESTS)
