/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "io/uring.h"
#include "ringmail/error.h"

#define WAIT_NS      1000000000u
#define PROBE_BUFFER 64u

/* ---- what to do about it ---- */

static int read_disabled(void) {
    int value = -1;
    FILE *file = fopen("/proc/sys/kernel/io_uring_disabled", "re");
    if (file == NULL) {
        return -1;
    }
    if (fscanf(file, "%d", &value) != 1) {
        value = -1;
    }
    fclose(file);
    return value;
}

static void explain_refusal(const struct rim__log *log, int error) {
    int disabled = read_disabled();
    if (disabled > 0) {
        rim__log_write(log, RIM_LOG_ERROR,
                       "io_uring is switched off (%s): sysctl kernel.io_uring_disabled is %d; set it to 0, or with 1 "
                       "run in the group of kernel.io_uring_group",
                       rim_error_name(error), disabled);
    } else {
        rim__log_write(log, RIM_LOG_ERROR,
                       "io_uring is refused (%s), most likely by a seccomp filter: allow io_uring_setup, "
                       "io_uring_enter and io_uring_register in the container's profile or the service's "
                       "SystemCallFilter",
                       rim_error_name(error));
    }
}

static void explain_memory(const struct rim__log *log) {
    struct rlimit limit = {0};
    (void)getrlimit(RLIMIT_MEMLOCK, &limit);
    rim__log_write(log, RIM_LOG_ERROR,
                   "io_uring finds no memory for its ring: rings count as locked memory, whose limit is %llu KiB; "
                   "raise it (ulimit -l, LimitMEMLOCK=), or ask for fewer shards, ring_entries or buffers",
                   (unsigned long long)limit.rlim_cur / 1024);
}

void rim__uring_explain(const struct rim__log *log, int error) {
    switch (error) {
    case -EPERM:
    case -EACCES:
        explain_refusal(log, error);
        break;
    case -ENOSYS:
        rim__log_write(log, RIM_LOG_ERROR,
                       "io_uring is missing or too old here: Linux 5.19 or later is needed, built with "
                       "CONFIG_IO_URING, and not hidden by a seccomp filter or a sandbox");
        break;
    case -ENOMEM:
        explain_memory(log);
        break;
    case -EMFILE:
    case -ENFILE:
        rim__log_write(log, RIM_LOG_ERROR, "io_uring finds no free descriptor: raise the limit (ulimit -n)");
        break;
    case -EINVAL:
        rim__log_write(log, RIM_LOG_ERROR,
                       "io_uring takes no such ring: buffers must be a power of two up to 32,768, and ring_entries "
                       "at least 1");
        break;
    default:
        rim__log_write(log, RIM_LOG_ERROR, "io_uring cannot be used: %s", rim_strerror(error));
        break;
    }
}

/* ---- trying ---- */

/* Submits what was prepared and waits for one completion. */
static int run_one(struct rim__uring_ring *ring, struct io_uring_cqe *out) {
    for (int tries = 0; tries < 100 && !rim__uring_ring_has_completions(ring); tries++) {
        int result = rim__uring_ring_enter(ring, WAIT_NS);
        if (result < 0 && result != -EINTR && result != -EAGAIN) {
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
    int error = rim__uring_buffers_open(&buffers, ring, &options);
    if (error != 0) {
        return error == -EINVAL ? -ENOSYS : error;
    }
    error = try_recv(ring, &buffers, is_multishot);
    rim__uring_buffers_close(&buffers, ring);
    return error;
}

static bool has_op(struct rim__uring_ring *ring, int op) {
    struct io_uring_probe *probe = io_uring_get_probe_ring(&ring->queues);
    if (probe == NULL) {
        return false;
    }
    bool has = io_uring_opcode_supported(probe, op) != 0;
    io_uring_free_probe(probe);
    return has;
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

int rim__uring_probe(const rim_config *config, const struct rim__log *log, struct rim__uring_traits *out) {
    struct rim__uring_ring ring;
    *out = (struct rim__uring_traits){0};
    read_kernel(out);
    int error = rim__uring_ring_open(&ring, rim__uring_entries(config), rim__uring_ring_flags());
    if (error == 0) {
        error = try_nop(&ring);
    }
    if (error == 0) {
        error = try_buffers(&ring, &out->recv_multishot);
    }
    if (error == 0) {
        out->setup_flags = ring.setup_flags;
        choose_wake(out, config->wake, has_op(&ring, IORING_OP_MSG_RING));
    } else {
        rim__uring_explain(log, error);
    }
    rim__uring_ring_close(&ring);
    return error;
}
