/* SPDX-License-Identifier: MIT */
/* The standard streams: pipes, files, terminals, sockets. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tube.h"

#define CHECK(expression) SCENARIO_CHECK(scenario_current(), expression)

static const rim_handler pumper_rows[] = {TUBE_ROWS};

/* ---- standard streams ---- */

/* What is written to the far end of input is read, written to output, and read from its far end. */
struct relay {
    struct tube tube;
    rim_ref input, output;
};

static rim_ref open_far(rim_ctx *ctx, struct tube *tube, int fd) {
    rim_ref far = RIM_NIL;
    if (scenario_is_sim(scenario_current())) {
        CHECK(rim_sim_standard(ctx, fd, &far) == 0);
    } else {
        CHECK(rim_pipe_adopt(ctx, tube->fds[fd], fd == 0 ? RIM_PIPE_WRITE : RIM_PIPE_READ, &far) == 0);
    }
    return far;
}

static rim_verdict relay_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct relay *relay = (struct relay *)tube_take(self, arg);
    struct tube *tube = &relay->tube;
    (void)size;
    CHECK(rim_pipe_standard(ctx, 3, NULL) == -EINVAL);
    CHECK(rim_pipe_standard(ctx, 0, &relay->input) == 0);
    CHECK(rim_pipe_standard(ctx, 1, &relay->output) == 0);
    tube->writer = open_far(ctx, tube, 0);
    tube->reader = open_far(ctx, tube, 1);
    tube->pump = (struct socket_pump){.socket = tube->writer, .total = TUBE_TOTAL};
    tube_pump(ctx, tube);
    return RIM_DONE;
}

static rim_verdict relay_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct relay *relay = (struct relay *)tube_of(self);
    if (rim_from(msg) != relay->input) {
        return tube_data(ctx, self, body, msg);
    }
    int result = rim_socket_write(ctx, relay->output, body, rim_size(msg));
    CHECK(result == 0);
    return RIM_DONE;
}

static rim_verdict relay_end(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct relay *relay = (struct relay *)tube_of(self);
    if (rim_from(msg) != relay->input) {
        return tube_end(ctx, self, body, msg);
    }
    if (!scenario_is_sim(
            scenario_current())) { /* the process has it as well; the number stays taken, or others get it */
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        CHECK(dup2(null, 1) == 1 && close(null) == 0);
    }
    CHECK(rim_socket_close(ctx, relay->output) == 0);
    return RIM_DONE;
}

static rim_verdict relay_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const struct relay *relay = (struct relay *)tube_of(self);
    const rim_closed_event *event = body;
    if (event->socket == relay->input || event->socket == relay->output) {
        CHECK(event->error == 0);
        CHECK(strcmp(event->text,
                     event->socket == relay->input ? "standard input: closed" : "standard output: closed") == 0);
        return RIM_DONE;
    }
    return tube_closed(ctx, self, body, msg);
}

static const rim_handler relay_rows[] = {
    [RIM_SOCKET_DATA] = relay_data,
    [RIM_SOCKET_END] = relay_end,
    [RIM_SOCKET_CLOSED] = relay_closed,
    [RIM_ROOM] = tube_room,
};
static const rim_behaviour relay = {
    .name = "relay",
    .state_size = sizeof(struct tube *),
    .on = relay_rows,
    .on_count = RIM_COUNT(relay_rows),
    .init = relay_init,
};

/* A pipe in the place of 0 or 1; the other end of it. */
static int replace(int fd) {
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0 && dup2(ends[fd], fd) == fd && close(ends[fd]) == 0);
    return ends[!fd];
}

void pipe_of_standard_input_and_output(struct scenario *s) {
    static struct relay world;
    int kept = -1;
    world = (struct relay){.tube.is_over = false};
    if (!scenario_is_sim(s)) {
        fflush(stdout);
        kept = fcntl(1, F_DUPFD_CLOEXEC, 3);
        world.tube.fds[0] = replace(0);
        world.tube.fds[1] = replace(1);
    }
    tube_run(s, &relay, &world.tube);
    if (!scenario_is_sim(s)) {
        SCENARIO_CHECK(s, dup2(kept, 1) == 1 && close(kept) == 0);
    }
    SCENARIO_CHECK(s, world.tube.read == TUBE_TOTAL && world.tube.has_ended);
}

