/* SPDX-License-Identifier: MIT */
/*
 * actor.h - actors: references, behaviour tables, spawn, send, request, timers, stop.
 *
 * An actor is a state and a behaviour table. Its handlers run one at a time on the shard that it was spawned on, for
 * life; no lock, atomic or volatile is ever needed in them. A handler is never interrupted.
 *
 *     Order    messages and replies from one sender to one receiver arrive in the order sent; nothing is promised
 *              across three actors
 *     Loss     at most once, and never in silence: a message is handled, refused to its sender, dead-lettered with a
 *              reason, or still queued, and the counters of stats.h add up
 *     Threads  every function here takes a rim_ctx, which is valid only inside a handler, on the handler's thread
 */
#ifndef RINGMAIL_ACTOR_H
#define RINGMAIL_ACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringmail/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- handles: plain integers, so that any language can hold them; a handle of the wrong kind is -RIM_EBADREF ---- */

typedef uint64_t rim_ref;   /* an actor: {kind 4, node 12, shard 8, slot 22, generation 18} */
typedef uint64_t rim_token; /* a request: for the asker to cancel it, for the receiver to answer it later */
typedef uint64_t rim_timer; /* an armed timer */
typedef uint64_t rim_mon;   /* a monitor of an actor (link.h) */
#define RIM_NIL ((uint64_t)0)

typedef struct rim_system rim_system; /* a runtime; a process may have several */
typedef struct rim_ctx rim_ctx;       /* the world as a handler sees it; valid until the handler returns */
typedef struct rim_msg rim_msg;       /* a message: header and body, with one owner */

/* Durations are nanoseconds everywhere. */
#define RIM_US(n)        ((uint64_t)(n)*1000u)
#define RIM_MS(n)        ((uint64_t)(n)*1000000u)
#define RIM_SECONDS(n)   ((uint64_t)(n)*1000000000u)
#define RIM_COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

/* The largest body of one message, in bytes. */
#define RIM_BODY_MAX ((size_t)0xfffff000u)

/* ---- behaviours ---- */

/* What a handler returns. */
typedef enum rim_verdict {
    RIM_DONE = 0, /* go on with the next message */
    RIM_STOP,     /* stop normally; what is still queued is dead-lettered */
    RIM_FAIL,     /* stop as failed; see rim_fail for a reason with a text */
} rim_verdict;

/*
 * Handles one message. `body` is 16-byte aligned if it was sent inline or copied, and is borrowed: it is valid until
 * the handler returns (rim_take keeps the message). `msg` gives tag, size and sender.
 */
typedef rim_verdict (*rim_handler)(rim_ctx *ctx, void *self, const void *body, rim_msg *msg);

/*
 * The one outcome of a request: `error` 0 with the reply's body and message, else NULL for both and -ETIMEDOUT,
 * -RIM_EDOWN (receiver gone), -RIM_EFULL (its mailbox was full), -RIM_EREFUSED or the receiver's own negative code,
 * -RIM_ENOREPLY, -RIM_ENOHANDLER. Never called for a request that was cancelled.
 */
typedef rim_verdict (*rim_outcome)(rim_ctx *ctx, void *self, uint64_t cookie, int error, const void *body,
                                   rim_msg *msg);

/*
 * Why an actor ended. Codes below 256 are the runtime's, the rest are the user's own.
 */
typedef struct rim_exit {
    uint32_t code;
    const char *text; /* never NULL; valid while the exit handler runs */
} rim_exit;
enum {
    RIM_EXIT_NORMAL = 0, /* verdict RIM_STOP */
    RIM_EXIT_SHUTDOWN,   /* rim_stop, or the system stops */
    RIM_EXIT_KILLED,     /* rim_kill, or a system's stop ran into its deadline */
    RIM_EXIT_FAILED,     /* verdict RIM_FAIL without a code */
    RIM_EXIT_NOMEM,      /* the actor ran into its memory limit or the machine out of memory, and said so */
    RIM_EXIT_INIT,       /* its init did not succeed; the text is that of its rim_fail */
    RIM_EXIT_MAILBOX,    /* its mailbox overflowed, and its policy is RIM_OVERFLOW_STOP */
    RIM_EXIT_NOACTOR,    /* of a link or monitor of an actor that is not there */
    RIM_EXIT_NAME = 16,  /* the name that it was spawned with is taken */
    RIM_EXIT_USER = 256,
};

