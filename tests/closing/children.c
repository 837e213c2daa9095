/* SPDX-License-Identifier: MIT */
/* A child process with its pipes: started, written to, read from, ended; and a watch of a folder in which names come
   and go. */
#include "closing.h"

enum { PARENT };
enum { PROCESS, INPUT, OUTPUT, HEARD, WATCH, STEP };
enum { CHUNK = 9000, CHUNKS = 3, CHANGES = 10 };

/* ---- the child: what it reads it writes ---- */

struct copier {
    rim_ref input, output;
};

static rim_verdict copier_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct copier *self = state;
    (void)arg;
    (void)size;
    if (rim_pipe_standard(ctx, 0, &self->input) != 0 || rim_pipe_standard(ctx, 1, &self->output) != 0) {
        return RIM_STOP;
    }
    return RIM_DONE;
}

static rim_verdict copier_data(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const struct copier *self = state;
    (void)rim_socket_write(ctx, self->output, body, rim_size(msg));
    return RIM_DONE;
}

static rim_verdict copier_end(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)state;
    (void)body;
    (void)msg;
    return RIM_STOP;
}

static const rim_handler copier_on[] = {[RIM_SOCKET_DATA] = copier_data, [RIM_SOCKET_END] = copier_end};
static const rim_behaviour copier = {
    .name = "copier",
    .state_size = sizeof(struct copier),
    .on = copier_on,
    .on_count = RIM_COUNT(copier_on),
    .init = copier_init,
};

/* ---- its parent ---- */

static void add_program(rim_system *system) {
    CLOSING_CHECK(rim_sim_program(system, "copier", &copier) == 0);
}

static int end_child(rim_ctx *ctx, rim_ref process) {
    return rim_process_end(ctx, process, closing.of->variant != 0 ? RIM_MS(1) : 0);
}

static void parent_begin(rim_ctx *ctx, uint32_t actor) {
    static const char bytes[CHUNK];
    rim_process_options options = {
        .program = "copier",
        .input.way = RIM_PROCESS_PIPE,
        .output.way = RIM_PROCESS_PIPE,
        .at_end = closing.of->variant != 0 ? RIM_PROCESS_TERMINATE : RIM_PROCESS_KILL,
        .patience_ns = RIM_MS(1),
    };
    rim_process child;
    if (actor != PARENT || rim_process_start(ctx, &options, &child) != 0) {
        return;
    }
    closing_made(ctx, PARENT, child.process, end_child);
    closing_made(ctx, PARENT, child.input, rim_socket_close);
    closing_made(ctx, PARENT, child.output, rim_socket_close);
    closing.numbers[INPUT] = child.input;
    closing.numbers[OUTPUT] = child.output;
    for (int i = 0; i < CHUNKS; i++) {
        int error = rim_socket_write(ctx, child.input, bytes, sizeof bytes);
        CLOSING_CHECK(error == 0 || error == -RIM_EDOWN || error == -RIM_EFULL || error == -ENOMEM);
    }
}

static void parent_event(rim_ctx *ctx, uint32_t actor, const void *body, rim_msg *msg) {
    (void)actor;
    if (rim_tag(msg) == RIM_SOCKET_CLOSED) {
        closing_last(((const rim_closed_event *)body)->socket);
    } else if (rim_tag(msg) == RIM_PROCESS_ENDED) {
        closing_last(((const rim_process_event *)body)->process);
    } else {
        closing_from(rim_from(msg));
    }
    if (rim_tag(msg) == RIM_SOCKET_DATA) {
        closing.numbers[HEARD] += rim_size(msg);
    }
    if (closing.numbers[HEARD] == (uint64_t)CHUNK * CHUNKS) {
        closing.numbers[HEARD]++;
        (void)rim_socket_close(ctx, closing.numbers[INPUT]);
    }
}

/* ---- a watch ---- */

static rim_verdict next_change(rim_ctx *ctx);

static rim_verdict on_changed(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)state;
    (void)cookie;
    (void)error;
    (void)body;
    (void)msg;
    closing_answered(PARENT);
    return next_change(ctx);
}

static rim_verdict next_change(rim_ctx *ctx) {
    uint64_t step = closing.numbers[STEP]++;
    rim_path_ask ask = {.path = step % 4 == 2 ? "/closing/b" : "/closing/a",
                        .timeout_ns = RIM_SECONDS(20),
                        .on_outcome = on_changed};
    rim_watch_ask other = {.watch = closing.numbers[WATCH],
                           .path = "/closing/a",
                           .timeout_ns = RIM_SECONDS(20),
                           .on_outcome = on_changed};
    if (step == CHANGES) {
        (void)rim_watch_close(ctx, closing.numbers[WATCH]);
    } else if (step % 4 == 0) {
        (void)closing_asked(PARENT, rim_path_make_folder(ctx, &ask, 0, true, NULL));
    } else if (step % 4 == 1) {
        (void)closing_asked(PARENT, rim_path_rename(ctx, &ask, "/closing/b", RIM_PATH_REPLACE, NULL));
    } else if (step % 4 == 2) {
        (void)closing_asked(PARENT, rim_path_remove_folder(ctx, &ask, NULL));
    } else {
        (void)closing_asked(PARENT, rim_watch_add(ctx, &other, NULL)); /* it may not be there, or has gone */
    }
    return RIM_DONE;
}

static rim_verdict on_watched(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    return on_changed(ctx, state, cookie, error, body, msg);
}

static rim_verdict on_folder(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)state;
    (void)cookie;
    (void)error;
    (void)body;
    (void)msg;
    closing_answered(PARENT);
    rim_watch_ask ask = {.watch = closing.numbers[WATCH],
                         .path = "/closing",
                         .timeout_ns = RIM_SECONDS(20),
                         .on_outcome = on_watched};
    (void)closing_asked(PARENT, rim_watch_add(ctx, &ask, NULL));
    return RIM_DONE;
}

static void watch_begin(rim_ctx *ctx, uint32_t actor) {
    rim_path_ask ask = {.path = "/closing", .timeout_ns = RIM_SECONDS(20), .on_outcome = on_folder};
    if (actor == PARENT && rim_watch_open(ctx, &closing.numbers[WATCH]) == 0) {
        closing_made(ctx, PARENT, closing.numbers[WATCH], rim_watch_close);
        (void)closing_asked(PARENT, rim_path_make_folder(ctx, &ask, 0, true, NULL));
    }
}

static void watch_event(rim_ctx *ctx, uint32_t actor, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)actor;
    (void)body;
    closing_from(rim_from(msg));
}

#define CHILD(called, which, terminates)                                                                               \
    {                                                                                                                  \
        .name = (called), .actors = 1, .subject = (which), .variant = (terminates), .no_last = (which) == 0,           \
        .prepare = add_program, .begin = parent_begin, .event = parent_event                                           \
    }

/* The process is made first, then its input and its output. A process that is stopped has no last event. */
const struct closing_case closing_children[] = {
    CHILD("child", 0, false),
    CHILD("child-terminated", 0, true),
    CHILD("child-input", 1, false),
    CHILD("child-output", 2, true),
    {.name = "watch", .actors = 1, .no_last = true, .begin = watch_begin, .event = watch_event},
};
const uint32_t closing_child_count = RIM_COUNT(closing_children);
