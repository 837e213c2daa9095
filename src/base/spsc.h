/* SPDX-License-Identifier: MIT */
/*
 * spsc.h - a ring of pointers from one thread to another. The only user of ck_ring.
 *
 *     Order    first in, first out
 *     Loss     none: a push into a full ring is refused
 *     Threads  one pushes, one pops; init and finish while neither does
 *
 * Why it is right. Push writes the slot, then p_tail; pop reads p_tail, then the slot, then writes c_head; push reads
 * c_head before it writes a slot again. ck_ring 0.7.1 puts a fence for stores only between reading the slot and
 * writing c_head: enough on x86, where loads are not passed by later stores, too weak elsewhere. And its loads and
 * stores are volatile accesses and inline assembly, which ThreadSanitizer cannot see. Both are mended here in the same
 * way: off x86, and under ThreadSanitizer, the two primitives by which ck_ring reads and publishes its indexes are an
 * acquire load (pairs with the other side's release store) and a release store.
 */
#ifndef RINGMAIL_BASE_SPSC_H
#define RINGMAIL_BASE_SPSC_H

#include <ck_pr.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/compiler.h"

#if defined(__SANITIZE_THREAD__)
#define RIM_SPSC_EXPLICIT 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RIM_SPSC_EXPLICIT 1
#endif
#endif
#if !defined(__x86_64__) && !defined(RIM_SPSC_EXPLICIT)
#define RIM_SPSC_EXPLICIT 1
#endif
#ifdef RIM_SPSC_EXPLICIT
#undef ck_pr_load_uint
#undef ck_pr_store_uint
#define ck_pr_load_uint(source)         __atomic_load_n((source), __ATOMIC_ACQUIRE)
#define ck_pr_store_uint(target, value) __atomic_store_n((target), (value), __ATOMIC_RELEASE)
#endif

#include <ck_ring.h>

struct rim__spsc {
    ck_ring_t ring rim__aligned(RIM_CACHE_LINE); /* pads its two ends apart */
    ck_ring_buffer_t *slots;
};

/* Room for at least `capacity` pointers. 0 or -ENOMEM. */
static inline int rim__spsc_init(struct rim__spsc *spsc, uint32_t capacity) {
    uint32_t size = 4; /* a ring of N holds N - 1 */
    while (size - 1 < capacity) {
        size *= 2;
    }
    spsc->slots = aligned_alloc(RIM_CACHE_LINE,
                                ((size * sizeof *spsc->slots + RIM_CACHE_LINE - 1) / RIM_CACHE_LINE) * RIM_CACHE_LINE);
    if (spsc->slots == NULL) {
        return -ENOMEM;
    }
    ck_ring_init(&spsc->ring, size);
    return 0;
}

static inline void rim__spsc_finish(struct rim__spsc *spsc) {
    free(spsc->slots);
    spsc->slots = NULL;
}

/* False if the ring is full. */
static inline bool rim__spsc_push(struct rim__spsc *spsc, void *pointer) {
    return ck_ring_enqueue_spsc(&spsc->ring, spsc->slots, pointer);
}

/* NULL if the ring is empty. */
static inline void *rim__spsc_pop(struct rim__spsc *spsc) {
    void *pointer = NULL;
    return ck_ring_dequeue_spsc(&spsc->ring, spsc->slots, &pointer) ? pointer : NULL;
}

/* For the one that pops. */
static inline bool rim__spsc_is_empty(const struct rim__spsc *spsc) {
    return ck_pr_load_uint(&spsc->ring.p_tail) == spsc->ring.c_head;
}

/* For the one that pushes: whether all that was pushed has been popped. */
static inline bool rim__spsc_is_taken(const struct rim__spsc *spsc) {
    return ck_pr_load_uint(&spsc->ring.c_head) == spsc->ring.p_tail;
}

/* For the one that pops, while it waits: the line of the slot that is filled next. It comes along with the index then,
   instead of after it. */
static inline void rim__spsc_prepare_pop(const struct rim__spsc *spsc) {
    __builtin_prefetch(&spsc->slots[spsc->ring.c_head & spsc->ring.mask]);
}

/* For the one that pushes, some time before it does: the lines that the push will wait for. */
static inline void rim__spsc_prepare_push(const struct rim__spsc *spsc) {
    __builtin_prefetch(&spsc->ring.c_head);
    __builtin_prefetch(&spsc->slots[spsc->ring.p_tail & spsc->ring.mask], 1);
}

#endif
