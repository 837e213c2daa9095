/* SPDX-License-Identifier: MIT */
#include "io/sim_net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "io/address.h"
#include "io/sim_datagram.h"
#include "io/sim_stream.h"
#include "io/sim_tls.h"
#include "io/sim_world.h"

#define BACKLOG_MAX        4096u
#define LISTEN_PORT_FIRST  20000u
#define LISTEN_PORT_LAST   29999u
#define CONNECT_PORT_FIRST 32768u
#define CONNECT_PORT_LAST  60999u
#define RETRY_NS           1000000000u
#define SLOW_NS_MAX        5000000000u

/* ---- descriptors ---- */

void rim__sim_net_init(struct rim__sim_net *net, struct rim__sim *sim) {
    net->sim = sim;
    net->next_listen_port = LISTEN_PORT_FIRST;
    net->next_connect_port = CONNECT_PORT_FIRST;
}

void rim__sim_net_finish(struct rim__sim_net *net) {
    rim__sim_datagram_finish(net);
    rim__sim_outside_finish(net);
    while (net->conns != NULL) {
        rim__sim_stream_destroy(net->conns);
    }
    for (uint32_t i = 0; i < net->size; i++) {
        free(net->sockets[i]);
    }
    free(net->sockets);
    *net = (struct rim__sim_net){0};
}

struct rim__sim_socket *rim__sim_net_find(const struct rim__sim_net *net, int fd) {
    bool is_in_table = fd >= RIM_SIM_FIRST_FD && (uint32_t)(fd - RIM_SIM_FIRST_FD) < net->size;
    return is_in_table ? net->sockets[fd - RIM_SIM_FIRST_FD] : NULL;
}

static void grow(struct rim__sim_net *net) {
    uint32_t size = net->size == 0 ? 64 : 2 * net->size;
    net->sockets = realloc(net->sockets, size * sizeof(struct rim__sim_socket *));
    rim__assert(net->sockets != NULL);
    memset(net->sockets + net->size, 0, (size - net->size) * sizeof(struct rim__sim_socket *));
    net->size = size;
}

struct rim__sim_socket *rim__sim_net_open(struct rim__sim_net *net, enum rim__sim_socket_kind kind) {
    uint32_t index = net->lowest;
    while (index < net->size && net->sockets[index] != NULL) {
        index++;
    }
    net->lowest = index;
    if (index == RIM_SIM_FDS_MAX) {
        return NULL;
    }
    if (index == net->size) {
        grow(net);
    }
    struct rim__sim_socket *socket = rim__sim_event_alloc(sizeof *socket);
    socket->fd = RIM_SIM_FIRST_FD + (int)index;
    socket->kind = kind;
    net->sockets[index] = socket;
    return socket;
}

static void forget_listener(struct rim__sim_net *net, struct rim__sim_socket *listener) {
    struct rim__sim_socket **link = &net->listeners;
    while (*link != listener) {
        link = &(*link)->next_listener;
    }
    *link = listener->next_listener;
}

void rim__sim_net_close(struct rim__sim_net *net, struct rim__sim_socket *socket, bool reset) {
    for (int kind = 0; kind <= RIM_OP_CONNECT; kind++) {
        rim__assert(socket->flights[kind] == NULL); /* nothing may be in flight on a descriptor that is closed */
    }
    if (socket->kind == RIM_SIM_LISTENER) {
        rim__sim_net_deafen(socket);
        forget_listener(net, socket);
    } else if (socket->kind == RIM_SIM_DATAGRAM) {
        rim__sim_datagram_close(net, socket->datagram);
    } else if (socket->kind == RIM_SIM_THING) {
        rim__sim_outside_close(net, socket);
    } else if (socket->conn != NULL) {
        if (socket->side == 0) { /* the connecting side */
            rim__sim_net_give_up(socket->conn, -ECANCELED);
        }
        rim__sim_stream_close(socket->conn, socket->side, reset && !socket->is_pipe);
    }
    uint32_t index = (uint32_t)(socket->fd - RIM_SIM_FIRST_FD);
    net->sockets[index] = NULL;
    net->lowest = index < net->lowest ? index : net->lowest;
    rim__sim_tls_forget(socket);
    free(socket);
}

/* ---- listeners ---- */

