/* SPDX-License-Identifier: MIT */
/*
 * copy.h - bodies of messages are small and of any size: copied by a few loads and stores that may overlap, where a
 * compiler's own inline copy goes through them word by word.
 *
 * Never by more than 8 bytes at once: a body has mostly just been written, field by field, and a load that covers
 * several stores which are still under way waits until all of them have reached the cache.
 */
#ifndef RINGMAIL_BASE_COPY_H
#define RINGMAIL_BASE_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"

#define RIM_COPY_SMALL 64u

static rim__always_inline uint64_t rim__copy_load(const void *from) {
    uint64_t word;
    memcpy(&word, from, sizeof word);
    __asm__("" : "+r"(word)); /* or the compiler makes one load of two */
    return word;
}

static rim__always_inline void rim__copy_store(void *to, uint64_t word) {
    memcpy(to, &word, sizeof word);
}

/* 16 bytes from either end: all, if there are at least 16 and at most 32. */
static rim__always_inline void rim__copy_ends(void *to, const void *from, size_t size) {
    char *to_end = (char *)to + size;
    const char *from_end = (const char *)from + size;
    uint64_t first = rim__copy_load(from), second = rim__copy_load((const char *)from + 8);
    uint64_t last_but_one = rim__copy_load(from_end - 16), last = rim__copy_load(from_end - 8);
    rim__copy_store(to, first);
    rim__copy_store((char *)to + 8, second);
    rim__copy_store(to_end - 16, last_but_one);
    rim__copy_store(to_end - 8, last);
}

/* At most RIM_COPY_SMALL bytes. */
static rim__always_inline void rim__copy_small(void *to, const void *from, size_t size) {
    if (size - 16 <= 16) {
        rim__copy_ends(to, from, size);
    } else if (size > 32) {
        rim__copy_ends(to, from, 32);
        rim__copy_ends((char *)to + size - 32, (const char *)from + size - 32, 32);
    } else if (size >= 8) {
        uint64_t first = rim__copy_load(from), last = rim__copy_load((const char *)from + size - 8);
        rim__copy_store(to, first);
        rim__copy_store((char *)to + size - 8, last);
    } else if (size >= 4) {
        uint32_t first, last;
        memcpy(&first, from, sizeof first);
        memcpy(&last, (const char *)from + size - 4, sizeof last);
        memcpy(to, &first, sizeof first);
        memcpy((char *)to + size - 4, &last, sizeof last);
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
