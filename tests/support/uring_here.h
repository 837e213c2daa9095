/* SPDX-License-Identifier: MIT */
/*
 * uring_here.h - whether the kernel, and what stands around this process (a container's filter, a sysctl, a limit),
 * lets it use io_uring as far as Linux 5.19 has it. Asked of the kernel and not of the library: where the kernel says
 * yes, the library has to work, and a test of it fails instead of being skipped.
 *
 *     Threads  any
 */
#ifndef TESTS_URING_HERE_H
#define TESTS_URING_HERE_H

#include <stdbool.h>

/* NULL: it may be used. Else why not, which stays. */
const char *uring_refusal(void);
/* The same. Where it may not be used, that is told once, as "skipped: ...". */
bool uring_is_here(void);

#endif
