/* SPDX-License-Identifier: MIT */
/*
 * drivers.h - the drivers that stand on the kernel: which of them it is to be, and their constructors; for whoever
 * composes a system.
 *
 *     rim__drivers_choose (once a system) -> on each shard's own, pinned thread: rim__drivers_open ->
 * driver->ops->close
 *
 * What is chosen: config->driver, where it names one. Else RINGMAIL_DRIVER of the environment (io_uring or epoll). Else
 * io_uring if it works here, which is tried, and epoll if not; the log then has one line that says why.
 *
 *     Threads  choose, retreat and explain: any. open and close: the shard's own, and the same one for both: a ring
 * knows its thread. A driver is closed only when no other shard can wake it any more. It does not survive fork().
 */
#ifndef RINGMAIL_IO_DRIVERS_H
#define RINGMAIL_IO_DRIVERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "ringmail/runtime.h"

struct rim__shard;
struct rim__driver;
struct rim__io;

#define RIM_URING_REASON_MAX 96
#define RIM_URING_TEXT_MAX   400

/* What this kernel, in this process, really does with io_uring. */
struct rim__uring_traits {
    uint32_t setup_flags; /* of io_uring_setup that were taken */
    uint32_t kernel_major, kernel_minor;
    bool recv_multishot;                    /* else receives are one-shot */
    bool zero_copy;                         /* of sends */
    bool wake_by_msg_ring;                  /* else by eventfd; chosen by config->wake */
    char wake_reason[RIM_URING_REASON_MAX]; /* "msg_ring: kernel 6.18", "eventfd: asked for" */
};

struct rim__driver_choice {
    enum rim_driver_kind kind;       /* RIM_DRIVER_URING or RIM_DRIVER_EPOLL */
    bool is_free;                    /* nobody asked for this one: epoll may take the place of io_uring */
    struct rim__uring_traits traits; /* of io_uring, if it works */
};

struct rim__driver_options {
    struct rim__shard *shard;               /* not looked into */
    uint32_t index;                         /* of the shard */
    bool embedded;                          /* stepped by its user's loop: descriptor and rest work */
    const struct rim__log *log;             /* must outlive the driver */
    const rim_config *config;               /* copied as far as it is needed */
    const struct rim__uring_traits *traits; /* for io_uring, as probe found them; copied; set by rim__drivers_open */
};

/* What both drivers do by the same plain calls: rows of their tables. */
#define RIM_DRIVERS_PLAIN_CALLS                                                                                        \
    .send_now = rim__net_send_now, .names = rim__net_names, .seal = rim__net_seal, .say_end = rim__net_say_end,        \
    .unname = rim__net_unname, .duplicate = rim__net_duplicate, .datagram = rim__net_datagram,                         \
    .send_to = rim__net_send_to, .send_letters = rim__net_send_letters, .segments = rim__net_segments,                 \
    .receive_from = rim__net_receive_from, .next_error = rim__net_next_error, .member = rim__net_member,               \
    .credentials = rim__net_credentials, .tune = rim__net_tune, .resolve = rim__lookup_by_system,                      \
    .signal_child = rim__outside_signal_child, .reap = rim__outside_reap, .share = rim__outside_share,                 \
    .signals = rim__outside_signals, .fetch_signal = rim__outside_fetch_signal, .look = rim__file_job_look,            \
    .shutdown = rim__net_shutdown

/* 0; or -EINVAL, or what io_uring was refused with (-ENOSYS, -EPERM, -ENOMEM, ...), and a line in the log. */
int rim__drivers_choose(const rim_config *config, const struct rim__log *log, struct rim__driver_choice *out);
/* io_uring was refused with this error after all. True: epoll takes its place, which the log says, and why. */
bool rim__drivers_retreat(struct rim__driver_choice *choice, const struct rim__log *log, int error);

/* 0 or a negative errno; says nothing to the log. */
int rim__drivers_open(const struct rim__driver_choice *choice, struct rim__driver_options *options,
                      struct rim__driver **driver, struct rim__io **io);
/* One line about an error of rim__drivers_open, and what can be done about it. */
void rim__drivers_explain(const struct rim__driver_choice *choice, const struct rim__log *log, int error);
/* Receive buffers that are with actors now: none when everything has been released. */
uint32_t rim__drivers_buffers_out(const struct rim__driver_choice *choice, const struct rim__driver *driver);
/* As rim_system_driver and rim_system_wake say it. */
const char *rim__drivers_name(const struct rim__driver_choice *choice);
const char *rim__drivers_wake(const struct rim__driver_choice *choice);

/* From one receive buffer to the next: at a distance of a power of two, the first bytes of all would be in the way of
   each other in the cache. */
#define RIM_DRIVERS_STRIDE(bytes) ((size_t)(bytes) + 320u)

/* The receive buffers that the configuration asks for; `bytes` is of each. 0 or -EINVAL. */
int rim__drivers_buffers(const rim_config *config, uint32_t *count, uint32_t *bytes);

/* ---- io_uring ---- */

/* Makes a ring, completes operations on it and finds what works; once it has found that, it says so for the rest of the
   process. 0; or -ENOSYS, -EPERM, -ENOMEM, -EINVAL, ... */
int rim__uring_probe(const rim_config *config, struct rim__uring_traits *out);
/* What an error of probe or open means here, and what can be done about it: one line. uring_explain.c */
void rim__uring_explain(int error, char text[RIM_URING_TEXT_MAX]);
int rim__uring_open(const struct rim__driver_options *options, struct rim__driver **driver, struct rim__io **io);
uint32_t rim__uring_buffers_out(const struct rim__driver *driver);

/* ---- epoll ---- */

int rim__epoll_open(const struct rim__driver_options *options, struct rim__driver **driver, struct rim__io **io);
uint32_t rim__epoll_buffers_out(const struct rim__driver *driver);

#endif
