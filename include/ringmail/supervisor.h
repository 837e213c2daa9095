/* SPDX-License-Identifier: MIT */
/*
 * supervisor.h - supervisors: actors that start other actors in order, restart those that fail, and stop them in
 * reverse. They mean what they mean in Erlang/OTP (supervisor(3)); docs/guide/10-supervision.md says where they differ.
 *
 *     static const rim_child children[] = {
 *         {.id = "store", .behaviour = &store},
 *         {.id = "door", .behaviour = &door, .restart = RIM_TRANSIENT},
 *     };
 *     rim_supervisor_spec spec = {.strategy = RIM_REST_FOR_ONE, .children = children, .child_count = 2};
 *     rim_supervise(ctx, &spec, &supervisor);
 *
 * A supervisor stands on public means only: links, monitors, spawn options, requests. Its children are spawned linked
 * to it, so that they end with it however it ends.
 *
 *     Order    a child is started when the init of the one before it has succeeded; children are stopped last first,
 *              each when the one after it has ended
 *     Loss     the end of a child is never missed: it is a monitor's event. A request to a supervisor has exactly one
 *              outcome; one that comes while it starts, restarts or stops children waits for that
 *     Threads  every function here takes a rim_ctx and is called in a handler, but for rim_system_supervise and the
 *              two checks: any thread
 */
#ifndef RINGMAIL_SUPERVISOR_H
#define RINGMAIL_SUPERVISOR_H

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Without end: a deadline that never comes. */
#define RIM_FOREVER UINT64_MAX

/* Bytes of a child's id, with its NUL. */
#define RIM_CHILD_ID_MAX 64u

/* Bytes of the argument of a child's init, at most. */
#define RIM_CHILD_ARG_MAX 1024u

/* Bytes that hold any text of the two checks. */
#define RIM_CHECK_TEXT 192u

/* Whom a child's end concerns. */
enum rim_strategy {
    RIM_ONE_FOR_ONE = 0, /* that child alone is restarted */
    RIM_ONE_FOR_ALL,     /* all others are stopped, then all are started */
    RIM_REST_FOR_ONE,    /* those after it are stopped, then it and they are started */
    RIM_DYNAMIC,         /* any number of children of one template (simple_one_for_one) */
};

/* When a child that has ended is started again. Normal ends are RIM_EXIT_NORMAL and RIM_EXIT_SHUTDOWN. */
enum rim_restart {
    RIM_PERMANENT = 0, /* always */
    RIM_TRANSIENT,     /* unless its end was normal */
    RIM_TEMPORARY,     /* never, and it is forgotten when it has ended */
};

/* Whether the supervisor ends when significant children have ended by themselves and are not restarted. */
enum rim_auto_shutdown {
    RIM_AUTO_NEVER = 0,
    RIM_AUTO_ANY, /* with the first */
    RIM_AUTO_ALL, /* with the last */
};

/* How a child is stopped. What has not ended when its time is up is killed. */
enum rim_child_stop {
    RIM_CHILD_SHUTDOWN = 0, /* the exit signal RIM_EXIT_SHUTDOWN: after its current message, unless it traps exits */
    RIM_CHILD_DRAIN,        /* it works off its backlog first (rim_end) */
    RIM_CHILD_KILL,         /* at once (brutal_kill) */
};

struct rim_supervisor_spec;

/* One child. Zeroes are the defaults. Everything is copied but behaviours. */
typedef struct rim_child {
    const char *id;                               /* unique in its supervisor, 1 to 63 bytes; none for a template */
    const rim_behaviour *behaviour;               /* of a worker, or */
    const struct rim_supervisor_spec *supervisor; /* the child is a supervisor */
    const rim_spawn_options *options; /* NULL: defaults. Its link, monitor and acknowledge are the supervisor's. With
                                         `keep`, a child that failed keeps its reference and its mailbox */
    const void *arg;                  /* init's argument, `size` bytes, at most 1,024; the same at each restart */
    size_t size;
    enum rim_restart restart;
    bool significant; /* with auto_shutdown; not for permanent children */
    enum rim_child_stop stop;
    uint64_t stop_ns; /* until it is killed; 0: 5 s, for a supervisor RIM_FOREVER */
} rim_child;

