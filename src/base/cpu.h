/* SPDX-License-Identifier: MIT */
/*
 * cpu.h - which CPUs this process may use, how much of them, and on which a thread runs.
 */
#ifndef RINGMAIL_BASE_CPU_H
#define RINGMAIL_BASE_CPU_H

#include <stdbool.h>
#include <stdint.h>

#define RIM_CPUS_MAX 1024u

/* The CPUs of the affinity mask, in ascending order. Returns how many, at least 1. */
uint32_t rim__cpu_list(int cpus[RIM_CPUS_MAX]);
/* How many shards the process has CPUs for: those of the list, at most the quota. *is_cut: the quota leaves some over.
 */
uint32_t rim__cpu_usable(bool *is_cut);
/* The cgroup's quota in CPUs, rounded up (versions 2 and 1); 0: none. Reads the process's own cgroup. */
uint32_t rim__cpu_quota(void);
/* Binds the calling thread to one CPU. 0 or a negative errno. */
int rim__cpu_pin(int cpu);

/* Where a thread belongs. Zeroed: nowhere, and the calls do nothing. All of them are for that thread. */
struct rim__cpu_home {
    bool is_given;                      /* it has one */
    bool is_left;                       /* and is away from it */
    int cpu;                            /* it */
    uint64_t around[RIM_CPUS_MAX / 64]; /* where else it may run: CPUs that were allowed before it was pinned */
};

/* Pins the thread to this CPU, which becomes its home. 0 or a negative errno. */
int rim__cpu_settle(struct rim__cpu_home *home, int cpu);
/* Lets the kernel choose among the allowed CPUs of its home's memory node. False: it stays, because there is no other,
   or because somebody else has changed its affinity, and from then on that is respected. */
bool rim__cpu_leave(struct rim__cpu_home *home);
/* Pins it to its home again. False: likewise. */
bool rim__cpu_return(struct rim__cpu_home *home);

#endif
