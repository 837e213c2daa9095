/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

#include "io/drivers.h"
#include "ringmail/error.h"

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

static void explain_refusal(int error, char *text) {
    int disabled = read_disabled();
    if (disabled > 0) {
        snprintf(text, RIM_URING_TEXT_MAX,
                 "io_uring is switched off (%s): sysctl kernel.io_uring_disabled is %d; set it to 0, or with 1 run in "
                 "the group of kernel.io_uring_group",
                 rim_error_name(error), disabled);
    } else {
        snprintf(text, RIM_URING_TEXT_MAX,
                 "io_uring is refused (%s), most likely by a seccomp filter: allow io_uring_setup, io_uring_enter and "
                 "io_uring_register in the container's profile or the service's SystemCallFilter",
                 rim_error_name(error));
    }
}

static void explain_memory(char *text) {
    struct rlimit limit = {0};
    (void)getrlimit(RLIMIT_MEMLOCK, &limit);
    snprintf(text, RIM_URING_TEXT_MAX,
             "io_uring finds no memory for its ring (ENOMEM): rings count as locked memory, whose limit is %llu KiB; "
             "raise it (ulimit -l, LimitMEMLOCK=), or ask for fewer shards, ring_entries or buffers",
             (unsigned long long)limit.rlim_cur / 1024);
}

void rim__uring_explain(int error, char text[RIM_URING_TEXT_MAX]) {
    switch (error) {
    case -EPERM:
    case -EACCES:
        explain_refusal(error, text);
        break;
    case -ENOSYS:
        snprintf(text, RIM_URING_TEXT_MAX,
                 "io_uring is missing or too old here (ENOSYS): Linux 5.19 or later is needed, built with "
                 "CONFIG_IO_URING, and not hidden by a seccomp filter or a sandbox");
        break;
    case -ENOMEM:
        explain_memory(text);
        break;
    case -EMFILE:
    case -ENFILE:
        snprintf(text, RIM_URING_TEXT_MAX, "io_uring finds no free descriptor: raise the limit (ulimit -n)");
        break;
    case -EINVAL:
        snprintf(text, RIM_URING_TEXT_MAX,
                 "io_uring takes no such ring (EINVAL): buffers must be a power of two up to 32,768, and ring_entries "
                 "at least 1");
        break;
    default:
        snprintf(text, RIM_URING_TEXT_MAX, "io_uring cannot be used: %s", rim_strerror(error));
        break;
    }
}
