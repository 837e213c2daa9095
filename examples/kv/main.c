/* SPDX-License-Identifier: MIT */
/* The program: flags, start, wait for a signal, drain, and the closing table. */
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include <ringmail/stats.h>

#include "server.h"

#define DRAIN RIM_SECONDS(5)

static struct {
    struct server_options options;
    rim_config config;
    struct server server;
    rim_system *system;
    bool failed;
} program;

static void log_line(void *arg UNUSED, int level, const char *text) {
    static const char *const names[] = {"error", "warning", "notice", "debug"};
    fprintf(stderr, "kv: %s: %s\n", level >= 0 && level <= RIM_LOG_DEBUG ? names[level] : "?", text);
}

/* On a shard's thread. A failure ends the wait of the main thread by the signal that it waits for. */
static void on_ready(void *arg UNUSED, int error, const char *text) {
    if (error != 0) {
        fprintf(stderr, "kv: %s\n", text);
        program.failed = true;
        kill(getpid(), SIGTERM);
        return;
    }
    printf("kv: listening on %s, %u shards, %s\n", text, rim_system_shards(program.system),
           rim_system_driver(program.system));
    fflush(stdout);
}

static int fail(const char *what, int error) {
    fprintf(stderr, "kv: %s: %s\n", what, rim_strerror(error));
    return 1;
}

/* Returns whether every message is accounted for. */
static bool print_table(const rim_stop_report *report) {
    rim_stats sum = {0};
    printf("\n  %-8s %15s %15s %15s %15s\n", "shard", "messages within", "messages across", "wake-ups sent",
           "wake-ups saved");
    for (uint32_t i = 0; i <= program.server.count; i++) {
        char name[16] = "all";
        rim_system_stats(program.system, i < program.server.count ? i : RIM_ALL_SHARDS, &sum);
        if (i < program.server.count) {
            snprintf(name, sizeof name, "%u", i);
        }
        printf("  %-8s %15" PRIu64 " %15" PRIu64 " %15" PRIu64 " %15" PRIu64 "\n", name, sum.sent - sum.sent_across,
               sum.sent_across, sum.wakes_sent, sum.wakes_saved);
    }
    bool fine = rim_stats_add_up(&sum) && report->adds_up;
    printf("\nsent = handled + refused + dead + queued: %" PRIu64 " = %" PRIu64 " + %" PRIu64 " + %" PRIu64
           " + %" PRIu64 "  %s\n",
           sum.sent, sum.handled, sum.refused, sum.dead, sum.queued, fine ? "ok" : "DOES NOT ADD UP");
    if (report->lost > 0 || report->leaks) {
        printf("lost: %" PRIu64 " messages, held up by %s%s\n", report->lost, report->held_up_by,
               report->leaks ? "; a block, an operation or a descriptor did not come home" : "");
    }
    return fine && report->lost == 0 && !report->leaks;
}

static int run(const sigset_t *signals) {
    rim_stop_report report = {0};
    int number, error = server_start(program.system, &program.server, &program.options);
    error = error != 0 ? error : rim_system_start(program.system);
    if (error != 0) {
        return fail("cannot start", error);
    }
    sigwait(signals, &number);
    error = rim_system_stop(program.system, DRAIN, &report);
    if (program.failed) {
        return 1;
    }
    bool fine = print_table(&report);
    return error != 0 ? fail("stopping", error) : !fine;
}

int main(int argc, char **argv) {
    sigset_t signals;
    int status = options_read(&program.options, &program.config, argc, argv);
    if (status != 0) {
        return status - 1;
    }
    sigemptyset(&signals); /* shards inherit the mask, so the signals wait for sigwait */
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (sodium_init() < 0) {
        return fail("the cryptographic library does not start", -RIM_EREFUSED);
    }
    program.options.ready = on_ready;
    program.config.log = log_line;
    int error = rim_system_create(&program.config, &program.system);
    if (error != 0) {
        return fail("cannot make a system", error);
    }
    status = run(&signals);
    rim_system_destroy(program.system);
    server_finish(&program.server);
    return status;
}
