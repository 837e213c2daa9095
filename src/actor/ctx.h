/* SPDX-License-Identifier: MIT */
/*
 * ctx.h - the actor layer's world on one shard, which is what a handler holds as its rim_ctx; and the actor itself.
 * Private to src/actor.
 *
 *     reference   kind 4 | node 12 | shard 8 | slot 22 | generation 18
 *
 * Slots of actors are shared out among those who spawn, so that a reference is known at once, also for an actor on
 * another shard: the lower half is for the shard's own spawns, the upper half is split among the other shards and the
 * threads that are no shard. Who chose a slot is told when it is free again (RIM_KIND_SLOT).
 */
#ifndef RINGMAIL_ACTOR_CTX_H
#define RINGMAIL_ACTOR_CTX_H

#include "actor/actor.h"
#include "actor/bond.h"
#include "actor/table.h"
#include "actor/witness.h"
#include "base/assert.h"
#include "ringmail/link.h"
#include "ringmail/stats.h"
#include "shard/shard.h"

/* ---- references ---- */

enum {
    RIM_REF_ACTOR = 1,
    RIM_REF_REQUEST = 2,
    RIM_REF_TIMER = 3,
    RIM_REF_DEFERRED = 4,
    RIM_REF_MONITOR = 5,
    RIM_REF_ENDING = 6,
    RIM_REF_GATHER = 8,
    RIM_REF_SEQUENCE = 9,
    RIM_REF_KEPT = 15 /* in the key of a bond only (keep.c) */
};

#define RIM_KIND_SHIFT  60
#define RIM_NODE_SHIFT  48
#define RIM_NODE_MASK   0xfffu
#define RIM_SHARD_SHIFT RIM_LOCAL_BITS
#define RIM_SHARD_MASK  0xffu

static inline uint64_t rim__ref_make(unsigned kind, uint32_t shard, uint64_t local) {
    return (uint64_t)kind << RIM_KIND_SHIFT | (uint64_t)shard << RIM_SHARD_SHIFT | local;
}
static inline unsigned rim__ref_kind(uint64_t ref) {
    return (unsigned)(ref >> RIM_KIND_SHIFT);
}
static inline uint32_t rim__ref_node(uint64_t ref) {
    return (uint32_t)(ref >> RIM_NODE_SHIFT) & RIM_NODE_MASK;
}
static inline uint32_t rim__ref_shard(uint64_t ref) {
    return (uint32_t)(ref >> RIM_SHARD_SHIFT) & RIM_SHARD_MASK;
}
static inline uint64_t rim__ref_local(uint64_t ref) {
    return ref & RIM_LOCAL_MASK;
}

/* ---- the actor ---- */

/*
 *     EMBRYO --birth arrives--> UNBORN --init ok--> ALIVE --stop, fail--> (buried)
 *        |  messages that came before wait            |
 *        '--the system stops--> (buried)              '-- UNBORN: init failed --> (buried)
 *
 *     EMBRYO -> UNBORN  rim__actor_conceive      UNBORN -> ALIVE  run.c
 *     ALIVE -> SUSPENDED, SUSPENDED -> UNBORN: an actor that is kept has failed, and is revived (keep.c)
 *     UNBORN, ALIVE -> gone  rim__actor_bury     EMBRYO -> gone   rim__actor_bury
 */
enum rim__stage { RIM_STAGE_EMBRYO = 1, RIM_STAGE_UNBORN, RIM_STAGE_ALIVE, RIM_STAGE_SUSPENDED };

/* What a full mailbox does, and whether it has. */
enum {
    RIM_MODE_POLICY = 3,    /* enum rim_overflow */
    RIM_MODE_PRESSED = 4,   /* rim_pressure: count_max is 0, the true one is in the belongings */
    RIM_MODE_OVERFLOWN = 8, /* it ends as RIM_EXIT_MAILBOX */
    RIM_MODE_WATCHED = 16,  /* it is, or was, watched (witness.h). No matter of the mailbox's, but here is room */
};

struct rim__belongings;
struct rim__job;
struct rim__kept;

