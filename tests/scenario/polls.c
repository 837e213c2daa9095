/* SPDX-License-Identifier: MIT */
/* Descriptors of somebody else's: the ends of a pipe, or, in simulation, numbers that are ready when the test says so.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "socket_world.h"

#define CHECK(expression) SCENARIO_CHECK(scenario_current(), expression)
#define TALK              RIM_USER
#define TALKS             50u

struct watched {
    int ends[2]; /* read, write */
    rim_ref poll, second;
    uint32_t events, seconds; /* heard from either */
    uint32_t talks;
    bool is_over;
};

static struct watched *watched_of(void *self) {
    return *(struct watched **)self;
}

static bool is_sim(void) {
    return scenario_is_sim(scenario_current());
}

static void say(int fd, uint32_t events) {
    CHECK(rim_sim_ready(scenario_system(scenario_current()), fd, events) == 0);
}

static void open_ends(struct watched *watched) {
    if (is_sim()) {
        watched->ends[0] = 3;
        watched->ends[1] = 4;
        say(watched->ends[1], RIM_POLL_WRITE);
    } else {
        CHECK(pipe2(watched->ends, O_CLOEXEC | O_NONBLOCK) == 0);
    }
}

static void put(struct watched *watched) {
    if (is_sim()) {
        say(watched->ends[0], RIM_POLL_READ);
    } else {
        CHECK(write(watched->ends[1], "x", 1) == 1);
    }
}

static void get(struct watched *watched) {
    char byte;
    if (is_sim()) {
        say(watched->ends[0], 0);
    } else {
        CHECK(read(watched->ends[0], &byte, 1) == 1);
    }
}

static void close_end(struct watched *watched, int which) {
    if (!is_sim()) {
        CHECK(close(watched->ends[which]) == 0);
    } else if (which == 1) {
        say(watched->ends[0], RIM_POLL_HANGUP);
    }
}

static rim_ref open_poll(rim_ctx *ctx, int fd, uint32_t events, bool once) {
    rim_poll_options options = {.fd = fd, .events = events, .once = once};
    rim_ref poll = RIM_NIL;
    CHECK(rim_poll_open(ctx, &options, &poll) == 0);
    return poll;
}

static struct watched *begin(void *self, const void *arg) {
    struct watched *watched = socket_world_of(arg);
    *(struct watched **)self = watched;
    open_ends(watched);
    return watched;
}

static rim_verdict finish(rim_ctx *ctx, struct watched *watched) {
    CHECK(!watched->is_over);
    watched->is_over = true;
    close_end(watched, 0);
    close_end(watched, 1);
    scenario_done(ctx);
    return RIM_STOP;
}

static void run(struct scenario *s, const rim_behaviour *boss) {
    static struct watched watched;
    watched = (struct watched){.is_over = false};
    socket_world_run(s, boss, &watched);
    SCENARIO_CHECK(s, watched.is_over);
}

/* ---- again and again ---- */

static rim_verdict reader_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct watched *watched = begin(self, arg);
    (void)size;
    watched->poll = open_poll(ctx, watched->ends[0], RIM_POLL_READ, false);
    put(watched);
    return RIM_DONE;
}

static rim_verdict reader_poll(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct watched *watched = watched_of(self);
    const rim_poll_event *event = body;
    CHECK(event->poll == watched->poll && rim_from(msg) == watched->poll && event->fd == watched->ends[0]);
    CHECK(event->events == RIM_POLL_READ && event->error == 0);
    if (++watched->events % 2 == 0) { /* what is not read is told again */
        get(watched);
        put(watched);
    }
    return watched->events == 10 ? finish(ctx, watched) : RIM_DONE;
}

static const rim_handler reader_rows[] = {[RIM_POLL] = reader_poll};
static const rim_behaviour reader = {
    .name = "reader",
    .state_size = sizeof(struct watched *),
    .on = reader_rows,
    .on_count = RIM_COUNT(reader_rows),
    .init = reader_init,
};

void poll_tells_as_long_as_something_can_be_read(struct scenario *s) {
    run(s, &reader);
}

/* ---- once ---- */

static rim_verdict once_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct watched *watched = begin(self, arg);
    (void)size;
    watched->poll = open_poll(ctx, watched->ends[0], RIM_POLL_READ, true);
    put(watched);
    return RIM_DONE;
}

static rim_verdict once_poll(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct watched *watched = watched_of(self);
    (void)body;
    (void)msg;
    watched->events++;
    if (watched->events == 3) {
        CHECK(watched->talks == 2 * TALKS);
        return finish(ctx, watched);
    }
    CHECK(rim_send(ctx, rim_self(ctx), TALK, NULL, 0) == 0);
    return RIM_DONE;
}

/* A poll that did not rest would have been heard from in so many turns. */
static rim_verdict once_talk(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct watched *watched = watched_of(self);
    (void)body;
    (void)msg;
    watched->talks++;
    CHECK(watched->events == (watched->talks + TALKS - 1) / TALKS);
    if (watched->talks % TALKS == 0) {
        CHECK(rim_poll_again(ctx, watched->poll, watched->talks == TALKS ? 0 : RIM_POLL_READ) == 0);
        return RIM_DONE;
    }
    CHECK(rim_send(ctx, rim_self(ctx), TALK, NULL, 0) == 0);
    return RIM_DONE;
}

