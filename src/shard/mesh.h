/* SPDX-License-Identifier: MIT */
/*
 * mesh.h - the lanes between shards: how messages cross a core.
 *
 *     sender's shard                                                        receiver's shard
 *     outlet: open parcel --flush--> lane.out (ring of parcels) --drain--> deliver each message, where it lies
 *             free parcels <-------- lane.home (ring of parcels) <-------- last message of the parcel released
 *
 * A parcel is 4 KiB and belongs to one ordered pair of shards for ever. The sender writes messages one behind the
 * other; one ring slot and one release store carry them all. Parcels in flight are bounded, and that bound is the only
 * back-pressure of the transport: reserve returns NULL, which the actor layer turns into -RIM_EFULL. Messages whose
 * place is reserved (replies, events, bodies that come home) never fail: without a parcel they wait in the outlet's
 * backlog, which is as long as what was reserved. A shard always drains, also while its own sends are refused: two
 * shards that flood each other do not deadlock.
 *
 * The bell's line is the dearest of all: every sender writes it. So a shard that looks out for news looks into the lane
 * that had some last, and asks the bell only now and then; before it sleeps, the bell decides. And what the other core
 * does not wait for, parcels that go home, is left until the open parcels are on their way.
 *
 *     Order    all messages from one shard to another, in the order reserved
 *     Loss     none
 *     Threads  a mesh belongs to its shard. Shared are: lane.out and lane.home (spsc.h), lane.starved (below), and
 *              the outlets' lane pointers, which the sender sets before it rings the receiver's bell for the first
 *              time and never again
 *
 * A sender without parcels must hear when one comes home, also when it sleeps. It sets lane.starved by an exchange and
 * looks into lane.home once more; the receiver pushes a parcel home, then exchanges lane.starved with 0, and rings the
 * sender's bell if it was set. Both sides do a read-modify-write of one word: if the receiver's comes first, the
 * sender's acquires its push and the second look finds the parcel; if the sender's comes first, the receiver sees it.
 */
#ifndef RINGMAIL_SHARD_MESH_H
#define RINGMAIL_SHARD_MESH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/spsc.h"
#include "shard/doorbell.h"
#include "shard/message.h"

struct rim__shard;

#define RIM_PARCEL_BYTES    4096u
#define RIM_PARCELS_DEFAULT 64u
#define RIM_PARCELS_MAX     1024u

/* Aligned to its size, so that a message finds its parcel. */
struct rim__parcel {
    uint32_t used;            /* bytes, this header included; by the sender */
    uint32_t count;           /* messages; by the sender */
    uint32_t live;            /* messages not released yet; by the receiver */
    uint32_t owner;           /* index of the sender */
    struct rim__parcel *next; /* in a list of whoever holds it */
    uint64_t urgent;          /* messages among them that go ahead of others; by the sender */
};
_Static_assert(sizeof(struct rim__parcel) == 32, "a parcel's first message begins in its first line");

static inline struct rim__parcel *rim__parcel_of(const struct rim_msg *msg) {
    return (struct rim__parcel *)((uintptr_t)msg & ~(uintptr_t)(RIM_PARCEL_BYTES - 1));
}

/* The caller has seen that there are `span` bytes left. */
static inline struct rim_msg *rim__parcel_append(struct rim__parcel *parcel, uint32_t span) {
    struct rim_msg *msg = (struct rim_msg *)((char *)parcel + parcel->used);
    parcel->used += span;
    parcel->count++;
    return msg;
}

struct rim__lane {
    struct rim__spsc out;                                  /* parcels, sender to receiver */
    struct rim__spsc home;                                 /* parcels, receiver to sender */
    _Atomic uint32_t starved rim__aligned(RIM_CACHE_LINE); /* by both: the sender wants to hear of parcels */
};

/* The sender's end of a lane. All fields are the sender's, but that the receiver reads `lane`. */
struct rim__outlet {
    _Atomic(struct rim__lane *) lane; /* NULL until first used */
    struct rim__parcel *open;         /* being written; empty between flushes, made ready for what comes next */
    struct rim__parcel *quick;        /* the same, where only its room is to be asked: nothing waits to go before */
    struct rim__parcel **free; /* a stack of its own: the parcels' lines are the receiver's until they are written */
    uint32_t free_count;
    struct rim_msg *backlog, *backlog_last; /* reserved messages that found no parcel */
    uint32_t made;                          /* parcels that exist */
    uint32_t unrung;                        /* parcels pushed since the bell was rung */
    bool dirty;                             /* flush has something to do: it is in the mesh's list */
    struct rim__outlet *next_dirty;
    bool starved;               /* waits for parcels */
    bool wanted;                /* the layer above wants to hear when there is room */
    struct rim_msg room_notice; /* RIM_KIND_WAY, delivered here when there is */
};

