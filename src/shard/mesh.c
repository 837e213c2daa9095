/* SPDX-License-Identifier: MIT */
#include "shard/mesh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "shard/shard.h"

#define DRAIN_MESSAGES 512u /* of one lane in one tick, in whole parcels */
#define BELL_SKIPS_MAX 16u  /* drains of the hot lane before the bell is looked at */
#define HOME_EVERY     8u /* parcels of one lane in one tick, before those that are done go home: turns may take long */
#define RING_EVERY     4u /* parcels pushed within one tick before the receiver is told */

static rim__cold int make_lane(struct rim__mesh *mesh, struct rim__outlet *outlet) {
    struct rim__lane *lane = aligned_alloc(RIM_CACHE_LINE, sizeof *lane);
    outlet->free = calloc(mesh->parcels_max, sizeof(struct rim__parcel *));
    if (lane == NULL || outlet->free == NULL) {
        goto free_both;
    }
    memset(lane, 0, sizeof *lane);
    if (rim__spsc_init(&lane->out, mesh->parcels_max) != 0) {
        goto free_both;
    }
    if (rim__spsc_init(&lane->home, mesh->parcels_max) != 0) {
        goto finish_out;
    }
    outlet->lane = lane;
    return 0;
finish_out:
    rim__spsc_finish(&lane->out);
free_both:
    free(lane);
    free(outlet->free);
    outlet->free = NULL;
    return -ENOMEM;
}

