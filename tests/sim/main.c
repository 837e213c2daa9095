/* SPDX-License-Identifier: MIT */
/*
 * sim_campaign [--seeds N] [--seed S] [--canary]: random worlds under simulation, one for each seed.
 *
 * A tenth of the seeds runs twice and must take the same course. A run of many seeds must meet every fault and every
 * rare event, and must find the canary: a model that breaks its own promise, about once in a hundred seeds.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "play.h"

#define CANARY_SEEDS     2000u
#define MUST_HAPPEN_FROM 500u /* seeds */
#define FAILURES_MAX     10u

struct campaign {
    uint64_t first, count;
    bool canary;
    uint64_t passed, failed;
    uint64_t events[PLAY_EVENT_COUNT], faults[32];
    uint64_t last_trace;
};

static const char *const event_names[] = {
#define NAME(name) #name,
    PLAY_EVENTS(NAME)
#undef NAME
};

/* An assertion of the library ends the program: the seed is told before. */
static const char *program;
static char last_words[256];

static void say_last_words(int number) {
    ssize_t written = write(STDOUT_FILENO, last_words, strlen(last_words));
    (void)written;
    signal(number, SIG_DFL);
    raise(number);
}

/* One seed, and what came of it: NULL or what was wrong. */
static const char *run_seed(struct play *play, uint64_t seed, bool canary) {
    memset(play, 0, sizeof *play);
    snprintf(last_words, sizeof last_words, "FAILED seed %llu: it crashed\n    again: %s%s --seed %llu\n",
             (unsigned long long)seed, program, canary ? " --canary" : "", (unsigned long long)seed);
    play->seed = seed;
    play->canary = canary;
    play_run(play);
    return play->wrong;
}

static const char *run_and_repeat(struct campaign *campaign, struct play *play, uint64_t seed) {
    const char *wrong = run_seed(play, seed, campaign->canary);
    uint64_t trace = play->trace;
    for (uint32_t i = 0; i < PLAY_EVENT_COUNT; i++) {
        campaign->events[i] += play->events[i];
    }
    for (uint32_t i = 0; i < RIM_COUNT(play->faults); i++) {
        campaign->faults[i] += play->faults[i];
    }
    if (wrong == NULL && trace == campaign->last_trace) {
        wrong = "this seed and the one before took the same course";
    }
    campaign->last_trace = trace;
    if (wrong == NULL && (seed % 10 == 0 || campaign->count == 1)) {
        wrong = run_seed(play, seed, campaign->canary);
        if (wrong == NULL && play->trace != trace) {
            wrong = "the seed's second run took another course";
        }
    }
    return wrong;
}

static void run_seeds(struct campaign *campaign, struct play *play) {
    for (uint64_t i = 0; i < campaign->count && campaign->failed < FAILURES_MAX; i++) {
        uint64_t seed = campaign->first + i;
        const char *wrong = run_and_repeat(campaign, play, seed);
        if (wrong == NULL) {
            campaign->passed++;
            continue;
        }
        campaign->failed++;
        printf("FAILED seed %llu: %s\n    again: %s%s --seed %llu\n", (unsigned long long)seed, wrong, program,
               campaign->canary ? " --canary" : "", (unsigned long long)seed);
        fflush(stdout);
    }
}

/* Accidents of what these plays do not have: see tests/kit, and the scenarios of files and datagrams. */
static bool is_of_others(const char *fault) {
    return strcmp(fault, "crash") == 0 || strcmp(fault, "no_memory") == 0 || strncmp(fault, "file_", 5) == 0 ||
           strncmp(fault, "path_", 5) == 0 || strncmp(fault, "watch_", 6) == 0 || strncmp(fault, "map_", 4) == 0 ||
           strstr(fault, "_datagram") != NULL;
}

static void check_happened(struct campaign *campaign) {
    for (uint32_t i = 0; i < PLAY_EVENT_COUNT; i++) {
        if (campaign->events[i] == 0) {
            printf("FAILED it never happened: %s\n", event_names[i]);
            campaign->failed++;
        }
    }
    for (uint32_t i = 0; rim_sim_fault_name(i) != NULL; i++) {
        const char *name = rim_sim_fault_name(i);
        bool of_others = is_of_others(name);
        if (campaign->faults[i] == 0 && !of_others) {
            printf("FAILED it never struck: %s\n", name);
            campaign->failed++;
        }
    }
}

/* The planted fault must be found, or the checks are blind. */
static void look_for_canary(struct campaign *campaign, struct play *play) {
    for (uint64_t seed = 1; seed <= CANARY_SEEDS; seed++) {
        const char *wrong = run_seed(play, seed, true);
        if (wrong != NULL) {
            bool is_it = strstr(wrong, "wire.number") != NULL;
            printf("the canary was found by seed %llu: %s\n", (unsigned long long)seed, wrong);
            *(is_it ? &campaign->passed : &campaign->failed) += 1;
            return;
        }
    }
    printf("FAILED the canary was not found within %u seeds\n", CANARY_SEEDS);
    campaign->failed++;
}

static void print_counts(const struct campaign *campaign) {
    for (uint32_t i = 0; i < PLAY_EVENT_COUNT; i++) {
        printf("%12llu %s\n", (unsigned long long)campaign->events[i], event_names[i]);
    }
    for (uint32_t i = 0; rim_sim_fault_name(i) != NULL; i++) {
        printf("%12llu fault %s\n", (unsigned long long)campaign->faults[i], rim_sim_fault_name(i));
    }
}

static bool parse(int argc, char **argv, struct campaign *campaign, bool *counts) {
    static const struct option options[] = {
        {"seeds", required_argument, NULL, 'n'},
        {"seed", required_argument, NULL, 's'},
        {"canary", no_argument, NULL, 'c'},
        {"counts", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'n':
            campaign->count = strtoull(optarg, NULL, 10);
            break;
        case 's':
            campaign->first = strtoull(optarg, NULL, 10);
            campaign->count = campaign->count == CANARY_SEEDS ? 1 : campaign->count;
            break;
        case 'c':
            campaign->canary = true;
            break;
        case 'v':
            *counts = true;
            break;
        default:
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv) {
    static struct play play;
    struct campaign campaign = {.first = 1, .count = CANARY_SEEDS};
    bool counts = false;
    program = argv[0];
    if (!parse(argc, argv, &campaign, &counts)) {
        fprintf(stderr, "usage: %s [--seeds N] [--seed S] [--canary] [--counts]\n", argv[0]);
        return EXIT_FAILURE;
    }
    signal(SIGABRT, say_last_words);
    signal(SIGSEGV, say_last_words);
    run_seeds(&campaign, &play);
    if (!campaign.canary && campaign.count >= MUST_HAPPEN_FROM) {
        check_happened(&campaign);
    }
    if (!campaign.canary && campaign.count > 1) {
        look_for_canary(&campaign, &play);
    }
    if (counts) {
        print_counts(&campaign);
    }
    printf("%llu passed, %llu failed\n", (unsigned long long)campaign.passed, (unsigned long long)campaign.failed);
    return campaign.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