/*
 * The table that makes an actor. All pointers must outlive every actor that uses them. A table is usually a static
 * const, written with designated initialisers:
 *
 *     enum { COUNTER_ADD = RIM_USER, COUNTER_GET };
 *
 *     static const rim_handler counter_on[] = {
 *         [COUNTER_ADD] = on_add,
 *         [COUNTER_GET] = on_get,
 *         [RIM_TIMER]   = on_tick,
 *     };
 *     static const rim_behaviour counter = {
 *         .name = "counter", .state_size = sizeof(struct counter), .on = counter_on, .on_count = RIM_COUNT(counter_on),
 *     };
 */
typedef struct rim_behaviour {
    const char *name;      /* shown in logs and statistics; required */
    size_t state_size;     /* bytes of state, zeroed, 16-byte aligned; it lives and dies with the actor */
    const rim_handler *on; /* rows by tag; a missing row means the tag's default (see enum rim_tag) */
    uint32_t on_count;     /* rows in `on` */
    uint32_t protocol;     /* 0, or the number of the typed protocol whose messages the rows from RIM_USER on take;
                              numbers from 0x7f00 on are the library's */
    /* Runs first, before any message. RIM_DONE; or RIM_STOP: the actor is not needed, and ends as RIM_EXIT_NORMAL; else
       it ends as RIM_EXIT_INIT. `arg` is spawn's, borrowed. */
    rim_verdict (*init)(rim_ctx *ctx, void *self, const void *arg, size_t size);
    /* Runs last, once, if init succeeded. It may send; it cannot receive. */
    void (*exit)(rim_ctx *ctx, void *self, rim_exit why);
    /* Takes what no row takes, events like RIM_CLOSING and RIM_SOCKET_CLOSED too, whose defaults then do not apply.
       Without it such a message is dead-lettered (RIM_ENOHANDLER). */
    rim_handler other;
    uint32_t version; /* free for the user; for hot upgrades */
} rim_behaviour;

/* Tags below RIM_USER are the runtime's: events that arrive like messages. A user's own tags start at RIM_USER. */
enum rim_tag {
    RIM_TIMER = 1,          /* rim_timer_event; default: ignored */
    RIM_ROOM = 2,           /* rim_room_event: asked for by rim_want_room; default: ignored */
    RIM_REFUSED = 3,        /* rim_refused_event: messages already under way found no room; default: ignored */
    RIM_CLOSING = 4,        /* no body: the system is stopping, finish what you have begun; default: ignored */
    RIM_DEAD_LETTER = 5,    /* rim_dead_letter: to the actor that asked for them (rim_watch_dead_letters) */
    RIM_DOWN = 6,           /* link.h: of a monitor; default: ignored */
    RIM_EXIT_SIGNAL = 7,    /* link.h: to an actor that traps exits; default: ignored */
    RIM_DRAIN = 8,          /* link.h: no body: the end of the backlog, see rim_end; default: the actor stops */
    RIM_FAILED = 9,         /* link.h: to the keeper of an actor that has failed; default: that is killed */
    RIM_GROUP = 10,         /* group.h: somebody has joined or left; default: ignored */
    RIM_STARTED = 12,       /* rim_started_event: asked for by the option acknowledge; default: ignored */
    RIM_LISTENING = 16,     /* socket.h */
    RIM_SOCKET_OPEN = 17,   /* socket.h */
    RIM_SOCKET_DATA = 18,   /* socket.h */
    RIM_SOCKET_END = 19,    /* socket.h */
    RIM_SOCKET_SENT = 20,   /* socket.h */
    RIM_SOCKET_CLOSED = 21, /* socket.h */
    RIM_FILE_OPEN = 32,     /* file.h */
    RIM_FILE_CLOSED = 33,   /* file.h; default: ignored */
    RIM_DATAGRAM = 22,      /* datagram.h; default: ignored */
    RIM_DRAINED = 23,       /* socket.h; default: ignored */
    RIM_SIGNAL = 40,        /* signal.h; default: ignored */
    RIM_POLL = 41,          /* poll.h; default: ignored */
    RIM_PROCESS_ENDED = 42, /* process.h; default: ignored */
    RIM_MAP_READY = 48,     /* map.h; default: ignored */
    RIM_MAP_PROGRESS = 49,  /* map.h; default: ignored */
    RIM_MAP_CLOSED = 50,    /* map.h; default: ignored */
    RIM_CHANGE = 56,        /* watch.h; default: ignored */
    RIM_USER = 64,
};

