/* SPDX-License-Identifier: MIT */
/*
 * scenario.h - one behaviour of the library, told through its public functions alone, and run on every driver.
 *
 *     void an_actor_answers(struct scenario *s) {
 *         rim_system *system = scenario_system(s);        made, not started
 *         ... rim_system_spawn ...
 *         scenario_run(s, RIM_SECONDS(5));                starts; ends when an actor calls scenario_done
 *         SCENARIO_CHECK(s, answers == 1);
 *     }
 *
 * The scenario's name is in tests/scenario/list.h, or a list that it includes. After it the harness stops the system
 * and checks that nothing was lost, that the counters add up, and that nothing leaked. In simulation it runs once for
 * each seed, with mild faults (delays, short reads, full lanes: what a program must not notice) for every second one. A
 * failure prints the command that replays it. Each scenario runs in a process of its own, under a time limit.
 *
 *     Threads  checks may be made by actors on any shard
 */
#ifndef TESTS_SCENARIO_H
#define TESTS_SCENARIO_H

#include <ringmail.h>

#include "scenario/list.h" /* their prototypes */

struct scenario;
typedef void (*scenario_fn)(struct scenario *s);

struct scenario_entry {
    const char *name;
    scenario_fn run;
};

/* The system under test: made at the first call, with two shards. */
rim_system *scenario_system(struct scenario *s);
/* The same with a configuration of the scenario's own; driver, seed, log and simulation are the harness's. A second
   call makes a second system, and the first is stopped and checked before. */
rim_system *scenario_system_with(struct scenario *s, const rim_config *config);
/* From the next system on: the simulation leaves the ways between the shards open, so that a send to another shard is
   not refused for want of a parcel. For scenarios that are about something else. */
void scenario_open_lanes(struct scenario *s);
/* A system that the scenario starts, stops and destroys itself, by this configuration as it is. Where it cannot be made
   the scenario ends, as failed. */
rim_system *scenario_create(const rim_config *config);
/* Starts the system, if need be, and waits until an actor calls scenario_done. Reaching the limit is a failure. */
void scenario_run(struct scenario *s, uint64_t limit_ns);
/* The same, but reaching the time is what is wanted. */
void scenario_pass_time(struct scenario *s, uint64_t duration_ns);
void scenario_done(rim_ctx *ctx);
void scenario_check(struct scenario *s, bool ok, const char *what);
#define SCENARIO_CHECK(s, expression) scenario_check((s), (expression), __FILE__ ": " #expression)
/* The scenario that runs, for actors. */
struct scenario *scenario_current(void);
bool scenario_is_sim(const struct scenario *s);
/* For scenarios that make systems themselves. */
enum rim_driver_kind scenario_driver(const struct scenario *s);
/* The stop at the end is to be cut off by this deadline: it then must return -ETIMEDOUT. */
void scenario_expect_cut(struct scenario *s, uint64_t deadline_ns);
/* The system, which the scenario will destroy itself, after scenario_stop. */
rim_system *scenario_hand_over(struct scenario *s);
/* Stops now instead of at the end, with these results. */
int scenario_stop(struct scenario *s, uint64_t timeout_ns, rim_stop_report *report);
/* The scenario has stopped its system by other means. */
void scenario_stopped(struct scenario *s);

/* Runs the entries as the arguments say (--driver uring|epoll|sim|all, --seeds N, --seed S, --only NAME, --jobs N at
   once, --embedded, --list); prints "N passed, N failed". The exit status. */
int scenario_main(int argc, char **argv, const struct scenario_entry *entries, size_t count);

#endif
