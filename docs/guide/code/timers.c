/* SPDX-License-Identifier: MIT */
/*
 * timers.c - a clock that ticks three times, and an alarm that is cancelled.
 */
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>

#define UNUSED __attribute__((unused))

enum { TICK = 1, ALARM };

static sem_t over; /* for main, which is no actor */

struct clock {
    rim_timer tick, alarm;
    int ticks;
};

static rim_verdict clock_init(rim_ctx *ctx, void *state, const void *arg UNUSED, size_t size UNUSED) {
    struct clock *self = state;
    self->tick = rim_every(ctx, RIM_MS(2), RIM_MS(2), TICK);
    self->alarm = rim_after(ctx, RIM_SECONDS(60), ALARM);
    return self->tick != RIM_NIL && self->alarm != RIM_NIL ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    struct clock *self = state;
    const rim_timer_event *event = body;
    if (event->cookie == TICK) {
        printf("tick %d\n", ++self->ticks);
    }
    if (self->ticks < 3) {
        return RIM_DONE;
    }
    printf("the alarm was pending: %s\n", rim_cancel(ctx, self->alarm) ? "yes" : "no");
    printf("and is still: %s\n", rim_cancel(ctx, self->alarm) ? "yes" : "no");
    return RIM_STOP; /* the other timer ends with its actor */
}

static void clock_exit(rim_ctx *ctx UNUSED, void *state UNUSED, rim_exit why UNUSED) {
    sem_post(&over);
}

static const rim_handler clock_on[] = {[RIM_TIMER] = on_timer};
static const rim_behaviour clock_behaviour = {
    .name = "clock",
    .state_size = sizeof(struct clock),
    .on = clock_on,
    .on_count = RIM_COUNT(clock_on),
    .init = clock_init,
    .exit = clock_exit,
};

int main(void) {
    rim_system *system;
    rim_ref someone;
    sem_init(&over, 0, 0);
    int error = rim_system_create(NULL, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &clock_behaviour, NULL, NULL, 0, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    sem_wait(&over); /* a stop does not wait for timers */
    error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
tick 1
tick 2
tick 3
the alarm was pending: yes
and is still: no
*/
