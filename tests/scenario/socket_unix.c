/* SPDX-License-Identifier: MIT */
/* Unix stream sockets: by a file and by an abstract name, who the peer is, files left behind, and what goes wrong. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "socket_world.h"

#define CHECK(expression) SCENARIO_CHECK(scenario_current(), expression)

struct visit {
    char host[64];
    uint32_t mode;
    rim_ref listener;
    size_t echoed;
    bool is_over;
};

/* The process's number keeps tests apart that run at once. */
static void name_file(char host[64], const char *what) {
    snprintf(host, 64, "unix:/tmp/ringmail-%d-%s", (int)getpid(), what);
}

static struct visit *visit_of(void *self) {
    return *(struct visit **)self;
}

static rim_verdict visitor_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct visit *visit = socket_world_of(arg);
    (void)size;
    *(struct visit **)self = visit;
    rim_listen_options options = {.host = visit->host, .owner = &socket_world_echo, .mode = visit->mode};
    CHECK(rim_listen(ctx, &options, &visit->listener) == 0);
    return RIM_DONE;
}

static rim_verdict visitor_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const struct visit *visit = visit_of(self);
    const rim_listening_event *event = body;
    char text[RIM_ADDRESS_TEXT_MAX];
    struct stat stat;
    (void)msg;
    CHECK(event->address.family == RIM_FAMILY_UNIX);
    CHECK(strcmp(rim_address_format(&event->address, text), visit->host) == 0);
    if (visit->mode != 0 && !scenario_is_sim(scenario_current())) {
        CHECK(lstat(visit->host + 5, &stat) == 0 && S_ISSOCK(stat.st_mode) && (stat.st_mode & 07777) == visit->mode);
    }
    rim_connect_options options = {.host = visit->host, .timeout_ns = RIM_SECONDS(5)};
    CHECK(rim_connect(ctx, &options, NULL) == 0);
    return RIM_DONE;
}

static rim_verdict visitor_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const rim_open_event *event = body;
    rim_credentials peer = {0};
    (void)msg;
    CHECK(event->peer.family == RIM_FAMILY_UNIX && strcmp(event->peer.path, visit_of(self)->host + 5) == 0);
    CHECK(event->local.family == RIM_FAMILY_UNIX && event->local.path[0] == '\0');
    CHECK(rim_socket_credentials(ctx, event->socket, &peer) == 0);
    CHECK(peer.pid == getpid() && peer.uid == getuid() && peer.gid == getgid());
    rim_socket_options options = {.delay = true, .keepalive_s = 0, .idle_ns = RIM_SECONDS(10)};
    CHECK(rim_socket_set(ctx, event->socket, &options) == 0);
    CHECK(rim_socket_write(ctx, event->socket, "hello", 5) == 0);
    return RIM_DONE;
}

static rim_verdict visitor_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct visit *visit = visit_of(self);
    CHECK(visit->echoed + rim_size(msg) <= 5 && memcmp(body, &"hello"[visit->echoed], rim_size(msg)) == 0);
    visit->echoed += rim_size(msg);
    if (visit->echoed == 5) {
        CHECK(rim_socket_shutdown(ctx, rim_from(msg)) == 0); /* the echo ends as well */
    }
    return RIM_DONE;
}

static rim_verdict visitor_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const rim_closed_event *event = body;
    struct visit *visit = visit_of(self);
    (void)msg;
    CHECK(event->error == 0 && event->received == 5 && event->sent == 5);
    CHECK(strstr(event->text, visit->host) != NULL);
    CHECK(rim_stop(ctx, visit->listener) == 0);
    visit->is_over = true;
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_handler visitor_rows[] = {
    [RIM_LISTENING] = visitor_listening,
    [RIM_SOCKET_OPEN] = visitor_open,
    [RIM_SOCKET_DATA] = visitor_data,
    [RIM_SOCKET_CLOSED] = visitor_closed,
};
static const rim_behaviour visitor = {
    .name = "visitor",
    .state_size = sizeof(struct visit *),
    .on = visitor_rows,
    .on_count = RIM_COUNT(visitor_rows),
    .init = visitor_init,
};

static void pay_visit(struct scenario *s, struct visit *visit) {
    socket_world_run(s, &visitor, visit);
    SCENARIO_CHECK(s, visit->is_over && visit->echoed == 5);
    SCENARIO_CHECK(s, scenario_stop(s, RIM_SECONDS(5), NULL) == 0);
    if (visit->host[5] == '/') {
        SCENARIO_CHECK(s, access(visit->host + 5, F_OK) != 0); /* the file has gone with the listener */
    }
}

void socket_unix_file_lives_as_long_as_its_listener(struct scenario *s) {
    static struct visit visit;
    visit = (struct visit){.mode = 0600};
    name_file(visit.host, "file");
    pay_visit(s, &visit);
}

void socket_unix_abstract_name_needs_no_file(struct scenario *s) {
    static struct visit visit;
    visit = (struct visit){.mode = 0};
    snprintf(visit.host, sizeof visit.host, "unix:@ringmail-%d", (int)getpid());
    pay_visit(s, &visit);
}

static void leave_behind(const char *path) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name) == 0 && listen(fd, 1) == 0);
    close(fd);
    CHECK(access(path, F_OK) == 0);
}

