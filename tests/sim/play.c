/* SPDX-License-Identifier: MIT */
#include "play.h"

#include <errno.h>
#include <stdio.h>

#define STEPS_MAX     400000u
#define FIRST_PLAYERS 4u

struct dice {
    uint64_t state;
};

static uint32_t roll(struct dice *dice, uint32_t sides) { /* splitmix64 */
    uint64_t z = dice->state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return (uint32_t)((z ^ z >> 31) % sides);
}

/* ---- the world ---- */

static rim_sim_options make_faults(struct dice *dice) {
    rim_sim_options faults = {0};
    if (roll(dice, 5) == 0) {
        return faults;
    }
#define RATE(name, text) faults.name = roll(dice, 3) == 0 ? roll(dice, 300) : roll(dice, 3) == 0 ? roll(dice, 20) : 0;
    RIM_SIM_FAULTS(RATE)
#undef RATE
    faults.reset /= 8;                   /* else nothing gets through */
    faults.crash = faults.no_memory = 0; /* no accident of the world, but of its inhabitants: see tests/kit */
    faults.latency_ns = roll(dice, 2) * (1 + roll(dice, 3000000));
    return faults;
}

static void tell_log(void *arg, int level, const char *text) {
    (void)arg;
    (void)level;
    if (getenv("SIM_LOG") != NULL) {
        fprintf(stderr, "    %s\n", text);
    }
}

static rim_system *make_system(struct play *play, struct dice *dice) {
    static const uint32_t counts[] = {0, 6, 40}, bytes[] = {0, 3000, 20000}, budgets[] = {0, 1, 7};
    rim_sim_options faults = make_faults(dice);
    rim_config config = {.shards = 1 + roll(dice, 5),
                         .driver = RIM_DRIVER_SIM,
                         .seed = play->seed,
                         .sim = &faults,
                         .parcels = roll(dice, 2) * (1 + roll(dice, 6)),
                         .mailbox_count = counts[roll(dice, 3)],
                         .mailbox_bytes = bytes[roll(dice, 3)],
                         .budget = budgets[roll(dice, 3)],
                         .buffers = 1u << roll(dice, 9),
                         .buffer_bytes = 256u << roll(dice, 8),
                         .log = tell_log,
                         .log_level = RIM_LOG_DEBUG};
    rim_system *system = NULL;
    PLAY_CHECK(play, rim_system_create(&config, &system) == 0);
    return system;
}

static void add_players(struct play *play, rim_system *system, struct dice *dice) {
    for (uint32_t i = 0; i < FIRST_PLAYERS; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = roll(dice, rim_system_shards(system))};
        struct play_cast cast = {.play = play, .id = play->actors};
        PLAY_CHECK(play, rim_system_spawn(system, &play_player, &options, &cast, sizeof cast,
                                          &play->refs[play->actors]) == 0);
        play->actors++;
    }
    if (roll(dice, 2) == 0) {
        echo_open(play, system);
    }
}

/* From no actor, so that things go on when all are waiting for one another. */
static void poke(struct play *play, rim_system *system, struct dice *dice) {
    struct wire wire = {0};
    int error = rim_system_send(system, play->refs[roll(dice, play->actors)], PLAY_FORWARDED, &wire, sizeof wire);
    PLAY_CHECK(play, error == 0 || error == -RIM_EFULL);
}

static bool step(rim_system *system, uint32_t steps) {
    while (steps > 0 && rim_sim_step(system)) {
        steps--;
    }
    return steps > 0; /* at rest */
}

/* ---- the checks ---- */

static void check_entries(struct play *play, const struct play_entry *entries, uint32_t count, const char *what) {
    for (uint32_t i = 0; i < count; i++) {
        play_check(play, entries[i].state != PLAY_OPEN, what);
    }
}

/* Nothing moves, and nothing ever will: so nothing may be open. */
static void check_rest(struct play *play, rim_system *system) {
    rim_stats stats;
    play_note(play, PLAY_rest);
    PLAY_CHECK(play, rim_system_stats(system, RIM_ALL_SHARDS, &stats) == 0);
    check_entries(play, play->requests, play->request_count, "a request has no outcome");
    check_entries(play, play->timers, play->timer_count, "a timer never fired");
    PLAY_CHECK(play, rim_stats_add_up(&stats));
    PLAY_CHECK(play, stats.queued == 0);
    PLAY_CHECK(play, stats.requests_open == 0);
    PLAY_CHECK(play, stats.timers_armed == 0);
    PLAY_CHECK(play, stats.sent_across == stats.arrived_across);
    PLAY_CHECK(play, stats.spawned == stats.actors + stats.exited);
    PLAY_CHECK(play, play->closed == play->clients);
}

static void stop(struct play *play, rim_system *system, struct dice *dice) {
    bool hasty = roll(dice, 3) == 0;
    rim_stop_report report;
    play->stopping = true;
    int result = rim_system_stop(system, hasty ? roll(dice, 100000) : RIM_SECONDS(20), &report);
    PLAY_CHECK(play, result == 0 || result == -ETIMEDOUT);
    PLAY_CHECK(play, result == 0 || hasty);
    PLAY_CHECK(play, result != 0 || report.lost == 0);
    PLAY_CHECK(play, (result != 0) || report.held_up_by[0] == '\0');
    PLAY_CHECK(play, report.adds_up);
    PLAY_CHECK(play, !report.leaks);
    play_note(play, result == 0 ? PLAY_stop_in_time : PLAY_stop_cut);
    check_entries(play, play->requests, play->request_count, "a request of an actor that ended is open");
}

static void gather(struct play *play, rim_system *system) {
    rim_stats stats;
    PLAY_CHECK(play, rim_system_stats(system, RIM_ALL_SHARDS, &stats) == 0);
    PLAY_CHECK(play, stats.rescued_wakeups == 0);
    PLAY_CHECK(play, stats.actors == 0);
    play->events[PLAY_wake_sent] += stats.wakes_sent;
    play->events[PLAY_wake_saved] += stats.wakes_saved;
    for (uint32_t i = 0; rim_sim_fault_name(i) != NULL; i++) {
        play->faults[i] += rim_sim_fault_count(system, i);
    }
    play->trace = rim_sim_trace(system);
}

void play_run(struct play *play) {
    struct dice dice = {play->seed};
    rim_system *system = make_system(play, &dice);
    if (system == NULL) {
        return;
    }
    play->budget = 100 + roll(&dice, 2400);
    add_players(play, system, &dice);
    PLAY_CHECK(play, rim_system_start(system) == 0);
    bool is_whole = roll(&dice, 3) != 0, at_rest = false;
    for (uint32_t i = 0; i < 8 && play->wrong == NULL; i++) {
        at_rest = step(system, is_whole ? STEPS_MAX : roll(&dice, 100));
        if (i < 7) {
            poke(play, system, &dice);
        }
    }
    PLAY_CHECK(play, at_rest || !is_whole);
    if (at_rest) {
        check_rest(play, system);
    }
    stop(play, system, &dice);
    gather(play, system);
    rim_system_destroy(system);
    PLAY_CHECK(play, play->wraps == play->unwraps);
}
