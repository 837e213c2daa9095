/* SPDX-License-Identifier: MIT */
/*
 * Shards that a loop of their user's steps. Such a shard has no thread of its own; the first thread that asks for it
 * gets it for life, since its ring belongs to the thread that made it.
 *
 *     CLOSED --first call: its driver is opened--> OPEN --told to quit, by a step--> LOOPED --the system's word-->
 * ENDED
 *       '-- the driver cannot be opened, and the system stops: a driver that knows a clock only --> OPEN
 *
 * A step is ticks that may not sleep. At its end the driver forgets the wake-ups that have come, then the bell is
 * marked PARKED unless it has news: from then on whoever has news for the shard wakes its driver, and the driver's
 * descriptor is readable. So no news is missed between two steps.
 */
#include "ringmail/embed.h"

#include <errno.h>
#include <time.h>

#include "system.h"

#define PACE_NS 1000000u /* how often to look while the system stops */

/* ---- whose it is ---- */

static _Thread_local char here; /* its address is the thread's number */

static bool claim(struct rim__member *member) {
    uintptr_t nobody = 0, self = (uintptr_t)&here;
    return atomic_compare_exchange_strong(&member->stepper, &nobody, self) || nobody == self;
}

/* ---- a driver for a shard that got none: enough to obey the orders of a stop ---- */

static void poll_nothing(struct rim__driver *driver, uint64_t wait_ns) {
    (void)driver;
    (void)wait_ns;
}

static void wake_nobody(struct rim__driver *from, struct rim__driver *to) {
    (void)from;
    (void)to;
}

