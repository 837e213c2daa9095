/* SPDX-License-Identifier: MIT */
/* A pipe and its two ends; folders and names; many files at once. The last two have no actor of their own to be closed:
   there it is their asker who is ended. */
#include "closing.h"

enum { ME, NOBODY };
enum { READER, WRITER, HEARD, STEP };
enum { CHUNK = 9000, CHUNKS = 3, STAGED = 6, BYTES = 5000 };

/* ---- a pipe ---- */

static void pipe_begin(rim_ctx *ctx, uint32_t actor) {
    static const char bytes[CHUNK];
    if (actor != ME || rim_pipe_make(ctx, &closing.numbers[READER], &closing.numbers[WRITER]) != 0) {
        return;
    }
    closing_made(ctx, ME, closing.numbers[READER], rim_socket_close);
    closing_made(ctx, ME, closing.numbers[WRITER], rim_socket_close);
    for (int i = 0; i < CHUNKS; i++) {
        int error = rim_socket_write(ctx, closing.numbers[WRITER], bytes, sizeof bytes);
        CLOSING_CHECK(error == 0 || error == -RIM_EDOWN || error == -RIM_EFULL || error == -ENOMEM);
    }
    (void)rim_socket_flush(ctx, closing.numbers[WRITER], 1);
}

static void pipe_event(rim_ctx *ctx, uint32_t actor, const void *body, rim_msg *msg) {
    (void)actor;
    if (rim_tag(msg) == RIM_SOCKET_CLOSED) {
        closing_last(((const rim_closed_event *)body)->socket);
        return;
    }
    closing_from(rim_from(msg));
    if (rim_tag(msg) == RIM_SOCKET_DATA) {
        closing.numbers[HEARD] += rim_size(msg);
    }
    if (closing.numbers[HEARD] == (uint64_t)CHUNK * CHUNKS || rim_tag(msg) == RIM_SOCKET_END) {
        (void)rim_socket_close(ctx, closing.numbers[WRITER]);
        (void)rim_socket_close(ctx, closing.numbers[READER]);
    }
}

/* ---- paths ---- */

static rim_verdict path_next(rim_ctx *ctx);

static rim_verdict on_path(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)state;
    (void)cookie;
    (void)error;
    (void)body;
    (void)msg;
    closing.sum++;
    closing_answered(ME);
    return path_next(ctx);
}

/* Two of each kind at a time, which may meet. */
static int path_call(rim_ctx *ctx, uint64_t step) {
    rim_path_ask ask = {.path = "/closing/folder/inner", .timeout_ns = RIM_SECONDS(20), .on_outcome = on_path};
    switch (step % 6) {
    case 0:
        return rim_path_make_folder(ctx, &ask, 0, true, NULL);
    case 1:
        return rim_path_make_temporary(ctx, &ask, step > 5, NULL);
    case 2:
        ask.path = "/closing/folder/link";
        return rim_path_symlink(ctx, &ask, "inner", NULL);
    case 3:
        return rim_path_stat(ctx, &ask, NULL);
    case 4:
        return rim_path_rename(ctx, &ask, "/closing/folder/other", RIM_PATH_REPLACE, NULL);
    default:
        ask.path = "/closing/folder/other";
        return rim_path_remove_folder(ctx, &ask, NULL);
    }
}

static rim_verdict path_next(rim_ctx *ctx) {
    if (closing.numbers[STEP] < 12) {
        (void)closing_asked(ME, path_call(ctx, closing.numbers[STEP]++));
    }
    return RIM_DONE;
}

static void path_begin(rim_ctx *ctx, uint32_t actor) {
    if (actor == ME) {
        closing_made(ctx, ME, rim_self(ctx), NULL);
        (void)path_next(ctx);
        (void)path_next(ctx);
    }
}

/* ---- many files ---- */

static const char *const staged[STAGED] = {"/closing/0", "/closing/1", "/closing/2",
                                           "/closing/3", "/closing/4", "/closing/missing"};

static rim_verdict on_staged(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)state;
    (void)body;
    closing.sum++;
    closing_answered(ME);
    rim_msg *kept = error == 0 && cookie % 2 == 0 ? rim_take(ctx, msg) : NULL;
    if (kept != NULL) {
        rim_msg_retag(kept, CLOSING_TALK);
        (void)rim_send_msg(ctx, closing.actors[NOBODY], kept);
    }
    return RIM_DONE;
}

static rim_verdict on_made(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)state;
    (void)cookie;
    (void)error;
    (void)body;
    (void)msg;
    closing_answered(ME);
    if (++closing.numbers[STEP] < STAGED - 1) {
        return RIM_DONE;
    }
    rim_stage_options options = {.paths = staged,
                                 .count = STAGED,
                                 .files_max = 2,
                                 .map_from = 2 * BYTES,
                                 .timeout_ns = RIM_SECONDS(20),
                                 .on_file = on_staged};
    if (rim_stage(ctx, &options) == 0) {
        closing.asked[ME] += STAGED;
    }
    return RIM_DONE;
}

static void stage_begin(rim_ctx *ctx, uint32_t actor) {
    static const char bytes[3 * BYTES];
    if (actor != ME) {
        return;
    }
    closing_made(ctx, ME, rim_self(ctx), NULL);
    for (int i = 0; i < STAGED - 1; i++) { /* some are mapped */
        rim_file_replacement file = {.path = staged[i], .timeout_ns = RIM_SECONDS(20), .on_outcome = on_made};
        size_t size = i % 2 == 0 ? BYTES : sizeof bytes;
        (void)closing_asked(ME, rim_file_replace(ctx, &file, bytes, size, NULL));
    }
}

static void ignore(rim_ctx *ctx, uint32_t actor, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)actor;
    (void)body;
    (void)msg;
    closing.sum++;
}

const struct closing_case closing_others[] = {
    {.name = "pipe-reader", .actors = 1, .subject = 0, .begin = pipe_begin, .event = pipe_event},
    {.name = "pipe-writer", .actors = 1, .subject = 1, .begin = pipe_begin, .event = pipe_event},
    {.name = "paths", .actors = 1, .begin = path_begin, .event = ignore},
    {.name = "stage", .actors = 2, .apart = true, .begin = stage_begin, .event = ignore},
};
const uint32_t closing_other_count = RIM_COUNT(closing_others);
