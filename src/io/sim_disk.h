/* SPDX-License-Identifier: MIT */
/*
 * sim_disk.h - what operations do to the files of the simulated world, and the faults that strike them. For
 * sim_file.c.
 *
 *     Threads  the one that steps
 */
#ifndef RINGMAIL_IO_SIM_DISK_H
#define RINGMAIL_IO_SIM_DISK_H

#include "io/sim_world.h"

/* Does it now. The result, as of its completion. */
int32_t rim__sim_disk_perform(struct rim__sim *sim, struct rim__op *op);

#endif
