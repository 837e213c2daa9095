/* SPDX-License-Identifier: MIT */
#include "shard/mesh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "shard/shard.h"

#define DRAIN_MESSAGES 512u /* of one lane in one tick, in whole parcels */
#define BELL_SKIPS_MAX 16u  /* drains of the hot lane before the bell is looked at */
#define RING_EVERY 4u       /* parcels pushed within one tick before the receiver is told */

int rim__mesh_init(struct rim__mesh *mesh, uint32_t shards, uint32_t parcels) {
    *mesh = (struct rim__mesh){.parcels_max = parcels, .groups = (shards + 63) / 64};
    mesh->outlets = calloc(shards, sizeof *mesh->outlets);
    return mesh->outlets == NULL ? -ENOMEM : 0;
}

static void free_lane(struct rim__outlet *outlet) {
    struct rim__parcel *parcel;
    while ((parcel = rim__spsc_pop(&outlet->lane->home)) != NULL) {
        free(parcel);
    }
    while ((parcel = rim__spsc_pop(&outlet->lane->out)) != NULL) {
        free(parcel);
    }
    while ((parcel = outlet->free) != NULL) {
        outlet->free = parcel->next;
        free(parcel);
    }
    free(outlet->open);
    rim__spsc_finish(&outlet->lane->out);
    rim__spsc_finish(&outlet->lane->home);
    free(outlet->lane);
}

void rim__mesh_finish(struct rim__shard *shard) {
    struct rim__mesh *mesh = &shard->mesh;
    for (uint32_t i = 0; mesh->outlets != NULL && i < shard->count; i++) {
        if (mesh->outlets[i].lane != NULL) {
            free_lane(&mesh->outlets[i]);
        }
    }
    free(mesh->outlets);
    mesh->outlets = NULL;
}

static rim__cold int make_lane(struct rim__mesh *mesh, struct rim__outlet *outlet) {
    struct rim__lane *lane = aligned_alloc(RIM_CACHE_LINE, sizeof *lane);
    if (lane == NULL) {
        return -ENOMEM;
    }
    memset(lane, 0, sizeof *lane);
    if (rim__spsc_init(&lane->out, mesh->parcels_max) != 0 || rim__spsc_init(&lane->home, mesh->parcels_max) != 0) {
        rim__spsc_finish(&lane->out);
        free(lane);
        return -ENOMEM;
    }
    outlet->lane = lane;
    return 0;
}

/* All parcels that have come home go to the local stack: one look at the ring's line for many parcels. */
static bool collect_home(struct rim__mesh *mesh, struct rim__outlet *outlet) {
    struct rim__parcel *parcel;
    while ((parcel = rim__spsc_pop(&outlet->lane->home)) != NULL) {
        parcel->next = outlet->free;
        outlet->free = parcel;
        mesh->parcels_out--;
    }
    return outlet->free != NULL;
}

void rim__mesh_collect(struct rim__shard *shard) {
    for (uint32_t i = 0; i < shard->count; i++) {
        if (shard->mesh.outlets[i].lane != NULL) {
            collect_home(&shard->mesh, &shard->mesh.outlets[i]);
        }
    }
}

static rim__cold struct rim__parcel *make_parcel(struct rim__mesh *mesh, struct rim__outlet *outlet, uint32_t owner) {
    if (outlet->made >= mesh->parcels_max) {
        return NULL;
    }
    struct rim__parcel *parcel = aligned_alloc(RIM_PARCEL_BYTES, RIM_PARCEL_BYTES);
    if (parcel != NULL) {
        parcel->owner = owner;
        outlet->made++;
    }
    return parcel;
}

/* The second look that lane.starved needs is in here. */
static rim__cold bool starve(struct rim__mesh *mesh, struct rim__outlet *outlet) {
    outlet->starved = true;
    /* acq_rel: with the receiver's exchange in send_home. */
    atomic_exchange_explicit(&outlet->lane->starved, 1, memory_order_acq_rel);
    if (!collect_home(mesh, outlet)) {
        return false;
    }
    outlet->starved = false; /* a ring that comes for the flag all the same does no harm */
    return true;
}