/* ---- terminals and files ---- */

static rim_verdict plain_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct tube *tube = tube_take(self, arg);
    (void)size;
    CHECK(rim_pipe_standard(ctx, 0, &tube->reader) == 0);
    CHECK(rim_pipe_standard(ctx, 1, &tube->writer) == 0);
    CHECK(rim_socket_write(ctx, tube->writer, tube->text, strlen(tube->text)) == 0);
    CHECK(rim_socket_close(ctx, tube->writer) == 0);
    return RIM_DONE;
}

static const rim_behaviour plain = {
    .name = "plain",
    .state_size = sizeof(struct tube *),
    .on = pumper_rows,
    .on_count = RIM_COUNT(pumper_rows),
    .init = plain_init,
};

void pipe_of_standard_streams_that_are_files(struct scenario *s) {
    static struct tube tube;
    char path[] = "/tmp/ringmail-file-XXXXXX";
    if (scenario_is_sim(s)) {
        return; /* they are pipes there */
    }
    fflush(stdout);
    int kept = fcntl(1, F_DUPFD_CLOEXEC, 3), fd = mkstemp(path);
    tube = (struct tube){.text = "behind"};
    SCENARIO_CHECK(s, write(fd, "before ", 7) == 7 && dup2(fd, 1) == 1);
    int input = open(path, O_RDONLY | O_CLOEXEC);
    SCENARIO_CHECK(s, dup2(input, 0) == 0 && close(input) == 0 && unlink(path) == 0);
    tube_run(s, &plain, &tube);
    char content[32] = "";
    SCENARIO_CHECK(s, pread(fd, content, sizeof content, 0) == 13 && memcmp(content, "before behind", 13) == 0);
    SCENARIO_CHECK(s, memcmp(tube.got, "before ", 7) == 0 && tube.has_ended);
    SCENARIO_CHECK(s, dup2(kept, 1) == 1 && close(kept) == 0 && close(fd) == 0);
}

/* ---- none ---- */

static rim_verdict refused_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    static const char *const texts[] = {"standard input: Bad file descriptor", "standard output: Bad file descriptor",
                                        "standard error: Bad file descriptor"};
    struct tube *tube = tube_take(self, arg);
    rim_ref none;
    (void)size;
    CHECK(rim_pipe_make(ctx, &tube->reader, &tube->writer) == 0);
    for (int fd = 0; fd < 3; fd++) {
        CHECK(rim_pipe_standard(ctx, fd, &none) == -EBADF);
        CHECK(strcmp(rim_error_text(ctx), texts[fd]) == 0);
        CHECK(write(fd, "x", 1) == -1 && errno == EBADF && read(fd, &(char){0}, 1) == -1 && errno == EBADF);
    }
    CHECK(rim_socket_close(ctx, tube->reader) == 0 && rim_socket_close(ctx, tube->writer) == 0);
    return RIM_DONE;
}

static const rim_behaviour refused = {
    .name = "refused",
    .state_size = sizeof(struct tube *),
    .on = pumper_rows,
    .on_count = RIM_COUNT(pumper_rows),
    .init = refused_init,
};