/* Bits of an actor's marks. */
enum {
    RIM_MARK_TRAPS = 1 << 0,   /* exit signals are events */
    RIM_MARK_DOOMED = 1 << 1,  /* an exit signal has come: with stop_asked, and belongings->doom says why */
    RIM_MARK_KILLED = 1 << 2,  /* with stop_asked: by rim_kill */
    RIM_MARK_MOVED = 1 << 3,   /* its state is not behind it, but where its belongings say */
    RIM_MARK_CHANGED = 1 << 4, /* something is to be done about that when its turn ends */
    RIM_MARK_CLOSED = 1 << 5,  /* it is being drained: nothing new is admitted. Its bound is 0 */
    RIM_MARK_REPORT = 1 << 6,  /* somebody wants to hear how it ends */
    RIM_MARK_KEPT = 1 << 7,    /* belongings->kept says by whom */
};

/*
 * What an ordinary turn is not concerned with, so that it looks at all of it at once. Not among them is what is written
 * at every turn: a load that covers a store which is still under way waits for it.
 */
union rim__quirks {
    struct {
        bool held;       /* messages wait, by rim__actor_hold */
        bool stop_asked; /* ends at its next turn */
        bool slow;     /* its turn is soon over: the clock, and what it sent, is looked at after each of its messages */
        uint8_t marks; /* RIM_MARK_ */
    };
    uint32_t any;
};
#define RIM_QUIRKS                                                                                                     \
    (((union rim__quirks){.held = true, .stop_asked = true, .slow = true, .marks = RIM_MARK_MOVED | RIM_MARK_CHANGED}) \
         .any)

/* What a message with a body of `size` bytes adds to its mailbox's load. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define RIM_LOAD_OF(size) (1 | (uint64_t)(size) << 32)
#else
#define RIM_LOAD_OF(size) (1ull << 32 | (size))
#endif

struct rim__actor {
    struct rim__task task;
    struct rim_msg *head, *last; /* the mailbox */
    union {
        struct {
            uint32_t count, bytes; /* of the messages in it */
        };
        uint64_t load; /* both, to be written by one store: RIM_LOAD_OF */
    };
    uint32_t count_max, bytes_max;
    const rim_behaviour *behaviour;
    rim_ref ref;
    uint8_t stage; /* enum rim__stage */
    bool ready;    /* in the run queue, or running */
    bool told;     /* other shards were told to hold back, or actors wait for room */
    uint8_t mode;  /* RIM_MODE_... */
    union {
        struct {
            bool held, stop_asked, slow; /* see union rim__quirks */
            uint8_t marks;
        };
        union rim__quirks quirks;
    };
    uint32_t budget; /* messages in a row */
    uint32_t state_size;
    struct rim__belongings *belongings; /* NULL until it has any */
    struct rim__actor *older, *newer;   /* by time of spawn, for an orderly stop */
};

_Static_assert(sizeof(struct rim__actor) % 16 == 0, "the state behind it is aligned to 16");
_Static_assert(sizeof(struct rim__actor) <= 128, "an idle actor is two cache lines and its state");

/* Another table, and a state to go with it. See become.h. */
struct rim__change {
    const rim_behaviour *from, *to;
    int (*migrate)(rim_ctx *ctx, const void *old, void *fresh, const void *arg); /* may be NULL */
    const void *arg;
};

/* What few actors have. */
struct rim__belongings {
    struct rim__own *timers, *requests, *deferred, *blocks, *wants;
    struct rim__own *names, *seekers;        /* name_claim.c, name_find.c */
    struct rim__own *groups, *group_watches; /* group.c */
    int32_t name_error;                      /* of the name that it was spawned with */
    struct rim__own *gathers, *sequences;
    struct rim__want *waiters, **waiters_end; /* who waits for room here, first come first served */
    uint64_t memory_used, memory_max;         /* of rim_alloc */
    uint64_t told[RIM_SHARDS_MAX / 64];       /* shards that hold back */
    struct rim_msg *stash, *stash_last;       /* put by, the oldest first */
    uint32_t stash_count, stash_max;          /* stash_max 0: as many as the mailbox */
    uint32_t count_max;                       /* of the mailbox, while under pressure */
    struct rim__own *monitors;                /* of its own */
    struct rim__own *watchers;                /* monitors of it by actors of this shard */
    struct rim__own *bonds;                   /* its links, and monitors of it from other shards (bond.h) */
    const rim_exit_event *doom;               /* the exit signal that ends it; NULL: none, or no memory for it */
    struct rim_msg *doom_msg;                 /* where that lies, if it is no link's */
    rim_ref starter;                          /* who waits for the confirmation of a start that was deferred */
    bool start_deferred;                      /* in init */
    void *state;                              /* where the actor's state lies, if it has moved */
    uint32_t inline_size;                     /* of the state behind the actor, if it has moved */
    struct rim__away *spent;                  /* states that a handler may still have, until its turn ends */
    struct rim__change change;                /* waits for the last request; `to` NULL: none */
    struct rim__own *endings;                 /* outcomes of rim_end that it waits for */
    uint64_t lost;                            /* of the report on its end */
    uint64_t asked;                           /* requests so far */
    struct rim__recorder *recorder;           /* who writes down what it gets; or NULL */
    rim_ref stand_in;                         /* it is played a recording: who gets what it sends into the void */
    struct rim__kept *kept;                   /* by whom it is kept when it fails; NULL: by nobody */
};

