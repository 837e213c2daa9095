/* SPDX-License-Identifier: MIT */
/*
 * sim_helper.h - blocking work in the simulated world: no threads, but helpers that begin and end jobs by the seed's
 * clock. A job's function runs on the simulating thread, in no time, when its virtual time is over. Called by the pool
 * (shard/offload.h), through ringmail.c.
 *
 *     Order    by seed, as for threads: jobs begin as submitted, and end in any order
 *     Threads  the one that steps
 */
#ifndef RINGMAIL_IO_SIM_HELPER_H
#define RINGMAIL_IO_SIM_HELPER_H

/* `sim` is a struct rim__sim: some time from now, a helper looks for a job. */
void rim__sim_helper_later(void *sim);

#endif
