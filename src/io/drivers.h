/* SPDX-License-Identifier: MIT */
/*
 * drivers.h - the constructors of the drivers that stand on the kernel; for whoever composes a system.
 *
 *     rim__uring_probe (once a system) -> on each shard's own, pinned thread: rim__uring_open -> driver->ops->close
 *
 *     Threads  probe: any. open and close: the shard's own, and the same one for both: the ring knows its thread. A
 *              driver is closed only when no other shard can wake it any more. It does not survive fork().
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

/* What this kernel, in this process, really does. */
struct rim__uring_traits {
    uint32_t setup_flags; /* of io_uring_setup that were taken */
    uint32_t kernel_major, kernel_minor;
    bool recv_multishot;                    /* else receives are one-shot */
    bool wake_by_msg_ring;                  /* else by eventfd; chosen by config->wake */
    char wake_reason[RIM_URING_REASON_MAX]; /* "msg_ring: kernel 6.18", "eventfd: asked for" */
};

/*
 * Makes a ring, completes operations on it and finds what works. 0; or -ENOSYS, -EPERM, -ENOMEM, -EINVAL (the config),
 * ..., and a line in the log that says what to do.
 */
int rim__uring_probe(const rim_config *config, const struct rim__log *log, struct rim__uring_traits *out);

struct rim__driver_options {
    struct rim__shard *shard;               /* not looked into */
    uint32_t index;                         /* of the shard */
    const struct rim__log *log;             /* must outlive the driver */
    const rim_config *config;               /* copied as far as it is needed */
    const struct rim__uring_traits *traits; /* as probe found them; copied */
};

/* 0 or a negative errno, which the log explains. */
int rim__uring_open(const struct rim__driver_options *options, struct rim__driver **driver, struct rim__io **io);

/* Receive buffers that are with actors now: none when everything has been released. */
uint32_t rim__uring_buffers_out(const struct rim__driver *driver);

#endif
