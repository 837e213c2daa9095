/* SPDX-License-Identifier: MIT */
/*
 * sentinel.h - a word that is 1 in this process and 0 in a child of it: drivers do not survive fork(), and a child that
 * used one would write into its parent's queues, or take its parent's events.
 */
#ifndef RINGMAIL_BASE_SENTINEL_H
#define RINGMAIL_BASE_SENTINEL_H

#include <stdint.h>

/* The word, or NULL: out of memory. It is the process's, and stays: a page to map and to unmap for each driver took as
   long as all else that a shard's start asks of the kernel but its ring. Any thread; a child gets one of its own. */
const uint32_t *rim__sentinel_open(void);

#endif
