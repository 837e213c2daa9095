/* SPDX-License-Identifier: MIT */
/*
 * simulation.c - a test: a heartbeat must be heard every minute, for a day, also when wake-ups come late.
 */
#include <ringmail.h>
#include <stdio.h>
#include <string.h>

#define UNUSED __attribute__((unused))

enum { BEAT = RIM_USER };

struct result {
    uint32_t beats;
    uint64_t latest_ns; /* the longest silence */
    uint64_t trace;
};

/* ---- the monitor ---- */

struct monitor {
    struct result *result;
    uint64_t last_ns;
};

static rim_verdict monitor_init(rim_ctx *ctx, void *state, const void *arg, size_t size UNUSED) {
    struct monitor *self = state;
    memcpy(&self->result, arg, sizeof self->result);
    self->last_ns = rim_now(ctx);
    return RIM_DONE;
}

static rim_verdict on_beat(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct monitor *self = state;
    uint64_t silence_ns = rim_now(ctx) - self->last_ns;
    self->last_ns = rim_now(ctx);
    self->result->beats++;
    if (silence_ns > self->result->latest_ns) {
        self->result->latest_ns = silence_ns;
    }
    return RIM_DONE;
}

static const rim_handler monitor_on[] = {[BEAT] = on_beat};
static const rim_behaviour monitor = {
    .name = "monitor",
    .state_size = sizeof(struct monitor),
    .on = monitor_on,
    .on_count = RIM_COUNT(monitor_on),
    .init = monitor_init,
};

/* ---- the heart ---- */

struct heart {
    rim_ref monitor;
};

static rim_verdict heart_init(rim_ctx *ctx, void *state, const void *arg, size_t size UNUSED) {
    struct heart *self = state;
    memcpy(&self->monitor, arg, sizeof self->monitor);
    return rim_every(ctx, RIM_SECONDS(60), RIM_SECONDS(60), 0) != RIM_NIL ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct heart *self = state;
    return rim_send(ctx, self->monitor, BEAT, NULL, 0) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler heart_on[] = {[RIM_TIMER] = on_timer};
static const rim_behaviour heart = {
    .name = "heart",
    .state_size = sizeof(struct heart),
    .on = heart_on,
    .on_count = RIM_COUNT(heart_on),
    .init = heart_init,
};

/* ---- the test ---- */

static struct result run(uint64_t seed) {
    struct result result = {0}, *arg = &result;
    rim_sim_options faults = {.late_wake = 200, .false_wake = 50, .skip_turn = 100};
    rim_config config = {.shards = 2, .driver = RIM_DRIVER_SIM, .seed = seed, .sim = &faults};
    rim_spawn_options there = {.place = RIM_ON_SHARD, .shard = 1};
    rim_system *system;
    rim_ref who, someone;
    if (rim_system_create(&config, &system) != 0) {
        return result;
    }
    if (rim_system_spawn(system, &monitor, &there, &arg, sizeof arg, &who) == 0 &&
        rim_system_spawn(system, &heart, NULL, &who, sizeof who, &someone) == 0 && rim_system_start(system) == 0) {
        rim_sim_run(system, RIM_SECONDS(24 * 3600 + 1));
        result.trace = rim_sim_trace(system);
        rim_system_stop(system, RIM_SECONDS(5), NULL);
    }
    rim_system_destroy(system);
    return result;
}

int main(void) {
    struct result one = run(1), again = run(1), two = run(2);
    printf("%u beats in a day\n", one.beats);
    printf("the longest silence is under 61 s: %s\n", one.latest_ns < RIM_SECONDS(61) ? "yes" : "no");
    printf("the same seed takes the same course: %s\n", one.trace == again.trace ? "yes" : "no");
    printf("another seed takes another: %s\n", one.trace != two.trace ? "yes" : "no");
    return 0;
}

/* output:
1440 beats in a day
the longest silence is under 61 s: yes
the same seed takes the same course: yes
another seed takes another: yes
*/
