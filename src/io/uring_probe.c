/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "io/uring.h"
#include "ringmail/error.h"

#define WAIT_NS       1000000000u
#define PROBE_BUFFER  64u
#define PROBE_ENTRIES 8u /* the kernel clears what it maps for a ring, and that takes longer than all the rest here */

/* ---- trying ---- */

/* Submits what was prepared and waits for one completion. */
static int run_one(struct rim__uring_ring *ring, struct io_uring_cqe *out) {
    for (int tries = 0; tries < 100 && !rim__uring_ring_has_completions(ring); tries++) {
        int result = rim__uring_ring_enter(ring, WAIT_NS);
        if (result < 0 && result != -EINTR && result != -EAGAIN && result != -EBUSY) {
            return result == -ETIME ? -EIO : result;
        }
    }
    if (!rim__uring_ring_has_completions(ring)) {
        return -EIO;
    }
    struct io_uring_cqe *cqe;
    int error = io_uring_peek_cqe(&ring->queues, &cqe);
    if (error == 0) {
        memcpy(out, cqe, sizeof *out);
        io_uring_cqe_seen(&ring->queues, cqe);
    }
    return error;
}

/* Some filters allow the set-up and refuse the enter. */
static int try_nop(struct rim__uring_ring *ring) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->queues);
    struct io_uring_cqe cqe;
    io_uring_prep_nop(sqe);
    io_uring_sqe_set_data64(sqe, rim__uring_user_data(RIM_URING_NOP, 0));
    int error = run_one(ring, &cqe);
    return error != 0 ? error : cqe.res;
}

/* Receives one byte from a pair of sockets: is there more to come? */
static int try_recv(struct rim__uring_ring *ring, struct rim__uring_buffers *buffers, bool *is_multishot) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return -errno;
    }
    int error = send(pair[1], "", 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;
    struct io_uring_cqe cqe = {0};
    if (error == 0) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->queues);
        io_uring_prep_recv_multishot(sqe, pair[0], NULL, 0, 0);
        io_uring_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
        sqe->buf_group = RIM_URING_BUFFER_GROUP;
        io_uring_sqe_set_data64(sqe, rim__uring_user_data(RIM_URING_NOP, 0));
        error = run_one(ring, &cqe);
    }
    *is_multishot = error == 0 && cqe.res == 1 && (cqe.flags & IORING_CQE_F_MORE) != 0;
    if (error == 0 && (cqe.flags & IORING_CQE_F_BUFFER)) {
        rim__uring_buffers_put(buffers, cqe.flags >> IORING_CQE_BUFFER_SHIFT);
        /* The peer's end ends a receive that is still armed: nothing is in flight when the ring is closed. */
        close(pair[1]);
        pair[1] = -1;
        error = *is_multishot ? run_one(ring, &cqe) : 0;
    }
    close(pair[0]);
    if (pair[1] >= 0) {
        close(pair[1]);
    }
    return error;
}

/* The buffer ring is what sets the oldest kernel: multishot accept and cancelling of everything came with it. */
static int try_buffers(struct rim__uring_ring *ring, bool *is_multishot) {
    struct rim__uring_buffers buffers;
    const struct rim__uring_buffers_options options = {.count = 2, .bytes = PROBE_BUFFER};
    rim__uring_buffers_plan(&buffers, &options);
    int error = rim__uring_buffers_open(&buffers, ring);
    if (error != 0) {
        return error == -EINVAL ? -ENOSYS : error;
    }
    error = try_recv(ring, &buffers, is_multishot);
    rim__uring_buffers_close(&buffers, ring);
    return error;
}

struct ops {
    bool msg_ring, sendmsg_zc;
};

static struct ops read_ops(struct rim__uring_ring *ring) {
    struct io_uring_probe *probe = io_uring_get_probe_ring(&ring->queues);
    if (probe == NULL) {
        return (struct ops){0};
    }
    struct ops ops = {
        .msg_ring = io_uring_opcode_supported(probe, IORING_OP_MSG_RING) != 0,
        .sendmsg_zc = io_uring_opcode_supported(probe, IORING_OP_SENDMSG_ZC) != 0,
    };
    io_uring_free_probe(probe);
    return ops;
}

/* ---- choosing ---- */

