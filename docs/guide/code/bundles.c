/* SPDX-License-Identifier: MIT */
/*
 * bundles.c - a table that is spread over several actors, and a question about many of its rows at once.
 */
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>

#define UNUSED __attribute__((unused))

enum { COUNT = 3, LOOK_UP = RIM_USER };

static sem_t over;

/* ---- a keeper: knows the squares of its share of the numbers ---- */

struct keeper {
    rim_unbundle unbundle;
};

static rim_verdict on_look_up(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct keeper *self = state;
    const uint64_t *number;
    size_t size;
    uint32_t count = 0;
    rim_unbundle_open(&self->unbundle, body, msg);
    while ((number = rim_unbundle_next(&self->unbundle, &size)) != NULL) {
        uint64_t square = *number * *number;
        count++;
        if (*number == 13) {
            rim_unbundle_refuse(ctx, &self->unbundle, -RIM_EREFUSED);
        } else {
            rim_unbundle_answer(ctx, &self->unbundle, &square, sizeof square);
        }
    }
    printf("a keeper has answered %u at once\n", count);
    return rim_unbundle_reply(ctx, &self->unbundle) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler keeper_on[] = {[LOOK_UP] = on_look_up};
static const rim_behaviour keeper = {.name = "keeper",
                                     .state_size = sizeof(struct keeper),
                                     .on = keeper_on,
                                     .on_count = RIM_COUNT(keeper_on)};

/* ---- the asker ---- */

struct asker {
    rim_bundle bundle;
    uint64_t sum;
};

static rim_verdict on_answers(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct asker *self = state;
    rim_bundle_answer answer;
    rim_bundle_open(ctx, &self->bundle, cookie, error, body, msg);
    while (rim_bundle_next(ctx, &self->bundle, &answer)) {
        if (answer.error == 0) {
            self->sum += *(const uint64_t *)answer.bytes;
        } else {
            printf("nothing about %u: %s\n", (unsigned)answer.cookie, rim_strerror(answer.error));
        }
    }
    if (rim_bundle_count(&self->bundle) > 0) {
        return RIM_DONE;
    }
    printf("the sum is %u\n", (unsigned)self->sum);
    sem_post(&over);
    return RIM_STOP;
}

static rim_verdict asker_init(rim_ctx *ctx, void *state, const void *arg UNUSED, size_t size UNUSED) {
    static const rim_bundle_options options = {.tag = LOOK_UP, .timeout_ns = RIM_SECONDS(5), .on_outcome = on_answers};
    struct asker *self = state;
    rim_ref keepers[COUNT];
    rim_bundle_init(&self->bundle, &options);
    for (int i = 0; i < COUNT; i++) {
        if (rim_spawn(ctx, &keeper, NULL, NULL, 0, &keepers[i]) != 0) {
            return RIM_FAIL;
        }
    }
    for (uint64_t number = 1; number <= 30; number++) {
        uint64_t *ask = rim_bundle_add(ctx, &self->bundle, keepers[number % COUNT], number, sizeof number);
        if (ask == NULL) {
            return RIM_FAIL;
        }
        *ask = number;
    }
    return rim_bundle_flush(ctx, &self->bundle) == 0 ? RIM_DONE : RIM_FAIL;
}

static void asker_exit(rim_ctx *ctx, void *state, rim_exit why UNUSED) {
    rim_bundle_free(ctx, &((struct asker *)state)->bundle);
}

static const rim_behaviour asker = {.name = "asker",
                                    .state_size = sizeof(struct asker),
                                    .init = asker_init,
                                    .exit = asker_exit};

int main(void) {
    rim_system *system;
    rim_ref someone;
    rim_config config = {.shards = 1};
    sem_init(&over, 0, 0);
    int error = rim_system_create(&config, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &asker, NULL, NULL, 0, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    sem_wait(&over);
    error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
a keeper has answered 10 at once
a keeper has answered 10 at once
a keeper has answered 10 at once
nothing about 13: the receiver refused the request
the sum is 9286
*/
