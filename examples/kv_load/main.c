/* SPDX-License-Identifier: MIT */
/*
 * kv_load - a load generator for servers that speak the Redis protocol. See kv_load --help.
 *
 * First every key is set once; then the clock runs. The main thread keeps the time and tells the progress, the workers
 * do the rest.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "options.h"
#include "report.h"
#include "worker.h"

enum { FILL_CONNECTIONS = 8, FILL_DEPTH = 64, FILL_BYTES_MAX = 16 * 1024 * 1024 };

struct program {
    struct options options;
    struct data data;
    struct addrinfo *address;
    struct worker *workers;
    pthread_t *threads;
    uint32_t started;
    sigset_t signals; /* SIGINT and SIGTERM end the measurement early */
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static bool complain(const struct program *program, const char *what, const char *why) {
    fprintf(stderr, "kv_load: %s %s port %s: %s\n", what, program->options.host, program->options.port, why);
    return false;
}

/* Sets every key, so that every GET has something to find. */
static bool fill(struct program *program) {
    size_t depth = FILL_BYTES_MAX / data_request_max(&program->data);
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL) {
        return complain(program, "fill", strerror(ENOMEM));
    }
    worker->load = (struct load){.data = &program->data,
                                 .keys = program->options.keys,
                                 .depth = depth > FILL_DEPTH ? FILL_DEPTH
                                          : depth > 0        ? (uint32_t)depth
                                                             : 1,
                                 .in_order = true};
    int error = worker_open(worker, FILL_CONNECTIONS, program->address);
    if (error == 0) {
        worker_run(worker);
        worker_close(worker);
    }
    bool good = error == 0 && worker->load.errors == 0;
    if (!good) {
        complain(program, error != 0 ? "connect to" : "fill", error != 0 ? strerror(-error) : worker->load.problem);
    }
    free(worker);
    return good;
}

static void *run(void *arg) {
    worker_run(arg);
    return NULL;
}

static bool start(struct program *program) {
    const struct options *options = &program->options;
    for (uint32_t i = 0; i < options->threads; i++) {
        struct worker *worker = &program->workers[i];
        worker->load = (struct load){.data = &program->data,
                                     .keys = options->keys,
                                     .reads = options->reads,
                                     .depth = options->pipeline,
                                     .random = 0x9e3779b97f4a7c15u * (i + 1)};
        uint32_t count = options->connections / options->threads + (i < options->connections % options->threads);
        int error = worker_open(worker, count, program->address);
        if (error != 0) {
            return complain(program, "connect to", strerror(-error));
        }
    }
    for (; program->started < options->threads; program->started++) {
        int error = pthread_create(&program->threads[program->started], NULL, run, &program->workers[program->started]);
        if (error != 0) {
            return complain(program, "load", strerror(error));
        }
    }
    return true;
}

/* The workers' counters. */
static void count(const struct program *program, uint64_t *done, uint64_t *errors) {
    *done = 0;
    *errors = 0;
    for (uint32_t i = 0; i < program->started; i++) {
        *done += __atomic_load_n(&program->workers[i].load.done, __ATOMIC_RELAXED);
        *errors += __atomic_load_n(&program->workers[i].load.errors, __ATOMIC_RELAXED);
    }
}

/* Waits for the end, by time or by signal. */
static void watch(const struct program *program, double begin) {
    double end = begin + program->options.seconds;
    double last = begin;
    uint64_t before = 0, done, errors;
    for (double at = begin; at < end; at = now()) {
        double wait = end - at < 1 ? end - at : 1 - (at - last);
        struct timespec time = {.tv_sec = (time_t)wait, .tv_nsec = (long)((wait - (double)(time_t)wait) * 1e9)};
        if (wait > 0 && sigtimedwait(&program->signals, NULL, &time) > 0) {
            return;
        }
        at = now();
        if (at - last < 0.999) {
            continue;
        }
        count(program, &done, &errors);
        if (!program->options.quiet) {
            report_progress(at - begin, (uint64_t)((double)(done - before) / (at - last)), done, errors);
        }
        before = done;
        last = at;
    }
}

static void stop(struct program *program) {
    for (uint32_t i = 0; i < program->started; i++) {
        atomic_store_explicit(&program->workers[i].stop, true, memory_order_relaxed);
    }
    for (uint32_t i = 0; i < program->started; i++) {
        pthread_join(program->threads[i], NULL);
    }
}

static void add_up(const struct program *program, struct load *sum) {
    for (uint32_t i = 0; i < program->started; i++) {
        const struct load *load = &program->workers[i].load;
        if (sum->errors == 0) {
            memcpy(sum->problem, load->problem, sizeof sum->problem);
        }
        sum->done += load->done;
        sum->errors += load->errors;
        histogram_merge(&sum->get, &load->get);
        histogram_merge(&sum->set, &load->set);
    }
}

static bool measure(struct program *program) {
    static struct load sum;
    double begin = now();
    bool good = start(program);
    if (good) {
        watch(program, begin);
    }
    stop(program);
    double seconds = now() - begin;
    if (good) {
        if (!program->options.quiet) {
            report_progress_end();
        }
        add_up(program, &sum);
        report_result(&program->options, &sum, seconds);
        good = sum.errors == 0;
    }
    for (uint32_t i = 0; i < program->options.threads; i++) {
        worker_close(&program->workers[i]);
    }
    return good;
}

/* Thousands of connections need as many descriptors. */
static void raise_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bool prepare(struct program *program) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int error = getaddrinfo(program->options.host, program->options.port, &hints, &program->address);
    if (error != 0) {
        return complain(program, "resolve", gai_strerror(error));
    }
    program->workers = calloc(program->options.threads, sizeof *program->workers);
    program->threads = calloc(program->options.threads, sizeof *program->threads);
    if (program->workers == NULL || program->threads == NULL ||
        !data_init(&program->data, program->options.value_size)) {
        return complain(program, "load", strerror(ENOMEM));
    }
    for (uint32_t i = 0; i < program->options.threads; i++) {
        program->workers[i].poller = -1;
    }
    sigemptyset(&program->signals);
    sigaddset(&program->signals, SIGINT);
    sigaddset(&program->signals, SIGTERM);
    return true;
}

int main(int argc, char **argv) {
    struct program program = {0};
    int status;
    if (options_read(&program.options, argc, argv, &status) != 0) {
        return status;
    }
    raise_limit();
    bool good = prepare(&program) && fill(&program);
    if (good) {
        pthread_sigmask(SIG_BLOCK, &program.signals, NULL);
        good = measure(&program);
    }
    if (program.address != NULL) {
        freeaddrinfo(program.address);
    }
    data_finish(&program.data);
    free(program.workers);
    free(program.threads);
    return good ? 0 : 1;
}
