/* SPDX-License-Identifier: MIT */
/*
 * Which ports there are, and whose. A key of the threads' tells the hub when a thread has ended, and the ports that
 * were its own end with it. The key is the system's own, not the process's, and goes with the hub: when the system and
 * the last port have gone.
 */
#include <errno.h>
#include <stdlib.h>

#include "port.h"

/* One thread, as far as it owns ports here. */
struct rim__port_owner {
    struct rim__port_hub *hub;
    struct rim__port_owner *next, **link;
};

struct rim__port_hub {
    pthread_mutex_t lock;
    pthread_key_t key;
    uint32_t holders; /* under the lock: the system, and every port */
    struct rim_port *ports;
    struct rim__port_owner *owners;
};

/* Under the lock, which it opens. */
static void let_go(struct rim__port_hub *hub) {
    bool last = --hub->holders == 0;
    pthread_mutex_unlock(&hub->lock);
    if (!last) {
        return;
    }
    pthread_key_delete(hub->key);
    for (struct rim__port_owner *owner = hub->owners, *next; owner != NULL; owner = next) {
        next = owner->next;
        free(owner);
    }
    pthread_mutex_destroy(&hub->lock);
    free(hub);
}

/* Under the lock. */
static void unlist(struct rim_port *port) {
    *port->link = port->next;
    if (port->next != NULL) {
        port->next->link = port->link;
    }
}

static struct rim_port *port_of(const struct rim__port_hub *hub, const struct rim__port_owner *owner) {
    struct rim_port *port = hub->ports;
    while (port != NULL && port->owner != owner) {
        port = port->next;
    }
    return port;
}

/* A thread that had ports has ended. */
static void bereave(void *arg) {
    struct rim__port_owner *owner = arg;
    struct rim__port_hub *hub = owner->hub;
    pthread_mutex_lock(&hub->lock);
    *owner->link = owner->next;
    if (owner->next != NULL) {
        owner->next->link = owner->link;
    }
    hub->holders++; /* until this is through */
    for (struct rim_port *port; (port = port_of(hub, owner)) != NULL;) {
        unlist(port);
        hub->holders--;
        rim__port_leave(port, RIM_PORT_ABANDONED);
    }
    let_go(hub);
    free(owner);
}

static struct rim__port_hub *make_hub(int *error) {
    struct rim__port_hub *hub = calloc(1, sizeof *hub);
    if (hub == NULL) {
        *error = -ENOMEM;
        return NULL;
    }
    *error = -pthread_key_create(&hub->key, bereave);
    if (*error != 0) {
        free(hub);
        return NULL;
    }
    pthread_mutex_init(&hub->lock, NULL);
    hub->holders = 1;
    return hub;
}

static struct rim__port_hub *hub_of(rim_system *system, int *error) {
    *error = 0;
    pthread_mutex_lock(&system->foreign_lock);
    if (system->ports == NULL) {
        system->ports = make_hub(error);
    }
    struct rim__port_hub *hub = system->ports;
    pthread_mutex_unlock(&system->foreign_lock);
    return hub;
}

/* Under the lock. NULL: out of memory. */
static struct rim__port_owner *this_thread(struct rim__port_hub *hub) {
    struct rim__port_owner *owner = pthread_getspecific(hub->key);
    if (owner != NULL) {
        return owner;
    }
    owner = calloc(1, sizeof *owner);
    if (owner == NULL || pthread_setspecific(hub->key, owner) != 0) {
        free(owner);
        return NULL;
    }
    owner->hub = hub;
    owner->next = hub->owners;
    owner->link = &hub->owners;
    if (owner->next != NULL) {
        owner->next->link = &owner->next;
    }
    hub->owners = owner;
    return owner;
}

int rim__port_hub_add(rim_system *system, struct rim_port *port) {
    int error;
    struct rim__port_hub *hub = hub_of(system, &error);
    if (hub == NULL) {
        return error;
    }
    pthread_mutex_lock(&hub->lock);
    port->owner = this_thread(hub);
    if (port->owner != NULL) {
        port->hub = hub;
        port->next = hub->ports;
        port->link = &hub->ports;
        if (port->next != NULL) {
            port->next->link = &port->next;
        }
        hub->ports = port;
        hub->holders++;
    }
    pthread_mutex_unlock(&hub->lock);
    return port->owner != NULL ? 0 : -ENOMEM;
}

int rim__port_hub_adopt(struct rim_port *port) {
    pthread_mutex_lock(&port->hub->lock);
    struct rim__port_owner *owner = this_thread(port->hub);
    port->owner = owner != NULL ? owner : port->owner;
    pthread_mutex_unlock(&port->hub->lock);
    return owner != NULL ? 0 : -ENOMEM;
}

void rim__port_hub_remove(struct rim_port *port) {
    struct rim__port_hub *hub = port->hub;
    pthread_mutex_lock(&hub->lock);
    unlist(port);
    let_go(hub);
}

void rim__port_hub_close(rim_system *system) {
    if (system->ports != NULL) {
        pthread_mutex_lock(&system->ports->lock);
        let_go(system->ports);
        system->ports = NULL;
    }
}