static inline void *rim__actor_state(const struct rim__actor *actor) {
    return rim__likely(!(actor->marks & RIM_MARK_MOVED)) ? (void *)(actor + 1) : actor->belongings->state;
}
#define RIM_ACTOR_STATE(actor) rim__actor_state(actor)

/* ---- the world ---- */

#define RIM_DEAD_WATCHERS 4u
#define RIM_FULL_BUCKETS  256u

/* Slots of another shard's table that are ours to choose. */
struct rim__allotment {
    uint32_t fresh, limit;
    uint64_t *free; /* handles, last freed first */
    uint32_t free_count, free_max;
    uint32_t in_use; /* actors there that we spawned, as far as we know */
};

struct rim__overtaken;
struct rim__upgrade;
struct rim__want;
struct rim__full; /* an actor elsewhere that is known to be full */
struct rim__names;
struct rim__groups;
struct rim__spread;

struct rim_ctx {
    struct rim__shard *shard;
    struct rim__actor *actor;  /* whose handler runs */
    struct rim_msg *current;   /* the message that it handles; NULL when it is somebody else's by now */
    rim_ref taken_from;        /* whose it was then */
    bool taken;                /* it is not the turn's to release */
    bool asked;                /* it is a request that still needs an answer */
    rim_ref asker;             /* of that request */
    struct rim__msg_token ask; /* deadline_ns 0: there is none; else it may have been taken for later */
    uint64_t here;             /* a reference of this shard, without its local part */
    struct rim__table actors;
    rim_stats stats;
    struct rim__table requests; /* and deferred ones */
    struct rim__table timers;
    struct rim__table monitors; /* and endings */
    struct rim__bonds bonds;
    struct rim__witness witness;
    uint32_t unlinks; /* numbers them */
    bool ending;      /* the actors are being stopped: they are told nothing of each other any more */
    struct rim__actor *oldest, *newest;
    const struct rim__actor *newborn; /* whose init ran last: compared, never looked into */
    struct rim__full *full[RIM_FULL_BUCKETS];
    uint32_t full_count;
    struct rim__want *way_waiters[RIM_SHARDS_MAX]; /* who waits for room on the way to a shard */
    rim_refused_event refusal;                     /* gathered, not sent yet; count 0: none */
    rim_ref refusal_to;
    struct rim__allotment *allotments; /* by shard */
    struct rim__names *names;
    struct rim__groups *groups;
    struct rim__spread *owed; /* word to other shards that found no memory (spread.h) */
    rim_ref dead_watchers[RIM_DEAD_WATCHERS];
    struct rim__overtaken *overtaken;              /* tables that others have replaced */
    struct rim__upgrade *upgrades;                 /* those that were asked for here */
    bool migrating;                                /* a migrate function runs */
    uint64_t held;                                 /* actors held */
    int64_t busy;                                  /* rim__ctx_busy */
    uint64_t turn_ns;                              /* of one actor */
    uint32_t turns_in_place;                       /* of actors that had a parcel's messages where they lay, so far */
    uint32_t mailbox_count, mailbox_bytes, budget; /* defaults */
    uint64_t lost;                                 /* messages cut off by a deadline */
    bool cutting;                                  /* the deadline has come: what ends now is lost */
    uint32_t fail_code;
    char fail_text[128];
    char error_text[256];
    void *io;                                         /* the I/O layer's */
    void (*after_turns)(rim_ctx *ctx);                /* runs once at the end of the turns; NULL: nothing to do */
    void (*io_stats)(rim_ctx *ctx, rim_stats *stats); /* adds what the I/O layer counts */
    uint64_t (*wall_ms)(const rim_ctx *ctx);
    const char *(*path_of)(rim_ctx *ctx, rim_ref who); /* of an actor of the I/O layer's, here; NULL: it has none */
    /* For tests, else NULL: whether this turn of the actor fails. */
    bool (*crashes)(rim_ctx *ctx, rim_ref who);
    rim_system *system;
    _Atomic uint64_t published[64]; /* stats for other threads: by this shard, relaxed */
    struct rim__slot *rows;         /* of the tables */
};

