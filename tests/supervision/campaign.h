/* SPDX-License-Identifier: MIT */
/*
 * campaign.h - supervision under simulation, by seeds.
 *
 *     main.c       seeds, options, what must have happened
 *     model.c      OTP's algorithm as a plain model
 *     property.c   random trees and random failures, one at a time, compared with the model
 *     chaos.c      crashes at any moment, many at once, supervisors killed while they start, restart and stop; at rest
 *                  no orphan, no double child, no lost DOWN
 *     steps.c      one tree, one crash: of each of its actors at each step of a start and of a restart
 *
 *     Threads  one: the simulation runs all shards on the caller's
 */
#ifndef SUPERVISION_CAMPAIGN_H
#define SUPERVISION_CAMPAIGN_H

#include "ringmail.h"

/* What must have happened by the end of a campaign of some length. */
#define CAMPAIGN_EVENTS(X)                                                                                             \
    X(property_started)                                                                                                \
    X(property_not_started)                                                                                            \
    X(property_crash)                                                                                                  \
    X(property_kill)                                                                                                   \
    X(property_request)                                                                                                \
    X(property_request_refused)                                                                                        \
    X(property_root_ended)                                                                                             \
    X(property_stop)                                                                                                   \
    X(chaos_crash)                                                                                                     \
    X(chaos_crash_in_init)                                                                                             \
    X(chaos_crash_while_starting)                                                                                      \
    X(chaos_crash_in_exit)                                                                                             \
    X(chaos_crash_while_stopping)                                                                                      \
    X(chaos_kill_worker)                                                                                               \
    X(chaos_kill_supervisor)                                                                                           \
    X(chaos_kill_supervisor_while_starting)                                                                            \
    X(chaos_kill_supervisor_while_restarting)                                                                          \
    X(chaos_kill_supervisor_while_stopping)                                                                            \
    X(chaos_request)                                                                                                   \
    X(chaos_rest)                                                                                                      \
    X(chaos_root_ended)                                                                                                \
    X(chaos_root_killed)                                                                                               \
    X(chaos_system_stopped)                                                                                            \
    X(chaos_without_memory)

enum campaign_event {
#define CAMPAIGN_EVENT_(name) CAMPAIGN_##name,
    CAMPAIGN_EVENTS(CAMPAIGN_EVENT_)
#undef CAMPAIGN_EVENT_
        CAMPAIGN_EVENT_COUNT
};

struct campaign {
    uint64_t random;
    const char *wrong; /* the first thing that was */
    char text[4096];   /* about it */
    uint64_t events[CAMPAIGN_EVENT_COUNT];
    uint64_t trace;
};

extern struct campaign campaign;

uint64_t campaign_random(uint64_t limit);
/* The first breach stays. */
void campaign_check(bool ok, const char *what);
#define CAMPAIGN_CHECK(expression) campaign_check((expression), #expression)
void campaign_note(enum campaign_event event);

/* A simulated system of some shards, started; faults by the seed, and so many of a thousand allocations fail. */
rim_system *campaign_system(uint64_t seed, uint32_t no_memory);
/* Runs until nothing moves any more. Timers up to some seconds are waited for. */
void campaign_settle(rim_system *system, uint64_t quiet_ns);
/* Stops and destroys it; nothing is lost or leaks. */
void campaign_end(rim_system *system);

void property_run(uint64_t seed);
void chaos_run(uint64_t seed);
/* All of it, on a few seeds. How many breaches there were: they are printed. */
uint64_t steps_run(void);

#endif
