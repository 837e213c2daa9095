/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "base/sentinel.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

/* That of this process, or, after a fork, still that of its parent: then it is 0 here. Stored with release when it is
   1, loaded with acquire. */
static _Atomic(uint32_t *) ours;

static uint32_t *map(void) {
    uint32_t *at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        return NULL;
    }
    (void)madvise(at, sizeof *at, MADV_WIPEONFORK);
    *at = 1;
    return at;
}

const uint32_t *rim__sentinel_open(void) {
    uint32_t *there = atomic_load_explicit(&ours, memory_order_acquire);
    if (there != NULL && *there != 0) {
        return there;
    }
    uint32_t *made = map();
    if (made == NULL) {
        return NULL;
    }
    if (atomic_compare_exchange_strong_explicit(&ours, &there, made, memory_order_acq_rel, memory_order_acquire)) {
        return made;
    }
    munmap(made, sizeof *made); /* another thread was first */
    return there;
}
