/* SPDX-License-Identifier: MIT */
/*
 * run.c - runs commands beside each other and relays what they write, line by line: an actor for each child, and one
 * that has standard output and waits for all.
 *
 *     runner -- lines --> standard output (a stream of the boss's: what it has no room for pauses the child's pipe)
 *        '-- DONE, when the child has exited and its output has ended --> boss -- closes it --> main
 */
#include <errno.h>
#include <getopt.h>
#include <ringmail.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNUSED      __attribute__((unused))
#define LINE_MAX_   8192u /* what is longer comes in pieces */
#define PATIENCE_NS RIM_SECONDS(2)

static const char usage[] =
    "usage: run [--driver uring|epoll] [--shards N] COMMAND...\n"
    "\n"
    "Runs each COMMAND in a shell, all at once, and writes the lines of their output with the\n"
    "number of the command before each. SIGINT and SIGTERM end them, by force after 2 seconds.\n"
    "Exit status: the highest of theirs; 128 and the signal of one that a signal ended; 2 for a\n"
    "bad command line; 1 if the output cannot be written.\n";

static const int wanted[] = {SIGINT, SIGTERM};

/* What main and the boss have in common; main looks at it when the boss has posted. */
struct job {
    char **commands;
    unsigned count;
    int status;
    sem_t over;
};

enum { DONE = RIM_USER, END };

/* ---- a runner: one child ---- */

struct task {
    const char *command;
    unsigned number;
    rim_ref boss, output;
};

struct runner {
    struct task task;
    rim_process child;
    rim_stream stream;
    char waiting[LINE_MAX_ + 32]; /* a line that output had no room for */
    size_t waiting_size;
    bool has_exited, has_ended;
    int status;
};

static rim_verdict fail(rim_ctx *ctx, const char *what) {
    return rim_fail(ctx, RIM_EXIT_USER, "%s", what);
}

static rim_verdict runner_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct runner *self = state;
    memcpy(&self->task, arg, size);
    const char *const argv[] = {"sh", "-c", self->task.command, NULL};
    rim_process_options options = {
        .program = "sh",
        .argv = argv,
        .output.way = RIM_PROCESS_PIPE,
        .error.way = RIM_PROCESS_INHERIT,
        .at_end = RIM_PROCESS_TERMINATE,
        .patience_ns = PATIENCE_NS,
        .group = true, /* signals are for all that the shell starts */
    };
    return rim_process_start(ctx, &options, &self->child) == 0 ? RIM_DONE : fail(ctx, rim_error_text(ctx));
}

/* False: there is no room, and the child has to wait. */
static bool write_line(rim_ctx *ctx, struct runner *self, const char *line, size_t size) {
    int length = snprintf(self->waiting, sizeof self->waiting, "%u: ", self->task.number);
    memcpy(self->waiting + length, line, size);
    self->waiting_size = (size_t)length + size + 1;
    self->waiting[self->waiting_size - 1] = '\n';
    if (rim_socket_write(ctx, self->task.output, self->waiting, self->waiting_size) == -RIM_EFULL) {
        (void)rim_socket_pause(ctx, self->child.output, true);
        (void)rim_want_room(ctx, self->task.output);
        return false;
    }
    self->waiting_size = 0;
    return true;
}

/* The next line, a piece of one that is too long, or at the end what has no newline behind it. */
static bool next_line(struct runner *self, const char **line, size_t *size) {
    int found = rim_stream_line(&self->stream, LINE_MAX_, line, size);
    if (found <= 0 && self->stream.size > 0 && (found < 0 || self->has_ended)) {
        *line = self->stream.bytes;
        *size = self->stream.size < LINE_MAX_ ? self->stream.size : LINE_MAX_;
        rim_stream_skip(&self->stream, *size);
        found = 1;
    }
    return found > 0;
}

