/* SPDX-License-Identifier: MIT */
/*
 * sentinel.h - a word that is 1 in this process and 0 in a child of it: drivers do not survive fork(), and a child that
 * used one would write into its parent's queues, or take its parent's events.
 */
#ifndef RINGMAIL_BASE_SENTINEL_H
#define RINGMAIL_BASE_SENTINEL_H

#include <stdint.h>

/* The word, or NULL: out of memory. */
const uint32_t *rim__sentinel_open(void);
/* NULL is allowed. */
void rim__sentinel_close(const uint32_t *sentinel);

#endif
