/* SPDX-License-Identifier: MIT */
/*
 * blocking.c - slow work goes to helper threads; the actor goes on, and hears the result as an outcome.
 */
#include <errno.h>
#include <ringmail.h>
#include <stdio.h>
#include <threads.h>

#define UNUSED __attribute__((unused))

enum { SQUARE = 1, ROOT, FORGOTTEN };

/* What a job gets, and where it puts its result: the runtime carries a copy there and back. */
struct sum {
    double number, result;
};

/* On a helper: may block, and touches nothing but its argument. */
static int slow_square(void *arg) {
    struct sum *sum = arg;
    thrd_sleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    sum->result = sum->number * sum->number;
    return 0;
}

static int slow_root(void *arg) {
    const struct sum *sum = arg;
    return sum->number < 0 ? -EDOM : -ENOTSUP;
}

struct clerk {
    unsigned results, ticks;
};

static rim_verdict on_result(rim_ctx *ctx UNUSED, void *state, uint64_t cookie, int error, const void *body,
                             rim_msg *msg UNUSED) {
    struct clerk *self = state;
    if (error != 0) {
        printf("job %d: %s\n", (int)cookie, rim_error_name(error));
    } else {
        printf("job %d: %g\n", (int)cookie, ((const struct sum *)body)->result);
    }
    return ++self->results == 2 ? RIM_STOP : RIM_DONE;
}

static int give(rim_ctx *ctx, int (*run)(void *arg), double number, uint64_t cookie, rim_token *token) {
    struct sum sum = {.number = number};
    rim_job job = {
        .run = run,
        .arg = &sum,
        .size = sizeof sum,
        .timeout_ns = RIM_SECONDS(5),
        .on_outcome = on_result,
        .cookie = cookie,
        .name = "sum",
    };
    return rim_offload(ctx, &job, token);
}

static rim_verdict clerk_init(rim_ctx *ctx, void *state UNUSED, const void *arg UNUSED, size_t size UNUSED) {
    rim_token forgotten;
    int error = give(ctx, slow_root, -1, ROOT, NULL);
    error = error != 0 ? error : give(ctx, slow_square, 12, SQUARE, NULL);
    error = error != 0 ? error : give(ctx, slow_square, 13, FORGOTTEN, &forgotten);
    if (error != 0) {
        return rim_fail(ctx, RIM_EXIT_USER, "%s", rim_strerror(error));
    }
    printf("cancelled: %s\n", rim_cancel(ctx, forgotten) ? "yes" : "no");
    return RIM_DONE;
}

static const rim_behaviour clerk = {.name = "clerk", .state_size = sizeof(struct clerk), .init = clerk_init};

int main(void) {
    rim_system *system;
    rim_ref someone;
    int error = rim_system_create(&(rim_config){.shards = 1, .helpers = 2}, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &clerk, NULL, NULL, 0, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    /* The stop waits for jobs as for requests. */
    error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
cancelled: yes
job 2: EDOM
job 1: 144
*/
