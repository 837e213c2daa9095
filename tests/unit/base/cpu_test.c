/* SPDX-License-Identifier: MIT */
/*
 * The files that say what the quota is are given by the test: its own fopen, which stands before the C library's, looks
 * for them in a table.
 */
#define _GNU_SOURCE
#include "base/cpu.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "ringmail/runtime.h"
#include "unit.h"

struct fake_file {
    const char *path, *text;
};

static const struct fake_file *fakes; /* NULL: the machine's own; else up to an entry without path */

static bool is_faked(const char *path) {
    return fakes != NULL && (strncmp(path, "/sys/fs/cgroup", 14) == 0 || strcmp(path, "/proc/self/cgroup") == 0);
}

FILE *fopen(const char *restrict path, const char *restrict mode) {
    if (!is_faked(path)) {
        return fopen64(path, mode);
    }
    for (const struct fake_file *file = fakes; file->path != NULL; file++) {
        if (strcmp(file->path, path) == 0) {
            return fmemopen((void *)(uintptr_t)file->text, strlen(file->text), "r");
        }
    }
    errno = ENOENT;
    return NULL;
}

static uint32_t quota_of(const struct fake_file *files) {
    fakes = files;
    uint32_t quota = rim__cpu_quota();
    fakes = NULL;
    return quota;
}

static void cpu_list_ascends_and_is_the_affinity_mask(void) {
    static int cpus[RIM_CPUS_MAX];
    cpu_set_t set;
    CU_ASSERT_FATAL(sched_getaffinity(0, sizeof set, &set) == 0);
    uint32_t count = rim__cpu_list(cpus);
    CU_ASSERT_EQUAL(count, (uint32_t)CPU_COUNT(&set));
    for (uint32_t i = 0; i < count; i++) {
        CU_ASSERT(CPU_ISSET(cpus[i], &set));
        CU_ASSERT(i == 0 || cpus[i - 1] < cpus[i]);
    }
}

static void cpu_pin_leaves_one_cpu(void) {
    static int cpus[RIM_CPUS_MAX];
    cpu_set_t before, after;
    CU_ASSERT_FATAL(sched_getaffinity(0, sizeof before, &before) == 0);
    uint32_t count = rim__cpu_list(cpus);
    int last = cpus[count - 1];
    CU_ASSERT_EQUAL(rim__cpu_pin(last), 0);
    CU_ASSERT_FATAL(sched_getaffinity(0, sizeof after, &after) == 0);
    CU_ASSERT_EQUAL(CPU_COUNT(&after), 1);
    CU_ASSERT(CPU_ISSET(last, &after));
    CU_ASSERT_EQUAL(rim__cpu_list(cpus), 1);
    CU_ASSERT_EQUAL(cpus[0], last);
    CU_ASSERT_FATAL(sched_setaffinity(0, sizeof before, &before) == 0);
    CU_ASSERT_EQUAL(rim__cpu_pin(-1), -EINVAL);
    CU_ASSERT_EQUAL(rim__cpu_pin(CPU_SETSIZE), -EINVAL);
}

static bool is_on(const cpu_set_t *set) {
    cpu_set_t now;
    return sched_getaffinity(0, sizeof now, &now) == 0 && CPU_EQUAL(&now, set);
}

static void cpu_home_is_left_and_returned_to(void) {
    struct rim__cpu_home home;
    cpu_set_t before, pinned;
    CU_ASSERT_FATAL(sched_getaffinity(0, sizeof before, &before) == 0);
    int cpu = sched_getcpu();
    CPU_ZERO(&pinned);
    CPU_SET(cpu, &pinned);
    CU_ASSERT_EQUAL(rim__cpu_settle(&home, cpu), 0);
    CU_ASSERT(is_on(&pinned));
    CU_ASSERT(!rim__cpu_return(&home)); /* it is there */
    bool left = rim__cpu_leave(&home);
    CU_ASSERT(left == home.is_left);
    if (left) { /* there is another CPU of this node */
        CU_ASSERT(!is_on(&pinned));
        CU_ASSERT(!rim__cpu_leave(&home));
        CU_ASSERT(rim__cpu_return(&home));
        CU_ASSERT(!home.is_left);
    }
    CU_ASSERT(is_on(&pinned));
    CU_ASSERT_FATAL(sched_setaffinity(0, sizeof before, &before) == 0);
    CU_ASSERT(rim__cpu_settle(&home, -1) == -EINVAL && !home.is_given);
    CU_ASSERT(!rim__cpu_leave(&home));
    CU_ASSERT(is_on(&before));
}