static const rim_handler once_rows[] = {[RIM_POLL] = once_poll, [TALK] = once_talk};
static const rim_behaviour once = {
    .name = "once",
    .state_size = sizeof(struct watched *),
    .on = once_rows,
    .on_count = RIM_COUNT(once_rows),
    .init = once_init,
};

void poll_once_rests_until_it_is_asked_again(struct scenario *s) {
    run(s, &once);
}

/* ---- writing, and two for one descriptor, which is closed at once ---- */

static rim_verdict writer_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct watched *watched = begin(self, arg);
    (void)size;
    watched->poll = open_poll(ctx, watched->ends[1], RIM_POLL_READ | RIM_POLL_WRITE, true);
    watched->second = open_poll(ctx, watched->ends[1], RIM_POLL_WRITE, true);
    if (!is_sim()) {
        CHECK(close(watched->ends[1]) == 0);
        watched->ends[1] = dup(watched->ends[0]); /* a stranger's by now */
        CHECK(watched->ends[1] >= 0);
    }
    return RIM_DONE;
}

static rim_verdict writer_poll(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct watched *watched = watched_of(self);
    const rim_poll_event *event = body;
    (void)msg;
    CHECK(event->events == RIM_POLL_WRITE && event->error == 0);
    watched->events += event->poll == watched->poll;
    watched->seconds += event->poll == watched->second;
    CHECK(watched->events + watched->seconds <= 2);
    return watched->events == 1 && watched->seconds == 1 ? finish(ctx, watched) : RIM_DONE;
}

static const rim_handler writer_rows[] = {[RIM_POLL] = writer_poll};
static const rim_behaviour writer = {
    .name = "writer",
    .state_size = sizeof(struct watched *),
    .on = writer_rows,
    .on_count = RIM_COUNT(writer_rows),
    .init = writer_init,
};

void poll_goes_on_when_the_caller_closes_its_descriptor(struct scenario *s) {
    run(s, &writer);
}

/* ---- the other side ---- */

static rim_verdict lonely_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct watched *watched = begin(self, arg);
    (void)size;
    watched->poll = open_poll(ctx, watched->ends[0], RIM_POLL_READ, false);
    close_end(watched, 1);
    if (!is_sim()) {
        watched->ends[1] = dup(watched->ends[0]);
    }
    return RIM_DONE;
}

static rim_verdict lonely_poll(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct watched *watched = watched_of(self);
    const rim_poll_event *event = body;
    (void)msg;
    CHECK((event->events & RIM_POLL_HANGUP) != 0 && event->error == 0);
    return finish(ctx, watched);
}

static const rim_handler lonely_rows[] = {[RIM_POLL] = lonely_poll};
static const rim_behaviour lonely = {
    .name = "lonely",
    .state_size = sizeof(struct watched *),
    .on = lonely_rows,
    .on_count = RIM_COUNT(lonely_rows),
    .init = lonely_init,
};

void poll_tells_that_the_other_side_is_gone(struct scenario *s) {
    run(s, &lonely);
}

/* ---- mistakes ---- */

/* With a limit of 1, for 0 would refuse a poll of one descriptor to other shards. */
static void run_out_of_descriptors(rim_ctx *ctx, int fd) {
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    struct rlimit low = {.rlim_cur = 1, .rlim_max = limit.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
    CHECK(rim_poll_open(ctx, &(rim_poll_options){.fd = fd, .events = RIM_POLL_READ}, NULL) == -EMFILE);
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static rim_verdict clumsy_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct watched *watched = begin(self, arg);
    (void)size;
    CHECK(rim_poll_open(ctx, NULL, NULL) == -EINVAL);
    CHECK(rim_poll_open(ctx, &(rim_poll_options){.fd = watched->ends[0]}, NULL) == -EINVAL);
    CHECK(rim_poll_open(ctx, &(rim_poll_options){.fd = watched->ends[0], .events = RIM_POLL_HANGUP}, NULL) == -EINVAL);
    CHECK(rim_poll_open(ctx, &(rim_poll_options){.fd = -1, .events = RIM_POLL_READ}, NULL) == -EBADF);
    CHECK(strncmp(rim_error_text(ctx), "poll of descriptor -1: ", 23) == 0);
    CHECK(rim_poll_again(ctx, RIM_NIL, 0) == -RIM_EBADREF);
    CHECK(rim_poll_again(ctx, rim_self(ctx), RIM_POLL_ERROR) == -EINVAL);
    if (!is_sim()) {
        run_out_of_descriptors(ctx, watched->ends[0]);
    }
    watched->poll = open_poll(ctx, watched->ends[0], RIM_POLL_READ, false);
    put(watched);
    CHECK(rim_stop(ctx, watched->poll) == 0); /* before it could say a word */
    return finish(ctx, watched);
}

static const rim_behaviour clumsy = {.name = "clumsy", .state_size = sizeof(struct watched *), .init = clumsy_init};

void poll_mistakes_are_told(struct scenario *s) {
    run(s, &clumsy);
}
