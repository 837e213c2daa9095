/* SPDX-License-Identifier: MIT */
/*
 * Connecting by name: the look-up, and addresses that race. The simulated world knows "localhost", as ::1 and
 * 127.0.0.1, and names that say their addresses (192-0-2-1.127-0-0-1.sim); what the kernel's has for localhost differs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket_world.h"

#define CHECK(expression) SCENARIO_CHECK(scenario_current(), expression)
#define LOT               (1u << 20)

struct call {
    const char *host; /* to connect to */
    uint16_t port;    /* 0: that of a listener of its own */
    uint64_t timeout_ns;
    const char *after; /* what to do right after rim_connect: "close", "abort", "end", "write", or NULL */
    int error;         /* wanted in RIM_SOCKET_CLOSED */
    const char *text;  /* and how its text begins; NULL: any */
    bool may_open;
    rim_ref socket, listener;
    uint64_t began_ns, opened_ns, echoed;
    bool opened, closed;
};

static struct call *call_of(void *self) {
    return *(struct call **)self;
}

static void write_a_lot(rim_ctx *ctx, struct call *call) {
    static char bytes[60000];
    uint64_t written = 0;
    for (uint32_t i = 0; i < LOT / sizeof bytes && written < LOT; i++) {
        CHECK(rim_socket_write(ctx, call->socket, bytes, sizeof bytes) == 0);
    }
}

static rim_verdict dial(rim_ctx *ctx, struct call *call, uint16_t port) {
    rim_connect_options options = {.host = call->host, .port = port, .timeout_ns = call->timeout_ns};
    call->began_ns = rim_now(ctx);
    CHECK(rim_connect(ctx, &options, &call->socket) == 0);
    const char *after = call->after != NULL ? call->after : "";
    if (strcmp(after, "close") == 0) {
        CHECK(rim_socket_close(ctx, call->socket) == 0);
    } else if (strcmp(after, "abort") == 0) {
        CHECK(rim_socket_abort(ctx, call->socket) == 0);
    } else if (strcmp(after, "write") == 0) {
        write_a_lot(ctx, call);
    } else if (strcmp(after, "later") == 0) {
        CHECK(rim_after(ctx, rim_random(ctx) % RIM_MS(scenario_is_sim(scenario_current()) ? 900 : 2), 0) != RIM_NIL);
    } else if (strcmp(after, "end") == 0) {
        scenario_done(ctx);
        return RIM_STOP;
    }
    return RIM_DONE;
}

static rim_verdict caller_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct call *call = socket_world_of(arg);
    (void)size;
    *(struct call **)self = call;
    if (call->port == 0) {
        call->listener = socket_world_listen(ctx, scenario_current(), &socket_world_echo, NULL);
        return RIM_DONE;
    }
    return dial(ctx, call, call->port);
}

static rim_verdict caller_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const rim_listening_event *event = body;
    (void)msg;
    return dial(ctx, call_of(self), event->address.port);
}

static rim_verdict caller_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const rim_open_event *event = body;
    struct call *call = call_of(self);
    rim_socket_state state;
    (void)msg;
    CHECK(call->may_open);
    CHECK(event->peer.family == 4 && event->peer.port != 0 && event->local.port != 0);
    CHECK(rim_socket_ask(ctx, call->socket, &state) == 0 && state.peer.port == event->peer.port);
    call->opened = true;
    call->opened_ns = rim_now(ctx);
    if (call->after == NULL) {
        CHECK(rim_socket_write(ctx, call->socket, "hello", 5) == 0);
    }
    return RIM_DONE;
}

static rim_verdict caller_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct call *call = call_of(self);
    (void)body;
    call->echoed += rim_size(msg);
    if (call->after == NULL ? call->echoed == 5 : call->echoed == LOT / 60000 * 60000) {
        CHECK(rim_socket_close(ctx, call->socket) == 0);
    }
    return RIM_DONE;
}

static rim_verdict caller_timer(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const struct call *call = call_of(self);
    (void)body;
    (void)msg;
    CHECK((rim_random(ctx) % 2 == 0 ? rim_socket_abort : rim_socket_close)(ctx, call->socket) == 0);
    return RIM_DONE;
}

static rim_verdict caller_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const rim_closed_event *event = body;
    struct call *call = call_of(self);
    (void)msg;
    CHECK(event->error == call->error);
    CHECK(call->text == NULL || strncmp(event->text, call->text, strlen(call->text)) == 0);
    call->closed = true;
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_handler caller_rows[] = {
    [RIM_LISTENING] = caller_listening, [RIM_SOCKET_OPEN] = caller_open,     [RIM_SOCKET_DATA] = caller_data,
    [RIM_TIMER] = caller_timer,         [RIM_SOCKET_CLOSED] = caller_closed,
};
static const rim_behaviour caller = {
    .name = "caller",
    .state_size = sizeof(struct call *),
    .on = caller_rows,
    .on_count = RIM_COUNT(caller_rows),
    .init = caller_init,
};

/* Where localhost is ::1 as well, that is refused first: the listener is on 127.0.0.1 alone. */
void socket_connects_by_name(struct scenario *s) {
    static struct call call;
    call = (struct call){.host = "localhost", .timeout_ns = RIM_SECONDS(10), .may_open = true};
    socket_world_run(s, &caller, &call);
    CHECK(call.opened && call.closed);
}

/* An address that does not answer costs 250 ms, and not the time-out. Only the simulation has such a name. */
void socket_connect_goes_on_where_an_address_is_silent(struct scenario *s) {
    static struct call call;
    call = (struct call){.host = scenario_is_sim(s) ? "192-0-2-1.192-0-2-2.127-0-0-1.sim" : "localhost",
                         .timeout_ns = RIM_SECONDS(10),
                         .may_open = true};
    socket_world_run(s, &caller, &call);
    CHECK(call.opened && call.closed);
    CHECK(!scenario_is_sim(s) || call.opened_ns - call.began_ns >= RIM_MS(500));
    CHECK(!scenario_is_sim(s) || call.opened_ns - call.began_ns < RIM_MS(700));
}