struct rim__mesh {
    struct rim__outlet *outlets;  /* by peer */
    struct rim__outlet *dirty;    /* those that flush has to visit */
    struct rim__outlet *early;    /* of those, the next one to be looked at before the flush; NULL: the first */
    struct rim__bell_news news;   /* lanes to drain; our own copy of the bell */
    uint32_t groups;              /* words of news.lanes in use */
    struct rim__lane **inbound;   /* by peer: the lanes to us, as far as known. The peers' outlets name them too, but
                                     those   lines are written all the time */
    struct rim__lane *hot;        /* the lane that had news last: looked into before the bell; or NULL */
    uint32_t hot_from;            /* whose it is */
    uint32_t bell_skips;          /* drains since the bell was looked at */
    struct rim__parcel *done;     /* other shards' parcels that go home with the next flush */
    uint32_t parcels_max;         /* for each outlet */
    bool (*lane_full)(void *arg); /* for simulation: pretend that no parcel is left */
    void *lane_full_arg;
    uint64_t posted;  /* messages handed to other shards */
    uint64_t drained; /* messages taken in from other shards */
    uint64_t fed;     /* times that parcels came home to an outlet that waited for them */
    uint64_t parcels_sent;
    uint64_t parcels_out; /* parcels of ours that are not at home */
    uint64_t wakes_sent, wakes_saved;
    uint64_t backlog; /* messages in all backlogs */
};

/* Flush has something to do there. */
static inline void rim__outlet_mark(struct rim__mesh *mesh, struct rim__outlet *outlet) {
    if (!outlet->dirty) {
        outlet->dirty = true;
        outlet->next_dirty = mesh->dirty;
        mesh->dirty = outlet;
    }
}

int rim__mesh_init(struct rim__mesh *mesh, uint32_t shards, uint32_t parcels);
/* After all shards' threads have ended. */
void rim__mesh_finish(struct rim__shard *shard);

/*
 * Room for a message of `span` bytes (rim__msg_span; at most RIM_MSG_INLINE_MAX and the headers) to a peer: the caller
 * fills it before the next call. RIM_MSG_IN_PARCEL is in its flags already if it lies in one. `reserved`: does not fail
 * for want of a parcel. NULL: full, or out of memory.
 */
struct rim_msg *rim__mesh_reserve(struct rim__shard *shard, uint32_t to, uint32_t span, bool reserved);
/* The same, where there is nothing to do but to write into the open parcel. NULL: reserve knows. */
static inline struct rim_msg *rim__mesh_reserve_quick(struct rim__mesh *mesh, uint32_t to, uint32_t span) {
    struct rim__outlet *outlet = &mesh->outlets[to];
    struct rim__parcel *parcel = outlet->quick;
    if (rim__unlikely(parcel == NULL || parcel->used + span > RIM_PARCEL_BYTES)) {
        return NULL;
    }
    rim__outlet_mark(mesh, outlet);
    return rim__parcel_append(parcel, span);
}
/* The same for a message that exists already, in this shard's own memory or in another's parcel: it takes it over and
   cannot fail. For what must not be lost when there is no memory left. */
void rim__mesh_post(struct rim__shard *shard, uint32_t to, struct rim_msg *msg);
/* One RIM_KIND_WAY message, delivered here with `from` the peer's index, when reserve is likely to succeed again. */
void rim__mesh_want_room(struct rim__shard *shard, uint32_t to);
/* The tick: what other shards sent goes to shard->deliver. */
void rim__mesh_drain(struct rim__shard *shard);
/* Whether drain would find something; without the bell, only the lane that had news last is looked into. */
bool rim__mesh_has_news(const struct rim__shard *shard, bool ask_bell);
/* Marks the bell PARKED for a sleep. False: there is news, the next drain takes it. */
bool rim__mesh_park(struct rim__shard *shard);
/*
 * Between turns, now and then: the open parcel of one dirty outlet, of another one each time, goes to its lane at once,
 * if that lane is empty: then its receiver has nothing more from here, and may have nothing to do. While it has, what
 * is sent gathers in the parcel. So where many are under way, they do not all wait for the last of this tick, and
 * then for the last of the other's: two shards would work by turns.
 */
void rim__mesh_hasten(struct rim__shard *shard);
/* The tick: open parcels go to their lanes, bells are rung, and done parcels go home. */
void rim__mesh_flush(struct rim__shard *shard);
/* Takes in every parcel that has come home: for exact counts. */
void rim__mesh_collect(struct rim__shard *shard);
/* A message of a parcel is done. */
void rim__mesh_release(struct rim__shard *shard, struct rim_msg *msg);
/* Whether flush or drain has something to do. */
bool rim__mesh_is_quiet(const struct rim__shard *shard);

#endif
