/* SPDX-License-Identifier: MIT */
/*
 * region.h - one mapped region: the state machine behind a map actor. Written once, above io/op.h. Called by the files
 * region*.c, and by service.c, which cuts off what is left at the end.
 *
 *     OPENING --mapped--> LOADING --the last step--> READY --closing, nothing in flight--> CLOSED: the owner is told,
 * the |                   |                                                     ^       actor stops
 *        '-- failed: error --'-----------------------------------------------------'
 *
 * It lives in a block of its own, because helpers and views outlive the actor. It is unmapped and freed when the actor
 * has ended, it is CLOSED, nothing is in flight, and no view is out: rim__region_settle and the release of a view see
 * to that.
 *
 *     in flight  `op` opens, loads and unmaps, one after the other; `work`, one call at a time, is advice or sync
 *     Calls      who waits for READY is in `waiters`, advice and sync in `works`, in order
 *     Views      a rim__body each, of this shard, which points to the region: `views` counts them
 *     Threads    the shard's own; but what mapping.h says of `mapping`, for who has a view
 */
#ifndef RINGMAIL_IO_REGION_H
#define RINGMAIL_IO_REGION_H

#include "io/mapping.h"
#include "io/service.h"

enum rim__region_state { RIM_REGION_OPENING, RIM_REGION_LOADING, RIM_REGION_READY, RIM_REGION_CLOSED };

enum {
    RIM_REGION_PROTOCOL = 0x7f0f,
    RIM_REGION_CALL = (RIM_REGION_PROTOCOL << 16) + RIM_USER,
    RIM_REGION_CLOSE,
};

enum rim__region_what {
    RIM_REGION_STAT,
    RIM_REGION_WAIT,
    RIM_REGION_GET,
    RIM_REGION_ADVISE,
    RIM_REGION_SYNC,
};

/* A request to the actor. */
struct rim__region_ask {
    uint32_t what;
    uint32_t advice;
    uint64_t offset, length;
};

struct rim__region_call {
    struct rim__region_call *next;
    rim_token token;
    struct rim__region_ask ask;
};

struct rim__region_calls {
    struct rim__region_call *first, *last;
    uint32_t count;
};

struct rim__region {
    struct rim__service *service;
    struct rim__region *next, **link; /* of the service */
    rim_ref self, owner;              /* owner RIM_NIL: there is none, or it has ended */
    struct rim__watch self_watch, owner_watch;
    enum rim__region_state state;
    int error; /* why it has failed */
    bool self_gone, closing, held, busy;
    bool stopping; /* the system: nothing is loaded any more */
    bool napping;  /* a timer will go on with the loading */
    bool tells_progress;
    rim_map_load load;
    uint64_t step, loaded;
    uint64_t views;
    struct rim__region_calls waiters, works;
    struct rim__op op, work;
    struct rim__region_call *working; /* whose `work` is in flight */
    struct rim__mapping mapping;
    struct rim__map_plan plan;
    struct rim_msg *news, *farewell; /* RIM_MAP_READY and RIM_MAP_CLOSED, made beforehand */
    uint32_t path_size;              /* with its end */
    char path[];
};

extern const rim_behaviour rim__region_behaviour; /* region_actor.c; init's argument is a struct rim__region * */
/* Of this actor's file; NULL: it is no map. */
const char *rim__region_path_of(rim_ctx *ctx, rim_ref who);

/* ---- region.c ---- */

/* Takes a call over. */
void rim__region_enqueue(struct rim__region *region, struct rim__region_call *call);
/* Does whatever is to be done next. To be called last in every event; the region may be gone afterwards. */
void rim__region_settle(struct rim__region *region);
/* The system stops: loading ends. */
void rim__region_quiet(struct rim__region *region);
/* The actors are gone: closes now, or as soon as nothing is in flight. */
void rim__region_cut(struct rim__region *region);
/* The region of a map of this shard. 0, -RIM_EDOWN, -RIM_EBADREF, -EAGAIN (not mapped as yet). */
int rim__region_find(rim_ctx *ctx, rim_ref map, struct rim__region **out);

/* ---- region_life.c ---- */

/* In OPENING, without an actor as yet. NULL when out of memory. */
struct rim__region *rim__region_create(struct rim__service *service, const rim_map_options *options);
/* CLOSED or nobody's: unmaps it and frees it, if nothing speaks against it. */
void rim__region_bury(struct rim__region *region);
/* Frees one that is not mapped. */
void rim__region_discard(struct rim__region *region);

/* ---- region_call.c ---- */

/* The outcome, and the end of the call's memory. */
void rim__region_answer(struct rim__region *region, struct rim__region_call *call, int error);
/* "map /a/b: no such file or directory"; `call` NULL: of the region itself. */
void rim__region_explain(const struct rim__region *region, const struct rim__region_call *call, int error, char *text,
                         size_t size);

/* ---- region_view.c ---- */

/* 0 or negative; `length` 0: to the end. */
int rim__region_view(struct rim__region *region, uint32_t tag, uint64_t offset, uint64_t length, struct rim_msg **out);
/* Whether the message has bytes of a map: only the kernel may copy them, who may fail. */
bool rim__region_is_view(const struct rim_msg *msg);
/* Makes 0 the rest. 0, -ENODATA. */
int rim__region_limit(const struct rim__region *region, uint64_t offset, uint64_t *length);

static inline bool rim__region_is_cut(const struct rim__region *region) {
    return region->self_gone || region->service->detached;
}

static inline bool rim__region_is_mapped(const struct rim__region *region) {
    return region->mapping.ops != NULL;
}

#endif
