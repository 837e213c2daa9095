/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "ringmail/error.h"
#include "ringmail/poll.h"

static int count_in(struct rim__io *io, int fd) {
    if (fd < 0) {
        return -errno;
    }
    io->descriptors++;
    return fd;
}

short rim__outside_to_poll(uint32_t events) {
    return (short)((events & RIM_POLL_READ ? POLLIN : 0) | (events & RIM_POLL_WRITE ? POLLOUT : 0) |
                   (events & RIM_POLL_PRIORITY ? POLLPRI : 0));
}

/* An end or an error means that a read does not wait, and neither does a write. */
uint32_t rim__outside_from_poll(short events) {
    return (events & POLLIN ? RIM_POLL_READ : 0u) | (events & POLLOUT ? RIM_POLL_WRITE : 0u) |
           (events & POLLPRI ? RIM_POLL_PRIORITY : 0u) | (events & (POLLERR | POLLNVAL) ? RIM_POLL_ERROR : 0u) |
           (events & (POLLHUP | POLLRDHUP) ? RIM_POLL_HANGUP : 0u);
}

int rim__outside_share(struct rim__io *io, int fd) {
    return count_in(io, fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

/* ---- signals ---- */

sigset_t rim__outside_signal_set(uint64_t mask) {
    sigset_t set;
    sigemptyset(&set);
    for (int signal = 1; signal <= 64; signal++) {
        if (mask & (UINT64_C(1) << (signal - 1))) {
            sigaddset(&set, signal);
        }
    }
    return set;
}

int rim__outside_signals(struct rim__io *io, uint64_t mask) {
    sigset_t blocked, set = rim__outside_signal_set(mask);
    sigemptyset(&blocked);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    for (int signal = 1; signal <= 64; signal++) {
        if (sigismember(&set, signal) == 1 && sigismember(&blocked, signal) == 0) {
            return -RIM_ECONTEXT;
        }
    }
    return count_in(io, signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int rim__outside_fetch_signal(struct rim__io *io, int fd, rim_signal_event *event) {
    struct signalfd_siginfo info;
    (void)io;
    ssize_t size = read(fd, &info, sizeof info);
    if (size != (ssize_t)sizeof info) {
        return size < 0 ? -errno : -EAGAIN;
    }
    event->signal = (int32_t)info.ssi_signo;
    event->code = info.ssi_code;
    event->pid = (int32_t)info.ssi_pid;
    event->uid = info.ssi_uid;
    event->status = info.ssi_status;
    event->value = info.ssi_int;
    return 0;
}
