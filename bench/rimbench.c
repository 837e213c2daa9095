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
#include "world.h"

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
    "  --seconds S   how long a run takes (0.5); what has a fixed amount of work takes as long as that takes\n"
    "  --warm-up S   how long a run before them takes, which is not counted (a fifth of that; 0: none); of a fixed\n"
    "                amount of work it is all of it, and where memory is measured there is none\n"
    "  --shards N    what is played on two shards is played on so many (skynet, big, ...; not more than there are "
    "CPUs)\n"
    "  --json        one line of JSON for each figure\n"
    "  --driver NAME of the systems that are measured: io_uring or epoll (io_uring if it works)\n"
    "  --near NS     a cache line's way to and fro at best, if it is known from before\n"
    "  --help        this text\n"
    "\n"
    "'list' tells which of --seconds and --shards a benchmark heeds; one that is asked for the other says so.\n"
    "\n"
    "A virtual machine's CPUs are moved by their host: nearer to each other, farther, onto one core. What runs on "
    "several\n"
    "CPUs is told of runs in which they were near, by a cache line's way to and fro before and after each run; while "
    "they\n"
    "are not, it waits and repeats for up to four times as long as it would have taken. What other runs gave stands "
    "below.\n"
    "\n"
    "Exit status: 0, 1 if something could not be measured, 2 for a bad command line.\n";

/* What was asked for, and which of it by name. */
struct order {
    struct effort effort;
    bool names_seconds, names_shards, names_driver;
};

static int complain(const char *what, const char *why) {
    fprintf(stderr, "rimbench: %s: %s; see rimbench --help\n", what, why);
    return 2;
}

/* The whole word is a number, and neither negative nor more than `most`; else `out` stays. */
static bool read_count(const char *word, uint32_t most, uint32_t *out) {
    char *end;
    unsigned long value = strtoul(word, &end, 10);
    bool good = word[0] >= '0' && word[0] <= '9' && *end == '\0' && value <= most;
    *out = good ? (uint32_t)value : *out;
    return good;
}

static bool read_seconds(const char *word, double least, double *out) {
    char *end;
    double value = strtod(word, &end);
    bool good = end != word && *end == '\0' && value >= least && value <= 3600;
    *out = good ? value : *out;
    return good;
}

/* The systems' configuration leaves it open, so the environment decides. */
static bool choose_driver(struct order *order, const char *name) {
    order->names_driver = true;
    return (strcmp(name, "io_uring") == 0 || strcmp(name, "epoll") == 0) && setenv("RINGMAIL_DRIVER", name, 1) == 0;
}

static bool read_near(const char *word) {
    char *end;
    double value = strtod(word, &end);
    bool good = end != word && *end == '\0' && value > 0 && value < 1e6;
    if (good) {
        distance_know(value);
    }
    return good;
}

/* 0, or what is wrong with the flag. */
static const char *read_flag(struct order *order, int flag, const char *word) {
    struct effort *effort = &order->effort;
    switch (flag) {
    case 'r':
        return read_count(word, HARNESS_REPEAT_MAX, &effort->repeat) && effort->repeat > 0
                   ? NULL
                   : "--repeat: want a number from 1 to 101";
    case 's':
        order->names_seconds = true;
        return read_seconds(word, 0.001, &effort->seconds) ? NULL : "--seconds: want a number from 0.001 to 3600";
    case 'w':
        return read_seconds(word, 0, &effort->warm_up) ? NULL : "--warm-up: want a number from 0 to 3600";
    case 'n':
        order->names_shards = true;
        if (!read_count(word, UINT32_MAX, &effort->shards) || effort->shards == 0) {
            return "--shards: want a number from 1 on";
        }
        return effort->shards <= cpus_count() && effort->shards <= HARNESS_SHARDS_MAX
                   ? NULL
                   : "--shards: there are not so many CPUs";
    case 'd':
        return choose_driver(order, word) ? NULL : "--driver: want io_uring or epoll";
    case 'l':
        return read_near(word) ? NULL : "--near: want nanoseconds above 0";
    case 'j':
        effort->json = true;
        return NULL;
    default:
        return "flags";
    }
}

