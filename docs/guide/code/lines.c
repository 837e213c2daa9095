/* SPDX-License-Identifier: MIT */
/*
 * lines.c - standard input with a number before each line, on standard output. To have something to read, main gives it
 * a pipe as its input.
 */
#define _POSIX_C_SOURCE 200809L
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define UNUSED  __attribute__((unused))
#define LONGEST 4096

static sem_t over;

struct counter {
    rim_ref input, output;
    rim_stream stream;
    unsigned lines;
};

static rim_verdict counter_init(rim_ctx *ctx, void *state, const void *arg UNUSED, size_t size UNUSED) {
    struct counter *self = state;
    if (rim_pipe_standard(ctx, 0, &self->input) != 0 || rim_pipe_standard(ctx, 1, &self->output) != 0) {
        fprintf(stderr, "%s\n", rim_error_text(ctx));
        return RIM_FAIL;
    }
    return RIM_DONE;
}

static rim_verdict on_data(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct counter *self = state;
    const char *line;
    size_t size;
    int found = rim_stream_open(ctx, &self->stream, body, rim_size(msg));
    while (found == 0 && (found = rim_stream_line(&self->stream, LONGEST, &line, &size)) > 0) {
        char text[LONGEST + 32];
        int length = snprintf(text, sizeof text, "%u %.*s\n", ++self->lines, (int)size, line);
        found = rim_socket_write(ctx, self->output, text, (size_t)length); /* -RIM_EFULL: nobody reads */
    }
    return found == 0 && rim_stream_close(ctx, &self->stream) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_end(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct counter *self = state;
    return rim_socket_close(ctx, self->output) == 0 ? RIM_DONE : RIM_FAIL; /* when all is written */
}

static rim_verdict on_closed(rim_ctx *ctx UNUSED, void *state, const void *body, rim_msg *msg UNUSED) {
    struct counter *self = state;
    const rim_closed_event *event = body;
    return event->socket == self->output ? RIM_STOP : RIM_DONE;
}

static void counter_exit(rim_ctx *ctx, void *state, rim_exit why UNUSED) {
    struct counter *self = state;
    rim_stream_free(ctx, &self->stream);
    sem_post(&over);
}

static const rim_handler counter_on[] = {
    [RIM_SOCKET_DATA] = on_data,
    [RIM_SOCKET_END] = on_end,
    [RIM_SOCKET_CLOSED] = on_closed,
};
static const rim_behaviour counter = {
    .name = "counter",
    .state_size = sizeof(struct counter),
    .on = counter_on,
    .on_count = RIM_COUNT(counter_on),
    .init = counter_init,
    .exit = counter_exit,
};

static int give_input(const char *text) {
    int ends[2];
    if (pipe(ends) != 0 || dup2(ends[0], 0) != 0 || write(ends[1], text, strlen(text)) != (ssize_t)strlen(text)) {
        return -1;
    }
    close(ends[0]);
    return close(ends[1]);
}

int main(void) {
    rim_system *system;
    rim_ref someone;
    sem_init(&over, 0, 0);
    int error = give_input("come\nin\n");
    if (error == 0) {
        error = rim_system_create(NULL, &system);
    }
    if (error == 0) {
        error = rim_system_spawn(system, &counter, NULL, NULL, 0, &someone);
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
1 come
2 in
*/
