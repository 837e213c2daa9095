/* SPDX-License-Identifier: MIT */
/* The program: flags, start, wait for a signal, drain, and the closing table. */
#include <getopt.h>
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

static const char *const levels[] = {"error", "warning", "notice", "debug", NULL};

/* ---- flags ---- */

/* A flag takes an address, a number of at most so much, or one of some words, whose index is then its value. */
static struct flag {
    const char *name, *help, *words[5];
    int64_t value, most;
} flags[] = {
    {"bind", "address to listen on (127.0.0.1); * for all, IPv4 and IPv6", {NULL}, 0, 0},
    {"port", "port to listen on (6379); 0: one that is free", {NULL}, 6379, 65535},
    {"shards", "how many, a thread each (0: one for each usable CPU)", {NULL}, 0, SERVER_SHARDS_MAX},
    {"driver", "auto (default), uring or epoll", {"auto", "uring", "epoll"}, 0, 0},
    {"wake", "how sleepers are woken: auto, msg_ring, eventfd", {"auto", "msg_ring", "eventfd"}, 0, 0},
    {"distribute",
     "who gets a connection: fd-hash (default), round-robin, least, reuseport",
     {"fd-hash", "round-robin", "least", "reuseport"},
     0,
     0},
    {"max-clients", "connections at once (10000)", {NULL}, 10000, 1 << 24},
    {"max-value", "longest key or value, in bytes (536870912)", {NULL}, 512 << 20, 512 << 20},
    {"log-level", "error, warning (default), notice, debug", {"error", "warning", "notice", "debug"}, 1, 0},
    {"help", "this text", {NULL}, 0, 0},
};
enum { BIND, PORT, SHARDS, DRIVER, WAKE, DISTRIBUTE, MAX_CLIENTS, MAX_VALUE, LOG_LEVEL, HELP, FLAGS };

/* False, and a message: it is not what the flag takes. */
static bool read_value(struct flag *flag, const char *text) {
    rim_address address;
    bool fine;
    if (flag->words[0] != NULL) {
        flag->value = text_choice(text_of(text), flag->words);
        fine = flag->value >= 0;
    } else if (flag->most > 0) {
        fine = text_number(text_of(text), &flag->value) && flag->value >= 0 && flag->value <= flag->most;
    } else {
        fine = rim_address_parse(text, 0, &address) == 0;
        program.options.bind = text;
    }
    if (!fine) {
        fprintf(stderr, "kv: --%s does not take '%s': %s\n", flag->name, text, flag->help);
    }
    return fine;
}

static int print_help(void) {
    printf("usage: kv [--FLAG VALUE ...]\n\nA key-value server that speaks the protocol of Redis, on all cores.\n\n");
    for (int i = 0; i < FLAGS; i++) {
        printf("  --%-11s  %s\n", flags[i].name, flags[i].help);
    }
    return 0;
}

/* The exit status; negative: go on. */
static int read_flags(int argc, char **argv) {
    struct option list[FLAGS + 1] = {{0}};
    for (int i = 0; i < FLAGS; i++) {
        list[i] = (struct option){flags[i].name, i == HELP ? no_argument : required_argument, NULL, i};
    }
    program.options.bind = "127.0.0.1";
    for (int at; (at = getopt_long(argc, argv, "", list, NULL)) != -1;) {
        if (at == HELP) {
            return print_help();
        }
        if (at == '?' || !read_value(&flags[at], optarg)) {
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "kv: '%s' is not a flag; try kv --help\n", argv[optind]);
        return 2;
    }
    program.options.port = (uint16_t)flags[PORT].value;
    program.options.distribute = (enum rim_distribute)flags[DISTRIBUTE].value;
    program.options.max_clients = (uint32_t)flags[MAX_CLIENTS].value;
    program.options.max_value = (size_t)flags[MAX_VALUE].value;
    program.config.shards = (uint32_t)flags[SHARDS].value;
    program.config.driver = (enum rim_driver_kind)flags[DRIVER].value;
    program.config.wake = (enum rim_wake_kind)flags[WAKE].value;
    program.config.log_level = (int)flags[LOG_LEVEL].value;
    return -1;
}

/* ---- a run ---- */

static void log_line(void *arg UNUSED, int level, const char *text) {
    fprintf(stderr, "kv: %s: %s\n", level >= 0 && level <= RIM_LOG_DEBUG ? levels[level] : "?", text);
}

/* On a shard's thread. A failure ends the wait of the main thread by the signal that it waits for. */
static void on_ready(void *arg UNUSED, int error, const char *text) {
    program.failed = error != 0;
    if (program.failed) {
        fprintf(stderr, "kv: %s\n", text);
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
    printf("\n  shard    messages within messages across  wake-ups sent  wake-ups saved\n");
    for (uint32_t i = 0; i <= program.server.count; i++) {
        bool all = i == program.server.count;
        rim_system_stats(program.system, all ? RIM_ALL_SHARDS : i, &sum);
        printf(all ? "  all  " : "  %-5u", i);
        printf(" %17" PRIu64 " %15" PRIu64 " %14" PRIu64 " %15" PRIu64 "\n", sum.sent - sum.sent_across,
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
    int status = read_flags(argc, argv);
    if (status >= 0) {
        return status;
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
