/* SPDX-License-Identifier: MIT */
/*
 * What a port's thread has its shard do: each call is checked here as far as it can be, and becomes an order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "port.h"

int rim__port_give(struct rim_port *port, struct rim__port_order *order) {
    int error = 0;
    pthread_mutex_lock(&port->lock);
    if (port->ended) {
        error = rim__port_why(port);
    } else if (!rim__spsc_push(&port->out, order)) {
        error = -RIM_EFULL;
    } else {
        rim__port_call(port);
    }
    pthread_mutex_unlock(&port->lock);
    return error;
}

/* ---- making orders ---- */

static struct rim__port_order *make(enum rim__port_order_kind kind, uint64_t to, const void *body, size_t size) {
    struct rim__port_order *order = aligned_alloc(16, (sizeof *order + size + 15) & ~(size_t)15);
    if (order != NULL) {
        *order = (struct rim__port_order){.kind = kind, .to = to, .size = size};
        if (size > 0) {
            memcpy(order->body, body, size);
        }
    }
    return order;
}

/* Consumed, come what may. */
static int give(struct rim_port *port, struct rim__port_order *order) {
    int error = order != NULL ? rim__port_give(port, order) : -ENOMEM;
    if (error != 0) {
        free(order);
    }
    return error;
}

static int check(const struct rim_port *port, rim_ref to) {
    uint32_t shards = port->shards;
    if (rim__ref_kind(to) != RIM_REF_ACTOR || (rim__ref_node(to) == 0 && rim__ref_shard(to) >= shards)) {
        return -RIM_EBADREF;
    }
    return rim__ref_node(to) == 0 ? 0 : -RIM_EDOWN;
}

static int check_body(const void *body, size_t size) {
    return body == NULL && size > 0 ? -EINVAL : size > RIM_BODY_MAX ? -RIM_ETOOBIG : 0;
}

static int check_message(const struct rim_port *port, rim_ref to, uint32_t tag, const void *body, size_t size) {
    int error = (tag & 0xffffu) < RIM_USER ? -EINVAL : check_body(body, size);
    return error != 0 ? error : check(port, to);
}

static int give_plain(rim_port *port, enum rim__port_order_kind kind, rim_ref who) {
    int error = check(port, who);
    return error != 0 ? error : give(port, make(kind, who, NULL, 0));
}

/* ---- sending ---- */

int rim_port_send(rim_port *port, rim_ref to, uint32_t tag, const void *body, size_t size) {
    int error = check_message(port, to, tag, body, size);
    if (error != 0) {
        return error;
    }
    struct rim__port_order *order = make(RIM_PORT_SEND, to, body, size);
    if (order != NULL) {
        order->tag = tag;
    }
    return give(port, order);
}

int rim_port_send_wrap(rim_port *port, rim_ref to, uint32_t tag, void *bytes, size_t size,
                       void (*release)(void *bytes, void *arg), void *arg) {
    int error = check_message(port, to, tag, bytes, size);
    if (error != 0) {
        return error;
    }
    struct rim__port_order *order = make(RIM_PORT_SEND_WRAP, to, NULL, 0);
    if (order != NULL) {
        order->tag = tag;
        order->bytes = bytes;
        order->size = size;
        order->release = release;
        order->arg = arg;
    }
    return give(port, order);
}

int rim_port_want_room(rim_port *port, rim_ref to) {
    return give_plain(port, RIM_PORT_WANT_ROOM, to);
}

/* The system is there as long as the port has not ended. */
int rim_port_spawn(rim_port *port, const rim_behaviour *behaviour, const rim_spawn_options *options, const void *arg,
                   size_t size, rim_ref *out) {
    pthread_mutex_lock(&port->lock);
    int error = port->ended ? rim__port_why(port) : rim_system_spawn(port->system, behaviour, options, arg, size, out);
    pthread_mutex_unlock(&port->lock);
    return error;
}

int rim_port_stop(rim_port *port, rim_ref who) {
    return give_plain(port, RIM_PORT_STOP, who);
}

/* ---- links and monitors ---- */

int rim_port_link(rim_port *port, rim_ref who) {
    return give_plain(port, RIM_PORT_LINK, who);
}

int rim_port_unlink(rim_port *port, rim_ref who) {
    return give_plain(port, RIM_PORT_UNLINK, who);
}

int rim_port_kill(rim_port *port, rim_ref who) {
    return give_plain(port, RIM_PORT_KILL, who);
}

