/* SPDX-License-Identifier: MIT */
/*
 * sim_net.h - the simulated kernel's descriptors, listeners and connects. Called by sim_io.c.
 *
 * Descriptors start at 1000, and the lowest free number is the next one, as with a kernel: a late use of a closed
 * descriptor meets a stranger's connection. Every address is this machine, but for three networks that are kept for
 * documentation (RFC 5737): 192.0.2.0/24 never answers, 198.51.100.0/24 cannot be reached, and none of the three can be
 * listened on.
 *
 *     connect --SYN, latency--> listener? --no--> refused, latency
 *                                  | room in the backlog: end[1] waits there for an accept; connected, latency
 *                                  ' no room: again in a second
 *
 *     Threads  the one that steps; the descriptors are one table for all shards
 */
#ifndef RINGMAIL_IO_SIM_NET_H
#define RINGMAIL_IO_SIM_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "io/op.h"
#include "io/sim_outside.h"

struct rim__sim;
struct rim__sim_conn;
struct rim__sim_datagram;
struct rim__sim_packet;
struct rim__sim_flight;

#define RIM_SIM_FIRST_FD       1000
#define RIM_SIM_FDS_MAX        100000u
#define RIM_SIM_DATAGRAM_LISTS 1024u

enum rim__sim_socket_kind {
    RIM_SIM_FRESH,      /* from socket() */
    RIM_SIM_CONNECTING, /* a connect is under way, or has failed */
    RIM_SIM_STREAM,
    RIM_SIM_LISTENER,
    RIM_SIM_DATAGRAM,
    RIM_SIM_THING, /* sim_outside.h */
};

/* An open descriptor. */
struct rim__sim_socket {
    int fd;
    enum rim__sim_socket_kind kind;
    struct rim__sim_flight *flights[RIM_OP_CONNECT + 1]; /* by kind */
    struct rim__sim_conn *conn;                          /* CONNECTING and STREAM */
    int side;
    struct rim__sim_datagram *datagram; /* DATAGRAM */
    struct rim__sim_thing *thing;       /* THING */
    struct rim__tls_keys *keys;         /* STREAM: the kernel seals what is sent; else NULL */
    bool is_pipe;                       /* STREAM: the end of one, which is never reset */
    /* LISTENER */
    struct rim__sim_socket *next_listener;
    rim_address local;
    bool ipv6_only, reuseport;
    bool deaf; /* shut down */
    uint32_t backlog_max, backlog;
    struct rim__sim_conn *pending, **pending_end;
};

struct rim__sim_net {
    struct rim__sim *sim;
    struct rim__sim_socket **sockets; /* by descriptor, less RIM_SIM_FIRST_FD */
    uint32_t size;
    uint32_t lowest; /* all below this are taken */
    struct rim__sim_socket *listeners;
    struct rim__sim_conn *conns;
    struct rim__sim_datagram *datagrams[RIM_SIM_DATAGRAM_LISTS]; /* by port */
    struct rim__sim_packet *packets;                             /* under way */
    struct rim__sim_outside outside;
    uint16_t next_listen_port, next_connect_port;
};

void rim__sim_net_init(struct rim__sim_net *net, struct rim__sim *sim);
void rim__sim_net_finish(struct rim__sim_net *net);

/* The socket behind a descriptor; NULL: not open. */
struct rim__sim_socket *rim__sim_net_find(const struct rim__sim_net *net, int fd);
/* A new one, or NULL: too many are open. */
struct rim__sim_socket *rim__sim_net_open(struct rim__sim_net *net, enum rim__sim_socket_kind kind);
/* Closes it, with what it stands for. */
void rim__sim_net_close(struct rim__sim_net *net, struct rim__sim_socket *socket, bool reset);

/* The descriptor, or -EADDRINUSE, -EADDRNOTAVAIL, -EMFILE, -EINVAL. */
int rim__sim_net_listen(struct rim__sim_net *net, const rim_address *address, const rim_listen_options *options,
                        rim_address *bound);
/* Takes the next connection out of a backlog; NULL: none waits. Its end 1 is the taker's, to be given a socket. */
struct rim__sim_conn *rim__sim_net_next(struct rim__sim_socket *listener);
/* The listener takes no more connections, and those that wait are reset. */
void rim__sim_net_deafen(struct rim__sim_socket *listener);

/* Starts to connect; the flight is kicked when conn->is_connected. */
void rim__sim_net_connect(struct rim__sim_net *net, struct rim__sim_socket *socket, const struct rim__op *op);
/* Ends an attempt that has no result as yet. */
void rim__sim_net_give_up(struct rim__sim_conn *conn, int result);

#endif
