/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/sim_process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "actor/actor.h"
#include "base/assert.h"
#include "io/driver_sim.h"
#include "io/service.h"
#include "io/sim_world.h"
#include "ringmail/link.h"
#include "ringmail/process.h"

#define FIRST_PID 1000

struct rim__sim_program {
    struct rim__sim_program *next;
    char *name;
    const rim_behaviour *table;
};

struct rim__sim_child {
    struct rim__sim_child *next;
    struct rim__sim *sim;
    struct rim__io *io;
    struct rim__watch watch;
    rim_ref actor;
    int fds[3]; /* that it has not opened as yet; -1: none */
    char **argv;
    int32_t pid, status, signal;
    bool exited;
};

static struct rim__sim *sim_of(struct rim__io *io) {
    return rim__container_of(io, struct rim__sim_shard, io)->sim;
}

bool rim__sim_process_has_exited(const struct rim__sim_child *child) {
    return child->exited;
}

/* ---- programs ---- */

static struct rim__sim_program *find_program(const struct rim__sim *sim, const char *name) {
    struct rim__sim_program *at = sim->net.outside.programs;
    while (at != NULL && strcmp(at->name, name) != 0) {
        at = at->next;
    }
    return at;
}

int rim_sim_program(rim_system *system, const char *program, const rim_behaviour *table) {
    struct rim__sim *sim = rim__system_sim(system);
    if (sim == NULL || program == NULL || table == NULL) {
        return -EINVAL;
    }
    struct rim__sim_program *made = find_program(sim, program);
    if (made == NULL) {
        made = rim__sim_event_alloc(sizeof *made);
        made->name = strdup(program);
        rim__assert(made->name != NULL);
        made->next = sim->net.outside.programs;
        sim->net.outside.programs = made;
    }
    made->table = table;
    return 0;
}

/* ---- a child begins ---- */

static char **copy_argv(const rim_process_options *options) {
    const char *const alone[] = {options->program, NULL};
    const char *const *argv = options->argv != NULL ? options->argv : alone;
    size_t count = 0;
    while (argv[count] != NULL) {
        count++;
    }
    char **copy = rim__sim_event_alloc((count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i] = strdup(argv[i]);
        rim__assert(copy[i] != NULL);
    }
    return copy;
}

static void close_end(struct rim__sim *sim, int fd) {
    if (fd >= 0) {
        rim__sim_net_close(&sim->net, rim__sim_net_find(&sim->net, fd), false);
    }
}

static int open_pipes(struct rim__sim *sim, struct rim__sim_child *child, struct rim__spawn *spawn) {
    const rim_process_options *options = spawn->options;
    const rim_process_stream *wanted[3] = {&options->input, &options->output, &options->error};
    int result = 0;
    for (int i = 0; i < 3 && result == 0; i++) {
        int ends[2];
        if (wanted[i]->way == RIM_PROCESS_PIPE) {
            result = rim__sim_outside_pipe(&sim->net, ends);
            child->fds[i] = result == 0 ? ends[i != 0] : -1;
            spawn->streams[i] = result == 0 ? ends[i == 0] : -1;
        }
    }
    return result;
}

static void close_pipes(struct rim__sim *sim, struct rim__sim_child *child, struct rim__spawn *spawn) {
    for (int i = 0; i < 3; i++) {
        close_end(sim, child->fds[i]);
        child->fds[i] = -1;
        if (spawn != NULL) {
            close_end(sim, spawn->streams[i]);
            spawn->streams[i] = -1;
        }
    }
}

static void exited(struct rim__watch *watch, rim_ctx *ctx) {
    (void)ctx;
    struct rim__sim_child *child = rim__container_of(watch, struct rim__sim_child, watch);
    child->exited = true;
    close_pipes(child->sim, child, NULL);
    rim__sim_outside_kick(&child->sim->net);
}

/* Nobody's actor: the clerk spawns it. */
static int spawn_actor(struct rim__sim_child *child, const rim_behaviour *table) {
    rim_ctx *ctx = rim__ctx_of(child->io->shard);
    rim_sim_child arg = {.argv = (const char *const *)(uintptr_t)child->argv, .pid = child->pid};
    void *previous = rim__service_enter(rim__ctx_io(ctx));
    int result = rim_spawn(ctx, table, NULL, &arg, sizeof arg, &child->actor);
    rim__ctx_leave(ctx, previous);
    if (result != 0) {
        return result;
    }
    child->watch.fn = exited;
    return rim__actor_watch(ctx, child->actor, &child->watch);
}

