/* SPDX-License-Identifier: MIT */
#include "desk.h"

#include <string.h>

/* ---- the squarer, on a shard with a thread of its own ---- */

enum { SQUARE = RIM_USER };

static rim_verdict on_square(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    uint64_t number;
    (void)state;
    (void)msg;
    memcpy(&number, body, sizeof number);
    number *= number;
    rim_reply(ctx, RIM_NIL, SQUARE, &number, sizeof number);
    return RIM_DONE;
}

static const rim_handler squarer_on[] = {[SQUARE] = on_square};
static const rim_behaviour squarer = {.name = "squarer", .on = squarer_on, .on_count = RIM_COUNT(squarer_on)};

/* ---- the desk, on the embedded shard ---- */

enum { ASK = RIM_USER };

struct question {
    void *connection;
    uint64_t number;
};

struct clerk {
    desk_answer answer;
    rim_ref squarer;
};

static rim_verdict clerk_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    (void)ctx;
    memcpy(state, arg, size);
    return RIM_DONE;
}

/* The cookie is the question, in the clerk's own memory. */
static rim_verdict on_outcome(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct clerk *self = state;
    struct question *question = (struct question *)(uintptr_t)cookie;
    uint64_t square = 0;
    (void)msg;
    if (error == 0) {
        memcpy(&square, body, sizeof square);
    }
    self->answer(question->connection, error, question->number, square);
    rim_free(ctx, question);
    return RIM_DONE;
}

static rim_verdict on_ask(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct clerk *self = state;
    struct question *question = rim_alloc(ctx, sizeof *question);
    (void)msg;
    if (question == NULL) {
        return RIM_FAIL;
    }
    memcpy(question, body, sizeof *question);
    rim_ask ask = {.to = self->squarer,
                   .tag = SQUARE,
                   .body = &question->number,
                   .size = sizeof question->number,
                   .timeout_ns = RIM_SECONDS(10),
                   .on_outcome = on_outcome,
                   .cookie = (uintptr_t)question};
    int error = rim_request(ctx, &ask, NULL);
    if (error != 0) {
        self->answer(question->connection, error, question->number, 0);
        rim_free(ctx, question);
    }
    return RIM_DONE;
}

static const rim_handler clerk_on[] = {[ASK] = on_ask};
static const rim_behaviour clerk = {.name = "clerk",
                                    .state_size = sizeof(struct clerk),
                                    .init = clerk_init,
                                    .on = clerk_on,
                                    .on_count = RIM_COUNT(clerk_on)};

/* ---- outside ---- */

static int spawn_all(struct desk *desk, desk_answer answer) {
    struct clerk start = {.answer = answer};
    int error = rim_system_spawn(desk->system, &squarer, &(rim_spawn_options){.place = RIM_ON_SHARD, .shard = 1}, NULL,
                                 0, &start.squarer);
    if (error == 0) {
        error = rim_system_spawn(desk->system, &clerk, NULL, &start, sizeof start, &desk->ref);
    }
    return error != 0 ? error : rim_system_start(desk->system);
}

int desk_open(struct desk *desk, enum rim_driver_kind driver, desk_answer answer) {
    rim_config config = {.shards = 2, .embedded = true, .embedded_shards = 1, .driver = driver};
    int error = rim_system_create(&config, &desk->system);
    if (error == 0) {
        error = spawn_all(desk, answer);
        if (error != 0) {
            rim_system_destroy(desk->system);
        }
    }
    return error;
}

int desk_ask(struct desk *desk, void *connection, uint64_t number) {
    struct question question = {.connection = connection, .number = number};
    return rim_system_send(desk->system, desk->ref, ASK, &question, sizeof question);
}

enum rim_driver_kind desk_driver(int argc, char **argv) {
    bool epoll = argc == 3 && strcmp(argv[1], "--driver") == 0 && strcmp(argv[2], "epoll") == 0;
    return epoll ? RIM_DRIVER_EPOLL : RIM_DRIVER_AUTO;
}