int rim_port_exit_send(rim_port *port, rim_ref to, uint32_t code, const char *text) {
    int error = check(port, to);
    if (error != 0) {
        return error;
    }
    char copy[128] = "";
    strncpy(copy, text != NULL ? text : "", sizeof copy - 1);
    struct rim__port_order *order = make(RIM_PORT_EXIT_SEND, to, copy, sizeof copy);
    if (order != NULL) {
        order->error = (int32_t)code;
    }
    return give(port, order);
}

int rim_port_monitor(rim_port *port, rim_ref who, uint64_t cookie, rim_mon *out) {
    int error = check(port, who);
    struct rim__port_record *record = error == 0 ? rim__port_record_make(port) : NULL;
    if (record == NULL) {
        return error != 0 ? error : -ENOMEM;
    }
    uint64_t handle = record->handle;
    record->outcome.item.kind = RIM_PORT_EVENT;
    record->outcome.item.tag = RIM_DOWN;
    record->outcome.item.request = RIM_NIL;
    record->outcome.item.cookie = cookie;
    struct rim__port_order *order = make(RIM_PORT_MONITOR, who, NULL, 0);
    if (order != NULL) {
        order->record = record;
    }
    error = give(port, order);
    if (error != 0) {
        rim__port_record_free(port, record);
    } else if (out != NULL) {
        *out = handle;
    }
    return error;
}

/* ---- requests ---- */

/* On the clock of the shard; 0: the port has ended. */
static uint64_t read_clock(struct rim_port *port) {
    if (!port->is_simulated) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    }
    pthread_mutex_lock(&port->lock);
    uint64_t now_ns = port->ended ? 0 : port->system->sim->now_ns;
    pthread_mutex_unlock(&port->lock);
    return now_ns;
}

static int ask_with(rim_port *port, const rim_port_ask *ask, struct rim__port_record *record) {
    uint64_t now_ns = read_clock(port);
    record->outcome.item.cookie = ask->cookie;
    struct rim__port_order *order = make(RIM_PORT_ASK, ask->to, ask->body, ask->size);
    if (order != NULL) {
        order->tag = ask->tag;
        order->record = record;
        order->deadline_ns = ask->timeout_ns > UINT64_MAX / 2 ? UINT64_MAX / 2 : now_ns + ask->timeout_ns;
    }
    return give(port, order);
}

int rim_port_request(rim_port *port, const rim_port_ask *ask, rim_token *out) {
    int error = ask->timeout_ns == 0 ? -EINVAL : check_message(port, ask->to, ask->tag, ask->body, ask->size);
    if (error != 0) {
        return error;
    }
    struct rim__port_record *record = rim__port_record_make(port);
    if (record == NULL) {
        return -ENOMEM;
    }
    uint64_t handle = record->handle;
    error = ask_with(port, ask, record);
    if (error != 0) {
        rim__port_record_free(port, record);
    } else if (out != NULL) {
        *out = handle;
    }
    return error;
}

/* Here it is cancelled at once; that the shard hears of it only spares work. */
bool rim_port_cancel(rim_port *port, uint64_t request_or_monitor) {
    struct rim__port_record *record = rim__port_record_find(port, request_or_monitor);
    if (record == NULL || record->cancelled || record->is_given) {
        return false;
    }
    record->cancelled = true;
    port->cancelled++;
    struct rim__port_order *order = make(RIM_PORT_CANCEL, 0, NULL, 0);
    if (order != NULL) {
        order->record = record;
    }
    record->ack_is_due = give(port, order) == 0;
    return true;
}

static int answer(rim_port *port, struct rim__port_order *order, uint32_t tag, int error) {
    if (order != NULL) {
        order->tag = tag;
        order->error = error;
    }
    return give(port, order);
}

int rim_port_reply(rim_port *port, rim_token request, uint32_t tag, const void *body, size_t size) {
    int error = rim__ref_kind(request) != RIM_REF_DEFERRED ? -RIM_EBADREF : check_body(body, size);
    return error != 0 ? error : answer(port, make(RIM_PORT_REPLY, request, body, size), tag, 0);
}

int rim_port_refuse(rim_port *port, rim_token request, int error) {
    if (rim__ref_kind(request) != RIM_REF_DEFERRED) {
        return -RIM_EBADREF;
    }
    return answer(port, make(RIM_PORT_REFUSE, request, NULL, 0), 0, error);
}
