/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <liburing.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#include "limit.h"

enum { ENTRIES = 256, COMPLETIONS = 2048, THREADS_MAX = 2 }; /* as a shard's ring has */

/* A thread with a ring, which it opens, enters once and, told to end, closes. */
struct bare {
    pthread_t thread;
    sem_t open, end;
    int error;
};

static void *run(void *arg) {
    struct bare *bare = arg;
    struct io_uring ring;
    struct io_uring_params params = {.flags =
                                         IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
                                     .cq_entries = COMPLETIONS};
    int error = io_uring_queue_init_params(ENTRIES, &ring, &params);
    bare->error = error == -EPERM || error == -ENOSYS || error == -EINVAL ? -ENOTSUP : error;
    if (error == 0) {
        io_uring_prep_nop(io_uring_get_sqe(&ring));
        error = io_uring_submit_and_wait(&ring, 1);
        bare->error = error < 0 ? error : 0;
    }
    sem_post(&bare->open);
    sem_wait(&bare->end);
    if (params.sq_entries != 0) {
        io_uring_queue_exit(&ring);
    }
    return NULL;
}

static int begin(struct bare *bare, uint32_t index) {
    cpu_set_t cpus;
    *bare = (struct bare){.error = 0};
    sem_init(&bare->open, 0, 0);
    sem_init(&bare->end, 0, 0);
    int error = -pthread_create(&bare->thread, NULL, run, bare);
    if (error == 0) {
        CPU_ZERO(&cpus);
        CPU_SET((size_t)cpus_get(index), &cpus);
        pthread_setaffinity_np(bare->thread, sizeof cpus, &cpus);
    }
    return error;
}

/* The two durations, in ns. */
static int measure(uint32_t threads, double *start, double *stop) {
    struct bare all[THREADS_MAX];
    uint64_t begin_ns = now_ns();
    uint32_t begun = 0;
    int error = 0;
    for (; begun < threads && error == 0; begun += error == 0) {
        error = begin(&all[begun], begun);
    }
    for (uint32_t i = 0; i < begun; i++) {
        sem_wait(&all[i].open);
        error = error != 0 ? error : all[i].error;
    }
    uint64_t there_ns = now_ns();
    for (uint32_t i = 0; i < begun; i++) {
        sem_post(&all[i].end);
    }
    for (uint32_t i = 0; i < begun; i++) {
        pthread_join(all[i].thread, NULL);
    }
    *start = (double)(there_ns - begin_ns);
    *stop = (double)(now_ns() - there_ns);
    return error;
}

static int repeat(uint32_t threads, bool stops, double seconds, struct sample *out) {
    struct latencies latencies;
    uint64_t begin_ns = now_ns();
    if (threads > cpus_count()) {
        return -ENOTSUP;
    }
    int error = latencies_init(&latencies);
    if (error != 0) {
        return error;
    }
    cpus_note(threads);
    do {
        double start = 0, stop = 0;
        error = measure(threads, &start, &stop);
        latencies_add(&latencies, stops ? stop : start);
        out->n++;
    } while (error == 0 && (double)(now_ns() - begin_ns) < seconds * 1e9);
    latencies_read(&latencies, 1e-3, out);
    latencies_finish(&latencies);
    return error;
}

int limit_start(double seconds, struct sample *out) {
    return repeat(1, false, seconds, out);
}

int limit_start_two(double seconds, struct sample *out) {
    return repeat(2, false, seconds, out);
}

int limit_stop(double seconds, struct sample *out) {
    return repeat(1, true, seconds, out);
}

int limit_stop_two(double seconds, struct sample *out) {
    return repeat(2, true, seconds, out);
}
