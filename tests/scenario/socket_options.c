/* SPDX-License-Identifier: MIT */
/* Options of connections: kept, checked, and the time-outs among them. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "socket_world.h"

#define CHECK(expression) SCENARIO_CHECK(scenario_current(), expression)
#define BIG               (32u << 20)

/*
 * A server and a client in one world. The plan says what both are to be like, and what the client does when it is
 * connected; then how the client's connection ends is looked at.
 */
struct plan {
    rim_socket_options server, client;
    const rim_behaviour *owner; /* of the server's side */
    rim_verdict (*play)(rim_ctx *ctx, struct plan *plan);
    rim_verdict (*data)(rim_ctx *ctx, struct plan *plan, const void *body, size_t size);
    rim_verdict (*timer)(rim_ctx *ctx, struct plan *plan);
    rim_verdict (*closed)(rim_ctx *ctx, struct plan *plan, const rim_closed_event *event); /* NULL: it is over */
    _Atomic rim_ref late, late_socket;
    int error;    /* that RIM_SOCKET_CLOSED is to tell */
    bool is_over; /* else it is too early for that */
    rim_ref socket;
    uint64_t opened_ns, bytes, rounds;
};

struct client {
    struct plan *plan;
};

static struct plan *plan_of(void *self) {
    return ((struct client *)self)->plan;
}

static rim_verdict client_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct plan *plan = socket_world_of(arg);
    (void)size;
    ((struct client *)self)->plan = plan;
    rim_listen_options options = {.host = "127.0.0.1", .owner = plan->owner, .arg = plan, .socket = plan->server};
    CHECK(rim_listen(ctx, &options, NULL) == 0);
    return RIM_DONE;
}

static rim_verdict client_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const rim_listening_event *event = body;
    struct plan *plan = plan_of(self);
    (void)msg;
    rim_connect_options options = {.host = "127.0.0.1",
                                   .port = event->address.port,
                                   .timeout_ns = RIM_SECONDS(5),
                                   .socket = plan->client};
    CHECK(rim_connect(ctx, &options, &plan->socket) == 0);
    return RIM_DONE;
}

static rim_verdict client_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct plan *plan = plan_of(self);
    (void)body;
    (void)msg;
    plan->opened_ns = rim_now(ctx);
    return plan->play != NULL ? plan->play(ctx, plan) : RIM_DONE;
}

static rim_verdict client_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct plan *plan = plan_of(self);
    plan->bytes += rim_size(msg);
    return plan->data != NULL ? plan->data(ctx, plan, body, rim_size(msg)) : RIM_DONE;
}

static rim_verdict client_timer(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct plan *plan = plan_of(self);
    (void)body;
    (void)msg;
    return plan->timer(ctx, plan);
}

static rim_verdict client_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const rim_closed_event *event = body;
    struct plan *plan = plan_of(self);
    (void)msg;
    CHECK(event->error == plan->error);
    CHECK(plan->is_over);
    if (plan->closed != NULL) {
        return plan->closed(ctx, plan, event);
    }
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_handler client_rows[] = {
    [RIM_LISTENING] = client_listening, [RIM_SOCKET_OPEN] = client_open,     [RIM_SOCKET_DATA] = client_data,
    [RIM_TIMER] = client_timer,         [RIM_SOCKET_CLOSED] = client_closed,
};
static const rim_behaviour client = {
    .name = "client",
    .state_size = sizeof(struct client),
    .on = client_rows,
    .on_count = RIM_COUNT(client_rows),
    .init = client_init,
};

/* A server's side that takes what comes and says nothing. */
static rim_verdict drop_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)self;
    (void)body;
    (void)msg;
    return RIM_DONE;
}

static const rim_handler silent_rows[] = {[RIM_SOCKET_DATA] = drop_data};
static const rim_behaviour silent = {.name = "silent", .on = silent_rows, .on_count = RIM_COUNT(silent_rows)};

/* One that reads nothing at all. */
static rim_verdict deaf_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    const rim_connection *connection = arg;
    (void)self;
    (void)size;
    CHECK(rim_socket_pause(ctx, connection->socket, true) == 0);
    return RIM_DONE;
}
static const rim_behaviour deaf = {.name = "deaf", .init = deaf_init};

/* ---- kept and checked ---- */

