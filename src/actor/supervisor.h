/* SPDX-License-Identifier: MIT */
/*
 * supervisor.h - the inside of a supervisor. It is an ordinary actor: these files include public headers only, but for
 * supervisor_calls.c, which keeps texts for rim_error_text.
 *
 *     supervisor.c           the behaviour table: what it hears, and who takes it
 *     supervisor_child.c     one child: spawned, acknowledged, stopped, ended
 *     supervisor_restart.c   what the end of a child means: strategy, intensity, back-off, auto-shutdown
 *     supervisor_sweep.c     stopping in reverse and starting in order: all, or all from one child on
 *     supervisor_request.c   what it is asked to do
 *     supervisor_list.c      what it is asked to tell
 *     supervisor_index.c     children by id and by reference
 *     supervisor_spec.c      checking specs
 *     supervisor_pack.c      specs as flat blocks, to be sent
 *     supervisor_calls.c     the public functions
 *
 * A child's life. STARTING ends by RIM_STARTED or by the child's end; every other state but DOWN and RESTARTING by the
 * child's end, of which the monitor tells exactly once.
 *
 *     DOWN --start--> STARTING --acknowledged--> RUNNING --ended--> (restart.c decides) --> DOWN, RESTARTING, STARTING
 *                        |  '--stop--> STOPPING <--stop--'
 *                        '--ended--> DOWN (its init said RIM_STOP), RESTARTING (failed), or forgotten
 *     RESTARTING --its timer--> STARTING       STOPPING --ended--> DOWN
 *
 * The supervisor does one sweep at a time (struct sweep). While one is under way, and until it has its spec, requests
 * that change something wait in `calls`, and ends of other children in `pending`, as they would in OTP, where a
 * supervisor does such things in one go. Between sweeps, children of one_for_one and dynamic supervisors start and
 * stop at the same time.
 *
 *     Threads  all on the supervisor's shard; pack and check: any
 */
#ifndef RINGMAIL_ACTOR_SUPERVISOR_H
#define RINGMAIL_ACTOR_SUPERVISOR_H

#include "ringmail/link.h"
#include "ringmail/request.h"
#include "ringmail/runtime.h"
#include "ringmail/supervisor.h"
#include "ringmail/upgrade.h"

/* ---- messages ---- */

#define RIM_SUPERVISOR_PROTOCOL 0x7e01u /* below those of actors that a system's stop spares to the last */

enum rim__supervisor_tag {
    RIM_SUPERVISOR_FIRST = RIM_SUPERVISOR_PROTOCOL << 16,
    RIM_SUPERVISOR_SPEC = RIM_SUPERVISOR_FIRST + RIM_USER, /* a pack: once, from the parent */
    RIM_SUPERVISOR_START,                                  /* a pack of one child */
    RIM_SUPERVISOR_START_DYNAMIC,                          /* the argument */
    RIM_SUPERVISOR_TERMINATE,                              /* struct rim__supervisor_key, as those below */
    RIM_SUPERVISOR_RESTART,
    RIM_SUPERVISOR_DELETE,
    RIM_SUPERVISOR_GET,
    RIM_SUPERVISOR_GET_SPEC,
    RIM_SUPERVISOR_WHICH, /* no body, as those below */
    RIM_SUPERVISOR_COUNT,
    RIM_SUPERVISOR_TREE,
};

/* Which child: by reference, or by id. */
struct rim__supervisor_key {
    rim_ref ref;
    char id[RIM_CHILD_ID_MAX]; /* empty: the template */
};

/* What init gets: the spec comes as the first message, since it may be large. */
struct rim__supervisor_birth {
    rim_ref parent;
};

extern const rim_behaviour rim__supervisor_behaviour;

/* ---- packs: a spec and all that it points to in one block; places are counted from the block's start ---- */

struct rim__pack_child {
    char id[RIM_CHILD_ID_MAX], name[RIM_CHILD_ID_MAX];
    const rim_behaviour *behaviour; /* NULL: a supervisor, whose pack is the argument */
    rim_spawn_options options;
    uint32_t at, size; /* of the argument */
    uint8_t restart, stop;
    bool significant;
    uint64_t stop_ns;
};

struct rim__pack {
    uint32_t size; /* of the whole */
    uint32_t child_count;
    uint8_t strategy, auto_shutdown;
    bool drain_on_closing;
    uint32_t intensity;
    uint64_t period_ns, backoff_min_ns, backoff_max_ns, backoff_quiet_ns;
    struct rim__pack_child children[];
};

