/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "base/peek.h"

#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

size_t rim__peek(uintptr_t at, void *out, size_t size) {
    struct iovec local = {.iov_base = out, .iov_len = size};
    struct iovec remote = {.iov_base = (void *)at, .iov_len = size};
    ssize_t count = at != 0 ? process_vm_readv(getpid(), &local, 1, &remote, 1, 0) : 0;
    return count > 0 ? (size_t)count : 0;
}

bool rim__peek_all(uintptr_t at, void *out, size_t size) {
    return rim__peek(at, out, size) == size;
}

void rim__peek_text(uintptr_t at, char *out, size_t size) {
    size_t count = rim__peek(at, out, size - 1); /* short where the next page is none */
    out[count] = '\0';
}
