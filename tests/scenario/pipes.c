/* SPDX-License-Identifier: MIT */
/* Pipes, FIFOs and the standard streams. One actor has both ends, so that it can judge. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "socket_world.h"

#define CHECK(expression) SCENARIO_CHECK(scenario_current(), expression)
#define TOTAL             700000u

struct tube {
    rim_ref reader, writer;
    struct socket_pump pump;
    uint64_t read;
    const char *text; /* is written instead of the pump's bytes */
    char got[256];
    bool has_ended, reader_closed, writer_closed, is_over;
    bool starts_paused;
    int32_t error; /* that the writer is to end with */
    int fds[2];    /* the far ends of standard input and output; a real process's */
};

static struct tube *tube_of(void *self) {
    return *(struct tube **)self;
}

static struct tube *take_tube(void *self, const void *arg) {
    struct tube *tube = socket_world_of(arg);
    *(struct tube **)self = tube;
    return tube;
}

static rim_verdict check_over(rim_ctx *ctx, struct tube *tube) {
    if (!tube->reader_closed || !tube->writer_closed) {
        return RIM_DONE;
    }
    tube->is_over = true;
    scenario_done(ctx);
    return RIM_STOP;
}

/* ---- what all do with the events ---- */

static void pump_on(rim_ctx *ctx, struct tube *tube) {
    if (!tube->writer_closed && socket_pump_run(ctx, &tube->pump)) {
        CHECK(rim_socket_close(ctx, tube->writer) == 0);
    }
}

static rim_verdict tube_room(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct tube *tube = tube_of(self);
    (void)body;
    (void)msg;
    pump_on(ctx, tube);
    return RIM_DONE;
}

static rim_verdict tube_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct tube *tube = tube_of(self);
    size_t size = rim_size(msg);
    (void)ctx;
    CHECK(rim_from(msg) == tube->reader && !tube->has_ended && size > 0);
    if (tube->text == NULL) {
        CHECK(socket_world_is(body, size, tube->read));
    } else if (tube->read + size < sizeof tube->got) {
        memcpy(tube->got + tube->read, body, size);
    }
    tube->read += size;
    return RIM_DONE;
}

static rim_verdict tube_end(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct tube *tube = tube_of(self);
    (void)ctx;
    (void)body;
    CHECK(rim_from(msg) == tube->reader && !tube->has_ended);
    tube->has_ended = true;
    return RIM_DONE;
}

static rim_verdict tube_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct tube *tube = tube_of(self);
    const rim_closed_event *event = body;
    (void)msg;
    if (event->socket == tube->reader) {
        CHECK(!tube->reader_closed && event->error == 0 && event->received == tube->read);
        tube->reader_closed = true;
    } else {
        CHECK(event->socket == tube->writer && !tube->writer_closed && event->error == tube->error);
        tube->writer_closed = true;
    }
    return check_over(ctx, tube);
}

#define TUBE_ROWS                                                                                                      \
    [RIM_SOCKET_DATA] = tube_data, [RIM_SOCKET_END] = tube_end, [RIM_SOCKET_CLOSED] = tube_closed,                     \
    [RIM_ROOM] = tube_room

static void run(struct scenario *s, const rim_behaviour *boss, struct tube *tube) {
    socket_world_run(s, boss, tube);
    SCENARIO_CHECK(s, tube->is_over);
}

/* ---- a pipe ---- */

static rim_verdict pumper_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct tube *tube = take_tube(self, arg);
    (void)size;
    CHECK(rim_pipe_make(ctx, &tube->reader, &tube->writer) == 0);
    if (tube->starts_paused) {
        CHECK(rim_socket_pause(ctx, tube->reader, true) == 0);
    }
    tube->pump = (struct socket_pump){.socket = tube->writer, .total = tube->starts_paused ? 4 * TOTAL : TOTAL};
    pump_on(ctx, tube);
    if (tube->starts_paused) { /* the writer is full: now somebody reads */
        CHECK(tube->pump.refusals == 1);
        CHECK(rim_socket_pause(ctx, tube->reader, false) == 0);
    }
    return RIM_DONE;
}

static const rim_handler pumper_rows[] = {TUBE_ROWS};
static const rim_behaviour pumper = {
    .name = "pumper",
    .state_size = sizeof(struct tube *),
    .on = pumper_rows,
    .on_count = RIM_COUNT(pumper_rows),
    .init = pumper_init,
};

void pipe_carries_bytes_in_order_to_the_end(struct scenario *s) {
    static struct tube tube;
    tube = (struct tube){.is_over = false};
    run(s, &pumper, &tube);
    SCENARIO_CHECK(s, tube.read == TOTAL && tube.has_ended);
}

void pipe_that_nobody_reads_holds_its_writer_back(struct scenario *s) {
    static struct tube tube;
    tube = (struct tube){.starts_paused = true};
    run(s, &pumper, &tube);
    SCENARIO_CHECK(s, tube.read == 4 * TOTAL && tube.pump.refusals > 0);
}

