/* SPDX-License-Identifier: MIT */
/*
 * rig.h - shards without a system: bare rim__shards with a driver that does no I/O. For tests of the shard layer, by
 * unit tests (one thread drives all) and by stress programs (a thread for each shard).
 *
 *     rig_init -> set shard->deliver and the like, where wanted -> tick -> rig_finish
 *
 * The driver sleeps on an eventfd, which wake writes. Until they are set, the hooks do nothing; deliver releases.
 *
 *     Threads  as in shard.h; init and finish while no shard runs
 */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "shard/driver.h"
#include "shard/shard.h"

struct rig_member {
    struct rim__driver driver;
    struct rim__shard *shard;
    int event_fd;
    _Atomic uint64_t wakes; /* times that it was woken, by the wakers */
    uint64_t polls;         /* by the shard's own thread, like the rest */
    uint64_t wished_ns;     /* the longest sleep that the last poll was allowed */
    uint64_t clock_ns;      /* what now says; 0: the real time */
    bool is_real;           /* poll really sleeps */
    void *arg;              /* the test's own */
};

struct rig {
    uint32_t count;
    struct rim__shard **shards;
    struct rig_member *members;
};

/* Shards with at most `parcels` parcels for each lane. The program ends if there is no memory. */
void rig_init(struct rig *rig, uint32_t count, uint32_t parcels);
void rig_finish(struct rig *rig);
struct rig_member *rig_member_of(const struct rim__shard *shard);
/* How often this shard was woken so far. */
uint64_t rig_wakes(const struct rig *rig, uint32_t index);
/* Real monotonic nanoseconds. */
uint64_t rig_now(void);

#endif