/* A protocol number from here on is the library's own actors'. */
#define RIM_PROTOCOL_OWN 0x7f00u
static inline bool rim__actor_is_own(const struct rim__actor *actor) {
    return actor->behaviour != NULL && actor->behaviour->protocol >= RIM_PROTOCOL_OWN;
}

/* Slots below are a shard's own; the rest is shared out evenly among the other spawners. */
#define RIM_SLOTS_OWN (RIM_SLOTS / 2)
/* The first slot, and the slot after the last, that `spawner` (a shard, or count for foreign threads) may choose. */
void rim__allotment_range(uint32_t spawner, uint32_t shards, uint32_t *first, uint32_t *end);

/* ---- within the layer ---- */

static inline struct rim__actor *rim__actor_find(const rim_ctx *ctx, uint64_t local) {
    return rim__table_find(&ctx->actors, local);
}
/* The same by a whole reference, which must be of an actor of this shard. */
struct rim__actor *rim__actor_get(const rim_ctx *ctx, rim_ref ref);
struct rim__belongings *rim__actor_belongings(rim_ctx *ctx, struct rim__actor *actor); /* NULL: out of memory */

static inline void rim__own_link(struct rim__own **list, struct rim__own *own) {
    own->next = *list;
    own->link = list;
    if (own->next != NULL) {
        own->next->link = &own->next;
    }
    *list = own;
}
static inline void rim__own_unlink(struct rim__own *own) {
    *own->link = own->next;
    if (own->next != NULL) {
        own->next->link = own->link;
    }
}

/* spawn.c: a birth with all that may come with it; see newborn.h for those that bring an argument alone */
struct rim__birth {
    const rim_behaviour *behaviour;
    uint32_t version;          /* of the behaviour, which may be unloaded when its birth comes */
    rim_spawn_options options; /* without the name's pointer */
    rim_ref spawner;           /* RIM_NIL: a foreign thread */
    rim_mon monitor;           /* with the option monitor */
    uint32_t size;             /* of the argument, which follows */
    uint32_t name_size;        /* of the name, which follows the argument; 0: none */
};
void rim__actor_conceive(rim_ctx *ctx, struct rim_msg *birth);
struct rim__actor *rim__actor_embryo(rim_ctx *ctx, uint64_t local);
/* run.c */
void rim__actor_take_turns(struct rim__shard *shard);
uint32_t rim__actor_unpack(struct rim__shard *shard, struct rim__parcel *parcel);   /* shard->unpack */
rim_verdict rim__call(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg); /* looks the tag up and calls */
/* start.c: init has succeeded: whoever asked for that is told. The verdict of the turn. */
rim_verdict rim__start_done(rim_ctx *ctx, struct rim__actor *actor, const struct rim__birth *birth);
/* deliver.c */
void rim__actor_deliver(struct rim__shard *shard, struct rim_msg *msg);
/* The same for an actor that is known: into its mailbox, or refused. */
void rim__actor_accept(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg);
/* bury.c */
void rim__actor_bury(rim_ctx *ctx, struct rim__actor *actor, rim_exit why);
void rim__actor_say_goodbye(rim_ctx *ctx, struct rim__actor *actor, rim_exit why); /* its exit, if it was born */
void rim__actor_note_failure(rim_ctx *ctx, const struct rim__actor *actor, rim_exit why);
void rim__bury_return_slot(rim_ctx *ctx, uint64_t local); /* `local` has the next generation */
/* dead.c: a message ends unhandled; it is released */
void rim__dead_letter(rim_ctx *ctx, struct rim_msg *msg, rim_ref to, int reason);
void rim__dead_count(rim_ctx *ctx, const rim_dead_letter *letter);
/* request.c */
void rim__request_outcome(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg, rim_verdict *verdict);
void rim__request_deliver(rim_ctx *ctx, struct rim_msg *msg);
/* A timeout's embedded message will not be handled: its request was cancelled, or its mailbox is being emptied. */
void rim__request_drop(rim_ctx *ctx, struct rim_msg *msg);
void rim__request_end_all(rim_ctx *ctx, struct rim__actor *actor);
void rim__request_cancel_all(rim_ctx *ctx, struct rim__actor *actor);
bool rim__request_cancel(rim_ctx *ctx, uint64_t token);
void rim__request_fail(rim_ctx *ctx, rim_ref from, uint64_t token, int error);
/* When a request that is made now ends at the latest. -RIM_EBADREF: not for the one that it is said to be for. */
int rim__request_limit(const rim_ctx *ctx, const rim_ask *ask, uint64_t *deadline_ns);
/* A request that no message asks: of `ask` only timeout, callback and cookie count. Its outcome comes by
   rim__request_deliver, with the token. `job` may be NULL. 0, or the codes of rim_request. */
