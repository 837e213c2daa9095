/* SPDX-License-Identifier: MIT */
/* Pipes and FIFOs. */
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

/* ---- a pipe ---- */

static rim_verdict pumper_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct tube *tube = tube_take(self, arg);
    (void)size;
    CHECK(rim_pipe_make(ctx, &tube->reader, &tube->writer) == 0);
    if (tube->starts_paused) {
        CHECK(rim_socket_pause(ctx, tube->reader, true) == 0);
    }
    tube->pump =
        (struct socket_pump){.socket = tube->writer, .total = tube->starts_paused ? 4 * TUBE_TOTAL : TUBE_TOTAL};
    tube_pump(ctx, tube);
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
    tube_run(s, &pumper, &tube);
    SCENARIO_CHECK(s, tube.read == TUBE_TOTAL && tube.has_ended);
}

void pipe_that_nobody_reads_holds_its_writer_back(struct scenario *s) {
    static struct tube tube;
    tube = (struct tube){.starts_paused = true};
    tube_run(s, &pumper, &tube);
    SCENARIO_CHECK(s, tube.read == 4 * TUBE_TOTAL && tube.pump.refusals > 0);
}

/* ---- interrupted ---- */

static rim_verdict interrupted_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    if (scenario_is_sim(scenario_current())) {
        rim_sim_set_faults(rim_system_of(ctx), &(rim_sim_options){.interrupted = 500});
    }
    return pumper_init(ctx, self, arg, size);
}

static const rim_behaviour interrupted = {
    .name = "interrupted",
    .state_size = sizeof(struct tube *),
    .on = pumper_rows,
    .on_count = RIM_COUNT(pumper_rows),
    .init = interrupted_init,
};

void pipe_that_is_interrupted_goes_on(struct scenario *s) {
    static struct tube tube;
    tube = (struct tube){.is_over = false};
    tube_run(s, &interrupted, &tube);
    SCENARIO_CHECK(s, tube.read == TUBE_TOTAL && tube.has_ended);
}

/* ---- the reader goes first ---- */

static rim_verdict breaker_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct tube *tube = tube_take(self, arg);
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
    tube_run(s, &breaker, &tube);
}

/* ---- one way only ---- */

static rim_verdict wrong_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct tube *tube = tube_take(self, arg);
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
    tube_run(s, &wrong, &tube);
    SCENARIO_CHECK(s, strcmp(tube.got, "right") == 0 && tube.has_ended);
}

/* ---- FIFOs ---- */

static char fifo_path[64];

static rim_verdict fifo_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct tube *tube = tube_take(self, arg);
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
    tube->pump = (struct socket_pump){.socket = tube->writer, .total = TUBE_TOTAL};
    tube_pump(ctx, tube);
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
    tube_run(s, &fifo, &tube);
    SCENARIO_CHECK(s, tube.read == TUBE_TOTAL && tube.has_ended);
    if (!scenario_is_sim(s)) {
        SCENARIO_CHECK(s, unlink(fifo_path) == 0);
    }
}

/* ---- a FIFO for both ways, which does not end ---- */

static rim_verdict both_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct tube *tube = tube_take(self, arg);
    (void)size;
    snprintf(fifo_path, sizeof fifo_path, "/tmp/ringmail-%d-both", (int)getpid());
    CHECK(mkfifo(fifo_path, 0600) == 0);
    CHECK(rim_pipe_open(ctx, fifo_path, RIM_PIPE_READ | RIM_PIPE_WRITE, &tube->reader) == 0);
    CHECK(rim_pipe_open(ctx, fifo_path, RIM_PIPE_WRITE, &tube->writer) == 0 && unlink(fifo_path) == 0);
    CHECK(rim_socket_write(ctx, tube->writer, "first ", 6) == 0);
    CHECK(rim_socket_close(ctx, tube->writer) == 0); /* the last writer but the reader itself */
    return RIM_DONE;
}

static rim_verdict both_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct tube *tube = tube_of(self);
    const rim_closed_event *event = body;
    if (event->socket == tube->writer) {
        CHECK(!tube->has_ended);
        CHECK(rim_socket_write(ctx, tube->reader, "then", 4) == 0);
    }
    return tube_closed(ctx, self, body, msg);
}

static rim_verdict both_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct tube *tube = tube_of(self);
    (void)tube_data(ctx, self, body, msg);
    if (tube->read == 10) {
        CHECK(rim_socket_close(ctx, tube->reader) == 0);
    }
    return RIM_DONE;
}

static const rim_handler both_rows[] = {
    [RIM_SOCKET_DATA] = both_data,
    [RIM_SOCKET_END] = tube_end,
    [RIM_SOCKET_CLOSED] = both_closed,
};
static const rim_behaviour both = {
    .name = "both",
    .state_size = sizeof(struct tube *),
    .on = both_rows,
    .on_count = RIM_COUNT(both_rows),
    .init = both_init,
};

void pipe_that_is_opened_for_both_ways_does_not_end(struct scenario *s) {
    static struct tube tube;
    tube = (struct tube){.text = ""};
    if (!scenario_is_sim(s)) {
        tube_run(s, &both, &tube);
        SCENARIO_CHECK(s, strcmp(tube.got, "first then") == 0 && !tube.has_ended);
    }
}

/* ---- mistakes ---- */

static rim_verdict clumsy_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct tube *tube = tube_take(self, arg);
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
