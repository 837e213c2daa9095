/* SPDX-License-Identifier: MIT */
#include "io/uring_ring.h"

#include <errno.h>
#include <linux/time_types.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"

/* Newer than the oldest kernel headers that we build with: Linux 6.15. */
#define FEAT_NO_IOWAIT  (1u << 17)
#define ENTER_NO_IOWAIT (1u << 7)

#define ENTRIES_MIN   16u
#define ENTRIES_MAX   32768u
#define CQ_PER_SQ     8u
#define CQ_MAX        65536u
#define NS_PER_SECOND 1000000000u

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

static int set_up(uint32_t entries, uint32_t flags, struct io_uring_params *params) {
    memset(params, 0, sizeof *params);
    params->flags = flags;
    params->cq_entries = entries * CQ_PER_SQ < CQ_MAX ? entries * CQ_PER_SQ : CQ_MAX;
    int fd = (int)syscall(__NR_io_uring_setup, entries, params);
    return fd < 0 ? -errno : fd;
}

static int climb_down(uint32_t entries, uint32_t flags, struct io_uring_params *params) {
    size_t step = 0;
    while (step < LADDER_STEPS - 1 && ladder[step] != flags) {
        step++;
    }
    for (;;) {
        int fd = set_up(entries, ladder[step], params);
        if (fd == -EINVAL && step < LADDER_STEPS - 1) {
            step++;
        } else if (fd == -ENOMEM && entries / 2 >= ENTRIES_MIN) {
            entries /= 2;
        } else {
            return fd;
        }
    }
}

static void *map(int fd, size_t size, uint64_t offset) {
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, (off_t)offset);
    if (at == MAP_FAILED) {
        return NULL;
    }
    /* A child that wrote here would write into the parent's queues. */
    (void)madvise(at, size, MADV_DONTFORK);
    return at;
}

/* A word that the child of a fork finds to be 0. */
static int map_sentinel(struct rim__uring_ring *ring) {
    void *at = mmap(NULL, sizeof *ring->sentinel, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        return -errno;
    }
    (void)madvise(at, sizeof *ring->sentinel, MADV_WIPEONFORK);
    *(uint32_t *)at = 1;
    ring->sentinel = at;
    return 0;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static int map_queues(struct rim__uring_ring *ring, const struct io_uring_params *params) {
    ring->queues_size = larger(params->sq_off.array + params->sq_entries * sizeof(uint32_t),
                               params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe));
    ring->sqes_size = params->sq_entries * sizeof(struct io_uring_sqe);
    ring->queues = map(ring->fd, ring->queues_size, IORING_OFF_SQ_RING);
    if (ring->queues == NULL) {
        return -errno;
    }
    ring->sqes_map = map(ring->fd, ring->sqes_size, IORING_OFF_SQES);
    if (ring->sqes_map == NULL) {
        return -errno;
    }
    return 0;
}

static void find_queues(struct rim__uring_ring *ring, const struct io_uring_params *params) {
    char *base = ring->queues;
    ring->sqes = ring->sqes_map;
    ring->sq_head = (uint32_t *)(base + params->sq_off.head);
    ring->sq_tail = (uint32_t *)(base + params->sq_off.tail);
    ring->sq_flags = (uint32_t *)(base + params->sq_off.flags);
    ring->sq_mask = *(uint32_t *)(base + params->sq_off.ring_mask);
    ring->prepared_tail = *ring->sq_tail;
    uint32_t *array = (uint32_t *)(base + params->sq_off.array);
    for (uint32_t i = 0; i < params->sq_entries; i++) {
        array[i] = i;
    }
    ring->cq_head = (uint32_t *)(base + params->cq_off.head);
    ring->cq_tail = (uint32_t *)(base + params->cq_off.tail);
    ring->cq_mask = *(uint32_t *)(base + params->cq_off.ring_mask);
    ring->cqes = (struct io_uring_cqe *)(base + params->cq_off.cqes);
}

int rim__uring_ring_register(const struct rim__uring_ring *ring, unsigned opcode, void *arg, unsigned count) {
    int result = (int)syscall(__NR_io_uring_register, ring->fd, opcode, arg, count);
    return result < 0 ? -errno : result;
}