static struct rim__parcel *take_parcel(struct rim__shard *shard, struct rim__outlet *outlet) {
    struct rim__mesh *mesh = &shard->mesh;
    if (outlet->lane == NULL && make_lane(mesh, outlet) != 0) {
        return NULL;
    }
    struct rim__parcel *parcel;
    if (outlet->free == NULL && !collect_home(mesh, outlet)) {
        parcel = make_parcel(mesh, outlet, shard->index);
        if (parcel == NULL && outlet->made > 0 && starve(mesh, outlet)) {
            parcel = outlet->free;
            outlet->free = parcel->next;
        }
    } else {
        parcel = outlet->free;
        outlet->free = parcel->next;
    }
    if (parcel != NULL) {
        parcel->used = sizeof *parcel;
        parcel->count = 0;
        rim__spsc_prepare_push(&((struct rim__lane *)outlet->lane)->out);
        __builtin_prefetch(outlet->free, 1); /* the next one: the receiver's core has its first line */
    }
    return parcel;
}

static void ring(struct rim__shard *shard, uint32_t to) {
    struct rim__mesh *mesh = &shard->mesh;
    struct rim__shard *peer = shard->peers[to];
    if (rim__bell_ring(&peer->bell, shard->index)) {
        mesh->wakes_sent++;
        shard->driver->ops->wake(shard->driver, peer->driver);
    } else {
        mesh->wakes_saved++;
    }
}

static void push_open(struct rim__shard *shard, struct rim__outlet *outlet, uint32_t to) {
    struct rim__mesh *mesh = &shard->mesh;
    struct rim__parcel *parcel = outlet->open;
    outlet->open = NULL;
    mesh->posted += parcel->count;
    mesh->parcels_sent++;
    mesh->parcels_out++;
    bool pushed = rim__spsc_push(&outlet->lane->out, parcel);
    rim__assert(pushed); /* the ring holds every parcel there is */
    if (++outlet->unrung >= RING_EVERY) {
        outlet->unrung = 0;
        ring(shard, to);
    }
}

static void mark_dirty(struct rim__mesh *mesh, struct rim__outlet *outlet) {
    if (!outlet->dirty) {
        outlet->dirty = true;
        outlet->next_dirty = mesh->dirty;
        mesh->dirty = outlet;
    }
}

/* An open parcel with `span` bytes left, or NULL. */
static struct rim__parcel *open_for(struct rim__shard *shard, struct rim__outlet *outlet, uint32_t to, uint32_t span) {
    struct rim__parcel *parcel = outlet->open;
    if (rim__likely(parcel != NULL && parcel->used + span <= RIM_PARCEL_BYTES)) {
        return parcel;
    }
    if (parcel != NULL) {
        push_open(shard, outlet, to);
    }
    outlet->open = take_parcel(shard, outlet);
    return outlet->open;
}

static struct rim_msg *append(struct rim__parcel *parcel, uint32_t span) {
    struct rim_msg *msg = (struct rim_msg *)((char *)parcel + parcel->used);
    parcel->used += span;
    parcel->count++;
    return msg;
}

static rim__cold struct rim_msg *reserve_backlog(struct rim__shard *shard, struct rim__outlet *outlet, uint32_t span) {
    struct rim_msg *msg = rim__memory_alloc(&shard->memory, span);
    if (msg == NULL) {
        return NULL;
    }
    msg->next = NULL;
    msg->flags = 0;
    if (outlet->backlog == NULL) {
        outlet->backlog = msg;
    } else {
        outlet->backlog_last->next = msg;
    }
    outlet->backlog_last = msg;
    shard->mesh.backlog++;
    return msg;
}

struct rim_msg *rim__mesh_reserve(struct rim__shard *shard, uint32_t to, uint32_t span, bool reserved) {
    struct rim__mesh *mesh = &shard->mesh;
    struct rim__outlet *outlet = &mesh->outlets[to];
    rim__assert(span <= RIM_PARCEL_BYTES - sizeof(struct rim__parcel));
    mark_dirty(mesh, outlet);
    bool blocked = outlet->backlog != NULL || (mesh->lane_full != NULL && mesh->lane_full(mesh->lane_full_arg));
    struct rim__parcel *parcel = blocked ? NULL : open_for(shard, outlet, to, span);
    if (rim__unlikely(parcel == NULL)) {
        return reserved ? reserve_backlog(shard, outlet, span) : NULL;
    }
    struct rim_msg *msg = append(parcel, span);
    msg->flags = RIM_MSG_IN_PARCEL;
    return msg;
}