/* A supervisor. Zeroes are the defaults. */
typedef struct rim_supervisor_spec {
    const rim_spawn_options *options; /* of the supervisor itself, where it is not another's child; NULL: defaults */
    enum rim_strategy strategy;
    enum rim_auto_shutdown auto_shutdown;
    uint32_t intensity; /* more restarts than this within period_ns, and it ends (escalation) */
    uint64_t period_ns; /* 0: the default, which is 1 restart in 5 s */
    /* A restart waits between the half and the whole of min << (failures in a row - 1), at most max; min 0: not at
       all. A child that has run for quiet_ns starts counting anew (0: ten times max). */
    uint64_t backoff_min_ns, backoff_max_ns, backoff_quiet_ns;
    bool drain_on_closing;     /* at RIM_CLOSING it drains its children and ends. For the root of a tree */
    const rim_child *children; /* in the order of their start. RIM_DYNAMIC: the one template */
    uint32_t child_count;
} rim_supervisor_spec;

/* ---- making ---- */

/*
 * Makes a supervisor, linked to the caller. RIM_STARTED comes when all its children have started; if one does not,
 * those before it are stopped, and the supervisor ends with RIM_EXIT_INIT: the caller ends with it, or, trapping
 * exits, gets RIM_EXIT_SIGNAL. It ends with RIM_EXIT_SHUTDOWN at more restarts than its intensity, by auto_shutdown
 * and when told to; and with the caller's code when the caller ends. `out` may be NULL. 0, -EINVAL (rim_error_text
 * says why), -ENOMEM, -RIM_ELIMIT, -RIM_EFULL.
 */
RIM_API RIM_MUST_CHECK int rim_supervise(rim_ctx *ctx, const rim_supervisor_spec *spec, rim_ref *out);
/* The same from a thread that is no shard, linked to nobody: the root of a tree. The codes of rim_system_spawn. */
RIM_API RIM_MUST_CHECK int rim_system_supervise(rim_system *system, const rim_supervisor_spec *spec, rim_ref *out);

/*
 * Whether a spec is right, with all it contains: 0, or -EINVAL and what is wrong in `text`, which has room for
 * RIM_CHECK_TEXT bytes or is NULL. Any thread.
 */
RIM_API int rim_supervisor_check(const rim_supervisor_spec *spec, char *text);
/* The same for a child of a supervisor with these strategy and auto_shutdown. Any thread. */
RIM_API int rim_child_check(const rim_child *child, enum rim_strategy strategy, enum rim_auto_shutdown auto_shutdown,
                            char *text);

/* ---- requests to a supervisor ---- */

/* To whom, how long, and who hears: as in rim_ask. The outcome's error is one of rim_request's, or as said below. */
typedef struct rim_supervisor_call {
    rim_ref supervisor;
    uint64_t timeout_ns;
    rim_outcome on_outcome;
    uint64_t cookie;
} rim_supervisor_call;

enum rim_child_state {
    RIM_CHILD_DOWN = 0, /* it ended and is not to be restarted, or was terminated, or its init said RIM_STOP */
    RIM_CHILD_STARTING,
    RIM_CHILD_RUNNING,
    RIM_CHILD_STOPPING,
    RIM_CHILD_RESTARTING, /* it failed, and waits for its restart */
};

/* How a child stands. */
typedef struct rim_child_info {
    char id[RIM_CHILD_ID_MAX]; /* empty for dynamic children */
    rim_ref ref;               /* RIM_NIL if there is none */
    uint32_t state;            /* enum rim_child_state */
    uint32_t restart;          /* enum rim_restart */
    bool is_supervisor, significant;
    uint32_t depth;        /* in a tree: 0 for the children of the one who was asked */
    uint64_t restarts;     /* since it was made */
    const char *behaviour; /* its name */
} rim_child_info;

/* Body of the outcome of which_children and tree. */
typedef struct rim_child_list {
    uint32_t count;
    uint32_t unknown; /* supervisors in a tree that did not answer in time: their children are missing */
    rim_child_info children[];
} rim_child_list;