/* ---- the reader goes first ---- */

static rim_verdict breaker_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct tube *tube = take_tube(self, arg);
    (void)size;
    CHECK(rim_pipe_make(ctx, &tube->reader, &tube->writer) == 0);
    CHECK(rim_socket_close(ctx, tube->reader) == 0);
    return RIM_DONE;
}

static rim_verdict breaker_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct tube *tube = tube_of(self);
    const rim_closed_event *event = body;
    if (event->socket == tube->reader) {
        CHECK(strcmp(event->text, "pipe: closed") == 0);
        CHECK(rim_socket_write(ctx, tube->writer, "x", 1) == 0);
        CHECK(rim_socket_flush(ctx, tube->writer, 0) == 0);
        return tube_closed(ctx, self, body, msg);
    }
    return tube_closed(ctx, self, body, msg);
}

/* In simulation a byte may leave before the news of the end has come: one more, until it breaks. */
static rim_verdict breaker_sent(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct tube *tube = tube_of(self);
    (void)body;
    (void)msg;
    CHECK(scenario_is_sim(scenario_current()));
    (void)rim_socket_write(ctx, tube->writer, "x", 1);
    (void)rim_socket_flush(ctx, tube->writer, 0);
    return RIM_DONE;
}

static const rim_handler breaker_rows[] = {
    [RIM_SOCKET_CLOSED] = breaker_closed,
    [RIM_SOCKET_SENT] = breaker_sent,
};
static const rim_behaviour breaker = {
    .name = "breaker",
    .state_size = sizeof(struct tube *),
    .on = breaker_rows,
    .on_count = RIM_COUNT(breaker_rows),
    .init = breaker_init,
};

void pipe_without_a_reader_breaks_with_a_write(struct scenario *s) {
    static struct tube tube;
    tube = (struct tube){.error = -EPIPE};
    run(s, &breaker, &tube);
}

/* ---- one way only ---- */

static rim_verdict wrong_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct tube *tube = take_tube(self, arg);
    rim_socket_state state = {0};
    (void)size;
    CHECK(rim_pipe_make(ctx, &tube->reader, &tube->writer) == 0);
    CHECK(rim_socket_write(ctx, tube->reader, "lost", 4) == 0);
    CHECK(rim_socket_ask(ctx, tube->writer, &state) == 0 && state.is_open);
    rim_credentials who;
    CHECK(rim_socket_credentials(ctx, tube->writer, &who) == -EOPNOTSUPP);
    rim_socket_options options = {.read_ns = RIM_SECONDS(60), .keepalive_s = 5};
    CHECK(rim_socket_set(ctx, tube->reader, &options) == 0);
    CHECK(rim_socket_write(ctx, tube->writer, tube->text, strlen(tube->text)) == 0);
    CHECK(rim_socket_shutdown(ctx, tube->writer) == 0); /* which closes it, for there is no other way */
    return RIM_DONE;
}

static rim_verdict wrong_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const struct tube *tube = tube_of(self);
    const rim_closed_event *event = body;
    CHECK(event->unwritten == (event->socket == tube->reader ? 4u : 0u));
    return tube_closed(ctx, self, body, msg);
}

static const rim_handler wrong_rows[] = {
    [RIM_SOCKET_DATA] = tube_data,
    [RIM_SOCKET_END] = tube_end,
    [RIM_SOCKET_CLOSED] = wrong_closed,
};
static const rim_behaviour wrong = {
    .name = "wrong way",
    .state_size = sizeof(struct tube *),
    .on = wrong_rows,
    .on_count = RIM_COUNT(wrong_rows),
    .init = wrong_init,
};

void pipe_has_one_way_only(struct scenario *s) {
    static struct tube tube;
    tube = (struct tube){.text = "right"};
    run(s, &wrong, &tube);
    SCENARIO_CHECK(s, strcmp(tube.got, "right") == 0 && tube.has_ended);
}

/* ---- FIFOs ---- */

static char fifo_path[64];

static rim_verdict fifo_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct tube *tube = take_tube(self, arg);
    (void)size;
    if (!scenario_is_sim(scenario_current())) {
        snprintf(fifo_path, sizeof fifo_path, "/tmp/ringmail-%d-fifo", (int)getpid());
        CHECK(mkfifo(fifo_path, 0600) == 0);
        CHECK(rim_pipe_open(ctx, "/tmp/ringmail-no-such-fifo", RIM_PIPE_READ, NULL) == -ENOENT);
        CHECK(strstr(rim_error_text(ctx), "pipe /tmp/ringmail-no-such-fifo: ") != NULL);
        CHECK(rim_pipe_open(ctx, "/tmp", RIM_PIPE_READ, NULL) == -EISDIR);
        CHECK(rim_pipe_open(ctx, "/etc/passwd", RIM_PIPE_READ, NULL) == -EINVAL);
    }
    CHECK(rim_pipe_open(ctx, fifo_path, RIM_PIPE_WRITE, NULL) == -ENXIO);
    CHECK(rim_pipe_open(ctx, fifo_path, RIM_PIPE_READ, &tube->reader) == 0);
    CHECK(rim_pipe_open(ctx, fifo_path, RIM_PIPE_WRITE, &tube->writer) == 0);
    tube->pump = (struct socket_pump){.socket = tube->writer, .total = TOTAL};
    pump_on(ctx, tube);
    return RIM_DONE;
}

