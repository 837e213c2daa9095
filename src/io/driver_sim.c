/* SPDX-License-Identifier: MIT */
#include "io/driver_sim.h"

#include <errno.h>

#include "base/assert.h"
#include "io/sim_world.h"

#define LATE_NS_MAX       1000000u
#define FALSE_WAKE_NS_MAX 1000000u

static struct rim__sim_shard *of(struct rim__driver *driver) {
    return rim__container_of(driver, struct rim__sim_shard, driver);
}

static void fall_asleep(struct rim__sim_shard *self, uint64_t wait_ns) {
    struct rim__sim *sim = self->sim;
    if (rim__sim_strikes(sim, RIM_FAULT_false_wake)) {
        uint64_t early = rim__sim_between(sim, 1, FALSE_WAKE_NS_MAX);
        wait_ns = early < wait_ns ? early : wait_ns;
    }
    self->asleep = true;
    self->wake_ns = wait_ns < RIM_SIM_NEVER - sim->now_ns ? sim->now_ns + wait_ns : RIM_SIM_NEVER;
}

static void poll(struct rim__driver *driver, uint64_t wait_ns) {
    struct rim__sim_shard *self = of(driver);
    rim__assert(!self->closed);
    driver->enters++;
    rim__sim_settle(self->sim);
    rim__sim_flight_arm(self);
    bool completed = rim__sim_flight_run(self);
    completed = rim__sim_file_run(self) || completed;
    bool more = self->flights.ready_count > 0 || self->files.ready != NULL;
    bool woken = self->woken;
    self->woken = false;
    if (wait_ns > 0 && !completed && !more && !woken) {
        fall_asleep(self, wait_ns);
    }
}

static void arrive(struct rim__sim_shard *self) {
    if (self->closed) {
        return;
    }
    rim__sim_note(self->sim, RIM_NOTE_WAKE, self->shard->index, self->sim->now_ns);
    self->driver.wakes_received++;
    if (self->asleep) {
        rim__sim_rouse(self);
    } else {
        self->woken = true;
    }
}

static void fire_wake(const struct rim__sim_event *event) {
    arrive(event->subject);
}

static void wake(struct rim__driver *from, struct rim__driver *to) {
    (void)from;
    struct rim__sim_shard *self = of(to);
    struct rim__sim *sim = self->sim;
    if (!rim__sim_strikes(sim, RIM_FAULT_late_wake)) {
        arrive(self);
        return;
    }
    rim__sim_event_push(&sim->events, (struct rim__sim_event){
                                          .due_ns = sim->now_ns + rim__sim_between(sim, 1, LATE_NS_MAX),
                                          .fire = fire_wake,
                                          .subject = self,
                                      });
}

static uint64_t now(struct rim__driver *driver) {
    return of(driver)->sim->now_ns;
}

/* Nothing needs patience here. The memory stays with the simulation: the counters are still to be read. */
static void close_driver(struct rim__driver *driver, uint64_t patience_ns) {
    (void)patience_ns;
    struct rim__sim_shard *self = of(driver);
    rim__assert(!self->closed);
    rim__sim_flight_cancel_all(self);
    rim__sim_file_cancel_all(self);
    self->closed = true;
}

/* Virtual time has none: see rim__sim_next. */
static int descriptor(struct rim__driver *driver) {
    (void)driver;
    return -ENOTSUP;
}

static uint64_t rest(struct rim__driver *driver, uint64_t wait_ns) {
    (void)driver;
    return wait_ns;
}

const struct rim__driver_ops rim__driver_sim_ops = {
    .poll = poll, .wake = wake, .now = now, .close = close_driver, .descriptor = descriptor, .rest = rest};