static const rim_socket_options fancy = {
    .delay = true,
    .keepalive_s = 30,
    .keepalive_interval_s = 5,
    .keepalive_count = 3,
    .send_buffer = 100000,
    .receive_buffer = 200000,
    .linger_ns = RIM_MS(100),
};

static void check_refusals(rim_ctx *ctx, rim_ref socket) {
    rim_socket_options wrong = {.keepalive_s = 32768};
    rim_socket_state state;
    CHECK(rim_socket_set(ctx, socket, &wrong) == -EINVAL);
    wrong = (rim_socket_options){.keepalive_count = 128};
    CHECK(rim_socket_set(ctx, socket, &wrong) == -EINVAL);
    CHECK(strstr(rim_error_text(ctx), "127") != NULL);
    wrong = (rim_socket_options){.send_buffer = 1u << 31};
    CHECK(rim_socket_set(ctx, socket, &wrong) == -EINVAL);
    rim_connect_options connect = {.host = "127.0.0.1", .port = 1, .timeout_ns = 1, .socket = wrong};
    CHECK(rim_connect(ctx, &connect, NULL) == -EINVAL);
    rim_listen_options listen = {.owner = &silent, .socket = wrong};
    CHECK(rim_listen(ctx, &listen, NULL) == -EINVAL);
    CHECK(rim_socket_set(ctx, socket, NULL) == -EINVAL);
    CHECK(rim_socket_set(ctx, RIM_NIL, &fancy) == -RIM_EBADREF);
    CHECK(rim_socket_set(ctx, rim_self(ctx), &fancy) == -RIM_EDOWN); /* an actor, and no socket */
    CHECK(rim_socket_ask(ctx, RIM_NIL, &state) == -RIM_EBADREF);
    CHECK(rim_socket_ask(ctx, rim_self(ctx), &state) == -RIM_EDOWN);
}

static rim_verdict ask_and_set(rim_ctx *ctx, struct plan *plan) {
    rim_socket_state state;
    CHECK(rim_socket_ask(ctx, plan->socket, &state) == 0);
    CHECK(state.is_open && !state.is_paused);
    CHECK(state.local.port != 0 && state.peer.port != 0 && state.peer.family == 4);
    CHECK(state.options.keepalive_s == 30 && state.options.delay);
    CHECK(state.sent == 0 && state.received == 0);
    CHECK(rim_socket_set(ctx, plan->socket, &(rim_socket_options){.keepalive_s = 60}) == 0);
    CHECK(rim_socket_ask(ctx, plan->socket, &state) == 0);
    CHECK(state.options.keepalive_s == 60 && !state.options.delay);
    check_refusals(ctx, plan->socket);
    CHECK(rim_socket_ask(ctx, plan->socket, &state) == 0);
    CHECK(state.options.keepalive_s == 60); /* what was refused has changed nothing */
    CHECK(rim_socket_write(ctx, plan->socket, "hello", 5) == 0);
    return RIM_DONE;
}

static rim_verdict count_bytes(rim_ctx *ctx, struct plan *plan, const void *body, size_t size) {
    rim_socket_state state;
    (void)body;
    (void)size;
    CHECK(rim_socket_ask(ctx, plan->socket, &state) == 0);
    CHECK(state.received >= plan->bytes && state.sent + state.unsent == 5);
    if (plan->bytes == 5) {
        plan->is_over = true;
        CHECK(rim_socket_close(ctx, plan->socket) == 0);
    }
    return RIM_DONE;
}

void socket_options_are_kept_and_checked(struct scenario *s) {
    static struct plan plan;
    plan = (struct plan){
        .server = fancy, .client = fancy, .owner = &socket_world_echo, .play = ask_and_set, .data = count_bytes};
    socket_world_run(s, &client, &plan);
}

/* From the other shard: it may be set, and not asked. */
static rim_verdict stranger_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    rim_ref socket;
    rim_socket_state state;
    (void)self;
    memcpy(&socket, arg, size);
    CHECK(rim_socket_ask(ctx, socket, &state) == -RIM_ECONTEXT);
    CHECK(rim_socket_set(ctx, socket, &(rim_socket_options){.idle_ns = RIM_MS(20)}) == 0);
    return RIM_STOP;
}
static const rim_behaviour stranger = {.name = "stranger", .init = stranger_init};

