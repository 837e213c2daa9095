/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "base/cpu.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

uint32_t rim__cpu_list(int cpus[RIM_CPUS_MAX]) {
    cpu_set_t set;
    uint32_t count = 0;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        for (int cpu = 0; cpu < CPU_SETSIZE && count < RIM_CPUS_MAX; cpu++) {
            if (CPU_ISSET(cpu, &set)) {
                cpus[count++] = cpu;
            }
        }
    }
    if (count == 0) { /* more CPUs than the set holds: the kernel refused */
        cpus[count++] = 0;
    }
    return count;
}

/* The first line of a file, without its newline. */
static bool read_line(const char *path, char *line, int size) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    bool ok = fgets(line, size, file) != NULL;
    fclose(file);
    if (ok) {
        line[strcspn(line, "\n")] = '\0';
    }
    return ok;
}

/* Whether a comma-separated list has this name; as a whole, since "cpuset" is no "cpu". "" is in the empty list only.
 */
static bool has_name(const char *list, const char *name) {
    for (;;) {
        size_t length = strcspn(list, ",");
        if (length == strlen(name) && memcmp(list, name, length) == 0) {
            return true;
        }
        if (list[length] == '\0') {
            return false;
        }
        list += length + 1;
    }
}

#define GROUP_MAX 512

/* The process's folders below the mount of version 2, and that of the CPU's controller of version 1: "/user.slice/..."
   or "/". */
struct groups {
    char unified[GROUP_MAX], cpu[GROUP_MAX];
};

static void read_groups(struct groups *groups) {
    *groups = (struct groups){.unified = "/", .cpu = "/"};
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file == NULL) {
        return;
    }
    char line[GROUP_MAX];
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *names = strchr(line, ':');
        char *path = names != NULL ? strchr(names + 1, ':') : NULL;
        if (path == NULL) {
            continue;
        }
        *path++ = '\0';
        if (has_name(names + 1, "")) {
            snprintf(groups->unified, sizeof groups->unified, "%s", path);
        } else if (has_name(names + 1, "cpu")) {
            snprintf(groups->cpu, sizeof groups->cpu, "%s", path);
        }
    }
    fclose(file);
}

static uint32_t rounded_up(long long quota, long long period) {
    return quota > 0 && period > 0 ? (uint32_t)((quota + period - 1) / period) : 0;
}

/* The tightest quota of the group and its ancestors: read(path of a group's folder) gives one. */
static uint32_t tightest(const char *root, char *group, uint32_t (*read)(const char *folder)) {
    uint32_t least = 0;
    for (;;) {
        char folder[1024];
        snprintf(folder, sizeof folder, "%s%s", root, strcmp(group, "/") == 0 ? "" : group);
        uint32_t cpus = read(folder);
        if (cpus > 0 && (least == 0 || cpus < least)) {
            least = cpus;
        }
        char *slash = strrchr(group, '/');
        if (slash == NULL || group[1] == '\0') {
            return least;
        }
        slash[slash == group ? 1 : 0] = '\0';
    }
}

static uint32_t read_v2(const char *folder) {
    char path[1100], line[64];
    long long quota, period;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (!read_line(path, line, sizeof line) || sscanf(line, "%lld %lld", &quota, &period) != 2) {
        return 0;
    }
    return rounded_up(quota, period);
}

static uint32_t read_v1(const char *folder) {
    char path[1100], line[64];
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (!read_line(path, line, sizeof line)) {
        return 0;
    }
    long long quota = atoll(line);
    if (quota <= 0) {
        return 0;
    }
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    return read_line(path, line, sizeof line) ? rounded_up(quota, atoll(line)) : 0;
}

uint32_t rim__cpu_quota(void) {
    struct groups groups;
    read_groups(&groups);
    uint32_t cpus = tightest("/sys/fs/cgroup", groups.unified, read_v2);
    return cpus != 0 ? cpus : tightest("/sys/fs/cgroup/cpu", groups.cpu, read_v1);
}

uint32_t rim__cpu_usable(bool *is_cut) {
    int cpus[RIM_CPUS_MAX];
    uint32_t count = rim__cpu_list(cpus);
    uint32_t quota = rim__cpu_quota();
    *is_cut = quota != 0 && quota < count;
    return *is_cut ? quota : count;
}

int rim__cpu_pin(int cpu) {
    cpu_set_t set;
    if (cpu < 0 || cpu >= CPU_SETSIZE) {
        return -EINVAL;
    }
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return -pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

/* ---- a thread's home ---- */

_Static_assert(sizeof(cpu_set_t) == sizeof((struct rim__cpu_home *)0)->around, "a set has RIM_CPUS_MAX bits");

static bool is_on(const cpu_set_t *set) {
    cpu_set_t now;
    return pthread_getaffinity_np(pthread_self(), sizeof now, &now) == 0 && CPU_EQUAL(&now, set);
}

static cpu_set_t only(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return set;
}

/* "0-3,8": the kernel's way to write a set. */
static cpu_set_t parse_list(const char *text) {
    cpu_set_t set;
    CPU_ZERO(&set);
    while (*text >= '0' && *text <= '9') {
        char *end;
        unsigned long first = strtoul(text, &end, 10);
        unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;
        for (unsigned long cpu = first; cpu <= last && cpu < CPU_SETSIZE; cpu++) {
            CPU_SET(cpu, &set);
        }
        text = *end == ',' ? end + 1 : end;
    }
    return set;
}

/* The CPUs of the node that the thread runs on: its memory is there. Where that is not known, no fewer than there were.
 */
static void keep_to_node(cpu_set_t *set) {
    char path[64], line[4096];
    unsigned node = 0;
    if (syscall(SYS_getcpu, NULL, &node, NULL) != 0) {
        return;
    }
    snprintf(path, sizeof path, "/sys/devices/system/node/node%u/cpulist", node);
    if (read_line(path, line, sizeof line)) {
        cpu_set_t near = parse_list(line);
        CPU_AND(set, set, &near);
    }
}

int rim__cpu_settle(struct rim__cpu_home *home, int cpu) {
    cpu_set_t before;
    bool is_known = pthread_getaffinity_np(pthread_self(), sizeof before, &before) == 0;
    *home = (struct rim__cpu_home){.cpu = cpu};
    int result = rim__cpu_pin(cpu);
    if (result == 0 && is_known) {
        memcpy(home->around, &before, sizeof before);
        home->is_given = true;
    }
    return result;
}

bool rim__cpu_leave(struct rim__cpu_home *home) {
    if (!home->is_given || home->is_left) {
        return false;
    }
    cpu_set_t pinned = only(home->cpu), around;
    memcpy(&around, home->around, sizeof around);
    keep_to_node(&around);
    home->is_given =
        is_on(&pinned) && CPU_COUNT(&around) > 1 && pthread_setaffinity_np(pthread_self(), sizeof around, &around) == 0;
    home->is_left = home->is_given;
    memcpy(home->around, &around, sizeof around);
    return home->is_left;
}

bool rim__cpu_return(struct rim__cpu_home *home) {
    if (!home->is_left) {
        return false;
    }
    cpu_set_t around;
    memcpy(&around, home->around, sizeof around);
    home->is_given = is_on(&around) && rim__cpu_pin(home->cpu) == 0;
    home->is_left = false;
    return home->is_given;
}