/* ".invalid" is kept free for this (RFC 6761). Without any name server the answer may be another one. */
void socket_connect_tells_of_a_name_that_nobody_has(struct scenario *s) {
    static struct call call;
    call = (struct call){.host = "nobody-has-this.invalid",
                         .port = 9,
                         .timeout_ns = RIM_SECONDS(15),
                         .error = -RIM_ENOBODY,
                         .text = "connect to nobody-has-this.invalid:9: "};
    if (scenario_is_sim(s)) {
        socket_world_run(s, &caller, &call);
        CHECK(call.closed);
    }
}

/* A port that nobody listens on. */
static uint16_t find_free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(fd, (struct sockaddr *)&address, size) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

void socket_connect_by_name_is_refused_by_all(struct scenario *s) {
    static struct call call;
    call = (struct call){.host = "localhost",
                         .port = scenario_is_sim(s) ? 9 : find_free_port(),
                         .timeout_ns = RIM_SECONDS(10),
                         .error = -ECONNREFUSED,
                         .text = "connect to localhost:"};
    socket_world_run(s, &caller, &call);
    CHECK(call.closed);
}

void socket_connect_by_name_times_out(struct scenario *s) {
    static struct call call;
    call = (struct call){.host = "192-0-2-1.192-0-2-2.192-0-2-3.sim",
                         .port = 9,
                         .timeout_ns = RIM_MS(600),
                         .error = -ETIMEDOUT,
                         .text = "connect to 192-0-2-1."};
    if (scenario_is_sim(s)) {
        socket_world_run(s, &caller, &call);
        CHECK(call.closed);
    }
}

/* At once, while the name is looked up; and by an owner that ends. */
void socket_connect_by_name_may_be_given_up(struct scenario *s) {
    static struct call call;
    call = (struct call){.host = "localhost", .timeout_ns = RIM_SECONDS(10), .after = "close"};
    socket_world_run(s, &caller, &call);
    CHECK(call.closed && !call.opened);
    call = (struct call){.host = "localhost", .timeout_ns = RIM_SECONDS(10), .after = "abort"};
    socket_world_run(s, &caller, &call);
    CHECK(call.closed && !call.opened);
    call = (struct call){.host = "localhost", .timeout_ns = RIM_SECONDS(10), .after = "end"};
    socket_world_run(s, &caller, &call);
    CHECK(!call.closed && !call.opened);
}

/* While one, two, or three addresses are tried, or when it is connected already. */
void socket_connect_by_name_may_be_given_up_at_any_time(struct scenario *s) {
    static struct call call;
    for (uint32_t i = 0; i < 10; i++) {
        call = (struct call){.host = scenario_is_sim(s) ? "192-0-2-1.192-0-2-2.192-0-2-3.127-0-0-1.sim" : "localhost",
                             .timeout_ns = RIM_SECONDS(10),
                             .after = "later",
                             .may_open = true};
        socket_world_run(s, &caller, &call);
        CHECK(call.closed);
    }
}

/* More than makes the socket hold its mailbox. */
void socket_connect_by_name_waits_for_a_lot_that_was_written(struct scenario *s) {
    static struct call call;
    call = (struct call){.host = "localhost", .timeout_ns = RIM_SECONDS(10), .after = "write", .may_open = true};
    socket_world_run(s, &caller, &call);
    CHECK(call.opened && call.closed && call.echoed == LOT / 60000 * 60000);
}

/* ---- out of memory, again and again: each connect ends, with some error ---- */

#define TRIES 36u

struct pauper {
    uint32_t tries, refused, closed;
};

static rim_verdict try_again(rim_ctx *ctx, struct pauper *pauper) {
    static const char *const hosts[] = {"192-0-2-1.127-0-0-1.sim", "localhost", "127.0.0.1"};
    rim_sim_options faults = {.no_memory = 150};
    while (pauper->tries < TRIES) {
        rim_connect_options options = {.host = hosts[pauper->tries++ % 3],
                                       .port = 9,
                                       .timeout_ns = RIM_SECONDS(1),
                                       .socket.idle_ns = 1};
        rim_sim_set_faults(rim_system_of(ctx), &faults);
        int result = rim_connect(ctx, &options, NULL);
        if (result == 0) {
            return RIM_DONE;
        }
        CHECK(result == -ENOMEM);
        pauper->refused++;
    }
    rim_sim_set_faults(rim_system_of(ctx), NULL);
    scenario_done(ctx);
    return RIM_DONE;
}

static rim_verdict pauper_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)arg;
    (void)size;
    return try_again(ctx, self);
}

static rim_verdict pauper_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const rim_closed_event *event = body;
    struct pauper *pauper = self;
    (void)msg;
    CHECK(event->error == -ENOMEM || event->error == -ECONNREFUSED || event->error == -ETIMEDOUT);
    pauper->closed++;
    return try_again(ctx, pauper);
}

static const rim_handler pauper_rows[] = {[RIM_SOCKET_CLOSED] = pauper_closed};
static const rim_behaviour pauper = {
    .name = "pauper",
    .state_size = sizeof(struct pauper),
    .on = pauper_rows,
    .on_count = RIM_COUNT(pauper_rows),
    .init = pauper_init,
};

void socket_connects_end_also_without_memory(struct scenario *s) {
    if (scenario_is_sim(s)) {
        socket_world_run(s, &pauper, s);
    }
}
