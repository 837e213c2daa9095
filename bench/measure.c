/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "measure.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int latencies_init(struct latencies *latencies) {
    latencies->histogram = calloc(1, sizeof *latencies->histogram);
    return latencies->histogram == NULL ? -ENOMEM : 0;
}

void latencies_finish(struct latencies *latencies) {
    free(latencies->histogram);
    latencies->histogram = NULL;
}

void latencies_tails(const struct latencies *latencies, double scale, struct sample *out) {
    out->p50 = histogram_at(latencies->histogram, 0.5) / 16 * scale;
    out->p99 = histogram_at(latencies->histogram, 0.99) / 16 * scale;
    out->p999 = histogram_at(latencies->histogram, 0.999) / 16 * scale;
    out->p9999 = histogram_at(latencies->histogram, 0.9999) / 16 * scale;
}

void latencies_read(const struct latencies *latencies, double scale, struct sample *out) {
    if (latencies->histogram->seen > 0) {
        latencies_tails(latencies, scale, out);
        out->value = out->p50;
    }
}

double resident_bytes(void) {
    unsigned long total = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file != NULL) {
        if (fscanf(file, "%lu %lu", &total, &pages) != 2) {
            pages = 0;
        }
        fclose(file);
    }
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

uint32_t cpus_count(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}

int cpus_get(uint32_t index) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return 0;
    }
    uint32_t left = index % (uint32_t)CPU_COUNT(&set);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &set) || left-- > 0) {
        cpu++;
    }
    return cpu;
}

static int start(pthread_t *thread, uint32_t index, void *(*run)(void *), void *arg) {
    cpu_set_t set;
    pthread_attr_t attributes;
    CPU_ZERO(&set);
    CPU_SET(cpus_get(index), &set);
    pthread_attr_init(&attributes);
    pthread_attr_setaffinity_np(&attributes, sizeof set, &set);
    int error = -pthread_create(thread, &attributes, run, arg);
    pthread_attr_destroy(&attributes);
    return error;
}

static uint32_t noted;

void cpus_note(uint32_t count) {
    uint32_t there = cpus_count();
    count = count < there ? count : there;
    noted = count > noted ? count : noted;
}

uint32_t cpus_noted(void) {
    uint32_t count = noted;
    noted = 0;
    return count;
}

int pair_run(void *(*first)(void *), void *(*second)(void *), void *arg) {
    cpus_note(2);
    return pair_run_on(0, 1, first, second, arg);
}

int pair_run_on(uint32_t cpu_first, uint32_t cpu_second, void *(*first)(void *), void *(*second)(void *), void *arg) {
    pthread_t threads[2];
    if (cpus_count() < 2) {
        return -ENOTSUP;
    }
    int error = start(&threads[0], cpu_first, first, arg);
    if (error != 0) {
        return error;
    }
    error = start(&threads[1], cpu_second, second, arg);
    if (error != 0) {
        /* The first would wait for its partner for ever. */
        pthread_cancel(threads[0]);
    } else {
        pthread_join(threads[1], NULL);
    }
    pthread_join(threads[0], NULL);
    return error;
}
