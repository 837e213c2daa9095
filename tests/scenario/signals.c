/* SPDX-License-Identifier: MIT */
/* Signals as messages. Each scenario has a process of its own, so it may block and send what it likes. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "socket_world.h"

#define CHECK(expression) SCENARIO_CHECK(scenario_current(), expression)
#define NEXT              RIM_USER

static const int all[] = {SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGWINCH};

struct post {
    const int *send; /* all at once, in this order */
    size_t count;
    uint64_t want, got; /* bit N: signal N */
    uint32_t events, mailbox;
    rim_ref watch;
    bool is_over;
};

static struct post *post_of(void *self) {
    return *(struct post **)self;
}

static void send_signal(int signal) {
    struct scenario *s = scenario_current();
    if (scenario_is_sim(s)) {
        CHECK(rim_sim_raise(scenario_system(s), signal) == 0);
    } else {
        CHECK(kill(getpid(), signal) == 0);
    }
}

/* ---- a receiver ---- */

static rim_verdict receiver_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct post *post = socket_world_of(arg);
    (void)size;
    *(struct post **)self = post;
    CHECK(rim_signal_watch(ctx, all, RIM_COUNT(all), &post->watch) == 0);
    for (size_t i = 0; i < post->count; i++) {
        send_signal(post->send[i]);
    }
    return RIM_DONE;
}

static rim_verdict receiver_signal(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct post *post = post_of(self);
    const rim_signal_event *event = body;
    CHECK(event->watch == post->watch && rim_from(msg) == post->watch && rim_size(msg) == sizeof *event);
    CHECK(event->pid == getpid() && event->uid == getuid() && event->code == SI_USER);
    CHECK((post->want & (UINT64_C(1) << event->signal)) != 0);
    post->got |= UINT64_C(1) << event->signal;
    post->events++;
    if (post->got == post->want) {
        post->is_over = true;
        scenario_done(ctx);
    }
    return RIM_DONE;
}

static const rim_handler receiver_rows[] = {[RIM_SIGNAL] = receiver_signal};
static const rim_behaviour receiver = {
    .name = "receiver",
    .state_size = sizeof(struct post *),
    .on = receiver_rows,
    .on_count = RIM_COUNT(receiver_rows),
    .init = receiver_init,
};

static rim_verdict boss_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    const struct post *post = socket_world_of(arg);
    rim_spawn_options options = {.mailbox_count = post->mailbox};
    rim_ref ref;
    (void)self;
    CHECK(rim_spawn(ctx, &receiver, &options, arg, size, &ref) == 0);
    return RIM_DONE;
}

static const rim_behaviour boss = {.name = "boss", .init = boss_init};

static void deliver(struct scenario *s, struct post *post) {
    for (size_t i = 0; i < post->count; i++) {
        post->want |= UINT64_C(1) << post->send[i];
    }
    SCENARIO_CHECK(s, rim_signals_block(all, RIM_COUNT(all)) == 0);
    socket_world_run(s, &boss, post);
    SCENARIO_CHECK(s, post->is_over);
}

void signal_comes_as_a_message(struct scenario *s) {
    static const int one[] = {SIGTERM};
    static struct post post;
    post = (struct post){.send = one, .count = 1};
    deliver(s, &post);
    SCENARIO_CHECK(s, post.events == 1);
}

void signal_that_waits_already_comes_once(struct scenario *s) {
    static const int many[] = {SIGUSR1, SIGUSR1, SIGUSR1, SIGUSR2};
    static struct post post;
    post = (struct post){.send = many, .count = RIM_COUNT(many)};
    deliver(s, &post);
    SCENARIO_CHECK(s, post.events == 2);
}

void signals_wait_for_an_owner_without_room(struct scenario *s) {
    static struct post post;
    post = (struct post){.send = all, .count = RIM_COUNT(all), .mailbox = 1};
    deliver(s, &post);
    SCENARIO_CHECK(s, post.events == RIM_COUNT(all));
}

/* ---- the end of a watch ---- */

static rim_verdict leaver_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct post *post = socket_world_of(arg);
    (void)size;
    *(struct post **)self = post;
    CHECK(rim_signal_watch(ctx, all, RIM_COUNT(all), &post->watch) == 0);
    CHECK(rim_monitor(ctx, post->watch, 0) != 0);
    CHECK(rim_stop(ctx, post->watch) == 0);
    return RIM_DONE;
}

