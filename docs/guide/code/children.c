/* SPDX-License-Identifier: MIT */
/*
 * children.c - one child sorts what it is given; another one does not end by itself, and is ended.
 */
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#define UNUSED __attribute__((unused))

static sem_t over;

struct parent {
    rim_process sort, sleeper;
};

static int start(rim_ctx *ctx, const char *const *argv, rim_process *out) {
    rim_process_options options = {
        .program = argv[0],
        .argv = argv,
        .input.way = RIM_PROCESS_PIPE,
        .output.way = RIM_PROCESS_PIPE,
        .error.way = RIM_PROCESS_INHERIT,
        .at_end = RIM_PROCESS_KILL, /* when its owner ends */
    };
    int error = rim_process_start(ctx, &options, out);
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_error_text(ctx));
    }
    return error;
}

static rim_verdict parent_init(rim_ctx *ctx, void *state, const void *arg UNUSED, size_t size UNUSED) {
    static const char *const sort[] = {"sort", NULL}, *const sleeper[] = {"sleep", "1000", NULL};
    static const char text[] = "pear\napple\nfig\n";
    struct parent *self = state;
    if (start(ctx, sort, &self->sort) != 0 || start(ctx, sleeper, &self->sleeper) != 0 ||
        rim_socket_write(ctx, self->sort.input, text, strlen(text)) != 0) {
        return RIM_FAIL;
    }
    return rim_socket_close(ctx, self->sort.input) == 0 ? RIM_DONE : RIM_FAIL; /* its input ends here */
}

static rim_verdict on_data(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg) {
    printf("%.*s", (int)rim_size(msg), (const char *)body);
    return RIM_DONE;
}

/* The output has ended, and with it what sort has to say. */
static rim_verdict on_end(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg) {
    struct parent *self = state;
    if (rim_from(msg) == self->sort.output) {
        (void)rim_process_end(ctx, self->sleeper.process, RIM_SECONDS(10)); /* SIGTERM; after that, SIGKILL */
    }
    return RIM_DONE;
}

static rim_verdict on_ended(rim_ctx *ctx UNUSED, void *state, const void *body, rim_msg *msg UNUSED) {
    struct parent *self = state;
    const rim_process_event *event = body;
    if (event->process != self->sleeper.process) {
        return event->status == 0 ? RIM_DONE : RIM_FAIL;
    }
    printf("the sleeper was ended by signal %d\n", (int)event->signal);
    sem_post(&over);
    return RIM_DONE;
}

static rim_verdict on_closed(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    return RIM_DONE; /* without this row the parent would stop with the first of its streams */
}

static const rim_handler parent_on[] = {
    [RIM_SOCKET_DATA] = on_data,
    [RIM_SOCKET_END] = on_end,
    [RIM_SOCKET_CLOSED] = on_closed,
    [RIM_PROCESS_ENDED] = on_ended,
};
static const rim_behaviour parent = {
    .name = "parent",
    .state_size = sizeof(struct parent),
    .on = parent_on,
    .on_count = RIM_COUNT(parent_on),
    .init = parent_init,
};

int main(void) {
    rim_system *system;
    rim_ref someone;
    sem_init(&over, 0, 0);
    int error = rim_system_create(NULL, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &parent, NULL, NULL, 0, &someone);
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
apple
fig
pear
the sleeper was ended by signal 15
*/
