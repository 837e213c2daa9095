/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/outside.h"
#include "ringmail/process.h"

#define FIRST_FREE 3 /* behind the standard streams */

extern char **environ;

/*
 * What the child gets as its 0, 1 and 2 lies on descriptors from 3 on first, so that none is overwritten before it is
 * copied. They are closed in this process afterwards.
 */
struct streams {
    int of_child[3]; /* -1: none */
    int ours[3];
};

static int copy(int fd) {
    int result = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE);
    return result < 0 ? -errno : result;
}

/* Of the two ends ours is not the child's kind: that may be told not to wait. */
static int open_pipe(struct streams *streams, int which, bool blocks) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -errno;
    }
    int mine = ends[which == 0], its = ends[which != 0];
    if (!blocks && fcntl(mine, F_SETFL, O_NONBLOCK) != 0) {
        int error = -errno;
        close(mine);
        close(its);
        return error;
    }
    streams->ours[which] = mine;
    streams->of_child[which] = copy(its);
    close(its);
    return streams->of_child[which] < 0 ? streams->of_child[which] : 0;
}

static int open_stream(struct streams *streams, int which, const rim_process_stream *wanted, bool blocks) {
    int fd = -1;
    switch (wanted->way) {
    case RIM_PROCESS_NULL:
        fd = open("/dev/null", (which == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
        if (fd < 0) {
            return -errno;
        }
        streams->of_child[which] = copy(fd);
        close(fd);
        break;
    case RIM_PROCESS_INHERIT:
        streams->of_child[which] = copy(which);
        break;
    case RIM_PROCESS_PIPE:
        return open_pipe(streams, which, blocks);
    case RIM_PROCESS_FD:
        streams->of_child[which] = copy(wanted->fd);
        break;
    case RIM_PROCESS_OUTPUT:
        streams->of_child[which] = copy(streams->of_child[1]);
        break;
    }
    return streams->of_child[which] < 0 ? streams->of_child[which] : 0;
}

static void close_all(const int fds[3]) {
    for (int i = 0; i < 3; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

static int open_streams(struct streams *streams, const struct rim__spawn *spawn) {
    const rim_process_options *options = spawn->options;
    const rim_process_stream *wanted[3] = {&options->input, &options->output, &options->error};
    *streams = (struct streams){.of_child = {-1, -1, -1}, .ours = {-1, -1, -1}};
    int error = 0;
    for (int i = 0; i < 3 && error == 0; i++) {
        error = open_stream(streams, i, wanted[i], spawn->blocks);
    }
    if (error != 0) {
        close_all(streams->of_child);
        close_all(streams->ours);
    }
    return error;
}

/* ---- the child ---- */

/* What is done in the child, in this order. All return an error number. */
static int set_actions(posix_spawn_file_actions_t *actions, const struct streams *streams, const char *folder) {
    int error = folder != NULL ? posix_spawn_file_actions_addchdir_np(actions, folder) : 0;
    for (int i = 0; i < 3 && error == 0; i++) {
        error = posix_spawn_file_actions_adddup2(actions, streams->of_child[i], i);
    }
    return error != 0 ? error : posix_spawn_file_actions_addclosefrom_np(actions, FIRST_FREE);
}

/* No signal is blocked or ignored in it, whatever is in this process. */
static int set_attributes(posix_spawnattr_t *attributes, bool group) {
    sigset_t none, all;
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (group ? POSIX_SPAWN_SETPGROUP : 0);
    sigemptyset(&none);
    sigfillset(&all);
    int error = posix_spawnattr_setsigmask(attributes, &none);
    error = error != 0 ? error : posix_spawnattr_setsigdefault(attributes, &all);
    error = error != 0 ? error : posix_spawnattr_setpgroup(attributes, 0);
    return error != 0 ? error : posix_spawnattr_setflags(attributes, flags);
}

static int execute(const rim_process_options *options, const posix_spawn_file_actions_t *actions,
                   const posix_spawnattr_t *attributes, pid_t *pid) {
    const char *const alone[] = {options->program, NULL};
    const char *const *argv = options->argv != NULL ? options->argv : alone;
    char **env = options->env != NULL ? (char **)(uintptr_t)options->env : environ;
    return posix_spawnp(pid, options->program, actions, attributes, (char **)(uintptr_t)argv, env);
}

static int make(const rim_process_options *options, const struct streams *streams, pid_t *pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0) {
        return -error;
    }
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        error = set_actions(&actions, streams, options->folder);
        error = error != 0 ? error : set_attributes(&attributes, options->group);
        error = error != 0 ? error : execute(options, &actions, &attributes, pid);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

/* Its number is not used again before it has been waited for. */
static int open_child(pid_t pid) {
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd >= 0) {
        return fd;
    }
    int error = -errno;
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    return error;
}

int rim__outside_spawn(struct rim__io *io, struct rim__spawn *spawn) {
    struct streams streams;
    pid_t pid = 0;
    int fd = open_streams(&streams, spawn);
    if (fd != 0) {
        return fd;
    }
    int error = make(spawn->options, &streams, &pid);
    close_all(streams.of_child);
    fd = error == 0 ? open_child(pid) : error;
    if (fd < 0) {
        close_all(streams.ours);
        return fd;
    }
    rim__outside_spare_thread();
    io->descriptors++;
    for (int i = 0; i < 3; i++) {
        spawn->streams[i] = streams.ours[i];
        io->descriptors += streams.ours[i] >= 0;
    }
    spawn->pid = pid;
    return fd;
}

int rim__outside_signal_child(struct rim__io *io, int fd, int32_t group, int signal) {
    (void)io;
    if (group != 0) {
        return kill(-group, signal) == 0 ? 0 : -errno;
    }
    return syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0) == 0 ? 0 : -errno;
}

int rim__outside_reap(struct rim__io *io, int fd, rim_process_event *event) {
    siginfo_t info = {0};
    (void)io;
    if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG) != 0) {
        return -errno;
    }
    if (info.si_pid == 0) {
        return -EAGAIN;
    }
    bool exited = info.si_code == CLD_EXITED;
    event->status = exited ? info.si_status : -1;
    event->signal = exited ? 0 : info.si_status;
    event->has_core = info.si_code == CLD_DUMPED;
    event->error = 0;
    return 0;
}