/* All parcels that have come home go to the local stack: one look at the ring's line for many parcels. */
static bool collect_home(struct rim__mesh *mesh, struct rim__outlet *outlet) {
    struct rim__parcel *parcel;
    while ((parcel = rim__spsc_pop(&outlet->lane->home)) != NULL) {
        outlet->free[outlet->free_count++] = parcel;
        mesh->parcels_out--;
    }
    return outlet->free_count > 0;
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

/* A parcel that can be had without waiting, or NULL. */
static struct rim__parcel *spare_parcel(struct rim__shard *shard, struct rim__outlet *outlet) {
    struct rim__mesh *mesh = &shard->mesh;
    if (rim__likely(outlet->free_count > 0) || collect_home(mesh, outlet)) {
        return outlet->free[--outlet->free_count];
    }
    return make_parcel(mesh, outlet, shard->index);
}

static struct rim__parcel *take_parcel(struct rim__shard *shard, struct rim__outlet *outlet) {
    if (outlet->lane == NULL && make_lane(&shard->mesh, outlet) != 0) {
        return NULL;
    }
    struct rim__parcel *parcel = spare_parcel(shard, outlet);
    if (parcel == NULL && outlet->made > 0 && starve(&shard->mesh, outlet)) {
        parcel = outlet->free[--outlet->free_count];
    }
    if (parcel != NULL) {
        parcel->used = sizeof *parcel;
        parcel->count = 0;
        parcel->urgent = 0;
    }
    return parcel;
}

/* While the other core is busy with what it got: the lines that the next message and its push will write. */
static void make_ready(struct rim__shard *shard, struct rim__outlet *outlet) {
    struct rim__parcel *parcel = outlet->open = spare_parcel(shard, outlet);
    if (parcel != NULL) {
        __builtin_prefetch((char *)parcel + 64, 1);
        parcel->used = sizeof *parcel;
        parcel->count = 0;
        parcel->urgent = 0;
        rim__spsc_prepare_push(&((struct rim__lane *)outlet->lane)->out);
        outlet->quick = shard->mesh.lane_full == NULL ? parcel : NULL;
    }
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
    outlet->open = outlet->quick = NULL;
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

static void append_backlog(struct rim__mesh *mesh, struct rim__outlet *outlet, struct rim_msg *msg) {
    msg->next = NULL;
    outlet->quick = NULL;
    if (outlet->backlog == NULL) {
        outlet->backlog = msg;
    } else {
        outlet->backlog_last->next = msg;
    }
    outlet->backlog_last = msg;
    mesh->backlog++;
}

static rim__cold struct rim_msg *reserve_backlog(struct rim__shard *shard, struct rim__outlet *outlet, uint32_t span) {
    struct rim_msg *msg = rim__memory_alloc(&shard->memory, span);
    if (msg != NULL) {
        msg->flags = 0;
        append_backlog(&shard->mesh, outlet, msg);
    }
    return msg;
}

static bool is_blocked(const struct rim__mesh *mesh, const struct rim__outlet *outlet) {
    return outlet->backlog != NULL || (mesh->lane_full != NULL && mesh->lane_full(mesh->lane_full_arg));
}

/* A message that lies elsewhere goes into the parcel, and its memory back to where it came from. */
static void move_into(struct rim__shard *shard, struct rim__parcel *parcel, struct rim_msg *msg, uint32_t span) {
    struct rim_msg *copy = rim__parcel_append(parcel, span);
    memcpy(copy, msg, span);
    copy->flags |= RIM_MSG_IN_PARCEL;
    parcel->urgent += (copy->flags & RIM_MSG_URGENT) != 0;
    if (msg->flags & RIM_MSG_IN_PARCEL) {
        rim__mesh_release(shard, msg);
    } else {
        rim__memory_free(&shard->memory, msg, span);
    }
}

void rim__mesh_post(struct rim__shard *shard, uint32_t to, struct rim_msg *msg) {
    struct rim__outlet *outlet = &shard->mesh.outlets[to];
    uint32_t span = (uint32_t)rim__msg_span(msg->flags, msg->size);
    rim__outlet_mark(&shard->mesh, outlet);
    struct rim__parcel *parcel = is_blocked(&shard->mesh, outlet) ? NULL : open_for(shard, outlet, to, span);
    if (parcel != NULL) {
        move_into(shard, parcel, msg, span);
    } else {
        append_backlog(&shard->mesh, outlet, msg);
    }
}

struct rim_msg *rim__mesh_reserve(struct rim__shard *shard, uint32_t to, uint32_t span, bool reserved) {
    struct rim__mesh *mesh = &shard->mesh;
    struct rim__outlet *outlet = &mesh->outlets[to];
    rim__assert(span <= RIM_PARCEL_BYTES - sizeof(struct rim__parcel));
    rim__outlet_mark(mesh, outlet);
    struct rim__parcel *parcel = is_blocked(mesh, outlet) ? NULL : open_for(shard, outlet, to, span);
    if (rim__unlikely(parcel == NULL)) {
        return reserved ? reserve_backlog(shard, outlet, span) : NULL;
    }
    struct rim_msg *msg = rim__parcel_append(parcel, span);
    msg->flags = RIM_MSG_IN_PARCEL;
    outlet->quick = mesh->lane_full == NULL ? parcel : NULL;
    return msg;
}

void rim__mesh_want_room(struct rim__shard *shard, uint32_t to) {
    struct rim__outlet *outlet = &shard->mesh.outlets[to];
    outlet->wanted = true;
    rim__outlet_mark(&shard->mesh, outlet); /* flush tells, or starves and is told */
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
        move_into(shard, parcel, msg, span);
    }
}

/* Tells the layer above that there is a way again, by a message that lies in the outlet. */
static void tell_room(struct rim__shard *shard, struct rim__outlet *outlet, uint32_t to) {
    if (!outlet->wanted || outlet->backlog != NULL) {
        return;
    }
    struct rim__mesh *mesh = &shard->mesh;
    bool room = outlet->free_count > 0 || outlet->open != NULL || outlet->made < mesh->parcels_max ||
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
    if (outlet->open == NULL && outlet->lane != NULL && outlet->backlog == NULL) {
        make_ready(shard, outlet);
    }
    if (rim__unlikely(outlet->wanted)) {
        tell_room(shard, outlet, to);
    }
    if (outlet->backlog != NULL && !outlet->starved) {
        rim__outlet_mark(&shard->mesh, outlet); /* only a fault, or memory, holds it up: try again */
    }
}

static void send_home(struct rim__shard *shard, struct rim__parcel *parcel) {
    struct rim__lane *lane = shard->mesh.inbound[parcel->owner];
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
    struct rim__parcel *parcel = rim__parcel_of(msg);
    rim__assert(parcel->live > 0);
    if (--parcel->live == 0) {
        put_aside(shard, parcel);
    }
}

static void deliver_singly(struct rim__shard *shard, struct rim__parcel *parcel) {
    for (uint32_t at = sizeof *parcel, used = parcel->used; at < used;) {
        struct rim_msg *msg = (struct rim_msg *)((char *)parcel + at);
        rim__assert(msg->flags & RIM_MSG_IN_PARCEL);
        at += (uint32_t)rim__msg_span(msg->flags, msg->size);
        shard->deliver(shard, msg);
    }
}

static void deliver_parcel(struct rim__shard *shard, struct rim__parcel *parcel) {
    parcel->live = parcel->count + 1; /* ours: the parcel stays while we read */
    shard->mesh.drained += parcel->count;
    if (rim__likely(shard->unpack != NULL && parcel->urgent == 0)) {
        parcel->live -= shard->unpack(shard, parcel);
    } else {
        deliver_singly(shard, parcel);
    }
    if (--parcel->live == 0) {
        put_aside(shard, parcel);
    }
}

static struct rim__lane *inbound_lane(struct rim__shard *shard, uint32_t from) {
    struct rim__lane **lane = &shard->mesh.inbound[from];
    if (rim__unlikely(*lane == NULL)) {
        *lane = shard->peers[from]->mesh.outlets[shard->index].lane;
    }
    return *lane;
}

/* True if the lane is empty. */
static bool drain_lane(struct rim__shard *shard, uint32_t from) {
    struct rim__lane *lane = inbound_lane(shard, from);
    if (lane == NULL) { /* the bell rang for parcels that came home, and nothing was ever sent this way */
        return true;
    }
    for (uint32_t messages = 0, parcels = 0; messages < DRAIN_MESSAGES;) {
        if (parcels++ == HOME_EVERY) {
            send_done_home(shard);
            parcels = 1;
        }
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
        shard->mesh.fed++;
        rim__outlet_mark(&shard->mesh, outlet);
    }
}

/*
 * Whether the bell tells more than that the hot lane's sender rang: its ring comes after its push, so the look into the
 * lane is mostly the faster one, and the ring finds nothing left to do.
 */
static bool is_other_bell(const struct rim__shard *shard) {
    const struct rim__mesh *mesh = &shard->mesh;
    uint64_t expected = mesh->hot != NULL && !shard->bell.grouped ? 1ull << mesh->hot_from : 0;
    return (rim__bell_look(&shard->bell) & ~expected) != 0;
}

static bool is_hot_full(const struct rim__mesh *mesh) {
    if (mesh->hot == NULL) {
        return false;
    }
    rim__spsc_prepare_pop(&mesh->hot->out);
    return !rim__spsc_is_empty(&mesh->hot->out);
}

/* The bell is rung for this parcel alone: whoever waits for it waits now. */
static void push_early(struct rim__shard *shard, struct rim__outlet *outlet) {
    uint32_t to = (uint32_t)(outlet - shard->mesh.outlets);
    push_open(shard, outlet, to);
    if (outlet->unrung > 0) {
        outlet->unrung = 0;
        ring(shard, to);
    }
    make_ready(shard, outlet);
}

void rim__mesh_hasten(struct rim__shard *shard) {
    struct rim__mesh *mesh = &shard->mesh;
    struct rim__outlet *outlet = mesh->early != NULL ? mesh->early : mesh->dirty;
    if (outlet == NULL) {
        return;
    }
    mesh->early = outlet->next_dirty;
    bool is_plain = outlet->open != NULL && outlet->open->count > 0 && outlet->backlog == NULL;
    if (is_plain && rim__spsc_is_taken(&((struct rim__lane *)outlet->lane)->out)) {
        push_early(shard, outlet);
    }
}

/* The lanes that have news: by a look into the hot one, or by the bell, which is put off for some drains at most. */
static void gather_news(struct rim__shard *shard) {
    struct rim__mesh *mesh = &shard->mesh;
    bool hot = is_hot_full(mesh);
    if (hot) {
        mesh->news.lanes[mesh->hot_from / 64] |= 1ull << (mesh->hot_from % 64);
    }
    if (mesh->bell_skips < BELL_SKIPS_MAX && (hot || !is_other_bell(shard))) {
        mesh->bell_skips++;
        return;
    }
    mesh->bell_skips = 0;
    rim__bell_take(&shard->bell, &mesh->news);
}

bool rim__mesh_has_news(const struct rim__shard *shard, bool ask_bell) {
    return is_hot_full(&shard->mesh) || (ask_bell && is_other_bell(shard));
}

bool rim__mesh_park(struct rim__shard *shard) {
    shard->mesh.bell_skips = BELL_SKIPS_MAX; /* now, or after the sleep, the bell is what counts */
    return rim__bell_park(&shard->bell);
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
    mesh->dirty = mesh->early = NULL; /* what is marked meanwhile waits for the next flush */
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