/* Bytes of a checked spec's pack. */
size_t rim__pack_size(const rim_supervisor_spec *spec);
/* Writes it to so many bytes at `block`, which is aligned to 16. */
void rim__pack_write(const rim_supervisor_spec *spec, void *block);
/* A pack within a message of `size` bytes; NULL if it is none. */
const struct rim__pack *rim__pack_read(const void *block, size_t size);
/* Most bytes of a pack: a message's body is 32 bits. */
#define RIM_PACK_MAX ((size_t)1 << 30)

/* ---- index: a hash table of children ---- */

struct rim__child;

struct rim__index {
    struct rim__child **slots; /* open addressing; `capacity` is a power of two, at least twice what was reserved */
    uint32_t capacity;
    bool by_ref; /* else by id */
};

/* Room for `count` children. 0 or -ENOMEM: as it was. */
int rim__index_reserve(rim_ctx *ctx, struct rim__index *index, uint32_t count);
/* Into room that is reserved. */
void rim__index_add(struct rim__index *index, struct rim__child *child);
/* Of one that is in it, with the key that it was added by. */
void rim__index_remove(struct rim__index *index, struct rim__child *child);
struct rim__child *rim__index_find_id(const struct rim__index *index, const char *id);
struct rim__child *rim__index_find_ref(const struct rim__index *index, rim_ref ref);

/* ---- a child ---- */

enum rim__pending { RIM_PENDING_NOT = 0, RIM_PENDING_END, RIM_PENDING_RETRY };

struct rim__child {
    struct rim__child *before, *after; /* in the order of start */
    struct rim__child *pending_next;   /* in supervisor->pending_* */
    uint8_t state;                     /* enum rim_child_state */
    uint8_t pending;                   /* enum rim__pending: its end, or its retry, waits to be dealt with */
    uint8_t restart, stop;             /* of its spec */
    bool significant, is_supervisor;   /* of its spec */
    bool suspended;                    /* it failed and was kept: `ref` is to be revived, or killed */
    bool swept;                        /* it is in the sweep's range */
    bool tried;                        /* the sweep has started it */
    bool forget;                       /* when it has ended */
    bool refused_way;                  /* the way to its shard was full: the timer tries the spawn again */
    rim_ref ref;
    rim_mon monitor;
    rim_timer timer;     /* of the deadline of a stop, of a retry */
    rim_token answer_to; /* the request that started or stops it */
    const rim_behaviour
        *behaviour;   /* may be unloaded after an upgrade: ask rim__child_refresh before looking into it */
    uint32_t version; /* of that */
    rim_spawn_options options;
    void *arg; /* of init; of a supervisor, its pack */
    uint32_t size;
    uint32_t failures; /* in a row */
    uint32_t end_code;
    uint64_t stop_ns, started_ns, restarts;
    char end_text[100];
    char id[RIM_CHILD_ID_MAX], name[RIM_CHILD_ID_MAX]; /* the name that its actor claims; empty: none */
};

/* ---- the supervisor ---- */

/*
 *     WAITING --its spec--> STARTING --all started--> RUNNING --told to, or escalation--> ENDING --all ended--> gone
 *                              '--a child did not start--> ENDING
 */
enum rim__supervisor_mode {
    RIM_SUPERVISOR_WAITING = 0,
    RIM_SUPERVISOR_STARTING,
    RIM_SUPERVISOR_RUNNING,
    RIM_SUPERVISOR_ENDING
};

enum rim__sweep_phase { RIM_SWEEP_NONE = 0, RIM_SWEEP_STOP, RIM_SWEEP_START };

struct rim__sweep {
    uint8_t phase;
    struct rim__child *cursor; /* the one whose turn it is; NULL: past the last */
    struct rim__child *cause;  /* whose end it is on account of; NULL: the first start, and the end */
    uint64_t delay_ns;         /* between stopping and starting */
};

/* A request that waits: a copy in the supervisor's own memory, so that it goes with it however it ends. */
struct rim__call {
    struct rim__call *next;
    rim_token token;
    uint64_t deadline_ns; /* after which nobody waits for the answer */
    size_t size;
    uint32_t tag;
    _Alignas(16) unsigned char body[];
};

