/* SPDX-License-Identifier: MIT */
/*
 * closing.h - closing at every possible moment: an activity is simulated, and after each of its steps, in a run of its
 * own, its subject (a socket, a file, ...) or the subject's owner is brought to an end, in each way that there is.
 *
 *     main.c     cases, ways, steps; what must hold at the end of a run
 *     stage.c    one run: the world, its actors, the end
 *     streams.c, tls.c, datagrams.c, children.c, files.c, maps.c, others.c    what the cases do
 *
 * A case is a few functions. `begin` is called within each of its actors, and `event` for whatever comes to them.
 * What they make they enter in the ledger, by made; then it is checked that the last event of each comes once, if its
 * owner lives, and that nothing comes after it.
 *
 *     Threads  one: the simulation runs all shards on the caller's
 */
#ifndef CLOSING_H
#define CLOSING_H

#include <errno.h>
#include <string.h>

#include "ringmail.h"

#define CLOSING_WAYS(X)                                                                                                \
    X(nothing, "it goes on to its end")                                                                                \
    X(close, "the subject is closed")                                                                                  \
    X(stop, "the subject's actor is stopped")                                                                          \
    X(kill, "the subject's actor is killed")                                                                           \
    X(leave, "the owner stops")                                                                                        \
    X(crash, "the owner fails")                                                                                        \
    X(stop_system, "the system is stopped")                                                                            \
    X(cut_system, "the system is stopped without time")

enum closing_way {
#define CLOSING_WAY_(name, text) CLOSING_##name,
    CLOSING_WAYS(CLOSING_WAY_)
#undef CLOSING_WAY_
        CLOSING_WAY_COUNT
};

enum { CLOSING_ACTORS = 4, CLOSING_OBJECTS = 24 };

struct closing_object {
    rim_ref ref;
    uint32_t owner;                          /* its number */
    uint32_t last;                           /* last events */
    int (*close)(rim_ctx *ctx, rim_ref ref); /* NULL: it has no last event, and is stopped */
};

struct closing_case {
    const char *name;
    uint32_t actors;  /* number 0 first; each on shard `number % 2`, if it is `apart` */
    uint32_t subject; /* the object with this number, in the order in which they were made */
    bool apart;
    uint32_t variant; /* the case's own */
    bool may_be_late; /* a stop cannot write what its other end, which is stopped as well, does not read */
    bool no_last;     /* the subject is closed without a last event */
    void (*prepare)(rim_system *system); /* NULL: nothing is to be done before the start */
    void (*begin)(rim_ctx *ctx, uint32_t actor);
    void (*event)(rim_ctx *ctx, uint32_t actor, const void *body, rim_msg *msg);
};

/* One run. */
struct closing_run {
    const struct closing_case *of;
    enum closing_way way;
    uint64_t seed, step;
    uint64_t steps;    /* that it took to come to rest */
    bool has_subject;  /* by the step */
    const char *wrong; /* the first thing that was */
    rim_ref actors[CLOSING_ACTORS];
    bool has_ended[CLOSING_ACTORS];
    uint32_t asked[CLOSING_ACTORS], outcomes[CLOSING_ACTORS];
    struct closing_object objects[CLOSING_OBJECTS];
    uint32_t count;
    uint64_t numbers[8]; /* the case's own */
    uint64_t lasts;
    uint64_t sum; /* of events: for the count */
};
extern struct closing_run closing;

enum { /* variants of streams */
       CLOSING_UNIX = 1,
       CLOSING_ABORTS = 2,
       CLOSING_SENDS_FILE = 4,
       CLOSING_TLS = 8,
       CLOSING_KERNEL_TLS = 16,
       CLOSING_DRAINS = 32,
       CLOSING_LENDS = 64,
       CLOSING_BY_KERNEL = 128,
};
enum { CLOSING_GO = RIM_USER, CLOSING_END, CLOSING_TALK };

void closing_check(bool ok, const char *what);
#define CLOSING_CHECK(expression) closing_check((expression), #expression)

/* The owner of connections that are accepted in a case: actor 2, whose object is the connection. */
extern const rim_behaviour closing_accepted;

/* What main.c calls: with of, way, seed and step set. */
void closing_play(void);

/* For cases. An object of the calling actor's; its last event; something else from it. */
void closing_made(rim_ctx *ctx, uint32_t actor, rim_ref ref, int (*close)(rim_ctx *ctx, rim_ref ref));
void closing_last(rim_ref ref);
void closing_from(rim_ref ref);
/* A request was made, unless `error`; its on_outcome is then the one that calls answered. */
bool closing_asked(uint32_t actor, int error);
void closing_answered(uint32_t actor);
/* The number of the actor whose handler runs. */
uint32_t closing_me(rim_ctx *ctx);
/* For begin and event: actor `number` is told to go on, with CLOSING_TALK. */
void closing_tell(rim_ctx *ctx, uint32_t number, uint64_t what);

/* What the cases of streams are made of, for those of TLS. */
void closing_stream_begin(rim_ctx *ctx, uint32_t actor);
void closing_stream_event(rim_ctx *ctx, uint32_t actor, const void *body, rim_msg *msg);
/* The set-ups of the two ends, which are kept; NULL where ringmail was built without TLS. */
rim_tls *closing_tls_of(bool server);

extern const struct closing_case closing_streams[], closing_tls[], closing_datagrams[], closing_children[],
    closing_files[], closing_maps[], closing_others[];
extern const uint32_t closing_stream_count, closing_tls_count, closing_datagram_count, closing_child_count,
    closing_file_count, closing_map_count, closing_other_count;

#endif