typedef struct rim_child_counts {
    uint32_t specs;       /* children, whether running or not; 1 for a dynamic supervisor */
    uint32_t active;      /* running */
    uint32_t supervisors; /* children that are supervisors */
    uint32_t workers;     /* the others */
} rim_child_counts;

/* Body of the outcome of get_childspec: a copy of the spec, in which pointers are replaced by what they point to. */
typedef struct rim_childspec {
    char id[RIM_CHILD_ID_MAX], name[RIM_CHILD_ID_MAX]; /* of options.name, which is NULL here */
    const rim_behaviour *behaviour;
    bool is_supervisor, significant;
    uint32_t restart; /* enum rim_restart */
    uint32_t stop;    /* enum rim_child_stop */
    uint64_t stop_ns;
    rim_spawn_options options;
    uint32_t size; /* of the argument */
    unsigned char arg[];
} rim_childspec;

/*
 * Adds a child and starts it. Outcome: rim_child_info, when its init has succeeded, or has said RIM_STOP (then without
 * a reference); -RIM_ESTARTED and -RIM_EPRESENT (the id is there, running or not), -RIM_ESTART (it did not start; it
 * is forgotten). -EINVAL at once for a spec that is wrong, else it returns what rim_request does. `out` as there.
 */
RIM_API RIM_MUST_CHECK int rim_supervisor_start_child(rim_ctx *ctx, const rim_supervisor_call *call,
                                                      const rim_child *child, rim_token *out);
/* Starts a child of a RIM_DYNAMIC supervisor's template, with this argument, or the template's if size is 0. */
RIM_API RIM_MUST_CHECK int rim_supervisor_start_dynamic(rim_ctx *ctx, const rim_supervisor_call *call, const void *arg,
                                                        size_t size);
/*
 * Stops a child, as its spec says. Outcome: its rim_child_info when it has ended; -RIM_ENOCHILD. It stays among the
 * children, but for temporary and dynamic ones.
 */
RIM_API RIM_MUST_CHECK int rim_supervisor_terminate_child(rim_ctx *ctx, const rim_supervisor_call *call,
                                                          const char *id);
/* The same by its reference: for dynamic supervisors. */
RIM_API RIM_MUST_CHECK int rim_supervisor_terminate_dynamic(rim_ctx *ctx, const rim_supervisor_call *call, rim_ref ref);
/* Starts a child that is down. Outcome: as start_child; -RIM_ENOCHILD, -RIM_ERUNNING, -RIM_ERESTARTING. */
RIM_API RIM_MUST_CHECK int rim_supervisor_restart_child(rim_ctx *ctx, const rim_supervisor_call *call, const char *id);
/* Forgets a child that is down. Outcome: its last rim_child_info; -RIM_ENOCHILD, -RIM_ERUNNING, -RIM_ERESTARTING. */
RIM_API RIM_MUST_CHECK int rim_supervisor_delete_child(rim_ctx *ctx, const rim_supervisor_call *call, const char *id);
/* Outcome: rim_child_info, with the current reference; -RIM_ENOCHILD. */
RIM_API RIM_MUST_CHECK int rim_supervisor_get_child(rim_ctx *ctx, const rim_supervisor_call *call, const char *id);
/* Outcome: rim_childspec; -RIM_ENOCHILD. `id` NULL: the template. */
RIM_API RIM_MUST_CHECK int rim_supervisor_get_childspec(rim_ctx *ctx, const rim_supervisor_call *call, const char *id);
/* Outcome: rim_child_list, in the order of the spec, those added later last. Answered at once, also while others
   wait. */
RIM_API RIM_MUST_CHECK int rim_supervisor_which_children(rim_ctx *ctx, const rim_supervisor_call *call);
/* Outcome: rim_child_counts. Answered at once. */
RIM_API RIM_MUST_CHECK int rim_supervisor_count_children(rim_ctx *ctx, const rim_supervisor_call *call);
/* Outcome: rim_child_list of the whole tree, each child before its own children. */
RIM_API RIM_MUST_CHECK int rim_supervisor_tree(rim_ctx *ctx, const rim_supervisor_call *call);

#ifdef __cplusplus
}
#endif
#endif