/* Nothing of the library's has their numbers, which would be read, and get what is printed. */
void pipe_of_standard_streams_that_are_closed_is_refused(struct scenario *s) {
    static struct tube tube;
    int kept[3];
    if (scenario_is_sim(s)) {
        return; /* they are there */
    }
    fflush(stdout);
    for (int fd = 0; fd < 3; fd++) {
        kept[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        close(fd);
    }
    tube = (struct tube){.text = ""};
    tube_run(s, &refused, &tube);
    for (int fd = 0; fd < 3; fd++) {
        if (kept[fd] >= 0) {
            dup2(kept[fd], fd);
            close(kept[fd]);
        }
    }
}

static rim_verdict typist_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct tube *tube = tube_take(self, arg);
    (void)size;
    CHECK(rim_pipe_standard(ctx, 0, &tube->reader) == 0);
    CHECK(rim_pipe_adopt(ctx, tube->fds[0], RIM_PIPE_WRITE | RIM_PIPE_READ, &tube->writer) == 0);
    CHECK(rim_socket_pause(ctx, tube->writer, true) == 0); /* the echo */
    CHECK(rim_socket_write(ctx, tube->writer, "one\ntwo\n", 8) == 0);
    return RIM_DONE;
}

static rim_verdict typist_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct tube *tube = tube_of(self);
    if (rim_from(msg) == tube->writer) {
        return RIM_DONE;
    }
    (void)tube_data(ctx, self, body, msg);
    if (tube->read == 8) {
        CHECK(rim_socket_close(ctx, tube->reader) == 0);
        CHECK(rim_socket_close(ctx, tube->writer) == 0);
    }
    return RIM_DONE;
}

static const rim_handler typist_rows[] = {[RIM_SOCKET_DATA] = typist_data, [RIM_SOCKET_CLOSED] = tube_closed};
static const rim_behaviour typist = {
    .name = "typist",
    .state_size = sizeof(struct tube *),
    .on = typist_rows,
    .on_count = RIM_COUNT(typist_rows),
    .init = typist_init,
};

void pipe_of_standard_input_that_is_a_terminal(struct scenario *s) {
    static struct tube tube;
    if (scenario_is_sim(s)) {
        return; /* it is a pipe there */
    }
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    SCENARIO_CHECK(s, master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    SCENARIO_CHECK(s, slave >= 0 && dup2(slave, 0) == 0 && close(slave) == 0);
    tube = (struct tube){.text = "", .fds = {master}};
    tube_run(s, &typist, &tube);
    SCENARIO_CHECK(s, strcmp(tube.got, "one\ntwo\n") == 0);
}

/* ---- a socket, whose flags are not ours ---- */

static rim_verdict guest_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct tube *tube = tube_take(self, arg);
    (void)size;
    CHECK(rim_pipe_standard(ctx, 0, &tube->reader) == 0);
    CHECK(rim_pipe_adopt(ctx, tube->fds[0], RIM_PIPE_WRITE, &tube->writer) == 0);
    tube->pump = (struct socket_pump){.socket = tube->writer, .total = TUBE_TOTAL};
    tube_pump(ctx, tube);
    return RIM_DONE;
}

static const rim_behaviour guest = {
    .name = "guest",
    .state_size = sizeof(struct tube *),
    .on = pumper_rows,
    .on_count = RIM_COUNT(pumper_rows),
    .init = guest_init,
};

/* Whatever the flag is, it works, and the flag is the same afterwards: others may have the socket, too. */
static void read_from_socket(struct scenario *s, int flag) {
    static struct tube tube;
    int ends[2];
    if (scenario_is_sim(s)) {
        return; /* it is a pipe there */
    }
    SCENARIO_CHECK(s, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    SCENARIO_CHECK(s, fcntl(ends[0], F_SETFL, flag) == 0 && dup2(ends[0], 0) == 0 && close(ends[0]) == 0);
    tube = (struct tube){.fds = {ends[1]}};
    tube_run(s, &guest, &tube);
    SCENARIO_CHECK(s, tube.read == TUBE_TOTAL && tube.has_ended);
    SCENARIO_CHECK(s, (fcntl(0, F_GETFL) & O_NONBLOCK) == flag);
}

void pipe_of_standard_input_that_is_a_socket(struct scenario *s) {
    read_from_socket(s, 0);
}

void pipe_of_standard_input_that_is_a_socket_which_does_not_wait(struct scenario *s) {
    read_from_socket(s, O_NONBLOCK);
}
