/* SPDX-License-Identifier: MIT */
/*
 * A port's thread: opening, receiving, closing. The argument about what it shares with its shard is in actor/port.h.
 */
#define _GNU_SOURCE
#include "port.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define CAPACITY_DEFAULT 1024u
#define CAPACITY_MAX     (1u << 20)
#define BYTES_DEFAULT    (1u << 20)

/* ---- opening ---- */

static int make_rings(struct rim_port *port, uint32_t capacity) {
    int error = rim__spsc_init(&port->out, capacity);
    error = error != 0 ? error : rim__spsc_init(&port->in, port->ring_max);
    if (error == 0) {
        port->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        error = port->event_fd < 0 ? -errno : 0;
    }
    return error;
}

static void discard(struct rim_port *port) {
    rim__spsc_finish(&port->out);
    rim__spsc_finish(&port->in);
    if (port->event_fd >= 0) {
        close(port->event_fd);
    }
    free(port);
}

static struct rim_port *make(const rim_port_options *options, int *error) {
    struct rim_port *port =
        aligned_alloc(RIM_CACHE_LINE, (sizeof *port + RIM_CACHE_LINE - 1) & ~(RIM_CACHE_LINE - 1ul));
    if (port == NULL) {
        *error = -ENOMEM;
        return NULL;
    }
    uint32_t capacity = options->capacity != 0 ? options->capacity : CAPACITY_DEFAULT;
    uint32_t bytes = options->bytes != 0 ? options->bytes : BYTES_DEFAULT;
    *port = (struct rim_port){.event_fd = -1, .ring_max = (capacity + 1) / 2, .bytes_max = (bytes + 1) / 2};
    atomic_init(&port->holders, 2);
    *error = make_rings(port, capacity);
    if (*error != 0) {
        discard(port);
        return NULL;
    }
    pthread_mutex_init(&port->lock, NULL);
    return port;
}

/* The first call is to follow the birth closely: it watches for the actor's end. */
static int spawn(rim_system *system, struct rim_port *port, const rim_port_options *options) {
    rim_spawn_options spawn = {.place = RIM_ON_SHARD,
                               .shard = options->shard,
                               .mailbox_count = port->ring_max,
                               .mailbox_bytes = (uint32_t)port->bytes_max,
                               .trap_exit = options->trap_exit,
                               .name = options->name};
    port->system = system;
    port->shards = system->count;
    port->is_simulated = system->sim != NULL;
    port->shard = system->members[options->shard].shard;
    int error = rim__system_spawn_own(system, &rim__port_behaviour, &spawn, &port, sizeof port, &port->ref);
    if (error == 0) {
        rim__port_call(port);
    }
    return error;
}

int rim_port_open(rim_system *system, const rim_port_options *options, rim_port **out) {
    static const rim_port_options defaults;
    options = options != NULL ? options : &defaults;
    *out = NULL;
    if (options->shard >= system->count || options->capacity > CAPACITY_MAX) {
        return -EINVAL;
    }
    int error;
    struct rim_port *port = make(options, &error);
    if (port == NULL) {
        return error;
    }
    error = rim__port_hub_add(system, port);
    if (error == 0) {
        error = spawn(system, port, options);
        if (error != 0) {
            rim__port_hub_remove(port);
        }
    }
    if (error != 0) {
        pthread_mutex_destroy(&port->lock);
        discard(port);
        return error;
    }
    *out = port;
    return 0;
}

int rim_port_adopt(rim_port *port) {
    return rim__port_hub_adopt(port);
}

rim_ref rim_port_ref(const rim_port *port) {
    return port->ref;
}

/* ---- closing ---- */

/* What was received is the user's no more. */
static void give_back(struct rim_port *port) {
    for (struct rim__port_item *item = port->given, *next; item != NULL; item = next) {
        next = item->next;
        if (item->record != NULL) {
            rim__port_record_free(port, item->record);
        } else {
            free(item);
        }
    }
    port->given = NULL;
}

void rim__port_leave(struct rim_port *port, enum rim__port_closing closing) {
    give_back(port);
    pthread_mutex_lock(&port->lock);
    if (!port->ended) {
        atomic_store(&port->closing, closing);
        rim__port_call(port);
    }
    pthread_mutex_unlock(&port->lock);
    rim__port_release(port);
}

void rim_port_close(rim_port *port) {
    if (port != NULL) {
        rim__port_hub_remove(port);
        rim__port_leave(port, RIM_PORT_CLOSED);
    }
}

int rim__port_why(const struct rim_port *port) {
    return atomic_load(&port->state) == RIM_PORT_DOWN ? -RIM_EDOWN : -RIM_ESTOPPING;
}

/* ---- receiving ---- */

/* A cancelled request's outcome is nobody's. */
static struct rim__port_item *pop(struct rim_port *port) {
    for (struct rim__port_item *item; (item = rim__spsc_pop(&port->in)) != NULL;) {
        port->popped++;
        port->popped_bytes += item->item.size;
        if (item->record == NULL || !item->record->cancelled) {
            return item;
        }
        rim__port_record_popped(port, item->record);
    }
    return NULL;
}

