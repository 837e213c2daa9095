/* SPDX-License-Identifier: MIT */
/*
 * Threads that are no shard: they spawn and send through the shards' inlets. The slots of what they spawn are theirs
 * to choose, as every shard's are, under one lock.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actor/group.h"
#include "actor/name.h"
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
    _Alignas(struct rim__birth) char body[sizeof *birth + RIM_SPAWN_ARG_MAX + RIM_NAME_MAX];
    rim__birth_write((struct rim__birth *)body, birth, arg);
    struct rim_msg *msg = rim__inlet_msg(RIM_KIND_SPAWN, 0, body, rim__birth_size(birth));
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
    int error = rim__spawn_check(behaviour, options, size);
    return error != 0 ? error : rim__system_spawn_own(system, behaviour, options, arg, size, out);
}

int rim__system_spawn_own(rim_system *system, const rim_behaviour *behaviour, const rim_spawn_options *options,
                          const void *arg, size_t size, rim_ref *out) {
    uint32_t shard = 0;
    uint64_t local = 0;
    int error = out == NULL || (arg == NULL && size > 0) ? -EINVAL : rim__spawn_check_own(behaviour, options, size);
    if (error == 0 && options != NULL && (options->link || options->keep || options->monitor || options->acknowledge)) {
        error = -RIM_ECONTEXT; /* to whom? */
    }
    error = error != 0 ? error : choose_shard(system, options, &shard);
    error = error != 0 ? error : take_slot(system, shard, &local);
    if (error != 0) {
        return error;
    }
    struct rim__birth birth = {.behaviour = behaviour, .version = behaviour->version, .size = (uint32_t)size};
    birth.options = options != NULL ? *options : (rim_spawn_options){0};
    birth.name_size = (uint32_t)rim__name_size(birth.options.name);
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

/* ---- names, for rim_system_find ---- */

struct rim__foreign_name {
    struct rim__map_node node;
    rim_ref owner;
    size_t size;
    char text[];
};

static uint64_t hash_of(const rim_system *system, const char *name, size_t size) {
    return rim__map_hash(system->config.seed, name, size);
}

struct rim__foreign_name *rim__foreign_name_make(const char *name, size_t size) {
    struct rim__foreign_name *made = malloc(sizeof *made + size);
    if (made != NULL) {
        made->size = size;
        memcpy(made->text, name, size);
    }
    return made;
}

void rim__foreign_name_free(struct rim__foreign_name *name) {
    free(name);
}

void rim__foreign_name_bind(rim_system *system, struct rim__foreign_name *name, rim_ref owner) {
    name->owner = owner;
    pthread_mutex_lock(&system->foreign_lock);
    rim__map_put(&system->names, &name->node, hash_of(system, name->text, name->size));
    pthread_mutex_unlock(&system->foreign_lock);
}

void rim__foreign_name_unbind(rim_system *system, struct rim__foreign_name *name) {
    pthread_mutex_lock(&system->foreign_lock);
    rim__map_remove(&system->names, &name->node);
    pthread_mutex_unlock(&system->foreign_lock);
    free(name);
}

rim_ref rim_system_group(const rim_system *system, const char *topic) {
    uint64_t id = rim__group_hash(system->config.seed, topic);
    return id != 0 ? (uint64_t)RIM_REF_GROUP << RIM_KIND_SHIFT | id : RIM_NIL;
}

rim_ref rim_system_find(rim_system *system, const char *name) {
    size_t size = rim__name_size(name);
    uint64_t hash = hash_of(system, size > 0 ? name : "", size);
    rim_ref found = RIM_NIL;
    pthread_mutex_lock(&system->foreign_lock);
    struct rim__map_node *node = rim__map_first(&system->names, hash);
    for (; node != NULL && found == RIM_NIL; node = rim__map_match(node->next, hash)) {
        const struct rim__foreign_name *bound = rim__container_of(node, struct rim__foreign_name, node);
        if (bound->size == size && memcmp(bound->text, name, size) == 0) {
            found = bound->owner;
        }
    }
    pthread_mutex_unlock(&system->foreign_lock);
    return found;
}