int rim__request_open(rim_ctx *ctx, const rim_ask *ask, struct rim__job *job, rim_token *out);
/* As if it had never been. */
void rim__request_undo(rim_ctx *ctx, rim_token token);
/* answer.c: the request in hand has its answer, or is another's now. */
static inline void rim__answer_done(rim_ctx *ctx) {
    ctx->asked = false;
    ctx->ask.deadline_ns = 0;
}
/* The message in hand is somebody else's now, or gone. */
static inline void rim__hand_over(rim_ctx *ctx, rim_ref from) {
    ctx->taken = true;
    ctx->taken_from = from;
    ctx->current = NULL;
}
/* Of a request that the caller took for later. -RIM_EBADREF: there is no such one. */
int rim__answer_deadline(const rim_ctx *ctx, rim_token request, uint64_t *deadline_ns);
void rim__answer_end_all(rim_ctx *ctx, struct rim__actor *actor);
/* gather.c, sequence.c */
bool rim__gather_cancel(rim_ctx *ctx, uint64_t token);
void rim__gather_end_all(rim_ctx *ctx, struct rim__actor *actor);
bool rim__sequence_cancel(rim_ctx *ctx, uint64_t token);
void rim__sequence_end_all(rim_ctx *ctx, struct rim__actor *actor);
/* job.c */
/* Its request has ended without it: it is withdrawn, or let run, and cleans up after itself. */
void rim__job_abandon(rim_ctx *ctx, struct rim__job *job);
/* What it is about; NULL: it does not say. */
const char *rim__job_path(const struct rim__job *job);
/* What a job that has failed says about it; NULL: nothing. `msg` is a failure whose body is by pointer. */
const char *rim__job_text(const struct rim_msg *msg);
/* timers.c */
rim_verdict rim__timer_event(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg);
void rim__timer_end_all(rim_ctx *ctx, struct rim__actor *actor);
void rim__timer_cancel_all(rim_ctx *ctx, struct rim__actor *actor);
bool rim__timer_cancel(rim_ctx *ctx, uint64_t timer);
/* A timer's embedded message has left a mailbox that is being emptied. */
void rim__timer_drop(rim_ctx *ctx, struct rim_msg *msg);
/* signal.c */
void rim__signal_deliver(rim_ctx *ctx, struct rim_msg *msg);
/* Ends the actor at its next turn with that reason, unless it is ending already. `msg` (or NULL) holds the event and is
   taken over. */
