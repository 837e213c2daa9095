/* SPDX-License-Identifier: MIT */
/*
 * driver.h - the contract between a shard and whatever polls the world for it: the waist of the house.
 *
 * The shard owns the contract, src/io the mechanism (driver_uring.c, driver_epoll.c, driver_sim.c). It is four
 * functions wide so that it can be simulated; it says nothing of sockets, files or buffers (see io/op.h for those). Two
 * more serve shards that are stepped by a loop of their user's (embed.c).
 *
 *     Threads  poll, now, close, descriptor and rest: the shard's own thread. wake: the thread of `from`, or any thread
 *              where `from` is NULL; it may touch of `to` only what was there before the shard first parked.
 */
#ifndef RINGMAIL_SHARD_DRIVER_H
#define RINGMAIL_SHARD_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

struct rim__shard;
struct rim__driver;

#define RIM_DRIVER_FOREVER UINT64_MAX

struct rim__driver_ops {
    /*
     * Submits what was prepared, sleeps at most wait_ns (0: not at all) or until something completes or the shard is
     * woken, and runs the completions. Returns early without harm. A simulated driver cannot sleep: it notes the
     * wish, returns, and its world does not give the shard a turn before.
     */
    void (*poll)(struct rim__driver *driver, uint64_t wait_ns);
    /* Makes a poll of `to` that sleeps, or is about to, return. Never fails; may be spurious. */
    void (*wake)(struct rim__driver *from, struct rim__driver *to);
    /* Monotonic nanoseconds. Cheap: may be a few microseconds stale. */
    uint64_t (*now)(struct rim__driver *driver);
    /* Frees everything. Operations in flight are cancelled and reaped first; past `patience_ns` they are leaked. */
    void (*close)(struct rim__driver *driver, uint64_t patience_ns);
    /* For an embedded shard: a descriptor that is readable, level-triggered, while something has completed or woken
       the shard since the last rest. The driver's own, and the same at every call; or a negative code: there is none.
     */
    int (*descriptor)(struct rim__driver *driver);
    /* For an embedded shard, in place of a poll that sleeps, and before its bell is marked PARKED: how long it may wait
       for the descriptor, at most wait_ns; 0: poll again, there is something. Wake-ups that have come are forgotten;
       what comes after it makes the descriptor readable. */
    uint64_t (*rest)(struct rim__driver *driver, uint64_t wait_ns);
};

/* The head of every driver. */
struct rim__driver {
    const struct rim__driver_ops *ops;
    struct rim__shard *shard;
    uint64_t enters;         /* system calls of poll */
    uint64_t wakes_received; /* wake-ups that reached poll */
    uint64_t completions;    /* of operations, run by poll */
    bool is_due; /* a poll is to be made before the shard parks: it has something to do that does not wait */
};

#endif
