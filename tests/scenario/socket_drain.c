/* SPDX-License-Identifier: MIT */
/* What is done to a listener that accepts: it is drained, paused, slowed, shared and adopted. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket_world.h"

#define CLIENTS 3u

enum { TRY = RIM_USER };

/* The boss listens, connects so many, and hears an echo from each before it goes on: so each has been accepted. */
struct keeper {
    struct scenario *s;
    rim_ref listener, clients[CLIENTS], probe;
    uint16_t port;
    uint32_t echoes, resets, closed, probes;
    bool drained;
    uint64_t timeout_ns;
    void (*go)(rim_ctx *ctx, struct keeper *keeper);      /* all have been accepted */
    void (*refused)(rim_ctx *ctx, struct keeper *keeper); /* a probe was */
    rim_drained_event event;
};

#define KEEPER_CHECK(condition) SCENARIO_CHECK(keeper->s, condition)

static bool is_client(const struct keeper *keeper, rim_ref socket) {
    for (uint32_t i = 0; i < CLIENTS; i++) {
        if (keeper->clients[i] == socket) {
            return true;
        }
    }
    return false;
}

static rim_verdict keeper_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    const struct keeper *plan = socket_world_of(arg);
    struct keeper *keeper = self;
    *keeper = *plan;
    keeper->listener = socket_world_listen(ctx, keeper->s, &socket_world_echo, NULL);
    return RIM_DONE;
}

static rim_verdict keeper_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct keeper *keeper = self;
    (void)msg;
    keeper->port = ((const rim_listening_event *)body)->address.port;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        keeper->clients[i] = socket_world_connect(ctx, keeper->s, "127.0.0.1", keeper->port);
    }
    return RIM_DONE;
}

static rim_verdict keeper_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct keeper *keeper = self;
    rim_ref socket = ((const rim_open_event *)body)->socket;
    (void)msg;
    if (is_client(keeper, socket)) {
        KEEPER_CHECK(rim_socket_write(ctx, socket, "x", 1) == 0);
    } else {
        KEEPER_CHECK(rim_socket_abort(ctx, socket) == 0); /* a probe that came before the listener was closed */
    }
    return RIM_DONE;
}

static rim_verdict keeper_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct keeper *keeper = self;
    (void)body;
    (void)msg;
    if (++keeper->echoes == CLIENTS) {
        keeper->go(ctx, keeper);
    }
    return RIM_DONE;
}

static rim_verdict end_if_over(rim_ctx *ctx, struct keeper *keeper) {
    if (keeper->drained && keeper->closed == CLIENTS) {
        scenario_done(ctx);
        return RIM_STOP;
    }
    return RIM_DONE;
}

static rim_verdict keeper_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct keeper *keeper = self;
    const rim_closed_event *event = body;
    (void)msg;
    if (is_client(keeper, event->socket)) {
        keeper->closed++;
        keeper->resets += event->error == -ECONNRESET;
    } else if (event->error == -ECONNREFUSED) {
        keeper->refused(ctx, keeper);
    } else {
        keeper->probe = socket_world_connect(ctx, keeper->s, "127.0.0.1", keeper->port);
    }
    return end_if_over(ctx, keeper);
}

static rim_verdict keeper_drained(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct keeper *keeper = self;
    (void)msg;
    keeper->event = *(const rim_drained_event *)body;
    KEEPER_CHECK(keeper->event.listener == keeper->listener);
    KEEPER_CHECK(!keeper->drained);
    keeper->drained = true;
    if (keeper->timeout_ns == 0) { /* the listener was ended first */
        KEEPER_CHECK(keeper->event.left == CLIENTS && keeper->event.aborted == 0 && keeper->event.ended == 0);
        for (uint32_t i = 0; i < CLIENTS; i++) {
            KEEPER_CHECK(rim_socket_close(ctx, keeper->clients[i]) == 0);
        }
    } else if (keeper->timeout_ns < RIM_SECONDS(1)) {
        KEEPER_CHECK(keeper->event.left == 0 && keeper->event.aborted == CLIENTS && keeper->event.ended == 0);
    } else {
        KEEPER_CHECK(keeper->event.left == 0 && keeper->event.aborted == 0 && keeper->event.ended >= CLIENTS);
    }
    return end_if_over(ctx, keeper);
}

static const rim_handler keeper_rows[] = {
    [RIM_LISTENING] = keeper_listening,  [RIM_SOCKET_OPEN] = keeper_open, [RIM_SOCKET_DATA] = keeper_data,
    [RIM_SOCKET_CLOSED] = keeper_closed, [RIM_DRAINED] = keeper_drained,
};