static void read_kernel(struct rim__uring_traits *traits) {
    struct utsname name;
    if (uname(&name) != 0 || sscanf(name.release, "%u.%u", &traits->kernel_major, &traits->kernel_minor) != 2) {
        traits->kernel_major = 0;
        traits->kernel_minor = 0;
    }
}

/* Before 6.11 messages to other rings were slower than an eventfd, and on arm64 they could get lost. */
static bool is_trusted(const struct rim__uring_traits *traits) {
    return traits->kernel_major > 6 || (traits->kernel_major == 6 && traits->kernel_minor >= 11);
}

/*
 * Before 6.10 each such send had a notification of its own, which what follows cannot be merged with: it cost more than
 * the copy. That also is later than the word about what was copied all the same (6.2).
 */
static bool has_zero_copy(const struct rim__uring_traits *traits, const struct ops *ops) {
    bool is_new = traits->kernel_major > 6 || (traits->kernel_major == 6 && traits->kernel_minor >= 10);
    return is_new && ops->sendmsg_zc;
}

static void choose_wake(struct rim__uring_traits *traits, enum rim_wake_kind asked, bool has_msg_ring) {
    const char *by = "eventfd";
    char reason[64];
    snprintf(reason, sizeof reason, "asked for");
    if (asked != RIM_WAKE_EVENTFD && !has_msg_ring) {
        snprintf(reason, sizeof reason, "the kernel has no MSG_RING");
    } else if (asked == RIM_WAKE_MSG_RING) {
        by = "msg_ring";
    } else if (asked == RIM_WAKE_AUTO && is_trusted(traits)) {
        by = "msg_ring";
        snprintf(reason, sizeof reason, "kernel %u.%u", traits->kernel_major, traits->kernel_minor);
    } else if (asked == RIM_WAKE_AUTO) {
        snprintf(reason, sizeof reason, "kernel %u.%u is older than 6.11", traits->kernel_major, traits->kernel_minor);
    }
    traits->wake_by_msg_ring = by[0] == 'm';
    snprintf(traits->wake_reason, sizeof traits->wake_reason, "%s: %s", by, reason);
}

/* ---- once a process ---- */

/* What was found, when all was well. The kernel stays the same; what it may come to refuse all the same, the shards'
   own rings meet (rim__drivers_retreat). */
struct findings {
    struct rim__uring_traits traits;
    struct ops ops;
};

enum { UNKNOWN, WRITTEN, KNOWN };

static struct findings found;   /* before KNOWN: of who has made it WRITTEN; then nobody's to change */
static _Atomic int found_state; /* KNOWN: stored with release, loaded with acquire */

static int find(struct findings *out) {
    struct rim__uring_ring ring;
    *out = (struct findings){0};
    read_kernel(&out->traits);
    int error = rim__uring_ring_open(&ring, PROBE_ENTRIES, rim__uring_ring_flags());
    if (error == 0) {
        error = try_nop(&ring);
    }
    out->ops = error == 0 ? read_ops(&ring) : (struct ops){0};
    if (error == 0 && !out->ops.sendmsg_zc) {
        error = try_buffers(&ring, &out->traits.recv_multishot);
    }
    out->traits.recv_multishot |= out->ops.sendmsg_zc; /* 6.1 against 6.0, and 5.19 for the buffers */
    out->traits.setup_flags = ring.setup_flags;
    out->traits.zero_copy = has_zero_copy(&out->traits, &out->ops);
    rim__uring_ring_close(&ring);
    return error;
}

/* Several threads may look for it at once: the first to have found it tells. */
static void remember(const struct findings *findings) {
    int unknown = UNKNOWN;
    if (atomic_compare_exchange_strong_explicit(&found_state, &unknown, WRITTEN, memory_order_relaxed,
                                                memory_order_relaxed)) {
        found = *findings;
        atomic_store_explicit(&found_state, KNOWN, memory_order_release);
    }
}

int rim__uring_probe(const rim_config *config, struct rim__uring_traits *out) {
    struct findings findings;
    int error = 0;
    if (atomic_load_explicit(&found_state, memory_order_acquire) == KNOWN) {
        findings = found;
    } else {
        error = find(&findings);
    }
    *out = findings.traits;
    if (error == 0) {
        remember(&findings);
        choose_wake(out, config->wake, findings.ops.msg_ring);
    }
    return error;
}