void rim__mesh_want_room(struct rim__shard *shard, uint32_t to) {
    struct rim__outlet *outlet = &shard->mesh.outlets[to];
    outlet->wanted = true;
    mark_dirty(&shard->mesh, outlet); /* flush tells, or starves and is told */
}

/* Messages of the backlog move into parcels, as far as there are any. */
static void flush_backlog(struct rim__shard *shard, struct rim__outlet *outlet, uint32_t to) {
    while (outlet->backlog != NULL) {
        struct rim_msg *msg = outlet->backlog;
        uint32_t span = (uint32_t)rim__msg_span(msg->flags, msg->size);
        struct rim__parcel *parcel = open_for(shard, outlet, to, span);
        if (parcel == NULL) {
            return;
        }
        outlet->backlog = msg->next;
        shard->mesh.backlog--;
        struct rim_msg *copy = append(parcel, span);
        memcpy(copy, msg, span);
        copy->flags |= RIM_MSG_IN_PARCEL;
        rim__memory_free(&shard->memory, msg, span);
    }
}

/* Tells the layer above that there is a way again, by a message that lies in the outlet. */
static void tell_room(struct rim__shard *shard, struct rim__outlet *outlet, uint32_t to) {
    if (!outlet->wanted || outlet->backlog != NULL) {
        return;
    }
    struct rim__mesh *mesh = &shard->mesh;
    bool room = outlet->free != NULL || outlet->open != NULL || outlet->made < mesh->parcels_max ||
                collect_home(mesh, outlet) || starve(mesh, outlet);
    if (room) {
        outlet->wanted = false;
        outlet->room_notice = (struct rim_msg){.from = to, .kind = RIM_KIND_WAY, .flags = RIM_MSG_EMBEDDED};
        shard->deliver(shard, &outlet->room_notice);
    }
}

static void flush_outlet(struct rim__shard *shard, struct rim__outlet *outlet) {
    uint32_t to = (uint32_t)(outlet - shard->mesh.outlets);
    outlet->dirty = false;
    if (rim__unlikely(outlet->backlog != NULL)) {
        flush_backlog(shard, outlet, to);
    }
    if (outlet->open != NULL && outlet->open->count > 0) {
        push_open(shard, outlet, to);
    }
    if (outlet->unrung > 0) {
        outlet->unrung = 0;
        ring(shard, to);
    }
    if (rim__unlikely(outlet->wanted)) {
        tell_room(shard, outlet, to);
    }
    if (outlet->backlog != NULL && !outlet->starved) {
        mark_dirty(&shard->mesh, outlet); /* only a fault, or memory, holds it up: try again */
    }
}

static void send_home(struct rim__shard *shard, struct rim__parcel *parcel) {
    struct rim__lane *lane = shard->peers[parcel->owner]->mesh.outlets[shard->index].lane;
    uint32_t owner = parcel->owner; /* the parcel is no longer ours after the push */
    bool pushed = rim__spsc_push(&lane->home, parcel);
    rim__assert(pushed);
    /* The exchange is needed also where it finds 0: the sender's exchange acquires our push through it. */
    if (atomic_exchange_explicit(&lane->starved, 0, memory_order_acq_rel) != 0) {
        ring(shard, owner);
    }
}

static void put_aside(struct rim__shard *shard, struct rim__parcel *parcel) {
    parcel->next = shard->mesh.done;
    shard->mesh.done = parcel;
}

static void send_done_home(struct rim__shard *shard) {
    for (struct rim__parcel *parcel = shard->mesh.done, *next; parcel != NULL; parcel = next) {
        next = parcel->next;
        send_home(shard, parcel);
    }
    shard->mesh.done = NULL;
}

void rim__mesh_release(struct rim__shard *shard, struct rim_msg *msg) {
    struct rim__parcel *parcel = (struct rim__parcel *)((uintptr_t)msg & ~(uintptr_t)(RIM_PARCEL_BYTES - 1));
    rim__assert(parcel->live > 0);
    if (--parcel->live == 0) {
        put_aside(shard, parcel);
    }
}