static const rim_behaviour keeper_behaviour = {
    .name = "keeper",
    .state_size = sizeof(struct keeper),
    .init = keeper_init,
    .on = keeper_rows,
    .on_count = RIM_COUNT(keeper_rows),
};

/* ---- drains ---- */

static void drain_and_probe(rim_ctx *ctx, struct keeper *keeper) {
    int fd;
    KEEPER_CHECK(rim_listener_drain(ctx, keeper->listener, keeper->timeout_ns) == 0);
    KEEPER_CHECK(rim_listener_drain(ctx, keeper->listener, 1) == -RIM_EDOWN);
    KEEPER_CHECK(rim_listener_pause(ctx, keeper->listener, false) == -RIM_EDOWN);
    KEEPER_CHECK(rim_listener_share(ctx, keeper->listener, &fd) == -RIM_EDOWN);
    KEEPER_CHECK(rim_listener_pause(ctx, RIM_NIL, false) == -RIM_EBADREF);
    keeper->probe = socket_world_connect(ctx, keeper->s, "127.0.0.1", keeper->port);
}

static void close_all(rim_ctx *ctx, struct keeper *keeper) {
    for (uint32_t i = 0; i < CLIENTS; i++) {
        KEEPER_CHECK(!keeper->drained);
        KEEPER_CHECK(rim_socket_close(ctx, keeper->clients[i]) == 0);
    }
}

static void run_keeper(struct scenario *s, struct keeper plan) {
    plan.s = s;
    scenario_open_lanes(s);
    socket_world_run(s, &keeper_behaviour, &plan);
}

void socket_drain_ends_with_the_last_connection(struct scenario *s) {
    run_keeper(s, (struct keeper){.timeout_ns = RIM_SECONDS(60), .go = drain_and_probe, .refused = close_all});
}

static void drain_only(rim_ctx *ctx, struct keeper *keeper) {
    KEEPER_CHECK(rim_listener_drain(ctx, keeper->listener, keeper->timeout_ns) == 0);
}

void socket_drain_aborts_what_is_open_in_the_end(struct scenario *s) {
    run_keeper(s, (struct keeper){.timeout_ns = RIM_MS(20), .go = drain_only});
}

static void drain_and_stop(rim_ctx *ctx, struct keeper *keeper) {
    KEEPER_CHECK(rim_listener_drain(ctx, keeper->listener, RIM_SECONDS(60)) == 0);
    KEEPER_CHECK(rim_stop(ctx, keeper->listener) == 0);
}

void socket_drain_of_a_listener_that_is_stopped_tells_what_is_left(struct scenario *s) {
    run_keeper(s, (struct keeper){.go = drain_and_stop});
}

/* ---- a listener that is paused, slow, shared, adopted ---- */

/* The boss listens by these options and connects; each echo is one that was accepted. */
struct gate {
    struct scenario *s;
    rim_listen_options options;
    rim_ref listener, second;
    uint32_t wanted, opened, echoes, round;
    uint64_t begin_ns;
    bool is_paused, adopts;
    int fd;
};

#define GATE_CHECK(condition) SCENARIO_CHECK(gate->s, condition)

static rim_verdict gate_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    struct gate *gate = self;
    *gate = *(const struct gate *)socket_world_of(arg);
    gate->options.owner = &socket_world_echo;
    GATE_CHECK(rim_listen(ctx, &gate->options, &gate->listener) == 0);
    return RIM_DONE;
}

static void connect_all(rim_ctx *ctx, struct gate *gate, uint16_t port) {
    gate->begin_ns = rim_now(ctx);
    gate->echoes = 0;
    for (uint32_t i = 0; i < gate->wanted; i++) {
        (void)socket_world_connect(ctx, gate->s, "127.0.0.1", port);
    }
}

static rim_verdict gate_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct gate *gate = self;
    const rim_listening_event *event = body;
    if (gate->is_paused) {
        GATE_CHECK(rim_listener_pause(ctx, gate->listener, true) == 0);
    }
    if (gate->options.reuse_port && gate->second == RIM_NIL) {
        gate->options.port = event->address.port;
        GATE_CHECK(rim_listen(ctx, &gate->options, &gate->second) == 0);
        gate->options.reuse_port = false;
        GATE_CHECK(rim_listen(ctx, &gate->options, NULL) == -EADDRINUSE);
        return RIM_DONE;
    }
    connect_all(ctx, gate, event->address.port);
    return RIM_DONE;
}

static rim_verdict gate_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct gate *gate = self;
    GATE_CHECK(rim_socket_write(ctx, ((const rim_open_event *)body)->socket, "x", 1) == 0);
    if (++gate->opened == gate->wanted && gate->is_paused) {
        GATE_CHECK(rim_after(ctx, RIM_MS(30), 0) != RIM_NIL);
    }
    return RIM_DONE;
}