static rim_verdict go_on(rim_ctx *ctx, struct runner *self, const void *bytes, size_t length) {
    const char *line;
    size_t size;
    if (rim_stream_open(ctx, &self->stream, bytes, length) != 0) {
        return fail(ctx, "out of memory");
    }
    while (self->waiting_size == 0 && next_line(self, &line, &size) && write_line(ctx, self, line, size)) {
    }
    if (rim_stream_close(ctx, &self->stream) != 0) {
        return fail(ctx, "out of memory");
    }
    if (!self->has_exited || !self->has_ended || self->waiting_size > 0) {
        return RIM_DONE;
    }
    return rim_send(ctx, self->task.boss, DONE, &self->status, sizeof self->status) == 0 ? RIM_STOP : RIM_FAIL;
}

static rim_verdict on_data(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    return go_on(ctx, state, body, rim_size(msg));
}

static rim_verdict on_room(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct runner *self = state;
    if (rim_socket_write(ctx, self->task.output, self->waiting, self->waiting_size) == -RIM_EFULL) {
        (void)rim_want_room(ctx, self->task.output);
        return RIM_DONE;
    }
    self->waiting_size = 0;
    (void)rim_socket_pause(ctx, self->child.output, false);
    return go_on(ctx, self, NULL, 0);
}

static rim_verdict on_output_end(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct runner *self = state;
    self->has_ended = true;
    return go_on(ctx, self, NULL, 0);
}

static rim_verdict on_exited(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    struct runner *self = state;
    const rim_process_event *event = body;
    self->has_exited = true;
    self->status = event->signal != 0 ? 128 + event->signal : event->status;
    return go_on(ctx, self, NULL, 0);
}

static rim_verdict on_output_closed(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body UNUSED,
                                    rim_msg *msg UNUSED) {
    return RIM_DONE;
}

static rim_verdict on_end(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct runner *self = state;
    (void)rim_process_end(ctx, self->child.process, PATIENCE_NS);
    return RIM_DONE;
}

static void runner_exit(rim_ctx *ctx, void *state, rim_exit why UNUSED) {
    struct runner *self = state;
    rim_stream_free(ctx, &self->stream);
}

static const rim_handler runner_on[] = {
    [RIM_SOCKET_DATA] = on_data,
    [RIM_SOCKET_END] = on_output_end,
    [RIM_SOCKET_CLOSED] = on_output_closed,
    [RIM_PROCESS_ENDED] = on_exited,
    [RIM_ROOM] = on_room,
    [END] = on_end,
};
static const rim_behaviour runner = {
    .name = "runner",
    .state_size = sizeof(struct runner),
    .on = runner_on,
    .on_count = RIM_COUNT(runner_on),
    .init = runner_init,
    .exit = runner_exit,
};

/* ---- the boss: standard output, signals, and who is not done ---- */

struct boss {
    struct job *job;
    rim_ref output;
    rim_ref *runners;
    unsigned running;
};

static int spawn_runner(rim_ctx *ctx, struct boss *self, unsigned i) {
    struct task task = {.command = self->job->commands[i], .number = i + 1, .boss = rim_self(ctx)};
    task.output = self->output;
    int error = rim_spawn(ctx, &runner, NULL, &task, sizeof task, &self->runners[i]);
    if (error == 0 && rim_monitor(ctx, self->runners[i], 0) == 0) {
        error = -ENOMEM;
    }
    self->running += error == 0;
    return error;
}

static rim_verdict boss_init(rim_ctx *ctx, void *state, const void *arg, size_t size UNUSED) {
    struct boss *self = state;
    memcpy(&self->job, arg, sizeof self->job);
    self->runners = rim_alloc(ctx, self->job->count * sizeof *self->runners);
    if (self->runners == NULL || rim_signal_watch(ctx, wanted, RIM_COUNT(wanted), NULL) != 0 ||
        rim_pipe_standard(ctx, 1, &self->output) != 0) {
        return fail(ctx, rim_error_text(ctx));
    }
    for (unsigned i = 0; i < self->job->count; i++) {
        if (spawn_runner(ctx, self, i) != 0) {
            return fail(ctx, "too many commands");
        }
    }
    return RIM_DONE;
}

