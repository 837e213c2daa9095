/* SPDX-License-Identifier: MIT */
#include "inject.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "io/uring_ring.h"

#define NOP_INJECT_RESULT 1u
#define OPERATION_ENTER   (-1)

static const struct {
    const char *name;
    int opcode;
} operations[] = {
    {"enter", OPERATION_ENTER}, {"read", IORING_OP_READ},  {"write", IORING_OP_WRITE},   {"fsync", IORING_OP_FSYNC},
    {"open", IORING_OP_OPENAT}, {"stat", IORING_OP_STATX}, {"accept", IORING_OP_ACCEPT}, {"connect", IORING_OP_CONNECT},
    {"recv", IORING_OP_RECV},   {"send", IORING_OP_SEND},
};

static const struct {
    const char *name;
    int number;
} errors[] = {
#define ERROR(name)                                                                                                    \
    { #name, name }
    ERROR(EIO),     ERROR(EINTR),  ERROR(EAGAIN),      ERROR(EBUSY),     ERROR(EMFILE),       ERROR(ENFILE),
    ERROR(ENOMEM),  ERROR(ENOSPC), ERROR(EACCES),      ERROR(ENOENT),    ERROR(ECONNABORTED), ERROR(ECONNRESET),
    ERROR(ENOBUFS), ERROR(EPIPE),  ERROR(ENETUNREACH), ERROR(ETIMEDOUT), ERROR(EINVAL),       ERROR(ECANCELED),
#undef ERROR
};

static struct {
    int opcode, error;
    unsigned from, step;
    atomic_uint seen, struck;
} plan;

static struct rim__uring_ring_calls real;

static bool strikes(void) {
    unsigned at = atomic_fetch_add(&plan.seen, 1) + 1;
    bool hit = at == plan.from || (plan.step != 0 && at > plan.from && (at - plan.from) % plan.step == 0);
    atomic_fetch_add(&plan.struck, hit);
    return hit;
}

/* ---- operations ---- */

static void make_nop(struct io_uring_sqe *sqe) {
    uint64_t user_data = sqe->user_data;
    memset(sqe, 0, sizeof *sqe);
    sqe->opcode = IORING_OP_NOP;
    sqe->fd = -1;
    sqe->rw_flags = (int)NOP_INJECT_RESULT;
    sqe->len = (uint32_t)plan.error;
    sqe->user_data = user_data;
}

static void amend(struct io_uring *queues) {
    for (unsigned at = queues->sq.sqe_head; at != queues->sq.sqe_tail; at++) {
        struct io_uring_sqe *sqe = &queues->sq.sqes[at & queues->sq.ring_mask];
        if (sqe->opcode == plan.opcode && strikes()) {
            make_nop(sqe);
        }
    }
}

static bool nops_obey(void) {
    struct io_uring queues;
    struct io_uring_cqe *cqe;
    if (io_uring_queue_init(2, &queues, 0) != 0) {
        return false;
    }
    make_nop(io_uring_get_sqe(&queues));
    bool obeys =
        io_uring_submit_and_wait(&queues, 1) == 1 && io_uring_peek_cqe(&queues, &cqe) == 0 && cqe->res == plan.error;
    io_uring_queue_exit(&queues);
    return obeys;
}

/* ---- entering ---- */

static int submit(struct io_uring *queues) {
    return strikes() ? plan.error : real.submit(queues);
}

static int submit_and_get_events(struct io_uring *queues) {
    return strikes() ? plan.error : real.submit_and_get_events(queues);
}

static int enter(unsigned fd, unsigned count, unsigned least, unsigned flags, void *arg, size_t size) {
    return strikes() ? plan.error : real.enter(fd, count, least, flags, arg, size);
}

/* ---- the plan ---- */

static bool parse(const char *what) {
    char operation[16], error[16];
    plan.step = 0;
    if (sscanf(what, "%15[^:]:%15[^:]:%u+%u", operation, error, &plan.from, &plan.step) < 3) {
        return false;
    }
    unsigned found = 0;
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (strcmp(operations[i].name, operation) == 0) {
            plan.opcode = operations[i].opcode;
            found |= 1;
        }
    }
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (strcmp(errors[i].name, error) == 0) {
            plan.error = -errors[i].number;
            found |= 2;
        }
    }
    return found == 3;
}

int inject_set(const char *what) {
    if (!parse(what)) {
        return -EINVAL;
    }
    real = rim__uring_ring_calls;
    if (plan.opcode == OPERATION_ENTER) {
        rim__uring_ring_calls = (struct rim__uring_ring_calls){.submit = submit,
                                                               .submit_and_get_events = submit_and_get_events,
                                                               .enter = enter};
        return 0;
    }
    if (!nops_obey()) {
        return -EOPNOTSUPP;
    }
    rim__uring_ring_calls.before = amend;
    return 0;
}

unsigned inject_count(void) {
    return atomic_load(&plan.struck);
}
