/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/sentinel.h"
#include "io/disk.h"
#include "io/drivers.h"
#include "io/epoll.h"
#include "io/epoll_files.h"
#include "io/epoll_ops.h"
#include "io/file_job.h"
#include "io/lookup.h"
#include "io/net.h"
#include "io/outside.h"
#include "ringmail/error.h"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441 /* the same on every machine but alpha; newer than some headers */
#endif

#define EVENTS_MAX 128
#define EVENT_NAME UINT64_MAX /* of event_fd; a descriptor's number has 31 bits */
#define LOOK_GAPS  2u         /* times what makes the clock stale */
#define NS_PER_MS  1000000u
#define NS_PER_S   1000000000u

/* ---- asking epoll ---- */

static int wait_coarsely(const struct rim__epoll *epoll, struct epoll_event *events, uint64_t wait_ns) {
    uint64_t ms = wait_ns / NS_PER_MS + (wait_ns % NS_PER_MS != 0); /* too late is better than too early, and again */
    int limit = wait_ns == RIM_DRIVER_FOREVER ? -1 : ms < INT32_MAX ? (int)ms : INT32_MAX;
    return epoll_wait(epoll->epoll_fd, events, EVENTS_MAX, limit);
}

/* By number, because the C library may be older than the kernel. */
static int wait_finely(const struct rim__epoll *epoll, struct epoll_event *events, uint64_t wait_ns) {
    struct timespec limit = {.tv_sec = (time_t)(wait_ns / NS_PER_S), .tv_nsec = (long)(wait_ns % NS_PER_S)};
    return (int)syscall(SYS_epoll_pwait2, epoll->epoll_fd, events, EVENTS_MAX,
                        wait_ns == RIM_DRIVER_FOREVER ? NULL : &limit, NULL, 0);
}

/* epoll_pwait2 is of Linux 5.11, and unknown to filters that are older. */
static int wait_for_events(struct rim__epoll *epoll, struct epoll_event *events, uint64_t wait_ns) {
    if (wait_ns == 0 || epoll->is_coarse) {
        return wait_coarsely(epoll, events, wait_ns);
    }
    int count = wait_finely(epoll, events, wait_ns);
    if (count < 0 && (errno == ENOSYS || errno == EPERM)) {
        epoll->is_coarse = true;
        return wait_coarsely(epoll, events, wait_ns);
    }
    return count;
}

static void look(struct rim__epoll *epoll, uint64_t wait_ns) {
    struct epoll_event events[EVENTS_MAX];
    epoll->driver.enters++;
    int count = wait_for_events(epoll, events, wait_ns);
    if (count < 0 && errno != EINTR) {
        rim__log_write(epoll->log, RIM_LOG_ERROR, "epoll_wait: %s", rim_strerror(-errno));
        rim__unreachable("epoll does not work any more");
    }
    epoll->looked = rim__cycles();
    epoll->found = count > 0;
    for (int i = 0; i < count; i++) {
        if (events[i].data.u64 == EVENT_NAME) {
            epoll->driver.wakes_received++;
        } else {
            rim__epoll_ops_react(epoll, events[i].data.u64, events[i].events);
        }
    }
}

/* ---- poll ---- */

void rim__epoll_refuse_child(const struct rim__epoll *epoll) {
    rim__log_write(epoll->log, RIM_LOG_ERROR, "epoll: a system does not survive fork, and this is the child of one");
    rim__unreachable("used in a forked child");
}

static void check_process(const struct rim__epoll *epoll) {
    if (rim__unlikely(!rim__epoll_is_ours(epoll))) {
        rim__epoll_refuse_child(epoll);
    }
}

/*
 * A shard that is busy, or looks out, polls very often. Whether sockets have news costs a system call to know: it is
 * worth that after some time, or at once if the last one had news. Wake-ups are not looked for: a shard that is awake
 * finds what they announce by itself.
 */
static bool is_worth_a_look(const struct rim__epoll *epoll, bool has_moved) {
    bool expects_news = epoll->found && !has_moved; /* else the shard goes on with what has completed, or sleeps */
    return epoll->watches != 0 && (expects_news || rim__cycles() - epoll->looked >= epoll->look_gap);
}

