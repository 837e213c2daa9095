/* SPDX-License-Identifier: MIT */
/*
 * rimbench - measures ringmail against what the machine can do. See rimbench --help.
 */
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "distance.h"
#include "harness.h"

static const struct benchmark *const benchmarks[] = {
    &bench_limits,  &bench_tell,           &bench_ping_pong, &bench_spawn,     &bench_supervisor, &bench_idle_actor,
    &bench_request, &bench_timer,          &bench_offload,   &bench_port,      &bench_fan_in,     &bench_thread_ring,
    &bench_publish, &bench_link,           &bench_drain,     &bench_file_read, &bench_map_read,   &bench_stage,
    &bench_skynet,  &bench_creation,       &bench_counting,  &bench_mailbox,   &bench_fork_join,  &bench_chameneos,
    &bench_big,     &bench_bounded_buffer, &bench_banking,   &bench_mixed,     &bench_ubench,     &bench_overload,
    &bench_queued,  &bench_start,          &bench_file_send, &bench_zero_copy,
};
enum { BENCHMARKS = sizeof benchmarks / sizeof benchmarks[0] };

static const char usage[] =
    "usage: rimbench list | line | all | NAME... [flags]\n"
    "\n"
    "  NAME          of a benchmark, or a pattern: 'p*' is for all that begin with p\n"
    "  line          says how far the first two CPUs are from each other now: a cache line's way to and fro in ns\n"
    "  --repeat N    runs of each figure, and of what it is held against (5)\n"
    "  --seconds S   how long a run takes (0.5)\n"
    "  --warm-up S   how long a run before them takes, which is not counted (a fifth of that; 0: none)\n"
    "  --shards N    what is played on two shards is played on so many (skynet, big, ...; not more than there are "
    "CPUs)\n"
    "  --json        one line of JSON for each figure\n"
    "  --driver NAME of the systems that are measured: io_uring or epoll (io_uring if it works)\n"
    "  --near NS     a cache line's way to and fro at best, if it is known from before\n"
    "  --help        this text\n"
    "\n"
    "A virtual machine's CPUs are moved by their host: nearer to each other, farther, onto one core. What runs on "
    "several\n"
    "CPUs is told of runs in which they were near, by a cache line's way to and fro before and after each run; while "
    "they\n"
    "are not, it waits and repeats for up to four times as long as it would have taken. What other runs gave stands "
    "below.\n"
    "\n"
    "Exit status: 0, 1 if something could not be measured, 2 for a bad command line.\n";

static int complain(const char *what, const char *why) {
    fprintf(stderr, "rimbench: %s: %s; see rimbench --help\n", what, why);
    return 2;
}

/* 0: go on; else what the program ends with, and 1. */
static int check_flags(const struct effort *effort, bool has_names) {
    if (effort->repeat < 1 || effort->repeat > HARNESS_REPEAT_MAX) {
        return 1 + complain("--repeat", "want a number from 1 to 101");
    }
    if (!(effort->seconds >= 0.001 && effort->seconds <= 3600) || effort->warm_up > 3600) {
        return 1 + complain("--seconds, --warm-up", "want a number from 0.001 to 3600");
    }
    if (effort->shards > cpus_count() || effort->shards > HARNESS_SHARDS_MAX) {
        return 1 + complain("--shards", "there are not so many CPUs");
    }
    return has_names ? 0 : 1 + complain("nothing to do", "name a benchmark");
}

/* 0: go on; else what the program ends with, after 1 has been taken off. */
static int read_flags(struct effort *effort, int argc, char **argv) {
    static const struct option flags[] = {
        {"repeat", required_argument, NULL, 'r'},
        {"seconds", required_argument, NULL, 's'},
        {"warm-up", required_argument, NULL, 'w'},
        {"shards", required_argument, NULL, 'n'},
        {"json", no_argument, NULL, 'j'},
        {"driver", required_argument, NULL, 'd'},
        {"near", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int flag;
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (flag == 'h') {
            fputs(usage, stdout);
            return 1;
        }
        if (flag == '?') {
            return 1 + 2;
        }
        if (flag == 'd') {
            setenv("RINGMAIL_DRIVER", optarg, 1); /* the systems' configuration leaves it open */
        }
        if (flag == 'l') {
            distance_know(strtod(optarg, NULL));
        }
        effort->json = effort->json || flag == 'j';
        effort->repeat = flag == 'r' ? (uint32_t)strtoul(optarg, NULL, 10) : effort->repeat;
        effort->seconds = flag == 's' ? strtod(optarg, NULL) : effort->seconds;
        effort->warm_up = flag == 'w' ? strtod(optarg, NULL) : effort->warm_up;
        effort->shards = flag == 'n' ? (uint32_t)strtoul(optarg, NULL, 10) : effort->shards;
    }
    effort->warm_up = effort->warm_up < 0 ? effort->seconds / 5 : effort->warm_up;
    return check_flags(effort, optind < argc);
}

static int list(void) {
    for (int i = 0; i < BENCHMARKS; i++) {
        printf("%-12s %s\n", benchmarks[i]->name, benchmarks[i]->about);
    }
    return 0;
}

static int tell_line(bool json) {
    struct distance distance;
    int error = distance_look(2, &distance);
    if (error != 0) {
        return error == -ENOTSUP ? complain("line", "there is one CPU") - 1 : 1;
    }
    if (json) {
        printf("{\"line\": %.6g, \"is_shared\": %s}\n", distance.line_ns, distance.is_shared ? "true" : "false");
    } else {
        printf("%.1f%s\n", distance.line_ns, distance.is_shared ? " on one core" : "");
    }
    return 0;
}

/* A name, a pattern as the shell has them, or all. */
static bool is_wanted(const char *pattern, const struct benchmark *benchmark) {
    return strcmp(pattern, "all") == 0 || fnmatch(pattern, benchmark->name, 0) == 0;
}

static bool is_wanted_by_any(char **patterns, int count, const struct benchmark *benchmark) {
    bool wanted = false;
    for (int i = 0; i < count && !wanted; i++) {
        wanted = is_wanted(patterns[i], benchmark);
    }
    return wanted;
}

static bool finds_some(const char *pattern) {
    bool found = false;
    for (int i = 0; i < BENCHMARKS && !found; i++) {
        found = is_wanted(pattern, benchmarks[i]);
    }
    return found;
}

static int run(char **names, int count, const struct effort *effort) {
    bool good = true;
    for (int i = 0; i < count; i++) {
        if (!finds_some(names[i])) {
            return complain(names[i], "no such benchmark");
        }
    }
    harness_begin(effort);
    for (int k = 0; k < BENCHMARKS; k++) {
        if (is_wanted_by_any(names, count, benchmarks[k])) {
            good = harness_run(benchmarks[k], effort) && good;
        }
    }
    return good ? 0 : 1;
}

int main(int argc, char **argv) {
    struct effort effort = {.repeat = 5, .seconds = 0.5, .warm_up = -1};
    int ended = read_flags(&effort, argc, argv);
    if (ended != 0) {
        return ended - 1;
    }
    if (strcmp(argv[optind], "list") == 0) {
        return list();
    }
    if (strcmp(argv[optind], "line") == 0) {
        return tell_line(effort.json);
    }
    return run(argv + optind, argc - optind, &effort);
}