static rim_verdict leaver_down(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct post *post = post_of(self);
    (void)body;
    (void)msg;
    send_signal(SIGUSR1); /* waits in the kernel, for there is no other watch as yet */
    CHECK(rim_signal_watch(ctx, all, RIM_COUNT(all), &post->watch) == 0);
    return RIM_DONE;
}

static const rim_handler leaver_rows[] = {[RIM_SIGNAL] = receiver_signal, [RIM_DOWN] = leaver_down};
static const rim_behaviour leaver = {
    .name = "leaver",
    .state_size = sizeof(struct post *),
    .on = leaver_rows,
    .on_count = RIM_COUNT(leaver_rows),
    .init = leaver_init,
};

void signal_after_the_end_of_a_watch_is_for_the_next(struct scenario *s) {
    static struct post post;
    post = (struct post){.want = UINT64_C(1) << SIGUSR1};
    SCENARIO_CHECK(s, rim_signals_block(all, RIM_COUNT(all)) == 0);
    socket_world_run(s, &leaver, &post);
    SCENARIO_CHECK(s, post.is_over && post.events == 1);
}

/* ---- nothing is the library's ---- */

static void look_at_handlers(struct sigaction out[32]) {
    for (int signal = 1; signal < 32; signal++) {
        CHECK(sigaction(signal, NULL, &out[signal]) == 0);
    }
}

static rim_verdict busy_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    rim_ref reader, writer;
    (void)self;
    (void)arg;
    (void)size;
    CHECK(rim_signal_watch(ctx, all, RIM_COUNT(all), NULL) == 0);
    CHECK(rim_pipe_make(ctx, &reader, &writer) == 0);
    if (!scenario_is_sim(scenario_current())) {
        rim_process child;
        CHECK(rim_process_start(ctx, &(rim_process_options){.program = "true"}, &child) == 0);
        return RIM_DONE; /* until that has exited */
    }
    scenario_done(ctx);
    return RIM_DONE;
}

static rim_verdict busy_ended(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)self;
    (void)body;
    (void)msg;
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_handler busy_rows[] = {[RIM_PROCESS_ENDED] = busy_ended};
static const rim_behaviour busy = {
    .name = "busy",
    .on = busy_rows,
    .on_count = RIM_COUNT(busy_rows),
    .init = busy_init,
};

void contract_12_handlers_of_signals_are_the_programs(struct scenario *s) {
    struct sigaction before[32], after[32];
    static int world;
    SCENARIO_CHECK(s, rim_signals_block(all, RIM_COUNT(all)) == 0);
    look_at_handlers(before);
    socket_world_run(s, &busy, &world);
    look_at_handlers(after);
    for (int signal = 1; signal < 32; signal++) {
        SCENARIO_CHECK(s, before[signal].sa_handler == after[signal].sa_handler);
    }
}

/* ---- mistakes ---- */

static rim_verdict clumsy_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    (void)arg;
    (void)size;
    CHECK(rim_signal_watch(ctx, NULL, 1, NULL) == -EINVAL);
    CHECK(rim_signal_watch(ctx, all, 0, NULL) == -EINVAL);
    CHECK(rim_signal_watch(ctx, (int[]){SIGTERM, SIGKILL}, 2, NULL) == -EINVAL);
    CHECK(strcmp(rim_error_text(ctx), "signals: 9 cannot be watched for") == 0);
    CHECK(rim_signal_watch(ctx, (int[]){65}, 1, NULL) == -EINVAL);
    CHECK(rim_signal_watch(ctx, (int[]){-1}, 1, NULL) == -EINVAL);
    if (!scenario_is_sim(scenario_current())) {
        CHECK(rim_signal_watch(ctx, (int[]){SIGUSR1, SIGALRM}, 2, NULL) == -RIM_ECONTEXT);
        CHECK(strstr(rim_error_text(ctx), "rim_signals_block") != NULL);
    }
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_behaviour clumsy = {.name = "clumsy", .init = clumsy_init};

void signal_mistakes_are_told(struct scenario *s) {
    static int world;
    SCENARIO_CHECK(s, rim_signals_block((int[]){SIGSTOP}, 1) == -EINVAL);
    SCENARIO_CHECK(s, rim_signals_block(NULL, 1) == -EINVAL);
    SCENARIO_CHECK(s, rim_signals_block((int[]){SIGUSR1}, 1) == 0);
    SCENARIO_CHECK(s, rim_sim_raise(scenario_system(s), 0) == -EINVAL);
    socket_world_run(s, &clumsy, &world);
}
