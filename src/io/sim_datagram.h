/* SPDX-License-Identifier: MIT */
/*
 * sim_datagram.h - simulated datagram sockets. Called by sim_io.c and sim_net.c.
 *
 *     send --latency, each its own: they overtake one another, but on Unix sockets--> every socket that it is for, or
 * nobody
 *
 *     Loss     by the seed (lose_datagram), and where RIM_SIM_DATAGRAMS wait already; repeat_datagram: it comes twice.
 *              To a full Unix socket nothing is sent, -EAGAIN
 *     Refusal  what reaches a port that nobody has is told to its sender, if that is connected
 *     Groups   all of the simulated world is one machine: without loop nobody hears what is sent to a group
 *     Threads  the one that steps
 */
#ifndef RINGMAIL_IO_SIM_DATAGRAM_H
#define RINGMAIL_IO_SIM_DATAGRAM_H

#include "io/op.h"
#include "io/passing.h"

struct rim__sim_net;
struct rim__sim_packet;
struct rim__sim_socket;

#define RIM_SIM_DATAGRAMS  128u
#define RIM_SIM_GROUPS     8u
#define RIM_SIM_COMPLAINTS 8u

struct rim__sim_datagram {
    struct rim__sim_datagram *next; /* in the net's list */
    struct rim__sim_socket *socket;
    rim_address local, peer; /* peer.family 0: not connected */
    struct rim__sim_group {
        rim_address group, source; /* source.family 0: any */
    } groups[RIM_SIM_GROUPS];
    uint32_t group_count, waiting, lost;
    uint64_t last_due_ns;                               /* nothing later arrives before, at a Unix socket */
    uint32_t coming;                                    /* to a Unix socket, which has room for them */
    struct rim__sim_packet *first, *last;               /* arrived */
    int error;                                          /* to be told once */
    struct rim__receipt complaints[RIM_SIM_COMPLAINTS]; /* with tell_errors: what came back, the oldest first */
    uint32_t complaint_count;
    uint32_t descriptors;                                                             /* that may come with one */
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(RIM_PASSING_MAX * sizeof(int))]; /* of the one received last */
    bool share, spread, broadcast, ipv6_only, no_loop, tell_way, tell_errors;
    uint8_t traffic_class;
};

/* The descriptor, or a negative errno. */
int rim__sim_datagram_open(struct rim__sim_net *net, const struct rim__datagram_plan *plan, rim_address *bound);
void rim__sim_datagram_close(struct rim__sim_net *net, struct rim__sim_datagram *datagram);
bool rim__sim_datagram_is_ready(const struct rim__sim_datagram *datagram);
int rim__sim_datagram_send(struct rim__sim_net *net, struct rim__sim_datagram *from, const rim_datagram_letter *letter);
/* The error that is to be told now, or 0; it is told by that. */
int rim__sim_datagram_error(struct rim__sim_datagram *datagram);
/* Of the one that is received next, which is there. */
size_t rim__sim_datagram_first_size(const struct rim__sim_datagram *datagram);
bool rim__sim_datagram_next_error(struct rim__sim_datagram *datagram, struct rim__receipt *receipt);
void rim__sim_datagram_receive(struct rim__sim_datagram *datagram, struct rim__receipt *receipt);
int rim__sim_datagram_member(struct rim__sim_datagram *datagram, const struct rim__membership *membership);
/* Frees what is under way: the end of the world. */
void rim__sim_datagram_finish(struct rim__sim_net *net);

#endif
