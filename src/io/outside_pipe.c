/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/outside.h"
#include "ringmail/pipe.h"

#define PROC_PATH_MAX 40

void rim__outside_plug_standard(void) {
    int fd;
    do {
        fd = open("/", O_PATH | O_CLOEXEC);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        close(fd);
    }
}

/* A write to a pipe that nobody reads raises it; there is no flag against that, as for sockets. */
void rim__outside_spare_thread(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int rim__outside_pipe(struct rim__io *io, int ends[2], bool blocks) {
    if (pipe2(ends, O_CLOEXEC | (blocks ? 0 : O_NONBLOCK)) != 0) {
        return -errno;
    }
    io->descriptors += 2;
    rim__outside_spare_thread();
    return 0;
}

void rim__outside_leave(int fd, int flags) {
    if (flags >= 0) {
        (void)fcntl(fd, F_SETFL, flags);
    }
}

static int set_flags(int fd, int flags) {
    return fcntl(fd, F_SETFL, flags) == 0 ? 0 : -errno;
}

/* What others have as well is opened anew, so that they see no change. The new descriptor, or -1. */
static int open_anew(int fd, int flags) {
    char path[PROC_PATH_MAX];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int kept = flags & (O_ACCMODE | O_APPEND | O_NONBLOCK);
    return open(path, kept | O_CLOEXEC | O_NOCTTY);
}

/*
 * Sees to it that the descriptor waits in the kernel, or does not. Of a file neither holds, and of a socket the call
 * says it; but io_uring does not wait on a socket that is set not to. The descriptor, which may be another, or an
 * error.
 */
static int suit(int fd, const struct stat *stat, struct rim__pipe_plan *plan) {
    int flags = fcntl(fd, F_GETFL);
    int wanted = plan->blocks ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
    plan->is_socket = S_ISSOCK(stat->st_mode);
    bool is_file = S_ISREG(stat->st_mode) || S_ISBLK(stat->st_mode);
    if (flags < 0 || is_file || wanted == flags || (plan->is_socket && !plan->blocks)) {
        return flags < 0 ? -errno : fd;
    }
    if (plan->is_standard) {
        int other = open_anew(fd, wanted);
        if (other >= 0) {
            close(fd);
            return other;
        }
        plan->flags = flags;
    }
    int error = set_flags(fd, wanted);
    return error != 0 ? error : fd;
}

static int check(const struct stat *stat, int fd, const struct rim__pipe_plan *plan) {
    int flags = fcntl(fd, F_GETFL), way = flags & O_ACCMODE;
    bool reads = way != O_WRONLY, writes = way != O_RDONLY;
    if ((flags & O_PATH) || ((plan->ways & RIM_PIPE_READ) && !reads) || ((plan->ways & RIM_PIPE_WRITE) && !writes)) {
        return -EBADF; /* also of what plugs it */
    }
    if (S_ISDIR(stat->st_mode)) {
        return -EISDIR;
    }
    return S_ISREG(stat->st_mode) && !plan->is_standard ? -EINVAL : 0;
}

static int open_path(const struct rim__pipe_plan *plan) {
    int flags = plan->ways == RIM_PIPE_READ ? O_RDONLY : plan->ways == RIM_PIPE_WRITE ? O_WRONLY : O_RDWR;
    /* Without waiting for the other side, whatever the driver. */
    int fd = open(plan->path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

/* The caller's own, to be closed on failure; or, of a descriptor that is taken over, that itself. */
static int get(const struct rim__pipe_plan *plan) {
    if (plan->path != NULL) {
        return open_path(plan);
    }
    if (!plan->is_standard) {
        int error = fcntl(plan->fd, F_SETFD, FD_CLOEXEC) == 0 ? 0 : -errno;
        return error != 0 ? error : plan->fd;
    }
    int fd = fcntl(plan->fd, F_DUPFD_CLOEXEC, 3);
    return fd < 0 ? -errno : fd;
}

int rim__outside_open_pipe(struct rim__io *io, struct rim__pipe_plan *plan) {
    struct stat stat;
    plan->flags = -1;
    plan->waits_first = plan->path != NULL && plan->ways == RIM_PIPE_READ;
    int fd = get(plan);
    if (fd < 0) {
        return fd;
    }
    int result = fstat(fd, &stat) == 0 ? check(&stat, fd, plan) : -errno;
    if (result == 0) {
        result = suit(fd, &stat, plan);
    }
    if (result < 0 && fd != plan->fd) {
        close(fd);
    } else if (result >= 0) {
        io->descriptors++;
        rim__outside_spare_thread();
    }
    return result;
}
