/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/sim_outside.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/sim_process.h"
#include "io/sim_stream.h"
#include "io/sim_world.h"
#include "ringmail/pipe.h"
#include "ringmail/poll.h"

#define ALWAYS ((uint32_t)(RIM_POLL_ERROR | RIM_POLL_HANGUP)) /* told without being asked for */

/* What a test has said of a caller's descriptor. */
struct rim__sim_number {
    struct rim__sim_number *next;
    int fd;
    uint32_t events;
};

/* An open descriptor of the driver's. */
struct rim__sim_thing {
    struct rim__sim_thing *next;
    struct rim__sim_socket *socket;
    uint64_t signals;             /* that it is for; 0: it stands for `fd` */
    struct rim__sim_child *child; /* or for this */
    int fd;
};

static int open_thing(struct rim__sim_net *net, struct rim__sim_thing thing) {
    struct rim__sim_socket *socket = rim__sim_net_open(net, RIM_SIM_THING);
    if (socket == NULL) {
        return -EMFILE;
    }
    struct rim__sim_thing *made = rim__sim_event_alloc(sizeof *made);
    *made = thing;
    made->socket = socket;
    made->next = net->outside.things;
    net->outside.things = made;
    socket->thing = made;
    return socket->fd;
}

int rim__sim_outside_share(struct rim__sim_net *net, int fd) {
    return fd < 0 ? -EBADF : open_thing(net, (struct rim__sim_thing){.fd = fd});
}

int rim__sim_outside_signals(struct rim__sim_net *net, uint64_t mask) {
    return open_thing(net, (struct rim__sim_thing){.signals = mask});
}

int rim__sim_outside_watch_child(struct rim__sim_net *net, struct rim__sim_child *child) {
    return open_thing(net, (struct rim__sim_thing){.child = child});
}

struct rim__sim_child *rim__sim_outside_child(const struct rim__sim_socket *socket) {
    return socket->thing->child;
}

int rim__sim_outside_fetch_signal(struct rim__sim_net *net, struct rim__sim_socket *socket, rim_signal_event *event) {
    uint64_t come = net->outside.signals & socket->thing->signals;
    if (come == 0) {
        return -EAGAIN;
    }
    int signal = __builtin_ctzll(come);
    net->outside.signals &= ~(UINT64_C(1) << signal);
    event->signal = signal + 1;
    event->code = SI_USER;
    event->pid = getpid();
    event->uid = getuid();
    return 0;
}

/* ---- pipes ---- */

/* One by its name; its ends have been opened, or not. */
struct rim__sim_fifo {
    struct rim__sim_fifo *next;
    int fd;     /* the standard one; -1: it has a path */
    char *path; /* NULL: it has none */
    int ends[2];
};

static void join_end(struct rim__sim_conn *conn, int side, struct rim__sim_socket *socket) {
    socket->conn = conn;
    socket->side = side;
    socket->is_pipe = true;
    conn->end[side].socket = socket;
    conn->end[side].closed = false;
}

int rim__sim_outside_pipe(struct rim__sim_net *net, int ends[2]) {
    static const rim_address none = {0};
    struct rim__sim_socket *reader = rim__sim_net_open(net, RIM_SIM_STREAM);
    struct rim__sim_socket *writer = reader != NULL ? rim__sim_net_open(net, RIM_SIM_STREAM) : NULL;
    struct rim__sim_conn *conn = rim__sim_stream_create(net->sim, &none, &none);
    conn->is_connected = true;
    if (reader != NULL) {
        join_end(conn, 0, reader);
    }
    if (writer == NULL) {
        conn->end[0].closed = reader == NULL;
        if (reader != NULL) {
            rim__sim_net_close(net, reader, false);
        } else {
            rim__sim_stream_destroy(conn);
        }
        return -EMFILE;
    }
    join_end(conn, 1, writer);
    ends[0] = reader->fd;
    ends[1] = writer->fd;
    return 0;
}

static bool is_meant(const struct rim__sim_fifo *fifo, const struct rim__pipe_plan *plan) {
    return plan->path != NULL ? fifo->path != NULL && strcmp(fifo->path, plan->path) == 0 : fifo->fd == plan->fd;
}

