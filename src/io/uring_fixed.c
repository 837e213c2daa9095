/* SPDX-License-Identifier: MIT */
#include "io/uring_fixed.h"

#include "base/assert.h"
#include "io/uring.h"

static bool is_prompt(const struct rim__uring_traits *traits) {
    return traits->kernel_major > 6 || (traits->kernel_major == 6 && traits->kernel_minor >= 13);
}

/* The table, at its first use. */
static bool has_table(struct rim__uring *uring) {
    if (uring->fixed_state == RIM_URING_FIXED_UNTRIED) {
        bool is_there = is_prompt(&uring->traits) && uring->ring.sentinel != NULL &&
                        io_uring_register_files_sparse(&uring->ring.queues, RIM_URING_FIXED_MAX) == 0;
        uring->fixed_state = is_there ? RIM_URING_FIXED_THERE : RIM_URING_FIXED_NONE;
    }
    return uring->fixed_state == RIM_URING_FIXED_THERE;
}

uint32_t rim__uring_fixed_add(struct rim__io *io, int fd) {
    struct rim__uring *uring = rim__uring_of_io(io);
    if (uring->is_closing || uring->fixed == UINT64_MAX || !has_table(uring)) {
        return 0;
    }
    uint32_t index = (uint32_t)__builtin_ctzll(~uring->fixed);
    if (io_uring_register_files_update(&uring->ring.queues, index, &fd, 1) != 1) {
        return 0;
    }
    uring->fixed |= 1ull << index;
    return index + 1;
}

void rim__uring_fixed_drop(struct rim__io *io, uint32_t number) {
    struct rim__uring *uring = rim__uring_of_io(io);
    int none = -1;
    rim__assert(number > 0 && (uring->fixed & 1ull << (number - 1)) != 0);
    if (io_uring_register_files_update(&uring->ring.queues, number - 1, &none, 1) == 1) {
        uring->fixed &= ~(1ull << (number - 1));
    } /* else it stays taken, and open until the ring is closed */
}
_Static_assert(RIM_URING_FIXED_MAX == 64, "one bit for each");
