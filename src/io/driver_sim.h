/* SPDX-License-Identifier: MIT */
/*
 * driver_sim.h - the simulated driver's two tables, and what an operation does in the simulated world. Called by the
 * other files of the simulation only; see sim_world.h for what ringmail.c calls.
 *
 *     Threads  the one that steps
 */
#ifndef RINGMAIL_IO_DRIVER_SIM_H
#define RINGMAIL_IO_DRIVER_SIM_H

#include <stdbool.h>

#include "io/op.h"
#include "shard/driver.h"

struct rim__sim_flight;

extern const struct rim__driver_ops rim__driver_sim_ops;
extern const struct rim__io_ops rim__sim_io_ops;

/* An operation takes effect: a connect leaves. */
void rim__sim_io_begin(struct rim__sim_flight *flight);
/* Does what can be done of it now. False: nothing yet; it will be kicked. */
bool rim__sim_io_perform(struct rim__sim_flight *flight, struct rim__completion *out);
/* It is about to complete as cancelled. */
void rim__sim_io_abandon(struct rim__sim_flight *flight);

/* The function of struct rim__io_ops. sim_send.c */
int64_t rim__sim_send_file(struct rim__io *io, int fd, const struct rim__file_part *part);

#endif