static void cpu_home_is_given_up_where_somebody_else_moves_the_thread(void) {
    struct rim__cpu_home home;
    cpu_set_t before;
    CU_ASSERT_FATAL(sched_getaffinity(0, sizeof before, &before) == 0);
    if (CPU_COUNT(&before) < 2) {
        return; /* there is nowhere to go */
    }
    CU_ASSERT_EQUAL(rim__cpu_settle(&home, sched_getcpu()), 0);
    CU_ASSERT_FATAL(sched_setaffinity(0, sizeof before, &before) == 0);
    CU_ASSERT(!rim__cpu_leave(&home));
    CU_ASSERT(!home.is_given);
    CU_ASSERT(is_on(&before));
    CU_ASSERT_EQUAL(rim__cpu_settle(&home, sched_getcpu()), 0);
    if (rim__cpu_leave(&home)) {
        cpu_set_t other;
        CPU_ZERO(&other);
        CPU_SET(home.cpu, &other);
        CU_ASSERT_FATAL(sched_setaffinity(0, sizeof other, &other) == 0);
        CU_ASSERT(!rim__cpu_return(&home));
        CU_ASSERT(!home.is_given && !home.is_left);
    }
    CU_ASSERT_FATAL(sched_setaffinity(0, sizeof before, &before) == 0);
}

static void cpu_quota_is_none_without_a_group(void) {
    static const struct fake_file nothing[] = {{NULL, NULL}};
    static const struct fake_file no_limit[] = {{"/proc/self/cgroup", "0::/a\n"},
                                                {"/sys/fs/cgroup/a/cpu.max", "max 100000\n"},
                                                {NULL, NULL}};
    CU_ASSERT_EQUAL(quota_of(nothing), 0);
    CU_ASSERT_EQUAL(quota_of(no_limit), 0);
}

static void cpu_quota_is_rounded_up(void) {
    static const struct fake_file half[] = {{"/proc/self/cgroup", "0::/\n"},
                                            {"/sys/fs/cgroup/cpu.max", "50000 100000\n"},
                                            {NULL, NULL}};
    static const struct fake_file two[] = {{"/proc/self/cgroup", "0::/\n"},
                                           {"/sys/fs/cgroup/cpu.max", "200000 100000\n"},
                                           {NULL, NULL}};
    static const struct fake_file more[] = {{"/proc/self/cgroup", "0::/\n"},
                                            {"/sys/fs/cgroup/cpu.max", "200001 100000\n"},
                                            {NULL, NULL}};
    CU_ASSERT_EQUAL(quota_of(half), 1);
    CU_ASSERT_EQUAL(quota_of(two), 2);
    CU_ASSERT_EQUAL(quota_of(more), 3);
}

static void cpu_quota_is_the_tightest_of_the_group_and_its_ancestors(void) {
    static const struct fake_file parent[] = {{"/proc/self/cgroup", "0::/a/b/c\n"},
                                              {"/sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n"},
                                              {"/sys/fs/cgroup/a/b/cpu.max", "800000 100000\n"},
                                              {"/sys/fs/cgroup/a/cpu.max", "300000 100000\n"},
                                              {NULL, NULL}};
    static const struct fake_file own[] = {{"/proc/self/cgroup", "0::/a/b\n"},
                                           {"/sys/fs/cgroup/a/b/cpu.max", "100000 100000\n"},
                                           {"/sys/fs/cgroup/a/cpu.max", "300000 100000\n"},
                                           {NULL, NULL}};
    /* A container that sees its own group as the root of the mount, under a name from outside. */
    static const struct fake_file hidden[] = {{"/proc/self/cgroup", "0::/outside/name\n"},
                                              {"/sys/fs/cgroup/cpu.max", "400000 100000\n"},
                                              {NULL, NULL}};
    CU_ASSERT_EQUAL(quota_of(parent), 3);
    CU_ASSERT_EQUAL(quota_of(own), 1);
    CU_ASSERT_EQUAL(quota_of(hidden), 4);
}

