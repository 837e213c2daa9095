/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/uring_ring.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/sentinel.h"

/* Newer than the oldest liburing that we build with: Linux 6.15. */
#define FEAT_NO_IOWAIT  (1u << 17)
#define ENTER_NO_IOWAIT (1u << 7)

#define ENTRIES_MIN   16u
#define ENTRIES_MAX   32768u
#define CQ_PER_SQ     8u
#define CQ_MAX        65536u
#define NS_PER_SECOND 1000000000u

/* Threads of the kernel that work for one ring: on files, and on what may wait for ever. */
#define BOUNDED_WORKERS   8u
#define UNBOUNDED_WORKERS 16u

/* Sets of flags by kernel. DEFER_TASKRUN wants SINGLE_ISSUER; TASKRUN_FLAG wants DEFER_TASKRUN or COOP_TASKRUN. */
static const uint32_t ladder[] = {
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL |
        IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP, /* 6.1 */
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL |
        IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP, /* 6.0 */
    IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE |
        IORING_SETUP_CLAMP,                                             /* 5.19 */
    IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP, /* 5.18 */
    IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
};
#define LADDER_STEPS (sizeof ladder / sizeof ladder[0])

uint32_t rim__uring_ring_flags(void) {
    return ladder[0];
}

static int set_up(struct io_uring *queues, uint32_t entries, uint32_t flags) {
    struct io_uring_params params = {
        .flags = flags,
        .cq_entries = entries * CQ_PER_SQ < CQ_MAX ? entries * CQ_PER_SQ : CQ_MAX,
    };
    return io_uring_queue_init_params(entries, queues, &params);
}

static int climb_down(struct rim__uring_ring *ring, uint32_t entries, uint32_t flags) {
    size_t step = 0;
    while (step < LADDER_STEPS - 1 && ladder[step] != flags) {
        step++;
    }
    for (;;) {
        int error = set_up(&ring->queues, entries, ladder[step]);
        if (error == -EINVAL && step < LADDER_STEPS - 1) {
            step++;
        } else if (error == -ENOMEM && entries / 2 >= ENTRIES_MIN) {
            entries /= 2;
        } else {
            /* The step, and not what came back in the parameters: later libraries add flags of their own. */
            ring->setup_flags = ladder[step];
            return error;
        }
    }
}

/*
 * What blocks in the kernel is done by threads of its own, as many as the process may have unless told otherwise, and
 * on the CPU that the shard is pinned to unless told otherwise. Kernels that cannot be told (before 5.15) do as they
 * like.
 */
static void bound_workers(struct io_uring *queues) {
    unsigned limits[2] = {BOUNDED_WORKERS, UNBOUNDED_WORKERS};
    cpu_set_t cpus;
    (void)io_uring_register_iowq_max_workers(queues, limits);
    if (sched_getaffinity(getpid(), sizeof cpus, &cpus) == 0) { /* that of the process's first thread */
        (void)io_uring_register_iowq_aff(queues, sizeof cpus, &cpus);
    }
}

/* Of the whole call, as by a filter. */
static bool is_refusal(int result) {
    return result == -EPERM || result == -EACCES || result == -ENOSYS;
}

int rim__uring_ring_open(struct rim__uring_ring *ring, uint32_t entries, uint32_t flags) {
    memset(ring, 0, sizeof *ring);
    int error = climb_down(ring, entries < ENTRIES_MAX ? entries : ENTRIES_MAX, flags);
    if (error != 0) {
        goto clear;
    }
    /* The wait with a limit is older than what we need otherwise. */
    error = (ring->queues.features & IORING_FEAT_EXT_ARG) ? 0 : -ENOSYS;
    ring->sentinel = error == 0 ? rim__sentinel_open() : NULL;
    if (ring->sentinel == NULL) {
        error = error != 0 ? error : -ENOMEM;
        goto exit_queues;
    }
    /* A child that wrote here would write into the parent's queues. */
    (void)io_uring_ring_dontfork(&ring->queues);
    ring->wait_flags = (ring->queues.features & FEAT_NO_IOWAIT) ? ENTER_NO_IOWAIT : 0;
    /* Saves the lookup of the descriptor on every enter. Worth trying, not worth failing. */
    int registered = io_uring_register_ring_fd(&ring->queues);
    if (is_refusal(registered)) {
        error = registered;
        goto exit_queues;
    }
    ring->enter_fd_flag = registered == 1 ? IORING_ENTER_REGISTERED_RING : 0;
    bound_workers(&ring->queues);
    return 0;
exit_queues:
    io_uring_queue_exit(&ring->queues);
clear:
    memset(ring, 0, sizeof *ring);
    return error;
}

void rim__uring_ring_close(struct rim__uring_ring *ring) {
    if (ring->sentinel == NULL) {
        return;
    }
    io_uring_queue_exit(&ring->queues);
    memset(ring, 0, sizeof *ring);
}

/* ---- entering ---- */

static int enter(unsigned fd, unsigned count, unsigned least, unsigned flags, void *arg, size_t size) {
    return io_uring_enter2(fd, count, least, flags, arg, size);
}

struct rim__uring_ring_calls rim__uring_ring_calls = {
    .submit = io_uring_submit,
    .submit_and_get_events = io_uring_submit_and_get_events,
    .enter = enter,
};

static void prepare(struct rim__uring_ring *ring) {
    if (rim__unlikely(rim__uring_ring_calls.before != NULL)) {
        rim__uring_ring_calls.before(&ring->queues);
    }
}

int rim__uring_ring_flush(struct rim__uring_ring *ring) {
    prepare(ring);
    return rim__uring_ring_calls.submit(&ring->queues);
}

/* What was prepared becomes the kernel's to read, as in io_uring_submit. Returns how many entries that are. */
static uint32_t publish(struct io_uring *queues) {
    queues->sq.sqe_head = queues->sq.sqe_tail;
    io_uring_smp_store_release(queues->sq.ktail, queues->sq.sqe_tail);
    return io_uring_sq_ready(queues);
}

/*
 * In place of io_uring_submit_and_wait_timeout, which before liburing 2.10 cannot be told NO_IOWAIT: without it an idle
 * shard is shown as a processor that waits for a disk.
 */
static int sleep_in(struct rim__uring_ring *ring, struct __kernel_timespec *limit) {
    struct io_uring_getevents_arg arg = {.ts = (uint64_t)(uintptr_t)limit};
    uint32_t flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | ring->enter_fd_flag | ring->wait_flags;
    uint32_t count = publish(&ring->queues);
    /* One completion: a message from another ring does not wake who waits for several. */
    return rim__uring_ring_calls.enter((unsigned)ring->queues.enter_ring_fd, count, 1, flags, (void *)&arg, sizeof arg);
}

int rim__uring_ring_enter(struct rim__uring_ring *ring, uint64_t wait_ns) {
    prepare(ring);
    if (wait_ns == 0) {
        return rim__uring_ring_calls.submit_and_get_events(&ring->queues);
    }
    struct __kernel_timespec limit = {
        .tv_sec = (int64_t)(wait_ns / NS_PER_SECOND),
        .tv_nsec = (long long)(wait_ns % NS_PER_SECOND),
    };
    return sleep_in(ring, wait_ns == RIM_DRIVER_FOREVER ? NULL : &limit);
}