static const rim_behaviour fifo = {
    .name = "fifo",
    .state_size = sizeof(struct tube *),
    .on = pumper_rows,
    .on_count = RIM_COUNT(pumper_rows),
    .init = fifo_init,
};

void pipe_by_its_path_is_a_fifo(struct scenario *s) {
    static struct tube tube;
    tube = (struct tube){.is_over = false};
    snprintf(fifo_path, sizeof fifo_path, "/simulated/fifo");
    run(s, &fifo, &tube);
    SCENARIO_CHECK(s, tube.read == TOTAL && tube.has_ended);
    if (!scenario_is_sim(s)) {
        SCENARIO_CHECK(s, unlink(fifo_path) == 0);
    }
}

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
    struct relay *relay = (struct relay *)take_tube(self, arg);
    struct tube *tube = &relay->tube;
    (void)size;
    CHECK(rim_pipe_standard(ctx, 3, NULL) == -EINVAL);
    CHECK(rim_pipe_standard(ctx, 0, &relay->input) == 0);
    CHECK(rim_pipe_standard(ctx, 1, &relay->output) == 0);
    tube->writer = open_far(ctx, tube, 0);
    tube->reader = open_far(ctx, tube, 1);
    tube->pump = (struct socket_pump){.socket = tube->writer, .total = TOTAL};
    pump_on(ctx, tube);
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
    if (!scenario_is_sim(scenario_current())) {
        CHECK(close(1) == 0); /* the process has it as well */
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
    run(s, &relay, &world.tube);
    if (!scenario_is_sim(s)) {
        SCENARIO_CHECK(s, dup2(kept, 1) == 1 && close(kept) == 0);
    }
    SCENARIO_CHECK(s, world.tube.read == TOTAL && world.tube.has_ended);
}

/* ---- terminals and files ---- */

static rim_verdict plain_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct tube *tube = take_tube(self, arg);
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
    run(s, &plain, &tube);
    char content[32] = "";
    SCENARIO_CHECK(s, pread(fd, content, sizeof content, 0) == 13 && memcmp(content, "before behind", 13) == 0);
    SCENARIO_CHECK(s, memcmp(tube.got, "before ", 7) == 0 && tube.has_ended);
    SCENARIO_CHECK(s, dup2(kept, 1) == 1 && close(kept) == 0 && close(fd) == 0);
}

static rim_verdict typist_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct tube *tube = take_tube(self, arg);
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
    run(s, &typist, &tube);
    SCENARIO_CHECK(s, strcmp(tube.got, "one\ntwo\n") == 0);
}

/* ---- mistakes ---- */

static rim_verdict clumsy_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct tube *tube = take_tube(self, arg);
    (void)size;
    CHECK(rim_pipe_open(ctx, NULL, RIM_PIPE_READ, NULL) == -EINVAL);
    CHECK(rim_pipe_open(ctx, "/x", 0, NULL) == -EINVAL);
    CHECK(rim_pipe_adopt(ctx, -1, RIM_PIPE_READ, NULL) == -EBADF);
    CHECK(rim_pipe_adopt(ctx, 0, 4, NULL) == -EINVAL);
    if (!scenario_is_sim(scenario_current())) {
        int ends[2];
        struct rlimit limit;
        CHECK(pipe2(ends, O_CLOEXEC) == 0);
        CHECK(rim_pipe_adopt(ctx, ends[0], RIM_PIPE_WRITE, NULL) == -EBADF && close(ends[0]) == 0);
        CHECK(rim_pipe_adopt(ctx, ends[0], RIM_PIPE_READ, NULL) == -EBADF && close(ends[1]) == 0);
        CHECK(close(0) == 0 && rim_pipe_standard(ctx, 0, NULL) == -EBADF);
        CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
        struct rlimit low = {.rlim_cur = 1, .rlim_max = limit.rlim_max};
        CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) == 0 && setrlimit(RLIMIT_NOFILE, &low) == 0);
        CHECK(rim_pipe_make(ctx, &tube->reader, &tube->writer) == -EMFILE);
        CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    } else {
        CHECK(rim_pipe_adopt(ctx, 5, RIM_PIPE_READ, NULL) == -EOPNOTSUPP);
    }
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_behaviour clumsy = {.name = "clumsy", .state_size = sizeof(struct tube *), .init = clumsy_init};

void pipe_mistakes_are_told(struct scenario *s) {
    static struct tube tube;
    socket_world_run(s, &clumsy, &tube);
}
