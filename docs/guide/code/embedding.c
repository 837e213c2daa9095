/* SPDX-License-Identifier: MIT */
/*
 * embedding.c - a system without threads: this program's own loop steps it, by poll(2).
 */
#include <errno.h>
#include <poll.h>
#include <ringmail.h>
#include <stdio.h>

#define UNUSED __attribute__((unused))

struct clock {
    unsigned ticks;
};

static rim_verdict clock_init(rim_ctx *ctx, void *state UNUSED, const void *arg UNUSED, size_t size UNUSED) {
    return rim_every(ctx, RIM_MS(1), RIM_MS(1), 0) != RIM_NIL ? RIM_DONE : RIM_FAIL;
}

/* On the loop's thread: handlers may use what belongs to it. */
static rim_verdict on_tick(rim_ctx *ctx UNUSED, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct clock *self = state;
    printf("tick %u\n", ++self->ticks);
    return self->ticks < 3 ? RIM_DONE : RIM_STOP;
}

static const rim_handler clock_on[] = {[RIM_TIMER] = on_tick};
static const rim_behaviour clock_behaviour = {
    .name = "clock",
    .state_size = sizeof(struct clock),
    .init = clock_init,
    .on = clock_on,
    .on_count = RIM_COUNT(clock_on),
};

/* Once round the loop: whatever else the program watches would be in `watched`, too. */
static void go_round(rim_system *system) {
    struct pollfd watched = {.fd = rim_shard_fd(system, 0), .events = POLLIN};
    int64_t next_ns = rim_shard_next(system, 0);
    poll(&watched, 1, next_ns < 0 ? -1 : (int)((next_ns + 999999) / 1000000));
    rim_shard_step(system, 0, RIM_MS(1));
}

int main(void) {
    rim_system *system;
    rim_ref someone;
    int error = rim_system_create(&(rim_config){.shards = 1, .embedded = true}, &system);
    error = error != 0 ? error : rim_system_spawn(system, &clock_behaviour, NULL, NULL, 0, &someone);
    error = error != 0 ? error : rim_system_start(system);
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    rim_stats stats;
    do {
        go_round(system);
        rim_system_stats(system, RIM_ALL_SHARDS, &stats);
    } while (stats.exited == 0);
    /* The loop goes on while the system stops. */
    rim_system_stop_begin(system, RIM_SECONDS(5));
    while ((error = rim_system_stop_done(system, NULL)) == -EAGAIN) {
        go_round(system);
    }
    printf("stopped: %s\n", error == 0 ? "in time" : rim_strerror(error));
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
tick 1
tick 2
tick 3
stopped: in time
*/
