/* SPDX-License-Identifier: MIT */
/*
 * copy.h - bodies of messages are small and of any size: copied by a few loads and stores that may overlap, where a
 * compiler's own inline copy goes through them word by word.
 */
#ifndef RINGMAIL_BASE_COPY_H
#define RINGMAIL_BASE_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"

#define RIM_COPY_SMALL 64u

/* `part` bytes from either end: all, if there are at least `part` and at most twice as many. */
#define rim__copy_ends(to, from, size, part)                                                                           \
    do {                                                                                                               \
        char head[part], tail[part];                                                                                   \
        memcpy(head, (from), (part));                                                                                  \
        memcpy(tail, (const char *)(from) + (size) - (part), (part));                                                  \
        memcpy((to), head, (part));                                                                                    \
        memcpy((char *)(to) + (size) - (part), tail, (part));                                                          \
    } while (0)

/* At most RIM_COPY_SMALL bytes. */
static rim__always_inline void rim__copy_small(void *to, const void *from, size_t size) {
    if (size > 32) {
        rim__copy_ends(to, from, size, 32);
    } else if (size >= 16) {
        rim__copy_ends(to, from, size, 16);
    } else if (size >= 8) {
        rim__copy_ends(to, from, size, 8);
    } else if (size >= 4) {
        rim__copy_ends(to, from, size, 4);
    } else if (size > 0) {
        *(char *)to = *(const char *)from;
        ((char *)to)[size / 2] = ((const char *)from)[size / 2];
        ((char *)to)[size - 1] = ((const char *)from)[size - 1];
    }
}

static inline void rim__copy(void *to, const void *from, size_t size) {
    if (rim__likely(size <= RIM_COPY_SMALL)) {
        rim__copy_small(to, from, size);
    } else {
        memcpy(to, from, size);
    }
}

#endif
