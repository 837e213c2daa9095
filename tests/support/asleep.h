/* SPDX-License-Identifier: MIT */
/*
 * asleep.h - whether the other threads of this process sleep in the kernel. A thread that waits for a CPU does not, so
 * a busy machine is told from a program at rest, which counters alone cannot do.
 *
 *     Threads  any
 */
#ifndef TESTS_ASLEEP_H
#define TESTS_ASLEEP_H

#include <stdbool.h>

/* Each of them, when it was looked at: two looks with nothing counted in between mean that all slept at once. True as
   well where there is no /proc. */
bool asleep_others(void);

#endif
