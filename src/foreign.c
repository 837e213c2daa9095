/* SPDX-License-Identifier: MIT */
/*
 * Threads that are no shard: they spawn and send through the shards' inlets. The slots of what they spawn are theirs
 * to choose, as every shard's are, under one lock.
 */
#include <errno.h>
#include <string.h>

#include "system.h"

static int take_slot(rim_system *system, uint32_t shard, uint64_t *local) {
    pthread_mutex_lock(&system->foreign_lock);
    int error = rim__allotment_take(&system->foreign[shard], local);
    pthread_mutex_unlock(&system->foreign_lock);
    return error;
}

void rim__foreign_slot_free(rim_system *system, uint32_t shard, uint64_t local) {
    pthread_mutex_lock(&system->foreign_lock);
    rim__allotment_give(&system->foreign[shard], local);
    pthread_mutex_unlock(&system->foreign_lock);
}

/* Where RIM_LEAST_LOADED leads from outside of the shards. */
static uint32_t least_loaded(const rim_system *system) {
    uint32_t best = 0;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < system->count; i++) {
        rim_stats stats;
        rim__stats_read(system->members[i].ctx, &stats);
        uint64_t actors = stats.actors > system->foreign[i].in_use ? stats.actors : system->foreign[i].in_use;
        if (actors < least) {
            least = actors;
            best = i;
        }
    }
    return best;
}

static int choose_shard(rim_system *system, const rim_spawn_options *options, uint32_t *shard) {
    if (options != NULL && options->place == RIM_LEAST_LOADED) {
        pthread_mutex_lock(&system->foreign_lock);
        *shard = least_loaded(system);
        pthread_mutex_unlock(&system->foreign_lock);
        return 0;
    }
    return rim__spawn_place(system->members[0].ctx, options, shard);
}

static int push_birth(rim_system *system, const struct rim__birth *birth, const void *arg, uint32_t shard,
                      uint64_t local) {
    char body[sizeof *birth + RIM_SPAWN_ARG_MAX];
    memcpy(body, birth, sizeof *birth);
    if (birth->size > 0) {
        memcpy(body + sizeof *birth, arg, birth->size);
    }
    struct rim_msg *msg = rim__inlet_msg(RIM_KIND_SPAWN, 0, body, (uint32_t)sizeof *birth + birth->size);
    if (msg == NULL) {
        return -ENOMEM;
    }
    msg->to = local;
    msg->flags |= RIM_MSG_RESERVED;
    int error = rim__inlet_push(system->members[shard].shard, msg, false);
    if (error != 0) {
        rim__inlet_msg_free(msg);
    }
    return error;
}

int rim_system_spawn(rim_system *system, const rim_behaviour *behaviour, const rim_spawn_options *options,
                     const void *arg, size_t size, rim_ref *out) {
    uint32_t shard = 0;
    uint64_t local = 0;
    int error = out == NULL || (arg == NULL && size > 0) ? -EINVAL : rim__spawn_check(behaviour, options, size);
    if (error == 0 && options != NULL && (options->link || options->monitor || options->acknowledge)) {
        error = -RIM_ECONTEXT; /* to whom? */
    }
    error = error != 0 ? error : choose_shard(system, options, &shard);
    error = error != 0 ? error : take_slot(system, shard, &local);
    if (error != 0) {
        return error;
    }
    struct rim__birth birth = {.behaviour = behaviour, .version = behaviour->version, .size = (uint32_t)size};
    birth.options = options != NULL ? *options : (rim_spawn_options){0};
    error = push_birth(system, &birth, arg, shard, local);
    if (error != 0) {
        rim__foreign_slot_free(system, shard, local);
        return error;
    }
    *out = rim__ref_make(RIM_REF_ACTOR, shard, local);
    return 0;
}

int rim_system_send(rim_system *system, rim_ref to, uint32_t tag, const void *body, size_t size) {
    if (rim__ref_kind(to) != RIM_REF_ACTOR || (rim__ref_node(to) == 0 && rim__ref_shard(to) >= system->count)) {
        return -RIM_EBADREF;
    }
    if (rim__ref_node(to) != 0) {
        return -RIM_EDOWN;
    }
    if ((tag & 0xffffu) < RIM_USER || (body == NULL && size > 0)) {
        return -EINVAL;
    }
    if (size > RIM_BODY_MAX) {
        return -RIM_ETOOBIG;
    }
    struct rim_msg *msg = rim__inlet_msg(RIM_KIND_TELL, tag, body, (uint32_t)size);
    if (msg == NULL) {
        return -ENOMEM;
    }
    msg->to = rim__ref_local(to);
    int error = rim__inlet_push(system->members[rim__ref_shard(to)].shard, msg, false);
    if (error != 0) {
        rim__inlet_msg_free(msg);
    }
    return error;
}