/* How long epoll may be asked to wait. */
static uint64_t shorten(struct rim__epoll *epoll, uint64_t wait_ns) {
    if (wait_ns == 0 || (epoll->due.count | epoll->sends.count | epoll->finished.count) != 0) {
        return 0;
    }
    uint64_t deadline_ns = rim__epoll_ops_deadline(epoll);
    if (deadline_ns == RIM_DRIVER_FOREVER) {
        return wait_ns;
    }
    uint64_t now_ns = rim__clock_now(&epoll->clock);
    uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    return left_ns < wait_ns ? left_ns : wait_ns;
}

static void run_ops(struct rim__epoll *epoll) {
    if ((epoll->due.count | epoll->sends.count) != 0) {
        rim__epoll_ops_run(epoll);
    }
    if (epoll->finished.count != 0) {
        rim__epoll_ops_finish(epoll);
    }
    if (epoll->due.count == 0) {
        epoll->due_left = 0; /* those that were to be tried were cancelled: epoll must be asked again */
    }
    epoll->driver.is_due = (epoll->due.count | epoll->sends.count) != 0;
}

static void poll_epoll(struct rim__driver *driver, uint64_t wait_ns) {
    struct rim__epoll *epoll = (struct rim__epoll *)driver;
    uint64_t before = driver->completions;
    check_process(epoll);
    if ((epoll->starved.count | epoll->deadlines.count) != 0) {
        rim__epoll_ops_advance(epoll);
    }
    run_ops(epoll);
    bool has_moved = driver->completions != before;
    if (wait_ns != 0 && has_moved) {
        return; /* the shard may have something to do now: if not, its next poll asks epoll and waits, in one call */
    }
    wait_ns = shorten(epoll, wait_ns);
    if (epoll->due_left == 0 && (wait_ns != 0 || is_worth_a_look(epoll, has_moved))) {
        look(epoll, wait_ns);
        run_ops(epoll);
    }
}

static uint64_t now(struct rim__driver *driver) {
    return rim__clock_now(&((struct rim__epoll *)driver)->clock);
}

/* ---- wake ---- */

/* Edge-triggered: every write wakes, and nobody has to read. */
static void wake(struct rim__driver *from, struct rim__driver *to) {
    const uint64_t one = 1;
    ssize_t written;
    (void)from;
    do {
        written = write(((const struct rim__epoll *)to)->event_fd, &one, sizeof one);
    } while (written < 0 && errno == EINTR);
}

/* ---- embedded ---- */

/* What epoll has to tell stays in its list until it is asked, also where it was told on an edge. */
static int descriptor(struct rim__driver *driver) {
    return ((const struct rim__epoll *)driver)->epoll_fd;
}

/* Runs nothing: what there is to run is for the next poll, whose completions make the shard ready. */
static uint64_t rest(struct rim__driver *driver, uint64_t wait_ns) {
    struct rim__epoll *epoll = (struct rim__epoll *)driver;
    look(epoll, 0);
    bool may_feed = epoll->starved.count != 0 && epoll->buffers.home_count != 0;
    return epoll->found || may_feed ? 0 : shorten(epoll, wait_ns);
}

/* ---- the plain socket calls ---- */

/* Beginning a connect, or an accept, must not wait for the network. */
static int set_non_blocking(struct rim__io *io, int fd) {
    if (fd >= 0 && fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) != 0) {
        int error = -errno;
        rim__net_close(io, fd, false);
        return error;
    }
    return fd;
}

static int listen_on(struct rim__io *io, const rim_address *address, const rim_listen_options *options,
                     rim_address *bound) {
    return set_non_blocking(io, rim__net_listen(io, address, options, bound));
}

static int open_socket(struct rim__io *io, const rim_address *peer) {
    return set_non_blocking(io, rim__net_socket(io, peer));
}

static void close_socket(struct rim__io *io, int fd, bool reset) {
    rim__epoll_files_forget(rim__epoll_of_io(io), fd);
    rim__net_close(io, fd, reset);
}

static int make_pipe(struct rim__io *io, int ends[2]) {
    return rim__outside_pipe(io, ends, false);
}

static int spawn(struct rim__io *io, struct rim__spawn *plan) {
    plan->blocks = false;
    return rim__outside_spawn(io, plan);
}