static rim_verdict send_stranger(rim_ctx *ctx, struct plan *plan) {
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = 1};
    rim_ref ref;
    plan->is_over = true;
    CHECK(rim_spawn(ctx, &stranger, &options, &plan->socket, sizeof plan->socket, &ref) == 0);
    return RIM_DONE;
}

void socket_options_reach_a_socket_on_another_shard(struct scenario *s) {
    static struct plan plan;
    plan = (struct plan){.owner = &silent, .play = send_stranger, .error = -ETIMEDOUT};
    scenario_open_lanes(s);
    socket_world_run(s, &client, &plan);
}

/* ---- time-outs ---- */

static rim_verdict be_silent(rim_ctx *ctx, struct plan *plan) {
    (void)ctx;
    plan->is_over = true;
    return RIM_DONE;
}

void socket_that_is_idle_times_out(struct scenario *s) {
    static struct plan plan;
    plan = (struct plan){.client = {.idle_ns = RIM_MS(30)}, .owner = &silent, .play = be_silent, .error = -ETIMEDOUT};
    socket_world_run(s, &client, &plan);
}

#define ROUNDS 3u

static rim_verdict ask_again(rim_ctx *ctx, struct plan *plan) {
    CHECK(rim_after(ctx, plan->client.idle_ns * 2 / 5, 0) != RIM_NIL);
    return RIM_DONE;
}

static rim_verdict say_something(rim_ctx *ctx, struct plan *plan) {
    if (plan->rounds++ == ROUNDS) {
        plan->is_over = true;
        return rim_socket_close(ctx, plan->socket) == 0 ? RIM_DONE : RIM_FAIL;
    }
    CHECK(rim_socket_write(ctx, plan->socket, "x", 1) == 0);
    return ask_again(ctx, plan);
}

/* In all, it lives for longer than each of its time-outs. A real machine may be too busy: there they are longer. */
void socket_that_is_busy_does_not_time_out(struct scenario *s) {
    static struct plan plan;
    uint64_t limit_ns = scenario_is_sim(s) ? RIM_MS(60) : RIM_SECONDS(2);
    plan = (struct plan){.client = {.idle_ns = limit_ns, .read_ns = limit_ns, .write_ns = limit_ns},
                         .owner = &socket_world_echo,
                         .play = ask_again,
                         .timer = say_something};
    socket_world_run(s, &client, &plan);
    CHECK(plan.rounds == ROUNDS + 1 && plan.bytes > 0);
}

static rim_verdict pause_first(rim_ctx *ctx, struct plan *plan) {
    CHECK(rim_socket_pause(ctx, plan->socket, true) == 0);
    CHECK(rim_after(ctx, 2 * plan->client.read_ns, 0) != RIM_NIL);
    return RIM_DONE;
}

static rim_verdict resume(rim_ctx *ctx, struct plan *plan) {
    plan->is_over = true;
    CHECK(rim_socket_pause(ctx, plan->socket, false) == 0);
    return RIM_DONE;
}

void socket_read_times_out_unless_paused(struct scenario *s) {
    static struct plan plan;
    plan = (struct plan){.client = {.read_ns = scenario_is_sim(s) ? RIM_MS(100)
                                                                  : RIM_MS(500)}, /* soon, but it is to pause before */
                         .owner = &silent,
                         .play = pause_first,
                         .timer = resume,
                         .error = -ETIMEDOUT};
    socket_world_run(s, &client, &plan);
}

static rim_verdict write_much(rim_ctx *ctx, struct plan *plan) {
    rim_msg *msg = rim_msg_new(ctx, RIM_USER, BIG);
    CHECK(msg != NULL);
    memset(rim_body(msg), 'x', BIG);
    plan->is_over = true;
    CHECK(rim_socket_write_msg(ctx, plan->socket, msg) == 0);
    return RIM_DONE;
}

void socket_write_times_out_when_nobody_reads(struct scenario *s) {
    static struct plan plan;
    plan = (struct plan){.client = {.write_ns = RIM_MS(50), .send_buffer = 65536},
                         .server = {.receive_buffer = 65536},
                         .owner = &deaf,
                         .play = write_much,
                         .error = -ETIMEDOUT};
    socket_world_run(s, &client, &plan);
}