struct rim__supervisor {
    rim_ref parent;
    uint8_t mode, strategy, auto_shutdown;
    bool drain_on_closing, closing, draining;
    bool failed;     /* out of memory: it ends at once, and its children by their links */
    uint32_t busy;   /* children that a request starts or stops */
    uint32_t up;     /* children that have an actor */
    uint32_t drains; /* reports that are still to come */
    uint32_t count;  /* children */
    uint32_t intensity;
    uint64_t period_ns, backoff_min_ns, backoff_max_ns, backoff_quiet_ns;
    uint64_t *restarts; /* when the last ones were: a ring of `intensity` */
    uint32_t restart_count, restart_next;
    struct rim__child *first, *last;
    struct rim__child *pending_first, **pending_end;
    struct rim__child *template_child; /* of a dynamic supervisor: in no list */
    struct rim__index ids, refs;
    struct rim__sweep sweep;
    struct rim__call *calls, **calls_end;
    struct rim__gather *gathers;
    rim_timer spec_timer;
    uint32_t end_code;
    char end_text[100];
};

#define RIM_EACH_CHILD(self, child) for (struct rim__child *child = (self)->first; child != NULL; child = child->after)

static inline bool rim__child_has_actor(const struct rim__child *child) {
    return child->ref != RIM_NIL;
}
static inline bool rim__supervisor_is_group(const struct rim__supervisor *self) {
    return self->strategy == RIM_ONE_FOR_ALL || self->strategy == RIM_REST_FOR_ONE;
}

/* supervisor.c: goes on with whatever is to be done, after anything that changed. The verdict of every handler. */
rim_verdict rim__supervisor_go_on(rim_ctx *ctx, struct rim__supervisor *self);
/* Begins to end: all children are stopped, then it ends with this code. The first reason stands. */
void rim__supervisor_end(rim_ctx *ctx, struct rim__supervisor *self, uint32_t code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Without memory to go on with. */
void rim__supervisor_give_up(rim_ctx *ctx, struct rim__supervisor *self);

/* supervisor_child.c */
/* Last in the list. NULL: out of memory. */
struct rim__child *rim__child_create(rim_ctx *ctx, struct rim__supervisor *self, const struct rim__pack_child *packed,
                                     const void *arg);
void rim__child_destroy(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child);
void rim__child_start(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child);
void rim__child_stop(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child, bool at_once);
void rim__child_on_started(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child);
void rim__child_on_down(rim_ctx *ctx, struct rim__supervisor *self, const rim_down_event *down);
void rim__child_on_failed(rim_ctx *ctx, struct rim__supervisor *self, const rim_failed_event *failed);
void rim__child_on_timer(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child);
void rim__child_arm(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child, uint64_t delay_ns);
void rim__child_disarm(rim_ctx *ctx, struct rim__child *child);
void rim__child_describe(rim_ctx *ctx, struct rim__child *child, rim_child_info *out);
/* Its behaviour is the newest then. */
void rim__child_refresh(const rim_ctx *ctx, struct rim__child *child);
bool rim__child_end_is_normal(const struct rim__child *child);

/* supervisor_restart.c: what the end of a child means */
void rim__restart_ended(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child);
void rim__restart_not_started(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child);
void rim__restart_retry(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child);
void rim__restart_later(struct rim__supervisor *self, struct rim__child *child, enum rim__pending what);
void rim__restart_pending(rim_ctx *ctx, struct rim__supervisor *self);
void rim__restart_unpend(struct rim__supervisor *self, struct rim__child *child);

/* supervisor_sweep.c */
void rim__sweep_begin(struct rim__supervisor *self, enum rim__sweep_phase phase, struct rim__child *cause,
                      uint64_t delay_ns);
/* Takes the next step. False: it waits for a child, or there is no sweep. */
bool rim__sweep_step(rim_ctx *ctx, struct rim__supervisor *self);

/* supervisor_request.c */
rim_verdict rim__supervisor_on_request(rim_ctx *ctx, void *state, const void *body, rim_msg *msg);
/* Looks at what waits again. Whether any of it was served. */
bool rim__request_wake(rim_ctx *ctx, struct rim__supervisor *self);
/* Answers the request that started or stops this child, if one did. */
void rim__request_answer(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child, int error);
/* The supervisor ends: nothing of what waits will be done. */
void rim__request_refuse_all(rim_ctx *ctx, struct rim__supervisor *self);

/* supervisor_list.c */
rim_verdict rim__supervisor_on_which(rim_ctx *ctx, void *state, const void *body, rim_msg *msg);
rim_verdict rim__supervisor_on_count(rim_ctx *ctx, void *state, const void *body, rim_msg *msg);
rim_verdict rim__supervisor_on_tree(rim_ctx *ctx, void *state, const void *body, rim_msg *msg);

#endif
