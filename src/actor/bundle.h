/* SPDX-License-Identifier: MIT */
/*
 * bundle.h - what bundles look like on their way; bundle.c and unbundle.c alone know it. heap.c lets go of what an
 * actor that ends has held.
 *
 *     the request, of the options' tag           ask_head, bytes | ask_head, bytes ...
 *     the reply, PLAIN or HOLDING                answer_head, bytes | answer_head, bytes ...
 *
 * Heads begin at multiples of 8. Where a head's size is of held memory, the bytes are a struct rim__held.
 */
#ifndef RIM_ACTOR_BUNDLE_H
#define RIM_ACTOR_BUNDLE_H

#include "ringmail/bundle.h"

enum { RIM_BUNDLE_PLAIN = RIM_USER, RIM_BUNDLE_HOLDING };

struct rim__ask_head {
    uint64_t cookie; /* the asker's; nobody else looks at it */
    uint32_t size;
    uint32_t spare;
};

struct rim__answer_head {
    uint32_t size;
    int32_t state; /* 0: the bytes follow; RIM_BUNDLE_HOLDING: a struct rim__held; negative: an error */
};

struct rim__held {
    void *bytes;
    size_t size;
    void (*release)(void *bytes, void *arg);
    void *arg;
};

/* unbundle.c: lets go of the memory that these answers hold. */
void rim__unbundle_release(const char *answers, size_t size);

static inline size_t rim__bundle_padded(size_t size) {
    return (size + 7) & ~(size_t)7;
}

#endif
