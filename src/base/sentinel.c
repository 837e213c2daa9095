/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "base/sentinel.h"

#include <stddef.h>
#include <sys/mman.h>

const uint32_t *rim__sentinel_open(void) {
    uint32_t *at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        return NULL;
    }
    (void)madvise(at, sizeof *at, MADV_WIPEONFORK);
    *at = 1;
    return at;
}

void rim__sentinel_close(const uint32_t *sentinel) {
    if (sentinel != NULL) {
        munmap((void *)(uintptr_t)sentinel, sizeof *sentinel);
    }
}
