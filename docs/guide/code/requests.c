/* SPDX-License-Identifier: MIT */
/*
 * requests.c - one question after the other, and the ways in which a request can end.
 */
#include <errno.h>
#include <ringmail.h>
#include <stdio.h>

#define UNUSED __attribute__((unused))

enum { HALF = RIM_USER, LATER, NEVER, UNKNOWN, ANSWER };

/* ---- the one who answers ---- */

struct oracle {
    rim_token later;
};

static rim_verdict on_half(rim_ctx *ctx, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    int number = *(const int *)body;
    if (number % 2 != 0) {
        rim_refuse(ctx, RIM_NIL, -EDOM); /* a code of our choice */
        return RIM_DONE;
    }
    number /= 2;
    rim_reply(ctx, RIM_NIL, ANSWER, &number, sizeof number);
    return RIM_DONE;
}

/* The answer comes with a timer: until then the oracle is free for others. */
static rim_verdict on_later(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct oracle *self = state;
    self->later = rim_defer(ctx);
    return self->later != RIM_NIL && rim_after(ctx, RIM_MS(5), 0) != RIM_NIL ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct oracle *self = state;
    int number = 42;
    rim_reply(ctx, self->later, ANSWER, &number, sizeof number);
    return RIM_DONE;
}

static rim_verdict on_never(rim_ctx *ctx, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    (void)rim_defer(ctx); /* and forget it */
    return RIM_DONE;
}

static const rim_handler oracle_on[] = {
    [HALF] = on_half,
    [LATER] = on_later,
    [NEVER] = on_never,
    [RIM_TIMER] = on_timer,
};
static const rim_behaviour oracle = {
    .name = "oracle",
    .state_size = sizeof(struct oracle),
    .on = oracle_on,
    .on_count = RIM_COUNT(oracle_on),
};

/* ---- the one who asks ---- */

struct person {
    rim_ref oracle;
    unsigned asked;
};

static const struct question {
    uint32_t tag;
    int number;
    const char *text;
} questions[] = {
    {HALF, 10, "half of 10"}, {HALF, 7, "half of 7"},      {LATER, 0, "later"},
    {NEVER, 0, "never"},      {UNKNOWN, 0, "no such tag"},
};

static rim_verdict ask_next(rim_ctx *ctx, struct person *self);

static rim_verdict on_outcome(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body,
                              rim_msg *msg UNUSED) {
    const struct question *question = &questions[cookie];
    if (error != 0) {
        printf("%s: %s\n", question->text, rim_error_name(error));
    } else {
        printf("%s: %d\n", question->text, *(const int *)body);
    }
    return ask_next(ctx, state);
}

static rim_verdict ask_next(rim_ctx *ctx, struct person *self) {
    if (self->asked == RIM_COUNT(questions)) {
        return RIM_STOP;
    }
    const struct question *question = &questions[self->asked];
    rim_ask ask = {
        .to = self->oracle,
        .tag = question->tag,
        .body = &question->number,
        .size = sizeof question->number,
        .timeout_ns = question->tag == NEVER ? RIM_MS(50) : RIM_SECONDS(5),
        .on_outcome = on_outcome,
        .cookie = self->asked++,
    };
    int error = rim_request(ctx, &ask, NULL);
    return error == 0 ? RIM_DONE : rim_fail(ctx, RIM_EXIT_USER, "%s", rim_strerror(error));
}

static rim_verdict person_init(rim_ctx *ctx, void *state, const void *arg UNUSED, size_t size UNUSED) {
    struct person *self = state;
    rim_spawn_options options = {.place = RIM_LEAST_LOADED};
    if (rim_spawn(ctx, &oracle, &options, NULL, 0, &self->oracle) != 0) {
        return RIM_FAIL;
    }
    return ask_next(ctx, self);
}

static const rim_behaviour person = {.name = "person", .state_size = sizeof(struct person), .init = person_init};

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
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    /* The stop waits for open requests: so the conversation goes to its end. */
    error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
half of 10: 5
half of 7: EDOM
later: 42
never: ETIMEDOUT
no such tag: RIM_ENOHANDLER
*/
