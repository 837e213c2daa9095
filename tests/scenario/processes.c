/* SPDX-License-Identifier: MIT */
/* Child processes: shell scripts, or, in simulation, actors that do the same. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "socket_world.h"

#define CHECK(expression) SCENARIO_CHECK(scenario_current(), expression)
#define TOTAL             300000u
#define MANY              40u
#define PATIENCE_NS       RIM_MS(50)

struct family {
    const char *program; /* of those below, or a script */
    const char *const *env;
    const char *folder, *argument;
    enum rim_process_way output, error;
    enum rim_process_end at_end;
    int32_t status, signal; /* wanted */
    const char *want;       /* to be read from output */
    uint64_t total;         /* to be pumped through */
    void (*on_ready)(rim_ctx *ctx, struct family *family);

    rim_process child;
    struct socket_pump pump;
    char got[256];
    uint64_t read;
    uint32_t exits, closed, streams;
    bool is_over;
};

static struct family *family_of(void *self) {
    return *(struct family **)self;
}

static bool is_sim(void) {
    return scenario_is_sim(scenario_current());
}

/* ---- the programs, simulated ---- */

struct actor {
    rim_ref input, output;
};

static rim_verdict exits_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    const rim_sim_child *child = arg;
    (void)self;
    CHECK(size == sizeof *child && strcmp(child->argv[0], "exits") == 0 && child->pid > 0);
    CHECK(rim_sim_exit(ctx, 7) == 0);
    return RIM_STOP;
}

static rim_verdict ready_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct actor *actor = self;
    (void)arg;
    (void)size;
    CHECK(rim_pipe_standard(ctx, 1, &actor->output) == 0);
    CHECK(rim_socket_write(ctx, actor->output, "ready\n", 6) == 0);
    return RIM_DONE;
}

static rim_verdict deaf_signal(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)self;
    (void)body;
    (void)msg;
    return RIM_DONE;
}

static rim_verdict copies_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct actor *actor = self;
    (void)arg;
    (void)size;
    CHECK(rim_pipe_standard(ctx, 0, &actor->input) == 0);
    CHECK(rim_pipe_standard(ctx, 1, &actor->output) == 0);
    CHECK(rim_pipe_standard(ctx, 1, NULL) == -EBADF);
    return RIM_DONE;
}

static rim_verdict copies_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const struct actor *actor = self;
    CHECK(rim_socket_write(ctx, actor->output, body, rim_size(msg)) == 0);
    return RIM_DONE;
}

static rim_verdict copies_end(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)self;
    (void)body;
    (void)msg;
    return RIM_STOP;
}

static rim_verdict copies_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)self;
    (void)body;
    (void)msg;
    return RIM_DONE;
}

static const rim_handler deaf_rows[] = {[RIM_SIGNAL] = deaf_signal};
static const rim_handler copies_rows[] = {
    [RIM_SOCKET_DATA] = copies_data,
    [RIM_SOCKET_END] = copies_end,
    [RIM_SOCKET_CLOSED] = copies_closed,
};

#define CHILD(child_name, on_init, rows)                                                                               \
    {                                                                                                                  \
        .name = (child_name), .state_size = sizeof(struct actor), .init = (on_init), .on = (rows),                     \
        .on_count = RIM_COUNT(rows)                                                                                    \
    }
static const rim_behaviour exits = {.name = "exits", .init = exits_init};
static const rim_behaviour waits = {.name = "waits", .state_size = sizeof(struct actor), .init = ready_init};
static const rim_behaviour stubborn = CHILD("stubborn", ready_init, deaf_rows);
static const rim_behaviour copies = CHILD("copies", copies_init, copies_rows);

/* ---- and as scripts ---- */

static const struct {
    const rim_behaviour *simulated;
    const char *script;
} programs[] = {
    {&exits, "exit 7"},
    {&waits, "echo ready; exec sleep 1000"},
    {&stubborn, "trap '' TERM; echo ready; exec sleep 1000"},
    {&copies, "exec cat"},
};

static const char *script_of(const char *program) {
    for (size_t i = 0; i < RIM_COUNT(programs); i++) {
        if (strcmp(programs[i].simulated->name, program) == 0) {
            return programs[i].script;
        }
    }
    return program;
}

static void add_programs(struct scenario *s) {
    for (size_t i = 0; i < RIM_COUNT(programs) && scenario_is_sim(s); i++) {
        const rim_behaviour *table = programs[i].simulated;
        SCENARIO_CHECK(s, rim_sim_program(scenario_system(s), table->name, table) == 0);
    }
}