static rim_verdict gate_timer(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct gate *gate = self;
    GATE_CHECK(gate->echoes == 0);
    gate->is_paused = false;
    GATE_CHECK(rim_listener_pause(ctx, gate->listener, false) == 0);
    return RIM_DONE;
}

/* The descriptor of the first listener, which ends, is adopted by a second one, as another process would. */
static void adopt_own(rim_ctx *ctx, struct gate *gate) {
    rim_listen_options options = {.owner = &socket_world_echo, .adopt = true};
    gate->adopts = false;
    GATE_CHECK(rim_listener_share(ctx, gate->listener, &gate->fd) == 0);
    GATE_CHECK(fcntl(gate->fd, F_GETFD) == FD_CLOEXEC);
    GATE_CHECK(rim_listener_drain(ctx, gate->listener, RIM_SECONDS(60)) == 0);
    options.adopted = gate->fd;
    GATE_CHECK(rim_listen(ctx, &options, &gate->second) == 0);
    close(gate->fd); /* the listener has its own */
}

static rim_verdict gate_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct gate *gate = self;
    GATE_CHECK(!gate->is_paused);
    if (++gate->echoes < gate->wanted) {
        return RIM_DONE;
    }
    if (gate->adopts) {
        adopt_own(ctx, gate);
        return RIM_DONE;
    }
    if (gate->options.accept_rate != 0) { /* so many at once, and the others after a time */
        uint64_t least_ns = (gate->wanted - gate->options.accept_rate) * RIM_SECONDS(1) / gate->options.accept_rate;
        GATE_CHECK(rim_now(ctx) - gate->begin_ns >= least_ns / 2);
    }
    scenario_done(ctx);
    return RIM_STOP;
}

static const rim_handler gate_rows[] = {
    [RIM_LISTENING] = gate_listening,
    [RIM_SOCKET_OPEN] = gate_open,
    [RIM_SOCKET_DATA] = gate_data,
    [RIM_TIMER] = gate_timer,
};

static const rim_behaviour gate_behaviour = {
    .name = "gate",
    .state_size = sizeof(struct gate),
    .init = gate_init,
    .on = gate_rows,
    .on_count = RIM_COUNT(gate_rows),
};

static void run_gate(struct scenario *s, struct gate plan) {
    plan.s = s;
    plan.options.host = "127.0.0.1";
    scenario_open_lanes(s);
    socket_world_run(s, &gate_behaviour, &plan);
}

void socket_listener_that_is_paused_leaves_connections_waiting(struct scenario *s) {
    run_gate(s, (struct gate){.wanted = 3, .is_paused = true});
}

void socket_listener_accepts_at_its_rate(struct scenario *s) {
    run_gate(s, (struct gate){.wanted = 30, .options = {.accept_rate = 20}});
}

void socket_port_is_shared_if_both_say_so(struct scenario *s) {
    run_gate(s, (struct gate){.wanted = 8, .options = {.reuse_port = true}});
}

void socket_listener_is_handed_over(struct scenario *s) {
    if (!scenario_is_sim(s)) {
        run_gate(s, (struct gate){.wanted = 4, .adopts = true});
    }
}

/* ---- what cannot be adopted ---- */

static rim_verdict clumsy_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    (void)size;
    struct scenario *s = socket_world_of(arg);
    bool is_sim = scenario_is_sim(s);
    rim_listen_options options = {.owner = &socket_world_echo, .adopt = true, .adopted = -1};
    SCENARIO_CHECK(s, rim_listen(ctx, &options, NULL) == (is_sim ? -EOPNOTSUPP : -EBADF));
    options.adopted = open("/dev/null", O_RDONLY | O_CLOEXEC);
    SCENARIO_CHECK(s, rim_listen(ctx, &options, NULL) == (is_sim ? -EOPNOTSUPP : -ENOTSOCK));
    close(options.adopted);
    options.adopted = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SCENARIO_CHECK(s, rim_listen(ctx, &options, NULL) == (is_sim ? -EOPNOTSUPP : -EINVAL));
    SCENARIO_CHECK(s, is_sim || strstr(rim_error_text(ctx), "no stream socket that listens") != NULL);
    options.distribute = RIM_DISTRIBUTE_REUSEPORT;
    SCENARIO_CHECK(s, rim_listen(ctx, &options, NULL) == -EINVAL);
    close(options.adopted);
    scenario_done(ctx);
    return RIM_STOP;
}

static const rim_behaviour clumsy = {.name = "clumsy", .init = clumsy_init};

void socket_that_does_not_listen_is_not_adopted(struct scenario *s) {
    socket_world_run(s, &clumsy, s);
}