typedef struct rim_timer_event {
    rim_timer timer;
    uint64_t cookie;
    uint64_t missed; /* periods of a periodic timer that passed without an event of their own */
} rim_timer_event;

typedef struct rim_room_event {
    rim_ref who; /* sends to this actor are likely to succeed again */
} rim_room_event;

typedef struct rim_refused_event {
    rim_ref who;    /* whose mailbox was full */
    uint32_t tag;   /* of the first message refused */
    int32_t error;  /* -RIM_EFULL */
    uint64_t count; /* messages from this sender to `who` refused in a row */
} rim_refused_event;

typedef struct rim_dead_letter {
    rim_ref from, to;
    uint32_t tag;
    int32_t reason; /* a negative code: -RIM_EDOWN, -RIM_ENOHANDLER, -RIM_EEXPIRED, -RIM_ELATE, -ECANCELED, ... */
    uint64_t size;  /* of the body, in bytes */
} rim_dead_letter;

/* ---- spawning ---- */

/* Where an actor is to live. */
enum rim_place {
    RIM_HERE = 0,     /* the spawner's shard */
    RIM_ON_SHARD,     /* the shard with the number `shard` */
    RIM_LEAST_LOADED, /* the shard with the fewest actors, by its last published count */
    RIM_BY_HASH,      /* the shard that `hash` falls on: rim_shard_for(hash, shards) */
};

/*
 * What becomes of a message that finds no room in the mailbox of its receiver, whose policy it is. Replies, timers,
 * events, what comes from a socket and urgent messages are never dropped. What is dropped is a dead letter
 * (-RIM_EDROPPED), and its send succeeds; a request that is dropped fails at once with -RIM_EDROPPED.
 */
typedef enum rim_overflow {
    RIM_OVERFLOW_REFUSE = 0, /* the sender hears of it: -RIM_EFULL, or RIM_REFUSED if it was under way */
    RIM_OVERFLOW_DROP_NEW,   /* it is dropped */
    RIM_OVERFLOW_DROP_OLD,   /* the oldest messages that wait are dropped, until it fits */
    RIM_OVERFLOW_STOP,       /* it is dropped, and the receiver ends as RIM_EXIT_MAILBOX */
} rim_overflow;

