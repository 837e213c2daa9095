/* SPDX-License-Identifier: MIT */
/* One connection: data there and back, and its four kinds of end. */
#include <errno.h>
#include <string.h>

#include "socket_world.h"

/*
 * The boss listens with `owner`, connects, writes `total` bytes, and ends its side by `ending`. It gets back bytes
 * that are checked by position. At RIM_SOCKET_CLOSED the numbers must be as expected.
 */
enum ending { CLOSE_WHEN_RECEIVED, SHUTDOWN_WHEN_WRITTEN, WAIT };

struct plan {
    struct scenario *s;
    const rim_behaviour *owner;
    uint64_t total; /* to write */
    uint64_t back;  /* to receive */
    enum ending ending;
    int error;     /* at the end */
    bool want_end; /* RIM_SOCKET_END comes before */
};

struct boss {
    struct plan *plan;
    struct socket_pump pump;
    uint64_t received;
    bool ended;
};

static rim_verdict boss_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    struct boss *boss = self;
    boss->plan = socket_world_of(arg);
    socket_world_listen(ctx, boss->plan->s, boss->plan->owner, boss->plan);
    return RIM_DONE;
}

static rim_verdict on_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct boss *boss = self;
    const rim_listening_event *event = body;
    boss->pump.total = boss->plan->total;
    boss->pump.socket = socket_world_connect(ctx, boss->plan->s, "127.0.0.1", event->address.port);
    return RIM_DONE;
}

static rim_verdict write_on(rim_ctx *ctx, struct boss *boss) {
    if (socket_pump_run(ctx, &boss->pump) && boss->plan->ending == SHUTDOWN_WHEN_WRITTEN) {
        SCENARIO_CHECK(boss->plan->s, rim_socket_shutdown(ctx, boss->pump.socket) == 0);
    }
    return RIM_DONE;
}

static rim_verdict on_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct boss *boss = self;
    const rim_open_event *event = body;
    SCENARIO_CHECK(boss->plan->s, event->socket == boss->pump.socket);
    SCENARIO_CHECK(boss->plan->s, event->peer.family == 4 && event->local.port != 0);
    return write_on(ctx, boss);
}

static rim_verdict on_room(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    return write_on(ctx, self);
}

static rim_verdict on_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct boss *boss = self;
    SCENARIO_CHECK(boss->plan->s, rim_sender(ctx) == boss->pump.socket);
    SCENARIO_CHECK(boss->plan->s, socket_world_is(body, rim_size(msg), boss->received));
    boss->received += rim_size(msg);
    if (boss->plan->ending == CLOSE_WHEN_RECEIVED && boss->received == boss->plan->back) {
        SCENARIO_CHECK(boss->plan->s, rim_socket_close(ctx, boss->pump.socket) == 0);
    }
    return RIM_DONE;
}

static rim_verdict on_end(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    struct boss *boss = self;
    SCENARIO_CHECK(boss->plan->s, rim_size(msg) == 0);
    SCENARIO_CHECK(boss->plan->s, !boss->ended);
    boss->ended = true;
    if (boss->plan->ending == WAIT) {
        SCENARIO_CHECK(boss->plan->s, rim_socket_close(ctx, boss->pump.socket) == 0);
    }
    return RIM_DONE;
}

static rim_verdict on_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct boss *boss = self;
    struct plan *plan = boss->plan;
    const rim_closed_event *event = body;
    SCENARIO_CHECK(plan->s, event->socket == boss->pump.socket);
    SCENARIO_CHECK(plan->s, event->error == plan->error);
    SCENARIO_CHECK(plan->s, event->text[0] != '\0');
    SCENARIO_CHECK(plan->s, boss->ended == plan->want_end);
    if (plan->error == 0) {
        SCENARIO_CHECK(plan->s, event->sent == plan->total);
        SCENARIO_CHECK(plan->s, event->received == plan->back);
        SCENARIO_CHECK(plan->s, event->unwritten == 0);
        SCENARIO_CHECK(plan->s, boss->received == plan->back);
    }
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_handler boss_rows[] = {
    [RIM_LISTENING] = on_listening, [RIM_SOCKET_OPEN] = on_open, [RIM_ROOM] = on_room,
    [RIM_SOCKET_DATA] = on_data,    [RIM_SOCKET_END] = on_end,   [RIM_SOCKET_CLOSED] = on_closed,
};

static const rim_behaviour boss = {
    .name = "boss",
    .state_size = sizeof(struct boss),
    .on = boss_rows,
    .on_count = RIM_COUNT(boss_rows),
    .init = boss_init,
};

/* Static, because owners may look at it until the system has stopped. */
static void run(struct plan plan) {
    static struct plan running;
    running = plan;
    socket_world_run(plan.s, &boss, &running);
}

void socket_echoes_a_megabyte(struct scenario *s) {
    run((struct plan){
        .s = s, .owner = &socket_world_echo, .total = 1 << 20, .back = 1 << 20, .ending = CLOSE_WHEN_RECEIVED});
}