/* Saves the lookup of the descriptor on every enter. Worth trying, not worth failing. */
static void register_descriptor(struct rim__uring_ring *ring) {
    struct io_uring_rsrc_update update = {.offset = UINT32_MAX, .data = (uint64_t)ring->fd};
    if (rim__uring_ring_register(ring, IORING_REGISTER_RING_FDS, &update, 1) == 1) {
        ring->enter_fd = (int)update.offset;
        ring->enter_flags |= IORING_ENTER_REGISTERED_RING;
    }
}

int rim__uring_ring_open(struct rim__uring_ring *ring, uint32_t entries, uint32_t flags) {
    struct io_uring_params params;
    memset(ring, 0, sizeof *ring);
    ring->fd = climb_down(entries < ENTRIES_MAX ? entries : ENTRIES_MAX, flags, &params);
    if (ring->fd < 0) {
        int error = ring->fd;
        ring->fd = -1;
        return error;
    }
    int error = -ENOSYS; /* both features are older than what we need otherwise */
    if ((params.features & IORING_FEAT_SINGLE_MMAP) && (params.features & IORING_FEAT_EXT_ARG)) {
        error = map_queues(ring, &params);
    }
    if (error == 0) {
        error = map_sentinel(ring);
    }
    ring->enter_fd = ring->fd;
    if (error != 0) {
        rim__uring_ring_close(ring);
        return error;
    }
    find_queues(ring, &params);
    ring->entries = params.sq_entries;
    ring->setup_flags = params.flags;
    ring->wait_flags = (params.features & FEAT_NO_IOWAIT) ? ENTER_NO_IOWAIT : 0;
    register_descriptor(ring);
    return 0;
}

void rim__uring_ring_close(struct rim__uring_ring *ring) {
    if (ring->fd < 0) {
        return;
    }
    if (ring->enter_flags & IORING_ENTER_REGISTERED_RING) {
        struct io_uring_rsrc_update update = {.offset = (uint32_t)ring->enter_fd};
        (void)rim__uring_ring_register(ring, IORING_UNREGISTER_RING_FDS, &update, 1);
    }
    if (ring->sentinel != NULL) {
        munmap((void *)ring->sentinel, sizeof *ring->sentinel);
    }
    if (ring->sqes_map != NULL) {
        munmap(ring->sqes_map, ring->sqes_size);
    }
    if (ring->queues != NULL) {
        munmap(ring->queues, ring->queues_size);
    }
    close(ring->fd);
    memset(ring, 0, sizeof *ring);
    ring->fd = -1;
}

/* What was prepared becomes the kernel's to read. Returns how many entries that are. */
static uint32_t publish(struct rim__uring_ring *ring) {
    __atomic_store_n(ring->sq_tail, ring->prepared_tail, __ATOMIC_RELEASE);
    return rim__uring_ring_prepared(ring);
}

int rim__uring_ring_flush(struct rim__uring_ring *ring) {
    uint32_t count = publish(ring);
    if (count == 0) {
        return 0;
    }
    int result = (int)syscall(__NR_io_uring_enter, ring->enter_fd, count, 0, ring->enter_flags, NULL, 0);
    return result < 0 ? -errno : result;
}

int rim__uring_ring_enter(struct rim__uring_ring *ring, uint64_t wait_ns) {
    uint32_t flags = ring->enter_flags | IORING_ENTER_GETEVENTS;
    if (wait_ns == 0) {
        int result = (int)syscall(__NR_io_uring_enter, ring->enter_fd, publish(ring), 0, flags, NULL, 0);
        return result < 0 ? -errno : result;
    }
    struct __kernel_timespec limit = {
        .tv_sec = (int64_t)(wait_ns / NS_PER_SECOND),
        .tv_nsec = (long long)(wait_ns % NS_PER_SECOND),
    };
    struct io_uring_getevents_arg arg = {.ts = wait_ns == RIM_DRIVER_FOREVER ? 0 : (uint64_t)(uintptr_t)&limit};
    flags |= ring->wait_flags | IORING_ENTER_EXT_ARG;
    /* One completion: a message from another ring does not wake who waits for several. */
    int result = (int)syscall(__NR_io_uring_enter, ring->enter_fd, publish(ring), 1, flags, &arg, sizeof arg);
    return result < 0 ? -errno : result;
}