/* Zeroes are the defaults. */
typedef struct rim_spawn_options {
    enum rim_place place;
    uint32_t shard;         /* with RIM_ON_SHARD */
    uint64_t hash;          /* with RIM_BY_HASH */
    uint32_t mailbox_count; /* messages that may wait; 0: the system's default (4,096) */
    uint32_t mailbox_bytes; /* bytes of bodies that may wait; 0: the system's default (1 MiB). One message that finds
                               an empty mailbox is always let in, whatever its size */
    uint64_t memory_bytes;  /* what rim_alloc may hold at once; 0: no limit */
    uint32_t budget;        /* messages in a row before others get their turn; 0: the system's default (256) */
    rim_overflow overflow;  /* what a full mailbox does */
    uint32_t stash_count;   /* messages that rim_stash may keep; 0: as many as mailbox_count */
    bool trap_exit;         /* from its birth on, as rim_trap_exit (link.h) */
    bool keep;              /* by the spawner when it fails, see rim_revive (link.h); implies link */
    bool link;              /* to the spawner, in one step with the spawn; not from a foreign thread */
    bool monitor;           /* by the spawner, in one step with the spawn; not from a foreign thread */
    uint64_t monitor_cookie;
    rim_mon *monitor_out; /* the monitor, if not NULL */
    bool acknowledge;     /* the spawner gets RIM_STARTED; not from a foreign thread */
    rim_ref group;        /* RIM_NIL: none; else it is a member from its birth on, before init runs (group.h) */
    const char *name;     /* NULL: none; else claimed before init runs (name.h). If it is taken, init does not run and
                             the actor ends as RIM_EXIT_NAME */
} rim_spawn_options;

/*
 * Makes an actor. `options` may be NULL. The first `size` bytes at `arg` are copied (at most 1,024) and handed to
 * init, which runs as the actor's first turn on its own shard. The reference is good from the moment of return: what
 * is sent to it, by anyone who is told it, waits until the actor is there. Returns 0, -EINVAL (table or options),
 * -RIM_EBADREF (group), -ENOMEM, -RIM_ELIMIT (no more slots for actors), -RIM_EFULL (the way to that shard is full: try
 * again later), -RIM_ECONTEXT (link, monitor or acknowledge without an actor that spawns).
 */
RIM_API RIM_MUST_CHECK int rim_spawn(rim_ctx *ctx, const rim_behaviour *behaviour, const rim_spawn_options *options,
                                     const void *arg, size_t size, rim_ref *out);

/*
 * RIM_STARTED, to the spawner of an actor with the option `acknowledge`: its init has succeeded. It is not lost: who
 * gets no RIM_STARTED gets RIM_DOWN, given a monitor; an actor that cannot send it for want of memory ends as
 * RIM_EXIT_NOMEM.
 */
typedef struct rim_started_event {
    rim_ref who;
} rim_started_event;

/* In init: the actor has not started when init returns, but when it calls rim_start_confirm. 0, -RIM_ECONTEXT outside
   of init, -ENOMEM. */
RIM_API int rim_start_defer(rim_ctx *ctx);
/* Now it has started. 0, also if nobody waits for that; -ENOMEM: call it again, or end. */
RIM_API int rim_start_confirm(rim_ctx *ctx);

/* ---- the world ---- */