static bool is_foreign(const rim_address *address) {
    static const uint8_t networks[3][3] = {{192, 0, 2}, {198, 51, 100}, {203, 0, 113}};
    for (int i = 0; i < 3 && address->family == 4; i++) {
        if (memcmp(address->bytes, networks[i], 3) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_within(const rim_address *address, uint8_t a, uint8_t b, uint8_t c) {
    return address->family == 4 && address->bytes[0] == a && address->bytes[1] == b && address->bytes[2] == c;
}

static bool is_same(const rim_address *a, const rim_address *b) {
    if (a->family == RIM_FAMILY_UNIX) {
        return b->family == RIM_FAMILY_UNIX && strcmp(a->path, b->path) == 0;
    }
    return a->family == b->family && memcmp(a->bytes, b->bytes, a->family == 4 ? 4 : 16) == 0;
}

/* Whether a listener takes connections to this address: 0 no, 3 by its very address, 2 as any, 1 as dual stack. */
static int match(const struct rim__sim_socket *listener, const rim_address *to) {
    if (listener->local.port != to->port) {
        return 0;
    }
    if (is_same(&listener->local, to)) {
        return 3;
    }
    if (!rim__address_is_any(&listener->local)) {
        return 0;
    }
    if (listener->local.family == to->family) {
        return 2;
    }
    return listener->local.family == 6 && !listener->ipv6_only ? 1 : 0;
}

static bool is_dual(const rim_address *address, bool ipv6_only) {
    return address->family == 6 && !ipv6_only && rim__address_is_any(address);
}

/* Whether two listeners would want the same connections. */
static bool overlaps(const struct rim__sim_socket *there, const rim_address *address, bool ipv6_only) {
    if (there->local.port != address->port) {
        return false;
    }
    if (there->local.family != address->family) {
        return is_dual(&there->local, there->ipv6_only) || is_dual(address, ipv6_only);
    }
    return is_same(&there->local, address) || rim__address_is_any(&there->local) || rim__address_is_any(address);
}

static bool is_free(const struct rim__sim_net *net, const rim_address *address, const rim_listen_options *options) {
    bool reuseport = options->distribute == RIM_DISTRIBUTE_REUSEPORT || options->reuse_port;
    for (const struct rim__sim_socket *there = net->listeners; there != NULL; there = there->next_listener) {
        if (overlaps(there, address, options->ipv6_only) && !(reuseport && there->reuseport)) {
            return false;
        }
    }
    return true;
}

static uint16_t next_port(uint16_t port, uint32_t first, uint32_t last) {
    return (uint16_t)(port < last ? port + 1u : first);
}

/* The next port that nobody listens on; 0: none. */
static uint16_t choose_port(struct rim__sim_net *net, const rim_address *address, const rim_listen_options *options) {
    rim_address wanted = *address;
    rim_listen_options alone = *options;
    alone.distribute = RIM_DISTRIBUTE_FD_HASH;
    for (uint32_t i = LISTEN_PORT_FIRST; i <= LISTEN_PORT_LAST; i++) {
        wanted.port = net->next_listen_port;
        net->next_listen_port = next_port(wanted.port, LISTEN_PORT_FIRST, LISTEN_PORT_LAST);
        if (is_free(net, &wanted, &alone)) {
            return wanted.port;
        }
    }
    return 0;
}

int rim__sim_net_listen(struct rim__sim_net *net, const rim_address *address, const rim_listen_options *options,
                        rim_address *bound) {
    rim_address local = *address;
    if (!rim__address_is_valid(&local)) {
        return -EINVAL;
    }
    if (is_foreign(&local)) {
        return -EADDRNOTAVAIL;
    }
    bool has_port = local.family != RIM_FAMILY_UNIX;
    if (has_port && local.port == 0) {
        local.port = choose_port(net, &local, options);
    }
    if ((has_port && local.port == 0) || !is_free(net, &local, options)) {
        return -EADDRINUSE;
    }
    struct rim__sim_socket *listener = rim__sim_net_open(net, RIM_SIM_LISTENER);
    if (listener == NULL) {
        return -EMFILE;
    }
    listener->local = local;
    listener->ipv6_only = options->ipv6_only;
    listener->reuseport = options->distribute == RIM_DISTRIBUTE_REUSEPORT || options->reuse_port;
    listener->backlog_max = options->backlog != 0 && options->backlog < BACKLOG_MAX ? options->backlog : BACKLOG_MAX;
    listener->pending_end = &listener->pending;
    listener->next_listener = net->listeners;
    net->listeners = listener;
    *bound = local;
    return listener->fd;
}

struct rim__sim_conn *rim__sim_net_next(struct rim__sim_socket *listener) {
    struct rim__sim_conn *conn = listener->pending;
    if (conn != NULL) {
        listener->pending = conn->next_pending;
        listener->backlog--;
        if (listener->pending == NULL) {
            listener->pending_end = &listener->pending;
        }
    }
    return conn;
}

void rim__sim_net_deafen(struct rim__sim_socket *listener) {
    struct rim__sim_conn *conn;
    listener->deaf = true;
    while ((conn = rim__sim_net_next(listener)) != NULL) {
        rim__sim_stream_close(conn, 1, true);
    }
    rim__sim_flight_kick(listener->flights[RIM_OP_ACCEPT]);
}

/* The listener that best matches; among equals, which share the port, one by chance. */
static struct rim__sim_socket *find_listener(struct rim__sim_net *net, const rim_address *to) {
    struct rim__sim_socket *found = NULL;
    int best = 1;
    uint64_t equals = 0;
    for (struct rim__sim_socket *there = net->listeners; there != NULL; there = there->next_listener) {
        int points = there->deaf ? 0 : match(there, to);
        if (points == 0 || points < best) {
            continue;
        }
        equals = points > best ? 1 : equals + 1;
        best = points;
        if (equals == 1 || rim__random_below(&net->sim->random, equals) == 0) {
            found = there;
        }
    }
    return found;
}

/* ---- connects ---- */

static void settle_connect(struct rim__sim_conn *conn, int result) {
    if (!conn->is_connected) {
        conn->is_connected = true;
        conn->connect_result = result;
        if (conn->end[0].socket != NULL) {
            rim__sim_flight_kick(conn->end[0].socket->flights[RIM_OP_CONNECT]);
        }
    }
}

/* Whoever has answered meanwhile finds the connection reset: see stream_close of the end that gave up. */
void rim__sim_net_give_up(struct rim__sim_conn *conn, int result) {
    if (!conn->is_connected) {
        settle_connect(conn, result);
        rim__sim_stream_break(conn, 0);
    }
}

static void fire_result(const struct rim__sim_event *event) {
    struct rim__sim_conn *conn = event->subject;
    if (rim__sim_stream_land(conn)) {
        settle_connect(conn, event->arg);
    }
}

static void fire_deadline(const struct rim__sim_event *event) {
    struct rim__sim_conn *conn = event->subject;
    if (rim__sim_stream_land(conn)) {
        rim__sim_net_give_up(conn, event->arg);
    }
}

static void answer(struct rim__sim_conn *conn, struct rim__sim_socket *listener) {
    conn->end[1].closed = false;
    *listener->pending_end = conn;
    conn->next_pending = NULL;
    listener->pending_end = &conn->next_pending;
    listener->backlog++;
    rim__sim_flight_kick(listener->flights[RIM_OP_ACCEPT]);
}

/* A Unix socket's file goes with its listener. */
static int refusal(const struct rim__sim_conn *conn) {
    return rim__address_is_file(&conn->end[1].local) ? -ENOENT : -ECONNREFUSED;
}

static void fire_syn(const struct rim__sim_event *event) {
    struct rim__sim_conn *conn = event->subject;
    struct rim__sim *sim = conn->sim;
    if (!rim__sim_stream_land(conn) || conn->is_connected) {
        return;
    }
    struct rim__sim_socket *listener = find_listener(&sim->net, &conn->end[1].local);
    if (listener != NULL && listener->backlog >= listener->backlog_max) {
        rim__sim_stream_later(conn, sim->now_ns + RETRY_NS, (struct rim__sim_event){.fire = fire_syn});
        return;
    }
    if (listener != NULL) {
        answer(conn, listener);
    }
    /* Nothing that the other end sends arrives before this. */
    conn->end[0].last_due_ns = rim__sim_arrival(sim);
    rim__sim_stream_later(conn, conn->end[0].last_due_ns,
                          (struct rim__sim_event){.fire = fire_result, .arg = listener != NULL ? 0 : refusal(conn)});
}

static rim_address own_address(struct rim__sim_net *net, const rim_address *to) {
    if (to->family == RIM_FAMILY_UNIX) {
        return (rim_address){.family = RIM_FAMILY_UNIX};
    }
    rim_address from = *to;
    from.port = net->next_connect_port;
    net->next_connect_port = next_port(from.port, CONNECT_PORT_FIRST, CONNECT_PORT_LAST);
    return from;
}

/* Any address means this machine. */
static rim_address real_address(const rim_address *address) {
    rim_address to = *address;
    if (rim__address_is_any(address)) {
        to.bytes[0] = to.family == 4 ? 127 : 0;
        to.bytes[to.family == 4 ? 3 : 15] = 1;
    }
    return to;
}

static void send_syn(struct rim__sim_conn *conn) {
    struct rim__sim *sim = conn->sim;
    uint64_t due_ns = rim__sim_arrival(sim);
    if (is_within(&conn->end[1].local, 192, 0, 2)) {
        return;
    }
    if (rim__sim_strikes(sim, RIM_FAULT_refuse_connect)) {
        rim__sim_stream_later(conn, due_ns, (struct rim__sim_event){.fire = fire_result, .arg = -ECONNREFUSED});
        return;
    }
    if (rim__sim_strikes(sim, RIM_FAULT_slow_connect)) {
        due_ns += rim__sim_between(sim, RETRY_NS, SLOW_NS_MAX);
    }
    rim__sim_stream_later(conn, due_ns, (struct rim__sim_event){.fire = fire_syn});
}

void rim__sim_net_connect(struct rim__sim_net *net, struct rim__sim_socket *socket, const struct rim__op *op) {
    rim__assert(socket->kind == RIM_SIM_FRESH);
    rim_address to = real_address(op->connect.address);
    rim_address from = own_address(net, &to);
    struct rim__sim_conn *conn = rim__sim_stream_create(net->sim, &from, &to);
    socket->kind = RIM_SIM_CONNECTING;
    socket->conn = conn;
    socket->side = 0;
    conn->end[0].socket = socket;
    if (is_within(&to, 198, 51, 100)) {
        settle_connect(conn, -ENETUNREACH);
        return;
    }
    send_syn(conn);
    if (op->connect.deadline_ns != RIM_DRIVER_FOREVER) {
        rim__sim_stream_later(conn, op->connect.deadline_ns,
                              (struct rim__sim_event){.fire = fire_deadline,
                                                      .moot = &conn->is_connected,
                                                      .arg = -ETIMEDOUT});
    }
}
