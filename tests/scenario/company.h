/* SPDX-License-Identifier: MIT */
/*
 * company.h - scenarios of supervision as tables: a boss makes a supervisor and takes one step after the other; its
 * workers do as their plans say, and everything that happens is written into a log.
 *
 *     static const struct company_worker a = {.id = 'a'}, b = {.id = 'b', .plan = "+-"};
 *     static const rim_child children[] = {WORKER("a", a), WORKER("b", b)};
 *     static const rim_supervisor_spec spec = {.children = children, .child_count = 2};
 *     static const struct company_step steps[] = {
 *         {BEGIN, .spec = &spec}, {CRASH, "a"}, {UNTIL, "a+ b+"}, {LOG, "a b -a:257 a"}, {STOP}};
 *     COMPANY(otp_one_for_one, steps)
 *
 * Each table is run twice: with all on one shard, and with the children on the other shard.
 *
 * The log: "a" its init succeeded, "!a" failed, "?a" was not needed, "-a:1" it ended with this exit code.
 * A state, as UNTIL wants it: "a+" running, "a-" down, "a~" restarting, "as" starting, "ax" stopping; * is a dynamic
 * one.
 */
#ifndef COMPANY_H
#define COMPANY_H

#include <stdatomic.h>

#include "role.h"

#define COMPANY_SLOTS 8u
#define COMPANY_LOG   8192u

/* What a worker's init does each time, the last letter for ever: + succeeds, - fails, i says that it is not needed,
   . succeeds some time after init, ~ never gets ready. "" is "+". */
struct company_worker {
    char id;
    char plan[15];
    bool stubborn; /* it traps exits, and takes no notice */
    bool clings;   /* it traps exits, and ends with a code of its own when it is told to shut down */
};

enum company_op {
    BEGIN = 1,  /* makes .spec; it starts, or ends with the code .expect */
    BEGIN_BAD,  /* rim_supervise says .expect */
    START,      /* start_child .child, and the others: the outcome is .expect */
    START_HERE, /* start_child .child returns .expect at once */
    START_DYNAMIC,
    TERMINATE,
    TERMINATE_SLOT, /* terminate_dynamic of slot .how */
    RESTART,
    DELETE,
    GET,        /* and keeps the reference in .slot, if that is not 0 */
    SPEC,       /* get_childspec, looked at by .look */
    CRASH,      /* child .text ends as .how says: the boss waits for its DOWN */
    CRASH_SLOT, /* the actor in slot .slot, the same */
    SEND,       /* child .text is told .how, and nothing is waited for */
    UNTIL,      /* which_children is .text */
    TREE,       /* the whole tree is .text, with .how unknown */
    COUNTS,     /* count_children is .text: specs, active, supervisors, workers */
    LOG,        /* the log is .text; it is empty afterwards */
    LOG_UNTIL,  /* the same, when it has come to be so */
    LOG_CLEAR,
    STOP,      /* shutdown; the supervisor ends with .expect, or RIM_EXIT_SHUTDOWN */
    KILL,      /* the supervisor in slot .in is killed */
    ENDED,     /* the supervisor ends with .expect by itself */
    DRAINED,   /* the supervisor is drained: report.lost is .how, unless .look looks at it */
    LOOK,      /* .look */
    PASS,      /* .how nanoseconds pass */
    NOBODY_IS, /* no worker is alive; it may take time */
};

/* How a worker ends, or what it is told. */
enum company_how { ABNORMAL = 0, NORMAL, SHUTDOWN, KILLED, UNLINK, COUNT_THIS, CONFIRM };

struct company;
struct company_step {
    enum company_op op;
    const char *text;
    int expect;
    uint64_t how, timeout_ns;
    uint32_t slot, in; /* in: the slot of the supervisor; 0 the one of BEGIN */
    const rim_child *child;
    const rim_supervisor_spec *spec;
    void (*look)(rim_ctx *ctx, struct company *company, const void *body);
};

struct company {
    const struct company_step *steps;
    uint32_t count, at;
    bool across;
    rim_ref refs[COMPANY_SLOTS];
    bool ended, started;
    uint32_t end_code;
    rim_mon watched;
    uint64_t tries;
    atomic_uint starts[128], worked[128];
    atomic_int alive[128], all_alive;
    _Atomic(rim_ref) workers[128]; /* the last of each */
    uint32_t log_length;           /* it and the log: under the log's lock; the text ends with a zero */
    char log[COMPANY_LOG];
};

extern const rim_behaviour company_worker;

/* A worker's argument is its struct company_worker; where the company is it knows. */
#define WORKER(name, worker, ...)                                                                                      \
    { .id = (name), .behaviour = &company_worker, .arg = &(worker), .size = sizeof(worker), __VA_ARGS__ }
#define SUPERVISOR(name, of, ...)                                                                                      \
    { .id = (name), .supervisor = &(of), __VA_ARGS__ }
#define SUPERVISE(list, ...)                                                                                           \
    { .children = (list), .child_count = RIM_COUNT(list), __VA_ARGS__ }
#define TOLERANT .intensity = 2, .period_ns = RIM_SECONDS(3600)

struct company *company_of(void);
void company_run(struct scenario *s, const struct company_step *steps, uint32_t count);
void company_run_at(struct scenario *s, const struct company_step *steps, uint32_t count, bool across);
bool company_log_is(struct company *company, const char *text);

#define COMPANY(name, table)                                                                                           \
    void name(struct scenario *s) {                                                                                    \
        company_run(s, table, RIM_COUNT(table));                                                                       \
    }

#endif