static void cpu_quota_of_version_1_is_found_too(void) {
    static const struct fake_file files[] = {{"/proc/self/cgroup", "9:memory:/m\n4:cpu,cpuacct:/x/y\n0::/z\n"},
                                             {"/sys/fs/cgroup/cpu/x/y/cpu.cfs_quota_us", "-1\n"},
                                             {"/sys/fs/cgroup/cpu/x/y/cpu.cfs_period_us", "100000\n"},
                                             {"/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "250000\n"},
                                             {"/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n"},
                                             {NULL, NULL}};
    CU_ASSERT_EQUAL(quota_of(files), 3);
}

static void cpu_quota_of_version_1_is_not_misled_by_a_controller_with_a_like_name(void) {
    static const struct fake_file files[] = {{"/proc/self/cgroup", "9:cpuset:/set\n4:cpuacct,cpu:/x\n"},
                                             {"/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "100000\n"},
                                             {"/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n"},
                                             {NULL, NULL}};
    CU_ASSERT_EQUAL(quota_of(files), 1);
}

static void cpu_quota_survives_files_that_make_no_sense(void) {
    static const struct fake_file bad_group[] = {{"/proc/self/cgroup", "\n:\nnonsense\n0:\n"},
                                                 {"/sys/fs/cgroup/cpu.max", "100000 100000\n"},
                                                 {NULL, NULL}};
    static const struct fake_file bad_max[] = {{"/proc/self/cgroup", "0::/a\n"},
                                               {"/sys/fs/cgroup/a/cpu.max", "50000\n"},
                                               {NULL, NULL}};
    static const struct fake_file zero[] = {{"/proc/self/cgroup", "0::/a\n"},
                                            {"/sys/fs/cgroup/a/cpu.max", "50000 0\n"},
                                            {NULL, NULL}};
    CU_ASSERT_EQUAL(quota_of(bad_group), 1);
    CU_ASSERT_EQUAL(quota_of(bad_max), 0);
    CU_ASSERT_EQUAL(quota_of(zero), 0);
}

static void cpu_usable_is_the_mask_bounded_by_the_quota(void) {
    static const struct fake_file one[] = {{"/proc/self/cgroup", "0::/\n"},
                                           {"/sys/fs/cgroup/cpu.max", "1000 100000\n"},
                                           {NULL, NULL}};
    static const struct fake_file many[] = {{"/proc/self/cgroup", "0::/\n"},
                                            {"/sys/fs/cgroup/cpu.max", "900000000 100000\n"},
                                            {NULL, NULL}};
    static int cpus[RIM_CPUS_MAX];
    fakes = one;
    CU_ASSERT_EQUAL(rim_usable_cpus(), 1);
    fakes = many;
    CU_ASSERT_EQUAL(rim_usable_cpus(), rim__cpu_list(cpus));
    fakes = NULL;
}

#define TESTS(X)                                                                                                       \
    X(cpu_list_ascends_and_is_the_affinity_mask)                                                                       \
    X(cpu_pin_leaves_one_cpu)                                                                                          \
    X(cpu_home_is_left_and_returned_to)                                                                                \
    X(cpu_home_is_given_up_where_somebody_else_moves_the_thread)                                                       \
    X(cpu_quota_is_none_without_a_group)                                                                               \
    X(cpu_quota_is_rounded_up)                                                                                         \
    X(cpu_quota_is_the_tightest_of_the_group_and_its_ancestors)                                                        \
    X(cpu_quota_of_version_1_is_found_too)                                                                             \
    X(cpu_quota_of_version_1_is_not_misled_by_a_controller_with_a_like_name)                                           \
    X(cpu_quota_survives_files_that_make_no_sense)                                                                     \
    X(cpu_usable_is_the_mask_bounded_by_the_quota)
UNIT_SUITE(cpu, TESTS)
