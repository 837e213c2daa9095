/* SPDX-License-Identifier: MIT */
/*
 * port.h - a port's thread: private to port.c (life, receiving), port_calls.c (orders) and port_hub.c (which ports
 * there are, and whose). Its other side and what both share is in actor/port.h.
 *
 *     Threads  all of the port's thread, but for the hub's functions, whose lock says who may touch what
 */
#ifndef RINGMAIL_PORT_PRIVATE_H
#define RINGMAIL_PORT_PRIVATE_H

#include "actor/port.h"
#include "system.h"

/*
 * The ports of one system that have not been closed. It outlives the system if a port does.
 *
 *     Threads  any. The lock guards the list, the ports' links in it and their owners; it is taken before a port's.
 */
struct rim__port_hub;

/* Lists the port as the calling thread's. 0, -ENOMEM, -EAGAIN (no more keys for threads). */
int rim__port_hub_add(rim_system *system, struct rim_port *port);
int rim__port_hub_adopt(struct rim_port *port);
void rim__port_hub_remove(struct rim_port *port);

/* Says to the shard that the port's thread is done with it, and lets go. */
void rim__port_leave(struct rim_port *port, enum rim__port_closing closing);

/* Gives an order to the shard; consumed on 0 only. */
int rim__port_give(struct rim_port *port, struct rim__port_order *order);
/* -RIM_ESTOPPING or -RIM_EDOWN: why nothing goes any more. */
int rim__port_why(const struct rim_port *port);

/* Records of requests. port_records.c */
struct rim__port_record *rim__port_record_make(struct rim_port *port); /* NULL: out of memory */
struct rim__port_record *rim__port_record_find(const struct rim_port *port, uint64_t handle);
void rim__port_record_free(struct rim_port *port, struct rim__port_record *record);
/* The outcome of a cancelled one has come. */
void rim__port_record_popped(struct rim_port *port, struct rim__port_record *record);
/* Frees what was cancelled and will have no outcome. */
void rim__port_record_sweep(struct rim_port *port);

#endif
