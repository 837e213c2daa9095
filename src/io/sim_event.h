/* SPDX-License-Identifier: MIT */
/*
 * sim_event.h - what will happen in the simulated world, by its time: a heap. Called by the files of the simulation.
 *
 *     Order    by time, and among equals as pushed
 *     Loss     none: an event is taken once, when its time has come
 *     Threads  the one that steps the simulation
 */
#ifndef RINGMAIL_IO_SIM_EVENT_H
#define RINGMAIL_IO_SIM_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RIM_SIM_NEVER UINT64_MAX

struct rim__sim_event {
    uint64_t due_ns;
    uint64_t order; /* by push */
    void (*fire)(const struct rim__sim_event *event);
    void *subject;    /* what it happens to; fire knows its type */
    const bool *moot; /* NULL, or: once true, fire changes nothing and may be called before its time */
    int32_t side;     /* which end of a connection */
    int32_t arg;
};

struct rim__sim_events {
    struct rim__sim_event *heap;
    size_t count, capacity;
    uint64_t pushed;
};

void rim__sim_event_push(struct rim__sim_events *events, struct rim__sim_event event);
/* Takes the first event if it is due at `now_ns`, or moot. */
bool rim__sim_event_take(struct rim__sim_events *events, uint64_t now_ns, struct rim__sim_event *out);
/* When the next one is due, or RIM_SIM_NEVER; to be asked when take has given all it has. */
uint64_t rim__sim_event_next(const struct rim__sim_events *events);
void rim__sim_event_finish(struct rim__sim_events *events);

/* Memory for the simulation's own things, zeroed. A world that is out of memory cannot go on: it asserts. */
void *rim__sim_event_alloc(size_t size);

#endif
