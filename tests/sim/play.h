/* SPDX-License-Identifier: MIT */
/*
 * play.h - one run of the campaign: a random world under simulation, and the ledger in which its actors write down
 * what they did, so that what happens to them can be checked.
 *
 *     main.c    seeds, options, what must have happened
 *     play.c    one seed: the world is made, run, stopped, checked
 *     player.c  the actors that tell, ask, answer, spawn, stop, set timers
 *     wire.c    what they send: numbered by pair, plain or wrapped
 *     echo.c    a listener, connections that echo, clients that check the echo
 *
 *     Threads  one: the simulation runs all shards on the caller's
 */
#ifndef PLAY_H
#define PLAY_H

#include <stdlib.h>
#include <string.h>

#include "ringmail.h"

#define PLAY_ACTORS  48u
#define PLAY_ENTRIES 2000u

/* What must have happened by the end of a whole campaign, beside the faults. */
#define PLAY_EVENTS(X)                                                                                                 \
    X(told)                                                                                                            \
    X(told_across)                                                                                                     \
    X(full)                                                                                                            \
    X(down)                                                                                                            \
    X(room)                                                                                                            \
    X(refused)                                                                                                         \
    X(reply)                                                                                                           \
    X(timed_out)                                                                                                       \
    X(request_down)                                                                                                    \
    X(request_full)                                                                                                    \
    X(request_refused)                                                                                                 \
    X(no_reply)                                                                                                        \
    X(no_handler)                                                                                                      \
    X(cancelled_request)                                                                                               \
    X(cancelled_timer)                                                                                                 \
    X(cancelled_too_late)                                                                                              \
    X(deferred)                                                                                                        \
    X(answered_later)                                                                                                  \
    X(fired)                                                                                                           \
    X(missed_periods)                                                                                                  \
    X(spawned)                                                                                                         \
    X(spawn_full)                                                                                                      \
    X(init_failed)                                                                                                     \
    X(stopped_other)                                                                                                   \
    X(stopped_self)                                                                                                    \
    X(failed)                                                                                                          \
    X(became)                                                                                                          \
    X(wrapped)                                                                                                         \
    X(taken)                                                                                                           \
    X(forwarded)                                                                                                       \
    X(closing)                                                                                                         \
    X(dead_down)                                                                                                       \
    X(dead_late)                                                                                                       \
    X(dead_expired)                                                                                                    \
    X(dead_no_handler)                                                                                                 \
    X(rest)                                                                                                            \
    X(stop_in_time)                                                                                                    \
    X(stop_cut)                                                                                                        \
    X(connected)                                                                                                       \
    X(echoed)                                                                                                          \
    X(closed_well)                                                                                                     \
    X(closed_by_error)                                                                                                 \
    X(connect_failed)                                                                                                  \
    X(aborted)                                                                                                         \
    X(wake_sent)                                                                                                       \
    X(wake_saved)

enum play_event {
#define PLAY_EVENT_(name) PLAY_##name,
    PLAY_EVENTS(PLAY_EVENT_)
#undef PLAY_EVENT_
        PLAY_EVENT_COUNT
};

enum play_state { PLAY_OPEN = 1, PLAY_OVER, PLAY_CANCELLED, PLAY_GONE };

/* A request or a timer. */
struct play_entry {
    uint32_t owner;
    enum play_state state;
    uint64_t handle, due_ns, period_ns;
};

struct play {
    uint64_t seed;
    bool canary;       /* the model breaks its own promise now and then */
    const char *wrong; /* the first thing that was */
    uint64_t budget;   /* actions that are left */
    uint32_t actors;   /* ids given out */
    rim_ref refs[PLAY_ACTORS];
    bool mortal[PLAY_ACTORS]; /* ended, or was told to: the others cannot be down */
    uint64_t sent[PLAY_ACTORS][PLAY_ACTORS], seen[PLAY_ACTORS][PLAY_ACTORS]; /* by sender and receiver */
    struct play_entry requests[PLAY_ENTRIES], timers[PLAY_ENTRIES];
    uint32_t request_count, timer_count;
    uint32_t wraps, unwraps;
    uint8_t released[PLAY_ENTRIES];
    uint32_t clients, closed; /* of the echo */
    bool stopping;            /* the system is told to stop */
    uint16_t port;
    uint64_t events[PLAY_EVENT_COUNT];
    uint64_t faults[32];
    uint64_t trace;
};

static inline void play_check(struct play *play, bool ok, const char *what) {
    if (!ok && play->wrong == NULL) {
        play->wrong = what;
    }
}
#define PLAY_CHECK(play, expression) play_check((play), (expression), #expression)
static inline void play_note(struct play *play, enum play_event event) {
    play->events[event]++;
}

/* One seed. `wrong` says how it went. */
void play_run(struct play *play);

/* player.c */
extern const rim_behaviour play_player;
struct play_cast {
    struct play *play;
    uint32_t id;
};

/* wire.c: what is sent from one player to another begins with this. */
enum { PLAY_TELL = RIM_USER, PLAY_ASK, PLAY_REPLY, PLAY_FORWARDED, PLAY_NOBODY };
struct wire {
    uint32_t from, to;
    uint64_t number; /* of this pair, rising */
    uint32_t wrap;   /* 0, or the wrapped body's number and 1 */
    uint32_t unused;
};
/* The next one of a pair. */
struct wire wire_next(struct play *play, uint32_t from, uint32_t to);
/* One that has arrived. */
void wire_arrived(struct play *play, uint32_t to, const void *body, size_t size);
/* A message for a pair, of some size, plain or wrapped. NULL: the ledger is full. */
rim_msg *wire_msg(rim_ctx *ctx, struct play *play, uint32_t tag, const struct wire *wire);

/* echo.c: spawns the listener, which spawns the clients. */
void echo_open(struct play *play, rim_system *system);

#endif
