/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "base/thread.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int rim__thread_id(void) {
    static _Thread_local int id;
    if (id == 0) {
        id = gettid();
    }
    return id;
}

static bool read_file(int thread, const char *name, char *text, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/%s", thread, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t count = read(fd, text, size - 1);
    close(fd);
    text[count > 0 ? count : 0] = '\0';
    return count > 0;
}

/* "NR ARG1 .. ARG6 SP PC", "-1 SP PC" in no system call, or "running". */
static void read_syscall(int thread, struct rim__thread_look *out) {
    char text[256];
    uint64_t stack, at;
    int64_t number;
    out->syscall = -1;
    if (!read_file(thread, "syscall", text, sizeof text)) {
        return;
    }
    int found = sscanf(text, "%" SCNd64 " %*x %*x %*x %*x %*x %*x %" SCNx64 " %" SCNx64, &number, &stack, &at);
    if (found == 3 && number >= 0) {
        out->syscall = number;
        out->stack = (uintptr_t)stack;
        out->at = (uintptr_t)at;
    }
}

void rim__thread_look(int thread, struct rim__thread_look *out) {
    char text[512];
    *out = (struct rim__thread_look){.state = '?', .syscall = -1};
    if (!read_file(thread, "stat", text, sizeof text)) {
        return;
    }
    const char *name_end = strrchr(text, ')'); /* the name may hold anything */
    if (name_end == NULL || name_end[1] != ' ') {
        return;
    }
    out->is_known = true;
    out->state = name_end[2];
    if (read_file(thread, "schedstat", text, sizeof text)) {
        sscanf(text, "%" SCNu64 " %" SCNu64, &out->ran_ns, &out->delayed_ns);
    }
    if (out->state != 'R') {
        read_syscall(thread, out);
    }
}

uint64_t rim__thread_cpu_ns(void) {
    struct timespec taken = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &taken);
    return (uint64_t)taken.tv_sec * 1000000000u + (uint64_t)taken.tv_nsec;
}

uint64_t rim__thread_delayed_ns(void) {
    char text[128];
    uint64_t ran_ns = 0, delayed_ns = 0;
    if (read_file(rim__thread_id(), "schedstat", text, sizeof text)) {
        sscanf(text, "%" SCNu64 " %" SCNu64, &ran_ns, &delayed_ns);
    }
    return delayed_ns;
}
