/* SPDX-License-Identifier: MIT */
#include "uring_here.h"

#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_COUNT 2u

/* Rings of buffers came with 5.19. */
static int try_buffers(struct io_uring *ring) {
    struct io_uring_buf_reg buffers = {.ring_entries = BUFFER_COUNT};
    void *memory = NULL;
    if (posix_memalign(&memory, 4096, 4096) != 0) {
        return -ENOMEM;
    }
    memset(memory, 0, 4096);
    buffers.ring_addr = (unsigned long)memory;
    int error = io_uring_register_buf_ring(ring, &buffers, 0);
    if (error == 0) {
        (void)io_uring_unregister_buf_ring(ring, 0);
    }
    free(memory);
    return error;
}

static int try_enter(struct io_uring *ring) {
    struct io_uring_cqe *cqe;
    io_uring_prep_nop(io_uring_get_sqe(ring));
    int submitted = io_uring_submit_and_wait(ring, 1);
    return submitted < 0 ? submitted : io_uring_peek_cqe(ring, &cqe);
}

const char *uring_refusal(void) {
    static char text[128];
    struct io_uring ring;
    const char *call = "io_uring_setup";
    int error = io_uring_queue_init(8, &ring, 0);
    if (error == 0) {
        call = "io_uring_enter";
        error = try_enter(&ring);
        if (error == 0) {
            call = "io_uring_register of a ring of buffers (Linux 5.19)";
            error = try_buffers(&ring);
        }
        io_uring_queue_exit(&ring);
    }
    if (error == 0) {
        return NULL;
    }
    snprintf(text, sizeof text, "%s: %s", call, strerror(-error));
    return text;
}

bool uring_is_here(void) {
    static bool is_told;
    const char *why = uring_refusal();
    if (why != NULL && !is_told) {
        is_told = true;
        printf("skipped: io_uring: %s\n", why);
        fflush(stdout);
    }
    return why == NULL;
}
