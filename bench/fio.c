/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "fio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPORT_MAX = 65536 };

/* The first number behind this name, from `text` on. */
static double number_of(const char *text, const char *name) {
    const char *at = strstr(text, name);
    at = at != NULL ? strchr(at, ':') : NULL;
    return at != NULL ? strtod(at + 1, NULL) : 0;
}

static int read_report(const char *command, char report[REPORT_MAX]) {
    FILE *pipe = popen(command, "re");
    if (pipe == NULL) {
        return -errno;
    }
    size_t size = fread(report, 1, REPORT_MAX - 1, pipe);
    report[size] = '\0';
    return pclose(pipe) == 0 ? 0 : -ENOTSUP;
}

/* The cache is to be as the reads before have left it, and the clock to be looked at as rarely as by us. */
int fio_read(const struct fio_job *job, double seconds, struct sample *out) {
    static char report[REPORT_MAX];
    char command[600];
    snprintf(command, sizeof command,
             "fio --name=reads --filename=%s --size=%llu --bs=4k --rw=randread --ioengine=%s --iodepth=%u --direct=%d "
             "--time_based --runtime=%dms --norandommap --invalidate=0 --gtod_reduce=1 --output-format=json "
             "2> /dev/null",
             job->path, (unsigned long long)job->bytes, job->engine, job->depth, job->is_direct, (int)(seconds * 1e3));
    int error = read_report(command, report);
    const char *jobs = error == 0 ? strstr(report, "\"jobs\"") : NULL;
    if (jobs == NULL) {
        return error != 0 ? error : -ENOTSUP;
    }
    double reads = number_of(jobs, "\"total_ios\"");
    double part = (number_of(jobs, "\"usr_cpu\"") + number_of(jobs, "\"sys_cpu\"")) / 100;
    if (reads <= 0 || part <= 0) {
        return -ENOTSUP;
    }
    out->n = (uint64_t)reads;
    out->value = part * number_of(jobs, "\"job_runtime\"") * 1e3 / reads;
    return 0;
}
