/* SPDX-License-Identifier: MIT */
/*
 * closing_campaign [--seeds N] [--seed S] [--every K] [--case NAME] [--way NAME] [--step K] [--list]: every case, every
 * way to end, after every step (or every K-th) until the case ends by itself.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "closing.h"

#define FAILURES_MAX 10u

static const char *const way_names[] = {
#define NAME(name, text) #name,
    CLOSING_WAYS(NAME)
#undef NAME
};

struct wish {
    const char *program, *name, *way;
    uint64_t seeds, seed, every;
    int64_t step; /* -1: all */
    uint64_t runs, failed, lasts, events;
};

/* An assertion of the library ends the program: the run is told before. */
static char last_words[300];

static void say_last_words(int number) {
    ssize_t written = write(STDOUT_FILENO, last_words, strlen(last_words));
    (void)written;
    signal(number, SIG_DFL);
    raise(number);
}

static bool run(struct wish *wish, const struct closing_case *of, enum closing_way way, uint64_t seed, uint64_t step) {
    char again[200];
    snprintf(again, sizeof again, "again: %s --case %s --way %s --seed %llu --step %llu", wish->program, of->name,
             way_names[way], (unsigned long long)seed, (unsigned long long)step);
    snprintf(last_words, sizeof last_words, "FAILED: it crashed\n    %s\n", again);
    closing = (struct closing_run){.of = of, .way = way, .seed = seed, .step = step};
    closing_play();
    wish->runs++;
    wish->lasts += closing.lasts;
    wish->events += closing.sum;
    if (closing.wrong != NULL) {
        wish->failed++;
        printf("FAILED %s, %s, after %llu steps: %s\n    %s\n", of->name, way_names[way], (unsigned long long)step,
               closing.wrong, again);
        fflush(stdout);
    }
    return wish->failed < FAILURES_MAX;
}

static bool run_way(struct wish *wish, const struct closing_case *of, enum closing_way way, uint64_t seed) {
    if (wish->step >= 0) {
        return run(wish, of, way, seed, (uint64_t)wish->step);
    }
    if (!run(wish, of, CLOSING_nothing, seed, 0)) {
        return false;
    }
    uint64_t steps = closing.steps;
    for (uint64_t step = 0; way != CLOSING_nothing && step <= steps; step += wish->every) {
        if (!run(wish, of, way, seed, step)) {
            return false;
        }
    }
    return true;
}

static void run_case(struct wish *wish, const struct closing_case *of) {
    uint64_t before = wish->runs, lasts = wish->lasts, events = wish->events, failed = wish->failed;
    if (wish->name != NULL && strcmp(wish->name, of->name) != 0) {
        return;
    }
    for (uint64_t i = 0; i < wish->seeds; i++) {
        for (uint32_t way = 0; way < CLOSING_WAY_COUNT; way++) {
            bool is_wanted = wish->way == NULL || strcmp(wish->way, way_names[way]) == 0;
            if (is_wanted && !run_way(wish, of, (enum closing_way)way, wish->seed + i)) {
                return;
            }
        }
    }
    printf("%-26s%9llu runs%10llu events%9llu of them the last%s\n", of->name,
           (unsigned long long)(wish->runs - before), (unsigned long long)(wish->events - events),
           (unsigned long long)(wish->lasts - lasts), wish->failed > failed ? "  FAILED" : "");
    fflush(stdout);
}

static void run_cases(struct wish *wish, const struct closing_case *cases, uint32_t count) {
    for (uint32_t i = 0; i < count && wish->failed < FAILURES_MAX; i++) {
        run_case(wish, &cases[i]);
    }
}

static bool parse(int argc, char **argv, struct wish *wish) {
    static const struct option options[] = {
        {"seeds", required_argument, NULL, 'n'},
        {"seed", required_argument, NULL, 's'},
        {"every", required_argument, NULL, 'e'},
        {"case", required_argument, NULL, 'c'},
        {"way", required_argument, NULL, 'w'},
        {"step", required_argument, NULL, 'k'},
        {NULL, 0, NULL, 0},
    };
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'n':
            wish->seeds = strtoull(optarg, NULL, 10);
            break;
        case 's':
            wish->seed = strtoull(optarg, NULL, 10);
            break;
        case 'e':
            wish->every = strtoull(optarg, NULL, 10);
            break;
        case 'c':
            wish->name = optarg;
            break;
        case 'w':
            wish->way = optarg;
            break;
        case 'k':
            wish->step = strtoll(optarg, NULL, 10);
            break;
        default:
            return false;
        }
    }
    return wish->every > 0;
}

int main(int argc, char **argv) {
    struct wish wish = {.program = argv[0], .seeds = 2, .seed = 1, .every = 1, .step = -1};
    if (!parse(argc, argv, &wish)) {
        return 2;
    }
    wish.seeds = wish.step >= 0 ? 1 : wish.seeds;
    signal(SIGABRT, say_last_words);
    signal(SIGSEGV, say_last_words);
    signal(SIGILL, say_last_words);
    signal(SIGTRAP, say_last_words);
    run_cases(&wish, closing_streams, closing_stream_count);
    run_cases(&wish, closing_tls, closing_tls_count);
    run_cases(&wish, closing_datagrams, closing_datagram_count);
    run_cases(&wish, closing_children, closing_child_count);
    run_cases(&wish, closing_files, closing_file_count);
    run_cases(&wish, closing_maps, closing_map_count);
    run_cases(&wish, closing_others, closing_other_count);
    printf("%llu passed, %llu failed\n", (unsigned long long)(wish.runs - wish.failed),
           (unsigned long long)wish.failed);
    return wish.failed == 0 && wish.runs > 0 ? 0 : 1;
}