static rim_process start(rim_ctx *ctx, const struct family *family) {
    const char *const argv[] = {"sh", "-c", script_of(family->program), family->argument, NULL};
    rim_process_options options = {
        .program = is_sim() ? family->program : "sh",
        .argv = is_sim() ? NULL : argv,
        .env = family->env,
        .folder = family->folder,
        .input.way = family->total > 0 ? RIM_PROCESS_PIPE : RIM_PROCESS_NULL,
        .output.way = family->output,
        .error.way = family->error,
        .at_end = family->at_end,
        .patience_ns = PATIENCE_NS,
    };
    rim_process child = {0};
    CHECK(rim_process_start(ctx, &options, &child) == 0);
    CHECK(child.pid > 0 && child.process != RIM_NIL);
    CHECK((child.output != RIM_NIL) == (family->output == RIM_PROCESS_PIPE));
    return child;
}

/* ---- the parent ---- */

static void pump_on(rim_ctx *ctx, struct family *family) {
    if (family->total > 0 && socket_pump_run(ctx, &family->pump)) {
        CHECK(rim_socket_close(ctx, family->child.input) == 0);
    }
}

static rim_verdict check_over(rim_ctx *ctx, struct family *family) {
    if (family->exits == 0 || family->closed < family->streams) {
        return RIM_DONE;
    }
    if (family->want != NULL) {
        CHECK(strcmp(family->got, family->want) == 0);
    }
    CHECK(family->read == family->total || family->total == 0);
    family->is_over = true;
    scenario_done(ctx);
    return RIM_STOP;
}

static rim_verdict parent_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct family *family = socket_world_of(arg);
    (void)size;
    *(struct family **)self = family;
    family->child = start(ctx, family);
    family->streams =
        (family->child.input != RIM_NIL) + (family->child.output != RIM_NIL) + (family->child.error != RIM_NIL);
    family->pump = (struct socket_pump){.socket = family->child.input, .total = family->total};
    pump_on(ctx, family);
    if (family->on_ready != NULL && family->output == RIM_PROCESS_NULL) {
        family->on_ready(ctx, family);
    }
    return RIM_DONE;
}

static rim_verdict parent_room(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    pump_on(ctx, family_of(self));
    return RIM_DONE;
}

static rim_verdict parent_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct family *family = family_of(self);
    size_t size = rim_size(msg);
    if (family->total > 0) {
        CHECK(socket_world_is(body, size, family->read));
    } else if (family->read < sizeof family->got - 1) {
        size_t room = sizeof family->got - 1 - family->read;
        memcpy(family->got + family->read, body, size < room ? size : room);
    }
    family->read += size;
    if (family->on_ready != NULL && strchr(family->got, '\n') != NULL) {
        family->on_ready(ctx, family);
        family->on_ready = NULL;
    }
    return RIM_DONE;
}

static rim_verdict parent_end(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)self;
    (void)body;
    (void)msg;
    return RIM_DONE;
}

static rim_verdict parent_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct family *family = family_of(self);
    const rim_closed_event *event = body;
    (void)msg;
    CHECK(event->error == 0);
    family->closed++;
    return check_over(ctx, family);
}

static rim_verdict parent_exited(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct family *family = family_of(self);
    const rim_process_event *event = body;
    CHECK(event->process == family->child.process && rim_from(msg) == family->child.process);
    CHECK(event->pid == family->child.pid && event->error == 0 && !event->has_core);
    CHECK(event->status == family->status && event->signal == family->signal);
    family->exits++;
    CHECK(family->exits == 1);
    return check_over(ctx, family);
}

static const rim_handler parent_rows[] = {
    [RIM_SOCKET_DATA] = parent_data,     [RIM_SOCKET_END] = parent_end, [RIM_SOCKET_CLOSED] = parent_closed,
    [RIM_PROCESS_ENDED] = parent_exited, [RIM_ROOM] = parent_room,
};
static const rim_behaviour parent = {
    .name = "parent",
    .state_size = sizeof(struct family *),
    .on = parent_rows,
    .on_count = RIM_COUNT(parent_rows),
    .init = parent_init,
};

static void raise_child(struct scenario *s, struct family *family) {
    add_programs(s);
    socket_world_run(s, &parent, family);
    SCENARIO_CHECK(s, family->is_over);
}

void process_exits_with_its_status(struct scenario *s) {
    static struct family family;
    family = (struct family){.program = "exits", .status = 7};
    raise_child(s, &family);
}

void process_reads_its_input_and_writes_its_output(struct scenario *s) {
    static struct family family;
    family = (struct family){.program = "copies", .output = RIM_PROCESS_PIPE, .total = TOTAL};
    raise_child(s, &family);
}

static void send_usr1(rim_ctx *ctx, struct family *family) {
    CHECK(rim_process_signal(ctx, family->child.process, SIGUSR1) == 0);
}

void process_that_a_signal_ends_says_which(struct scenario *s) {
    static struct family family;
    family = (struct family){.program = "waits",
                             .output = RIM_PROCESS_PIPE,
                             .status = -1,
                             .signal = SIGUSR1,
                             .want = "ready\n",
                             .on_ready = send_usr1};
    raise_child(s, &family);
}

