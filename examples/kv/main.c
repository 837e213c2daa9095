/* SPDX-License-Identifier: MIT */
/*
 * main.c - the program: flags, start, wait for a signal, drain, and the closing table.
 */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <ringmail/stats.h>
#include <sodium.h>

#include "options.h"

#define DRAIN RIM_SECONDS(5)

struct program {
    struct options options;
    struct server server;
    rim_system *system;
    bool failed;
};

static void log_line(void *arg UNUSED, int level, const char *text) {
    static const char *const names[] = {"error", "warning", "notice", "debug"};
    fprintf(stderr, "kv: %s: %s\n", level >= 0 && level <= RIM_LOG_DEBUG ? names[level] : "?", text);
}

/* On a shard's thread. A failure ends the wait of the main thread by the signal that it waits for. */
static void on_ready(void *arg, int error, const char *text) {
    struct program *program = arg;
    if (error != 0) {
        fprintf(stderr, "kv: %s\n", text);
        program->failed = true;
        kill(getpid(), SIGTERM);
        return;
    }
    printf("kv: listening on %s, %u shards, %s\n", text, rim_system_shards(program->system),
           rim_system_driver(program->system));
    fflush(stdout);
}

/* Shards inherit the mask, so the signals wait for sigwait. */
static void block_signals(sigset_t *signals) {
    sigemptyset(signals);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void print_row(const char *name, const rim_stats *stats) {
    uint64_t within = stats->sent - stats->sent_across;
    printf("  %-8s %15" PRIu64 " %15" PRIu64 " %15" PRIu64 " %15" PRIu64 "\n", name, within, stats->sent_across,
           stats->wakes_sent, stats->wakes_saved);
}

/* Returns whether every message is accounted for. */
static bool print_table(rim_system *system, const rim_stop_report *report) {
    rim_stats sum = {0};
    printf("\n  %-8s %15s %15s %15s %15s\n", "shard", "messages within", "messages across", "wake-ups sent",
           "wake-ups saved");
    for (uint32_t i = 0; i < rim_system_shards(system); i++) {
        rim_stats one = {0};
        char name[16];
        rim_system_stats(system, i, &one);
        snprintf(name, sizeof name, "%u", i);
        print_row(name, &one);
    }
    rim_system_stats(system, RIM_ALL_SHARDS, &sum);
    print_row("all", &sum);
    bool fine = rim_stats_add_up(&sum) && report->adds_up;
    printf("\nsent = handled + refused + dead + queued: %" PRIu64 " = %" PRIu64 " + %" PRIu64 " + %" PRIu64
           " + %" PRIu64 "  %s\n",
           sum.sent, sum.handled, sum.refused, sum.dead, sum.queued, fine ? "ok" : "DOES NOT ADD UP");
    if (report->lost > 0) {
        printf("lost: %" PRIu64 " messages at the deadline, held up by %s\n", report->lost, report->held_up_by);
    }
    if (report->leaks) {
        printf("leaked: a block, an operation or a descriptor did not come home\n");
    }
    fflush(stdout);
    return fine && report->lost == 0 && !report->leaks;
}

static int run(struct program *program, const sigset_t *signals) {
    int error = server_start(program->system, &program->server, &program->options.server);
    error = error != 0 ? error : rim_system_start(program->system);
    if (error != 0) {
        fprintf(stderr, "kv: cannot start: %s\n", rim_strerror(error));
        return 1;
    }
    int number;
    sigwait(signals, &number);
    rim_stop_report report = {0};
    error = rim_system_stop(program->system, DRAIN, &report);
    if (program->failed) {
        return 1;
    }
    bool fine = print_table(program->system, &report);
    if (error != 0) {
        fprintf(stderr, "kv: stopping: %s: %s\n", rim_strerror(error), report.held_up_by);
    }
    return fine && error == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
    static struct program program;
    int status = options_read(&program.options, argc, argv);
    if (status != 0) {
        return status - 1;
    }
    sigset_t signals;
    block_signals(&signals);
    if (sodium_init() < 0) {
        fprintf(stderr, "kv: the cryptographic library does not start\n");
        return 1;
    }
    program.options.server.ready = on_ready;
    program.options.server.arg = &program;
    program.options.config.log = log_line;
    int error = rim_system_create(&program.options.config, &program.system);
    if (error != 0) {
        fprintf(stderr, "kv: cannot make a system: %s\n", rim_strerror(error));
        return 1;
    }
    status = run(&program, &signals);
    rim_system_destroy(program.system);
    server_finish(&program.server);
    return status;
}