void rim__signal_doom(rim_ctx *ctx, struct rim__actor *actor, const rim_exit_event *event, struct rim_msg *msg);
/* An embryo becomes an actor that does not trap exits: signals that wait in its mailbox take effect. */
void rim__signal_resolve(rim_ctx *ctx, struct rim__actor *actor);
/* Why an actor with RIM_MARK_DOOMED or RIM_MARK_KILLED ends. */
rim_exit_event rim__signal_reason(const struct rim__actor *actor);
/* The actor ends: whoever is linked to it or watches it is told. */
void rim__signal_end_all(rim_ctx *ctx, struct rim__actor *actor, rim_exit why);
/* link.c, monitor.c: embedded messages at their turn, and when a mailbox is being emptied */
rim_verdict rim__link_event(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg);
void rim__link_drop(rim_ctx *ctx, struct rim_msg *msg);
rim_verdict rim__monitor_event(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg);
void rim__monitor_drop(rim_ctx *ctx, struct rim_msg *msg);
bool rim__monitor_cancel(rim_ctx *ctx, uint64_t monitor);
void rim__monitor_cancel_all(rim_ctx *ctx, struct rim__actor *actor); /* the calling actor, as all of this name */
/* keep.c: actors that are kept when they fail. False: it is to be buried. */
bool rim__keep_suspend(rim_ctx *ctx, struct rim__actor *actor, rim_exit why);
rim_verdict rim__keep_event(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg);
void rim__keep_drop(rim_ctx *ctx, struct rim_msg *msg);
/* ending.c: the outcome of rim_end at its turn, and when a mailbox is being emptied */
rim_verdict rim__ending_event(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg *msg);
void rim__ending_drop(rim_ctx *ctx, struct rim_msg *msg);
bool rim__ending_cancel(rim_ctx *ctx, uint64_t token);
void rim__ending_cancel_all(rim_ctx *ctx, struct rim__actor *actor);
/* closing.c: an actor that is being ended. Nothing new is admitted, also after its birth. */
void rim__closing_shut(struct rim__actor *actor);
/* Before its mailbox is emptied: counts what is lost, if somebody wants to know. */
void rim__closing_count(struct rim__actor *actor);
/* heap.c */
void rim__heap_end_all(rim_ctx *ctx, struct rim__actor *actor);
/* So many bytes of a block of rim_alloc are answers that hold memory, which is to be let go of when its actor ends; 0:
   nothing is. They stay so when it is moved. */
void rim__heap_note_answers(void *pointer, size_t size);
/* room.c */
void rim__room_check(rim_ctx *ctx, struct rim__actor *actor);
void rim__room_tell_shard(rim_ctx *ctx, struct rim__actor *actor, uint32_t shard);
/* The shards that hold back need not. */
void rim__room_tell_shards(rim_ctx *ctx, struct rim__actor *actor);
void rim__room_refused(rim_ctx *ctx, const struct rim_msg *msg, rim_ref to);
void rim__room_flush(rim_ctx *ctx);
bool rim__room_is_full(const rim_ctx *ctx, rim_ref to);
void rim__room_notice(rim_ctx *ctx, struct rim_msg *msg);
void rim__room_end_all(rim_ctx *ctx, struct rim__actor *actor);
void rim__room_finish(rim_ctx *ctx);
/* overflow.c: what becomes of a message for which there is no room. ROOM: now there is some. */
enum rim__fate { RIM_FATE_ROOM, RIM_FATE_REFUSED, RIM_FATE_DROPPED, RIM_FATE_CLOSED };
enum rim__fate rim__overflow(rim_ctx *ctx, struct rim__actor *actor, enum rim__kind kind, uint32_t size);
/* pressure.c: whether a message that was under way is let in, although senders are held back. */
bool rim__pressure_admits(const struct rim__actor *actor, uint32_t size);
void rim__pressure_end(rim_ctx *ctx, struct rim__actor *actor); /* if it is under pressure */
/* How many messages may wait, also under pressure. */
uint32_t rim__pressure_count_max(const struct rim__actor *actor);
/* urgent.c: where the next urgent message is to be linked; NULL if too many wait. insert never fails. */
struct rim_msg **rim__urgent_place(struct rim__actor *actor);
void rim__urgent_insert(rim_ctx *ctx, struct rim__actor *actor, struct rim_msg **place, struct rim_msg *msg);
/* The end of what goes before ordinary messages. */
struct rim_msg **rim__urgent_end(struct rim__actor *actor, uint32_t *count);
/* stash.c: puts back up to `max`, the oldest first. */
uint32_t rim__stash_return(rim_ctx *ctx, struct rim__actor *actor, uint32_t max);
/* send.c */
struct rim_msg *rim__send_across(rim_ctx *ctx, rim_ref to, const struct rim_msg *head, bool reserved);
/* order.c */
void rim__order_obey(rim_ctx *ctx, struct rim_msg *msg);
/* system.c, any thread: a slot that a foreign thread chose is free again */
void rim__foreign_slot_free(rim_system *system, uint32_t shard, uint64_t local);
/* stats.c */
void rim__stats_publish(rim_ctx *ctx);
/* Messages queued when the shard last published, and the tick of that; any thread. */
uint64_t rim__stats_queued(const rim_ctx *any, uint64_t *ticks);
void rim__stats_read(const rim_ctx *ctx, rim_stats *out); /* any thread */

#endif
