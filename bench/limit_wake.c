/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "limit.h"

enum { ENTRIES = 8, WOKEN = 1 };

/* One of the two threads. */
struct sleeper {
    struct io_uring ring;
    int eventfd;
};

struct duel {
    struct sleeper sleepers[2];
    bool by_eventfd;
    pthread_barrier_t ready;
    atomic_bool over;
    atomic_int error;
    uint64_t duration_ns, begin_ns, n;
    struct latencies latencies;
};

static void fail(struct duel *duel, int error) {
    if (error < 0) {
        atomic_store(&duel->error, error);
        atomic_store(&duel->over, true);
    }
}

/* The ring is made by the thread that uses it, as SINGLE_ISSUER asks. */
static void prepare(struct duel *duel, struct sleeper *self) {
    struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
    int error = io_uring_queue_init_params(ENTRIES, &self->ring, &params);
    fail(duel, error == -EPERM || error == -ENOSYS ? -ENOTSUP : error);
    self->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!atomic_load(&duel->over) && duel->by_eventfd) {
        struct io_uring_sqe *entry = io_uring_get_sqe(&self->ring);
        io_uring_prep_poll_multishot(entry, self->eventfd, POLLIN);
        entry->user_data = WOKEN;
        fail(duel, io_uring_submit(&self->ring));
    }
    pthread_barrier_wait(&duel->ready);
}

static void finish(struct duel *duel, struct sleeper *self) {
    pthread_barrier_wait(&duel->ready);
    if (self->ring.ring_fd > 0) {
        io_uring_queue_exit(&self->ring);
    }
    close(self->eventfd);
}

/* With MSG_RING the message leaves with the system call that goes to sleep. */
static void wake(struct duel *duel, struct sleeper *self, struct sleeper *other) {
    if (duel->by_eventfd) {
        uint64_t one = 1;
        fail(duel, write(other->eventfd, &one, sizeof one) < 0 ? -errno : 0);
        return;
    }
    struct io_uring_sqe *entry = io_uring_get_sqe(&self->ring);
    io_uring_prep_msg_ring(entry, other->ring.ring_fd, 0, WOKEN, 0);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    entry->user_data = 0;
}

static void sleep_until_woken(struct duel *duel, struct sleeper *self) {
    for (bool woken = false; !woken && atomic_load_explicit(&duel->error, memory_order_relaxed) == 0;) {
        struct __kernel_timespec patience = {.tv_sec = 1};
        struct io_uring_cqe *completion;
        int got = io_uring_submit_and_wait_timeout(&self->ring, &completion, 1, &patience, NULL);
        if (got < 0 && got != -EINTR && got != -ETIME) {
            fail(duel, got);
            return;
        }
        unsigned head, count = 0;
        io_uring_for_each_cqe(&self->ring, head, completion) {
            count++;
            woken = woken || completion->user_data == WOKEN;
            fail(duel, completion->res);
        }
        io_uring_cq_advance(&self->ring, count);
    }
}

static void *first(void *arg) {
    struct duel *duel = arg;
    struct sleeper *self = &duel->sleepers[0];
    prepare(duel, self);
    uint64_t last = duel->begin_ns = now_ns();
    while (!atomic_load_explicit(&duel->over, memory_order_relaxed)) {
        wake(duel, self, &duel->sleepers[1]);
        sleep_until_woken(duel, self);
        uint64_t now = now_ns();
        latencies_add(&duel->latencies, (double)(now - last));
        duel->n++;
        last = now;
        if (now - duel->begin_ns >= duel->duration_ns) {
            atomic_store(&duel->over, true);
        }
    }
    if (atomic_load(&duel->error) == 0) {
        wake(duel, self, &duel->sleepers[1]);
        io_uring_submit(&self->ring);
    }
    finish(duel, self);
    return NULL;
}

static void *second(void *arg) {
    struct duel *duel = arg;
    struct sleeper *self = &duel->sleepers[1];
    prepare(duel, self);
    while (atomic_load(&duel->error) == 0) {
        sleep_until_woken(duel, self);
        if (atomic_load_explicit(&duel->over, memory_order_relaxed)) {
            break;
        }
        wake(duel, self, &duel->sleepers[0]);
    }
    finish(duel, self);
    return NULL;
}

static int measure(double seconds, bool by_eventfd, struct sample *out) {
    struct duel duel = {.by_eventfd = by_eventfd, .duration_ns = (uint64_t)(seconds * 1e9)};
    int error = latencies_init(&duel.latencies);
    if (error != 0) {
        return error;
    }
    pthread_barrier_init(&duel.ready, NULL, 2);
    error = pair_run(first, second, &duel);
    error = error != 0 ? error : atomic_load(&duel.error);
    if (error == 0) {
        out->n = duel.n;
        latencies_read(&duel.latencies, 1e-3, out);
    }
    pthread_barrier_destroy(&duel.ready);
    latencies_finish(&duel.latencies);
    return error;
}

int limit_msg_ring(double seconds, struct sample *out) {
    return measure(seconds, false, out);
}

int limit_eventfd(double seconds, struct sample *out) {
    return measure(seconds, true, out);
}

int limit_wake(double seconds, struct sample *out) {
    struct sample other = {0};
    int error = limit_msg_ring(seconds / 2, out);
    int other_error = limit_eventfd(seconds / 2, &other);
    if (other_error == 0 && (error != 0 || other.value < out->value)) {
        *out = other;
        error = 0;
    }
    return error;
}

int limit_sleep(double seconds, struct sample *out) {
    enum { NAP_NS = 1000000 };
    struct latencies latencies;
    int error = latencies_init(&latencies);
    if (error != 0) {
        return error;
    }
    prctl(PR_SET_TIMERSLACK, 1);
    uint64_t begin = now_ns();
    for (uint64_t now = begin; now - begin < (uint64_t)(seconds * 1e9);) {
        struct timespec nap = {.tv_nsec = NAP_NS};
        clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
        uint64_t woken = now_ns();
        latencies_add(&latencies, (double)(woken - now - NAP_NS));
        out->n++;
        now = woken;
    }
    prctl(PR_SET_TIMERSLACK, 0);
    latencies_read(&latencies, 1e-3, out);
    latencies_finish(&latencies);
    return 0;
}