RIM_API rim_ref rim_self(const rim_ctx *ctx);
/* The sender of the message that is being handled; RIM_NIL if it came from no actor. */
RIM_API rim_ref rim_sender(const rim_ctx *ctx);
/* Monotonic time in nanoseconds, cached for the turn (virtual under simulation). */
RIM_API uint64_t rim_now(const rim_ctx *ctx);
/* Wall-clock time in milliseconds since 1970 (virtual under simulation). */
RIM_API uint64_t rim_wall_ms(const rim_ctx *ctx);
/* A number from the shard's seeded generator; the same run under simulation for the same seed. */
RIM_API uint64_t rim_random(rim_ctx *ctx);
RIM_API uint32_t rim_shard_index(const rim_ctx *ctx);
RIM_API uint32_t rim_shard_count(const rim_ctx *ctx);
RIM_API rim_system *rim_system_of(const rim_ctx *ctx);
/* The shard that a reference's actor lives on. Any thread. */
RIM_API uint32_t rim_shard_of(rim_ref ref);
/* The shard, of `shards`, that a hash falls on: spreads the hash's high bits evenly. Any thread. */
RIM_API uint32_t rim_shard_for(uint64_t hash, uint32_t shards);
/* Messages that wait in the mailbox of the actor itself, without the one being handled. */
RIM_API uint32_t rim_backlog(const rim_ctx *ctx);
/* Why the last call in this handler failed, in words that name what it was about ("listen on 0.0.0.0:80: ..."). */
RIM_API const char *rim_error_text(const rim_ctx *ctx);
/* Writes one line to the system's log callback. Levels as in runtime.h. */
RIM_API void rim_log(rim_ctx *ctx, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- the actor's own memory: freed whole when the actor ends ---- */

/* 16-byte aligned. NULL when out of memory or over the actor's limit. */
RIM_API void *rim_alloc(rim_ctx *ctx, size_t size);
RIM_API void *rim_realloc(rim_ctx *ctx, void *block, size_t size);
RIM_API void rim_free(rim_ctx *ctx, void *block);

/* ---- messages ---- */

RIM_API uint32_t rim_tag(const rim_msg *msg);
RIM_API size_t rim_size(const rim_msg *msg);
RIM_API rim_ref rim_from(const rim_msg *msg);
/* The body, to be written before the message is sent. */
RIM_API void *rim_body(rim_msg *msg);
/* An empty message of the caller's. NULL when out of memory or `size` is over RIM_BODY_MAX. */
RIM_API rim_msg *rim_msg_new(rim_ctx *ctx, uint32_t tag, size_t size);
/*
 * A message whose body is the caller's own memory, sent without a copy. release(bytes, arg) runs exactly once, on the
 * shard that made the message, when the last owner is done. NULL when out of memory: then release has not run.
 */
RIM_API rim_msg *rim_msg_wrap(rim_ctx *ctx, uint32_t tag, void *bytes, size_t size,
                              void (*release)(void *bytes, void *arg), void *arg);
/*
 * A message whose body is `size` bytes at `bytes`, which must be good for as long as `of`, a message of the caller's,
 * is: a part of its body, or what a wrapped body points to. What `of` holds is released when it and all views of it
 * have been freed, in any order and on any shard. Few bytes are copied, and so are those of a message of rim_msg_new,
 * which hold nothing else. NULL when out of memory.
 */
RIM_API rim_msg *rim_msg_view(rim_ctx *ctx, uint32_t tag, const void *bytes, size_t size, rim_msg *of);
/*
 * Keeps the message that is being handled: the returned message is the caller's, to send on, to free, or to hold as
 * long as it likes. Its body may lie elsewhere than the borrowed one: ask rim_body. NULL when out of memory.
 */
RIM_API rim_msg *rim_take(rim_ctx *ctx, rim_msg *msg);
/* Frees a message that the caller owns. NULL is allowed. */
RIM_API void rim_msg_free(rim_ctx *ctx, rim_msg *msg);
/* Changes the tag of a message that the caller owns. */
RIM_API void rim_msg_retag(rim_msg *msg, uint32_t tag);

/*
 * Sends a copy of `size` bytes at `body`. Never blocks. Returns 0 when the message is under way, else it was not sent
 * (the first two of these are counted, as refused and as dead): -RIM_EFULL (the mailbox is full or the way to it is;
 * see rim_want_room), -RIM_EDOWN (known here to be gone; a receiver on another shard that is gone is dead-lettered
 * there), -RIM_EBADREF, -RIM_ETOOBIG, -EINVAL (tag below RIM_USER), -ENOMEM.
 */
RIM_API int rim_send(rim_ctx *ctx, rim_ref to, uint32_t tag, const void *body, size_t size);
/* The same for a message of the caller's, which it consumes whatever it returns. */
RIM_API int rim_send_msg(rim_ctx *ctx, rim_ref to, rim_msg *msg);
/* The same, but consumes the message (and sets *msg to NULL) only on success. */
RIM_API RIM_MUST_CHECK int rim_try_send(rim_ctx *ctx, rim_ref to, rim_msg **msg);
/*
 * After -RIM_EFULL: one RIM_ROOM event when `to` has room again (or has ended). Asking twice gives one event.
 * Returns 0, -RIM_EBADREF, -ENOMEM.
 */
RIM_API int rim_want_room(rim_ctx *ctx, rim_ref to);

/* ---- requests: exactly one outcome ---- */

typedef struct rim_ask {
    rim_ref to;
    uint32_t tag;
    const void *body; /* copied */
    size_t size;
    rim_msg *msg;        /* instead of tag, body and size: a message of the caller's, consumed whatever is returned */
    uint64_t timeout_ns; /* mandatory: 0 is -EINVAL */
    rim_outcome on_outcome;
    uint64_t cookie;     /* handed to on_outcome */
    rim_token on_behalf; /* made for this request, which the caller took for later (rim_defer): its deadline is the
                            latest. RIM_NIL: for the request in hand, if there is one */
    bool own_time;       /* not for the request in hand: its deadline does not count */
} rim_ask;

/*
 * Sends a request. It ends at the latest when the request for which it is made does: the one that is being handled, or
 * `on_behalf`. 0: on_outcome will be called exactly once, unless the request is cancelled or the asker ends. Else
 * (the codes of rim_send, -EINVAL for a missing timeout or callback, -RIM_ELIMIT for too many requests at once,
 * -RIM_EBADREF for an `on_behalf` that is answered) it will not be called. `out`, which may be NULL, is for rim_cancel.
 * The reply's place is reserved: replies are never refused for want of room.
 */
RIM_API RIM_MUST_CHECK int rim_request(rim_ctx *ctx, const rim_ask *ask, rim_token *out);
/* True while a request is being handled, and not yet answered or deferred. */
RIM_API bool rim_is_request(const rim_ctx *ctx);
/* Takes the current request to answer later, with the returned token and by this actor. RIM_NIL if there is none, or
   out of memory: then it is still in hand, to be answered or refused. */
RIM_API rim_token rim_defer(rim_ctx *ctx);
/*
 * Answers: `request` is RIM_NIL for the current request, or a token of rim_defer. Returns 0, -RIM_EBADREF if there is
 * no such request (already answered, or not the caller's), -ENOMEM, -RIM_ETOOBIG.
 */
RIM_API int rim_reply(rim_ctx *ctx, rim_token request, uint32_t tag, const void *body, size_t size);
/* The same with a message of the caller's, consumed whatever is returned. */
RIM_API int rim_reply_msg(rim_ctx *ctx, rim_token request, rim_msg *msg);
/* Answers with a failure: `error` is a negative code; -RIM_EREFUSED where the caller has no better one. */
RIM_API int rim_refuse(rim_ctx *ctx, rim_token request, int error);

/* ---- timers ---- */

/* One RIM_TIMER event with `cookie` after `delay_ns`. RIM_NIL when out of memory. */
RIM_API rim_timer rim_after(rim_ctx *ctx, uint64_t delay_ns, uint64_t cookie);
/* The same, then every `period_ns` (at least 1,000). Late events are folded into one, which says how many it missed. */
RIM_API rim_timer rim_every(rim_ctx *ctx, uint64_t first_ns, uint64_t period_ns, uint64_t cookie);

/*
 * Cancels a timer, a request, a gathering, a sequence or a monitor of the calling actor. True if it was pending:
 * afterwards nothing of it arrives, also if its event was already queued. False if it is over, or not the caller's.
 */
RIM_API bool rim_cancel(rim_ctx *ctx, uint64_t handle);

/* ---- change and end ---- */

/* Swaps the table for the next message on. The new table's state_size must not be larger: else -EINVAL. */
RIM_API int rim_become(rim_ctx *ctx, const rim_behaviour *behaviour);
/* Asks an actor (also oneself) to stop after its current message; what is queued is dead-lettered. */
RIM_API int rim_stop(rim_ctx *ctx, rim_ref who);
/* For a handler to return: ends as failed, with a code from RIM_EXIT_USER on and a text (copied, at most 127 bytes). */
RIM_API rim_verdict rim_fail(rim_ctx *ctx, uint32_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* From now on the caller gets this shard's dead letters as RIM_DEAD_LETTER events, as far as its mailbox has room. */
RIM_API int rim_watch_dead_letters(rim_ctx *ctx, bool on);

#ifdef __cplusplus
}
#endif
#endif