/* 0: go on; else what the program ends with, and 1. */
static int read_flags(struct order *order, int argc, char **argv) {
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
        const char *wrong = flag == '?' ? "" : read_flag(order, flag, optarg);
        if (wrong != NULL) { /* what getopt does not know it has told by itself */
            return 1 + (flag == '?' ? 2 : complain(wrong, optarg));
        }
    }
    order->effort.warm_up = order->effort.warm_up < 0 ? order->effort.seconds / 5 : order->effort.warm_up;
    return optind < argc ? 0 : 1 + complain("nothing to do", "name a benchmark");
}

/* A figure with a fixed amount of work does not look at the clock. */
static bool heeds_seconds(const struct benchmark *benchmark) {
    bool heeds = false;
    for (uint32_t i = 0; i < benchmark->count; i++) {
        heeds = heeds || benchmark->figures[i].play == NULL;
    }
    return heeds;
}

static bool heeds_shards(const struct benchmark *benchmark) {
    bool heeds = false;
    for (uint32_t i = 0; i < benchmark->count; i++) {
        heeds = heeds || benchmark->figures[i].shards > 1;
    }
    return heeds;
}

/* The limits are what there is without a system, and so without a driver of one. */
static void tell_unheeded(const struct benchmark *benchmark, const struct order *order) {
    if (order->names_seconds && !heeds_seconds(benchmark)) {
        fprintf(stderr, "rimbench: %s: has a fixed amount of work: --seconds does nothing\n", benchmark->name);
    }
    if (order->names_shards && !heeds_shards(benchmark)) {
        fprintf(stderr, "rimbench: %s: has its own numbers of shards: --shards does nothing\n", benchmark->name);
    }
    if (order->names_driver && benchmark == &bench_limits) {
        fprintf(stderr, "rimbench: %s: is without ringmail: --driver does nothing\n", benchmark->name);
    }
}

static int list(void) {
    for (int i = 0; i < BENCHMARKS; i++) {
        printf("%-15s %s (%s%s)\n", benchmarks[i]->name, benchmarks[i]->about,
               heeds_seconds(benchmarks[i]) ? "--seconds" : "fixed work",
               heeds_shards(benchmarks[i]) ? ", --shards" : "");
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

/* Which driver the systems get is only known when one has been started. */
static const char *driver_here(void) {
    struct world world;
    int error = world_open(&world, 1, 0);
    const char *name = "none";
    if (error == 0) {
        error = rim_system_start(world.system);
        name = error == 0 ? rim_system_driver(world.system) : name;
        world_close(&world, error);
    }
    return name; /* a constant, which outlives the system */
}

static int run(char **names, int count, struct order *order) {
    bool good = true;
    for (int i = 0; i < count; i++) {
        if (!finds_some(names[i])) {
            return complain(names[i], "no such benchmark");
        }
    }
    order->effort.driver = driver_here();
    harness_begin(&order->effort);
    for (int k = 0; k < BENCHMARKS; k++) {
        if (is_wanted_by_any(names, count, benchmarks[k])) {
            if (!order->effort.json) {
                tell_unheeded(benchmarks[k], order);
            }
            good = harness_run(benchmarks[k], &order->effort) && good;
        }
    }
    return good ? 0 : 1;
}

int main(int argc, char **argv) {
    struct order order = {.effort = {.repeat = 5, .seconds = 0.5, .warm_up = -1}};
    int ended = read_flags(&order, argc, argv);
    if (ended != 0) {
        return ended - 1;
    }
    if (strcmp(argv[optind], "list") == 0) {
        return optind + 1 == argc ? list() : complain(argv[optind + 1], "there is nothing to be said behind 'list'");
    }
    if (strcmp(argv[optind], "line") == 0) {
        return tell_line(order.effort.json);
    }
    return run(argv + optind, argc - optind, &order);
}
