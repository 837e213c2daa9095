/* SPDX-License-Identifier: MIT */
/* Connecting and listening: where it does not come about, and over which addresses it does. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket_world.h"

/* ---- nobody there ---- */

struct attempt {
    struct scenario *s;
    const char *host;
    uint16_t port;
    uint64_t timeout_ns;
    int error;
    const char *text; /* how the closed event begins */
};

static rim_verdict caller_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    struct attempt *attempt = socket_world_of(arg);
    *(struct attempt **)self = attempt;
    rim_connect_options options = {.host = attempt->host, .port = attempt->port, .timeout_ns = attempt->timeout_ns};
    rim_ref socket;
    SCENARIO_CHECK(attempt->s, rim_connect(ctx, &options, &socket) == 0);
    SCENARIO_CHECK(attempt->s, rim_socket_write(ctx, socket, "never", 5) == 0);
    return RIM_DONE;
}

static rim_verdict caller_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)body;
    (void)msg;
    SCENARIO_CHECK((*(struct attempt **)self)->s, !"it connects");
    return RIM_DONE;
}

static rim_verdict caller_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    const struct attempt *attempt = *(struct attempt **)self;
    const rim_closed_event *event = body;
    SCENARIO_CHECK(attempt->s, event->error == attempt->error);
    SCENARIO_CHECK(attempt->s, strncmp(event->text, attempt->text, strlen(attempt->text)) == 0);
    SCENARIO_CHECK(attempt->s, event->unwritten == 5);
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_handler caller_rows[] = {[RIM_SOCKET_OPEN] = caller_open, [RIM_SOCKET_CLOSED] = caller_closed};

static const rim_behaviour caller = {
    .name = "caller",
    .state_size = sizeof(struct attempt *),
    .on = caller_rows,
    .on_count = RIM_COUNT(caller_rows),
    .init = caller_init,
};

void socket_connect_is_refused(struct scenario *s) {
    static struct attempt attempt;
    attempt = (struct attempt){
        .s = s,
        .host = "127.0.0.1",
        .port = 1,
        .timeout_ns = RIM_SECONDS(5),
        .error = -ECONNREFUSED,
        .text = "connect to 127.0.0.1:1: connection refused",
    };
    socket_world_run(s, &caller, &attempt);
}

/* A listener of the test's own that accepts nothing and whose backlog is full: the kernel drops what comes. */
#define FILLERS 4

static uint16_t open_full_listener(struct scenario *s, int fds[FILLERS + 1]) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    SCENARIO_CHECK(s, bind(fds[0], (struct sockaddr *)&address, size) == 0 && listen(fds[0], 0) == 0);
    SCENARIO_CHECK(s, getsockname(fds[0], (struct sockaddr *)&address, &size) == 0);
    for (int i = 1; i <= FILLERS; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (struct sockaddr *)&address, size);
    }
    return ntohs(address.sin_port);
}

/* In simulation TEST-NET-1 is where nobody answers. */
void socket_connect_times_out(struct scenario *s) {
    static struct attempt attempt;
    attempt = (struct attempt){
        .s = s, .host = "192.0.2.1", .port = 9, .timeout_ns = RIM_MS(100), .error = -ETIMEDOUT, .text = "connect to "};
    if (scenario_is_sim(s)) {
        socket_world_run(s, &caller, &attempt);
        return;
    }
    int fds[FILLERS + 1];
    attempt.host = "127.0.0.1";
    attempt.port = open_full_listener(s, fds);
    socket_world_run(s, &caller, &attempt);
    for (int i = 0; i <= FILLERS; i++) {
        close(fds[i]);
    }
}

/* ---- wrong from the start ---- */

static rim_verdict wrong_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    struct scenario *s = socket_world_of(arg);
    *(struct scenario **)self = s;
    rim_ref ref;
    rim_connect_options connect = {.host = "no name", .port = 1, .timeout_ns = 1};
    SCENARIO_CHECK(s, rim_connect(ctx, &connect, &ref) == -EINVAL);
    SCENARIO_CHECK(s, strstr(rim_error_text(ctx), "no name") != NULL);
    connect = (rim_connect_options){.host = "127.0.0.1", .port = 1};
    SCENARIO_CHECK(s, rim_connect(ctx, &connect, &ref) == -EINVAL);
    rim_listen_options listen = {.host = "127.0.0.1"};
    SCENARIO_CHECK(s, rim_listen(ctx, &listen, &ref) == -EINVAL);
    SCENARIO_CHECK(s, rim_socket_write(ctx, RIM_NIL, "x", 1) == -RIM_EBADREF);
    SCENARIO_CHECK(s, rim_socket_close(ctx, RIM_NIL) == -RIM_EBADREF);
    SCENARIO_CHECK(s, rim_socket_pause(ctx, RIM_NIL, true) == -RIM_EBADREF);
    SCENARIO_CHECK(s, rim_socket_abort(ctx, RIM_NIL) == -RIM_EBADREF);
    socket_world_listen(ctx, s, &socket_world_echo, NULL);
    return RIM_DONE;
}