/* NULL: too many descriptors. */
static struct rim__sim_fifo *get_fifo(struct rim__sim_net *net, const struct rim__pipe_plan *plan) {
    struct rim__sim_fifo *fifo = net->outside.fifos;
    while (fifo != NULL && !is_meant(fifo, plan)) {
        fifo = fifo->next;
    }
    int ends[2];
    if (fifo != NULL || rim__sim_outside_pipe(net, ends) != 0) {
        return fifo;
    }
    fifo = rim__sim_event_alloc(sizeof *fifo);
    *fifo = (struct rim__sim_fifo){.next = net->outside.fifos, .fd = plan->fd, .ends = {ends[0], ends[1]}};
    if (plan->path != NULL) {
        fifo->path = strdup(plan->path);
        rim__assert(fifo->path != NULL);
    }
    net->outside.fifos = fifo;
    return fifo;
}

int rim__sim_outside_open_pipe(struct rim__sim_net *net, const struct rim__pipe_plan *plan, bool is_far) {
    if (!plan->is_standard && (plan->path == NULL || plan->ways == (RIM_PIPE_READ | RIM_PIPE_WRITE))) {
        return -EOPNOTSUPP;
    }
    bool writes = (plan->ways == RIM_PIPE_WRITE) != is_far;
    struct rim__sim_fifo *fifo = get_fifo(net, plan);
    if (fifo == NULL) {
        return -EMFILE;
    }
    int fd = fifo->ends[writes];
    fifo->ends[writes] = -1;
    if (fd >= 0 && writes && plan->path != NULL && fifo->ends[0] >= 0) { /* nobody reads as yet */
        fifo->ends[writes] = fd;
        return -ENXIO;
    }
    return fd >= 0 ? fd : -EBUSY;
}

static struct rim__sim_number *find_number(const struct rim__sim_net *net, int fd) {
    struct rim__sim_number *at = net->outside.numbers;
    while (at != NULL && at->fd != fd) {
        at = at->next;
    }
    return at;
}

uint32_t rim__sim_outside_ready(const struct rim__sim_net *net, const struct rim__sim_socket *socket, uint32_t events) {
    const struct rim__sim_thing *thing = socket->thing;
    if (thing->child != NULL) {
        return rim__sim_process_has_exited(thing->child) ? RIM_POLL_READ : 0;
    }
    if (thing->signals != 0) {
        return (net->outside.signals & thing->signals) != 0 ? RIM_POLL_READ : 0;
    }
    const struct rim__sim_number *number = find_number(net, thing->fd);
    return number != NULL ? number->events & (events | ALWAYS) : 0;
}

void rim__sim_outside_close(struct rim__sim_net *net, struct rim__sim_socket *socket) {
    struct rim__sim_thing **link = &net->outside.things;
    while (*link != socket->thing) {
        link = &(*link)->next;
    }
    *link = socket->thing->next;
    free(socket->thing);
}

void rim__sim_outside_finish(struct rim__sim_net *net) {
    while (net->outside.things != NULL) {
        struct rim__sim_thing *thing = net->outside.things;
        net->outside.things = thing->next;
        free(thing);
    }
    while (net->outside.numbers != NULL) {
        struct rim__sim_number *number = net->outside.numbers;
        net->outside.numbers = number->next;
        free(number);
    }
    while (net->outside.fifos != NULL) {
        struct rim__sim_fifo *fifo = net->outside.fifos;
        net->outside.fifos = fifo->next;
        free(fifo->path);
        free(fifo);
    }
    rim__sim_process_finish(&net->outside);
}

/* ---- what a test says ---- */

void rim__sim_outside_kick(const struct rim__sim_net *net) {
    for (struct rim__sim_thing *at = net->outside.things; at != NULL; at = at->next) {
        rim__sim_flight_kick(at->socket->flights[RIM_OP_READY]);
    }
}

int rim_sim_raise(rim_system *system, int signal) {
    struct rim__sim *sim = rim__system_sim(system);
    if (sim == NULL || signal < 1 || signal > 64) {
        return -EINVAL;
    }
    sim->net.outside.signals |= UINT64_C(1) << (signal - 1);
    rim__sim_outside_kick(&sim->net);
    return 0;
}

void rim__sim_outside_say(struct rim__sim *sim, int fd, uint32_t events) {
    struct rim__sim_number *number = find_number(&sim->net, fd);
    if (number == NULL) {
        number = rim__sim_event_alloc(sizeof *number);
        number->fd = fd;
        number->next = sim->net.outside.numbers;
        sim->net.outside.numbers = number;
    }
    number->events = events;
    rim__sim_outside_kick(&sim->net);
}

int rim_sim_ready(rim_system *system, int fd, uint32_t events) {
    struct rim__sim *sim = rim__system_sim(system);
    if (sim == NULL || fd < 0) {
        return -EINVAL;
    }
    rim__sim_outside_say(sim, fd, events);
    return 0;
}