/* A server's side that reads nothing until the client has gone, and then sees that it has not got all. */
static rim_verdict late_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    const rim_connection *connection = arg;
    struct plan *plan = (struct plan *)(uintptr_t)connection->arg;
    ((struct client *)self)->plan = plan;
    atomic_store(&plan->late, rim_self(ctx));
    atomic_store(&plan->late_socket, connection->socket);
    return deaf_init(ctx, self, arg, size);
}

static rim_verdict late_told(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    CHECK(rim_socket_pause(ctx, atomic_load(&plan_of(self)->late_socket), false) == 0);
    return RIM_DONE;
}

static rim_verdict late_end(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)self;
    (void)body;
    (void)msg;
    CHECK(!"it is told that it has all");
    return RIM_DONE;
}

static rim_verdict late_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const rim_closed_event *event = body;
    (void)self;
    (void)msg;
    CHECK(event->error == -ECONNRESET && event->received < BIG);
    CHECK(strstr(event->text, "lost: connection reset by peer") != NULL);
    scenario_done(ctx);
    return RIM_STOP;
}

static const rim_handler late_rows[] = {
    [RIM_USER] = late_told,
    [RIM_SOCKET_DATA] = drop_data,
    [RIM_SOCKET_END] = late_end,
    [RIM_SOCKET_CLOSED] = late_closed,
};
static const rim_behaviour late = {.name = "late",
                                   .state_size = sizeof(struct client),
                                   .on = late_rows,
                                   .on_count = RIM_COUNT(late_rows),
                                   .init = late_init};

static rim_verdict wake_late(rim_ctx *ctx, struct plan *plan, const rim_closed_event *event) {
    CHECK(strstr(event->text, "127.0.0.1:") != NULL && event->unwritten > 0);
    CHECK(rim_send(ctx, atomic_load(&plan->late), RIM_USER, NULL, 0) == 0);
    return RIM_DONE;
}

void socket_that_times_out_with_a_half_of_what_was_written_is_reset(struct scenario *s) {
    static struct plan plan;
    plan = (struct plan){.client = {.write_ns = RIM_MS(100), .send_buffer = 65536},
                         .server = {.receive_buffer = 65536},
                         .owner = &late,
                         .play = write_much,
                         .closed = wake_late,
                         .error = -ETIMEDOUT};
    scenario_open_lanes(s);
    socket_world_run(s, &client, &plan);
}

/* ---- pieces ---- */

static char large[5000], ab[] = "ab", cde[] = "cde", end[] = "end";

static rim_verdict write_pieces(rim_ctx *ctx, struct plan *plan) {
    const struct iovec small[] = {{ab, 2}, {NULL, 0}, {cde, 3}};
    struct iovec both[] = {{large, sizeof large}, {large, 7}, {end, 3}};
    const struct iovec vast[] = {{large, SIZE_MAX / 2}, {large, SIZE_MAX / 2}};
    memset(large, '-', sizeof large);
    CHECK(rim_socket_writev(ctx, plan->socket, small, RIM_COUNT(small)) == 0);
    CHECK(rim_socket_writev(ctx, plan->socket, both, RIM_COUNT(both)) == 0);
    CHECK(rim_socket_writev(ctx, plan->socket, small, 0) == 0);
    CHECK(rim_socket_writev(ctx, plan->socket, vast, 2) == -RIM_ETOOBIG);
    CHECK(rim_socket_writev(ctx, RIM_NIL, small, 3) == -RIM_EBADREF);
    return RIM_DONE;
}

static rim_verdict compare_pieces(rim_ctx *ctx, struct plan *plan, const void *body, size_t size) {
    const char *bytes = body;
    uint64_t at = plan->bytes - size;
    for (size_t i = 0; i < size; i++, at++) {
        char wanted = at < 5 ? "abcde"[at] : at < 5 + 5007 ? '-' : "end"[at - 5012];
        CHECK(bytes[i] == wanted);
    }
    if (plan->bytes == 5015) {
        plan->is_over = true;
        CHECK(rim_socket_close(ctx, plan->socket) == 0);
    }
    return RIM_DONE;
}

void socket_writes_pieces_as_one(struct scenario *s) {
    static struct plan plan;
    plan = (struct plan){.owner = &socket_world_echo, .play = write_pieces, .data = compare_pieces};
    socket_world_run(s, &client, &plan);
}
