/* SPDX-License-Identifier: MIT */
/*
 * peek.h - reads memory of this process that may be gone, or may change while it is read: what another thread has at
 * hand. The kernel copies, so that a bad address is a short count and not a fault. What was read means something only
 * if whoever writes it is found, afterwards, not to have moved on.
 *
 *     Threads  any
 */
#ifndef RINGMAIL_BASE_PEEK_H
#define RINGMAIL_BASE_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes read, from the first on; 0 where nothing can be read there, or the kernel does not permit it. */
size_t rim__peek(uintptr_t at, void *out, size_t size);
/* All or nothing. */
bool rim__peek_all(uintptr_t at, void *out, size_t size);
/* A text that ends within size - 1 bytes, cut there else. Empty if it cannot be read. */
void rim__peek_text(uintptr_t at, char *out, size_t size);

#endif
