/* SPDX-License-Identifier: MIT */
/*
 * cpu.h - which CPUs this process may use, and how much of them.
 */
#ifndef RINGMAIL_BASE_CPU_H
#define RINGMAIL_BASE_CPU_H

#include <stdbool.h>
#include <stdint.h>

#define RIM_CPUS_MAX 1024u

/* The CPUs of the affinity mask, in ascending order. Returns how many, at least 1. */
uint32_t rim__cpu_list(int cpus[RIM_CPUS_MAX]);
/* How many shards the process has CPUs for: those of the list, at most the quota. *is_cut: the quota leaves some over. */
uint32_t rim__cpu_usable(bool *is_cut);
/* The cgroup's quota in CPUs, rounded up (versions 2 and 1); 0: none. Reads the process's own cgroup. */
uint32_t rim__cpu_quota(void);
/* Binds the calling thread to one CPU. 0 or a negative errno. */
int rim__cpu_pin(int cpu);

#endif