int rim__sim_process_spawn(struct rim__io *io, struct rim__spawn *spawn) {
    struct rim__sim *sim = sim_of(io);
    struct rim__sim_outside *outside = &sim->net.outside;
    const struct rim__sim_program *program = find_program(sim, spawn->options->program);
    if (program == NULL) {
        return -ENOENT;
    }
    struct rim__sim_child *child = rim__sim_event_alloc(sizeof *child);
    *child = (struct rim__sim_child){.sim = sim, .io = io, .fds = {-1, -1, -1}, .next = outside->children};
    child->pid = FIRST_PID + outside->pids++;
    child->argv = copy_argv(spawn->options);
    outside->children = child;
    int result = open_pipes(sim, child, spawn);
    result = result == 0 ? spawn_actor(child, program->table) : result;
    int fd = result == 0 ? rim__sim_outside_watch_child(&sim->net, child) : result;
    if (fd < 0) {
        close_pipes(sim, child, spawn);
        return fd;
    }
    io->descriptors++;
    for (int i = 0; i < 3; i++) {
        io->descriptors += spawn->streams[i] >= 0;
    }
    spawn->pid = child->pid;
    return fd;
}

/* ---- as the child ---- */

struct rim__sim_child *rim__sim_process_current(struct rim__io *io) {
    const struct rim__sim *sim = sim_of(io);
    rim_ref self = rim_self(rim__ctx_of(io->shard));
    struct rim__sim_child *at = sim->net.outside.children;
    while (at != NULL && (at->actor != self || at->exited)) {
        at = at->next;
    }
    return at;
}

int rim__sim_process_stream(struct rim__sim_child *child, int which) {
    int fd = child->fds[which];
    child->fds[which] = -1;
    return fd >= 0 ? fd : -EBADF;
}

int rim_sim_exit(rim_ctx *ctx, int status) {
    const struct rim__service *service = rim__ctx_io(ctx);
    if (rim__system_sim(rim_system_of(ctx)) == NULL || service == NULL) {
        return -EINVAL;
    }
    struct rim__sim_child *child = rim__sim_process_current(service->io);
    if (child == NULL) {
        return -EINVAL;
    }
    child->status = status & 0xff;
    return 0;
}

/* ---- signals, and the end ---- */

static bool is_ignored(int signal) {
    return signal == 0 || signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH || signal == SIGCONT;
}

static bool has_row(const rim_behaviour *table) {
    return table != NULL && table->on_count > RIM_SIGNAL && table->on[RIM_SIGNAL] != NULL;
}

int rim__sim_process_signal(struct rim__io *io, int fd, int32_t group, int signal) {
    struct rim__sim *sim = sim_of(io);
    struct rim__sim_child *child = rim__sim_outside_child(rim__sim_net_find(&sim->net, fd));
    rim_ctx *ctx = rim__ctx_of(io->shard);
    (void)group;
    if (child->exited || rim__ctx_io(ctx) == NULL) {
        return -ESRCH;
    }
    if (signal != SIGKILL && has_row(rim__actor_behaviour(ctx, child->actor))) {
        rim_signal_event event = {.signal = signal, .code = SI_USER};
        return rim__send_event(ctx, RIM_NIL, child->actor, RIM_SIGNAL, &event, sizeof event);
    }
    if (is_ignored(signal)) {
        return 0;
    }
    child->signal = signal;
    void *previous = rim__service_enter(rim__ctx_io(ctx));
    int result = rim_kill(ctx, child->actor);
    rim__ctx_leave(ctx, previous);
    return result;
}

int rim__sim_process_reap(struct rim__io *io, int fd, rim_process_event *event) {
    struct rim__sim *sim = sim_of(io);
    struct rim__sim_child *child = rim__sim_outside_child(rim__sim_net_find(&sim->net, fd));
    if (!child->exited) {
        return -EAGAIN;
    }
    event->status = child->signal != 0 ? -1 : child->status;
    event->signal = child->signal;
    event->has_core = false;
    event->error = 0;
    return 0;
}

static void free_child(struct rim__sim_child *child) {
    for (char **at = child->argv; *at != NULL; at++) {
        free(*at);
    }
    free(child->argv);
    free(child);
}

void rim__sim_process_finish(struct rim__sim_outside *outside) {
    while (outside->programs != NULL) {
        struct rim__sim_program *program = outside->programs;
        outside->programs = program->next;
        free(program->name);
        free(program);
    }
    while (outside->children != NULL) {
        struct rim__sim_child *child = outside->children;
        outside->children = child->next;
        free_child(child);
    }
}
