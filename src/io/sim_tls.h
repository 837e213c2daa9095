/* SPDX-License-Identifier: MIT */
/*
 * sim_tls.h - the kernel's TLS in the simulated world: what is sent on a descriptor that has keys becomes records.
 * Called by sim_io.c and sim_net.c.
 *
 *     Threads  the one that steps
 */
#ifndef RINGMAIL_IO_SIM_TLS_H
#define RINGMAIL_IO_SIM_TLS_H

#include "io/sim_net.h"

/* As struct rim__io_ops has it. */
int rim__sim_tls_begin(struct rim__sim_socket *socket, const struct rim__tls_keys *keys);
void rim__sim_tls_end(struct rim__sim_socket *socket);
/* How many of the bytes that have room here may be plain ones; as many as make one record at most. */
size_t rim__sim_tls_room(size_t room);
/* Sends the operation's first bytes, sealed. */
void rim__sim_tls_put(struct rim__sim_socket *socket, const struct rim__op *op, size_t size);
/* The descriptor is closed. */
void rim__sim_tls_forget(struct rim__sim_socket *socket);

#endif