static int open_pipe(struct rim__io *io, struct rim__pipe_plan *plan) {
    plan->blocks = false;
    return rim__outside_open_pipe(io, plan);
}

/* ---- life ---- */

/* What an actor may still touch is left to it. What a helper still does, it does to its own copy (file_job.h). */
static void release(struct rim__epoll *epoll) {
    uint32_t out = rim__epoll_buffers_out_of(&epoll->buffers);
    rim__epoll_buffers_close(&epoll->buffers);
    rim__epoll_files_free(epoll);
    if (epoll->epoll_fd >= 0) {
        close(epoll->epoll_fd);
    }
    if (epoll->event_fd >= 0) {
        close(epoll->event_fd);
    }
    if (out != 0) {
        rim__log_write(epoll->log, RIM_LOG_WARNING, "epoll: closed with %u buffers not home", out);
        return;
    }
    free(epoll);
}

/* Nothing is with the kernel: no patience is needed. */
static void close_driver(struct rim__driver *driver, uint64_t patience_ns) {
    struct rim__epoll *epoll = (struct rim__epoll *)driver;
    (void)patience_ns;
    check_process(epoll);
    epoll->is_closing = true;
    rim__epoll_ops_abandon(epoll);
    rim__epoll_ops_finish(epoll);
    release(epoll);
}

static const struct rim__driver_ops driver_ops = {
    .poll = poll_epoll,
    .wake = wake,
    .now = now,
    .close = close_driver,
    .descriptor = descriptor,
    .rest = rest,
};

static bool has_buffers(struct rim__io *io) {
    const struct rim__epoll_buffers *buffers = &rim__epoll_of_io(io)->buffers;
    return buffers->home_count >= buffers->count / RIM_IO_BUFFERS_LOW;
}

static const struct rim__io_ops io_ops = {
    .submit = rim__epoll_ops_submit,
    .cancel = rim__epoll_ops_cancel,
    .has_buffers = has_buffers,
    .listen = listen_on,
    .socket = open_socket,
    .pipe = make_pipe,
    .open_pipe = open_pipe,
    .spawn = spawn,
    .send_file = rim__net_send_file,
    .close = close_socket,
    RIM_DRIVERS_PLAIN_CALLS,
};

static int open_descriptors(struct rim__epoll *epoll) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = EVENT_NAME};
    epoll->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    epoll->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (epoll->epoll_fd < 0 || epoll->event_fd < 0 ||
        epoll_ctl(epoll->epoll_fd, EPOLL_CTL_ADD, epoll->event_fd, &event) != 0) {
        return -errno;
    }
    return 0;
}

static int open_parts(struct rim__epoll *epoll, const struct rim__driver_options *options) {
    struct rim__epoll_buffers_options buffers = {.home = options->index};
    int error = rim__drivers_buffers(options->config, &buffers.count, &buffers.bytes);
    if (error == 0) {
        rim__epoll_buffers_plan(&epoll->buffers, &buffers);
        epoll->io.message_max = buffers.bytes;
    }
    epoll->sentinel = error == 0 ? rim__sentinel_open() : NULL;
    if (epoll->sentinel == NULL) {
        return error != 0 ? error : -ENOMEM;
    }
    return open_descriptors(epoll);
}

int rim__epoll_open(const struct rim__driver_options *options, struct rim__driver **driver, struct rim__io **io) {
    struct rim__epoll *epoll = calloc(1, sizeof *epoll);
    if (epoll == NULL) {
        return -ENOMEM;
    }
    epoll->driver = (struct rim__driver){.ops = &driver_ops, .shard = options->shard};
    epoll->io = (struct rim__io){.ops = &io_ops, .disk = &rim__disk_kernel, .shard = options->shard};
    epoll->log = options->log;
    epoll->epoll_fd = -1;
    epoll->event_fd = -1;
    epoll->look_gap = LOOK_GAPS * rim__cycles_stale();
    rim__clock_init(&epoll->clock);
    int error = open_parts(epoll, options);
    if (error != 0) {
        release(epoll);
        return error;
    }
    *driver = &epoll->driver;
    *io = &epoll->io;
    return 0;
}

uint32_t rim__epoll_buffers_out(const struct rim__driver *driver) {
    return rim__epoll_buffers_out_of(&((const struct rim__epoll *)driver)->buffers);
}