void socket_unix_file_left_behind_is_taken_over(struct scenario *s) {
    static struct visit visit;
    visit = (struct visit){.mode = 0};
    name_file(visit.host, "stale");
    if (!scenario_is_sim(s)) {
        leave_behind(visit.host + 5);
    }
    pay_visit(s, &visit);
}

/* ---- mistakes ---- */

static int try_listen(rim_ctx *ctx, const char *host, enum rim_distribute distribute) {
    rim_listen_options options = {.host = host, .owner = &socket_world_echo, .distribute = distribute};
    return rim_listen(ctx, &options, NULL);
}

static void check_names(rim_ctx *ctx) {
    char host[200] = "unix:/";
    memset(host + 6, 'x', 150);
    CHECK(try_listen(ctx, host, RIM_DISTRIBUTE_FD_HASH) == -ENAMETOOLONG);
    CHECK(strstr(rim_error_text(ctx), "107") != NULL);
    CHECK(try_listen(ctx, "unix:", RIM_DISTRIBUTE_FD_HASH) == -EINVAL);
    CHECK(try_listen(ctx, "unix:@", RIM_DISTRIBUTE_FD_HASH) == -EINVAL);
    CHECK(try_listen(ctx, "unix:@x", RIM_DISTRIBUTE_REUSEPORT) == -EINVAL);
    CHECK(strstr(rim_error_text(ctx), "REUSEPORT") != NULL);
    rim_connect_options options = {.host = host, .timeout_ns = 1};
    CHECK(rim_connect(ctx, &options, NULL) == -ENAMETOOLONG);
    options.host = "unix:";
    CHECK(rim_connect(ctx, &options, NULL) == -EINVAL);
}

/* A file that is no socket stays what it is. The simulated world has no files. */
static void check_files(rim_ctx *ctx) {
    char host[64];
    name_file(host, "plain");
    FILE *file = fopen(host + 5, "we");
    CHECK(file != NULL && fclose(file) == 0);
    CHECK(try_listen(ctx, host, RIM_DISTRIBUTE_FD_HASH) == -EADDRINUSE);
    CHECK(strstr(rim_error_text(ctx), host) != NULL);
    CHECK(unlink(host + 5) == 0);
    CHECK(try_listen(ctx, "unix:/nonexistent/ringmail", RIM_DISTRIBUTE_FD_HASH) == -ENOENT);
    if (getuid() != 0) {
        CHECK(try_listen(ctx, "unix:/ringmail-test", RIM_DISTRIBUTE_FD_HASH) == -EACCES);
    }
}

static rim_verdict clumsy_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct visit *visit = socket_world_of(arg);
    (void)size;
    *(struct visit **)self = visit;
    check_names(ctx);
    if (!scenario_is_sim(scenario_current())) {
        check_files(ctx);
    }
    CHECK(try_listen(ctx, visit->host, RIM_DISTRIBUTE_FD_HASH) == 0);
    return RIM_DONE;
}

/* Twice the same name; then one that nobody has. */
static rim_verdict clumsy_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct visit *visit = visit_of(self);
    (void)body;
    (void)msg;
    CHECK(try_listen(ctx, visit->host, RIM_DISTRIBUTE_FD_HASH) == -EADDRINUSE);
    name_file(visit->host, "nobody");
    rim_connect_options options = {.host = visit->host, .timeout_ns = RIM_SECONDS(5)};
    CHECK(rim_connect(ctx, &options, NULL) == 0);
    return RIM_DONE;
}

static rim_verdict clumsy_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct visit *visit = visit_of(self);
    const rim_closed_event *event = body;
    (void)msg;
    CHECK(strstr(event->text, visit->host) != NULL);
    CHECK(event->error == (visit->is_over ? -ECONNREFUSED : -ENOENT));
    if (visit->is_over) {
        scenario_done(ctx);
        return RIM_DONE;
    }
    visit->is_over = true;
    snprintf(visit->host, sizeof visit->host, "unix:@ringmail-nobody-%d", (int)getpid());
    rim_connect_options options = {.host = visit->host, .timeout_ns = RIM_SECONDS(5)};
    CHECK(rim_connect(ctx, &options, NULL) == 0);
    return RIM_DONE;
}

static const rim_handler clumsy_rows[] = {[RIM_LISTENING] = clumsy_listening, [RIM_SOCKET_CLOSED] = clumsy_closed};
static const rim_behaviour clumsy = {
    .name = "clumsy",
    .state_size = sizeof(struct visit *),
    .on = clumsy_rows,
    .on_count = RIM_COUNT(clumsy_rows),
    .init = clumsy_init,
};

void socket_unix_mistakes_are_told(struct scenario *s) {
    static struct visit visit;
    visit = (struct visit){.mode = 0};
    name_file(visit.host, "twice");
    socket_world_run(s, &clumsy, &visit);
    SCENARIO_CHECK(s, visit.is_over);
}

/* ---- a TCP connection has no credentials ---- */

static rim_verdict stranger_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    (void)arg;
    (void)size;
    rim_credentials peer;
    rim_ref socket = socket_world_connect(ctx, scenario_current(), "127.0.0.1", 1);
    CHECK(rim_socket_credentials(ctx, socket, &peer) == -EOPNOTSUPP);
    CHECK(rim_socket_credentials(ctx, RIM_NIL, &peer) == -RIM_EBADREF);
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_behaviour stranger = {.name = "stranger", .init = stranger_init};

void socket_credentials_are_of_unix_sockets_alone(struct scenario *s) {
    socket_world_run(s, &stranger, s);
}
