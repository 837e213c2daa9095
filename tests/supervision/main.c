/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "campaign.h"

#define MUST_HAPPEN_FROM 400u

struct campaign campaign;
static char last_words[200];
static const char *program;

uint64_t campaign_random(uint64_t limit) {
    campaign.random += 0x9e3779b97f4a7c15u;
    uint64_t x = campaign.random;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (x ^ (x >> 31)) % limit;
}

void campaign_check(bool ok, const char *what) {
    if (!ok && campaign.wrong == NULL) {
        campaign.wrong = what;
    }
}

void campaign_note(enum campaign_event event) {
    campaign.events[event]++;
}

static void tell(void *arg, int level, const char *text) {
    (void)arg;
    if (getenv("SIM_LOG") != NULL) {
        fprintf(stderr, "    [%d] %s\n", level, text);
    }
}

rim_system *campaign_system(uint64_t seed, uint32_t no_memory) {
    rim_sim_options calm = {.no_memory = no_memory};
    rim_sim_options harsh = {
        .skip_turn = 80, .late_wake = 100, .false_wake = 30, .lane_full = 30, .no_memory = no_memory};
    rim_config config = {.shards = 3,
                         .driver = RIM_DRIVER_SIM,
                         .seed = seed + 1,
                         .sim = seed % 2 == 0 ? &harsh : &calm,
                         .log = tell,
                         .log_level = RIM_LOG_DEBUG};
    rim_system *system;
    if (rim_system_create(&config, &system) != 0 || rim_system_start(system) != 0) {
        fprintf(stderr, "no system\n");
        exit(EXIT_FAILURE);
    }
    return system;
}

void campaign_settle(rim_system *system, uint64_t quiet_ns) {
    for (int i = 0, rests = 0; i < 20000 && rests < 3; i++) {
        rim_stats stats;
        rim_sim_run(system, quiet_ns / 3 + 1);
        CAMPAIGN_CHECK(rim_system_stats(system, RIM_ALL_SHARDS, &stats) == 0);
        bool is_rest =
            rim_stats_add_up(&stats) && stats.queued == 0 && stats.requests_open == 0 && stats.timers_armed == 0;
        rests = is_rest ? rests + 1 : 0;
        if (i == 19999) {
            campaign_check(false, "it comes to rest");
        }
    }
}

void campaign_end(rim_system *system) {
    rim_stop_report report;
    int error = rim_system_stop(system, RIM_SECONDS(30), &report);
    CAMPAIGN_CHECK(error == 0);
    CAMPAIGN_CHECK(report.adds_up);
    CAMPAIGN_CHECK(!report.leaks);
    campaign.trace = rim_sim_trace(system);
    rim_system_destroy(system);
}

static void say_last_words(int number) {
    ssize_t written = write(STDOUT_FILENO, last_words, strlen(last_words));
    (void)written;
    signal(number, SIG_DFL);
    raise(number);
}

static const char *run_seed(uint64_t seed) {
    snprintf(last_words, sizeof last_words, "FAILED seed %llu: it crashed\n    again: %s --seed %llu\n",
             (unsigned long long)seed, program, (unsigned long long)seed);
    campaign.random = seed * 0x2545f4914f6cdd1du;
    campaign.wrong = NULL;
    campaign.text[0] = '\0';
    if (seed % 2 == 0) {
        property_run(seed / 2);
    } else {
        chaos_run(seed / 2);
    }
    return campaign.wrong;
}

/* Every twentieth seed is run twice: it takes the same course. */
static const char *run_and_repeat(uint64_t seed) {
    const char *wrong = run_seed(seed);
    uint64_t trace = campaign.trace;
    if (wrong == NULL && seed % 20 < 2) {
        wrong = run_seed(seed);
        if (wrong == NULL && campaign.trace != trace) {
            wrong = "the seed's second run took another course";
        }
    }
    return wrong;
}

static uint64_t check_happened(void) {
    static const char *const names[] = {
#define NAME(name) #name,
        CAMPAIGN_EVENTS(NAME)
#undef NAME
    };
    uint64_t failed = 0;
    for (uint32_t i = 0; i < CAMPAIGN_EVENT_COUNT; i++) {
        if (campaign.events[i] == 0) {
            printf("FAILED it never happened: %s\n", names[i]);
            failed++;
        }
        if (getenv("COUNTS") != NULL) {
            printf("%12llu %s\n", (unsigned long long)campaign.events[i], names[i]);
        }
    }
    return failed;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"seeds", required_argument, NULL, 'n'},
                                            {"seed", required_argument, NULL, 's'},
                                            {NULL, 0, NULL, 0}};
    uint64_t first = 1, count = 0, passed = 0, failed = 0;
    program = argv[0];
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'n') {
            count = strtoull(optarg, NULL, 10);
        } else if (c == 's') {
            first = strtoull(optarg, NULL, 10);
        } else {
            fprintf(stderr, "usage: %s [--seeds N] [--seed S]\n", argv[0]);
            return EXIT_FAILURE;
        }
    }
    count = count != 0 ? count : 1;
    signal(SIGABRT, say_last_words);
    signal(SIGSEGV, say_last_words);
    for (uint64_t seed = first; seed < first + count && failed < 5; seed++) {
        const char *wrong = run_and_repeat(seed);
        *(wrong == NULL ? &passed : &failed) += 1;
        if (wrong != NULL) {
            printf("FAILED seed %llu: %s\n%s    again: %s --seed %llu\n", (unsigned long long)seed, wrong,
                   campaign.text, argv[0], (unsigned long long)seed);
        }
    }
    printf("supervision: %llu seeds, half against the model, half in chaos\n", (unsigned long long)passed + failed);
    if (count >= MUST_HAPPEN_FROM) {
        uint64_t steps_failed = steps_run();
        *(steps_failed == 0 ? &passed : &failed) += steps_failed == 0 ? 1 : steps_failed;
        failed += check_happened();
    }
    printf("%llu passed, %llu failed\n", (unsigned long long)passed, (unsigned long long)failed);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