/* The port is taken now: once more is an error that names the address. */
static rim_verdict wrong_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct scenario *s = *(struct scenario **)self;
    const rim_listening_event *event = body;
    rim_listen_options options = {.host = "127.0.0.1", .port = event->address.port, .owner = &socket_world_echo};
    rim_ref ref;
    SCENARIO_CHECK(s, rim_listen(ctx, &options, &ref) == -EADDRINUSE);
    char text[RIM_ADDRESS_TEXT_MAX];
    rim_address_format(&event->address, text);
    SCENARIO_CHECK(s, strstr(rim_error_text(ctx), text) != NULL);
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_handler wrong_rows[] = {[RIM_LISTENING] = wrong_listening};

static const rim_behaviour wrong = {
    .name = "wrong",
    .state_size = sizeof(struct scenario *),
    .on = wrong_rows,
    .on_count = RIM_COUNT(wrong_rows),
    .init = wrong_init,
};

void socket_address_in_use_and_other_mistakes(struct scenario *s) {
    socket_world_run(s, &wrong, s);
}

/* ---- IPv4, IPv6, and both: one after the other ---- */

struct family {
    const char *listen; /* NULL: every address */
    const char *connect;
    bool may_fail; /* a machine may lack IPv6 */
};

static const struct family families[] = {
    {"127.0.0.1", "127.0.0.1", false},
    {"::1", "::1", true},
    {NULL, "127.0.0.1", false},
    {NULL, "::1", true},
};

struct visitor {
    struct scenario *s;
    uint32_t at;
    rim_ref listener, socket;
};

static rim_verdict next_family(rim_ctx *ctx, struct visitor *visitor) {
    for (; visitor->at < RIM_COUNT(families); visitor->at++) {
        const struct family *family = &families[visitor->at];
        rim_listen_options options = {.host = family->listen, .owner = &socket_world_echo};
        int result = rim_listen(ctx, &options, &visitor->listener);
        if (result == 0) {
            return RIM_DONE;
        }
        SCENARIO_CHECK(visitor->s, family->may_fail);
    }
    scenario_done(ctx);
    return RIM_DONE;
}

static rim_verdict visitor_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    struct visitor *visitor = self;
    visitor->s = socket_world_of(arg);
    return next_family(ctx, visitor);
}

static rim_verdict visitor_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct visitor *visitor = self;
    const rim_listening_event *event = body;
    SCENARIO_CHECK(visitor->s, event->listener == visitor->listener);
    const struct family *family = &families[visitor->at];
    visitor->socket = socket_world_connect(ctx, visitor->s, family->connect, event->address.port);
    return RIM_DONE;
}

static rim_verdict visitor_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct visitor *visitor = self;
    const rim_open_event *event = body;
    bool is_ipv6 = strchr(families[visitor->at].connect, ':') != NULL;
    SCENARIO_CHECK(visitor->s, event->peer.family == (is_ipv6 ? 6 : 4));
    SCENARIO_CHECK(visitor->s, rim_socket_write(ctx, visitor->socket, "hello", 5) == 0);
    return RIM_DONE;
}

static rim_verdict visitor_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct visitor *visitor = self;
    SCENARIO_CHECK(visitor->s, rim_size(msg) <= 5 && ((const char *)body)[rim_size(msg) - 1] != '\0');
    return rim_socket_close(ctx, visitor->socket) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict visitor_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct visitor *visitor = self;
    const rim_closed_event *event = body;
    SCENARIO_CHECK(visitor->s, event->error == 0 || families[visitor->at].may_fail);
    SCENARIO_CHECK(visitor->s, rim_stop(ctx, visitor->listener) == 0);
    visitor->at++;
    return next_family(ctx, visitor);
}

static const rim_handler visitor_rows[] = {
    [RIM_LISTENING] = visitor_listening,
    [RIM_SOCKET_OPEN] = visitor_open,
    [RIM_SOCKET_DATA] = visitor_data,
    [RIM_SOCKET_CLOSED] = visitor_closed,
};

static const rim_behaviour visitor = {
    .name = "visitor",
    .state_size = sizeof(struct visitor),
    .on = visitor_rows,
    .on_count = RIM_COUNT(visitor_rows),
    .init = visitor_init,
};

void socket_ipv4_ipv6_and_both(struct scenario *s) {
    socket_world_run(s, &visitor, s);
}