static rim_verdict on_done(rim_ctx *ctx UNUSED, void *state, const void *body, rim_msg *msg UNUSED) {
    struct boss *self = state;
    int status;
    memcpy(&status, body, sizeof status);
    self->job->status = status > self->job->status ? status : self->job->status;
    return RIM_DONE;
}

/* A runner has ended; the last one's output is written, and then it is over. */
static rim_verdict on_down(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    struct boss *self = state;
    const rim_down_event *event = body;
    if (event->code != RIM_EXIT_NORMAL) {
        fprintf(stderr, "run: %s\n", event->text);
        self->job->status = 255;
    }
    if (--self->running == 0) {
        (void)rim_socket_close(ctx, self->output);
    }
    return RIM_DONE;
}

static rim_verdict on_signal(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct boss *self = state;
    for (unsigned i = 0; i < self->job->count; i++) {
        (void)rim_send(ctx, self->runners[i], END, NULL, 0);
    }
    return RIM_DONE;
}

static rim_verdict on_closed(rim_ctx *ctx UNUSED, void *state, const void *body, rim_msg *msg UNUSED) {
    struct boss *self = state;
    const rim_closed_event *event = body;
    if (event->error != 0) {
        fprintf(stderr, "run: %s\n", event->text);
        self->job->status = 1;
    }
    return RIM_STOP;
}

static void boss_exit(rim_ctx *ctx UNUSED, void *state, rim_exit why) {
    struct boss *self = state;
    if (why.code != RIM_EXIT_NORMAL) {
        fprintf(stderr, "run: %s\n", why.text);
        self->job->status = 1;
    }
    sem_post(&self->job->over);
}

static const rim_handler boss_on[] = {
    [DONE] = on_done,
    [RIM_DOWN] = on_down,
    [RIM_SIGNAL] = on_signal,
    [RIM_SOCKET_CLOSED] = on_closed,
};
static const rim_behaviour boss = {
    .name = "boss",
    .state_size = sizeof(struct boss),
    .on = boss_on,
    .on_count = RIM_COUNT(boss_on),
    .init = boss_init,
    .exit = boss_exit,
};

/* ---- main ---- */

/* 0: go on; else what the program ends with, after 1 has been taken off. */
static int read_arguments(int argc, char **argv, rim_config *config, struct job *job) {
    static const struct option flags[] = {
        {"driver", required_argument, NULL, 'd'},
        {"shards", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int flag;
    while ((flag = getopt_long(argc, argv, "+", flags, NULL)) != -1) {
        if (flag == 'h') {
            fputs(usage, stdout);
            return 1;
        } else if (flag == 's' && atoi(optarg) > 0) {
            config->shards = (uint32_t)atoi(optarg);
        } else if (flag == 'd' && (strcmp(optarg, "epoll") == 0 || strcmp(optarg, "uring") == 0)) {
            config->driver = optarg[0] == 'e' ? RIM_DRIVER_EPOLL : RIM_DRIVER_URING;
        } else {
            fputs(usage, stderr);
            return 3;
        }
    }
    job->commands = argv + optind;
    job->count = (unsigned)(argc - optind);
    if (job->count == 0) {
        fputs(usage, stderr);
        return 3;
    }
    return 0;
}

int main(int argc, char **argv) {
    rim_config config = {.shards = 1};
    static struct job job;
    struct job *pointer = &job;
    rim_system *system = NULL;
    rim_ref ref;
    int status = read_arguments(argc, argv, &config, &job);
    if (status != 0) {
        return status - 1;
    }
    sem_init(&job.over, 0, 0);
    int error = rim_signals_block(wanted, RIM_COUNT(wanted)); /* before there are threads */
    if (error == 0) {
        error = rim_system_create(&config, &system);
    }
    if (error == 0) {
        error = rim_system_spawn(system, &boss, NULL, &pointer, sizeof pointer, &ref);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error == 0) {
        while (sem_wait(&job.over) != 0 && errno == EINTR) {
        }
        error = rim_system_stop(system, RIM_SECONDS(10), NULL);
    }
    if (error != 0) {
        fprintf(stderr, "run: %s\n", rim_strerror(error));
    }
    rim_system_destroy(system);
    return error == 0 ? job.status : 1;
}
