/* SPDX-License-Identifier: MIT */
/*
 * counter.c - typed messages: one list makes the structs, the tags and the dispatch table.
 *
 * A `person` tells a `meter` to add, and then asks for the total: a request, with one outcome and a deadline.
 */
#include <inttypes.h>
#include <stdio.h>

#include <ringmail/runtime.h>
#include <ringmail/typed.h>

/* clang-format off */
#define COUNTER(M, A)                       \
    M(A, counter, add, { int64_t by; })     \
    M(A, counter, get, { uint32_t unused; })
#define TOTAL(M, A)                         \
    M(A, total, is, { int64_t value; })
/* clang-format on */
RIM_PROTOCOL(counter, 1, COUNTER)
RIM_PROTOCOL(total, 2, TOTAL)

/* ---- the meter ---- */

typedef struct meter {
    int64_t total;
} meter;

RIM_ON(meter, counter_add, ctx, self, in) {
    self->total += in->by;
    return RIM_DONE;
}

RIM_ON(meter, counter_get, ctx, self, in) {
    return rim_answer(ctx, total_is, .value = self->total);
}

RIM_BEHAVIOUR(meter, counter, COUNTER, RIM_NO_EVENTS);

/* ---- the person who uses it ---- */

static rim_verdict on_total(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    const total_is *total = rim_as(total_is, msg);
    (void)ctx;
    (void)state;
    (void)cookie;
    (void)body;
    if (total == NULL) {
        printf("no total: %s\n", rim_strerror(error));
    } else {
        printf("the total is %" PRId64 "\n", total->value);
    }
    return RIM_STOP;
}

static rim_verdict person_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    rim_ref someone;
    (void)state;
    (void)arg;
    (void)size;
    /* The meter may well live on another shard: nothing here would be different. */
    rim_spawn_options options = {.place = RIM_LEAST_LOADED};
    int error = rim_spawn(ctx, &meter_behaviour, &options, NULL, 0, &someone);
    for (int64_t i = 1; i <= 100 && error == 0; i++) {
        error = rim_tell(ctx, someone, counter_add, .by = i);
    }
    rim_ask ask = {
        .to = someone,
        RIM_ASK(counter_get, .unused = 0),
        .timeout_ns = RIM_SECONDS(1),
        .on_outcome = on_total,
    };
    if (error == 0) {
        error = rim_request(ctx, &ask, NULL);
    }
    return error == 0 ? RIM_DONE : rim_fail(ctx, RIM_EXIT_USER, "%s", rim_strerror(error));
}

static const rim_behaviour person = {.name = "person", .init = person_init};

int main(void) {
    rim_system *system;
    rim_ref someone;
    int error = rim_system_create(NULL, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &person, NULL, NULL, 0, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error == 0) {
        /* A stop waits for what is under way: also for requests that have no outcome yet. */
        error = rim_system_stop(system, RIM_SECONDS(2), NULL);
    }
    if (error != 0) {
        fprintf(stderr, "counter: %s\n", rim_strerror(error));
        return 1;
    }
    rim_system_destroy(system);
    return 0;
}
