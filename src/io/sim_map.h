/* SPDX-License-Identifier: MIT */
/*
 * sim_map.h - mapped files of the simulated world: pointers into its disk, and a copy where a map is private. What is
 * behind the end of a file that has become shorter can still be touched there: it is no signal, but what checks finds
 * out. Called by sim_file.c.
 *
 *     Threads   the one that steps
 */
#ifndef RINGMAIL_IO_SIM_MAP_H
#define RINGMAIL_IO_SIM_MAP_H

#include "io/sim_world.h"

/* Does it now. The result, as of its completion. */
int32_t rim__sim_map_perform(struct rim__sim *sim, struct rim__op *op);

#endif