static uint64_t now(struct rim__driver *driver) {
    struct timespec time;
    (void)driver;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int no_descriptor(struct rim__driver *driver) {
    (void)driver;
    return -ENOTSUP;
}

static uint64_t rest(struct rim__driver *driver, uint64_t wait_ns) {
    (void)driver;
    return wait_ns < PACE_NS ? wait_ns : PACE_NS;
}

static const struct rim__driver_ops none = {.poll = poll_nothing,
                                            .wake = wake_nobody,
                                            .now = now,
                                            .close = poll_nothing,
                                            .descriptor = no_descriptor,
                                            .rest = rest};

/* ---- one shard ---- */

/* All shards of a system have the same driver: only the one that is alone may still change it. */
static int open_some_driver(struct rim__member *member) {
    struct rim_system *system = member->system;
    int error = rim__member_open(member);
    if (error != 0 && system->count == 1 && rim__drivers_retreat(&system->choice, &system->log, error)) {
        error = rim__member_open(member);
    }
    if (error != 0) {
        rim__drivers_explain(&system->choice, &system->log, error);
    }
    return error;
}

static int open_driver(struct rim__member *member) {
    if (member->station != RIM_MEMBER_CLOSED) {
        return 0;
    }
    if (member->system->sim == NULL) {
        rim__shard_set_current(member->shard);
        member->error = open_some_driver(member);
        rim__shard_set_current(NULL);
    }
    if (member->error == 0) {
        member->station = RIM_MEMBER_OPEN;
    }
    return member->error;
}

static void make_do_without(struct rim__member *member) {
    member->spare = (struct rim__driver){.ops = &none, .shard = member->shard};
    member->shard->driver = &member->spare;
    member->station = RIM_MEMBER_OPEN;
}

static void tick(struct rim__member *member, uint64_t budget_ns) {
    struct rim__shard *shard = member->shard;
    uint64_t start_ns = shard->driver->ops->now(shard->driver), wait_ns;
    rim__shard_set_current(shard);
    do {
        rim__shard_tick(shard, false);
        wait_ns = rim__shard_rest(shard);
    } while (wait_ns == 0 && !shard->stopping && shard->driver->ops->now(shard->driver) - start_ns < budget_ns);
    rim__shard_set_current(NULL);
    bool never = wait_ns >= RIM_DRIVER_FOREVER - shard->now_ns;
    member->due_ns = never ? RIM_DRIVER_FOREVER : shard->now_ns + wait_ns;
}

/* The same in the simulated world, where a turn is what its driver makes of it. */
static void turn(struct rim__member *member, uint64_t budget_ns) {
    struct rim__sim *sim = member->system->sim;
    uint64_t start_ns = sim->now_ns;
    while (!member->shard->stopping && rim__sim_turn(sim, member->shard->index) && sim->now_ns - start_ns < budget_ns) {
    }
}

/* How long until it is to be stepped; RIM_DRIVER_FOREVER: only when its descriptor says so. */
static uint64_t due_in(struct rim__member *member) {
    if (member->station != RIM_MEMBER_OPEN) {
        return member->station == RIM_MEMBER_CLOSED ? 0 : PACE_NS;
    }
    if (member->system->sim != NULL) {
        return rim__sim_next(member->system->sim, member->shard->index);
    }
    if (member->due_ns == RIM_DRIVER_FOREVER || member->due_ns == 0) {
        return member->due_ns;
    }
    uint64_t now_ns = member->shard->driver->ops->now(member->shard->driver);
    return member->due_ns > now_ns ? member->due_ns - now_ns : 0;
}

static int step(struct rim__member *member, uint64_t budget_ns) {
    struct rim_system *system = member->system;
    if (member->station == RIM_MEMBER_OPEN) {
        (system->sim != NULL ? turn : tick)(member, budget_ns);
        if (member->shard->stopping) {
            member->station = RIM_MEMBER_LOOPED;
            rim__gate_knock(&system->looped);
        }
    }
    if (member->station == RIM_MEMBER_LOOPED && rim__gate_wait(&system->close, 1, 0)) {
        rim__shard_set_current(member->shard);
        rim__member_close(member);
        rim__shard_set_current(NULL);
        member->station = RIM_MEMBER_ENDED;
        rim__gate_knock_last(&system->closed); /* nobody joins this thread */
    }
    return member->station == RIM_MEMBER_ENDED ? -RIM_ESTOPPING : due_in(member) == 0;
}

/* ---- for the stop ---- */

bool rim__embed_step_mine(struct rim_system *system, uint64_t budget_ns) {
    bool any = false;
    for (uint32_t i = 0; i < system->embedded; i++) {
        struct rim__member *member = &system->members[i];
        if (!claim(member) || member->station == RIM_MEMBER_ENDED) { /* in this order: the station is its thread's */
            continue;
        }
        if (open_driver(member) != 0) {
            make_do_without(member);
        }
        (void)step(member, budget_ns);
        any = true;
    }
    return any;
}

/* ---- the public functions ---- */

static int get(rim_system *system, uint32_t shard, struct rim__member **out) {
    if (shard >= system->count) {
        return -EINVAL;
    }
    struct rim__member *member = &system->members[shard];
    if (shard >= system->embedded || !system->started || rim__shard_current() != NULL) {
        return -RIM_ECONTEXT;
    }
    if (!claim(member)) {
        return -RIM_ECONTEXT;
    }
    *out = member;
    return member->station == RIM_MEMBER_ENDED ? -RIM_ESTOPPING : open_driver(member);
}

int rim_shard_fd(rim_system *system, uint32_t shard) {
    struct rim__member *member;
    int error = get(system, shard, &member);
    if (error != 0) {
        return error;
    }
    const struct rim__shard *self = member->shard;
    return self->driver->ops->descriptor(self->driver);
}

int rim_shard_step(rim_system *system, uint32_t shard, uint64_t budget_ns) {
    struct rim__member *member;
    int error = get(system, shard, &member);
    return error != 0 ? error : step(member, budget_ns);
}

int64_t rim_shard_next(rim_system *system, uint32_t shard) {
    struct rim__member *member;
    int error = get(system, shard, &member);
    if (error != 0) {
        return error == -RIM_ESTOPPING ? -1 : 0;
    }
    uint64_t next_ns = due_in(member);
    if (next_ns > PACE_NS && rim__inlet_is_closed(&member->shard->inlet)) {
        next_ns = PACE_NS; /* a stop goes on: its next step may be due */
    }
    return next_ns == RIM_DRIVER_FOREVER ? -1 : next_ns > INT64_MAX ? INT64_MAX : (int64_t)next_ns;
}