/* The echo has no row for the end: it closes by itself, when the last byte has been sent back. */
void socket_echoes_all_before_it_ends_by_default(struct scenario *s) {
    run((struct plan){.s = s,
                      .owner = &socket_world_echo,
                      .total = 300000,
                      .back = 300000,
                      .ending = SHUTDOWN_WHEN_WRITTEN,
                      .want_end = true});
}

/* ---- owners that answer ---- */

struct answerer {
    struct plan *plan;
    struct socket_pump pump;
    uint64_t received;
    bool close_after;
};

static rim_verdict answer(rim_ctx *ctx, struct answerer *answerer) {
    if (socket_pump_run(ctx, &answerer->pump) && answerer->close_after) {
        SCENARIO_CHECK(answerer->plan->s, rim_socket_close(ctx, answerer->pump.socket) == 0);
    }
    return RIM_DONE;
}

static rim_verdict answerer_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)ctx;
    (void)size;
    const rim_connection *connection = arg;
    struct answerer *answerer = self;
    answerer->plan = (struct plan *)connection->arg;
    answerer->pump = (struct socket_pump){.socket = connection->socket, .total = answerer->plan->back};
    return RIM_DONE;
}

static rim_verdict answerer_room(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    return answer(ctx, self);
}

static rim_verdict answerer_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    struct answerer *answerer = self;
    SCENARIO_CHECK(answerer->plan->s, socket_world_is(body, rim_size(msg), answerer->received));
    answerer->received += rim_size(msg);
    return RIM_DONE;
}

/* The peer has said all: now it gets its answer, although its side is closed. */
static rim_verdict answerer_end(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct answerer *answerer = self;
    SCENARIO_CHECK(answerer->plan->s, answerer->received == answerer->plan->total);
    answerer->close_after = true;
    return answer(ctx, answerer);
}

static const rim_handler answerer_rows[] = {
    [RIM_SOCKET_DATA] = answerer_data, [RIM_SOCKET_END] = answerer_end, [RIM_ROOM] = answerer_room};

static const rim_behaviour answerer = {
    .name = "answerer",
    .state_size = sizeof(struct answerer),
    .on = answerer_rows,
    .on_count = RIM_COUNT(answerer_rows),
    .init = answerer_init,
};

void socket_that_half_closed_still_reads(struct scenario *s) {
    run((struct plan){
        .s = s, .owner = &answerer, .total = 1000, .back = 700000, .ending = SHUTDOWN_WHEN_WRITTEN, .want_end = true});
}

/* Writes all at once and closes: what was written arrives, and then the end. */
static rim_verdict closer_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    rim_verdict verdict = answerer_init(ctx, self, arg, size);
    struct answerer *closer = self;
    closer->close_after = true;
    (void)answer(ctx, closer);
    return verdict;
}

static const rim_behaviour closer = {
    .name = "closer",
    .state_size = sizeof(struct answerer),
    .on = answerer_rows,
    .on_count = RIM_COUNT(answerer_rows),
    .init = closer_init,
};

void socket_close_flushes(struct scenario *s) {
    run((struct plan){.s = s, .owner = &closer, .back = 1 << 20, .ending = WAIT, .want_end = true});
}

/* At the first byte it writes what must arrive, and stops: the socket outlives its owner for that. */
static rim_verdict quitter_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct answerer *quitter = self;
    return socket_pump_run(ctx, &quitter->pump) ? RIM_STOP : RIM_DONE;
}

static rim_verdict quitter_room(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    return quitter_data(ctx, self, body, msg);
}

static const rim_handler quitter_rows[] = {[RIM_SOCKET_DATA] = quitter_data, [RIM_ROOM] = quitter_room};

static const rim_behaviour quitter = {
    .name = "quitter",
    .state_size = sizeof(struct answerer),
    .on = quitter_rows,
    .on_count = RIM_COUNT(quitter_rows),
    .init = answerer_init,
};

void socket_flushes_when_its_owner_ends(struct scenario *s) {
    run((struct plan){.s = s, .owner = &quitter, .total = 1, .back = 500000, .ending = WAIT, .want_end = true});
}

static rim_verdict aborter_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct answerer *aborter = self;
    SCENARIO_CHECK(aborter->plan->s, rim_socket_abort(ctx, aborter->pump.socket) == 0);
    return RIM_DONE;
}

static const rim_handler aborter_rows[] = {[RIM_SOCKET_DATA] = aborter_data};

static const rim_behaviour aborter = {
    .name = "aborter",
    .state_size = sizeof(struct answerer),
    .on = aborter_rows,
    .on_count = RIM_COUNT(aborter_rows),
    .init = answerer_init,
};

void socket_abort_resets_the_peer(struct scenario *s) {
    run((struct plan){.s = s, .owner = &aborter, .total = 1, .ending = WAIT, .error = -ECONNRESET});
}