static void end_in_a_while(rim_ctx *ctx, struct family *family) {
    CHECK(rim_process_end(ctx, family->child.process, RIM_SECONDS(60)) == 0);
}

void process_is_asked_to_end_first(struct scenario *s) {
    static struct family family;
    family = (struct family){.program = "waits",
                             .output = RIM_PROCESS_PIPE,
                             .status = -1,
                             .signal = SIGTERM,
                             .want = "ready\n",
                             .on_ready = end_in_a_while};
    /* What is blocked or ignored here is not so in the child. */
    SCENARIO_CHECK(s, rim_signals_block((int[]){SIGTERM}, 1) == 0);
    raise_child(s, &family);
}

static void end_soon(rim_ctx *ctx, struct family *family) {
    CHECK(rim_process_end(ctx, family->child.process, PATIENCE_NS) == 0);
}

void process_that_ignores_that_is_killed_after_the_deadline(struct scenario *s) {
    static struct family family;
    family = (struct family){.program = "stubborn",
                             .output = RIM_PROCESS_PIPE,
                             .status = -1,
                             .signal = SIGKILL,
                             .want = "ready\n",
                             .on_ready = end_soon};
    raise_child(s, &family);
}

static void end_now(rim_ctx *ctx, struct family *family) {
    CHECK(rim_process_end(ctx, family->child.process, 0) == 0);
}

void process_can_be_killed_at_once(struct scenario *s) {
    static struct family family;
    family = (struct family){.program = "stubborn", .status = -1, .signal = SIGKILL, .on_ready = end_now};
    if (!scenario_is_sim(s)) { /* where it has no output to say that it is ready */
        raise_child(s, &family);
    }
}

/* ---- without an owner ---- */

static void stop_owner(rim_ctx *ctx, struct family *family) {
    family->is_over = true;
    scenario_done(ctx);
    CHECK(rim_stop(ctx, rim_self(ctx)) == 0);
}

/* Whether there still is such a process, after the system's stop. */
static bool survives(struct scenario *s, struct family *family) {
    add_programs(s);
    socket_world_run(s, &parent, family);
    SCENARIO_CHECK(s, family->is_over && family->exits == 0);
    SCENARIO_CHECK(s, scenario_stop(s, RIM_SECONDS(10), NULL) == 0);
    return !scenario_is_sim(s) && kill(family->child.pid, 0) == 0;
}

void process_whose_owner_ends_is_killed(struct scenario *s) {
    static struct family family;
    family = (struct family){.program = "stubborn", .output = RIM_PROCESS_PIPE, .on_ready = stop_owner};
    SCENARIO_CHECK(s, !survives(s, &family));
}

void process_whose_owner_ends_is_asked_first(struct scenario *s) {
    static struct family family;
    family = (struct family){.program = "stubborn",
                             .output = RIM_PROCESS_PIPE,
                             .at_end = RIM_PROCESS_TERMINATE,
                             .on_ready = stop_owner};
    SCENARIO_CHECK(s, !survives(s, &family));
}

void process_can_be_left_to_itself(struct scenario *s) {
    static struct family family;
    family = (struct family){.program = "waits",
                             .output = RIM_PROCESS_PIPE,
                             .at_end = RIM_PROCESS_LEAVE,
                             .on_ready = stop_owner};
    if (scenario_is_sim(s)) {
        return; /* a stop ends all actors there, and children are actors */
    }
    SCENARIO_CHECK(s, survives(s, &family));
    SCENARIO_CHECK(s, kill(family.child.pid, SIGKILL) == 0 && waitpid(family.child.pid, NULL, 0) == family.child.pid);
}

/* ---- what a real one gets ---- */

void process_gets_environment_folder_and_arguments(struct scenario *s) {
    static const char *const env[] = {"NAME=value", "PATH=/usr/bin:/bin", NULL};
    static struct family family;
    family = (struct family){.program = "echo $NAME $0; pwd; echo error >&2",
                             .argument = "first",
                             .env = env,
                             .folder = "/",
                             .output = RIM_PROCESS_PIPE,
                             .error = RIM_PROCESS_OUTPUT,
                             .want = "value first\n/\nerror\n"};
    if (!scenario_is_sim(s)) {
        raise_child(s, &family);
    }
}

void process_gets_no_other_descriptors(struct scenario *s) {
    static struct family family;
    static char number[16];
    if (scenario_is_sim(s)) {
        return;
    }
    int leak = dup(2); /* without O_CLOEXEC */
    snprintf(number, sizeof number, "%d", leak);
    family = (struct family){.program = "test -e /proc/self/fd/0 && ! test -e /proc/self/fd/$0", .argument = number};
    raise_child(s, &family);
    SCENARIO_CHECK(s, close(leak) == 0);
}

