/* SPDX-License-Identifier: MIT */
/*
 * first.c - a counter: it is told to add, and says what it has when it ends.
 */
#include <ringmail.h>
#include <stdio.h>
#include <string.h>

#define UNUSED __attribute__((unused))

enum { ADD = RIM_USER };

struct counter {
    int total;
};

static rim_verdict counter_init(rim_ctx *ctx UNUSED, void *state, const void *arg, size_t size) {
    struct counter *self = state;
    if (size != sizeof self->total) {
        return RIM_FAIL;
    }
    memcpy(&self->total, arg, size);
    return RIM_DONE;
}

static rim_verdict on_add(rim_ctx *ctx UNUSED, void *state, const void *body, rim_msg *msg UNUSED) {
    struct counter *self = state;
    const int *by = body;
    self->total += *by;
    return RIM_DONE;
}

static void counter_exit(rim_ctx *ctx UNUSED, void *state, rim_exit why) {
    const struct counter *self = state;
    printf("the total is %d (%s)\n", self->total, why.text);
}

static const rim_handler counter_on[] = {[ADD] = on_add};
static const rim_behaviour counter = {
    .name = "counter",
    .state_size = sizeof(struct counter),
    .on = counter_on,
    .on_count = RIM_COUNT(counter_on),
    .init = counter_init,
    .exit = counter_exit,
};

int main(void) {
    rim_system *system;
    rim_ref someone;
    int start = 40;
    int error = rim_system_create(NULL, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &counter, NULL, &start, sizeof start, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    for (int by = 0; by <= 2; by++) {
        rim_system_send(system, someone, ADD, &by, sizeof by);
    }
    error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
the total is 43 (the system stops)
*/