static void deliver_parcel(struct rim__shard *shard, struct rim__parcel *parcel) {
    uint32_t used = parcel->used;
    parcel->live = parcel->count + 1; /* ours: the parcel stays while we read */
    shard->mesh.drained += parcel->count;
    for (uint32_t at = sizeof *parcel; at < used;) {
        struct rim_msg *msg = (struct rim_msg *)((char *)parcel + at);
        rim__assert(msg->flags & RIM_MSG_IN_PARCEL);
        at += (uint32_t)rim__msg_span(msg->flags, msg->size);
        shard->deliver(shard, msg);
    }
    if (--parcel->live == 0) {
        put_aside(shard, parcel);
    }
}

/* True if the lane is empty. */
static bool drain_lane(struct rim__shard *shard, uint32_t from) {
    struct rim__lane *lane = shard->peers[from]->mesh.outlets[shard->index].lane;
    if (lane == NULL) { /* the bell rang for parcels that came home, and nothing was ever sent this way */
        return true;
    }
    for (uint32_t messages = 0; messages < DRAIN_MESSAGES;) {
        struct rim__parcel *parcel = rim__spsc_pop(&lane->out);
        if (parcel == NULL) {
            return true;
        }
        messages += parcel->count;
        shard->mesh.hot = lane;
        shard->mesh.hot_from = from;
        deliver_parcel(shard, parcel);
    }
    return false;
}

static void feed_starved(struct rim__shard *shard, uint32_t from) {
    struct rim__outlet *outlet = &shard->mesh.outlets[from];
    if (rim__unlikely(outlet->starved)) {
        outlet->starved = false;
        mark_dirty(&shard->mesh, outlet);
    }
}

/* The lanes that have news: by a look into the hot one, or by the bell. */
static void gather_news(struct rim__shard *shard) {
    struct rim__mesh *mesh = &shard->mesh;
    if (mesh->hot != NULL && !rim__spsc_is_empty(&mesh->hot->out) && ++mesh->bell_skips < BELL_SKIPS_MAX) {
        mesh->news.lanes[mesh->hot_from / 64] |= 1ull << (mesh->hot_from % 64);
        return;
    }
    mesh->bell_skips = 0;
    rim__bell_take(&shard->bell, &mesh->news);
}

bool rim__mesh_has_news(const struct rim__shard *shard, bool ask_bell) {
    const struct rim__mesh *mesh = &shard->mesh;
    return (mesh->hot != NULL && !rim__spsc_is_empty(&mesh->hot->out)) ||
           (ask_bell && rim__bell_is_rung(&shard->bell));
}

void rim__mesh_drain(struct rim__shard *shard) {
    struct rim__mesh *mesh = &shard->mesh;
    gather_news(shard);
    if (mesh->news.inlet) {
        mesh->news.inlet = false;
        shard->inlet.news = true;
    }
    for (uint32_t group = 0; group < mesh->groups; group++) {
        for (uint64_t word = mesh->news.lanes[group]; word != 0; word &= word - 1) {
            uint32_t from = group * 64 + (uint32_t)__builtin_ctzll(word);
            feed_starved(shard, from);
            if (drain_lane(shard, from)) {
                mesh->news.lanes[group] &= ~(1ull << (from % 64));
            }
        }
    }
}

void rim__mesh_flush(struct rim__shard *shard) {
    struct rim__mesh *mesh = &shard->mesh;
    struct rim__outlet *outlet = mesh->dirty;
    mesh->dirty = NULL; /* what is marked meanwhile waits for the next flush */
    for (struct rim__outlet *next; outlet != NULL; outlet = next) {
        next = outlet->next_dirty;
        flush_outlet(shard, outlet);
    }
    if (mesh->done != NULL) {
        send_done_home(shard);
    }
}

bool rim__mesh_is_quiet(const struct rim__shard *shard) {
    const struct rim__mesh *mesh = &shard->mesh;
    uint64_t any = 0;
    for (uint32_t group = 0; group < mesh->groups; group++) {
        any |= mesh->news.lanes[group];
    }
    return any == 0 && mesh->dirty == NULL && mesh->done == NULL && !shard->inlet.news;
}