/* The shard hears that there is room, if it waits for some. */
static void count_taken(struct rim_port *port) {
    atomic_store(&port->taken_bytes, port->popped_bytes);
    atomic_store(&port->taken, port->popped);
    if (atomic_exchange(&port->stalled, 0) == 1) {
        pthread_mutex_lock(&port->lock);
        if (!port->ended) {
            rim__port_call(port);
        }
        pthread_mutex_unlock(&port->lock);
    }
}

static uint32_t take(struct rim_port *port, rim_port_item *items, uint32_t count) {
    uint64_t before = port->popped;
    uint32_t taken = 0;
    for (struct rim__port_item *item; taken < count && (item = pop(port)) != NULL; taken++) {
        items[taken] = item->item;
        if (item->record != NULL) {
            item->record->is_given = true;
        }
        item->next = port->given;
        port->given = item;
    }
    if (port->popped != before) {
        count_taken(port);
    }
    return taken;
}

static void empty_event(struct rim_port *port) {
    uint64_t count;
    ssize_t got;
    do {
        got = read(port->event_fd, &count, sizeof count);
    } while (got < 0 && errno == EINTR);
}

/* Whether a receive would find something; else, from here on what comes makes the descriptor readable. */
static bool arm(struct rim_port *port) {
    empty_event(port);
    atomic_exchange(&port->armed, 1);
    return atomic_load(&port->state) != RIM_PORT_OPEN || !rim__spsc_is_empty(&port->in);
}

/* Keeps what rim_port_fd promises: readable if and only if there is something. */
static void keep_level(struct rim_port *port) {
    if (!port->watched) {
        return;
    }
    bool empty = rim__spsc_is_empty(&port->in);
    if (empty ? arm(port) : atomic_exchange(&port->armed, 0) == 1) {
        rim__port_signal(port);
    }
}

static uint64_t read_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t deadline_after(uint64_t now_ns, uint64_t timeout_ns) {
    return timeout_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + timeout_ns;
}

/* False: the time is up. */
static bool wait_for_event(struct rim_port *port, uint64_t until_ns) {
    if (arm(port)) {
        return true;
    }
    uint64_t now_ns = until_ns != UINT64_MAX ? read_clock() : 0;
    uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    struct timespec limit = {.tv_sec = (time_t)(left_ns / 1000000000u), .tv_nsec = (long)(left_ns % 1000000000u)};
    struct pollfd event = {.fd = port->event_fd, .events = POLLIN};
    return ppoll(&event, 1, until_ns != UINT64_MAX ? &limit : NULL, NULL) != 0;
}

/* The simulated world goes on by this thread. */
static bool step_world(struct rim_port *port, uint64_t until_ns) {
    struct rim__sim *sim = port->system->sim;
    if (sim->now_ns >= until_ns) {
        return false;
    }
    if (!rim__sim_step_until(sim, until_ns)) {
        sim->now_ns = until_ns != UINT64_MAX ? until_ns : sim->now_ns;
        return false;
    }
    return true;
}

static int wait(struct rim_port *port, rim_port_item *items, uint32_t count, uint64_t timeout_ns) {
    bool simulated = port->is_simulated;
    if (rim__shard_current() != NULL) {
        return -RIM_ECONTEXT;
    }
    bool down = atomic_load(&port->state) != RIM_PORT_OPEN; /* then the system may be gone */
    uint64_t now_ns = simulated && !down ? port->system->sim->now_ns : read_clock();
    uint64_t until_ns = deadline_after(now_ns, timeout_ns);
    for (bool more = true;;) {
        down = atomic_load(&port->state) != RIM_PORT_OPEN; /* before the look: what came before the end is found */
        uint32_t taken = take(port, items, count);
        if (taken > 0 || down || !more) {
            return taken > 0 ? (int)taken : down ? rim__port_why(port) : 0;
        }
        more = simulated ? step_world(port, until_ns) : wait_for_event(port, until_ns);
    }
}

int rim_port_receive(rim_port *port, rim_port_item *items, uint32_t count, uint64_t timeout_ns) {
    if (items == NULL || count == 0 || count > INT32_MAX) {
        return -EINVAL;
    }
    give_back(port);
    if (port->cancelled > 0) {
        rim__port_record_sweep(port);
    }
    bool down = atomic_load(&port->state) != RIM_PORT_OPEN;
    int taken = (int)take(port, items, count);
    if (taken == 0) {
        taken = down ? rim__port_why(port) : timeout_ns > 0 ? wait(port, items, count, timeout_ns) : 0;
    }
    keep_level(port);
    return taken;
}

int rim_port_fd(rim_port *port) {
    port->watched = true;
    keep_level(port);
    if (!rim__spsc_is_empty(&port->in)) {
        rim__port_signal(port); /* nobody has watched as yet, and so it was not written */
    }
    return port->event_fd;
}