/* Nobody reads on: the child's write ends it. */
static void close_output(rim_ctx *ctx, struct family *family) {
    CHECK(rim_socket_close(ctx, family->child.output) == 0);
}

void process_whose_output_nobody_reads_is_ended_by_its_write(struct scenario *s) {
    static struct family family;
    family = (struct family){
        .program = "exec yes", .output = RIM_PROCESS_PIPE, .status = -1, .signal = SIGPIPE, .on_ready = close_output};
    if (!scenario_is_sim(s)) {
        signal(SIGPIPE, SIG_IGN); /* and is not ignored in the child */
        raise_child(s, &family);
    }
}

/* ---- many ---- */

struct crowd {
    uint32_t exits;
};

static rim_verdict crowd_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    static const struct family one = {.program = "exits"};
    (void)size;
    *(struct crowd **)self = socket_world_of(arg);
    for (uint32_t i = 0; i < MANY; i++) {
        (void)start(ctx, &one);
    }
    return RIM_DONE;
}

static rim_verdict crowd_exited(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct crowd *crowd = *(struct crowd **)self;
    const rim_process_event *event = body;
    (void)msg;
    CHECK(event->status == 7 && event->signal == 0);
    if (++crowd->exits == MANY) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

static const rim_handler crowd_rows[] = {[RIM_PROCESS_ENDED] = crowd_exited};
static const rim_behaviour crowd_parent = {
    .name = "parent of many",
    .state_size = sizeof(struct crowd *),
    .on = crowd_rows,
    .on_count = RIM_COUNT(crowd_rows),
    .init = crowd_init,
};

void processes_all_tell_their_exit(struct scenario *s) {
    static struct crowd crowd;
    crowd = (struct crowd){0};
    add_programs(s);
    socket_world_run(s, &crowd_parent, &crowd);
    SCENARIO_CHECK(s, crowd.exits == MANY);
}

/* ---- mistakes ---- */

static int try_start(rim_ctx *ctx, rim_process_options options) {
    rim_process child;
    return rim_process_start(ctx, &options, &child);
}

static void try_for_real(rim_ctx *ctx) {
    const rim_process_stream bad = {RIM_PROCESS_FD, 9999};
    struct rlimit limit;
    CHECK(try_start(ctx, (rim_process_options){.program = "/etc/passwd"}) == -EACCES);
    CHECK(try_start(ctx, (rim_process_options){.program = "true", .folder = "/no/such/folder"}) == -ENOENT);
    CHECK(strncmp(rim_error_text(ctx), "process true in /no/such/folder: ", 33) == 0 ||
          scenario_is_sim(scenario_current()));
    CHECK(try_start(ctx, (rim_process_options){.program = "true", .output = bad}) == -EBADF);
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    struct rlimit low = {.rlim_cur = 1, .rlim_max = limit.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
    CHECK(try_start(ctx, (rim_process_options){.program = "true"}) == -EMFILE);
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static rim_verdict clumsy_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    static const char *const empty[] = {NULL};
    (void)self;
    (void)arg;
    (void)size;
    CHECK(rim_process_start(ctx, NULL, NULL) == -EINVAL);
    CHECK(try_start(ctx, (rim_process_options){.program = ""}) == -EINVAL);
    CHECK(try_start(ctx, (rim_process_options){.program = "true", .argv = empty}) == -EINVAL);
    CHECK(try_start(ctx, (rim_process_options){.program = "true", .output.way = RIM_PROCESS_OUTPUT}) == -EINVAL);
    CHECK(try_start(ctx, (rim_process_options){.program = "true", .input = {RIM_PROCESS_FD, -1}}) == -EINVAL);
    CHECK(try_start(ctx, (rim_process_options){.program = "/no/such/program"}) == -ENOENT);
    CHECK(strncmp(rim_error_text(ctx), "process /no/such/program: ", 26) == 0);
    CHECK(rim_process_signal(ctx, RIM_NIL, SIGTERM) == -RIM_EBADREF);
    CHECK(rim_process_signal(ctx, rim_self(ctx), -3) == -EINVAL);
    CHECK(rim_process_end(ctx, RIM_NIL, 0) == -RIM_EBADREF);
    CHECK(rim_sim_exit(ctx, 0) == -EINVAL);
    if (!is_sim()) {
        try_for_real(ctx);
    }
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_behaviour clumsy = {.name = "clumsy", .init = clumsy_init};

void process_mistakes_are_told(struct scenario *s) {
    static int world;
    add_programs(s);
    socket_world_run(s, &clumsy, &world);
    if (!scenario_is_sim(s)) {
        SCENARIO_CHECK(s, scenario_stop(s, RIM_SECONDS(5), NULL) == 0);
        SCENARIO_CHECK(s, waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD); /* none is left behind */
    }
}
