/* SPDX-License-Identifier: MIT */
/*
 * own_mounts.h - mounts that only this process sees. Who is not root has them within a namespace of users, in which he
 * is who he was: else nothing could be made on what is mounted there.
 *
 *     Threads  while the process has one
 */
#ifndef TESTS_OWN_MOUNTS_H
#define TESTS_OWN_MOUNTS_H

#include <stdbool.h>

/* From now on. False: they are not allowed here, errno says why. */
bool own_mounts(void);

#endif
